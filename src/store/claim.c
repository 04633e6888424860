/*
 * store/claim.c - keeps what a transaction means to use again: FORMAT.md 5.1 step 3.
 *
 * Always true: the claim is in the log before the look. A removal logged after it sees the claim;
 * one logged before has removed the object, and the look says so. There is no moment in between.
 */
#include "store/txn.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/blob.h"

/* Remember what a claim found; memory of *object goes to the transaction. */
static int remember_claim(struct hf_txn *txn, const struct hf_digest *digest,
                          struct hf_object *object, bool found, struct hf_error *err)
{
    if (!found)
        return hf_digest_map_put(&txn->claimed_by_digest, digest, HF_CLAIM_NOT_FOUND, err);
    int rc = hf_array_grow(&txn->claimed, &txn->claimed_capacity, txn->claimed_count,
                           sizeof(*txn->claimed), err);
    if (rc == 0)
        rc = hf_digest_map_put(&txn->claimed_by_digest, digest, txn->claimed_count, err);
    if (rc == 0) {
        txn->claimed[txn->claimed_count++] = *object;
        *object = (struct hf_object){0};
    }
    return rc;
}

/* CLAIM, then the look: with the append lock, in this order (FORMAT.md 5.1 step 3). */
static int log_claim(struct hf_txn *txn, const struct hf_digest *digest, struct hf_object *out,
                     bool *out_found, struct hf_error *err)
{
    struct hf_store *store = txn->store;
    struct hf_payload payload = {0};
    struct hf_buf key = {0}, value = {0};
    struct hf_view view = {0};
    uint64_t end = 0;

    hf_key_digest_number(&key, HF_KEY_CLAIM, digest, txn->id);
    hf_payload_put(&payload, &key, &value);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_store_append(store, HF_WAL_CLAIM, txn->id, &payload, NULL, 0, &end, err);
    if (rc == 0) {
        hf_catalog_view_tail(&store->catalog, &view);
        rc = hf_view_object(&view, digest, out, err);
        *out_found = rc == 0;
        rc = rc == HF_ERR_NOT_FOUND ? 0 : rc;
        hf_view_release(&view);
    }
    hf_buf_release(&key);
    hf_payload_release(&payload);
    return rc;
}

static int copy_object(const struct hf_object *from, struct hf_object *out, struct hf_error *err)
{
    struct hf_buf value = {0};

    hf_object_encode(&value, from);
    int rc = hf_buf_check(&value, err);
    if (rc == 0)
        rc = hf_object_decode(&value, &from->digest, out, err);
    hf_buf_release(&value);
    return rc;
}

int hf_txn_claim(struct hf_txn *txn, const struct hf_digest *digest, struct hf_object *out,
                 struct hf_error *err)
{
    struct hf_object object = {0};
    size_t index = 0;
    bool found = false;
    int rc = 0;

    pthread_mutex_lock(&txn->mutex);
    if (!hf_digest_map_get(&txn->claimed_by_digest, digest, &index) || index == HF_CLAIM_UNSURE) {
        rc = hf_digest_map_put(&txn->claimed_by_digest, digest, HF_CLAIM_UNSURE, err);
        if (rc == 0)
            rc = hf_store_lock(txn->store, err);
        if (rc == 0) {
            rc = log_claim(txn, digest, &object, &found, err);
            hf_store_unlock(txn->store);
        }
        if (rc == 0)
            rc = remember_claim(txn, digest, &object, found, err);
        index = found ? txn->claimed_count - 1 : HF_CLAIM_NOT_FOUND;
    }
    if (rc == 0 && index == HF_CLAIM_NOT_FOUND)
        rc = HF_ERR_NOT_FOUND;
    if (rc == 0 && out != NULL)
        rc = copy_object(&txn->claimed[index], out, err);
    pthread_mutex_unlock(&txn->mutex);
    hf_object_release(&object);
    return rc;
}

/* Read an object's file whole: are size, checksum and digest right? A missing file is not. */
static int read_is_good(struct hf_store *store, const struct hf_object *object, bool *out_good,
                        struct hf_error *err)
{
    struct hf_blob *blob = NULL;
    struct hf_view view;
    struct hf_digest actual = {0};
    uint64_t size = 0, checksum = 0;

    *out_good = false;
    hf_catalog_view_tail(&store->catalog, &view);
    int rc = hf_blob_open_at(store, &view, &object->digest, &blob, NULL);
    hf_view_release(&view);
    if (rc == HF_ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return hf_fail(err, rc, "cannot open the present copy of a blob");
    rc = hf_blob_measure(blob, object->digest.algorithm, &actual, &size, &checksum, err);
    hf_blob_close(blob);
    *out_good = rc == 0 && size == object->size_bytes && checksum == object->checksum &&
                hf_digest_compare(&actual, &object->digest) == 0;
    return rc;
}

int hf_txn_verify_present(struct hf_txn *txn, const struct hf_digest *digest, bool *out_good,
                          struct hf_error *err)
{
    struct hf_object object = {0};
    bool good = false;

    int rc = hf_txn_claim(txn, digest, &object, err);
    if (rc == 0 && object.state == HF_OBJECT_PRESENT)
        rc = read_is_good(txn->store, &object, &good, err);
    hf_object_release(&object);
    if (rc != 0)
        return rc;
    if (!good)
        hf_txn_heal(txn, digest);
    else
        hf_txn_drop_staged(txn, digest);
    *out_good = good;
    return 0;
}

void hf_txn_heal(struct hf_txn *txn, const struct hf_digest *digest)
{
    pthread_mutex_lock(&txn->mutex);
    /* Without memory the copy is not healed now; the next check finds it again. */
    hf_tolerate(hf_digest_map_put(&txn->healed, digest, 0, NULL));
    pthread_mutex_unlock(&txn->mutex);
}
