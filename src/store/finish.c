/*
 * store/finish.c - ends a committed transaction: publishes, removes, and logs DONE (FORMAT.md 5.1
 * step 10).
 *
 * Always true: DONE is appended only after every folder that was changed was synced. It is
 * idempotent up to there: whoever finds the transaction without DONE begins again.
 */
#include "store/finish.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>

void hf_finish_release(struct hf_finish *finish)
{
    free(finish->published);
    free(finish->removed);
}

/* Delete `key` from the catalog if its value still names `txn`. */
static int delete_if_of(const struct hf_view *view, struct hf_payload *payload,
                        const struct hf_buf *key, uint64_t txn, struct hf_error *err)
{
    struct hf_buf value = {0};
    uint64_t owner = 0;

    int rc = hf_buf_check(key, err);
    if (rc == 0)
        rc = hf_view_get(view, key->data, key->len, &value, err);
    if (rc == 0) {
        /* `S` and `X` both begin with their transaction. */
        struct hf_cursor cursor = hf_cursor_of(value.data, value.len);
        owner = hf_cursor_u64(&cursor);
        if (owner == txn)
            hf_payload_delete(payload, key);
    }
    hf_buf_release(&value);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int make_done(struct hf_finish *finish, const struct hf_view *view,
                     struct hf_payload *payload)
{
    struct hf_buf key = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < finish->published_count; i++) {
        hf_key_digest(&key, HF_KEY_STAGED, &finish->published[i]);
        rc = delete_if_of(view, payload, &key, finish->txn, finish->err);
    }
    for (size_t i = 0; rc == 0 && i < finish->removed_count; i++) {
        hf_key_digest(&key, HF_KEY_PENDING, &finish->removed[i].digest);
        rc = delete_if_of(view, payload, &key, finish->removed[i].permitted_by, finish->err);
    }
    if (rc == 0 && finish->txn != 0) {
        hf_key_txn(&key, finish->txn);
        hf_payload_delete(payload, &key);
    }
    hf_buf_release(&key);
    return rc;
}

/* Step 10. */
static int log_done(struct hf_finish *finish)
{
    struct hf_store *store = finish->store;
    struct hf_payload payload = {0};
    struct hf_view view;
    uint64_t end = 0;
    uint64_t txn = finish->txn;

    int rc = hf_store_lock(store, finish->err);
    if (rc != 0)
        return rc;
    hf_catalog_view_tail(&store->catalog, &view);
    rc = make_done(finish, &view, &payload);
    if (rc == 0 && payload.count > 0) {
        if (finish->txn == 0) {
            txn = hf_wal_tail(store->wal);
            rc = hf_wal_own(store->wal, txn, finish->err);
        }
        if (rc == 0)
            rc = hf_store_append(store, HF_WAL_DONE, txn, &payload, NULL, 0, &end, finish->err);
        if (finish->txn == 0)
            hf_wal_disown(store->wal, txn);
    }
    hf_view_release(&view);
    hf_payload_release(&payload);
    hf_store_unlock(store);
    return rc;
}

static int run(struct hf_store *store, uint64_t txn, bool has_content, uint64_t *out_files,
               uint64_t *out_bytes, struct hf_error *err)
{
    struct hf_finish finish = {.store = store, .txn = txn, .err = err};

    int rc = has_content ? hf_finish_publish(&finish) : 0;
    /* The order in which DONE must see it: our `S` are still there, so ours is not removed before.
     */
    if (rc == 0)
        rc = hf_finish_remove(&finish);
    if (rc == 0)
        rc = log_done(&finish); /* everything it tells of is durable */
    if (rc == 0)
        hf_finish_empty_trash(&finish);
    if (rc == 0 && out_files != NULL)
        *out_files += finish.files;
    if (rc == 0 && out_bytes != NULL)
        *out_bytes += finish.bytes;
    hf_finish_release(&finish);
    return rc;
}

int hf_store_finish_txn(struct hf_store *store, uint64_t txn, uint32_t slot, uint64_t *out_files,
                        uint64_t *out_bytes, struct hf_error *err)
{
    int rc = run(store, txn, slot != HF_SLOT_NONE, out_files, out_bytes, err);

    /* What was removed while we had it in staging can go now that our `S` entries are gone. */
    if (rc == 0 && slot != HF_SLOT_NONE)
        rc = hf_store_remove_pending(store, out_files, out_bytes, err);
    return rc;
}

int hf_store_remove_pending(struct hf_store *store, uint64_t *out_files, uint64_t *out_bytes,
                            struct hf_error *err)
{
    return hf_finish_has_pending(store) ? run(store, 0, false, out_files, out_bytes, err) : 0;
}
