/*
 * store/change.c - what a decision can ask for: names, holds, states, settings. Objects:
 * change_object.c. What leaves with the last name: collect.c.
 *
 * Always true: the snapshot of the change is the tail with exactly the payload's changes applied,
 * so a decision sees what it has done, and the record says all that will be true.
 */
#include "store/change.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

void hf_change_init(struct hf_change *change, struct hf_store *store, struct hf_txn *txn)
{
    uint64_t now = hf_io_now_ns(store->io);
    uint64_t last = hf_catalog_last_time_ns(&store->catalog);

    *change = (struct hf_change){
        .store = store,
        .txn = txn,
        .txn_id = txn != NULL ? txn->id : hf_wal_tail(store->wal),
        .time_ns = now > last ? now : last, /* a clock that went back ends no hold early */
    };
    hf_catalog_view_tail(&store->catalog, &change->snapshot.view);
    change->snapshot.is_borrowed = true;
}

void hf_change_release(struct hf_change *change)
{
    hf_view_release(&change->snapshot.view);
    hf_payload_release(&change->payload);
    hf_buf_release(&change->key);
    hf_buf_release(&change->value);
    free(change->suspects);
}

static int apply(struct hf_change *change, bool is_delete, struct hf_error *err)
{
    struct hf_delta_entry entry = {
        .key = change->key.data,
        .key_len = change->key.len,
        .value = is_delete ? NULL : change->value.data,
        .value_len = is_delete ? 0 : change->value.len,
        .deleted = is_delete,
        .position = change->snapshot.view.position,
    };

    int rc = hf_buf_check(&change->key, err);
    if (rc == 0 && !is_delete)
        rc = hf_buf_check(&change->value, err);
    if (rc == 0 && (change->key.len > HF_KEY_MAX || entry.value_len > HF_VALUE_MAX))
        rc = hf_fail(err, HF_ERR_LIMIT, "an entry of the catalog would be too long");
    if (rc == 0)
        rc = hf_delta_put(&change->snapshot.view.delta, &entry, err);
    return rc;
}

int hf_change_suspect(struct hf_change *change, const struct hf_digest *digest,
                      struct hf_error *err)
{
    int rc = hf_array_grow(&change->suspects, &change->suspect_capacity, change->suspect_count,
                           sizeof(*change->suspects), err);
    if (rc == 0)
        change->suspects[change->suspect_count++] = *digest;
    return rc;
}

int hf_change_put(struct hf_change *change, struct hf_error *err)
{
    int rc = apply(change, false, err);

    if (rc == 0)
        hf_payload_put(&change->payload, &change->key, &change->value);
    return rc;
}

int hf_change_delete(struct hf_change *change, struct hf_error *err)
{
    int rc = apply(change, true, err);

    if (rc == 0)
        hf_payload_delete(&change->payload, &change->key);
    return rc;
}

const struct hf_snapshot *hf_change_snapshot(struct hf_change *change)
{
    return &change->snapshot;
}

uint64_t hf_change_time_ns(const struct hf_change *change)
{
    return change->time_ns;
}

void hf_change_on_removed(struct hf_change *change, hf_removed_fn *fn, void *arg)
{
    change->on_removed = fn;
    change->on_removed_arg = arg;
}

/* The `N` entry and its `B` go; what it pointed to may leave. */
static int unlink_name(struct hf_change *change, const char *name, const struct hf_digest *target,
                       struct hf_error *err)
{
    hf_key_text(&change->key, HF_KEY_NAME, name);
    int rc = hf_change_delete(change, err);
    if (rc == 0) {
        hf_key_backref_name(&change->key, target, name);
        rc = hf_change_delete(change, err);
    }
    if (rc == 0)
        rc = hf_change_suspect(change, target, err);
    return rc;
}

int hf_change_set_name(struct hf_change *change, const char *name, const struct hf_digest *target,
                       uint32_t flags, struct hf_error *err)
{
    struct hf_name old = {0};
    struct hf_object object = {0};
    struct hf_name entry = {.target = *target, .flags = flags, .time_ns = change->time_ns};

    if (name[0] == '\0' || strlen(name) > HF_NAME_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "a name must have 1 to %u bytes", HF_NAME_MAX);
    int rc = hf_snapshot_object(&change->snapshot, target, &object, err);
    if (rc == 0 && object.state == HF_OBJECT_ABSENT)
        rc = hf_fail(err, HF_ERR_NOT_FOUND, "the object for %s was never fetched", name);
    hf_object_release(&object);
    if (rc != 0)
        return rc;
    rc = hf_view_name(&change->snapshot.view, name, &old, err);
    if (rc == 0 && hf_digest_compare(&old.target, target) != 0)
        rc = unlink_name(change, name, &old.target, err);
    else if (rc == HF_ERR_NOT_FOUND)
        rc = 0;
    if (rc == 0) {
        hf_key_text(&change->key, HF_KEY_NAME, name);
        hf_name_encode(&change->value, &entry);
        rc = hf_change_put(change, err);
    }
    if (rc == 0) {
        hf_key_backref_name(&change->key, target, name);
        hf_buf_clear(&change->value);
        rc = hf_change_put(change, err);
    }
    change->adds = true;
    return rc;
}

int hf_change_drop_name(struct hf_change *change, const char *name, struct hf_error *err)
{
    struct hf_name old = {0};
    int rc = hf_snapshot_name(&change->snapshot, name, &old, err);

    return rc != 0 ? rc : unlink_name(change, name, &old.target, err);
}

int hf_change_add_hold(struct hf_change *change, const struct hf_hold *hold, uint64_t *out_id,
                       struct hf_error *err)
{
    struct hf_hold entry = *hold;

    /* Positions are multiples of 8, so eight holds of one record have numbers of their own. */
    if (change->hold_count == 8)
        return hf_fail(err, HF_ERR_LIMIT, "at most 8 holds in one change");
    int rc = hf_snapshot_object(&change->snapshot, &hold->target, NULL, err);
    if (rc != 0)
        return rc;
    entry.id = hf_wal_tail(change->store->wal) + change->hold_count++;
    entry.time_ns = change->time_ns;
    change->adds = true;
    hf_key_digest_number(&change->key, HF_KEY_HOLD, &hold->target, entry.id);
    hf_hold_encode(&change->value, &entry);
    rc = hf_change_put(change, err);
    if (rc == 0)
        *out_id = entry.id;
    return rc;
}

struct find_hold {
    uint64_t id;
    struct hf_digest target;
    bool found;
};

static int match_hold(void *arg, const struct hf_hold *hold)
{
    struct find_hold *find = arg;

    if (hold->id != find->id)
        return 0;
    find->target = hold->target;
    find->found = true;
    return HF_END;
}

int hf_change_drop_hold(struct hf_change *change, uint64_t id, struct hf_error *err)
{
    struct find_hold find = {.id = id};

    int rc = hf_snapshot_each_hold(&change->snapshot, NULL, match_hold, &find, err);
    if (rc != 0)
        return rc;
    if (!find.found)
        return hf_fail(err, HF_ERR_NOT_FOUND, "no such hold: %llu", (unsigned long long)id);
    hf_key_digest_number(&change->key, HF_KEY_HOLD, &find.target, id);
    return hf_change_delete(change, err);
}

int hf_change_set_state(struct hf_change *change, const struct hf_digest *digest,
                        enum hf_object_state state, struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = hf_snapshot_object(&change->snapshot, digest, &object, err);

    if (rc == 0 && object.state != state) {
        object.state = state;
        hf_key_digest(&change->key, HF_KEY_OBJECT, digest);
        hf_object_encode(&change->value, &object);
        rc = hf_change_put(change, err);
    }
    hf_object_release(&object);
    return rc;
}

int hf_change_setting(struct hf_change *change, const char *name, const char *value,
                      struct hf_error *err)
{
    if (name[0] == '\0' || strlen(name) > HF_NAME_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "a setting's name must have 1 to %u bytes", HF_NAME_MAX);
    hf_key_text(&change->key, HF_KEY_SETTING, name);
    if (value == NULL || value[0] == '\0')
        return hf_change_delete(change, err);
    change->adds = true;
    hf_buf_clear(&change->value);
    hf_buf_put_text(&change->value, value);
    return hf_change_put(change, err);
}
