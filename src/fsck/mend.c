/*
 * fsck/mend.c - makes entries of the catalog agree again, in a logged COMMIT: repair is an
 * operation like others, and beside others.
 *
 * Always true:
 *  (1) a name is never dropped: what it points to is put, DAMAGED if its bytes are not there;
 *  (2) bytes are deleted only if the whole log is known: else what nothing refers to may belong to
 *      an image whose record was lost, and gets a name, or goes to quarantine with the residue.
 */
#include "fsck/flaws.h"

#include "base/digest.h"
#include "base/digest_map.h"
#include "base/error.h"
#include "store/change.h"

#include <stdio.h>
#include <stdlib.h>

/* What is known of the bytes of an object to be put. */
struct found_bytes {
    struct hf_digest digest;
    bool is_good;
    uint64_t size_bytes;
    uint64_t checksum;
};

struct mend {
    struct hf_check *check;
    const struct hf_flaws *flaws;
    struct found_bytes *found;
    size_t found_count;
    struct hf_digest_map found_by_digest;
    struct hf_change *change;
};

/* Reads what would take too long under the append lock. */
static int measure_missing(struct mend *mend, struct hf_error *err)
{
    struct hf_check *check = mend->check;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < mend->flaws->count; i++) {
        const struct hf_digest *digest = &mend->flaws->items[i].digest;
        struct hf_measured measured;
        char path[HF_PATH_MAX];
        if (mend->flaws->items[i].fix != HF_FIX_OBJECT ||
            hf_digest_map_get(&mend->found_by_digest, digest, NULL))
            continue;
        struct found_bytes *found = &mend->found[mend->found_count];
        hf_path_blob(digest, path);
        rc = hf_check_measure(check, path, digest->algorithm, HF_LOOK_DISK, NULL, NULL, &measured,
                              err);
        *found = (struct found_bytes){.digest = *digest};
        found->is_good = rc == 0 && measured.unreadable.code == 0 &&
                         hf_digest_compare(&measured.digest, digest) == 0;
        if (found->is_good) {
            found->size_bytes = measured.size_bytes;
            found->checksum = measured.checksum;
        }
        if (rc == 0 || rc == HF_ERR_NOT_FOUND)
            rc = hf_digest_map_put(&mend->found_by_digest, digest, mend->found_count++, err);
    }
    return rc;
}

/* --- under the append lock -------------------------------------------------------------------- */

static void copy_key(struct hf_change *change, const struct hf_buf *key)
{
    hf_buf_clear(&change->key);
    hf_buf_put(&change->key, key->data, key->len);
}

static int delete_entry(struct hf_change *change, const struct hf_buf *key, struct hf_error *err)
{
    copy_key(change, key);
    return hf_change_delete(change, err);
}

/* (1) */
static int put_object(struct mend *mend, const struct hf_digest *digest, struct hf_error *err)
{
    struct hf_change *change = mend->change;
    struct hf_object object = {0};
    size_t index = 0;

    int rc = hf_view_object(&change->snapshot.view, digest, &object, err); /* ABSENT perhaps */
    if (rc != 0 && rc != HF_ERR_NOT_FOUND)
        return rc;
    object.digest = *digest;
    object.state = HF_OBJECT_DAMAGED;
    if (hf_digest_map_get(&mend->found_by_digest, digest, &index) && mend->found[index].is_good) {
        object.state = HF_OBJECT_PRESENT;
        object.size_bytes = mend->found[index].size_bytes;
        object.checksum = mend->found[index].checksum;
    }
    hf_key_digest(&change->key, HF_KEY_OBJECT, digest);
    hf_object_encode(&change->value, &object);
    hf_object_release(&object);
    rc = hf_change_put(change, err);
    hf_key_digest(&change->key, HF_KEY_PENDING, digest);
    if (rc == 0)
        rc = hf_view_get(&change->snapshot.view, change->key.data, change->key.len, NULL, err);
    if (rc == 0)
        return hf_change_delete(change, err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int give_name(struct mend *mend, const struct hf_digest *digest, uint32_t flags,
                     struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX], name[HF_NAME_MAX];

    (void)snprintf(name, sizeof(name), "%.300s%s", mend->check->options->rescue_prefix,
                   hf_digest_text(digest, text));
    return hf_change_set_name(mend->change, name, digest, flags, err);
}

/* (2) */
static int end_unreachable(struct mend *mend, const struct hf_digest *digest, struct hf_error *err)
{
    struct hf_object object = {0};

    if (!mend->check->lost_records)
        return hf_change_suspect(mend->change, digest, err);
    int rc = hf_view_object(&mend->change->snapshot.view, digest, &object, err);
    bool is_root = rc == 0 && object.ref_count > 0 && object.state != HF_OBJECT_ABSENT;
    hf_object_release(&object);
    if (rc != 0)
        return rc;
    if (is_root)
        return give_name(mend, digest, HF_NAME_DIGEST, err);
    hf_key_digest(&mend->change->key, HF_KEY_OBJECT, digest);
    return hf_change_delete(mend->change, err);
}

static int mend_one(void *arg, const struct hf_flaw *flaw, struct hf_error *err)
{
    struct mend *mend = arg;

    switch (flaw->fix) {
    case HF_FIX_NONE:
    case HF_FIX_UNFINISHED: /* outside of the append lock */
        return 0;
    case HF_FIX_DELETE:
        return delete_entry(mend->change, flaw->key, err);
    case HF_FIX_BACKREF:
        copy_key(mend->change, &flaw->missing_key);
        hf_buf_clear(&mend->change->value);
        return hf_change_put(mend->change, err);
    case HF_FIX_OBJECT:
        return put_object(mend, &flaw->digest, err);
    case HF_FIX_UNREACHABLE:
        return end_unreachable(mend, &flaw->digest, err);
    case HF_FIX_NAMELESS:
        return give_name(mend, &flaw->digest, HF_NAME_DIGEST | HF_NAME_KEPT, err);
    }
    return 0;
}

static int decide(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct mend *mend = arg;
    const struct hf_view *view = &change->snapshot.view;
    struct hf_buf value = {0};
    int rc = 0;

    mend->change = change;
    for (size_t i = 0; rc == 0 && i < mend->flaws->count; i++) {
        const struct hf_buf *key = &mend->flaws->items[i].key;
        rc = hf_view_get(view, key->data, key->len, &value, err);
        if (rc == 0)
            rc = hf_entry_check(view, key, &value, HF_ENTRY_EDGES, mend_one, mend, err);
        else if (rc == HF_ERR_NOT_FOUND)
            rc = 0; /* it is gone by now */
    }
    hf_buf_release(&value);
    return rc;
}

/* As recovery does for a transaction that has committed. */
static int finish_one(struct hf_store *store, const struct hf_staged_place *place,
                      struct hf_error *err)
{
    bool got = false;

    int rc = hf_wal_try_own(store->wal, place->txn, &got, err);
    if (rc != 0 || !got)
        return rc;
    rc = hf_store_finish_txn(store, place->txn, place->slot, NULL, NULL, err);
    hf_wal_disown(store->wal, place->txn);
    return rc;
}

static int finish_staged(struct hf_check *check, const struct hf_flaws *flaws, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < flaws->count; i++)
        if (flaws->items[i].fix == HF_FIX_UNFINISHED)
            rc = finish_one(check->store, &flaws->items[i].place, err);
    return rc;
}

int hf_flaws_mend(struct hf_check *check, const struct hf_flaws *flaws, struct hf_error *err)
{
    static const char note[] = "fsck\0--repair\0catalog";
    struct mend mend = {.check = check, .flaws = flaws};

    mend.found = calloc(flaws->count, sizeof(*mend.found));
    int rc = mend.found == NULL ? hf_fail_memory(err) : measure_missing(&mend, err);
    if (rc == 0)
        rc = hf_store_change(check->store, note, sizeof(note), decide, &mend, err);
    if (rc == 0)
        rc = finish_staged(check, flaws, err);
    hf_digest_map_release(&mend.found_by_digest);
    free(mend.found);
    return rc;
}
