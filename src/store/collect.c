/*
 * store/collect.c - what no name reaches leaves with the last name, in the same record
 * (FORMAT.md 2.5, 3).
 *
 * Edges are entries of the catalog (`B`), so "does anything refer to it" is one lookup, and no
 * count can be wrong. Objects cannot refer to each other in a circle: a digest would have to
 * contain itself.
 */
#include "store/change.h"

#include "base/digest.h"
#include "base/error.h"

/* 0: something refers to it; NOT_FOUND (err untouched): nothing does. */
static int is_reachable(struct hf_change *change, const struct hf_digest *digest,
                        struct hf_error *err)
{
    hf_key_digest(&change->key, HF_KEY_BACKREF, digest);
    int rc = hf_buf_check(&change->key, err);

    return rc != 0 ? rc
                   : hf_view_any(&change->snapshot.view, change->key.data, change->key.len, err);
}

static int refuse_held(void *arg, const struct hf_hold *hold)
{
    struct hf_error *err = arg;
    char text[HF_DIGEST_TEXT_MAX];

    return hf_fail(err, HF_ERR_BUSY, "%s is held by %s%s%s%s (hold %llu)",
                   hold->name[0] != '\0' ? hold->name : hf_digest_text(&hold->target, text),
                   hold->owner, hold->reason[0] != '\0' ? " (" : "", hold->reason,
                   hold->reason[0] != '\0' ? ")" : "", (unsigned long long)hold->id);
}

/* The edges of an object that leaves go; what it referred to may follow. */
static int drop_edges(struct hf_change *change, const struct hf_object *object,
                      struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < object->ref_count; i++) {
        hf_key_backref_object(&change->key, &object->refs[i], &object->digest);
        rc = hf_change_delete(change, err);
        if (rc == 0)
            rc = hf_change_suspect(change, &object->refs[i], err);
    }
    return rc;
}

/*
 * Its bytes may go. Those that are only in our own slot need no permission: they are not published,
 * and the slot is cleared when we end.
 */
static int permit_removal(struct hf_change *change, const struct hf_object *object,
                          struct hf_error *err)
{
    struct hf_staged_place place = {0};

    int rc = hf_view_staged(&change->snapshot.view, &object->digest, &place, err);
    if (rc == 0 && change->txn != NULL && place.txn == change->txn->id) {
        hf_key_digest(&change->key, HF_KEY_STAGED, &object->digest);
        rc = hf_change_delete(change, err);
        if (rc == 0)
            change->staged_used--;
        return rc;
    }
    if (rc != 0 && rc != HF_ERR_NOT_FOUND)
        return rc;
    hf_key_digest(&change->key, HF_KEY_PENDING, &object->digest);
    hf_pending_encode(&change->value, change->txn_id);
    rc = hf_change_put(change, err);
    if (rc == 0)
        change->removed++;
    return rc;
}

static int remove_object(struct hf_change *change, const struct hf_object *object,
                         struct hf_error *err)
{
    int rc = hf_snapshot_each_hold(&change->snapshot, &object->digest, refuse_held, err, err);
    if (rc != 0)
        return rc;
    hf_key_digest(&change->key, HF_KEY_OBJECT, &object->digest);
    rc = hf_change_delete(change, err);
    if (rc == 0)
        rc = drop_edges(change, object, err);
    if (rc == 0 && object->state != HF_OBJECT_ABSENT)
        rc = permit_removal(change, object, err);
    if (rc == 0 && change->on_removed != NULL)
        change->on_removed(change->on_removed_arg, object);
    return rc;
}

int hf_change_collect(struct hf_change *change, struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = 0;

    while (rc == 0 && change->suspect_count > 0) {
        struct hf_digest digest = change->suspects[--change->suspect_count];
        rc = is_reachable(change, &digest, err);
        if (rc != HF_ERR_NOT_FOUND)
            continue;
        rc = hf_view_object(&change->snapshot.view, &digest, &object, err);
        if (rc == 0)
            rc = remove_object(change, &object, err);
        else if (rc == HF_ERR_NOT_FOUND)
            rc = 0; /* suspected twice, and gone already */
    }
    hf_object_release(&object);
    return rc;
}
