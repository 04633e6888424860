/*
 * Proves that a failed sync is final (wal/FORMAT.md 3): for its handle, for all who wait for it,
 * and for its segment or spare, which another handle takes over and never syncs again.
 */
#include "wal/wal.h"

#include "support/log.h"
#include "support/suite.h"

#include <errno.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_test_log a, b, c;
static struct hf_error err;

static void setup(void)
{
    hf_test_log_setup(&a, &watch, path);
    err = (struct hf_error){0};
}

static void teardown(void)
{
    hf_test_log_teardown(&a, &watch, path);
}

static void fail_next_fdatasync(void)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FDATASYNC), "wal/");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, false);
}

START_TEST(a_failed_sync_is_final_for_its_handle_and_its_segment)
{
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_commit(&a, "acknowledged");
    hf_test_log_catch_up(&b);
    uint64_t end = hf_test_log_append(&a, HF_WAL_COMMIT, "unknown");
    hf_test_watch_restart(&watch);
    fail_next_fdatasync();
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), HF_ERR_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(watch.failed, 1);
    /* Never again, by whatever call. */
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), HF_ERR_OUTCOME_UNKNOWN);
    ck_assert_int_eq(hf_wal_lock(a.wal, &err), HF_ERR_FAILED);
    ck_assert_int_eq(hf_wal_append(a.wal, HF_WAL_COMMIT, 0, "x", 1, &end, &err), HF_ERR_FAILED);
    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, ""), 1);

    /* Another handle, in this process or another, does not believe that segment any more. */
    uint64_t position = a.records[1].position;
    hf_test_log_catch_up(&b);
    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, "0000000000000002.seg"),
                      1);
    ck_assert(hf_test_has_file(path, "wal/0000000000000003.seg"));
    hf_test_log_expect(&b, "acknowledged", "unknown", NULL);
    ck_assert_uint_eq(b.records[1].position, position);
    ck_assert_uint_eq(hf_wal_durable(b.wal), hf_wal_tail(b.wal));
    hf_test_log_commit(&b, "later");
    hf_test_log_open(&c, &watch.io, path);
    ck_assert(c.opened.regular);
    hf_test_log_expect(&c, "acknowledged", "unknown", "later", NULL);
    hf_test_log_close(&b);
    hf_test_log_close(&c);
}
END_TEST

START_TEST(who_waits_for_the_sync_of_another_thread_that_failed_is_told_so)
{
    uint64_t first = hf_test_log_append(&a, HF_WAL_COMMIT, "first");
    uint64_t second = hf_test_log_append(&a, HF_WAL_COMMIT, "second");

    fail_next_fdatasync();
    ck_assert_int_eq(hf_wal_sync(a.wal, first, &err), HF_ERR_OUTCOME_UNKNOWN);
    ck_assert_int_eq(hf_wal_sync(a.wal, second, &err), HF_ERR_OUTCOME_UNKNOWN);
}
END_TEST

START_TEST(another_handle_syncs_after_a_failed_sync_only_by_taking_over)
{
    hf_test_log_open(&b, &watch.io, path);
    uint64_t mine = hf_test_log_append(&b, HF_WAL_COMMIT, "b's");
    uint64_t end = hf_test_log_append(&a, HF_WAL_COMMIT, "a's");
    fail_next_fdatasync();
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), HF_ERR_OUTCOME_UNKNOWN);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_wal_sync(b.wal, mine, &err), 0);
    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, ""), 0);
    ck_assert_uint_ge(hf_test_log_count_events(&watch, HF_TEST_FSYNC, "wal/spare"), 1);
    ck_assert(hf_test_has_file(path, "wal/0000000000000003.seg"));
    hf_test_log_expect(&b, "b's", "a's", NULL);
    hf_test_log_close(&b);
}
END_TEST

START_TEST(a_sync_that_fails_while_a_segment_is_switched_is_final_too)
{
    static uint8_t payload[600000];
    uint64_t end = 0;

    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, 400000, &end, &err), 0);
    fail_next_fdatasync();
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, sizeof(payload), &end, &err),
                     HF_ERR_FAILED);
    ck_assert_int_eq(hf_wal_lock(a.wal, &err), HF_ERR_FAILED);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(!b.opened.regular);
    ck_assert_uint_eq(b.count, 1);
    hf_test_log_close(&b);
}
END_TEST

/* The kernel calls its pages clean now: another sync of the same file would succeed for nothing. */
START_TEST(a_spare_whose_sync_failed_is_not_used_again)
{
    static uint8_t payload[400000];
    uint64_t end = 0;

    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, sizeof(payload), &end, &err), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FSYNC), "wal/spare");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, false);
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, 300000, &end, &err), HF_ERR_IO);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, 300000, &end, &err), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    size_t named = hf_test_watch_find(&watch, 0, HF_TEST_RENAME, "0000000000000003.seg");
    ck_assert_uint_lt(named, watch.event_count);
    ck_assert_str_eq(watch.events[named].from, "wal/new");
    ck_assert_uint_eq(a.count, 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_failed_syncs");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_failed_sync_is_final_for_its_handle_and_its_segment);
    tcase_add_test(tests, who_waits_for_the_sync_of_another_thread_that_failed_is_told_so);
    tcase_add_test(tests, another_handle_syncs_after_a_failed_sync_only_by_taking_over);
    tcase_add_test(tests, a_sync_that_fails_while_a_segment_is_switched_is_final_too);
    tcase_add_test(tests, a_spare_whose_sync_failed_is_not_used_again);
    return hf_test_run("wal_failed_syncs", tests);
}
