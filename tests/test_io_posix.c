/*
 * Proves that the table of the real system does what io.h says: bytes and names, locks of
 * descriptions, links that are not followed inside a store, listings, and what the machine tells.
 */
#include "io/io.h"

#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    TCase *tests = tcase_create("io_posix");

    tcase_add_checked_fixture(tests, enter_root, leave_root);
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
    return hf_test_run("io_posix", tests);
}
