/*
 * Proves, with a system that interrupts and shortens everything, that the wrappers finish what can
 * be finished and call sync and close once; and, with the real one, that the table does what io.h
 * says: locks of descriptions, links that are not followed inside a store, listings.
 */
#include "io/io.h"

#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a system where nothing works at once ---------------------------------------------------- */

/* A file in memory. Each operation is interrupted on every odd call and moves at most 3 bytes. */
struct nervous {
    struct hf_io io;
    char data[64];
    size_t len;
    uint64_t pos;
    int calls;
    int syncs;
    int closes;
    int sync_result;
    int write_result; /* what writes return once `write_result_after` bytes are in the file */
    size_t write_result_after;
};

static bool interrupted(struct hf_io *io)
{
    struct nervous *nervous = (struct nervous *)io;

    return nervous->calls++ % 2 == 0;
}

static size_t at_most(size_t len, size_t most)
{
    return len < most ? len : most;
}

static int64_t nervous_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    struct nervous *nervous = (struct nervous *)io;

    if (interrupted(io))
        return -EINTR;
    if (off >= nervous->len)
        return 0;
    len = at_most(at_most(len, 3), nervous->len - (size_t)off);
    memcpy(data, nervous->data + off, len);
    return (int64_t)len;
}

static int64_t nervous_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off)
{
    struct nervous *nervous = (struct nervous *)io;

    if (interrupted(io))
        return -EINTR;
    if (nervous->write_result_after != 0 && nervous->len >= nervous->write_result_after)
        return nervous->write_result;
    len = at_most(len, 3);
    ck_assert_uint_le(off + len, sizeof(nervous->data));
    memcpy(nervous->data + off, data, len);
    if (nervous->len < off + len)
        nervous->len = (size_t)off + len;
    return (int64_t)len;
}

static int64_t nervous_read(struct hf_io *io, int fd, void *data, size_t len)
{
    struct nervous *nervous = (struct nervous *)io;
    int64_t got = nervous_pread(io, fd, data, len, nervous->pos);

    if (got > 0)
        nervous->pos += (uint64_t)got;
    return got;
}

static int64_t nervous_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    struct nervous *nervous = (struct nervous *)io;
    int64_t put = nervous_pwrite(io, fd, data, len, nervous->pos);

    if (put > 0)
        nervous->pos += (uint64_t)put;
    return put;
}

static int nervous_openat(struct hf_io *io, int dir, const char *path, unsigned flags,
                          uint32_t mode)
{
    return interrupted(io) ? -EINTR : 7;
}

static int nervous_sync(struct hf_io *io, int fd)
{
    struct nervous *nervous = (struct nervous *)io;

    nervous->syncs++;
    return nervous->sync_result;
}

static int nervous_close(struct hf_io *io, int fd)
{
    struct nervous *nervous = (struct nervous *)io;

    nervous->closes++;
    return -EINTR;
}

static int nervous_ftruncate(struct hf_io *io, int fd, uint64_t len)
{
    return interrupted(io) ? -EINTR : 0;
}

static int nervous_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                        bool wait)
{
    if (interrupted(io))
        return -EINTR;
    return wait ? 0 : -EAGAIN;
}

/* Interrupted before the first entry, and again after one. */
static int nervous_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg)
{
    if (interrupted(io))
        return -EINTR;
    int rc = fn(arg, "entry", HF_IO_FILE);
    return rc != 0 ? rc : -EINTR;
}

static const struct hf_io_ops nervous_ops = {
    .openat = nervous_openat,
    .close = nervous_close,
    .read = nervous_read,
    .write = nervous_write,
    .pread = nervous_pread,
    .pwrite = nervous_pwrite,
    .ftruncate = nervous_ftruncate,
    .fsync = nervous_sync,
    .fdatasync = nervous_sync,
    .list = nervous_list,
    .lock = nervous_lock,
};

static struct nervous nervous_new(const char *data)
{
    struct nervous nervous = {.io.ops = &nervous_ops, .len = strlen(data)};

    memcpy(nervous.data, data, nervous.len);
    return nervous;
}

START_TEST(write_finishes_short_counts)
{
    struct nervous nervous = nervous_new("");

    ck_assert_int_eq(hf_io_write(&nervous.io, 7, "ten bytes!", 10, "f", NULL), 0);
    ck_assert_uint_eq(nervous.len, 10);
    ck_assert_mem_eq(nervous.data, "ten bytes!", 10);
}
END_TEST

START_TEST(pwrite_finishes_short_counts_at_the_right_place)
{
    struct nervous nervous = nervous_new("0123456789abcdef");

    ck_assert_int_eq(hf_io_pwrite(&nervous.io, 7, "TENBYTES!!", 10, 4, "f", NULL), 0);
    ck_assert_uint_eq(nervous.len, 16);
    ck_assert_mem_eq(nervous.data, "0123TENBYTES!!ef", 16);
}
END_TEST

START_TEST(pread_fills_as_far_as_the_file_reaches)
{
    struct nervous nervous = nervous_new("0123456789abcdef");
    char data[32];
    size_t len = 0;

    ck_assert_int_eq(hf_io_pread(&nervous.io, 7, data, 8, 2, &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 8);
    ck_assert_mem_eq(data, "23456789", 8);
    ck_assert_int_eq(hf_io_pread(&nervous.io, 7, data, sizeof(data), 9, &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 7);
    ck_assert_mem_eq(data, "9abcdef", 7);
    ck_assert_int_eq(hf_io_pread(&nervous.io, 7, data, sizeof(data), 99, &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(read_does_not_wait_for_a_full_buffer)
{
    struct nervous nervous = nervous_new("01234");
    char data[32];
    size_t len = 0;

    ck_assert_int_eq(hf_io_read(&nervous.io, 7, data, sizeof(data), &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 3);
    ck_assert_int_eq(hf_io_read(&nervous.io, 7, data, sizeof(data), &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(hf_io_read(&nervous.io, 7, data, sizeof(data), &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(failed_write_tells_file_offset_and_code)
{
    struct nervous nervous = nervous_new("");
    struct hf_error err = {0};

    nervous.write_result = -ENOSPC;
    nervous.write_result_after = 6;
    int rc = hf_io_pwrite(&nervous.io, 7, "0123456789", 10, 0, "wal/1", &err);
    ck_assert_int_eq(rc, HF_ERR_NO_SPACE);
    ck_assert_int_eq(err.sys_errno, ENOSPC);
    ck_assert_str_eq(err.file, "wal/1");
    ck_assert(err.offset == 6);
}
END_TEST

START_TEST(write_without_progress_is_a_failure)
{
    struct nervous nervous = nervous_new("");

    nervous.write_result = 0;
    nervous.write_result_after = 3;
    ck_assert_int_eq(hf_io_write(&nervous.io, 7, "0123456789", 10, "f", NULL), HF_ERR_IO);
    nervous = nervous_new("");
    nervous.write_result = 0;
    nervous.write_result_after = 3;
    ck_assert_int_eq(hf_io_pwrite(&nervous.io, 7, "0123456789", 10, 0, "f", NULL), HF_ERR_IO);
}
END_TEST

START_TEST(sync_is_not_repeated_after_an_interruption)
{
    struct nervous nervous = nervous_new("");
    struct hf_error err = {0};

    nervous.sync_result = -EINTR;
    ck_assert_int_eq(hf_io_fsync(&nervous.io, 7, "f", &err), HF_ERR_IO);
    ck_assert_int_eq(nervous.syncs, 1);
    ck_assert_int_eq(err.sys_errno, EINTR);
    ck_assert_int_eq(hf_io_fdatasync(&nervous.io, 7, "f", &err), HF_ERR_IO);
    ck_assert_int_eq(nervous.syncs, 2);
    ck_assert_int_eq(hf_io_sync_dir(&nervous.io, 5, "blobs", &err), HF_ERR_IO);
    ck_assert_int_eq(nervous.syncs, 3);
    ck_assert_int_eq(nervous.closes, 1);
    ck_assert_str_eq(err.file, "blobs");
}
END_TEST

START_TEST(close_is_not_repeated_and_forgets_the_descriptor)
{
    struct nervous nervous = nervous_new("");
    int fd = 7;

    hf_io_close(&nervous.io, &fd);
    ck_assert_int_eq(fd, -1);
    hf_io_close(&nervous.io, &fd);
    ck_assert_int_eq(nervous.closes, 1);

    fd = 7;
    ck_assert_int_eq(hf_io_close_checked(&nervous.io, &fd, "f", NULL), HF_ERR_IO);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(hf_io_close_checked(&nervous.io, &fd, "f", NULL), 0);
    ck_assert_int_eq(nervous.closes, 2);
}
END_TEST

START_TEST(open_truncate_and_lock_are_repeated_after_an_interruption)
{
    struct nervous nervous = nervous_new("");
    bool got = true;
    int fd = -1;

    ck_assert_int_eq(hf_io_open(&nervous.io, HF_IO_CWD, "f", HF_IO_READ, 0, &fd, NULL), 0);
    ck_assert_int_eq(fd, 7);
    ck_assert_int_eq(hf_io_truncate(&nervous.io, fd, 0, "f", NULL), 0);
    ck_assert_int_eq(hf_io_lock(&nervous.io, fd, HF_IO_LOCK_SHARED, 0, 1, "f", NULL), 0);
    ck_assert_int_eq(hf_io_try_lock(&nervous.io, fd, HF_IO_LOCK_SHARED, 0, 1, &got, "f", NULL), 0);
    ck_assert(!got);
    ck_assert_int_eq(nervous.calls, 8);
}
END_TEST

static int count_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    (*(int *)arg)++;
    return 0;
}

START_TEST(listing_tells_no_entry_twice)
{
    struct nervous nervous = nervous_new("");
    int count = 0;

    ck_assert_int_eq(hf_io_list(&nervous.io, 5, ".", count_entry, &count, NULL), HF_ERR_IO);
    ck_assert_int_eq(count, 1);
}
END_TEST

/* --- the real one ---------------------------------------------------------------------------- */

static struct hf_io *io;
static char root[256];
static int root_fd = -1;

static void enter_root(void)
{
    io = hf_io_posix();
    hf_test_make_dir(root);
    ck_assert_int_eq(
        hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &root_fd, NULL), 0);
}

static void leave_root(void)
{
    hf_io_close(io, &root_fd);
    hf_test_remove_dir(root);
}

static int open_new(const char *path)
{
    struct hf_error err = {0};
    int fd = -1;
    unsigned flags = HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE;

    ck_assert_msg(hf_io_open(io, root_fd, path, flags, 0600, &fd, &err) == 0, "%s", err.message);
    return fd;
}

static int open_again(const char *path, unsigned flags)
{
    int fd = -1;

    ck_assert_int_eq(hf_io_open(io, root_fd, path, flags, 0, &fd, NULL), 0);
    return fd;
}

START_TEST(bytes_come_back_from_a_file)
{
    char data[16];
    size_t len = 0;
    struct hf_io_stat stat;
    int fd = open_new("f");

    ck_assert_int_eq(hf_io_write(io, fd, "hello", 5, "f", NULL), 0);
    ck_assert_int_eq(hf_io_pwrite(io, fd, "J", 1, 0, "f", NULL), 0);
    ck_assert_int_eq(hf_io_fdatasync(io, fd, "f", NULL), 0);
    hf_io_start_writeback(io, fd, 0, 5);
    hf_io_drop_cache(io, fd);
    ck_assert_int_eq(hf_io_pread(io, fd, data, sizeof(data), 0, &len, "f", NULL), 0);
    ck_assert_uint_eq(len, 5);
    ck_assert_mem_eq(data, "Jello", 5);
    ck_assert_int_eq(hf_io_truncate(io, fd, 4096, "f", NULL), 0);
    ck_assert_int_eq(hf_io_fsync(io, fd, "f", NULL), 0);
    ck_assert_int_eq(hf_io_fstat(io, fd, &stat, "f", NULL), 0);
    ck_assert_int_eq(stat.kind, HF_IO_FILE);
    ck_assert_uint_eq(stat.size_bytes, 4096);
    ck_assert_uint_eq(stat.mode, 0600);
    ck_assert_uint_eq(stat.link_count, 1);
    ck_assert_uint_eq(stat.uid, getuid());
    ck_assert_int_eq(hf_io_close_checked(io, &fd, "f", NULL), 0);
    ck_assert_int_eq(hf_io_sync_dir(io, HF_IO_CWD, root, NULL), 0);
}
END_TEST

START_TEST(descriptors_do_not_survive_exec)
{
    int fd = open_new("f");

    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_ne(fcntl(root_fd, F_GETFD) & FD_CLOEXEC, 0);
    hf_io_close(io, &fd);
}
END_TEST

START_TEST(exclusive_create_tells_what_exists)
{
    struct hf_error err = {0};
    int fd = open_new("f");
    int other = -1;
    unsigned flags = HF_IO_WRITE | HF_IO_CREATE | HF_IO_EXCLUSIVE;

    ck_assert_int_eq(hf_io_open(io, root_fd, "f", flags, 0600, &other, &err), HF_ERR_EXISTS);
    ck_assert_int_eq(other, -1);
    ck_assert_str_eq(err.message, "cannot create f: File exists");
    ck_assert_int_eq(hf_io_open(io, root_fd, "g", HF_IO_READ, 0, &other, &err), HF_ERR_NOT_FOUND);
    hf_io_close(io, &fd);
}
END_TEST

START_TEST(direct_io_reads_aligned_blocks_or_falls_back)
{
    static _Alignas(4096) char data[4096];
    size_t len = 0;
    int fd = open_new("f");

    ck_assert_int_eq(hf_io_truncate(io, fd, sizeof(data), "f", NULL), 0);
    ck_assert_int_eq(hf_io_fsync(io, fd, "f", NULL), 0);
    hf_io_close(io, &fd);
    fd = open_again("f", HF_IO_READ | HF_IO_DIRECT);
    ck_assert_int_eq(hf_io_pread(io, fd, data, sizeof(data), 0, &len, "f", NULL), 0);
    ck_assert_uint_eq(len, sizeof(data));
    hf_io_close(io, &fd);

    unsigned flags = HF_IO_WRITE | HF_IO_CREATE | HF_IO_EXCLUSIVE | HF_IO_DIRECT;
    ck_assert_int_eq(hf_io_open(io, root_fd, "new", flags, 0600, &fd, NULL), 0);
    hf_io_close(io, &fd);
}
END_TEST

START_TEST(links_are_followed_for_the_user_and_not_in_a_store)
{
    struct hf_io_stat stat;
    char path[300];
    int fd = open_new("target");

    hf_io_close(io, &fd);
    ck_assert_int_eq(symlinkat("target", root_fd, "link"), 0);
    ck_assert_int_eq(hf_io_open(io, root_fd, "link", HF_IO_READ, 0, &fd, NULL), HF_ERR_IO);
    ck_assert_int_eq(hf_io_stat_at(io, root_fd, "link", &stat, NULL), 0);
    ck_assert_int_eq(stat.kind, HF_IO_SYMLINK);
    snprintf(path, sizeof(path), "%s/link", root);
    ck_assert_int_eq(hf_io_open(io, HF_IO_CWD, path, HF_IO_READ, 0, &fd, NULL), 0);
    hf_io_close(io, &fd);
}
END_TEST

START_TEST(pipe_in_a_store_does_not_block_its_opener)
{
    struct hf_io_stat stat;
    int fd = -1;

    ck_assert_int_eq(mkfifoat(root_fd, "pipe", 0600), 0);
    ck_assert_int_eq(hf_io_open(io, root_fd, "pipe", HF_IO_READ, 0, &fd, NULL), 0);
    ck_assert_int_eq(hf_io_fstat(io, fd, &stat, "pipe", NULL), 0);
    ck_assert_int_eq(stat.kind, HF_IO_PIPE);
    hf_io_close(io, &fd);
}
END_TEST

START_TEST(mkdir_accepts_a_directory_and_nothing_else)
{
    char path[300];
    bool made = false;
    int fd = open_new("file");

    hf_io_close(io, &fd);
    ck_assert_int_eq(hf_io_mkdir(io, root_fd, "dir", 0700, &made, NULL), 0);
    ck_assert(made);
    ck_assert_int_eq(hf_io_mkdir(io, root_fd, "dir", 0700, &made, NULL), 0);
    ck_assert(!made);
    ck_assert_int_lt(hf_io_mkdir(io, root_fd, "file", 0700, &made, NULL), 0);
    ck_assert_int_eq(symlinkat("dir", root_fd, "link"), 0);
    ck_assert_int_lt(hf_io_mkdir(io, root_fd, "link", 0700, NULL, NULL), 0);
    snprintf(path, sizeof(path), "%s/link", root);
    ck_assert_int_eq(hf_io_mkdir(io, HF_IO_CWD, path, 0700, &made, NULL), 0);
    ck_assert(!made);
}
END_TEST

START_TEST(names_are_linked_renamed_and_removed)
{
    struct hf_io_stat stat;
    int fd = open_new("a");

    hf_io_close(io, &fd);
    ck_assert_int_eq(hf_io_mkdir(io, root_fd, "d", 0700, NULL, NULL), 0);
    ck_assert_int_eq(hf_io_link(io, root_fd, "a", root_fd, "d/b", NULL), 0);
    ck_assert_int_eq(hf_io_link(io, root_fd, "a", root_fd, "d/b", NULL), HF_ERR_EXISTS);
    ck_assert_int_eq(hf_io_stat_at(io, root_fd, "a", &stat, NULL), 0);
    ck_assert_uint_eq(stat.link_count, 2);
    ck_assert_int_eq(hf_io_rename(io, root_fd, "d/b", root_fd, "c", NULL), 0);
    ck_assert_int_eq(hf_io_stat_at(io, root_fd, "d/b", &stat, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_io_unlink(io, root_fd, "c", NULL), 0);
    ck_assert_int_lt(hf_io_unlink(io, root_fd, "d", NULL), 0);
    ck_assert_int_eq(hf_io_rmdir(io, root_fd, "d", NULL), 0);
    ck_assert_int_eq(hf_io_rmdir(io, root_fd, "d", NULL), HF_ERR_NOT_FOUND);
}
END_TEST

struct seen {
    int files;
    int dirs;
    int links;
    int others;
};

static int note_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    struct seen *seen = arg;

    ck_assert_str_ne(name, ".");
    ck_assert_str_ne(name, "..");
    seen->files += kind == HF_IO_FILE;
    seen->dirs += kind == HF_IO_DIR;
    seen->links += kind == HF_IO_SYMLINK;
    seen->others += kind == HF_IO_PIPE || kind == HF_IO_OTHER;
    return 0;
}

static int stop_listing(void *arg, const char *name, enum hf_io_kind kind)
{
    (*(int *)arg)++;
    return HF_ERR_LIMIT;
}

START_TEST(listing_gives_names_and_kinds_until_stopped)
{
    struct seen seen = {0};
    int calls = 0;
    int fd = open_new("one");

    hf_io_close(io, &fd);
    fd = open_new("two");
    hf_io_close(io, &fd);
    ck_assert_int_eq(hf_io_mkdir(io, root_fd, "dir", 0700, NULL, NULL), 0);
    ck_assert_int_eq(symlinkat("nowhere", root_fd, "link"), 0);
    ck_assert_int_eq(mkfifoat(root_fd, "pipe", 0600), 0);
    ck_assert_int_eq(hf_io_list(io, root_fd, ".", note_entry, &seen, NULL), 0);
    ck_assert_int_eq(seen.files, 2);
    ck_assert_int_eq(seen.dirs, 1);
    ck_assert_int_eq(seen.links, 1);
    ck_assert_int_eq(seen.others, 1);
    ck_assert_int_eq(hf_io_list(io, root_fd, ".", stop_listing, &calls, NULL), HF_ERR_LIMIT);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(hf_io_list(io, root_fd, "none", note_entry, &seen, NULL), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(locks_exclude_other_descriptions_of_the_same_process)
{
    bool got = false;
    bool locked = false;
    int first = open_new("lock");
    int second = open_again("lock", HF_IO_READ | HF_IO_WRITE);

    ck_assert_int_eq(hf_io_lock(io, first, HF_IO_LOCK_EXCLUSIVE, 10, 1, "lock", NULL), 0);
    ck_assert_int_eq(hf_io_try_lock(io, second, HF_IO_LOCK_SHARED, 10, 1, &got, "lock", NULL), 0);
    ck_assert(!got);
    ck_assert_int_eq(hf_io_try_lock(io, second, HF_IO_LOCK_SHARED, 9, 1, &got, "lock", NULL), 0);
    ck_assert(got);
    ck_assert_int_eq(hf_io_is_locked(io, second, 10, &locked, "lock", NULL), 0);
    ck_assert(locked);
    ck_assert_int_eq(hf_io_is_locked(io, first, 10, &locked, "lock", NULL), 0);
    ck_assert(!locked);
    ck_assert_int_eq(hf_io_is_locked(io, first, 9, &locked, "lock", NULL), 0);
    ck_assert(locked);
    hf_io_unlock(io, first, 10, 1);
    ck_assert_int_eq(hf_io_try_lock(io, second, HF_IO_LOCK_EXCLUSIVE, 10, 1, &got, "lock", NULL),
                     0);
    ck_assert(got);

    /* Closing another descriptor of the file drops no lock, as it would with process locks. */
    int third = open_again("lock", HF_IO_READ);
    hf_io_close(io, &third);
    ck_assert_int_eq(hf_io_is_locked(io, first, 10, &locked, "lock", NULL), 0);
    ck_assert(locked);
    hf_io_close(io, &second);
    ck_assert_int_eq(hf_io_is_locked(io, first, 10, &locked, "lock", NULL), 0);
    ck_assert(!locked);
    hf_io_close(io, &first);
}
END_TEST

START_TEST(positions_beyond_the_largest_file_are_failures)
{
    char byte = 0;
    size_t len = 0;
    int fd = open_new("f");

    ck_assert_int_eq(hf_io_pread(io, fd, &byte, 1, UINT64_MAX, &len, "f", NULL), HF_ERR_IO);
    ck_assert_int_eq(hf_io_pwrite(io, fd, &byte, 1, UINT64_MAX, "f", NULL), HF_ERR_IO);
    ck_assert_int_eq(hf_io_truncate(io, fd, UINT64_MAX, "f", NULL), HF_ERR_IO);
    hf_io_close(io, &fd);
}
END_TEST

START_TEST(system_tells_file_system_space_time_chance_and_boot)
{
    static const uint8_t zeros[16];
    char name[32] = "";
    uint64_t free_bytes = 0;
    uint8_t first[16] = {0};
    uint8_t second[16] = {0};

    ck_assert_int_eq(hf_io_fs_name(io, root_fd, name, NULL), 0);
    ck_assert_uint_gt(strlen(name), 0);
    ck_assert_int_eq(hf_io_free_bytes(io, root_fd, &free_bytes, NULL), 0);
    ck_assert(free_bytes > 0);
    ck_assert(hf_io_now_ns(io) > UINT64_C(1600000000000000000));
    ck_assert_int_eq(hf_io_random(io, first, sizeof(first), NULL), 0);
    ck_assert_int_eq(hf_io_random(io, second, sizeof(second), NULL), 0);
    ck_assert_mem_ne(first, second, sizeof(first));
    ck_assert_int_eq(hf_io_boot_id(io, first, NULL), 0);
    ck_assert_int_eq(hf_io_boot_id(io, second, NULL), 0);
    ck_assert_mem_eq(first, second, sizeof(first));
    ck_assert_mem_ne(first, zeros, sizeof(first));

    int proc = -1;
    unsigned flags = HF_IO_READ | HF_IO_DIRECTORY;
    ck_assert_int_eq(hf_io_open(io, HF_IO_CWD, "/proc", flags, 0, &proc, NULL), 0);
    ck_assert_int_eq(hf_io_fs_name(io, proc, name, NULL), 0);
    ck_assert_str_eq(name, "0x9fa0");
    hf_io_close(io, &proc);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("io");

    tcase_add_checked_fixture(tests, enter_root, leave_root);
    tcase_add_test(tests, write_finishes_short_counts);
    tcase_add_test(tests, pwrite_finishes_short_counts_at_the_right_place);
    tcase_add_test(tests, pread_fills_as_far_as_the_file_reaches);
    tcase_add_test(tests, read_does_not_wait_for_a_full_buffer);
    tcase_add_test(tests, failed_write_tells_file_offset_and_code);
    tcase_add_test(tests, write_without_progress_is_a_failure);
    tcase_add_test(tests, sync_is_not_repeated_after_an_interruption);
    tcase_add_test(tests, close_is_not_repeated_and_forgets_the_descriptor);
    tcase_add_test(tests, open_truncate_and_lock_are_repeated_after_an_interruption);
    tcase_add_test(tests, listing_tells_no_entry_twice);
    tcase_add_test(tests, bytes_come_back_from_a_file);
    tcase_add_test(tests, descriptors_do_not_survive_exec);
    tcase_add_test(tests, exclusive_create_tells_what_exists);
    tcase_add_test(tests, direct_io_reads_aligned_blocks_or_falls_back);
    tcase_add_test(tests, links_are_followed_for_the_user_and_not_in_a_store);
    tcase_add_test(tests, pipe_in_a_store_does_not_block_its_opener);
    tcase_add_test(tests, mkdir_accepts_a_directory_and_nothing_else);
    tcase_add_test(tests, names_are_linked_renamed_and_removed);
    tcase_add_test(tests, listing_gives_names_and_kinds_until_stopped);
    tcase_add_test(tests, locks_exclude_other_descriptions_of_the_same_process);
    tcase_add_test(tests, positions_beyond_the_largest_file_are_failures);
    tcase_add_test(tests, system_tells_file_system_space_time_chance_and_boot);
    return hf_test_run("io", tests);
}
