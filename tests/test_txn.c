/*
 * Proves what a transaction promises (holdfast/store.h, src/store/FORMAT.md 5): all or nothing,
 * durable and visible; an object lives while a name reaches it and leaves in the record that takes
 * the last; holds refuse; a claim keeps bytes whatever others remove; a damaged copy is healed; and
 * that any sequence of operations agrees with a plain model, with the checker's word on the store.
 */
#include "support/objects.h"
#include "support/random.h"
#include "support/suite.h"

#include "base/digest.h"
#include "base/error.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    watch.forgets = true;
    err = (struct hf_error){0};
    store = hf_test_must_open(&watch.io, path, HF_OPEN_CREATE);
}

static void teardown(void)
{
    if (store) {
        hf_test_must_close(store);
        hf_test_check(path, HF_CHECKER_RECOVERED, "at the end");
    }
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

static void reopen(void)
{
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "closed");
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
}

static void must_load(struct hf_store *in, const char *name, const char *text, const char *a,
                      const char *b)
{
    struct hf_test_load load = {name, text, {a, b}};
    int rc = hf_test_load(in, &load, &err);

    ck_assert_msg(rc == 0, "%s: %s %s", name, hf_error_name(rc), err.message);
}

static bool has_blob(const char *text)
{
    struct hf_digest digest = hf_test_digest_of(text);
    char full[600], hex[HF_DIGEST_TEXT_MAX];

    snprintf(full, sizeof(full), "%s/blobs/sha256/%s", path, hf_digest_hex(&digest, hex));
    return access(full, F_OK) == 0;
}

static void damage_blob(const char *text)
{
    struct hf_digest digest = hf_test_digest_of(text);
    char full[600], hex[HF_DIGEST_TEXT_MAX];

    snprintf(full, sizeof(full), "%s/blobs/sha256/%s", path, hf_digest_hex(&digest, hex));
    int fd = open(full, O_WRONLY);
    ck_assert_msg(fd >= 0, "no %s", full);
    ck_assert_int_eq(pwrite(fd, "#", 1, 1), 1);
    close(fd);
}

/* --- all or nothing --------------------------------------------------------------------------- */

START_TEST(a_commit_is_visible_to_all_and_after_opening_again)
{
    struct hf_store *reader = hf_test_must_open(&watch.io, path, HF_OPEN_READ_ONLY);
    struct hf_store *writer = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);

    must_load(store, "app:1", "one", "layer a", "layer b");
    ck_assert(hf_test_has_name(store, "app:1", NULL));
    ck_assert_str_eq(hf_test_state(reader), hf_test_state(store));
    ck_assert_str_eq(hf_test_state(writer), hf_test_state(store));
    hf_test_read_all(reader);
    hf_test_read_all(writer);
    hf_test_must_close(reader);
    hf_test_must_close(writer);
    reopen();
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

    must_load(store, "app:1", "one", "layer a", NULL);
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

    must_load(store, "app:1", "one", "layer a", NULL);
    snprintf(before, sizeof(before), "%s", hf_test_state(store));
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "new", &err), 0);
    hf_txn_abort(txn, "no");
    ck_assert_str_eq(hf_test_state(store), before);
    reopen();
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

    must_load(store, "app:1", "one", "layer a", NULL);
    snprintf(before, sizeof(before), "%s", hf_test_state(store));
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "new", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_and_refuse, NULL, &err), HF_ERR_REFUSED);
    ck_assert_str_eq(err.message, "on second thought, no");
    ck_assert_str_eq(hf_test_state(store), before);
    reopen();
    ck_assert_str_eq(hf_test_state(store), before);
}
END_TEST

static int decide_nothing(void *arg, struct hf_change *change, struct hf_error *why)
{
    return 0;
}

START_TEST(staged_blobs_that_no_object_is_put_for_are_dropped)
{
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "unused", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_nothing, NULL, &err), 0);
    ck_assert(!hf_test_has(store, "unused") && !has_blob("unused"));
    reopen();
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
    reopen();
    ck_assert(!has_blob("nameless"));
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
    ck_assert_int_eq(hf_txn_commit(txn, decide_nothing, NULL, &err), HF_ERR_IO);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
}
END_TEST

/* It is in the log, and will be durable with the next sync of anybody. */
START_TEST(a_commit_whose_sync_cannot_begin_has_an_unknown_outcome)
{
    struct hf_test_load load = {"app:1", "one", {"layer a"}};
    struct hf_digest top = hf_test_top_of(&load);

    must_load(store, "app:1", "one", "layer a", NULL);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "shared");
    hf_test_watch_fail(&watch, 3, HF_TEST_FAILS, -5, false); /* appending, tail, SYNCING */
    ck_assert_int_eq(hf_test_tag(store, "app:2", &top, &err), HF_ERR_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    reopen();
    ck_assert(hf_test_has_name(store, "app:2", &top));
}
END_TEST

/* --- what leaves ------------------------------------------------------------------------------ */

START_TEST(what_loses_its_last_name_leaves_and_what_is_shared_stays)
{
    must_load(store, "app:1", "one", "shared", "own");
    must_load(store, "other:1", "two", "shared", NULL);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert(hf_test_has(store, "shared") && has_blob("shared"));
    ck_assert(!hf_test_has(store, "own") && !has_blob("own"));
    ck_assert_int_eq(hf_test_untag(store, "other:1", &err), 0);
    ck_assert(!hf_test_has(store, "shared") && !has_blob("shared"));
    ck_assert_str_eq(hf_test_state(store), "|");
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_name_that_moves_takes_the_last_hold_of_what_it_named)
{
    struct hf_test_load old = {"app:1", "old", {"shared", "only old"}};
    struct hf_digest top = hf_test_top_of(&old);

    must_load(store, "app:1", "old", "shared", "only old");
    must_load(store, "app:1", "new", "shared", "only new");
    ck_assert(!hf_test_has_name(store, "app:1", &top));
    ck_assert(!hf_test_has(store, "only old") && !has_blob("only old"));
    ck_assert(hf_test_has(store, "shared") && hf_test_has(store, "only new"));
    hf_test_read_all(store);
    reopen();
}
END_TEST

START_TEST(a_second_name_keeps_an_object)
{
    struct hf_test_load load = {"app:1", "one", {"layer a"}};
    struct hf_digest top = hf_test_top_of(&load);

    must_load(store, "app:1", "one", "layer a", NULL);
    ck_assert_int_eq(hf_test_tag(store, "app:2", &top, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert(hf_test_has_name(store, "app:2", &top) && has_blob("layer a"));
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_hold_refuses_and_says_who)
{
    struct hf_test_load load = {"app:1", "one", {"layer a"}};
    struct hf_digest top = hf_test_top_of(&load);
    uint64_t id = 0;

    must_load(store, "app:1", "one", "layer a", NULL);
    ck_assert_int_eq(hf_test_hold(store, &top, &id, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), HF_ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.message, "a-test"));
    ck_assert_ptr_nonnull(strstr(err.message, "it may"));
    ck_assert(hf_test_has_name(store, "app:1", &top) && has_blob("layer a"));
    reopen();
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), HF_ERR_BUSY);
    ck_assert_int_eq(hf_test_drop_hold(store, id, &err), 0);
    ck_assert_int_eq(hf_test_drop_hold(store, id, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert_str_eq(hf_test_state(store), "|");
}
END_TEST

/* --- claims ----------------------------------------------------------------------------------- */

static int decide_put(void *arg, struct hf_change *change, struct hf_error *why)
{
    const char *text = arg;
    struct hf_digest digest = hf_test_digest_of(text);

    int rc = hf_change_put_object(change, &digest, NULL, 0, NULL, 0, why);
    return rc != 0 ? rc : hf_change_set_name(change, "kept:1", &digest, 0, why);
}

START_TEST(a_claim_keeps_bytes_that_others_remove)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_store *remover = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    struct hf_txn *txn = NULL;

    must_load(store, "app:1", "one", text, NULL);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &digest, NULL, &err), 0);
    ck_assert_int_eq(hf_test_untag(remover, "app:1", &err), 0);
    ck_assert(!hf_test_has(remover, text));
    ck_assert(has_blob(text));
    ck_assert_int_eq(hf_store_recover(remover, &err), 0);
    ck_assert(has_blob(text));
    if (_i == 0) { /* it comes back, without having been staged */
        ck_assert_int_eq(hf_txn_commit(txn, decide_put, text, &err), 0);
        ck_assert(hf_test_has_name(store, "kept:1", &digest) && has_blob(text));
        hf_test_read_all(remover);
    } else { /* it goes with the claim */
        hf_txn_abort(txn, "changed my mind");
        ck_assert(!has_blob(text));
    }
    hf_test_must_close(remover);
    reopen();
}
END_TEST

START_TEST(a_claim_of_what_was_removed_before_finds_nothing)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_txn *txn = NULL;

    must_load(store, "app:1", "one", text, NULL);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &digest, NULL, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_txn_claim(txn, &digest, NULL, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_txn_commit(txn, decide_put, text, &err), HF_ERR_NOT_FOUND);
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
    ck_assert_int_eq(hf_txn_commit(second, decide_put, text, &err), 0);
    ck_assert_int_eq(hf_txn_commit(first, decide_put, text, &err), 0);
    hf_test_read_all(store);
    ck_assert_int_eq(hf_test_untag(store, "kept:1", &err), 0);
    ck_assert(!has_blob(text));
    reopen();
}
END_TEST

/* Removed between its commit and its publishing: the bytes go after all. */
START_TEST(what_is_removed_before_it_is_published_leaves_no_bytes)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LINK), "");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -5, true);
    must_load(store, "app:1", "one", "layer a", NULL);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_read_all(store); /* from staging */
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    if (_i == 0)
        must_load(store, "app:2", "two", "layer a", NULL); /* and is wanted again */
    hf_test_must_close(store);                             /* unfinished as it is */
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert(has_blob("layer a") == (_i == 0));
    hf_test_read_all(store);
}
END_TEST

/* --- damage ----------------------------------------------------------------------------------- */

START_TEST(a_damaged_copy_is_healed_by_who_brings_the_bytes)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_txn *txn = NULL;
    uint8_t *data = NULL;
    size_t len = 0;
    bool good = true;

    must_load(store, "app:1", "one", text, NULL);
    damage_blob(text);
    ck_assert_int_eq(hf_blob_read_all(store, &digest, 100, &data, &len, &err), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
    ck_assert_int_eq(hf_txn_verify_present(txn, &digest, &good, &err), 0);
    ck_assert(!good);
    ck_assert_int_eq(hf_txn_commit(txn, decide_put, text, &err), 0);
    hf_test_read_all(store);
    reopen();
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_good_copy_is_kept_and_the_staged_one_dropped)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_txn *txn = NULL;
    bool good = false;

    must_load(store, "app:1", "one", text, NULL);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
    ck_assert_int_eq(hf_txn_verify_present(txn, &digest, &good, &err), 0);
    ck_assert(good);
    ck_assert(!hf_txn_has_staged(txn, &digest, NULL));
    ck_assert_int_eq(hf_txn_commit(txn, decide_put, text, &err), 0);
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_missing_file_is_damage_and_not_absence)
{
    struct hf_digest digest = hf_test_digest_of("layer a");
    struct hf_blob *blob = NULL;
    char full[600], hex[HF_DIGEST_TEXT_MAX];

    must_load(store, "app:1", "one", "layer a", NULL);
    snprintf(full, sizeof(full), "%s/blobs/sha256/%s", path, hf_digest_hex(&digest, hex));
    ck_assert_int_eq(unlink(full), 0);
    ck_assert_int_eq(hf_blob_open(store, &digest, &blob, &err), HF_ERR_CORRUPT);
    ck_assert_str_ne(err.message, "");
    must_load(store, "other:1", "two", "layer z", NULL); /* blocks nothing else */
    /* Loading it again heals it. */
    char text[] = "layer a";
    struct hf_txn *txn = NULL;
    bool good = true;
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
    ck_assert_int_eq(hf_txn_verify_present(txn, &digest, &good, &err), 0);
    ck_assert(!good);
    ck_assert_int_eq(hf_txn_commit(txn, decide_put, text, &err), 0);
    hf_test_read_all(store);
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
    ck_assert_int_eq(has_blob("one"), _i);
    ck_assert(hf_test_has(store, "two"));
    ck_assert(hf_test_has_name(store, "a:1", &top));
    reopen();
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
        ck_assert_int_eq(hf_txn_commit(txn, decide_put, text, &err), 0);
        hf_test_read_all(store);
        ck_assert(has_blob("elsewhere"));
        ck_assert_int_eq(hf_test_untag(store, "kept:1", &err), 0);
    }
    reopen();
    ck_assert_int_eq(hf_test_untag(store, "index:1", &err), 0);
    ck_assert_str_eq(hf_test_state(store), "|");
}
END_TEST

/* --- threads ---------------------------------------------------------------------------------- */

struct worker {
    struct hf_store *in;
    int number;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct hf_error why = {0};

    for (int i = 0; i < 12; i++) {
        char name[32], text[32], own[32];
        snprintf(name, sizeof(name), "w%d:1", worker->number);
        snprintf(text, sizeof(text), "%d.%d", worker->number, i);
        snprintf(own, sizeof(own), "own %d", i % 3);
        struct hf_test_load load = {name, text, {"shared by all", own}};
        int rc = hf_test_load(worker->in, &load, &why);
        if (rc != 0)
            ck_abort_msg("load: %s %s", hf_error_name(rc), why.message);
        struct hf_snapshot *snapshot = NULL;
        hf_test_require(hf_snapshot_take(worker->in, &snapshot, &why) == 0);
        hf_snapshot_release(snapshot);
        if (i % 4 == 3)
            hf_test_require(hf_test_untag(worker->in, name, &why) == 0);
        if (i % 5 == 0)
            hf_test_require(hf_store_checkpoint(worker->in, &why) == 0);
        if (i % 6 == 0)
            hf_test_require(hf_store_recover(worker->in, &why) == 0);
    }
    return NULL;
}

START_TEST(loads_removals_checkpoints_and_recoveries_go_on_together)
{
    struct hf_store *second = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    struct worker workers[6];
    pthread_t threads[6];

    for (int i = 0; i < 6; i++) {
        workers[i] = (struct worker){.in = i % 2 ? store : second, .number = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    ck_assert_str_eq(hf_test_state(store), hf_test_state(second));
    ck_assert_str_eq(hf_test_state(store), "|"); /* each removed its own at last */
    hf_test_must_close(second);
    reopen();
    ck_assert_str_eq(hf_test_state(store), "|");
}
END_TEST

/* --- any sequence ----------------------------------------------------------------------------- */

#define NAMES 6
#define PARTS 8

/* What each name points to: a text and two parts; text 0: no such name. */
struct model_name {
    int text, a, b;
    uint64_t hold;
};

static void model_texts(const struct model_name *model, char text[32], char a[32], char b[32])
{
    snprintf(text, 32, "%d", model->text);
    snprintf(a, 32, "part %d", model->a);
    snprintf(b, 32, "part %d", model->b);
}

static void compare(const struct model_name *names)
{
    for (int i = 0; i < NAMES; i++) {
        char name[32], text[32], a[32], b[32];
        snprintf(name, sizeof(name), "n%d", i);
        if (names[i].text == 0) {
            ck_assert(!hf_test_has_name(store, name, NULL));
            continue;
        }
        model_texts(&names[i], text, a, b);
        struct hf_test_load load = {name, text, {a, b}};
        struct hf_digest top = hf_test_top_of(&load);
        ck_assert_msg(hf_test_has_name(store, name, &top), "%s", name);
    }
    for (int part = 0; part < PARTS; part++) {
        char text[32];
        bool wanted = false;
        snprintf(text, sizeof(text), "part %d", part);
        for (int i = 0; i < NAMES; i++)
            wanted = wanted || (names[i].text != 0 && (names[i].a == part || names[i].b == part));
        ck_assert_msg(hf_test_has(store, text) == wanted, "%s", text);
        ck_assert_msg(has_blob(text) == wanted, "file of %s", text);
    }
    hf_test_read_all(store);
}

/* Is what the name points to held, under this name or another? Then its last name stays. */
static bool is_last_of_held(const struct model_name *names, int which)
{
    bool held = false, last = true;

    for (int i = 0; i < NAMES; i++) {
        if (names[i].text != names[which].text)
            continue;
        held = held || names[i].hold != 0;
        last = last && i == which;
    }
    return held && last;
}

START_TEST(any_sequence_of_operations_agrees_with_a_plain_model)
{
    struct hf_test_random random;
    struct model_name names[NAMES] = {{0}};
    int next_text = 1;

    hf_test_random_init(&random, "any_sequence_of_operations_agrees_with_a_plain_model");
    for (int step = 0; step < 300; step++) {
        int which = (int)hf_test_random_below(&random, NAMES);
        int other = (int)hf_test_random_below(&random, NAMES);
        char name[32], text[32], a[32], b[32];
        snprintf(name, sizeof(name), "n%d", which);
        switch (hf_test_random_below(&random, 10)) {
        case 0:
        case 1:
        case 2: { /* load, perhaps over a name */
            struct model_name made = {.text = next_text++,
                                      .a = (int)hf_test_random_below(&random, PARTS / 2),
                                      .b = PARTS / 2 +
                                           (int)hf_test_random_below(&random, PARTS / 2)};
            model_texts(&made, text, a, b);
            struct hf_test_load load = {name, text, {a, b}};
            int rc = hf_test_load(store, &load, &err);
            if (names[which].text != 0 && is_last_of_held(names, which)) {
                ck_assert_int_eq(rc, HF_ERR_BUSY);
                break;
            }
            ck_assert_msg(rc == 0, "step %d: %s %s", step, hf_error_name(rc), err.message);
            uint64_t hold = names[which].hold;
            /* A hold stays on what it is on: with another name of it. */
            for (int i = 0; hold != 0 && i < NAMES; i++)
                if (i != which && names[i].text == names[which].text) {
                    ck_assert(names[i].hold == 0 || i != which);
                    if (names[i].hold == 0) {
                        names[i].hold = hold;
                        hold = 0;
                    }
                }
            if (hold != 0)
                ck_assert_int_eq(hf_test_drop_hold(store, hold, &err), 0);
            names[which] = made;
            break;
        }
        case 3:
        case 4: { /* tag */
            if (names[other].text == 0 || which == other)
                break;
            model_texts(&names[other], text, a, b);
            struct hf_test_load load = {name, text, {a, b}};
            struct hf_digest top = hf_test_top_of(&load);
            if (names[which].hold != 0)
                break;
            int rc = hf_test_tag(store, name, &top, &err);
            if (names[which].text != 0 && names[which].text != names[other].text &&
                is_last_of_held(names, which)) {
                ck_assert_int_eq(rc, HF_ERR_BUSY);
                break;
            }
            ck_assert_msg(rc == 0, "step %d: %s %s", step, hf_error_name(rc), err.message);
            names[which] = (struct model_name){
                .text = names[other].text, .a = names[other].a, .b = names[other].b};
            break;
        }
        case 5:
        case 6: { /* untag */
            if (names[which].hold != 0)
                break;
            int rc = hf_test_untag(store, name, &err);
            if (names[which].text == 0) {
                ck_assert_int_eq(rc, HF_ERR_NOT_FOUND);
            } else if (is_last_of_held(names, which)) {
                ck_assert_int_eq(rc, HF_ERR_BUSY);
            } else {
                ck_assert_msg(rc == 0, "step %d: %s %s", step, hf_error_name(rc), err.message);
                names[which] = (struct model_name){0};
            }
            break;
        }
        case 7: { /* hold or unhold */
            if (names[which].text == 0)
                break;
            model_texts(&names[which], text, a, b);
            struct hf_test_load load = {name, text, {a, b}};
            struct hf_digest top = hf_test_top_of(&load);
            if (names[which].hold == 0) {
                ck_assert_int_eq(hf_test_hold(store, &top, &names[which].hold, &err), 0);
            } else {
                ck_assert_int_eq(hf_test_drop_hold(store, names[which].hold, &err), 0);
                names[which].hold = 0;
            }
            break;
        }
        case 8:
            ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
            break;
        default:
            if (hf_test_random_below(&random, 2))
                watch.boot[0]++;
            reopen();
            break;
        }
        if (step % 10 == 0)
            compare(names);
    }
    compare(names);
}
END_TEST

/* Its bytes were being removed when it became known anew, by a descriptor alone. */
START_TEST(an_absent_object_does_not_keep_bytes_that_were_being_removed)
{
    struct hf_digest digest = hf_test_digest_of("elsewhere");
    struct hf_txn *claimer = NULL, *txn = NULL;

    must_load(store, "app:1", "one", "elsewhere", NULL);
    ck_assert_int_eq(hf_txn_begin(store, "c", 1, &claimer, &err), 0);
    ck_assert_int_eq(hf_txn_claim(claimer, &digest, NULL, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    ck_assert(has_blob("elsewhere"));
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "here", &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "index", &err), 0);
    ck_assert_int_eq(hf_txn_commit(txn, decide_index, NULL, &err), 0);
    ck_assert(has_blob("elsewhere")); /* it is claimed */
    hf_txn_abort(claimer, "done");
    if (_i == 1)
        reopen();
    ck_assert_int_eq(hf_store_change(store, "x", 1, decide_nothing, NULL, &err), 0);
    ck_assert(!has_blob("elsewhere"));
    ck_assert(hf_test_has(store, "elsewhere"));
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
    tcase_add_test(tests, what_loses_its_last_name_leaves_and_what_is_shared_stays);
    tcase_add_test(tests, a_name_that_moves_takes_the_last_hold_of_what_it_named);
    tcase_add_test(tests, a_second_name_keeps_an_object);
    tcase_add_test(tests, a_hold_refuses_and_says_who);
    tcase_add_loop_test(tests, a_claim_keeps_bytes_that_others_remove, 0, 2);
    tcase_add_test(tests, a_claim_of_what_was_removed_before_finds_nothing);
    tcase_add_test(tests, two_transactions_with_one_digest_are_decided_in_the_log);
    tcase_add_loop_test(tests, what_is_removed_before_it_is_published_leaves_no_bytes, 0, 2);
    tcase_add_test(tests, a_damaged_copy_is_healed_by_who_brings_the_bytes);
    tcase_add_test(tests, a_good_copy_is_kept_and_the_staged_one_dropped);
    tcase_add_test(tests, a_missing_file_is_damage_and_not_absence);
    tcase_add_loop_test(
        tests, an_absent_object_is_known_cannot_be_named_and_leaves_with_who_refers_to_it, 0, 2);
    tcase_add_loop_test(tests, a_long_blob_hashes_to_its_bytes, 0, 2);
    tcase_add_loop_test(tests, what_only_a_dropped_reference_kept_leaves, 0, 2);
    tcase_add_loop_test(tests, an_absent_object_does_not_keep_bytes_that_were_being_removed, 0, 2);
    tcase_add_test(tests, loads_removals_checkpoints_and_recoveries_go_on_together);
    tcase_add_test(tests, any_sequence_of_operations_agrees_with_a_plain_model);
    return hf_test_run("txn", tests);
}
