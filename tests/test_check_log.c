/*
 * Proves that damage anywhere in the log or in a checkpoint is found and named, that repair mends
 * it without loss when it hit only one of the places where something is kept, that the next check
 * is clean, and that the store takes new images. Real losses: test_check_loss.c.
 */
#include "support/copy.h"
#include "support/damage.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>
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

/* Found in `path`; mended without loss. */
static void expect_mended(enum hf_finding_kind kind, const char *path)
{
    char kept[300];

    snprintf(kept, sizeof(kept), "%s", path);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), (int)kind, 0);
    ck_assert_str_eq(finding->path, kept);
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "after repair");
    hf_test_expect_all_whole(root);
    hf_test_expect_takes_more(root);
    hf_test_expect_clean(root, "after repair and a load");
}

/* --- one place -------------------------------------------------------------------------------- */

START_TEST(first_copy_of_a_header_is_mended)
{
    hf_test_flip(root, hf_test_newest(root, "wal", ".seg"), 50);
    expect_mended(HF_FINDING_LOG, hf_test_newest(root, "wal", ".seg"));
}
END_TEST

START_TEST(second_copy_of_a_header_is_mended)
{
    hf_test_flip(root, hf_test_newest(root, "wal", ".seg"), 4096 + 50);
    expect_mended(HF_FINDING_LOG, hf_test_newest(root, "wal", ".seg"));
}
END_TEST

START_TEST(commit_that_is_damaged_once_loses_nothing)
{
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", "name b:1");

    hf_test_flip(root, place.path, place.offset + 100);
    expect_mended(HF_FINDING_LOG, place.path);
}
END_TEST

START_TEST(second_writing_of_a_commit_that_is_damaged_loses_nothing)
{
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", "name b:1");
    uint64_t copy = (place.offset + place.length + 4095) / 4096 * 4096;

    hf_test_flip(root, place.path, copy + 100);
    expect_mended(HF_FINDING_LOG, place.path);
}
END_TEST

START_TEST(intent_that_is_damaged_loses_nothing_that_matters)
{
    struct hf_test_place place = hf_test_find_record(root, "INTENT", "load");

    hf_test_flip(root, place.path, place.offset + 20);
    expect_mended(HF_FINDING_LOG, place.path);
}
END_TEST

START_TEST(whole_block_of_records_may_be_lost_before_a_commit)
{
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", "name c:1");
    uint64_t block = place.offset / 4096 * 4096;

    hf_test_fill(root, place.path, block, 4096, 0);
    ck_assert_uint_gt(hf_test_fsck(root, HF_TEST_QUICK)->count, 0);
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "after repair");
    /* Its second writing is in another block. */
    hf_test_expect_all_whole(root);
}
END_TEST

START_TEST(damage_before_the_checkpoint_loses_nothing)
{
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", "name b:1");

    hf_test_make_checkpoints(root, 2);
    hf_test_fill(root, place.path, place.offset, 4096, 0xff);
    hf_test_fill(root, place.path, place.offset + 4096, 4096, 0xff);
    hf_test_expect_mended_whole(root);
}
END_TEST

/* --- checkpoints ------------------------------------------------------------------------------ */

START_TEST(every_block_of_the_newest_checkpoint_can_be_mended)
{
    for (uint64_t off = 20; off < 3 * 4096; off += 4096) {
        hf_test_make_checkpoints(root, 2);
        hf_test_flip(root, hf_test_newest(root, "catalog", ".ckpt"), off);
        expect_mended(HF_FINDING_CHECKPOINT, hf_test_newest(root, "catalog", ".ckpt"));
        ck_assert_uint_eq(hf_test_count_files(root, "catalog"), 2);
    }
}
END_TEST

START_TEST(older_checkpoint_that_is_damaged_is_replaced)
{
    char newest[300], hidden[1024], older[300], back[1024];

    hf_test_make_checkpoints(root, 2);
    snprintf(newest, sizeof(newest), "%s", hf_test_newest(root, "catalog", ".ckpt"));
    snprintf(back, sizeof(back), "%s", hf_test_in(root, newest));
    snprintf(hidden, sizeof(hidden), "%s", hf_test_in(root, "hidden"));
    ck_assert_int_eq(rename(back, hidden), 0);
    snprintf(older, sizeof(older), "%s", hf_test_newest(root, "catalog", ".ckpt"));
    ck_assert_int_eq(rename(hidden, back), 0);
    hf_test_flip(root, older, 4096 + 20);
    expect_mended(HF_FINDING_CHECKPOINT, older);
    ck_assert_uint_eq(hf_test_count_files(root, "catalog"), 2);
}
END_TEST

START_TEST(checkpoint_that_was_cut_is_replaced)
{
    hf_test_make_checkpoints(root, 2);
    hf_test_cut(root, hf_test_newest(root, "catalog", ".ckpt"), 4096);
    expect_mended(HF_FINDING_CHECKPOINT, hf_test_newest(root, "catalog", ".ckpt"));
}
END_TEST

START_TEST(both_checkpoints_damaged_never_gives_an_empty_store)
{
    struct hf_store *store = NULL;
    char newest[300];
    unsigned blobs = hf_test_count_files(root, "blobs/sha256");

    hf_test_make_checkpoints(root, 3);
    snprintf(newest, sizeof(newest), "%s", hf_test_newest(root, "catalog", ".ckpt"));
    hf_test_cut(root, newest, 4096);
    char from[1024], to[1024];
    snprintf(from, sizeof(from), "%s", hf_test_in(root, newest));
    snprintf(to, sizeof(to), "%s", hf_test_in(root, "hidden"));
    ck_assert_int_eq(rename(from, to), 0);
    hf_test_cut(root, hf_test_newest(root, "catalog", ".ckpt"), 4096);
    ck_assert_int_eq(rename(to, from), 0);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_CHECKPOINT,
                         HF_FINDING_CHECKPOINT, 0);
    ck_assert_uint_gt(hf_test_repair(root, HF_TEST_QUICK, NULL)->report.left, 0);
    ck_assert_int_eq(hf_test_open(hf_io_posix(), root, HF_OPEN_CREATE, &store, NULL),
                     HF_ERR_CORRUPT);
    ck_assert_uint_eq(hf_test_count_files(root, "blobs/sha256"), blobs);
}
END_TEST

/* --- everywhere ------------------------------------------------------------------------------- */

/* Rot of 16 bytes at many places of the log: never a crash, never an empty store, always clean or
 * contained afterwards. */
START_TEST(rot_anywhere_in_the_log_is_survived)
{
    char path[300], kept[300];

    snprintf(path, sizeof(path), "%s", hf_test_newest(root, "wal", ".seg"));
    snprintf(kept, sizeof(kept), "%s.kept", root);
    struct hf_test_place last = hf_test_find_record(root, "DONE", "txn");
    hf_test_copy_dir(root, kept);
    for (uint64_t off = 0; off < last.offset + 4096; off += 488) {
        hf_test_replace_dir(kept, root);
        hf_test_fill(root, path, off, 16, 0x5a);
        hf_test_repair(root, HF_TEST_FULL, NULL);
        const struct hf_test_findings *found = hf_test_fsck(root, HF_TEST_FULL);
        if (found->count > 0)
            ck_abort_msg("rot at %llu: kind %d: %s: %s", (unsigned long long)off,
                         found->items[0].kind, found->items[0].path, found->items[0].message);
        struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
        /* 16 bytes never hit both writings of a COMMIT. */
        ck_assert(hf_test_has_name(store, "a:1", NULL));
        ck_assert(hf_test_has_name(store, "b:1", NULL));
        ck_assert(hf_test_has_name(store, "c:1", NULL));
        hf_test_read_all(store);
        hf_test_must_close(store);
        hf_test_check(root, HF_CHECKER_RECOVERED, "after rot");
    }
    hf_test_remove_dir(kept);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_log");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, first_copy_of_a_header_is_mended);
    tcase_add_test(tests, second_copy_of_a_header_is_mended);
    tcase_add_test(tests, commit_that_is_damaged_once_loses_nothing);
    tcase_add_test(tests, second_writing_of_a_commit_that_is_damaged_loses_nothing);
    tcase_add_test(tests, intent_that_is_damaged_loses_nothing_that_matters);
    tcase_add_test(tests, whole_block_of_records_may_be_lost_before_a_commit);
    tcase_add_test(tests, damage_before_the_checkpoint_loses_nothing);
    tcase_add_test(tests, every_block_of_the_newest_checkpoint_can_be_mended);
    tcase_add_test(tests, older_checkpoint_that_is_damaged_is_replaced);
    tcase_add_test(tests, checkpoint_that_was_cut_is_replaced);
    tcase_add_test(tests, both_checkpoints_damaged_never_gives_an_empty_store);
    tcase_add_test(tests, rot_anywhere_in_the_log_is_survived);
    return hf_test_run("check_log", tests);
}
