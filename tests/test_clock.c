/*
 * Proves that the clock orders nothing: in whatever year a store is made, used and opened again,
 * forwards or backwards, all is there, and recovery finds nothing to do.
 */
#include "support/objects.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static char path[256];
static struct hf_test_watch watch;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

/* 1970, 2023, 2262, and the last moment that there is. */
static const uint64_t clocks[] = {1, HF_TEST_WATCH_NOW_NS, INT64_MAX, UINT64_MAX};
#define CLOCKS (int)(sizeof(clocks) / sizeof(clocks[0]))

static struct hf_store *open_at(uint64_t clock_ns, enum hf_open_mode mode)
{
    watch.clock_ns = clock_ns;
    return hf_test_must_open(&watch.io, path, mode);
}

START_TEST(a_store_of_one_year_is_whole_in_another)
{
    static const struct hf_test_load first = {"first:1", "first", {"shared", "one"}};
    static const struct hf_test_load second = {"second:1", "second", {"shared", "two"}};
    struct hf_digest top = hf_test_top_of(&first);
    uint64_t then = clocks[_i / CLOCKS], now = clocks[_i % CLOCKS], id = 0;
    char state[4096];

    struct hf_store *store = open_at(then, HF_OPEN_CREATE);
    ck_assert_int_eq(hf_test_load(store, &first, NULL), 0);
    ck_assert_int_eq(hf_test_hold(store, &top, &id, NULL), 0);
    (void)snprintf(state, sizeof(state), "%s", hf_test_state(store));
    hf_test_must_close(store);

    store = open_at(now, HF_OPEN_READ_WRITE);
    ck_assert(hf_store_recovery(store)->clean);
    ck_assert_str_eq(hf_test_state(store), state);
    ck_assert_int_eq(hf_test_load(store, &second, NULL), 0);
    ck_assert_int_eq(hf_test_tag(store, "first:1", &top, NULL), 0);
    ck_assert_int_eq(hf_store_checkpoint(store, NULL), 0);
    (void)snprintf(state, sizeof(state), "%s", hf_test_state(store));
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "in another year");

    watch.boot[0] = 1;
    store = open_at(then, HF_OPEN_READ_WRITE);
    ck_assert_str_eq(hf_test_state(store), state);
    ck_assert_int_eq(hf_test_untag(store, "second:1", NULL), 0);
    ck_assert(!hf_test_has(store, "two"));
    hf_test_read_all(store);
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "back again");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("clock");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_store_of_one_year_is_whole_in_another, 0, CLOCKS * CLOCKS);
    return hf_test_run("clock", tests);
}
