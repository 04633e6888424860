/* fault-injection/judge_io.c - see judge_io.h. */
#include "judge_io.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define BOOT_ID     "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 37 /* with its newline */

static struct {
    char ours[BOOT_ID_LEN + 1];
    int file;
    uint64_t boots;
    uint64_t changes;
} judged;

/* --- boots ------------------------------------------------------------------------------------ */

static bool read_boot_id(void)
{
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, judged.ours, BOOT_ID_LEN) : -1;

    if (fd >= 0)
        close(fd);
    return got == BOOT_ID_LEN;
}

static void set_boot_id(const char *text)
{
    if (pwrite(judged.file, text, BOOT_ID_LEN, 0) == BOOT_ID_LEN)
        return;
    perror("the boot ID");
    exit(3);
}

int judge_io_begin(void)
{
    char path[] = "/tmp/holdfast-boot-XXXXXX";

    judged.file = mkostemp(path, O_CLOEXEC);
    if (judged.file < 0 || !read_boot_id()) {
        perror("the boot ID");
        return -1;
    }
    set_boot_id(judged.ours);
    int rc = mount(path, BOOT_ID, NULL, MS_BIND, NULL);
    if (rc != 0)
        perror(BOOT_ID);
    unlink(path);
    return rc;
}

void judge_io_boot(bool again)
{
    char text[BOOT_ID_LEN + 1];

    snprintf(text, sizeof(text), "b0b0b0b0-b0b0-4b0b-8b0b-%012" PRIx64 "\n", ++judged.boots);
    set_boot_id(again ? text : judged.ours);
}

/* --- calls ------------------------------------------------------------------------------------ */

static int count_open(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    judged.changes += (flags & (HF_IO_CREATE | HF_IO_TRUNCATE)) != 0;
    return hf_io_posix()->ops->openat(io, dir, path, flags, mode);
}

static int64_t count_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    judged.changes++;
    return hf_io_posix()->ops->write(io, fd, data, len);
}

static int64_t count_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off)
{
    judged.changes++;
    return hf_io_posix()->ops->pwrite(io, fd, data, len, off);
}

static int count_ftruncate(struct hf_io *io, int fd, uint64_t len)
{
    judged.changes++;
    return hf_io_posix()->ops->ftruncate(io, fd, len);
}

static int count_linkat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                        const char *to)
{
    judged.changes++;
    return hf_io_posix()->ops->linkat(io, from_dir, from, to_dir, to);
}

static int count_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                          const char *to)
{
    judged.changes++;
    return hf_io_posix()->ops->renameat(io, from_dir, from, to_dir, to);
}

/* What is not there is asked for in every recovery. */
static int count_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir)
{
    int rc = hf_io_posix()->ops->unlinkat(io, dir, path, is_dir);

    judged.changes += rc == 0;
    return rc;
}

static int count_mkdirat(struct hf_io *io, int dir, const char *path, uint32_t mode)
{
    judged.changes++;
    return hf_io_posix()->ops->mkdirat(io, dir, path, mode);
}

static int no_sync(struct hf_io *io, int fd)
{
    return 0;
}

static void no_writeback(struct hf_io *io, int fd, uint64_t off, uint64_t len)
{
}

struct hf_io *judge_io(void)
{
    static struct hf_io_ops ops;
    static struct hf_io io = {.ops = &ops};

    ops = *hf_io_posix()->ops;
    ops.openat = count_open;
    ops.write = count_write;
    ops.pwrite = count_pwrite;
    ops.ftruncate = count_ftruncate;
    ops.linkat = count_linkat;
    ops.renameat = count_renameat;
    ops.unlinkat = count_unlinkat;
    ops.mkdirat = count_mkdirat;
    ops.fsync = ops.fdatasync = no_sync;
    ops.start_writeback = no_writeback;
    return &io;
}

uint64_t judge_io_changes(void)
{
    return judged.changes;
}
