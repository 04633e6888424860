/*
 * Proves the order of the durable steps of loads, removals, names and refusals (src/store/FORMAT.md
 * 5.1, 5.2): what is synced before what is written, named or removed, by watching every call. A
 * sync that is removed or moves behind what it guards fails here. Of the rest of a store:
 * test_order_create.c, test_order_log.c, test_order_checkpoint.c, test_order_recovery.c.
 */
#include "support/order.h"

#include <string.h>

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

/* --- content ---------------------------------------------------------------------------------- */

START_TEST(a_load_is_durable_step_by_step)
{
    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    size_t returned = watch.event_count;
    hf_test_must_close(store);
    store = NULL;

    size_t intent = hf_test_need_record(0, HF_WAL_INTENT);
    size_t slot = hf_test_need(0, HF_TEST_MKDIR, "staging/0");
    size_t slot_named = hf_test_need_sync(slot, "staging");
    size_t commit = hf_test_need_record(0, HF_WAL_COMMIT);
    size_t committed = hf_test_need(commit, HF_TEST_FDATASYNC, ".seg");
    size_t done = hf_test_need_record(0, HF_WAL_DONE);
    size_t slot_synced = hf_test_need_sync(0, "staging/0");
    hf_test_assert_order(intent, slot);
    /* The transaction is known to live before its first record. */
    uint64_t txn = hf_test_number(watch.events[intent].head + 40);
    ck_assert_uint_eq(txn, hf_test_number(watch.events[intent].head + 16));
    hf_test_assert_order(hf_test_need_lock(0, HF_TEST_LOCK, HF_WAL_LOCK_TXN_BASE + txn), intent);
    hf_test_assert_order(done, hf_test_need_lock(0, HF_TEST_UNLOCK, HF_WAL_LOCK_TXN_BASE + txn));
    unsigned blobs = 0;
    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_WRITE, "staging/0/")) != HF_TEST_NONE;
         i++, blobs++) {
        char staged[120];
        memcpy(staged, watch.events[i].path, sizeof(staged));
        size_t synced = hf_test_need_sync(i, staged);
        hf_test_assert_order(slot_named, i);
        hf_test_assert_order(synced, slot_synced); /* all blobs, then their folder */
        hf_test_assert_order(hf_test_last(HF_TEST_WRITE, staged), synced);
        size_t linked = HF_TEST_NONE;
        for (size_t j = 0; (j = hf_test_next(j, HF_TEST_LINK, "blobs/sha256/")) != HF_TEST_NONE;
             j++)
            if (strcmp(watch.events[j].from, staged) == 0)
                linked = j;
        ck_assert_uint_ne(linked, HF_TEST_NONE);
        hf_test_assert_order(committed, linked);
        size_t published = hf_test_need_sync(linked, "blobs/sha256");
        hf_test_assert_order(hf_test_last(HF_TEST_LINK, "blobs/sha256/"), published);
        hf_test_assert_order(published, done);
        hf_test_assert_order(published, hf_test_need(0, HF_TEST_UNLINK, staged));
    }
    ck_assert_uint_eq(blobs, 3);
    hf_test_assert_order(slot_synced, commit);
    hf_test_assert_order(commit, committed);
    hf_test_assert_order(hf_test_need_state(committed, 0), returned);
    hf_test_assert_none(0, committed, HF_TEST_LINK, "");
    hf_test_assert_none(0, committed, HF_TEST_RENAME, "blobs");
    /* DONE is synced when the store is closed. */
    hf_test_assert_order(returned, hf_test_need(done, HF_TEST_FDATASYNC, ".seg"));
    hf_test_assert_appends_are_orderly();
    hf_test_assert_syncs_are_orderly();
}
END_TEST

/* What is claimed and found costs no file. */
START_TEST(a_load_of_known_parts_claims_before_it_looks)
{
    static const struct hf_test_load second = {"app:2", "two", {"layer a"}};

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_load(store, &second, &err), 0);
    size_t claim = hf_test_need_record(0, HF_WAL_CLAIM);
    hf_test_assert_order(hf_test_need_record(0, HF_WAL_INTENT), claim);
    hf_test_assert_order(claim, hf_test_need_record(0, HF_WAL_COMMIT));
    unsigned staged = 0;
    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_WRITE, "staging/0/")) != HF_TEST_NONE; i++)
        staged++;
    ck_assert_uint_eq(staged, 1);
    /* The folder of the slot was there; who made it may have died before it was synced. */
    hf_test_assert_order(hf_test_need_sync(0, "staging"),
                         hf_test_need(0, HF_TEST_WRITE, "staging/0/"));
}
END_TEST

/* --- removal ---------------------------------------------------------------------------------- */

START_TEST(a_removal_is_durable_step_by_step)
{
    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    hf_test_must_close(store);
    store = NULL;

    size_t commit = hf_test_need_record(0, HF_WAL_COMMIT);
    size_t committed = hf_test_need(commit, HF_TEST_FDATASYNC, ".seg");
    size_t done = hf_test_need_record(0, HF_WAL_DONE);
    unsigned moved = 0;
    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_RENAME, "trash/")) != HF_TEST_NONE;
         i++, moved++) {
        hf_test_assert_order(committed, i);
        ck_assert(strncmp(watch.events[i].from, "blobs/sha256/", 13) == 0);
        ck_assert(hf_test_is_locked_at(i, HF_WAL_LOCK_APPEND));
        size_t synced = hf_test_need_sync(i, "blobs/sha256");
        ck_assert(!hf_test_is_locked_at(synced, HF_WAL_LOCK_APPEND));
        hf_test_assert_order(synced, done);
        hf_test_assert_order(done, hf_test_need(0, HF_TEST_UNLINK, watch.events[i].path));
    }
    ck_assert_uint_eq(moved, 3);
    hf_test_assert_none(0, watch.event_count, HF_TEST_UNLINK, "blobs/");
    hf_test_assert_appends_are_orderly();
    hf_test_assert_syncs_are_orderly();
}
END_TEST

/* Under the append lock, with the log durable up to its end, and not only up to our COMMIT. */
START_TEST(nothing_is_removed_while_the_log_behind_it_is_not_durable)
{
    struct hf_digest layer = hf_test_digest_of("layer a");
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &layer, NULL, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    hf_test_watch_restart(&watch);
    hf_txn_abort(txn, "enough"); /* an unsynced ABORT, and then the layer may go */
    size_t moved = hf_test_need(0, HF_TEST_RENAME, "trash/");
    uint64_t tail = 0, durable = 0;
    for (size_t i = 0; i < moved; i++) {
        const struct hf_test_event *event = &watch.events[i];
        if (event->op != HF_TEST_WRITE || strcmp(event->path, "shared") != 0)
            continue;
        if (event->off == HF_WAL_SHARED_TAIL_OFF)
            tail = hf_test_number(event->head + 56);
        else
            durable = hf_test_number(event->head + 40);
    }
    ck_assert_uint_gt(tail, 0);
    ck_assert_uint_eq(durable, tail);
}
END_TEST

START_TEST(a_tag_costs_one_record_and_one_sync)
{
    struct hf_digest top = hf_test_top_of(&hf_test_order_load);

    ck_assert_int_eq(hf_test_load(store, &hf_test_order_load, &err), 0);
    ck_assert_int_eq(hf_test_tag(store, "warm", &top, &err), 0);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_tag(store, "app:2", &top, &err), 0);
    size_t commit = hf_test_need_record(0, HF_WAL_COMMIT);
    size_t synced = hf_test_need(commit, HF_TEST_FDATASYNC, ".seg");
    ck_assert_uint_eq(hf_test_next(synced + 1, HF_TEST_FDATASYNC, ""), HF_TEST_NONE);
    ck_assert_uint_eq(hf_test_next(0, HF_TEST_FSYNC, ""), HF_TEST_NONE);
    hf_test_assert_appends_are_orderly();
    hf_test_assert_syncs_are_orderly();
}
END_TEST

/* An answer that depends on a position is given when that is durable. */
START_TEST(a_refusal_is_told_when_what_it_rests_on_is_durable)
{
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0); /* an unsynced INTENT */
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_untag(store, "nothing", &err), HF_ERR_NOT_FOUND);
    hf_test_need(0, HF_TEST_FDATASYNC, ".seg");
    hf_txn_abort(txn, "enough");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("order");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_load_is_durable_step_by_step);
    tcase_add_test(tests, a_load_of_known_parts_claims_before_it_looks);
    tcase_add_test(tests, a_removal_is_durable_step_by_step);
    tcase_add_test(tests, nothing_is_removed_while_the_log_behind_it_is_not_durable);
    tcase_add_test(tests, a_tag_costs_one_record_and_one_sync);
    tcase_add_test(tests, a_refusal_is_told_when_what_it_rests_on_is_durable);
    return hf_test_run("order", tests);
}
