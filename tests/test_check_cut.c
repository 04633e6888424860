/*
 * Proves that a repair may be cut at any change it makes, and that any call of it may fail: another
 * repair then ends as the first would have, and nothing but what was damaged is touched. And that
 * what the disk refuses to read is treated as damaged, and what can't be looked at for want of
 * descriptors is not.
 */
#include "support/copy.h"
#include "support/damage.h"
#include "support/suite.h"

#include "fsck/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANGES                                                                                    \
    (HF_TEST_SYNCS | HF_TEST_OP_BIT(HF_TEST_WRITE) | HF_TEST_OP_BIT(HF_TEST_LINK) |                \
     HF_TEST_OP_BIT(HF_TEST_RENAME) | HF_TEST_OP_BIT(HF_TEST_UNLINK) |                             \
     HF_TEST_OP_BIT(HF_TEST_MKDIR) | HF_TEST_OP_BIT(HF_TEST_TRUNCATE))

static char root[256], damaged[300];
static struct hf_test_watch watch;

static void setup(void)
{
    hf_test_damage_setup(root);
    snprintf(damaged, sizeof(damaged), "%s.damaged", root);
    hf_test_watch_init(&watch, root);
    watch.skips_sync = true;
    watch.forgets = true;
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(root);
    hf_test_remove_dir(damaged);
}

static int repair_watched(void)
{
    const struct hf_fsck_options fsck = {.full = true, .repair = true};
    const struct hf_check_options options = {.fsck = &fsck, .rescue_prefix = "localhost/x@"};
    struct hf_fsck_report report;

    return hf_store_check(&watch.io, root, &options, &report, NULL);
}

/* False: the repair had come to its end before the n-th change. */
static bool repair_is_cut_at(unsigned n)
{
    pid_t child = fork();
    int status = 0;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        hf_test_watch_fail(&watch, n, HF_TEST_EXITS, 0, false);
        (void)repair_watched();
        _exit(watch.failed > 0 ? 1 : 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void survive_cuts(void (*expect)(void))
{
    unsigned n = 1;

    hf_test_replace_dir(root, damaged);
    hf_test_watch_match(&watch, CHANGES, "");
    while (repair_is_cut_at(n)) {
        (void)hf_test_repair(root, HF_TEST_FULL, NULL);
        expect();
        hf_test_replace_dir(damaged, root);
        n++;
    }
    ck_assert_uint_gt(n, 3);
    expect();
}

/* Every third call, of any kind, so that it does not take too long. */
static void survive_failures(void (*expect)(void), int number)
{
    hf_test_replace_dir(root, damaged);
    hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
    for (unsigned n = 1;; n += 3) {
        hf_test_watch_restart(&watch);
        hf_test_watch_fail(&watch, n, HF_TEST_FAILS, -number, false);
        (void)repair_watched();
        bool failed = watch.failed > 0;
        (void)hf_test_repair(root, HF_TEST_FULL, NULL);
        expect();
        if (!failed)
            break;
        hf_test_replace_dir(damaged, root);
    }
}

/* --- what is damaged, and how it must end ----------------------------------------------------- */

static void damage_blob(void)
{
    hf_test_flip(root, hf_test_blob_of("only in a"), 3);
}

static void expect_blob_contained(void)
{
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_KNOWN_DAMAGE, 0);

    ck_assert_str_eq(finding->path, hf_test_blob_of("only in a"));
    ck_assert(!hf_test_exists(root, hf_test_blob_of("only in a")));
    ck_assert_uint_gt(hf_test_count_files(root, "quarantine"), 0);
    hf_test_check(root, HF_CHECKER_RECOVERED, "contained");
    hf_test_expect_whole(root, &hf_test_image_b);
    hf_test_expect_whole(root, &hf_test_image_c);
}

/* A good copy is in quarantine. */
static void damage_blob_curably(void)
{
    damage_blob();
    hf_test_repair(root, HF_TEST_FULL, NULL);
    hf_test_flip(root, hf_test_newest(root, "quarantine", ""), 3);
}

static void expect_whole(void)
{
    hf_test_expect_clean(root, "mended");
    hf_test_expect_all_whole(root);
}

static void damage_log(void)
{
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", "name b:1");
    uint64_t second = (place.offset + place.length + 4095) / 4096 * 4096;

    hf_test_fill(root, place.path, place.offset, place.length, 0xff);
    hf_test_fill(root, place.path, second, place.length, 0xff);
}

static void expect_log_mended(void)
{
    hf_test_expect_clean(root, "mended");
    hf_test_expect_whole(root, &hf_test_image_a);
    hf_test_expect_whole(root, &hf_test_image_c);
    /* The two objects that the lost record told of are kept. */
    ck_assert_uint_ge(hf_test_count_files(root, "quarantine"), 2);
}

static void damage_checkpoint(void)
{
    hf_test_make_checkpoints(root, 2);
    hf_test_flip(root, hf_test_newest(root, "catalog", ".ckpt"), 4096 + 30);
}

static void damage_header(void)
{
    hf_test_flip(root, hf_test_newest(root, "wal", ".seg"), 30);
}

static void damage_format(void)
{
    hf_test_cut(root, "FORMAT", 10);
}

static void add_residue(void)
{
    hf_test_add_file(root, "stray", "stray");
    hf_test_add_file(root, hf_test_blob_of("stray"), "stray");
}

static const struct scenario {
    void (*damage)(void);
    void (*expect)(void);
} scenarios[] = {
    {damage_blob, expect_blob_contained}, {damage_blob_curably, expect_whole},
    {damage_log, expect_log_mended},      {damage_checkpoint, expect_whole},
    {damage_header, expect_whole},        {damage_format, expect_whole},
    {add_residue, expect_whole},
};
#define SCENARIO_COUNT (int)(sizeof(scenarios) / sizeof(scenarios[0]))

START_TEST(repair_may_be_cut_at_every_change)
{
    scenarios[_i].damage();
    survive_cuts(scenarios[_i].expect);
}
END_TEST

START_TEST(any_call_of_a_repair_may_fail)
{
    scenarios[_i].damage();
    survive_failures(scenarios[_i].expect, EIO);
}
END_TEST

/* --- what the disk refuses to read ------------------------------------------------------------ */

/* Reads of a file fail for good, until it is gone. */
static void expect_survived_without(const char *path)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_READ), path);
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    ck_assert_int_eq(repair_watched(), 0);
    ck_assert_uint_gt(watch.failed, 0);
    hf_test_replace_dir(root, damaged);
    expect_whole();
}

START_TEST(segment_that_cannot_be_read_is_gone_past)
{
    hf_test_make_checkpoints(root, 1);
    expect_survived_without(hf_test_newest(root, "wal", ".seg"));
}
END_TEST

START_TEST(checkpoint_that_cannot_be_read_is_replaced)
{
    hf_test_make_checkpoints(root, 2);
    expect_survived_without(hf_test_newest(root, "catalog", ".ckpt"));
}
END_TEST

/* Without any repair: the older one and the log say the same. */
START_TEST(store_opens_beside_a_checkpoint_that_cannot_be_read)
{
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);

    hf_test_make_checkpoints(root, 2);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_READ),
                        hf_test_newest(root, "catalog", ".ckpt"));
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    int rc = hf_test_open(&watch.io, root, HF_OPEN_READ_ONLY, &store, &err);
    ck_assert_msg(rc == 0, "cannot open: %s", err.message);
    ck_assert_uint_gt(watch.failed, 0);
    ck_assert(hf_test_has_name(store, "a:1", &a));
    ck_assert_int_eq(hf_store_close(store, NULL), 0);
    hf_test_replace_dir(root, damaged);
}
END_TEST

static void tag(const char *name)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest top = hf_test_top_of(&hf_test_image_a);

    ck_assert_int_eq(hf_test_tag(store, name, &top, NULL), 0);
    hf_test_must_close(store);
}

/* Of the log since the newest checkpoint one record is lost for good, and one is not. */
static void damage_one_of_two_records(void)
{
    hf_test_make_checkpoints(root, 2);
    tag("lost:1");
    tag("kept:1");
    struct hf_test_place place = hf_test_find_record(root, "COMMIT", "name lost:1");
    uint64_t second = (place.offset + place.length + 4095) / 4096 * 4096;
    hf_test_fill(root, place.path, place.offset, place.length, 0xff);
    hf_test_fill(root, place.path, second, place.length, 0xff);
}

static void expect_one_of_two_records(void)
{
    expect_whole();
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_ONLY);
    ck_assert(hf_test_has_name(store, "kept:1", NULL));
    hf_test_must_close(store);
}

/*
 * What can't be looked at for want of descriptors is not damaged: a repair that replaced it would
 * lose what is good. Once, and for good.
 */
START_TEST(want_of_descriptors_is_no_damage)
{
    bool failed = true;

    if (_i < 2)
        hf_test_make_checkpoints(root, 2);
    else
        damage_one_of_two_records();
    hf_test_replace_dir(root, damaged);
    for (unsigned n = 1; failed; n += _i < 2 ? 4 : 1) {
        hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_OPEN) | HF_TEST_OP_BIT(HF_TEST_LIST),
                            "");
        hf_test_watch_fail(&watch, n, HF_TEST_FAILS, -EMFILE, _i % 2 == 1);
        int rc = repair_watched();
        failed = watch.failed > 0;
        if (!failed)
            ck_assert_int_eq(rc, 0);
        if (_i >= 2) {
            (void)hf_test_repair(root, HF_TEST_FULL, NULL);
            expect_one_of_two_records();
        } else {
            expect_whole();
        }
        ck_assert_uint_eq(hf_test_count_files(root, "quarantine"), 0);
        ck_assert_uint_ge(hf_test_count_files(root, "catalog"), 2);
        hf_test_replace_dir(damaged, root);
    }
}
END_TEST

static const uint32_t unreadable[] = {
    HF_TEST_OP_BIT(HF_TEST_READ),
    HF_TEST_OP_BIT(HF_TEST_OPEN),
};

START_TEST(bytes_that_cannot_be_read_are_damaged)
{
    char blob[HF_PATH_MAX];

    strcpy(blob, hf_test_blob_of("only in a"));
    hf_test_watch_match(&watch, unreadable[_i], blob);
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    ck_assert_int_eq(repair_watched(), 0);
    hf_test_replace_dir(root, damaged);
    expect_blob_contained();
    /* The disk reads it well again. */
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_FULL, NULL));
    expect_whole();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_cut");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, repair_may_be_cut_at_every_change, 0, SCENARIO_COUNT);
    tcase_add_loop_test(tests, any_call_of_a_repair_may_fail, 0, SCENARIO_COUNT);
    tcase_add_test(tests, segment_that_cannot_be_read_is_gone_past);
    tcase_add_test(tests, checkpoint_that_cannot_be_read_is_replaced);
    tcase_add_test(tests, store_opens_beside_a_checkpoint_that_cannot_be_read);
    tcase_add_loop_test(tests, want_of_descriptors_is_no_damage, 0, 4);
    tcase_add_loop_test(tests, bytes_that_cannot_be_read_are_damaged, 0,
                        sizeof(unreadable) / sizeof(unreadable[0]));
    return hf_test_run("check_cut", tests);
}
