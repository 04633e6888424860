/*
 * Proves the order of the durable steps of a checkpoint (src/store/FORMAT.md 4), by watching every
 * call: it is durable before what it replaces goes, and segments go one by one.
 */
#include "support/order.h"

#include <stdio.h>

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

START_TEST(a_checkpoint_is_durable_before_what_it_replaces_goes)
{
    char name[32];
    struct hf_digest top = hf_test_top_of(&hf_test_order_load);

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        hf_test_must_close(store); /* a new segment each time */
        watch.boot[0]++;
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
    }
    size_t named = hf_test_need(0, HF_TEST_RENAME, ".ckpt");
    ck_assert_str_eq(watch.events[named].from, "catalog/new");
    ck_assert(hf_test_is_locked_at(named, HF_WAL_LOCK_CHECKPOINT));
    size_t synced = hf_test_need_sync(0, "catalog/new");
    hf_test_assert_order(hf_test_last(HF_TEST_WRITE, "catalog/new"), synced);
    hf_test_assert_order(synced, named);
    size_t folder = hf_test_need_sync(named, "catalog");
    hf_test_assert_order(folder, hf_test_need(0, HF_TEST_UNLINK, ".ckpt"));
    hf_test_assert_order(folder, hf_test_need(0, HF_TEST_UNLINK, ".seg"));
    hf_test_assert_none(0, folder, HF_TEST_UNLINK, ".ckpt");
}
END_TEST

/* Else a cut could keep a lower one and lose a higher one: a gap, which reads as damage. */
START_TEST(segments_go_one_by_one)
{
    struct hf_digest top = hf_test_top_of(&hf_test_order_load);

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    for (int i = 0; i < 4; i++) {
        hf_test_must_close(store); /* a new segment each time */
        watch.boot[0]++;
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        ck_assert_int_eq(hf_test_tag(store, i % 2 == 0 ? "x" : "y", &top, &err), 0);
    }
    for (int i = 0; i < 2; i++) { /* the older of two must cover them */
        ck_assert_int_eq(hf_test_tag(store, i % 2 == 0 ? "z" : "zz", &top, &err), 0);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
    }
    size_t lower = hf_test_need(0, HF_TEST_UNLINK, ".seg");
    size_t higher = hf_test_need(lower + 1, HF_TEST_UNLINK, ".seg");
    hf_test_assert_order(hf_test_need_sync(lower, "wal"), higher);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("order_checkpoint");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_checkpoint_is_durable_before_what_it_replaces_goes);
    tcase_add_test(tests, segments_go_one_by_one);
    return hf_test_run("order_checkpoint", tests);
}
