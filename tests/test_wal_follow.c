/*
 * Proves what a handle sees and says of others (wal/FORMAT.md 3): a record that it could not take
 * is handed on again; a reader takes no lock, and follows while others take over; a job is done by
 * one at a time; an owner is alive until it disowns durably or dies.
 */
#include "wal/wal.h"

#include "support/log.h"
#include "support/suite.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* --- who reads -------------------------------------------------------------------------------- */

START_TEST(a_record_that_could_not_be_taken_is_handed_on_again)
{
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_commit(&a, "one");
    hf_test_log_commit(&a, "two");
    hf_test_log_commit(&a, "three");
    b.fail_fn_in = 2;
    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), HF_ERR_NO_MEMORY);
    hf_test_log_expect(&b, "one", NULL);
    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), 0);
    hf_test_log_expect(&b, "one", "two", "three", NULL);
    hf_test_log_commit(&a, "four");
    b.fail_fn_in = 1;
    ck_assert_int_eq(hf_wal_lock(b.wal, &err), HF_ERR_NO_MEMORY);
    hf_test_log_commit(&b, "five");
    hf_test_log_expect(&b, "one", "two", "three", "four", "five", NULL);
    hf_test_log_close(&b);
}
END_TEST

/* It is in the log and others apply it, but this handle could not: it must not go on. */
START_TEST(a_handle_that_could_not_take_its_own_record_is_failed)
{
    uint64_t end = 0;

    a.fail_fn_in = 1;
    ck_assert_int_eq(hf_test_log_append_bytes(&a, "x", 1, &end, &err), HF_ERR_OUTCOME_UNKNOWN);
    ck_assert_int_eq(hf_wal_lock(a.wal, &err), HF_ERR_FAILED);
}
END_TEST

START_TEST(a_reader_takes_no_lock_and_writes_nothing)
{
    hf_test_log_commit(&a, "one");
    ck_assert_int_eq(hf_wal_lock(a.wal, &err), 0); /* nobody may wait for this */
    hf_test_watch_restart(&watch);
    b.read_only = true;
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_expect(&b, "one", NULL);
    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), 0);
    uint64_t end = 0;
    ck_assert_int_eq(hf_wal_append(b.wal, HF_WAL_COMMIT, 0, "x", 1, &end, &err), HF_ERR_REFUSED);
    hf_test_log_close(&b);
    b.read_only = false;
    for (size_t i = 0; i < watch.event_count; i++) {
        enum hf_test_op op = watch.events[i].op;
        ck_assert(op == HF_TEST_OPEN || op == HF_TEST_CLOSE || op == HF_TEST_READ ||
                  op == HF_TEST_STAT || op == HF_TEST_LIST || op == HF_TEST_OTHER);
    }
    hf_wal_unlock(a.wal);
}
END_TEST

/* While a handle takes over, or died doing so, a reader that knew the log before is not misled. */
START_TEST(a_reader_follows_while_a_handle_that_was_behind_takes_over)
{
    static uint8_t payload[300000];
    uint64_t end = 0;

    hf_test_log_open(&b, &watch.io, path); /* stays in this segment */
    c.read_only = true;
    hf_test_log_open(&c, &watch.io, path);
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, sizeof(payload), &end, &err), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    hf_test_log_append(&a, HF_WAL_INTENT, "a's last");
    hf_test_log_close(&a);
    /* b finds `shared` irregular (SYNCING, and nobody does), and dies after it wrote SWITCHING. */
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        hf_test_log_open(&a, &watch.io, path);
        hf_test_log_append(&a, HF_WAL_INTENT, "x");
        hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FDATASYNC), "");
        hf_test_watch_fail(&watch, 1, HF_TEST_EXITS, 0, false);
        _exit(hf_wal_sync(a.wal, hf_wal_tail(a.wal), &err) == 0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 77);
    child = fork();
    if (child == 0) {
        hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_OPEN), "wal/");
        hf_test_watch_fail(&watch, 3, HF_TEST_EXITS, 0, false);
        _exit(hf_wal_lock(b.wal, &err) == 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 77);
    ck_assert_int_eq(hf_wal_refresh(c.wal, &err), 0);
    ck_assert_uint_ge(c.count, 12);
    hf_test_log_close(&c);
    hf_test_log_open(&c, &watch.io, path);
    ck_assert(!c.opened.corrupt);
    ck_assert_uint_ge(c.count, 12);
    hf_test_log_close(&c);
    c.read_only = false;
    hf_test_log_catch_up(&b);
    ck_assert_uint_eq(b.count, 14);
    hf_test_log_close(&b);
    hf_test_log_open(&a, &watch.io, path);
}
END_TEST

/* --- jobs and owners -------------------------------------------------------------------------- */

START_TEST(a_job_is_done_by_one_thread_or_process_at_a_time)
{
    bool got = false;

    hf_test_log_open(&b, &watch.io, path);
    ck_assert_int_eq(hf_wal_lock_job(a.wal, HF_WAL_LOCK_CHECKPOINT, true, &got, &err), 0);
    ck_assert(got);
    ck_assert_int_eq(hf_wal_lock_job(b.wal, HF_WAL_LOCK_CHECKPOINT, false, &got, &err), 0);
    ck_assert(!got);
    ck_assert_int_eq(hf_wal_lock_job(a.wal, HF_WAL_LOCK_CHECKPOINT, false, &got, &err), 0);
    ck_assert(!got); /* nor by another thread with this handle */
    ck_assert_int_eq(hf_wal_lock_job(a.wal, HF_WAL_LOCK_RECOVERY, false, &got, &err), 0);
    ck_assert(got);
    hf_wal_unlock_job(a.wal, HF_WAL_LOCK_RECOVERY);
    hf_wal_unlock_job(a.wal, HF_WAL_LOCK_CHECKPOINT);
    ck_assert_int_eq(hf_wal_lock_job(b.wal, HF_WAL_LOCK_CHECKPOINT, false, &got, &err), 0);
    ck_assert(got);
    hf_wal_unlock_job(b.wal, HF_WAL_LOCK_CHECKPOINT);
    hf_test_log_close(&b);
}
END_TEST

START_TEST(an_owner_is_alive_until_it_disowns_durably_or_dies)
{
    bool alive = false, got = true;
    uint64_t txn = 0, end = 0;

    hf_test_log_open(&b, &watch.io, path);
    ck_assert_int_eq(hf_test_log_try_append(&a, HF_WAL_INTENT, 0, "x", 1, &txn, &end, &err), 0);
    ck_assert_int_eq(hf_wal_is_alive(b.wal, txn, &alive, &err), 0);
    ck_assert(alive);
    ck_assert_int_eq(hf_wal_is_alive(a.wal, txn, &alive, &err), 0);
    ck_assert(alive);
    ck_assert_int_eq(hf_wal_try_own(b.wal, txn, &got, &err), 0);
    ck_assert(!got);
    ck_assert_int_eq(hf_wal_try_own(a.wal, txn, &got, &err), 0);
    ck_assert(!got);
    hf_wal_disown(a.wal, txn); /* it is not durable: b must not take a for dead */
    hf_test_log_catch_up(&b);
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
    ck_assert_int_eq(hf_wal_is_alive(a.wal, txn, &alive, &err), 0);
    ck_assert(!alive);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    ck_assert_int_eq(hf_wal_try_own(b.wal, txn, &got, &err), 0);
    ck_assert(got);
    hf_wal_disown(b.wal, txn);
    hf_test_log_close(&b);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_follow");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_record_that_could_not_be_taken_is_handed_on_again);
    tcase_add_test(tests, a_handle_that_could_not_take_its_own_record_is_failed);
    tcase_add_test(tests, a_reader_takes_no_lock_and_writes_nothing);
    tcase_add_test(tests, a_reader_follows_while_a_handle_that_was_behind_takes_over);
    tcase_add_test(tests, a_job_is_done_by_one_thread_or_process_at_a_time);
    tcase_add_test(tests, an_owner_is_alive_until_it_disowns_durably_or_dies);
    return hf_test_run("wal_follow", tests);
}
