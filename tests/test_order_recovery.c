/*
 * Proves the order of the durable steps of recovery (src/store/FORMAT.md 6), by watching every
 * call: what was committed is published, durably, before it is called done.
 */
#include "support/order.h"

#include <errno.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    err = (struct hf_error){0};
    store = hf_test_order_setup(&watch, path);
}

static void teardown(void)
{
    hf_test_order_teardown(store, &watch, path);
}

START_TEST(recovery_publishes_step_by_step_what_was_committed)
{
    /* Every link fails: it stays committed and unfinished. */
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LINK), "");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    hf_test_must_close(store);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    size_t published = hf_test_need_sync(0, "blobs/sha256");
    hf_test_assert_order(hf_test_last(HF_TEST_LINK, "blobs/sha256/"), published);
    size_t done = hf_test_need_record(0, HF_WAL_DONE);
    hf_test_assert_order(published, done);
    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_UNLINK, "staging/0/")) != HF_TEST_NONE; i++)
        hf_test_assert_order(published, i);
    /* The recovered state is durable when opening returns. */
    hf_test_assert_order(done, hf_test_need(done, HF_TEST_FDATASYNC, ".seg"));
    ck_assert(hf_test_is_locked_at(done, HF_WAL_LOCK_RECOVERY));
    ck_assert_uint_eq(hf_store_recovery(store)->entry_count, 1);
    ck_assert_int_eq(hf_store_recovery(store)->entries[0].outcome, HF_RECOVERY_REPLAYED);
    ck_assert_uint_eq(hf_store_recovery(store)->entries[0].files, 3);
}
END_TEST

/* A link that is there may come from a sync that failed: it is made anew, and synced. */
START_TEST(a_link_whose_folder_could_not_be_synced_is_made_anew)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FSYNC), "blobs/sha256");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, false);
    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_must_close(store);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    unsigned made = 0;
    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_RENAME, "trash/")) != HF_TEST_NONE; i++, made++)
        hf_test_assert_order(hf_test_next(i, HF_TEST_LINK, "blobs/sha256/"),
                             hf_test_need_sync(0, "blobs/sha256"));
    ck_assert_uint_eq(made, 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("order_recovery");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, recovery_publishes_step_by_step_what_was_committed);
    tcase_add_test(tests, a_link_whose_folder_could_not_be_synced_is_made_anew);
    return hf_test_run("order_recovery", tests);
}
