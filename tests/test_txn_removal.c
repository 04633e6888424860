/*
 * Proves what leaves a store and when (holdfast/store.h, src/store/FORMAT.md 5): an object lives
 * while a name reaches it and leaves in the record that takes the last; holds refuse; a claim keeps
 * bytes whatever others remove; what only a dropped reference kept leaves; an object that is known
 * and absent keeps no bytes.
 */
#include "support/suite.h"
#include "support/txn.h"

#include <string.h>

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

/* --- what leaves ------------------------------------------------------------------------------ */

START_TEST(what_loses_its_last_name_leaves_and_what_is_shared_stays)
{
    hf_test_must_load(store, "app:1", "one", "shared", "own");
    hf_test_must_load(store, "other:1", "two", "shared", NULL);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert(hf_test_has(store, "shared") && hf_test_has_blob(path, "shared"));
    ck_assert(!hf_test_has(store, "own") && !hf_test_has_blob(path, "own"));
    ck_assert_int_eq(hf_test_untag(store, "other:1", &err), 0);
    ck_assert(!hf_test_has(store, "shared") && !hf_test_has_blob(path, "shared"));
    ck_assert_str_eq(hf_test_state(store), "|");
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_name_that_moves_takes_the_last_hold_of_what_it_named)
{
    struct hf_test_load old = {"app:1", "old", {"shared", "only old"}};
    struct hf_digest top = hf_test_top_of(&old);

    hf_test_must_load(store, "app:1", "old", "shared", "only old");
    hf_test_must_load(store, "app:1", "new", "shared", "only new");
    ck_assert(!hf_test_has_name(store, "app:1", &top));
    ck_assert(!hf_test_has(store, "only old") && !hf_test_has_blob(path, "only old"));
    ck_assert(hf_test_has(store, "shared") && hf_test_has(store, "only new"));
    hf_test_read_all(store);
    hf_test_reopen(&store, &watch.io, path);
}
END_TEST

START_TEST(a_second_name_keeps_an_object)
{
    struct hf_test_load load = {"app:1", "one", {"layer a"}};
    struct hf_digest top = hf_test_top_of(&load);

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    ck_assert_int_eq(hf_test_tag(store, "app:2", &top, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert(hf_test_has_name(store, "app:2", &top) && hf_test_has_blob(path, "layer a"));
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_hold_refuses_and_says_who)
{
    struct hf_test_load load = {"app:1", "one", {"layer a"}};
    struct hf_digest top = hf_test_top_of(&load);
    uint64_t id = 0;

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    ck_assert_int_eq(hf_test_hold(store, &top, &id, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), HF_ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.message, "a-test"));
    ck_assert_ptr_nonnull(strstr(err.message, "it may"));
    ck_assert(hf_test_has_name(store, "app:1", &top) && hf_test_has_blob(path, "layer a"));
    hf_test_reopen(&store, &watch.io, path);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), HF_ERR_BUSY);
    ck_assert_int_eq(hf_test_drop_hold(store, id, &err), 0);
    ck_assert_int_eq(hf_test_drop_hold(store, id, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert_str_eq(hf_test_state(store), "|");
}
END_TEST

/* --- claims ----------------------------------------------------------------------------------- */

START_TEST(a_claim_keeps_bytes_that_others_remove)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_store *remover = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    struct hf_txn *txn = NULL;

    hf_test_must_load(store, "app:1", "one", text, NULL);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &digest, NULL, &err), 0);
    ck_assert_int_eq(hf_test_untag(remover, "app:1", &err), 0);
    ck_assert(!hf_test_has(remover, text));
    ck_assert(hf_test_has_blob(path, text));
    ck_assert_int_eq(hf_store_recover(remover, &err), 0);
    ck_assert(hf_test_has_blob(path, text));
    if (_i == 0) { /* it comes back, without having been staged */
        ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_put, text, &err), 0);
        ck_assert(hf_test_has_name(store, "kept:1", &digest) && hf_test_has_blob(path, text));
        hf_test_read_all(remover);
    } else { /* it goes with the claim */
        hf_txn_abort(txn, "changed my mind");
        ck_assert(!hf_test_has_blob(path, text));
    }
    hf_test_must_close(remover);
    hf_test_reopen(&store, &watch.io, path);
}
END_TEST

START_TEST(a_claim_of_what_was_removed_before_finds_nothing)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_txn *txn = NULL;

    hf_test_must_load(store, "app:1", "one", text, NULL);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &digest, NULL, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_txn_claim(txn, &digest, NULL, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_put, text, &err), HF_ERR_NOT_FOUND);
}
END_TEST

/* Two loads of the same content: the second finds it in the catalog and drops its copy. */
START_TEST(two_transactions_with_one_digest_are_decided_in_the_log)
{
    char text[] = "twice";
    struct hf_txn *first = NULL, *second = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &first, &err), 0);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &second, &err), 0);
    ck_assert_int_eq(hf_test_stage(first, text, &err), 0);
    ck_assert_int_eq(hf_test_stage(second, text, &err), 0);
    ck_assert_int_eq(hf_txn_commit(second, hf_test_decide_put, text, &err), 0);
    ck_assert_int_eq(hf_txn_commit(first, hf_test_decide_put, text, &err), 0);
    hf_test_read_all(store);
    ck_assert_int_eq(hf_test_untag(store, "kept:1", &err), 0);
    ck_assert(!hf_test_has_blob(path, text));
    hf_test_reopen(&store, &watch.io, path);
}
END_TEST

/* Removed between its commit and its publishing: the bytes go after all. */
START_TEST(what_is_removed_before_it_is_published_leaves_no_bytes)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LINK), "");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -5, true);
    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_read_all(store); /* from staging */
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    if (_i == 0)
        hf_test_must_load(store, "app:2", "two", "layer a", NULL); /* and is wanted again */
    hf_test_must_close(store);                                     /* unfinished as it is */
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert(hf_test_has_blob(path, "layer a") == (_i == 0));
    hf_test_read_all(store);
}
END_TEST

/* --- references that are dropped -------------------------------------------------------------- */

static int decide_drop_ref(void *arg, struct hf_change *change, struct hf_error *why)
{
    const struct hf_test_load *load = arg;
    struct hf_digest top = hf_test_top_of(load);
    struct hf_digest refs[2] = {hf_test_digest_of("one"), hf_test_digest_of("never")};

    return hf_change_drop_refs(change, &top, refs, 2, why);
}

START_TEST(what_only_a_dropped_reference_kept_leaves)
{
    struct hf_test_load load = {.name = "a:1", .text = "a", .parts = {"one", "two"}};
    struct hf_digest top = hf_test_top_of(&load);
    struct hf_test_load other = {.name = "b:1", .text = "b", .parts = {"one"}};

    ck_assert_int_eq(hf_test_load(store, &load, &err), 0);
    if (_i == 1)
        ck_assert_int_eq(hf_test_load(store, &other, &err), 0);
    ck_assert_int_eq(hf_store_change(store, "x", 1, decide_drop_ref, &load, &err), 0);
    ck_assert_int_eq(hf_test_has(store, "one"), _i);
    ck_assert_int_eq(hf_test_has_blob(path, "one"), _i);
    ck_assert(hf_test_has(store, "two"));
    ck_assert(hf_test_has_name(store, "a:1", &top));
    hf_test_reopen(&store, &watch.io, path);
    ck_assert_int_eq(hf_test_untag(store, "a:1", &err), 0);
    ck_assert_int_eq(hf_test_has(store, "one"), _i);
}
END_TEST

/* --- absent objects --------------------------------------------------------------------------- */

static int decide_index(void *arg, struct hf_change *change, struct hf_error *why)
{
    struct hf_digest refs[2] = {hf_test_digest_of("here"), hf_test_digest_of("elsewhere")};
    struct hf_digest top = hf_test_digest_of("index");

    int rc = hf_change_put_object(change, &refs[0], NULL, 0, NULL, 0, why);
    if (rc == 0)
        rc = hf_change_put_absent(change, &refs[1], 9, "s", 1, why);
    if (rc == 0)
        rc = hf_change_put_object(change, &top, refs, 2, NULL, 0, why);
    return rc == 0 ? hf_change_set_name(change, "index:1", &top, 0, why) : rc;
}

static int decide_name_absent(void *arg, struct hf_change *change, struct hf_error *why)
{
    struct hf_digest digest = hf_test_digest_of("elsewhere");

    return hf_change_set_name(change, "absent:1", &digest, 0, why);
}

START_TEST(an_absent_object_is_known_cannot_be_named_and_leaves_with_who_refers_to_it)
{
    struct hf_digest absent = hf_test_digest_of("elsewhere");
    struct hf_txn *txn = NULL;
    struct hf_blob *blob = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "here", &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "index", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_index, NULL, &err), 0);
    ck_assert(hf_test_has(store, "elsewhere"));
    ck_assert_int_eq(hf_blob_open(store, &absent, &blob, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_store_change(store, "x", 1, decide_name_absent, NULL, &err),
                     HF_ERR_NOT_FOUND);
    /* Its bytes come later. */
    if (_i == 1) {
        char text[] = "elsewhere";
        ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
        ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
        ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_put, text, &err), 0);
        hf_test_read_all(store);
        ck_assert(hf_test_has_blob(path, "elsewhere"));
        ck_assert_int_eq(hf_test_untag(store, "kept:1", &err), 0);
    }
    hf_test_reopen(&store, &watch.io, path);
    ck_assert_int_eq(hf_test_untag(store, "index:1", &err), 0);
    ck_assert_str_eq(hf_test_state(store), "|");
}
END_TEST

/* Its bytes were being removed when it became known anew, by a descriptor alone. */
START_TEST(an_absent_object_does_not_keep_bytes_that_were_being_removed)
{
    struct hf_digest digest = hf_test_digest_of("elsewhere");
    struct hf_txn *claimer = NULL, *txn = NULL;

    hf_test_must_load(store, "app:1", "one", "elsewhere", NULL);
    ck_assert_int_eq(hf_txn_begin(store, "c", 1, &claimer, &err), 0);
    ck_assert_int_eq(hf_txn_claim(claimer, &digest, NULL, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert(hf_test_has_blob(path, "elsewhere"));
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "here", &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "index", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_index, NULL, &err), 0);
    ck_assert(hf_test_has_blob(path, "elsewhere")); /* it is claimed */
    hf_txn_abort(claimer, "done");
    if (_i == 1)
        hf_test_reopen(&store, &watch.io, path);
    ck_assert_int_eq(hf_store_change(store, "x", 1, hf_test_decide_nothing, NULL, &err), 0);
    ck_assert(!hf_test_has_blob(path, "elsewhere"));
    ck_assert(hf_test_has(store, "elsewhere"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("txn_removal");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_loses_its_last_name_leaves_and_what_is_shared_stays);
    tcase_add_test(tests, a_name_that_moves_takes_the_last_hold_of_what_it_named);
    tcase_add_test(tests, a_second_name_keeps_an_object);
    tcase_add_test(tests, a_hold_refuses_and_says_who);
    tcase_add_loop_test(tests, a_claim_keeps_bytes_that_others_remove, 0, 2);
    tcase_add_test(tests, a_claim_of_what_was_removed_before_finds_nothing);
    tcase_add_test(tests, two_transactions_with_one_digest_are_decided_in_the_log);
    tcase_add_loop_test(tests, what_is_removed_before_it_is_published_leaves_no_bytes, 0, 2);
    tcase_add_loop_test(
        tests, an_absent_object_is_known_cannot_be_named_and_leaves_with_who_refers_to_it, 0, 2);
    tcase_add_loop_test(tests, what_only_a_dropped_reference_kept_leaves, 0, 2);
    tcase_add_loop_test(tests, an_absent_object_does_not_keep_bytes_that_were_being_removed, 0, 2);
    return hf_test_run("txn_removal", tests);
}
