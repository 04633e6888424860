/*
 * Proves what is taken for a store (src/store/FORMAT.md 1): FORMAT, whole and of a known version;
 * that remains of a store without it are damage and never room for a new one, whatever is asked;
 * that file systems that can't be trusted are refused; and that two who make a store make one.
 */
#include "support/objects.h"
#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;
static const struct hf_test_load app = {"app:1", "one", {"layer a"}};

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    watch.forgets = true;
    err = (struct hf_error){0};
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

static const char *in(const char *name)
{
    static char full[4][600];
    static unsigned next;
    char *out = full[next++ % 4];

    snprintf(out, 600, "%s/%s", path, name);
    return out;
}

static void make(void)
{
    store = hf_test_must_open(&watch.io, path, HF_OPEN_CREATE);
    ck_assert_int_eq(hf_test_load(store, &app, &err), 0);
    hf_test_must_close(store);
}

static int open_as(enum hf_open_mode mode)
{
    store = NULL;
    err = (struct hf_error){0};
    return hf_test_open(&watch.io, path, mode, &store, &err);
}

static unsigned count_entries(const char *name)
{
    DIR *dir = opendir(in(name));
    unsigned count = 0;

    ck_assert(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

START_TEST(an_empty_folder_or_none_is_no_store)
{
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(open_as(HF_OPEN_READ_ONLY), HF_ERR_NOT_FOUND);
    ck_assert_uint_eq(count_entries("."), 2); /* nothing was made */
    ck_assert_int_eq(hf_test_open(&watch.io, in("nowhere"), HF_OPEN_READ_WRITE, &store, &err),
                     HF_ERR_NOT_FOUND);
    ck_assert_int_eq(access(in("nowhere"), F_OK), -1);
}
END_TEST

/* What is left beside a lost FORMAT. */
static const char *const lost[] = {"blobs/sha256", "catalog", "wal"};

START_TEST(a_store_that_lost_its_format_is_damaged_and_never_made_anew)
{
    make();
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
    hf_test_must_close(store);
    ck_assert_int_eq(unlink(in("FORMAT")), 0);
    /* Only one of the three has anything in it. */
    for (int i = 0; i < 3; i++) {
        char command[800];
        if (i == _i)
            continue;
        snprintf(command, sizeof(command), "rm -f %s/%s/*", path, lost[i]);
        ck_assert_int_eq(system(command), 0);
    }
    unsigned before = count_entries(lost[_i]);
    ck_assert_int_eq(open_as(HF_OPEN_CREATE), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "FORMAT");
    int rc = open_as(HF_OPEN_READ_WRITE);
    ck_assert(rc == HF_ERR_CORRUPT);
    rc = open_as(HF_OPEN_READ_ONLY);
    ck_assert(rc == HF_ERR_CORRUPT);
    ck_assert_int_eq(access(in("FORMAT"), F_OK), -1);
    ck_assert_uint_eq(count_entries(lost[_i]), before);
}
END_TEST

/* In its first segment, with nothing else: even one record is somebody's. */
START_TEST(a_log_with_one_record_is_no_interrupted_making)
{
    char segment[600];

    make();
    ck_assert_int_eq(unlink(in("FORMAT")), 0);
    ck_assert_int_eq(system(strcat(strcpy(segment, "rm -f "), in("blobs/sha256/*"))), 0);
    ck_assert_int_eq(unlink(in("wal/0000000000000001.seg")), 0);
    ck_assert_int_eq(rename(in("wal/0000000000000002.seg"), in("wal/0000000000000001.seg")), 0);
    ck_assert_int_eq(open_as(HF_OPEN_CREATE), HF_ERR_CORRUPT);
    ck_assert_int_eq(access(in("wal/0000000000000001.seg"), F_OK), 0);
}
END_TEST

START_TEST(a_folder_with_other_peoples_files_can_become_a_store)
{
    int fd = open(in("notes.txt"), O_CREAT | O_WRONLY, 0600);

    close(fd);
    ck_assert_int_eq(open_as(HF_OPEN_CREATE), 0);
    hf_test_must_close(store);
    ck_assert_int_eq(access(in("notes.txt"), F_OK), 0);
}
END_TEST

/* Not even a new one, in which there is nothing to lose yet: its log is not made again. */
START_TEST(a_store_whose_format_cannot_be_looked_at_is_not_made_anew)
{
    struct stat before, after;

    hf_test_must_close(hf_test_must_open(&watch.io, path, HF_OPEN_CREATE));
    ck_assert_int_eq(stat(in("wal/0000000000000001.seg"), &before), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_STAT), "FORMAT");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    ck_assert_int_eq(open_as(HF_OPEN_CREATE), HF_ERR_IO);
    ck_assert_str_ne(err.message, "");
    ck_assert_int_eq(stat(in("wal/0000000000000001.seg"), &after), 0);
    ck_assert(before.st_ino == after.st_ino);
}
END_TEST

START_TEST(no_byte_of_format_can_change_unnoticed)
{
    char text[512];

    make();
    int fd = open(in("FORMAT"), O_RDWR);
    ssize_t len = read(fd, text, sizeof(text));
    ck_assert_int_gt(len, 60);
    for (ssize_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit += 3) {
            char byte = (char)(text[i] ^ (1 << bit));
            hf_test_require(pwrite(fd, &byte, 1, i) == 1);
            int rc = open_as(HF_OPEN_READ_WRITE);
            ck_assert_msg(rc == HF_ERR_CORRUPT || rc == HF_ERR_VERSION, "byte %zd bit %d: %d", i,
                          bit, rc);
            rc = open_as(HF_OPEN_CREATE);
            ck_assert(rc == HF_ERR_CORRUPT || rc == HF_ERR_VERSION);
        }
        hf_test_require(pwrite(fd, text + i, 1, i) == 1);
    }
    for (ssize_t cut = 0; cut < len; cut++) {
        hf_test_require(ftruncate(fd, cut) == 0);
        int rc = open_as(HF_OPEN_READ_ONLY);
        ck_assert_msg(rc == HF_ERR_CORRUPT, "cut at %zd: %d", cut, rc);
        hf_test_require(pwrite(fd, text, (size_t)len, 0) == len);
    }
    ck_assert_int_eq(pwrite(fd, "more\n", 5, len), 5);
    ck_assert_int_eq(open_as(HF_OPEN_READ_ONLY), HF_ERR_CORRUPT);
    ck_assert_int_eq(ftruncate(fd, len), 0);
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), 0);
    hf_test_must_close(store);
    close(fd);
}
END_TEST

START_TEST(a_newer_version_is_refused_by_name)
{
    char text[512] = "", *version;

    make();
    int fd = open(in("FORMAT"), O_RDWR);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    version = strstr(text, "version 1");
    ck_assert(version);
    version[8] = '2';
    ck_assert_int_eq(pwrite(fd, text, (size_t)len, 0), len);
    close(fd);
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), HF_ERR_VERSION);
    ck_assert_ptr_nonnull(strstr(err.message, "2"));
}
END_TEST

START_TEST(a_store_without_its_folders_is_damaged)
{
    static const char *const folders[] = {"wal", "catalog"};

    make();
    ck_assert_int_eq(rename(in(folders[_i]), in("elsewhere")), 0);
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), HF_ERR_CORRUPT);
    ck_assert_int_eq(open_as(HF_OPEN_CREATE), HF_ERR_CORRUPT);
    ck_assert_int_eq(rename(in("elsewhere"), in(folders[_i])), 0);
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), 0);
    hf_test_must_close(store);
}
END_TEST

/* They say nothing that must survive. */
START_TEST(lock_and_shared_are_made_again)
{
    make();
    ck_assert_int_eq(unlink(in("lock")), 0);
    ck_assert_int_eq(unlink(in("shared")), 0);
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), 0);
    ck_assert(hf_test_has_name(store, "app:1", NULL));
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "made again");
}
END_TEST

static const char *fs;

static int fake_fs_name(struct hf_io *io, int fd, char name[32])
{
    snprintf(name, 32, "%s", fs);
    return 0;
}

START_TEST(a_file_system_that_cannot_be_trusted_is_refused_for_writing)
{
    static const char *const untrusted[] = {"nfs", "9p", "cifs", "fuse", "overlayfs", "smb2"};

    make();
    watch.ops.fs_name = fake_fs_name;
    for (size_t i = 0; i < sizeof(untrusted) / sizeof(untrusted[0]); i++) {
        fs = untrusted[i];
        ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), HF_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.message, fs));
        ck_assert_int_eq(open_as(HF_OPEN_READ_ONLY), 0);
        hf_test_must_close(store);
        ck_assert_int_eq(hf_test_open(&watch.io, in("another"), HF_OPEN_CREATE, &store, &err),
                         HF_ERR_UNSUPPORTED);
        ck_assert_int_eq(access(in("another/wal"), F_OK), -1);
    }
    fs = "ext4";
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), 0);
    hf_test_must_close(store);
}
END_TEST

START_TEST(many_who_make_a_store_at_once_make_one)
{
    pid_t children[6];

    fflush(stdout);
    for (int i = 0; i < 6; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char name[32];
            snprintf(name, sizeof(name), "by:%d", i);
            struct hf_test_load load = {name, name, {"layer a"}};
            if (open_as(HF_OPEN_CREATE) != 0 || hf_test_load(store, &load, &err) != 0)
                _exit(1);
            _exit(hf_store_close(store, &err) == 0 ? 0 : 2);
        }
    }
    for (int i = 0; i < 6; i++) {
        int status = 0;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(open_as(HF_OPEN_READ_WRITE), 0);
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof(name), "by:%d", i);
        ck_assert(hf_test_has_name(store, name, NULL));
    }
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "all are there");
}
END_TEST

START_TEST(names_of_staged_files_are_read_as_they_are_written)
{
    static const char *const wrong[] = {
        "",
        "0000000000001000",
        "0000000000001000-",
        "0000000000001000-01",
        "1000-1",
        "0000000000001000-1x",
        "000000000000100G-1",
        "0000000000001000-4294967296",
        "0x00000000001000-1",
        "-000000000001000-1",
        "0000000000001000--1",
        " 000000000001000-1",
        "000000000000A000-1",
    };
    char text[HF_PATH_MAX];
    uint64_t txn = 0;
    uint32_t number_of = 0;

    hf_path_staged(3, 4096, 17, text);
    ck_assert_str_eq(text, "staging/3/0000000000001000-17");
    ck_assert(hf_path_staged_txn(text + 10, &txn, &number_of));
    ck_assert(txn == 4096 && number_of == 17);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!hf_path_staged_txn(wrong[i], &txn, &number_of), "%s", wrong[i]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("layout");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_empty_folder_or_none_is_no_store);
    tcase_add_loop_test(tests, a_store_that_lost_its_format_is_damaged_and_never_made_anew, 0, 3);
    tcase_add_test(tests, a_log_with_one_record_is_no_interrupted_making);
    tcase_add_test(tests, a_folder_with_other_peoples_files_can_become_a_store);
    tcase_add_test(tests, a_store_whose_format_cannot_be_looked_at_is_not_made_anew);
    tcase_add_test(tests, no_byte_of_format_can_change_unnoticed);
    tcase_add_test(tests, a_newer_version_is_refused_by_name);
    tcase_add_loop_test(tests, a_store_without_its_folders_is_damaged, 0, 2);
    tcase_add_test(tests, lock_and_shared_are_made_again);
    tcase_add_test(tests, a_file_system_that_cannot_be_trusted_is_refused_for_writing);
    tcase_add_test(tests, many_who_make_a_store_at_once_make_one);
    tcase_add_test(tests, names_of_staged_files_are_read_as_they_are_written);
    return hf_test_run("layout", tests);
}
