/*
 * Proves, with a system that interrupts and shortens everything, that the wrappers of io.h finish
 * what can be finished and call sync and close once. The system itself: test_io_posix.c.
 */
#include "io/io.h"

#include "support/suite.h"

#include <errno.h>
#include <string.h>

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

int main(void)
{
    TCase *tests = tcase_create("io");

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
    return hf_test_run("io", tests);
}
