/*
 * Proves that damaged bytes of objects are found and named by the check, that repair mends or
 * contains them, that other images are unaffected, and that nothing is found in a healthy store.
 * Other files: test_check_files.c. The log and checkpoints: test_check_log.c. Entries that
 * contradict each other: test_check_catalog.c.
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

START_TEST(healthy_store_gives_no_finding)
{
    hf_test_expect_clean(root, "a healthy store");
    const struct hf_test_findings *found = hf_test_fsck(root, HF_TEST_FULL);
    ck_assert_uint_eq(found->report.objects_checked, 7);
    ck_assert_uint_gt(found->report.bytes_checked, 0);
    ck_assert_uint_eq(hf_test_repair(root, HF_TEST_FULL, NULL)->count, 0);
    hf_test_expect_clean(root, "after a repair that had nothing to do");
}
END_TEST

START_TEST(checking_writes_nothing)
{
    struct stat before, after;

    ck_assert_int_eq(stat(hf_test_in(root, "shared"), &before), 0);
    ck_assert_uint_eq(hf_test_fsck(root, HF_TEST_FULL)->count, 0);
    ck_assert_int_eq(stat(hf_test_in(root, "shared"), &after), 0);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}
END_TEST

START_TEST(no_store_can_not_be_checked)
{
    const struct hf_fsck_options options = {0}, repair = {.repair = true};
    char empty[256];

    hf_test_make_dir(empty);
    ck_assert_int_eq(hf_test_try_fsck("/nowhere/at/all", &options)->rc, HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_test_try_fsck(empty, &options)->rc, HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_test_try_fsck(empty, &repair)->rc, HF_ERR_NOT_FOUND);
    ck_assert_uint_eq(hf_test_count_files(empty, "."), 0);
    hf_test_remove_dir(empty);
}
END_TEST

/* --- bytes ------------------------------------------------------------------------------------ */

static void expect_hits_a(const struct hf_test_finding *finding, const char *part)
{
    ck_assert_str_eq(finding->path, hf_test_blob_of(part));
    ck_assert_str_eq(finding->names, "a:1");
}

static void expect_contained(enum hf_finding_kind kind, const char *part)
{
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_repair(root, HF_TEST_FULL, NULL), (int)kind, 0);

    ck_assert(!finding->repaired);
    finding = hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_KNOWN_DAMAGE, 0);
    expect_hits_a(finding, part);
    hf_test_check(root, HF_CHECKER_RECOVERED, "contained");
    hf_test_expect_whole(root, &hf_test_image_b);
    hf_test_expect_whole(root, &hf_test_image_c);
}

START_TEST(wrong_byte_is_found_by_a_full_check_only)
{
    hf_test_flip(root, hf_test_blob_of("only in a"), 3);
    ck_assert_uint_eq(hf_test_fsck(root, HF_TEST_QUICK)->count, 0);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_CONTENT, 0);
    expect_hits_a(finding, "only in a");
    expect_contained(HF_FINDING_CONTENT, "only in a");
    ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 1);
    ck_assert(!hf_test_exists(root, hf_test_blob_of("only in a")));
}
END_TEST

START_TEST(shared_damage_names_all_images_it_hits)
{
    hf_test_flip(root, hf_test_blob_of("shared"), 0);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_CONTENT, 0);
    ck_assert(strcmp(finding->names, "a:1 b:1") == 0 || strcmp(finding->names, "b:1 a:1") == 0);
}
END_TEST

START_TEST(file_that_was_cut_is_found_by_its_size)
{
    hf_test_cut(root, hf_test_blob_of("only in a"), 4);
    expect_hits_a(hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_SIZE, 0),
                  "only in a");
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_SIZE, 0);
    expect_contained(HF_FINDING_SIZE, "only in a");
    ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 1);
}
END_TEST

START_TEST(missing_file_is_found)
{
    ck_assert_int_eq(unlink(hf_test_in(root, hf_test_blob_of("only in a"))), 0);
    expect_hits_a(hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_MISSING, 0),
                  "only in a");
    expect_contained(HF_FINDING_MISSING, "only in a");
    ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 0);
}
END_TEST

START_TEST(folder_in_place_of_a_file_is_both_missing_and_residue)
{
    ck_assert_int_eq(unlink(hf_test_in(root, hf_test_blob_of("only in a"))), 0);
    ck_assert_int_eq(mkdir(hf_test_in(root, hf_test_blob_of("only in a")), 0700), 0);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_MISSING, HF_FINDING_RESIDUE,
                         0);
    hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_KNOWN_DAMAGE, 0);
    hf_test_check(root, HF_CHECKER_RECOVERED, "contained");
}
END_TEST

START_TEST(damaged_object_found_good_again_becomes_present)
{
    const char *blob = hf_test_blob_of("only in a");

    hf_test_flip(root, blob, 3);
    hf_test_repair(root, HF_TEST_FULL, NULL);
    /* A disk that reads well again: the file comes back as it was. */
    hf_test_add_file(root, blob, "only in a");
    const struct hf_test_findings *found = hf_test_repair(root, HF_TEST_QUICK, NULL);
    hf_test_expect_found(found, HF_FINDING_KNOWN_DAMAGE, 0);
    hf_test_expect_all_repaired(found);
    hf_test_expect_clean(root, "good again");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(what_is_good_in_quarantine_comes_back)
{
    hf_test_flip(root, hf_test_blob_of("only in a"), 3);
    hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_flip(root, hf_test_newest(root, "quarantine", ""), 3); /* back */
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "healed from quarantine");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(another_store_gives_good_copies)
{
    char other[256];

    hf_test_damage_setup(other);
    hf_test_flip(root, hf_test_blob_of("only in a"), 3);
    ck_assert_int_eq(unlink(hf_test_in(root, hf_test_blob_of("shared"))), 0);
    const struct hf_test_findings *found = hf_test_repair(root, HF_TEST_FULL, other);
    hf_test_expect_found(found, HF_FINDING_CONTENT, HF_FINDING_MISSING, 0);
    hf_test_expect_all_repaired(found);
    hf_test_expect_clean(root, "healed from another store");
    hf_test_expect_whole(root, &hf_test_image_a);
    ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 0);
    hf_test_expect_clean(other, "the other store");
    hf_test_remove_dir(other);
}
END_TEST

START_TEST(wrong_copy_of_another_store_is_not_taken)
{
    char other[256];

    hf_test_damage_setup(other);
    hf_test_flip(root, hf_test_blob_of("only in a"), 3);
    hf_test_flip(other, hf_test_blob_of("only in a"), 3);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_repair(root, HF_TEST_FULL, other), HF_FINDING_CONTENT, 0);
    ck_assert(!finding->repaired);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_KNOWN_DAMAGE, 0);
    hf_test_check(root, HF_CHECKER_RECOVERED, "contained");
    hf_test_remove_dir(other);
}
END_TEST

START_TEST(source_that_is_not_there_is_told_before_anything_is_done)
{
    const char *from = "/nowhere/at/all";
    const struct hf_fsck_options options = {.repair = true, .from = &from, .from_count = 1};

    hf_test_flip(root, hf_test_blob_of("only in a"), 3);
    ck_assert_int_eq(hf_test_try_fsck(root, &options)->rc, HF_ERR_NOT_FOUND);
    ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, healthy_store_gives_no_finding);
    tcase_add_test(tests, checking_writes_nothing);
    tcase_add_test(tests, no_store_can_not_be_checked);
    tcase_add_test(tests, wrong_byte_is_found_by_a_full_check_only);
    tcase_add_test(tests, shared_damage_names_all_images_it_hits);
    tcase_add_test(tests, file_that_was_cut_is_found_by_its_size);
    tcase_add_test(tests, missing_file_is_found);
    tcase_add_test(tests, folder_in_place_of_a_file_is_both_missing_and_residue);
    tcase_add_test(tests, damaged_object_found_good_again_becomes_present);
    tcase_add_test(tests, what_is_good_in_quarantine_comes_back);
    tcase_add_test(tests, another_store_gives_good_copies);
    tcase_add_test(tests, wrong_copy_of_another_store_is_not_taken);
    tcase_add_test(tests, source_that_is_not_there_is_told_before_anything_is_done);
    return hf_test_run("check", tests);
}
