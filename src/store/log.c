/*
 * store/log.c - the log, with the catalog kept in step: what is appended is in the tail at once,
 * what is synced is visible at once. The log itself: wal/.
 */
#include "store/handle.h"

#include "base/error.h"

#include <string.h>

/* How often to sync and look again before the append lock is held over a sync. */
#define DURABLE_TRIES 16

int hf_store_lock(struct hf_store *store, struct hf_error *err)
{
    int rc = hf_wal_lock(store->wal, err);

    if (rc == HF_ERR_NOT_FOUND) { /* others took checkpoints and deleted the log where we stood */
        rc = hf_catalog_reload(&store->catalog, store->wal, err);
        if (rc == 0)
            rc = hf_wal_lock(store->wal, err);
    }
    if (rc == 0)
        hf_catalog_publish(&store->catalog, hf_wal_durable(store->wal));
    return rc;
}

void hf_store_unlock(struct hf_store *store)
{
    hf_wal_unlock(store->wal);
}

int hf_store_sync(struct hf_store *store, uint64_t position, struct hf_error *err)
{
    int rc = hf_wal_sync(store->wal, position, err);

    hf_catalog_publish(&store->catalog, hf_wal_durable(store->wal));
    return rc;
}

int hf_store_lock_durable(struct hf_store *store, struct hf_error *err)
{
    for (int i = 0;; i++) {
        int rc = hf_store_lock(store, err);
        if (rc != 0)
            return rc;
        uint64_t tail = hf_wal_tail(store->wal);
        if (hf_wal_durable(store->wal) >= tail)
            return 0;
        /* With writers that never rest, the lock is kept at last, so that this comes to an end. */
        if (i < DURABLE_TRIES)
            hf_store_unlock(store);
        rc = hf_store_sync(store, tail, err);
        if (i >= DURABLE_TRIES) {
            if (rc != 0)
                hf_store_unlock(store);
            return rc;
        }
        if (rc != 0)
            return rc;
    }
}

int hf_store_append(struct hf_store *store, enum hf_wal_type type, uint64_t txn,
                    const struct hf_payload *payload, const void *note, size_t note_len,
                    uint64_t *out_end, struct hf_error *err)
{
    struct hf_buf record = {0};

    int rc = hf_payload_encode(payload, note, note_len, &record, err);
    if (rc == 0)
        rc = hf_wal_append(store->wal, type, txn, record.data, record.len, out_end, err);
    hf_buf_release(&record);
    return rc;
}

int hf_store_checkpoint(struct hf_store *store, struct hf_error *err)
{
    bool got = false;

    int rc = hf_wal_lock_job(store->wal, HF_WAL_LOCK_CHECKPOINT, true, &got, err);
    if (rc != 0)
        return rc;
    rc = hf_catalog_checkpoint(&store->catalog, store->wal, err);
    if (rc == 0)
        hf_wal_note_checkpoint(store->wal);
    hf_wal_unlock_job(store->wal, HF_WAL_LOCK_CHECKPOINT);
    return rc;
}

void hf_store_checkpoint_if_due(struct hf_store *store)
{
    bool got = false;

    if (!hf_catalog_wants_checkpoint(&store->catalog, hf_wal_segments_since(store->wal)))
        return;
    if (hf_wal_lock_job(store->wal, HF_WAL_LOCK_CHECKPOINT, false, &got, NULL) != 0 || !got)
        return; /* somebody is at it */
    /* The log has it all; the next operation tries again. */
    if (hf_catalog_checkpoint(&store->catalog, store->wal, NULL) == 0)
        hf_wal_note_checkpoint(store->wal);
    hf_wal_unlock_job(store->wal, HF_WAL_LOCK_CHECKPOINT);
}

int hf_store_catch_up(struct hf_store *store, bool read_only, struct hf_error *err)
{
    if (read_only) {
        int rc = hf_wal_refresh(store->wal, err);
        return rc == HF_ERR_NOT_FOUND ? 0 : rc; /* newer checkpoints: what we see is only older */
    }
    int rc = hf_store_lock(store, err);
    if (rc == 0)
        hf_store_unlock(store);
    return rc;
}
