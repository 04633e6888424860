/*
 * Proves that a transaction is all or nothing, durable and visible (holdfast/store.h,
 * src/store/FORMAT.md 5): a commit is seen by all, and after opening again; an abort, a refusal and
 * wrong bytes leave nothing; a blob whose sync failed is never committed. What leaves, and claims:
 * test_txn_removal.c. Damaged copies: test_txn_damage.c. Any sequence: test_txn_model.c.
 */
#include "support/suite.h"
#include "support/txn.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdio.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    err = (struct hf_error){0};
    store = hf_test_txn_setup(&watch, path);
}

static void teardown(void)
{
    hf_test_txn_teardown(store, &watch, path);
}

/* --- all or nothing --------------------------------------------------------------------------- */

START_TEST(a_commit_is_visible_to_all_and_after_opening_again)
{
    struct hf_store *reader = hf_test_must_open(&watch.io, path, HF_OPEN_READ_ONLY);
    struct hf_store *writer = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);

    hf_test_must_load(store, "app:1", "one", "layer a", "layer b");
    ck_assert(hf_test_has_name(store, "app:1", NULL));
    ck_assert_str_eq(hf_test_state(reader), hf_test_state(store));
    ck_assert_str_eq(hf_test_state(writer), hf_test_state(store));
    hf_test_read_all(reader);
    hf_test_read_all(writer);
    hf_test_must_close(reader);
    hf_test_must_close(writer);
    hf_test_reopen(&store, &watch.io, path);
    ck_assert(hf_test_has_name(store, "app:1", NULL));
    ck_assert(hf_test_has(store, "layer a") && hf_test_has(store, "layer b"));
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_snapshot_stays_as_it_was)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_digest layer = hf_test_digest_of("layer a");
    struct hf_object object = {0};

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    ck_assert_int_eq(hf_snapshot_take(store, &snapshot, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert_int_eq(hf_snapshot_object(snapshot, &layer, &object, &err), 0);
    hf_object_release(&object);
    hf_snapshot_release(snapshot);
    ck_assert(!hf_test_has(store, "layer a"));
}
END_TEST

START_TEST(an_abort_leaves_nothing)
{
    struct hf_txn *txn = NULL;
    char before[4096];

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    snprintf(before, sizeof(before), "%s", hf_test_state(store));
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "new", &err), 0);
    hf_txn_abort(txn, "no");
    ck_assert_str_eq(hf_test_state(store), before);
    hf_test_reopen(&store, &watch.io, path);
    ck_assert_str_eq(hf_test_state(store), before);
    hf_txn_abort(NULL, "no");
}
END_TEST

static int decide_and_refuse(void *arg, struct hf_change *change, struct hf_error *why)
{
    struct hf_digest digest = hf_test_digest_of("new");

    ck_assert_int_eq(hf_change_put_object(change, &digest, NULL, 0, NULL, 0, why), 0);
    ck_assert_int_eq(hf_change_set_name(change, "new:1", &digest, 0, why), 0);
    ck_assert_int_eq(hf_change_drop_name(change, "app:1", why), 0);
    return hf_fail(why, HF_ERR_REFUSED, "on second thought, no");
}

START_TEST(what_a_decision_did_before_it_refused_is_undone)
{
    struct hf_txn *txn = NULL;
    char before[4096];

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    snprintf(before, sizeof(before), "%s", hf_test_state(store));
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "new", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_and_refuse, NULL, &err), HF_ERR_REFUSED);
    ck_assert_str_eq(err.message, "on second thought, no");
    ck_assert_str_eq(hf_test_state(store), before);
    hf_test_reopen(&store, &watch.io, path);
    ck_assert_str_eq(hf_test_state(store), before);
}
END_TEST

START_TEST(staged_blobs_that_no_object_is_put_for_are_dropped)
{
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "unused", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_nothing, NULL, &err), 0);
    ck_assert(!hf_test_has(store, "unused") && !hf_test_has_blob(path, "unused"));
    hf_test_reopen(&store, &watch.io, path);
}
END_TEST

static int decide_without_name(void *arg, struct hf_change *change, struct hf_error *why)
{
    struct hf_digest digest = hf_test_digest_of("nameless");

    return hf_change_put_object(change, &digest, NULL, 0, NULL, 0, why);
}

START_TEST(an_object_that_gets_no_name_is_not_there)
{
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "nameless", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_without_name, NULL, &err), 0);
    ck_assert(!hf_test_has(store, "nameless"));
    hf_test_reopen(&store, &watch.io, path);
    ck_assert(!hf_test_has_blob(path, "nameless"));
}
END_TEST

START_TEST(bytes_that_hash_to_something_else_are_not_taken)
{
    struct hf_txn *txn = NULL;
    struct hf_staged *staged = NULL;
    struct hf_digest expected = hf_test_digest_of("right");

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_stage(txn, &staged, &err), 0);
    ck_assert_int_eq(hf_staged_write(staged, "wrong", 5, &err), 0);
    ck_assert_int_eq(hf_staged_finish(staged, &expected, NULL, NULL, &err), HF_ERR_DIGEST);
    ck_assert(!hf_txn_has_staged(txn, &expected, NULL));
    hf_txn_abort(txn, "");
}
END_TEST

/* A failed sync of a blob is final: no later sync in this transaction makes it good. */
START_TEST(a_blob_whose_sync_failed_is_never_committed)
{
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "nameless", &err), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FSYNC), "staging/0/");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -5, false);
    for (int i = 0; i < 127; i++) { /* the 128th makes all that wait be synced */
        char text[32];
        snprintf(text, sizeof(text), "blob %d", i);
        int rc = hf_test_stage(txn, text, &err);
        ck_assert(rc == 0 || (rc == HF_ERR_IO && i == 126));
    }
    ck_assert_uint_eq(watch.failed, 1);
    ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_nothing, NULL, &err), HF_ERR_IO);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
}
END_TEST

/* It is in the log, and will be durable with the next sync of anybody. */
START_TEST(a_commit_whose_sync_cannot_begin_has_an_unknown_outcome)
{
    struct hf_test_load load = {"app:1", "one", {"layer a"}};
    struct hf_digest top = hf_test_top_of(&load);

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "shared");
    hf_test_watch_fail(&watch, 3, HF_TEST_FAILS, -5, false); /* appending, tail, SYNCING */
    ck_assert_int_eq(hf_test_tag(store, "app:2", &top, &err), HF_ERR_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_reopen(&store, &watch.io, path);
    ck_assert(hf_test_has_name(store, "app:2", &top));
}
END_TEST

/* --- long blobs ------------------------------------------------------------------------------- */

/* Hashed on another thread from some length on. */
START_TEST(a_long_blob_hashes_to_its_bytes)
{
    static uint8_t data[5 * 1024 * 1024 + 3];
    struct hf_digest want, have;
    struct hf_staged *staged = NULL;
    struct hf_txn *txn = NULL;
    uint64_t size = 0;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_stage(txn, &staged, &err), 0);
    for (size_t at = 0; at < sizeof(data); at += 100000) {
        size_t left = sizeof(data) - at;
        ck_assert_int_eq(hf_staged_write(staged, data + at, left < 100000 ? left : 100000, &err),
                         0);
    }
    data[sizeof(data) - 1] ^= (uint8_t)_i;
    hf_digest_of(data, sizeof(data), &want);
    ck_assert_int_eq(hf_staged_finish(staged, &want, &have, &size, &err),
                     _i == 0 ? 0 : HF_ERR_DIGEST);
    if (_i == 0)
        ck_assert_uint_eq(size, sizeof(data));
    hf_txn_abort(txn, "enough");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("txn");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_commit_is_visible_to_all_and_after_opening_again);
    tcase_add_test(tests, a_snapshot_stays_as_it_was);
    tcase_add_test(tests, an_abort_leaves_nothing);
    tcase_add_test(tests, what_a_decision_did_before_it_refused_is_undone);
    tcase_add_test(tests, staged_blobs_that_no_object_is_put_for_are_dropped);
    tcase_add_test(tests, an_object_that_gets_no_name_is_not_there);
    tcase_add_test(tests, bytes_that_hash_to_something_else_are_not_taken);
    tcase_add_test(tests, a_blob_whose_sync_failed_is_never_committed);
    tcase_add_test(tests, a_commit_whose_sync_cannot_begin_has_an_unknown_outcome);
    tcase_add_loop_test(tests, a_long_blob_hashes_to_its_bytes, 0, 2);
    return hf_test_run("txn", tests);
}
