/*
 * Proves when a checkpoint is taken without being asked for (src/store/FORMAT.md 4): the log since
 * the newest stays short, whether much is written or the system stops uncleanly again and again;
 * and a damaged one is replaced while what stands in for it is still there.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char root[256];
static struct hf_test_watch watch;

static void setup(void)
{
    hf_test_damage_setup(root);
    hf_test_watch_init(&watch, root);
    watch.skips_sync = true;
    watch.forgets = true;
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(root);
}

static void tag(struct hf_store *store, unsigned times)
{
    struct hf_digest top = hf_test_top_of(&hf_test_image_a);

    for (unsigned i = 0; i < times; i++) {
        ck_assert_int_eq(hf_test_tag(store, "passing:1", &top, NULL), 0);
        ck_assert_int_eq(hf_test_untag(store, "passing:1", NULL), 0);
    }
}

START_TEST(a_long_log_is_shortened)
{
    struct hf_store *store = hf_test_must_open(&watch.io, root, HF_OPEN_READ_WRITE);

    ck_assert_uint_eq(hf_test_count_files(root, "catalog"), 0);
    /* Each record takes two blocks. */
    tag(store, 700);
    hf_test_must_close(store);
    ck_assert_uint_eq(hf_test_count_files(root, "catalog"), 2);
    ck_assert_uint_le(hf_test_count_files(root, "wal"), 1 + 4);
    hf_test_expect_clean(root, "after a long log");
    hf_test_expect_all_whole(root);
}
END_TEST

START_TEST(unclean_stops_do_not_make_the_log_long)
{
    for (unsigned boot = 1; boot <= 40; boot++) {
        watch.boot[0] = (uint8_t)boot;
        struct hf_store *store = hf_test_must_open(&watch.io, root, HF_OPEN_READ_WRITE);
        tag(store, 1);
        hf_test_must_close(store);
    }
    ck_assert_uint_ge(hf_test_count_files(root, "catalog"), 1);
    ck_assert_uint_lt(hf_test_count_files(root, "wal"), 40);
    hf_test_expect_clean(root, "after unclean stops");
    hf_test_expect_all_whole(root);
}
END_TEST

START_TEST(a_damaged_checkpoint_is_replaced_by_who_meets_it)
{
    char damaged[300];

    hf_test_make_checkpoints(root, 2);
    (void)snprintf(damaged, sizeof(damaged), "%s", hf_test_newest(root, "catalog", ".ckpt"));
    hf_test_flip(root, damaged, 4096 + 30);
    struct hf_store *store = hf_test_must_open(&watch.io, root, HF_OPEN_READ_WRITE);
    tag(store, 1);
    hf_test_must_close(store);
    ck_assert_str_ne(hf_test_newest(root, "catalog", ".ckpt"), damaged);
    ck_assert(!hf_test_exists(root, damaged));
    hf_test_expect_all_whole(root);
}
END_TEST

/* Of a segment that can't be read nobody knows where it begins: it stays, and hinders nobody. */
START_TEST(a_segment_that_cannot_be_read_does_not_hinder_a_checkpoint)
{
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    char unreadable[300];

    hf_test_make_checkpoints(root, 1);
    for (unsigned boot = 1; boot <= 2; boot++) {
        (void)snprintf(unreadable, sizeof(unreadable), "%s", hf_test_newest(root, "wal", ".seg"));
        watch.boot[0] = (uint8_t)boot;
        store = hf_test_must_open(&watch.io, root, HF_OPEN_READ_WRITE);
        tag(store, 1);
        if (boot == 1)
            hf_test_must_close(store);
    }
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_READ), unreadable);
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    int rc = hf_store_checkpoint(store, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_uint_gt(watch.failed, 0);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert(hf_test_exists(root, unreadable));
    hf_test_must_close(store);
    hf_test_expect_clean(root, "after the disk reads again");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("retention");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_long_log_is_shortened);
    tcase_add_test(tests, unclean_stops_do_not_make_the_log_long);
    tcase_add_test(tests, a_damaged_checkpoint_is_replaced_by_who_meets_it);
    tcase_add_test(tests, a_segment_that_cannot_be_read_does_not_hinder_a_checkpoint);
    return hf_test_run("retention", tests);
}
