/*
 * Proves the order of the durable steps of a new segment (wal/FORMAT.md 3.2 to 3.5), by watching
 * every call: the log is taken over or switched to a segment that is whole and durable before it is
 * told of; without a spare nothing is added.
 */
#include "support/order.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

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

/* 3.4 or 3.5: the new segment is whole, synced, named, its folder synced, then told of. */
static void assert_new_segment(const char *name, const char *file)
{
    char full[64];

    snprintf(full, sizeof(full), "wal/%s", name);
    size_t named = hf_test_need(0, HF_TEST_RENAME, full);
    ck_assert_str_eq(watch.events[named].from, file);
    size_t switching = hf_test_need_state(0, 2);
    size_t written = hf_test_next(switching, HF_TEST_WRITE, file);
    ck_assert_uint_ne(written, HF_TEST_NONE);
    for (size_t i = switching;
         (i = hf_test_next(i, HF_TEST_WRITE, file)) != HF_TEST_NONE && i < named; i++)
        written = i;
    size_t synced = hf_test_need_sync(written, file);
    size_t folder = hf_test_need_sync(named, "wal");
    size_t told = hf_test_need_tail(folder, false);
    size_t idle = hf_test_need_state(folder, 0);
    hf_test_assert_order(written, synced);
    hf_test_assert_order(synced, named);
    hf_test_assert_order(folder, told);
    hf_test_assert_order(told, idle);
    ck_assert_uint_eq(hf_test_number(watch.events[idle].head + 40),
                      hf_test_number(watch.events[told].head + 56));
    ck_assert(hf_test_is_locked_at(named, HF_WAL_LOCK_APPEND));
    ck_assert(hf_test_is_locked_at(named, HF_WAL_LOCK_SYNC));
    ck_assert(hf_test_is_locked_at(idle, HF_WAL_LOCK_SYNC));
    hf_test_assert_none(switching, folder, HF_TEST_UNLOCK, "lock");
    /* The next spare, whole and synced. */
    size_t spare = hf_test_need(named, HF_TEST_RENAME, "wal/spare");
    hf_test_assert_order(hf_test_need_sync(idle, "wal/new"), spare);
    hf_test_assert_order(hf_test_last(HF_TEST_WRITE, "wal/new"),
                         hf_test_need_sync(idle, "wal/new"));
    hf_test_assert_order(spare, hf_test_need_sync(spare, "wal"));
}

START_TEST(a_log_is_taken_over_step_by_step)
{
    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    hf_test_must_close(store);
    watch.boot[0] = 1;
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    assert_new_segment("0000000000000003.seg", "wal/spare");
    /* Nothing is done on what was read before it is durable. */
    size_t named = hf_test_need(0, HF_TEST_RENAME, "wal/0000000000000003.seg");
    hf_test_assert_none(0, named, HF_TEST_UNLINK, "staging");
    hf_test_assert_none(0, named, HF_TEST_UNLINK, "trash");
    hf_test_assert_none(0, named, HF_TEST_LINK, "");
    hf_test_assert_none(0, named, HF_TEST_FDATASYNC, "");
}
END_TEST

START_TEST(a_full_segment_is_switched_step_by_step)
{
    struct hf_digest top = hf_test_top_of(&hf_test_order_load);

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        if (hf_test_next(0, HF_TEST_RENAME, "wal/0000000000000003.seg") != HF_TEST_NONE)
            break;
    }
    assert_new_segment("0000000000000003.seg", "wal/spare");
    size_t full = hf_test_need(0, HF_TEST_FDATASYNC, "wal/0000000000000002.seg");
    hf_test_assert_order(hf_test_need_state(0, 2), full);
    hf_test_assert_order(full, hf_test_need(0, HF_TEST_WRITE, "wal/spare"));
    size_t commit = hf_test_need_record(0, HF_WAL_COMMIT);
    ck_assert_str_eq(watch.events[commit].path, "wal/0000000000000003.seg");
    hf_test_assert_order(hf_test_need_sync(0, "wal"), commit);
}
END_TEST

/* A removal, that is: nothing else goes on without a spare. */
START_TEST(a_segment_without_a_spare_is_made_of_synced_zeros)
{
    char spare[300];
    struct hf_digest top = hf_test_top_of(&hf_test_order_load);

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    snprintf(spare, sizeof(spare), "%s/wal/spare", path);
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        ck_assert_int_eq(unlink(spare), 0);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_test_untag(store, name, &err), 0);
        if (hf_test_next(0, HF_TEST_RENAME, ".seg") != HF_TEST_NONE)
            break;
    }
    size_t named = hf_test_need(0, HF_TEST_RENAME, ".seg");
    ck_assert_str_eq(watch.events[named].from, "wal/new");
    hf_test_assert_order(hf_test_need_sync(0, "wal/new"), named);
    hf_test_assert_order(named, hf_test_need_sync(named, "wal"));
}
END_TEST

START_TEST(without_a_spare_nothing_is_added)
{
    struct hf_digest top = hf_test_top_of(&hf_test_order_load);
    char spare[300];
    uint64_t id = 0;

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    ck_assert_int_eq(hf_test_tag(store, "there:1", &top, &err), 0);
    snprintf(spare, sizeof(spare), "%s/wal/spare", path);
    ck_assert_int_eq(unlink(spare), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "wal/new");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -ENOSPC, true);
    ck_assert_int_eq(hf_test_tag(store, "more:1", &top, &err), HF_ERR_NO_SPACE);
    ck_assert_int_eq(hf_test_hold(store, &top, &id, &err), HF_ERR_NO_SPACE);
    ck_assert_int_eq(hf_test_untag(store, "there:1", &err), 0);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert_int_eq(hf_test_tag(store, "more:1", &top, &err), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("order_log");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_log_is_taken_over_step_by_step);
    tcase_add_test(tests, a_full_segment_is_switched_step_by_step);
    tcase_add_test(tests, a_segment_without_a_spare_is_made_of_synced_zeros);
    tcase_add_test(tests, without_a_spare_nothing_is_added);
    return hf_test_run("order_log", tests);
}
