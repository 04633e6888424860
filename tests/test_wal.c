/*
 * Proves the log's protocol (wal/FORMAT.md 3) among handles, threads and processes that live: one
 * order that all see, each record once; nobody is told "durable" before a sync; segments follow
 * each other, with a spare always there, and are trimmed. What fails: test_wal_failed_syncs.c,
 * test_wal_faults.c. Who dies: test_wal_deaths.c. Who looks, and who owns: test_wal_follow.c.
 */
#include "wal/wal.h"

#include "support/log.h"
#include "support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
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

    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, ""), 0);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0);
    ck_assert_uint_eq(
        hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, "wal/0000000000000002.seg"), 1);
    ck_assert_int_eq(hf_wal_sync(a.wal, end, &err), 0); /* it is */
    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, ""), 1);
}
END_TEST

START_TEST(one_sync_serves_all_who_appended_before_it)
{
    hf_test_log_open(&b, &watch.io, path);
    uint64_t first = hf_test_log_append(&a, HF_WAL_COMMIT, "a");
    uint64_t second = hf_test_log_append(&b, HF_WAL_COMMIT, "b");
    ck_assert_int_eq(hf_wal_sync(a.wal, first, &err), 0);
    ck_assert_int_eq(hf_wal_sync(b.wal, second, &err), 0);
    ck_assert_uint_eq(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, ""), 1);
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
    ck_assert_uint_le(hf_test_log_count_events(&watch, HF_TEST_FDATASYNC, ""),
                      THREADS * PER_THREAD + 8);
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
        ck_assert_int_eq(hf_test_log_append_bytes(i % 2 ? &a : &b, payload,
                                                  sizeof(payload) - (size_t)i, &end, &err),
                         0);
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
    ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, len, &end, &err), 0);
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
        ck_assert_int_eq(hf_test_log_append_bytes(&a, payload, sizeof(payload), &end, &err), 0);
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
    return hf_test_run("wal", tests);
}
