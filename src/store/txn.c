/*
 * store/txn.c - transactions: FORMAT.md 5.1 steps 1, 3, 6 and 7, 5.3, and aborting. Staging:
 * stage.c. What a decision does: change*.c. After the commit: publish.c.
 *
 * Always true:
 *  (1) COMMIT is appended only after every blob it names and the slot's folder were synced;
 *  (2) success is told only after the log was synced behind COMMIT;
 *  (3) staged files are removed only if no COMMIT can be in the log, or after they were linked.
 *
 * OPEN --commit--> (1) --> COMMITTED --finish--> DONE
 * OPEN --abort, or a failure before COMMIT is appended--> ABORTED
 * OPEN --a failed sync of the log--> unknown: the next open decides
 */
#include "store/txn.h"

#include "base/digest.h"
#include "base/error.h"
#include "store/change.h"

#include <stdlib.h>
#include <string.h>

/* The lowest slot that no transaction has. With the append lock. */
static int choose_slot(const struct hf_view *view, uint32_t *out_slot, struct hf_error *err)
{
    static const uint8_t prefix[] = {HF_KEY_TXN};
    uint32_t slot = 0;
    bool taken = true;
    int rc = 0;

    while (rc == 0 && taken) {
        struct hf_view_iter iter = {0};
        taken = false;
        rc = hf_view_iter_init(&iter, view, prefix, sizeof(prefix), err);
        while (rc == 0 && !taken && (rc = hf_view_iter_next(&iter, err)) == 0) {
            struct hf_txn_entry entry;
            rc = hf_txn_decode(&iter.key, &iter.value, &entry, err);
            taken = rc == 0 && entry.slot == slot;
        }
        hf_view_iter_release(&iter);
        rc = rc == HF_END ? 0 : rc;
        slot += taken;
    }
    *out_slot = slot;
    return rc;
}

/* Put or replace our `T` entry. */
static int put_txn_entry(struct hf_change *change, uint64_t txn, enum hf_txn_state state,
                         uint32_t slot, const void *note, size_t note_len, struct hf_error *err)
{
    struct hf_txn_entry entry = {
        .txn = txn,
        .state = state,
        .slot = slot,
        .time_ns = change->time_ns,
        .note = note,
        .note_len = note_len,
    };

    hf_key_txn(&change->key, txn);
    hf_txn_encode(&change->value, &entry);
    return hf_change_put(change, err);
}

/* Own the next position as a transaction. With the append lock. */
static int own_next(struct hf_store *store, uint64_t *out_txn, struct hf_error *err)
{
    *out_txn = hf_wal_tail(store->wal);
    return hf_wal_own(store->wal, *out_txn, err);
}

/* Step 1, with the append lock. */
static int log_intent(struct hf_txn *txn, struct hf_error *err)
{
    struct hf_store *store = txn->store;
    struct hf_change change;
    uint64_t end = 0;

    int rc = hf_wal_reserve(store->wal, err);
    if (rc == 0)
        rc = own_next(store, &txn->id, err);
    if (rc != 0)
        return rc;
    hf_change_init(&change, store, NULL);
    txn->time_ns = change.time_ns;
    rc = choose_slot(&change.snapshot.view, &txn->slot, err);
    if (rc == 0)
        rc = put_txn_entry(&change, txn->id, HF_TXN_OPEN, txn->slot, txn->note.data, txn->note.len,
                           err);
    if (rc == 0)
        rc = hf_store_append(store, HF_WAL_INTENT, txn->id, &change.payload, txn->note.data,
                             txn->note.len, &end, err);
    hf_change_release(&change);
    if (rc != 0)
        hf_wal_disown(store->wal, txn->id);
    return rc;
}

static void free_txn(struct hf_txn *txn)
{
    for (size_t i = 0; i < txn->staged_count; i++)
        hf_io_close(txn->store->io, &txn->staged[i].fd);
    for (size_t i = 0; i < txn->claimed_count; i++)
        hf_object_release(&txn->claimed[i]);
    free(txn->staged);
    free(txn->claimed);
    hf_digest_map_release(&txn->staged_by_digest);
    hf_digest_map_release(&txn->claimed_by_digest);
    hf_digest_map_release(&txn->healed);
    hf_buf_release(&txn->note);
    pthread_mutex_destroy(&txn->mutex);
    free(txn);
}

static int check_note(size_t note_len, struct hf_error *err)
{
    return note_len <= HF_NOTE_MAX
               ? 0
               : hf_fail(err, HF_ERR_LIMIT, "the note of an operation may have at most %u bytes",
                         HF_NOTE_MAX);
}

int hf_txn_begin(struct hf_store *store, const char *note, size_t note_len, struct hf_txn **out_txn,
                 struct hf_error *err)
{
    int rc = check_note(note_len, err);
    struct hf_txn *txn = rc == 0 ? calloc(1, sizeof(*txn)) : NULL;

    if (txn == NULL)
        return rc != 0 ? rc : hf_fail_memory(err);
    txn->store = store;
    pthread_mutex_init(&txn->mutex, NULL);
    hf_buf_put(&txn->note, note, note_len);
    rc = hf_buf_check(&txn->note, err);
    if (rc == 0)
        rc = hf_store_lock(store, err);
    if (rc == 0) {
        rc = log_intent(txn, err);
        hf_store_unlock(store);
    }
    if (rc != 0) {
        free_txn(txn);
        return rc;
    }
    *out_txn = txn;
    return 0;
}

uint64_t hf_txn_id(const struct hf_txn *txn)
{
    return txn->id;
}

/* The claims of a transaction that ends. */
static int drop_claims(struct hf_change *change, const struct hf_txn *txn, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < txn->claimed_by_digest.capacity; i++) {
        const struct hf_digest *digest = &txn->claimed_by_digest.slots[i].digest;
        if (digest->algorithm == HF_DIGEST_NONE)
            continue;
        hf_key_digest_number(&change->key, HF_KEY_CLAIM, digest, txn->id);
        rc = hf_change_delete(change, err);
    }
    return rc;
}

/* Step 6 but for appending: what the decision wants, what follows from it, and our own entry. */
static int decide_all(struct hf_change *change, struct hf_txn *txn, const void *note,
                      size_t note_len, hf_decide_fn *decide, void *arg, struct hf_error *err)
{
    int rc = decide(arg, change, err);

    if (rc == 0)
        rc = hf_change_collect(change, err);
    if (rc == 0 && txn != NULL)
        rc = drop_claims(change, txn, err);
    if (rc != 0)
        return rc;
    if (change->staged_used > 0 || change->removed > 0)
        return put_txn_entry(change, change->txn_id, HF_TXN_COMMITTED,
                             txn != NULL ? txn->slot : HF_SLOT_NONE, note, note_len, err);
    if (txn == NULL)
        return 0;
    hf_key_txn(&change->key, txn->id);
    return hf_change_delete(change, err);
}

/* Abort without telling: also after a failure. */
static void log_abort(struct hf_txn *txn, const char *reason)
{
    struct hf_store *store = txn->store;
    struct hf_change change;
    uint64_t end = 0;

    if (hf_store_lock(store, NULL) != 0)
        return; /* recovery rolls back */
    hf_change_init(&change, store, NULL);
    hf_key_txn(&change.key, txn->id);
    if (hf_change_delete(&change, NULL) == 0 && drop_claims(&change, txn, NULL) == 0) {
        size_t len = strnlen(reason, 4096);
        /* If it fails, recovery rolls back. */
        hf_tolerate(hf_store_append(store, HF_WAL_ABORT, txn->id, &change.payload, reason, len,
                                    &end, NULL));
    }
    hf_change_release(&change);
    hf_store_unlock(store);
}

void hf_txn_abort(struct hf_txn *txn, const char *reason)
{
    if (txn == NULL)
        return;
    struct hf_store *store = txn->store;
    hf_txn_discard_staged(txn);
    log_abort(txn, reason != NULL ? reason : "");
    hf_wal_disown(store->wal, txn->id);
    free_txn(txn);
    /* What our claims stood against may go now; if not, the permission stays in the catalog. */
    hf_tolerate(hf_store_remove_pending(store, NULL, NULL, NULL));
}

/* Step 7. The change is in the log: whatever fails now, it may come true. */
static int sync_logged(struct hf_store *store, uint64_t end, struct hf_error *err)
{
    int rc = hf_store_sync(store, end, err);

    if (rc != 0 && rc != HF_ERR_OUTCOME_UNKNOWN)
        rc = hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "the log could not be made durable");
    return rc;
}

/* Steps 6 and 7. *out_logged: COMMIT is, or may be, in the log. */
static int log_commit(struct hf_txn *txn, hf_decide_fn *decide, void *arg, bool *out_logged,
                      bool *out_unfinished, struct hf_error *err)
{
    struct hf_store *store = txn->store;
    struct hf_change change;
    uint64_t end = 0;

    int rc = hf_store_lock(store, err);
    if (rc != 0)
        return rc;
    hf_change_init(&change, store, txn);
    rc = decide_all(&change, txn, txn->note.data, txn->note.len, decide, arg, err);
    if (rc == 0) {
        rc = hf_store_append(store, HF_WAL_COMMIT, txn->id, &change.payload, NULL, 0, &end, err);
        *out_logged = rc == 0 || rc == HF_ERR_OUTCOME_UNKNOWN;
    }
    *out_unfinished = change.staged_used > 0 || change.removed > 0;
    hf_change_release(&change);
    hf_store_unlock(store);
    return rc == 0 ? sync_logged(store, end, err) : rc;
}

int hf_txn_commit(struct hf_txn *txn, hf_decide_fn *decide, void *arg, struct hf_error *err)
{
    struct hf_store *store = txn->store;
    bool logged = false, unfinished = false;
    struct hf_error why = {0};

    int rc = hf_txn_sync_staged(txn, &why);
    if (rc == 0)
        rc = log_commit(txn, decide, arg, &logged, &unfinished, &why);
    if (rc != 0 && err != NULL)
        *err = why;
    if (rc != 0 && !logged) {
        hf_txn_abort(txn, why.message);
        /* The refusal may rest on what is not durable yet. A failure here is told by the next call.
         */
        hf_tolerate(hf_store_sync(store, hf_wal_tail(store->wal), NULL));
        return rc;
    }
    /* From here on it has happened, or nobody knows: files are left to what the log says. */
    if (rc == 0) {
        hf_txn_discard_unused(txn);
        if (unfinished) /* It is durable; what fails here the next recovery finishes. */
            hf_tolerate(hf_store_finish_txn(store, txn->id, txn->slot, NULL, NULL, NULL));
    }
    hf_wal_disown(store->wal, txn->id);
    free_txn(txn);
    if (rc == 0)
        hf_store_checkpoint_if_due(store);
    return rc;
}

/* With the append lock. *out_end: what must be durable before anything is answered. */
static int log_change(struct hf_store *store, const void *note, size_t note_len,
                      hf_decide_fn *decide, void *arg, uint64_t *out_txn, uint64_t *out_end,
                      bool *out_unfinished, struct hf_error *err)
{
    struct hf_change change;

    hf_change_init(&change, store, NULL);
    *out_end = hf_wal_tail(store->wal);
    int rc = decide_all(&change, NULL, note, note_len, decide, arg, err);
    if (rc == 0 && change.adds) /* the last room in the log is for what frees space */
        rc = hf_wal_reserve(store->wal, err);
    if (rc == 0 && change.payload.count > 0) {
        rc = own_next(store, out_txn, err);
        if (rc == 0)
            rc = hf_store_append(store, HF_WAL_COMMIT, *out_txn, &change.payload, note, note_len,
                                 out_end, err);
    }
    *out_unfinished = rc == 0 && change.removed > 0;
    hf_change_release(&change);
    return rc;
}

int hf_store_change(struct hf_store *store, const char *note, size_t note_len, hf_decide_fn *decide,
                    void *arg, struct hf_error *err)
{
    uint64_t txn = 0, end = 0;
    bool unfinished = false;

    int rc = check_note(note_len, err);
    if (rc == 0)
        rc = hf_store_lock(store, err);
    if (rc != 0)
        return rc;
    rc = log_change(store, note, note_len, decide, arg, &txn, &end, &unfinished, err);
    hf_store_unlock(store);
    /* A refusal too may rest on what is not durable yet. */
    if (rc == 0)
        rc = sync_logged(store, end, err);
    else if (rc != HF_ERR_OUTCOME_UNKNOWN)
        hf_tolerate(hf_store_sync(store, end, NULL));
    if (rc == 0 && unfinished) /* as above */
        hf_tolerate(hf_store_finish_txn(store, txn, HF_SLOT_NONE, NULL, NULL, NULL));
    if (txn != 0)
        hf_wal_disown(store->wal, txn);
    if (rc == 0)
        hf_store_checkpoint_if_due(store);
    return rc;
}
