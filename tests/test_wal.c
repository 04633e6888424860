/*
 * Proves the log's protocol (wal/FORMAT.md 3) among handles, threads and processes: one order that
 * all see, each record once; nobody is told "durable" before a sync; a failed sync is final for its
 * handle and its segment; whatever a process died in, and whatever call failed, the next one finds
 * a log that holds all that was acknowledged, and goes on.
 */
#include "wal/wal.h"

#include "base/error.h"
#include "support/log.h"
#include "support/random.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_test_log a, b, c;
static struct hf_error err;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    err = (struct hf_error){0};
    hf_test_log_create(&watch.io, path);
    hf_test_log_open(&a, &watch.io, path);
    hf_test_watch_restart(&watch);
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

static void teardown(void)
{
    if (a.wal != NULL)
        hf_test_log_close(&a);
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

static unsigned count_events(enum hf_test_op op, const char *what)
{
    unsigned count = 0;

    for (size_t i = 0; (i = hf_test_watch_find(&watch, i, op, what)) < watch.event_count; i++)
        count++;
    return count;
}

static int append(struct hf_test_log *log, const void *payload, size_t len, uint64_t *out_end)
{
    uint64_t txn = 0;
    int rc = hf_test_log_try_append(log, HF_WAL_COMMIT, 0, payload, len, &txn, out_end, &err);

    if (rc == 0)
        hf_wal_disown(log->wal, txn); /* held on until it is durable */
    return rc;
}

/* --- one order -------------------------------------------------------------------------------- */

START_TEST(a_new_log_is_opened_and_each_handle_sees_the_others_records)
{
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(b.opened.regular && b.opened.this_boot && !b.opened.corrupt);
    hf_test_log_commit(&a, "one");
    hf_test_log_commit(&b, "two");
    hf_test_log_commit(&a, "three");
    hf_test_log_catch_up(&b);
    hf_test_log_expect(&a, "one", "two", "three", NULL);
    hf_test_log_expect(&b, "one", "two", "three", NULL);
    hf_test_log_open(&c, &watch.io, path);
    ck_assert(c.opened.regular);
    hf_test_log_expect(&c, "one", "two", "three", NULL);
    hf_test_log_expect_same(&a, &b);
    hf_test_log_expect_same(&a, &c);
    hf_test_log_close(&b);
    hf_test_log_close(&c);
}
END_TEST

START_TEST(a_refresh_shows_what_is_durable_and_no_more)
{
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_commit(&a, "durable");
    uint64_t end = hf_test_log_append(&a, HF_WAL_INTENT, "not yet");
    ck_assert_uint_lt(hf_wal_durable(a.wal), end);
    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), 0);
    hf_test_log_expect(&b, "durable", NULL);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    ck_assert_uint_eq(hf_wal_durable(a.wal), end);
    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), 0);
    hf_test_log_expect(&b, "durable", "not yet", NULL);
    ck_assert_uint_eq(hf_wal_durable(b.wal), end);
    hf_test_log_close(&b);
}
END_TEST

START_TEST(a_record_is_durable_only_after_a_sync_of_its_segment)
{
    uint64_t end = hf_test_log_append(&a, HF_WAL_COMMIT, "x");

    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, ""), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, "wal/0000000000000002.seg"), 1);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0); /* it is */
    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, ""), 1);
}
END_TEST

START_TEST(one_sync_serves_all_who_appended_before_it)
{
    hf_test_log_open(&b, &watch.io, path);
    uint64_t first = hf_test_log_append(&a, HF_WAL_COMMIT, "a");
    uint64_t second = hf_test_log_append(&b, HF_WAL_COMMIT, "b");
    ck_assert_int_eq(hf_wal_sync(a.wal, first, &err), 0);
    ck_assert_int_eq(hf_wal_sync(b.wal, second, &err), 0);
    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, ""), 1);
    hf_test_log_close(&b);
}
END_TEST

/* A record of its own for each turn; both must see the same order. */
static void take_turns(struct hf_test_log *log, const char *who, int from, int to)
{
    for (int i = 0; i < 60; i++) {
        char text[32], byte = 0;
        hf_test_require(read(from, &byte, 1) == 1);
        snprintf(text, sizeof(text), "%s%d", who, i);
        hf_test_log_commit(log, text);
        hf_test_require(write(to, "x", 1) == 1);
    }
}

START_TEST(two_processes_that_append_in_turn_see_each_others_records_in_order)
{
    int there[2], back[2];
    int status = 0;

    ck_assert_int_eq(pipe(there), 0);
    ck_assert_int_eq(pipe(back), 0);
    pid_t child = fork();
    if (child == 0) {
        hf_test_log_open(&b, &watch.io, path);
        take_turns(&b, "child", there[0], back[1]);
        hf_test_log_catch_up(&b);
        bool good = true;
        for (size_t i = 0; i + 1 < b.count; i += 2)
            good = good && strncmp(b.records[i].text, "parent", 6) == 0 &&
                   strncmp(b.records[i + 1].text, "child", 5) == 0;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(write(back[1], "x", 1), 1);
    take_turns(&a, "parent", back[0], there[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    hf_test_log_catch_up(&a);
    ck_assert_uint_eq(a.count, 120);
    for (int i = 0; i < 60; i++) {
        char text[32];
        snprintf(text, sizeof(text), "parent%d", i);
        ck_assert_str_eq(a.records[2 * i].text, text);
        snprintf(text, sizeof(text), "child%d", i);
        ck_assert_str_eq(a.records[2 * i + 1].text, text);
    }
    ck_assert_uint_eq(hf_test_segment_count(path), 2); /* nobody was taken for dead */
}
END_TEST

#define THREADS    6
#define PER_THREAD 40

struct worker {
    struct hf_test_log *log;
    int number;
    atomic_uint *synced;
};

static void *append_and_sync(void *arg)
{
    struct worker *worker = arg;

    for (int i = 0; i < PER_THREAD; i++) {
        char text[32];
        uint64_t end = 0, txn = 0;
        struct hf_error why = {0};
        snprintf(text, sizeof(text), "%d.%d", worker->number, i);
        hf_test_require(hf_test_log_try_append(worker->log, HF_WAL_COMMIT, 0, text, strlen(text),
                                               &txn, &end, &why) == 0);
        hf_test_require(hf_wal_sync(worker->log->wal, end, &why) == 0);
        hf_test_require(hf_wal_durable(worker->log->wal) >= end);
        hf_wal_disown(worker->log->wal, txn);
        atomic_fetch_add(worker->synced, 1);
    }
    return NULL;
}

static void *refresh_often(void *arg)
{
    struct worker *worker = arg;

    while (atomic_load(worker->synced) < THREADS * PER_THREAD) {
        struct hf_error why = {0};
        hf_test_require(hf_wal_refresh(worker->log->wal, &why) == 0);
    }
    return NULL;
}

/* Threads of two handles; a third one only looks. */
START_TEST(many_threads_append_and_sync_together)
{
    pthread_t threads[THREADS + 1];
    struct worker workers[THREADS + 1];
    atomic_uint synced = 0;
    size_t next[THREADS] = {0};

    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_open(&c, &watch.io, path);
    for (int i = 0; i <= THREADS; i++) {
        workers[i] = (struct worker){.log = i == THREADS ? &c
                                            : i % 2      ? &a
                                                         : &b,
                                     .number = i,
                                     .synced = &synced};
        ck_assert_int_eq(pthread_create(&threads[i], NULL,
                                        i == THREADS ? refresh_often : append_and_sync,
                                        &workers[i]),
                         0);
    }
    for (int i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
    hf_test_log_catch_up(&a);
    hf_test_log_catch_up(&b);
    ck_assert_int_eq(hf_wal_refresh(c.wal, &err), 0);
    ck_assert_uint_eq(a.count, THREADS * PER_THREAD);
    ck_assert_uint_eq(b.count, THREADS * PER_THREAD);
    ck_assert_uint_eq(c.count, THREADS * PER_THREAD);
    hf_test_log_expect_same(&a, &b);
    hf_test_log_expect_same(&a, &c);
    for (size_t i = 0; i < a.count; i++) {
        size_t thread = strtoul(a.records[i].text, NULL, 10);
        char text[32];
        snprintf(text, sizeof(text), "%zu.%zu", thread, next[thread]++);
        ck_assert_str_eq(a.records[i].text, text);
    }
    ck_assert_uint_le(count_events(HF_TEST_FDATASYNC, ""), THREADS * PER_THREAD + 8);
    hf_test_log_close(&b);
    hf_test_log_close(&c);
}
END_TEST

/* --- segments --------------------------------------------------------------------------------- */

START_TEST(a_full_segment_is_followed_by_another_and_a_spare_is_always_there)
{
    static uint8_t payload[50000];
    uint64_t end = 0;

    hf_test_log_open(&b, &watch.io, path);
    for (int i = 0; i < 60; i++) {
        memset(payload, 'a' + i % 26, sizeof(payload));
        ck_assert_int_eq(append(i % 2 ? &a : &b, payload, sizeof(payload) - (size_t)i, &end), 0);
        ck_assert(hf_test_has_file(path, "wal/spare"));
        if (i % 5 == 0)
            ck_assert_int_eq(hf_wal_sync(a.wal, hf_wal_tail(a.wal), &err), 0);
    }
    ck_assert_uint_ge(hf_test_segment_count(path), 7);
    hf_test_log_catch_up(&a);
    hf_test_log_catch_up(&b);
    hf_test_log_open(&c, &watch.io, path);
    ck_assert_uint_eq(c.count, 60);
    ck_assert_uint_eq(a.count, 60);
    ck_assert_uint_eq(b.count, 60);
    hf_test_log_expect_same(&a, &c);
    hf_test_log_expect_same(&b, &c);
    hf_test_log_close(&b);
    hf_test_log_close(&c);
}
END_TEST

START_TEST(a_record_longer_than_a_segment_gets_one_of_its_own_length)
{
    size_t len = 5u << 20;
    uint8_t *payload = malloc(len);
    uint64_t end = 0;

    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 13);
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_commit(&a, "before");
    ck_assert_int_eq(append(&a, payload, len, &end), 0);
    hf_test_log_commit(&a, "after");
    hf_test_log_catch_up(&b);
    ck_assert_uint_eq(b.count, 3);
    hf_test_log_expect_same(&a, &b);
    hf_test_log_open(&c, &watch.io, path);
    ck_assert_uint_eq(c.count, 3);
    hf_test_log_expect_same(&a, &c);
    ck_assert_uint_eq(c.records[1].payload_len, len);
    hf_test_log_close(&b);
    hf_test_log_close(&c);
    free(payload);
}
END_TEST

START_TEST(a_payload_above_the_limit_is_refused)
{
    uint64_t end = 0;

    ck_assert_int_eq(hf_wal_lock(a.wal, &err), 0);
    ck_assert_int_eq(
        hf_wal_append(a.wal, HF_WAL_COMMIT, 0, "", HF_WAL_PAYLOAD_MAX + 1u, &end, &err),
        HF_ERR_LIMIT);
    hf_wal_unlock(a.wal);
    hf_test_log_commit(&a, "still usable");
}
END_TEST

START_TEST(trimming_deletes_what_ends_before_a_position_and_a_handle_left_behind_begins_anew)
{
    static uint8_t payload[200000];
    uint64_t end = 0;

    hf_test_log_open(&b, &watch.io, path);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(append(&a, payload, sizeof(payload), &end), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    unsigned before = hf_test_segment_count(path);
    ck_assert_int_eq(hf_wal_trim(a.wal, 4096 + 1, &err), 0); /* the first holds nothing */
    ck_assert_uint_eq(hf_test_segment_count(path), before - 1);
    ck_assert_int_eq(hf_wal_trim(a.wal, a.records[1].position, &err), 0);
    ck_assert_uint_eq(hf_test_segment_count(path), before - 1);
    ck_assert_int_eq(hf_wal_trim(a.wal, a.records[15].position, &err), 0);
    ck_assert_uint_lt(hf_test_segment_count(path), before - 2);
    ck_assert_int_eq(hf_wal_trim(a.wal, UINT64_MAX, &err), 0);
    ck_assert_uint_eq(hf_test_segment_count(path), 1); /* the newest stays */

    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_wal_lock(b.wal, &err), HF_ERR_NOT_FOUND);
    b.count = 0;
    ck_assert_int_eq(hf_wal_reseek(b.wal, a.records[19].position, &err), 0);
    ck_assert_int_eq(hf_wal_refresh(b.wal, &err), 0);
    ck_assert_uint_eq(b.count, 1);
    ck_assert_uint_eq(b.records[0].position, a.records[19].position);
    hf_test_log_commit(&b, "again");
    hf_test_log_close(&b);
}
END_TEST

/* --- failed syncs ----------------------------------------------------------------------------- */

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
    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, ""), 1);

    /* Another handle, in this process or another, does not believe that segment any more. */
    uint64_t position = a.records[1].position;
    hf_test_log_catch_up(&b);
    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, "0000000000000002.seg"), 1);
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
    ck_assert_uint_eq(count_events(HF_TEST_FDATASYNC, ""), 0);
    ck_assert_uint_ge(count_events(HF_TEST_FSYNC, "wal/spare"), 1);
    ck_assert(hf_test_has_file(path, "wal/0000000000000003.seg"));
    hf_test_log_expect(&b, "b's", "a's", NULL);
    hf_test_log_close(&b);
}
END_TEST

START_TEST(a_sync_that_fails_while_a_segment_is_switched_is_final_too)
{
    static uint8_t payload[600000];
    uint64_t end = 0;

    ck_assert_int_eq(append(&a, payload, 400000, &end), 0);
    fail_next_fdatasync();
    ck_assert_int_eq(append(&a, payload, sizeof(payload), &end), HF_ERR_FAILED);
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

    ck_assert_int_eq(append(&a, payload, sizeof(payload), &end), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FSYNC), "wal/spare");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, false);
    ck_assert_int_eq(append(&a, payload, 300000, &end), HF_ERR_IO);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(append(&a, payload, 300000, &end), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    size_t named = hf_test_watch_find(&watch, 0, HF_TEST_RENAME, "0000000000000003.seg");
    ck_assert_uint_lt(named, watch.event_count);
    ck_assert_str_eq(watch.events[named].from, "wal/new");
    ck_assert_uint_eq(a.count, 2);
}
END_TEST

/* --- deaths ----------------------------------------------------------------------------------- */

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
    ck_assert_uint_eq(count_events(HF_TEST_WRITE, "0000000000000002.seg"), 0);
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
        ck_assert_int_eq(append(&a, payload, n % 2 ? 100 : sizeof(payload), &end), 0);
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

/* --- whatever call fails ---------------------------------------------------------------------- */

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
        ck_assert_int_eq(append(&b, payload, sizeof(payload), &end), 0);
        snprintf(text, sizeof(text), "before %u", n);
        hf_test_log_commit(&b, text);
        size_t before = b.count;

        begin_fault(_i, n);
        int appended = append(&b, payload, n % 2 ? sizeof(payload) : 100, &end);
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
    ck_assert_int_eq(append(&a, payload, 400000, &end), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "wal/new");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -ENOSPC, true);
    ck_assert_int_eq(hf_wal_lock(a.wal, &err), 0);
    ck_assert_int_eq(hf_wal_reserve(a.wal, &err), HF_ERR_NO_SPACE);
    hf_wal_unlock(a.wal);
    ck_assert_int_eq(append(&a, payload, sizeof(payload), &end), HF_ERR_NO_SPACE);
    ck_assert_uint_eq(a.count, 1);
    hf_test_log_commit(&a, "small");
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(b.opened.regular);
    hf_test_log_commit(&b, "another's");
    hf_test_log_close(&b);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert_int_eq(append(&a, payload, sizeof(payload), &end), 0);
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
    ck_assert_int_eq(append(&a, payload, _i == 0 ? 10 : sizeof(payload), &end), HF_ERR_IO);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    watch.boot[0] = 1;
    hf_test_log_open(&b, &watch.io, path);
    hf_test_log_expect(&b, "before", NULL);
    hf_test_log_close(&b);
}
END_TEST

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
    ck_assert_int_eq(append(&a, "x", 1, &end), HF_ERR_OUTCOME_UNKNOWN);
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
        ck_assert_int_eq(append(&a, payload, sizeof(payload), &end), 0);
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
    TCase *tests = tcase_create("wal");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_new_log_is_opened_and_each_handle_sees_the_others_records);
    tcase_add_test(tests, a_refresh_shows_what_is_durable_and_no_more);
    tcase_add_test(tests, a_record_is_durable_only_after_a_sync_of_its_segment);
    tcase_add_test(tests, one_sync_serves_all_who_appended_before_it);
    tcase_add_test(tests, two_processes_that_append_in_turn_see_each_others_records_in_order);
    tcase_add_test(tests, many_threads_append_and_sync_together);
    tcase_add_test(tests, a_full_segment_is_followed_by_another_and_a_spare_is_always_there);
    tcase_add_test(tests, a_record_longer_than_a_segment_gets_one_of_its_own_length);
    tcase_add_test(tests, a_payload_above_the_limit_is_refused);
    tcase_add_test(
        tests, trimming_deletes_what_ends_before_a_position_and_a_handle_left_behind_begins_anew);
    tcase_add_test(tests, a_failed_sync_is_final_for_its_handle_and_its_segment);
    tcase_add_test(tests, who_waits_for_the_sync_of_another_thread_that_failed_is_told_so);
    tcase_add_test(tests, another_handle_syncs_after_a_failed_sync_only_by_taking_over);
    tcase_add_test(tests, a_sync_that_fails_while_a_segment_is_switched_is_final_too);
    tcase_add_test(tests, a_spare_whose_sync_failed_is_not_used_again);
    tcase_add_test(tests, a_living_appender_is_not_taken_over);
    tcase_add_test(tests, records_of_a_dead_handle_that_were_not_synced_are_moved);
    tcase_add_loop_test(tests, a_segment_in_which_an_appender_died_is_not_written_to_again, 0, 2);
    tcase_add_test(tests, damage_of_the_newest_durable_record_is_not_taken_for_a_torn_tail);
    tcase_add_test(tests, an_owner_that_ends_while_we_look_is_not_taken_for_dead);
    tcase_add_test(tests, records_of_a_dead_handle_that_were_synced_stay_where_they_are);
    tcase_add_test(tests,
                   a_process_that_dies_before_any_call_leaves_a_log_with_all_that_it_acknowledged);
    tcase_add_loop_test(tests, an_append_and_a_sync_that_fail_at_any_call_lose_nothing_acknowledged,
                        0, FAULT_COUNT);
    tcase_add_loop_test(tests, opening_and_taking_over_that_fail_at_any_call_lose_nothing, 0,
                        FAULT_COUNT);
    tcase_add_loop_test(tests, making_a_log_that_fails_at_any_call_succeeds_when_done_again, 0,
                        FAULT_COUNT);
    tcase_add_test(tests, without_space_for_a_new_segment_the_old_one_stays_usable);
    tcase_add_loop_test(tests, an_append_that_was_called_failed_does_not_come_back, 0, 2);
    tcase_add_test(tests, a_record_that_could_not_be_taken_is_handed_on_again);
    tcase_add_test(tests, a_handle_that_could_not_take_its_own_record_is_failed);
    tcase_add_test(tests, a_reader_takes_no_lock_and_writes_nothing);
    tcase_add_test(tests, a_reader_follows_while_a_handle_that_was_behind_takes_over);
    tcase_add_test(tests, a_job_is_done_by_one_thread_or_process_at_a_time);
    tcase_add_test(tests, an_owner_is_alive_until_it_disowns_durably_or_dies);
    return hf_test_run("wal", tests);
}
