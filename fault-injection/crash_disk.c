/*
 * fault-injection/crash_disk.c - a disk that remembers all it was told, as a file for a loop
 * device.
 *
 *     crash-disk FOLDER IMAGE LOG
 *
 * Mounts a file system of two files on FOLDER, in the foreground until SIGTERM. `disk` is the
 * contents of IMAGE; its writes and flushes go into LOG in the order in which they arrive
 * (crash_log.h). One thread serves all, so a mark that is written into `ctl` stands in that order
 * between what was done before it and what was done after it. `ctl` takes one command a write:
 *
 *     record              the log begins here, with what the disk holds now
 *     mark TEXT           TEXT goes into the log
 *     fail write N        the N-th write from now on is refused with EIO and does not reach the
 * disk fail flush N        the N-th flush from now on is refused with EIO; what it was to save
 * stays fail flush N lose   ... and the writes since the last flush are gone
 *
 * and reads as "writes N flushes N failed N". What the cache of a real disk may lose, the replay
 * decides (cuts.c); the disk itself takes every write at once.
 */
#define FUSE_USE_VERSION 314

#include "crash_log.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE     4096u
#define INO_DISK 2
#define INO_CTL  3

/* What a write replaced, for a flush that loses it. */
struct undo {
    uint64_t off;
    size_t len;
    uint8_t *bytes;
};

static struct {
    uint8_t *image;
    uint64_t size_bytes;
    FILE *log;
    bool records;
    uint64_t write_count, flush_count, failed_count;
    uint64_t fail_write, fail_flush; /* counts that are refused; 0: none */
    bool lose;
    struct undo *undos; /* since the last flush, when one is to be lost */
    size_t undo_count;
} disk;

/* --- the log ---------------------------------------------------------------------------------- */

/* A log with a hole would prove nothing: end at once. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    _exit(1);
}

static void append(enum crash_log_kind kind, uint64_t off, const void *data, size_t len)
{
    struct crash_log_record record = {.kind = kind, .off = off, .len = len};

    if (!disk.records)
        return;
    must(fwrite(&record, sizeof(record), 1, disk.log) == 1, "log");
    must(len == 0 || fwrite(data, len, 1, disk.log) == 1, "log");
}

static bool is_zero(const uint8_t *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static void begin_recording(void)
{
    struct crash_log_header header = {.size_bytes = disk.size_bytes};

    memcpy(header.magic, CRASH_LOG_MAGIC, sizeof(header.magic));
    must(fwrite(&header, sizeof(header), 1, disk.log) == 1, "log");
    disk.records = true;
    for (uint64_t off = 0; off < disk.size_bytes; off += PAGE)
        if (!is_zero(disk.image + off))
            append(CRASH_BASE, off, disk.image + off, PAGE);
}

/* --- the disk --------------------------------------------------------------------------------- */

static void forget_undos(void)
{
    while (disk.undo_count > 0)
        free(disk.undos[--disk.undo_count].bytes);
}

static void keep_undo(uint64_t off, size_t len)
{
    struct undo *more = realloc(disk.undos, (disk.undo_count + 1) * sizeof(*more));

    must(more != NULL, "memory");
    disk.undos = more;
    struct undo *undo = &disk.undos[disk.undo_count++];
    *undo = (struct undo){.off = off, .len = len, .bytes = malloc(len)};
    must(undo->bytes != NULL, "memory");
    memcpy(undo->bytes, disk.image + off, len);
}

static void lose_writes(void)
{
    for (size_t i = disk.undo_count; i-- > 0;)
        memcpy(disk.image + disk.undos[i].off, disk.undos[i].bytes, disk.undos[i].len);
    forget_undos();
    append(CRASH_LOST, 0, NULL, 0);
}

static void disk_write(fuse_req_t req, const char *data, size_t len, uint64_t off)
{
    if (off > disk.size_bytes || len > disk.size_bytes - off) {
        fuse_reply_err(req, ENOSPC);
        return;
    }
    if (++disk.write_count == disk.fail_write) {
        disk.failed_count++;
        fuse_reply_err(req, EIO);
        return;
    }
    if (disk.lose)
        keep_undo(off, len);
    memcpy(disk.image + off, data, len);
    append(CRASH_WRITE, off, data, len);
    fuse_reply_write(req, len);
}

static void on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *file)
{
    if (ino != INO_DISK) {
        fuse_reply_err(req, 0);
        return;
    }
    if (++disk.flush_count == disk.fail_flush) {
        disk.failed_count++;
        if (disk.lose)
            lose_writes();
        fuse_reply_err(req, EIO);
        return;
    }
    forget_undos();
    append(CRASH_FLUSH, 0, NULL, 0);
    fuse_reply_err(req, 0);
}

/* --- ctl -------------------------------------------------------------------------------------- */

static bool command_fail(const char *text)
{
    char what[8] = "", how[8] = "";
    uint64_t number = 0;

    if (sscanf(text, "fail %7s %" SCNu64 " %7s", what, &number, how) < 2)
        return false;
    disk.lose = strcmp(how, "lose") == 0;
    if (strcmp(what, "write") == 0)
        disk.fail_write = disk.write_count + number;
    else
        disk.fail_flush = disk.flush_count + number;
    return true;
}

static void ctl_write(fuse_req_t req, const char *data, size_t len)
{
    char *text = strndup(data, len);
    bool known = true;

    must(text != NULL, "memory");
    if (strncmp(text, "mark ", 5) == 0)
        append(CRASH_MARK, 0, text + 5, strlen(text + 5));
    else if (strncmp(text, "record", 6) == 0)
        begin_recording();
    else
        known = command_fail(text);
    free(text);
    if (known)
        fuse_reply_write(req, len);
    else
        fuse_reply_err(req, EINVAL);
}

static void ctl_read(fuse_req_t req, size_t size, uint64_t off)
{
    char text[128];
    size_t len = (size_t)snprintf(text, sizeof(text),
                                  "writes %" PRIu64 " flushes %" PRIu64 " failed %" PRIu64 "\n",
                                  disk.write_count, disk.flush_count, disk.failed_count);

    if (off >= len)
        size = 0;
    else if (size > len - off)
        size = len - (size_t)off;
    fuse_reply_buf(req, size > 0 ? text + off : NULL, size);
}

/* --- the file system -------------------------------------------------------------------------- */

static bool attributes(fuse_ino_t ino, struct stat *out)
{
    memset(out, 0, sizeof(*out));
    out->st_ino = ino;
    out->st_nlink = 1;
    out->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0700 : S_IFREG | 0600;
    out->st_size = ino == INO_DISK ? (off_t)disk.size_bytes : 0;
    return ino <= INO_CTL;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {.attr_timeout = 1e6, .entry_timeout = 1e6};

    if (strcmp(name, "disk") == 0)
        entry.ino = INO_DISK;
    else if (strcmp(name, "ctl") == 0)
        entry.ino = INO_CTL;
    if (entry.ino == 0 || !attributes(entry.ino, &entry.attr))
        fuse_reply_err(req, ENOENT);
    else
        fuse_reply_entry(req, &entry);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    struct stat stat;

    if (attributes(ino, &stat))
        fuse_reply_attr(req, &stat, 1e6);
    else
        fuse_reply_err(req, ENOENT);
}

/* Opening with O_TRUNC comes here: nothing has a length that could change. */
static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                       struct fuse_file_info *file)
{
    on_getattr(req, ino, file);
}

/* Direct: the page cache would hold writes back, and with them their order. */
static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    file->direct_io = 1;
    fuse_reply_open(req, file);
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *file)
{
    uint64_t at = (uint64_t)off;

    if (ino == INO_CTL) {
        ctl_read(req, size, at);
        return;
    }
    if (at >= disk.size_bytes)
        size = 0;
    else if (size > disk.size_bytes - at)
        size = (size_t)(disk.size_bytes - at);
    fuse_reply_buf(req, size > 0 ? (const char *)disk.image + at : NULL, size);
}

static void on_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                     struct fuse_file_info *file)
{
    if (ino == INO_CTL)
        ctl_write(req, data, size);
    else
        disk_write(req, data, size, (uint64_t)off);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = on_lookup,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
};

/* --- start ------------------------------------------------------------------------------------ */

static void open_files(const char *image, const char *log)
{
    struct stat stat = {0};
    int fd = open(image, O_RDWR | O_CLOEXEC);

    must(fd >= 0 && fstat(fd, &stat) == 0, image);
    disk.size_bytes = (uint64_t)stat.st_size;
    disk.image = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(disk.image != MAP_FAILED, image);
    close(fd);
    disk.log = fopen(log, "we");
    must(disk.log != NULL, log);
}

static int serve(char *folder, char *program)
{
    char *argv[] = {program, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    struct fuse_session *session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
    int rc = 1;

    if (session == NULL)
        return 1;
    if (fuse_set_signal_handlers(session) == 0) {
        if (fuse_session_mount(session, folder) == 0) {
            rc = fuse_session_loop(session) < 0;
            fuse_session_unmount(session);
        }
        fuse_remove_signal_handlers(session);
    }
    fuse_session_destroy(session);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: crash-disk FOLDER IMAGE LOG\n", stderr);
        return 2;
    }
    open_files(argv[2], argv[3]);
    int rc = serve(argv[1], argv[0]);
    must(fclose(disk.log) == 0, argv[3]);
    forget_undos();
    free(disk.undos);
    munmap(disk.image, disk.size_bytes);
    return rc;
}
