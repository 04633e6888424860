/*
 * Proves that records and segments of the log which are lost for good are told, and that whatever
 * is lost, the result is never an empty store, no name is dropped, and no bytes are deleted that
 * may be an image's. Damage without loss: test_check_log.c.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
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

/* --- real loss -------------------------------------------------------------------------------- */

/* Both writings of the COMMIT that loaded `name`. */
static void lose_commit(const char *text)
{
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", text);
    uint64_t copy = (place.offset + place.length + 4095) / 4096 * 4096;

    hf_test_fill(root, place.path, place.offset, place.length, 0xff);
    hf_test_fill(root, place.path, copy, place.length, 0xff);
}

START_TEST(store_with_a_lost_commit_opens_read_only_at_the_last_good_position)
{
    struct hf_store *store = NULL;
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);

    lose_commit("name b:1");
    ck_assert_int_eq(hf_test_open(hf_io_posix(), root, HF_OPEN_READ_WRITE, &store, NULL), 0);
    ck_assert_int_eq(hf_store_damage(store, NULL), HF_ERR_CORRUPT);
    ck_assert(hf_store_is_read_only(store));
    ck_assert(hf_test_has_name(store, "a:1", &a));
    ck_assert(!hf_test_has_name(store, "c:1", NULL));
    ck_assert_int_ne(hf_test_tag(store, "x:1", &a, NULL), 0);
    ck_assert_int_eq(hf_store_close(store, NULL), 0);
}
END_TEST

START_TEST(check_of_a_cut_log_calls_nothing_residue)
{
    lose_commit("name b:1");
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_LOG, 0);
    /* Who tried to write has been there too. */
    struct hf_store *store = NULL;
    ck_assert_int_eq(hf_test_open(hf_io_posix(), root, HF_OPEN_READ_WRITE, &store, NULL), 0);
    ck_assert_int_eq(hf_store_close(store, NULL), 0);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_LOG, 0);
}
END_TEST

START_TEST(lost_commit_is_told_and_its_bytes_are_kept)
{
    bool told = false;

    lose_commit("name b:1");
    const struct hf_test_findings *found = hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_expect_all_repaired(found);
    for (size_t i = 0; i < found->count; i++)
        told = told || (found->items[i].kind == HF_FINDING_LOG &&
                        strstr(found->items[i].message, "is lost") &&
                        strstr(found->items[i].message, "load file"));
    ck_assert_msg(told, "it was not told what is lost");
    hf_test_expect_clean(root, "after repair");
    hf_test_expect_whole(root, &hf_test_image_a);
    hf_test_expect_whole(root, &hf_test_image_c);
    /* What b:1 alone had is set aside: its top object and its own part. */
    ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 2);
    hf_test_expect_takes_more(root);
    /* Loading it again is all it takes. */
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    ck_assert_int_eq(hf_test_load(store, &hf_test_image_b, NULL), 0);
    hf_test_must_close(store);
    hf_test_expect_clean(root, "loaded again");
    hf_test_expect_all_whole(root);
}
END_TEST

START_TEST(object_of_a_lost_commit_that_others_use_is_put_again)
{
    lose_commit("name a:1"); /* which brought "shared" */
    hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_expect_clean(root, "after repair");
    hf_test_expect_whole(root, &hf_test_image_b);
    hf_test_expect_whole(root, &hf_test_image_c);
}
END_TEST

START_TEST(name_whose_object_was_lost_is_never_dropped)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);

    ck_assert_int_eq(hf_test_tag(store, "other:1", &a, NULL), 0);
    hf_test_must_close(store);
    lose_commit("name a:1");
    hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_expect_clean(root, "after repair");
    store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    ck_assert(hf_test_has_name(store, "other:1", &a));
    hf_test_must_close(store);
}
END_TEST

START_TEST(image_whose_only_name_was_lost_gets_one)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);
    char text[HF_DIGEST_TEXT_MAX], name[300];

    ck_assert_int_eq(hf_test_tag(store, "second:1", &a, NULL), 0);
    ck_assert_int_eq(hf_test_untag(store, "a:1", NULL), 0);
    hf_test_must_close(store);
    lose_commit("+ name second:1");
    hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_expect_clean(root, "after repair");
    store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    snprintf(name, sizeof(name), "localhost/recovered@%s", hf_digest_text(&a, text));
    ck_assert(hf_test_has_name(store, name, &a));
    ck_assert(hf_test_has(store, "only in a"));
    hf_test_must_close(store);
}
END_TEST

/* --- whole files ------------------------------------------------------------------------------ */

START_TEST(segment_without_a_valid_header_is_gone_past)
{
    char path[300];

    hf_test_make_checkpoints(root, 1);
    snprintf(path, sizeof(path), "%s", hf_test_newest(root, "wal", ".seg"));
    hf_test_flip(root, path, 50);
    hf_test_flip(root, path, 4096 + 50);
    hf_test_expect_mended_whole(root);
}
END_TEST

START_TEST(log_that_is_gone_is_begun_anew_from_the_checkpoint)
{
    hf_test_make_checkpoints(root, 2);
    for (const char *path = hf_test_newest(root, "wal", ".seg"); path[0] != '\0';
         path = hf_test_newest(root, "wal", ".seg"))
        ck_assert_int_eq(unlink(hf_test_in(root, path)), 0);
    hf_test_expect_mended_whole(root);
}
END_TEST

START_TEST(log_that_is_gone_without_a_checkpoint_never_gives_an_empty_store)
{
    struct hf_store *store = NULL;
    unsigned blobs = hf_test_count_files(root, "blobs/sha256");

    for (const char *path = hf_test_newest(root, "wal", ".seg"); path[0] != '\0';
         path = hf_test_newest(root, "wal", ".seg"))
        ck_assert_int_eq(unlink(hf_test_in(root, path)), 0);
    for (int i = 0; i < 2; i++) {
        const struct hf_test_findings *found = hf_test_repair(root, HF_TEST_QUICK, NULL);
        ck_assert_uint_gt(found->report.left, 0);
        ck_assert_int_eq(hf_test_open(hf_io_posix(), root, HF_OPEN_CREATE, &store, NULL),
                         HF_ERR_CORRUPT);
        ck_assert_uint_eq(hf_test_count_files(root, "blobs/sha256"), blobs);
    }
}
END_TEST

START_TEST(log_folder_that_is_gone_never_gives_an_empty_store)
{
    struct hf_store *store = NULL;
    char from[1024];

    snprintf(from, sizeof(from), "%s", hf_test_in(root, "wal"));
    ck_assert_int_eq(rename(from, hf_test_in(root, "staging/wal")), 0);
    ck_assert_uint_gt(hf_test_fsck(root, HF_TEST_QUICK)->report.left, 0);
    ck_assert_uint_gt(hf_test_repair(root, HF_TEST_QUICK, NULL)->report.left, 0);
    ck_assert_int_eq(hf_test_open(hf_io_posix(), root, HF_OPEN_CREATE, &store, NULL),
                     HF_ERR_CORRUPT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_loss");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, store_with_a_lost_commit_opens_read_only_at_the_last_good_position);
    tcase_add_test(tests, check_of_a_cut_log_calls_nothing_residue);
    tcase_add_test(tests, lost_commit_is_told_and_its_bytes_are_kept);
    tcase_add_test(tests, object_of_a_lost_commit_that_others_use_is_put_again);
    tcase_add_test(tests, name_whose_object_was_lost_is_never_dropped);
    tcase_add_test(tests, image_whose_only_name_was_lost_gets_one);
    tcase_add_test(tests, segment_without_a_valid_header_is_gone_past);
    tcase_add_test(tests, log_that_is_gone_is_begun_anew_from_the_checkpoint);
    tcase_add_test(tests, log_that_is_gone_without_a_checkpoint_never_gives_an_empty_store);
    tcase_add_test(tests, log_folder_that_is_gone_never_gives_an_empty_store);
    return hf_test_run("check_loss", tests);
}
