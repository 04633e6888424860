/*
 * Proves that files and folders that are too many or missing, FORMAT, and interrupted operations
 * are found by the check, that repair mends them, and that what lives is left in peace.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[256];

static void setup(void)
{
    hf_test_damage_setup(root);
}

static void teardown(void)
{
    hf_test_remove_dir(root);
}

/* --- files ------------------------------------------------------------------------------------ */

START_TEST(files_that_nothing_accounts_for_are_found_and_removed)
{
    static const char *const strays[] = {
        "stray",
        "wal/stray",
        "catalog/0000.ckpt",
        "staging/0/stray",
        "trash/stray",
        "quarantine/stray",
        "blobs/stray",
        "blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000",
        "blobs/sha256/0000",
    };
    size_t count = sizeof(strays) / sizeof(strays[0]);

    for (size_t i = 0; i < count; i++)
        hf_test_add_file(root, strays[i], "stray");
    const struct hf_test_findings *found = hf_test_fsck(root, HF_TEST_QUICK);
    ck_assert_uint_eq(found->count, count);
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < count && strcmp(found->items[j].path, strays[i]) != 0)
            j++;
        ck_assert_msg(j < count, "%s was not found", strays[i]);
        ck_assert_int_eq(found->items[j].kind, HF_FINDING_RESIDUE);
    }
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    for (size_t i = 0; i < count; i++)
        ck_assert(!hf_test_exists(root, strays[i]));
    hf_test_expect_clean(root, "without strays");
}
END_TEST

START_TEST(folders_that_are_no_store_s_are_found_and_removed)
{
    ck_assert_int_eq(mkdir(hf_test_in(root, "folder"), 0700), 0);
    ck_assert_int_eq(mkdir(hf_test_in(root, "folder/in"), 0700), 0);
    hf_test_add_file(root, "folder/in/file", "stray");
    ck_assert_int_eq(symlink("/etc", hf_test_in(root, "blobs/sha256/link")), 0);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_RESIDUE, HF_FINDING_RESIDUE,
                         HF_FINDING_RESIDUE, HF_FINDING_RESIDUE, 0);
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    ck_assert(!hf_test_exists(root, "folder"));
    ck_assert_int_eq(access("/etc/passwd", R_OK), 0);
    hf_test_expect_clean(root, "without folders");
}
END_TEST

START_TEST(folder_that_a_copy_left_out_is_made_again)
{
    ck_assert_int_eq(rmdir(hf_test_in(root, "quarantine")), 0);
    ck_assert_int_eq(rmdir(hf_test_in(root, "blobs/sha512")), 0);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_MISSING, HF_FINDING_MISSING,
                         0);
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "with all folders");
}
END_TEST

/* --- FORMAT ----------------------------------------------------------------------------------- */

static void read_format(char text[256])
{
    FILE *file = fopen(hf_test_in(root, "FORMAT"), "r");

    memset(text, 0, 256);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(text, 1, 255, file), 0);
    fclose(file);
}

static void expect_format_mended(const char *before)
{
    char after[256];

    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_FORMAT, 0);
    ck_assert_str_eq(finding->path, "FORMAT");
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    read_format(after);
    ck_assert_str_eq(before, after);
    hf_test_expect_clean(root, "with FORMAT");
    hf_test_expect_whole(root, &hf_test_image_a);
}

START_TEST(damaged_format_is_made_again)
{
    char before[256];

    read_format(before);
    /* Not its 23rd byte: another version is no damage. */
    for (uint64_t off = 0; off < strlen(before); off += 7) {
        hf_test_flip(root, "FORMAT", off);
        expect_format_mended(before);
    }
}
END_TEST

START_TEST(empty_format_is_made_again)
{
    char before[256];

    read_format(before);
    hf_test_cut(root, "FORMAT", 0);
    expect_format_mended(before);
}
END_TEST

START_TEST(missing_format_is_made_again)
{
    char before[256];

    read_format(before);
    ck_assert_int_eq(unlink(hf_test_in(root, "FORMAT")), 0);
    expect_format_mended(before);
}
END_TEST

START_TEST(newer_format_is_no_damage)
{
    const struct hf_fsck_options options = {.repair = true};

    hf_test_add_file(root, "FORMAT", "holdfast store\nversion 2\nand more\n");
    ck_assert_int_eq(hf_test_try_fsck(root, &options)->rc, HF_ERR_VERSION);
}
END_TEST

/* --- transactions ----------------------------------------------------------------------------- */

static void die_in_a_load(void)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_txn *txn = NULL;

    if (hf_txn_begin(store, "load\0dies", sizeof("load\0dies"), &txn, NULL) != 0 ||
        hf_test_stage(txn, "never committed", NULL) != 0 ||
        /* Makes the intent durable, as the commit of anybody else would. */
        hf_store_sync(store, hf_wal_tail(store->wal), NULL) != 0)
        _exit(1);
    _exit(0);
}

static void run_and_wait(void (*fn)(void))
{
    pid_t child = fork();
    int status = 0;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        fn();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(dead_transaction_is_unfinished)
{
    run_and_wait(die_in_a_load);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_UNFINISHED, 0);
    ck_assert_ptr_nonnull(strstr(finding->message, "load dies"));
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "after recovery");
}
END_TEST

START_TEST(living_transaction_is_no_finding)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest shared = hf_test_digest_of("shared");
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "load", 5, &txn, NULL), 0);
    ck_assert_int_eq(hf_test_stage(txn, "not committed yet", NULL), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &shared, NULL, NULL), 0);
    ck_assert_uint_eq(hf_test_fsck(root, HF_TEST_FULL)->count, 0);
    ck_assert_int_eq(hf_store_sync(store, hf_wal_tail(store->wal), NULL), 0);
    ck_assert_uint_eq(hf_test_fsck(root, HF_TEST_FULL)->count, 0);
    ck_assert_uint_eq(hf_test_repair(root, HF_TEST_FULL, NULL)->count, 0);
    /* What it claims stays, though its images go. */
    ck_assert_int_eq(hf_test_untag(store, "a:1", NULL), 0);
    ck_assert_int_eq(hf_test_untag(store, "b:1", NULL), 0);
    ck_assert_uint_eq(hf_test_fsck(root, HF_TEST_FULL)->count, 0);
    ck_assert_uint_eq(hf_test_repair(root, HF_TEST_FULL, NULL)->count, 0);
    ck_assert(hf_test_exists(root, hf_test_blob_of("shared")));
    hf_txn_abort(txn, "enough");
    hf_test_must_close(store);
    hf_test_expect_clean(root, "after all");
}
END_TEST

static int cancel(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    (void)arg;
    (void)done_bytes;
    (void)total_bytes;
    return 1;
}

/* Reading it takes so long that the caller is asked meanwhile. */
#define LONG_BYTES (64u << 20)

static int decide_long(void *arg, struct hf_change *change, struct hf_error *err)
{
    int rc = hf_change_put_object(change, arg, NULL, 0, NULL, 0, err);

    return rc == 0 ? hf_change_set_name(change, "long:1", arg, 0, err) : rc;
}

START_TEST(check_can_be_cancelled)
{
    const struct hf_fsck_options options = {.full = true, .progress = cancel};
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_txn *txn = NULL;
    struct hf_staged *staged = NULL;
    struct hf_digest digest;
    char *piece = calloc(1, LONG_BYTES);

    ck_assert_int_eq(hf_txn_begin(store, "load", 5, &txn, NULL), 0);
    ck_assert_int_eq(hf_txn_stage(txn, &staged, NULL), 0);
    ck_assert_int_eq(hf_staged_write(staged, piece, LONG_BYTES, NULL), 0);
    ck_assert_int_eq(hf_staged_finish(staged, NULL, &digest, NULL, NULL), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_long, &digest, NULL), 0);
    free(piece);
    hf_test_must_close(store);
    ck_assert_int_eq(hf_test_try_fsck(root, &options)->rc, HF_ERR_CANCELLED);
    ck_assert_uint_eq(hf_test_fsck(root, HF_TEST_FULL)->count, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_files");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, files_that_nothing_accounts_for_are_found_and_removed);
    tcase_add_test(tests, folders_that_are_no_store_s_are_found_and_removed);
    tcase_add_test(tests, folder_that_a_copy_left_out_is_made_again);
    tcase_add_test(tests, damaged_format_is_made_again);
    tcase_add_test(tests, empty_format_is_made_again);
    tcase_add_test(tests, missing_format_is_made_again);
    tcase_add_test(tests, newer_format_is_no_damage);
    tcase_add_test(tests, dead_transaction_is_unfinished);
    tcase_add_test(tests, living_transaction_is_no_finding);
    tcase_add_test(tests, check_can_be_cancelled);
    return hf_test_run("check_files", tests);
}
