/*
 * store/change_object.c - puts objects in a decision: where their bytes are, what they refer to.
 * Public part: store.h. Rules it keeps: FORMAT.md 2.5.
 */
#include "store/change.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* Where an object's bytes come from. */
enum source {
    SOURCE_PRESENT, /* the catalog has it, and keeps its bytes */
    SOURCE_STAGED,  /* from our slot */
    SOURCE_CLAIMED, /* removed from the catalog since we claimed it, but its bytes stay for us */
};

static const struct hf_object *find_claimed(const struct hf_txn *txn,
                                            const struct hf_digest *digest)
{
    size_t index = 0;

    if (txn == NULL || !hf_digest_map_get(&txn->claimed_by_digest, digest, &index) ||
        index >= txn->claimed_count)
        return NULL;
    return &txn->claimed[index];
}

/* Is the present copy to be replaced by the staged one? Not while another transaction still has it
 * in staging: those bytes were checked when they were written. */
static int wants_healing(struct hf_change *change, const struct hf_object *present, bool *out,
                         struct hf_error *err)
{
    struct hf_staged_place place;

    *out = false;
    if (present->state == HF_OBJECT_PRESENT &&
        (change->txn == NULL || !hf_digest_map_get(&change->txn->healed, &present->digest, NULL)))
        return 0;
    int rc = hf_view_staged(&change->snapshot.view, &present->digest, &place, err);
    *out = rc == HF_ERR_NOT_FOUND;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* State, size and checksum of `object` from where its bytes are. */
static int choose_source(struct hf_change *change, struct hf_object *object, bool is_known,
                         enum source *out_source, struct hf_error *err)
{
    const struct hf_staged_blob *staged =
        change->txn != NULL ? hf_txn_find_staged(change->txn, &object->digest) : NULL;
    const struct hf_object *claimed = find_claimed(change->txn, &object->digest);
    char text[HF_DIGEST_TEXT_MAX];
    bool heal = false;

    if (is_known) {
        int rc = wants_healing(change, object, &heal, err);
        if (rc != 0)
            return rc;
    }
    if (staged != NULL && (!is_known || heal)) {
        *out_source = SOURCE_STAGED;
        object->size_bytes = staged->size_bytes;
        object->checksum = staged->checksum;
        object->state = HF_OBJECT_PRESENT;
        return 0;
    }
    if (is_known && object->state != HF_OBJECT_ABSENT) {
        *out_source = SOURCE_PRESENT;
        return 0;
    }
    if (claimed != NULL && claimed->state != HF_OBJECT_ABSENT) {
        *out_source = SOURCE_CLAIMED;
        object->size_bytes = claimed->size_bytes;
        object->checksum = claimed->checksum;
        object->state = claimed->state;
        return 0;
    }
    return hf_fail(err, HF_ERR_NOT_FOUND, "the bytes of %s are neither in the store nor staged",
                   hf_digest_text(&object->digest, text));
}

/* The union of what it refers to now and what it shall; *out_added: the new ones. */
static int merge_refs(struct hf_object *object, const struct hf_digest *refs, size_t count,
                      struct hf_error *err)
{
    struct hf_digest *all = reallocarray(object->refs, object->ref_count + count + 1, sizeof(*all));

    if (all == NULL)
        return hf_fail_memory(err);
    if (count > 0)
        memcpy(all + object->ref_count, refs, count * sizeof(*all));
    object->refs = all;
    object->ref_count = hf_refs_normalize(all, object->ref_count + count);
    if (object->ref_count > HF_REFS_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "an object may refer to at most %u others", HF_REFS_MAX);
    return 0;
}

static int put_backrefs(struct hf_change *change, const struct hf_object *object,
                        struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < object->ref_count; i++) {
        hf_key_backref_object(&change->key, &object->refs[i], &object->digest);
        rc = hf_view_get(&change->snapshot.view, change->key.data, change->key.len, NULL, err);
        if (rc != HF_ERR_NOT_FOUND)
            continue;
        rc = hf_snapshot_object(&change->snapshot, &object->refs[i], NULL, err);
        if (rc != 0)
            break;
        hf_buf_clear(&change->value);
        rc = hf_change_put(change, err);
    }
    return rc;
}

/* Its bytes are needed again: a removal that is permitted must not take them. */
static int withdraw_removal(struct hf_change *change, const struct hf_digest *digest,
                            struct hf_error *err)
{
    hf_key_digest(&change->key, HF_KEY_PENDING, digest);
    int rc = hf_view_get(&change->snapshot.view, change->key.data, change->key.len, NULL, err);
    if (rc == 0)
        return hf_change_delete(change, err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int put_staged(struct hf_change *change, const struct hf_digest *digest,
                      struct hf_error *err)
{
    const struct hf_staged_blob *blob = hf_txn_find_staged(change->txn, digest);
    struct hf_staged_place place = {
        .txn = change->txn->id, .slot = change->txn->slot, .number = blob->number};

    hf_key_digest(&change->key, HF_KEY_STAGED, digest);
    hf_staged_encode(&change->value, &place);
    int rc = hf_change_put(change, err);
    if (rc == 0)
        change->staged_used++;
    return rc;
}

/* Entries of an object whose fields are final. */
static int put_entries(struct hf_change *change, const struct hf_object *object, enum source source,
                       struct hf_error *err)
{
    hf_key_digest(&change->key, HF_KEY_OBJECT, &object->digest);
    hf_object_encode(&change->value, object);
    int rc = hf_change_put(change, err);
    if (rc == 0)
        rc = put_backrefs(change, object, err);
    if (rc == 0)
        rc = withdraw_removal(change, &object->digest, err);
    if (rc == 0 && source == SOURCE_STAGED)
        rc = put_staged(change, &object->digest, err);
    return rc;
}

static int set_summary(struct hf_object *object, const void *summary, size_t len, bool *changed,
                       struct hf_error *err)
{
    if (len == 0 || (len == object->summary_len && memcmp(summary, object->summary, len) == 0))
        return 0;
    if (len > HF_SUMMARY_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "a summary may have at most %u bytes", HF_SUMMARY_MAX);
    uint8_t *copy = malloc(len);
    if (copy == NULL)
        return hf_fail_memory(err);
    memcpy(copy, summary, len);
    free(object->summary);
    object->summary = copy;
    object->summary_len = len;
    *changed = true;
    return 0;
}

int hf_change_put_object(struct hf_change *change, const struct hf_digest *digest,
                         const struct hf_digest *refs, size_t ref_count, const void *summary,
                         size_t summary_len, struct hf_error *err)
{
    struct hf_object object = {0};
    enum source source = SOURCE_PRESENT;
    bool summary_changed = false;

    int rc = hf_view_object(&change->snapshot.view, digest, &object, err);
    bool is_known = rc == 0;
    if (rc == HF_ERR_NOT_FOUND) {
        object.digest = *digest;
        rc = 0;
    }
    size_t refs_before = object.ref_count;
    if (rc == 0)
        rc = choose_source(change, &object, is_known, &source, err);
    if (rc == 0)
        rc = merge_refs(&object, refs, ref_count, err);
    if (rc == 0)
        rc = set_summary(&object, summary, summary_len, &summary_changed, err);
    bool is_same = source == SOURCE_PRESENT && object.ref_count == refs_before && !summary_changed;
    if (rc == 0 && !is_same)
        rc = put_entries(change, &object, source, err);
    if (rc == 0 && !is_known)
        rc = hf_change_suspect(change, digest, err);
    hf_object_release(&object);
    return rc;
}

static int drop_ref(struct hf_change *change, struct hf_object *object, const struct hf_digest *ref,
                    struct hf_error *err)
{
    for (size_t i = 0; i < object->ref_count; i++) {
        if (hf_digest_compare(&object->refs[i], ref) != 0)
            continue;
        object->ref_count--;
        memmove(&object->refs[i], &object->refs[i + 1],
                (object->ref_count - i) * sizeof(*object->refs));
        hf_key_backref_object(&change->key, ref, &object->digest);
        int rc = hf_change_delete(change, err);
        return rc == 0 ? hf_change_suspect(change, ref, err) : rc;
    }
    return 0;
}

int hf_change_drop_refs(struct hf_change *change, const struct hf_digest *digest,
                        const struct hf_digest *refs, size_t ref_count, struct hf_error *err)
{
    struct hf_object object = {0};

    int rc = hf_snapshot_object(&change->snapshot, digest, &object, err);
    size_t before = object.ref_count;
    for (size_t i = 0; rc == 0 && i < ref_count; i++)
        rc = drop_ref(change, &object, &refs[i], err);
    if (rc == 0 && object.ref_count < before) {
        hf_key_digest(&change->key, HF_KEY_OBJECT, digest);
        hf_object_encode(&change->value, &object);
        rc = hf_change_put(change, err);
    }
    hf_object_release(&object);
    return rc;
}

int hf_change_put_absent(struct hf_change *change, const struct hf_digest *digest,
                         uint64_t size_bytes, const void *summary, size_t summary_len,
                         struct hf_error *err)
{
    struct hf_object object = {
        .digest = *digest, .state = HF_OBJECT_ABSENT, .size_bytes = size_bytes};
    bool changed = false;

    int rc = hf_view_object(&change->snapshot.view, digest, NULL, err);
    if (rc != HF_ERR_NOT_FOUND)
        return rc;
    rc = set_summary(&object, summary, summary_len, &changed, err);
    if (rc == 0) {
        hf_key_digest(&change->key, HF_KEY_OBJECT, digest);
        hf_object_encode(&change->value, &object);
        rc = hf_change_put(change, err);
    }
    if (rc == 0)
        rc = hf_change_suspect(change, digest, err);
    hf_object_release(&object);
    return rc;
}
