/*
 * Proves that whatever a process died in, the next one finds a log that holds all that was
 * acknowledged, and goes on (wal/FORMAT.md 3): who lives is not taken over, and who died is, once,
 * with the records that were not synced; a torn tail and damage are told apart.
 */
#include "wal/wal.h"

#include "support/log.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

START_TEST(a_living_appender_is_not_taken_over)
{
    hf_test_log_open(&b, &watch.io, path);
    for (int i = 0; i < 10; i++) {
        hf_test_log_append(&a, HF_WAL_INTENT, "a lives");
        hf_test_log_append(&b, HF_WAL_INTENT, "b too");
    }
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
    hf_test_log_close(&b);
}
END_TEST

START_TEST(records_of_a_dead_handle_that_were_not_synced_are_moved)
{
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_commit(&b, "synced");
    hf_test_log_append(&b, HF_WAL_INTENT, "not synced");
    uint64_t position = b.records[1].position;
    hf_test_log_close(&b); /* as if it died */
    hf_test_log_catch_up(&a);
    hf_test_log_expect(&a, "synced", "not synced", NULL);
    ck_assert_uint_eq(a.records[1].position, position);
    ck_assert_uint_eq(hf_test_segment_count(path), 3);
    ck_assert_uint_eq(hf_wal_durable(a.wal), hf_wal_tail(a.wal));
    hf_test_log_catch_up(&a);
    ck_assert_uint_eq(hf_test_segment_count(path), 3); /* once */
}
END_TEST

/* Before the record is written; after it, before it is told of. */
START_TEST(a_segment_in_which_an_appender_died_is_not_written_to_again)
{
    int status = 0;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        hf_test_log_open(&b, &watch.io, path);
        hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), _i == 0 ? ".seg" : "shared");
        hf_test_watch_fail(&watch, _i == 0 ? 1 : 2, HF_TEST_EXITS, 0, false);
        hf_test_log_append(&b, HF_WAL_COMMIT, "dead");
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 77);
    hf_test_watch_restart(&watch);
    hf_test_log_commit(&a, "living");
    ck_assert_uint_eq(hf_test_segment_count(path), 3);
    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_WRITE, "0000000000000002.seg"), 0);
    if (_i == 0)
        hf_test_log_expect(&a, "living", NULL);
    else
        hf_test_log_expect(&a, "dead", "living", NULL);
}
END_TEST

/* Nothing in the log itself calls it durable; `shared` does. */
START_TEST(damage_of_the_newest_durable_record_is_not_taken_for_a_torn_tail)
{
    int status = 0;
    size_t len = 0;

    hf_test_log_commit(&a, "first");
    hf_test_log_commit(&a, "newest");
    uint64_t position = a.records[1].position;
    hf_test_log_close(&a);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) { /* makes the log irregular, without a record */
        hf_test_log_open(&b, &watch.io, path);
        hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), ".seg");
        hf_test_watch_fail(&watch, 1, HF_TEST_EXITS, 0, false);
        hf_test_log_append(&b, HF_WAL_COMMIT, "dead");
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 77);
    uint8_t *data = hf_test_read_file(path, "wal/0000000000000002.seg", &len);
    size_t off = (size_t)(8192 + position - 4096);
    memset(data + off, 0x99, 8000); /* COMMIT and COPY */
    hf_test_write_file(path, "wal/0000000000000002.seg", data, len);
    free(data);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(b.opened.corrupt);
    ck_assert_uint_eq(b.opened.damage.offset, off);
    hf_test_log_expect(&b, "first", NULL);
    hf_test_log_close(&b);
}
END_TEST

static uint64_t syncing_end, syncing_txn;

static void sync_and_disown(void)
{
    ck_assert_int_eq(hf_wal_sync(b.wal, syncing_end, &err), 0);
    hf_wal_disown(b.wal, syncing_txn);
}

/* It ends between our look at `shared` and our look at its byte: that is no death. */
START_TEST(an_owner_that_ends_while_we_look_is_not_taken_for_dead)
{
    hf_test_log_open(&b, &watch.io, path);
    ck_assert_int_eq(
        hf_test_log_try_append(&b, HF_WAL_COMMIT, 0, "x", 1, &syncing_txn, &syncing_end, &err), 0);
    watch.hook = sync_and_disown;
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LOCK_TEST), "lock");
    hf_test_watch_fail(&watch, 1, HF_TEST_HOOKS, 0, false);
    hf_test_log_catch_up(&a);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_log_expect(&a, "x", NULL);
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
    hf_test_log_close(&b);
}
END_TEST

START_TEST(records_of_a_dead_handle_that_were_synced_stay_where_they_are)
{
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_commit(&b, "synced");
    hf_test_log_close(&b);
    hf_test_log_catch_up(&a);
    hf_test_log_expect(&a, "synced", NULL);
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
}
END_TEST

/* A process commits, in a log that is nearly full, and dies before its n-th call. */
static void commit_until_death(unsigned n, int tell)
{
    static uint8_t payload[300000] = "dead";
    uint64_t end = 0, txn = 0;

    hf_test_log_open(&b, &watch.io, path);
    hf_test_watch_fail(&watch, n, HF_TEST_EXITS, 0, false);
    if (hf_test_log_try_append(&b, HF_WAL_COMMIT, 0, payload, sizeof(payload), &txn, &end, &err))
        _exit(1);
    if (hf_wal_sync(b.wal, end, &err) != 0)
        _exit(1);
    if (write(tell, "x", 1) != 1) /* acknowledged */
        _exit(1);
    hf_wal_disown(b.wal, txn);
    _exit(watch.failed ? 1 : 0);
}

START_TEST(a_process_that_dies_before_any_call_leaves_a_log_with_all_that_it_acknowledged)
{
    static uint8_t payload[300000] = "before";
    bool is_done = false;
    unsigned deaths = 0;

    for (unsigned n = 1; !is_done; n++) {
        int tell[2], status = 0;
        char byte = 0;
        uint64_t end = 0;
        ck_assert_int_eq(pipe(tell), 0);
        /* So that the next one does not fit, every other time. */
        ck_assert_int_eq(
            hf_test_log_append_bytes(&a, payload, n % 2 ? 100 : sizeof(payload), &end, &err), 0);
        ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
        size_t before = a.count;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            commit_until_death(n, tell[1]);
        close(tell[1]);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || status == 0), "call %u",
                      n);
        is_done = status == 0;
        deaths += status != 0;
        bool acknowledged = read(tell[0], &byte, 1) == 1;
        close(tell[0]);

        hf_test_log_catch_up(&a);
        ck_assert_uint_le(a.count, before + 1);
        if (acknowledged)
            ck_assert_uint_eq(a.count, before + 1);
        if (a.count > before) {
            ck_assert_str_eq(a.records[before].text, "dead");
            ck_assert_uint_eq(a.records[before].payload_len, 300000);
        }
        hf_test_log_commit(&a, "goes on");
        hf_test_log_open(&c, &watch.io, path);
        ck_assert(c.opened.regular);
        ck_assert_uint_eq(c.count, a.count);
        hf_test_log_expect_same(&c, &a);
        hf_test_log_close(&c);
        ck_assert_uint_lt(n, 200);
    }
    ck_assert_uint_gt(deaths, 10);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_deaths");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_living_appender_is_not_taken_over);
    tcase_add_test(tests, records_of_a_dead_handle_that_were_not_synced_are_moved);
    tcase_add_loop_test(tests, a_segment_in_which_an_appender_died_is_not_written_to_again, 0, 2);
    tcase_add_test(tests, damage_of_the_newest_durable_record_is_not_taken_for_a_torn_tail);
    tcase_add_test(tests, an_owner_that_ends_while_we_look_is_not_taken_for_dead);
    tcase_add_test(tests, records_of_a_dead_handle_that_were_synced_stay_where_they_are);
    tcase_add_test(tests,
                   a_process_that_dies_before_any_call_leaves_a_log_with_all_that_it_acknowledged);
    return hf_test_run("wal_deaths", tests);
}
