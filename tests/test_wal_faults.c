/*
 * Proves that whatever call fails, and however, once or for good, while a log is made, opened,
 * taken over, appended to or synced: what was acknowledged is there, what was refused is not, and
 * the log goes on. Deaths instead of failures: test_wal_deaths.c.
 */
#include "wal/wal.h"

#include "base/error.h"
#include "support/log.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_test_log a, b;
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

/* A log as new, so that each run makes the same calls. `a` is not open. */
static void begin_anew(void)
{
    if (a.wal != NULL)
        hf_test_log_close(&a);
    hf_test_remove_dir(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    memset(watch.boot, 0, sizeof(watch.boot));
    hf_test_log_create(&watch.io, path);
}

static const struct fault {
    enum hf_test_failure failure;
    int fail_errno;
    bool for_good;
} faults[] = {
    {HF_TEST_FAILS, -EIO, false},   {HF_TEST_FAILS, -EIO, true},    {HF_TEST_FAILS, -ENOSPC, false},
    {HF_TEST_FAILS, -ENOSPC, true}, {HF_TEST_LIES, -EIO, false},    {HF_TEST_LIES, -EIO, true},
    {HF_TEST_SHORT, 0, true},       {HF_TEST_FAILS, -EINTR, false},
};
#define FAULT_COUNT (int)(sizeof(faults) / sizeof(faults[0]))

static void begin_fault(int which, unsigned n)
{
    uint32_t ops = HF_TEST_ANY_OP;

    if (faults[which].fail_errno == -EINTR)
        ops &= ~(HF_TEST_SYNCS | HF_TEST_OP_BIT(HF_TEST_CLOSE));
    hf_test_watch_match(&watch, ops, "");
    hf_test_watch_fail(&watch, n, faults[which].failure, faults[which].fail_errno,
                       faults[which].for_good);
}

static unsigned end_fault(void)
{
    unsigned failed = watch.failed;

    hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    return failed;
}

/* Must it have succeeded? */
static bool is_harmless(int which)
{
    return faults[which].failure == HF_TEST_SHORT || faults[which].fail_errno == -EINTR;
}

START_TEST(an_append_and_a_sync_that_fail_at_any_call_lose_nothing_acknowledged)
{
    static uint8_t payload[400000] = "payload";
    bool is_done = false;

    watch.forgets = true;
    for (unsigned n = 1; !is_done; n++) {
        char text[32];
        uint64_t end = 0;
        begin_anew();
        hf_test_log_open(&b, &watch.io, path);
        ck_assert_int_eq(hf_test_log_append_bytes(&b, payload, sizeof(payload), &end, &err), 0);
        snprintf(text, sizeof(text), "before %u", n);
        hf_test_log_commit(&b, text);
        size_t before = b.count;

        begin_fault(_i, n);
        int appended =
            hf_test_log_append_bytes(&b, payload, n % 2 ? sizeof(payload) : 100, &end, &err);
        int synced = appended == 0 ? hf_wal_sync(b.wal, end, &err) : 0;
        unsigned failed = end_fault();
        is_done = failed == 0;
        if (is_done || is_harmless(_i))
            ck_assert_msg(appended == 0 && synced == 0, "call %u: %s", n, err.message);
        if (appended != 0 || synced != 0)
            ck_assert_str_ne(err.message, "");
        bool usable = hf_wal_lock(b.wal, &err) == 0;
        if (usable)
            hf_wal_unlock(b.wal);
        hf_test_log_close(&b);

        watch.boot[0] = (uint8_t)(n % 3 == 0 ? n : 0); /* now and then the system boots */
        hf_test_log_open(&b, &watch.io, path);
        ck_assert_msg(!b.opened.corrupt, "call %u: %s", n, b.opened.damage.message);
        ck_assert_uint_ge(b.count, before);
        ck_assert_str_eq(b.records[before - 1].text, text);
        if (appended == 0 && synced == 0)
            ck_assert_uint_eq(b.count, before + 1);
        if (appended != 0 && appended != HF_ERR_OUTCOME_UNKNOWN)
            ck_assert_msg(b.count == before, "call %u: %s, and yet it is there", n,
                          hf_error_name(appended));
        ck_assert_uint_le(b.count, before + 1);
        hf_test_log_commit(&b, "goes on");
        hf_test_log_close(&b);
        ck_assert_uint_lt(n, 300);
    }
}
END_TEST

START_TEST(opening_and_taking_over_that_fail_at_any_call_lose_nothing)
{
    bool is_done = false;
    size_t count = 0;

    watch.forgets = true;
    for (unsigned n = 1; !is_done; n++) {
        begin_anew();
        hf_test_log_open(&b, &watch.io, path);
        hf_test_log_commit(&b, "synced");
        hf_test_log_append(&b, HF_WAL_COMMIT, "not synced");
        count = b.count;
        hf_test_log_close(&b);

        begin_fault(_i, n);
        int rc = hf_test_log_try_open(&b, &watch.io, path, &err);
        unsigned failed = end_fault();
        is_done = failed == 0;
        if (is_done || is_harmless(_i))
            ck_assert_msg(rc == 0, "call %u: %s", n, err.message);
        if (rc == 0) {
            ck_assert_msg(!b.opened.corrupt, "call %u: %s", n, b.opened.damage.message);
            ck_assert_uint_eq(b.count, count);
        }
        if (b.dir >= 0)
            hf_test_log_close(&b);
        hf_test_log_open(&b, &watch.io, path);
        ck_assert_msg(!b.opened.corrupt, "call %u: %s", n, b.opened.damage.message);
        ck_assert_uint_eq(b.count, count);
        hf_test_log_close(&b);
        ck_assert_uint_lt(n, 300);
    }
}
END_TEST

START_TEST(making_a_log_that_fails_at_any_call_succeeds_when_done_again)
{
    bool is_done = false;

    watch.forgets = true;
    for (unsigned n = 1; !is_done; n++) {
        char sub[256];
        int dir = -1;
        hf_test_make_dir(sub);
        ck_assert_int_eq(
            hf_io_open(&watch.io, HF_IO_CWD, sub, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err), 0);
        begin_fault(_i, n);
        int rc = hf_wal_create(&watch.io, dir, hf_test_log_uuid, &err);
        is_done = end_fault() == 0;
        if (is_done || is_harmless(_i))
            ck_assert_int_eq(rc, 0);
        if (rc != 0)
            ck_assert_int_eq(hf_wal_create(&watch.io, dir, hf_test_log_uuid, &err), 0);
        hf_io_close(&watch.io, &dir);
        hf_test_remove_dir(sub);
    }
}
END_TEST

/* The disk is full when a new segment is needed. */
START_TEST(without_space_for_a_new_segment_the_old_one_stays_usable)
{
    static uint8_t payload[700000];
    uint64_t end = 0;

    ck_assert_int_eq(unlinkat(a.wal_dir, "spare", 0), 0);
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, 400000, &end, &err), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "wal/new");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -ENOSPC, true);
    ck_assert_int_eq(hf_wal_lock(a.wal, &err), 0);
    ck_assert_int_eq(hf_wal_reserve(a.wal, &err), HF_ERR_NO_SPACE);
    hf_wal_unlock(a.wal);
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, sizeof(payload), &end, &err),
                     HF_ERR_NO_SPACE);
    ck_assert_uint_eq(a.count, 1);
    hf_test_log_commit(&a, "small");
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(b.opened.regular);
    hf_test_log_commit(&b, "another's");
    hf_test_log_close(&b);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, sizeof(payload), &end, &err), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    ck_assert(hf_test_has_file(path, "wal/spare"));
    ck_assert_uint_eq(a.count, 4);
}
END_TEST

/* The bytes reached the file though the write was called failed; then the power is cut. */
START_TEST(an_append_that_was_called_failed_does_not_come_back)
{
    static uint8_t payload[6000] = "failed";
    uint64_t end = 0;

    hf_test_log_commit(&a, "before");
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "wal/0000000000000002.seg");
    hf_test_watch_fail(&watch, 1, HF_TEST_LIES, -EIO, false);
    ck_assert_int_eq(
        hf_test_log_append_bytes(&a, payload, _i == 0 ? 10 : sizeof(payload), &end, &err),
        HF_ERR_IO);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    watch.boot[0] = 1;
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_expect(&b, "before", NULL);
    hf_test_log_close(&b);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_faults");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, an_append_and_a_sync_that_fail_at_any_call_lose_nothing_acknowledged,
                        0, FAULT_COUNT);
    tcase_add_loop_test(tests, opening_and_taking_over_that_fail_at_any_call_lose_nothing, 0,
                        FAULT_COUNT);
    tcase_add_loop_test(tests, making_a_log_that_fails_at_any_call_succeeds_when_done_again, 0,
                        FAULT_COUNT);
    tcase_add_test(tests, without_space_for_a_new_segment_the_old_one_stays_usable);
    tcase_add_loop_test(tests, an_append_that_was_called_failed_does_not_come_back, 0, 2);
    return hf_test_run("wal_faults", tests);
}
