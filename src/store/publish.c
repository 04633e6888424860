/*
 * store/publish.c - what follows a COMMIT: files move to where readers look, and what is permitted
 * to go goes. FORMAT.md 5.1 steps 8 to 10 and 5.2. The same code finishes what the dead have left
 * (recover.c).
 *
 * Always true:
 *  (1) a staged file is unlinked only after its link in blobs/ was synced;
 *  (2) DONE is appended only after every folder that was changed was synced;
 *  (3) nothing leaves blobs/ while an object, an `S` entry or a living claim wants it, as the log
 * says at its end, durably: the look and the rename happen under one append lock; (4) only what is
 * in trash/ is unlinked.
 */
#include "store/handle.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>

/* What one finishing has done, to be told by DONE. */
struct finish {
    struct hf_store *store;
    uint64_t txn;
    struct hf_digest *published;
    size_t published_count, published_capacity;
    struct removal {
        struct hf_digest digest;
        uint64_t permitted_by; /* `X`'s transaction: another one's permission is not ours to end */
        bool in_trash;
    } * removed;
    size_t removed_count, removed_capacity;
    bool touched[HF_DIGEST_SHA512 + 1]; /* folders of blobs/ to be synced, by algorithm */
    uint64_t files, bytes;
    struct hf_error *err;
};

static int grow(void **array, size_t *capacity, size_t count, size_t size, struct hf_error *err)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = reallocarray(*array, wanted, size);
    if (grown == NULL)
        return hf_fail_memory(err);
    *array = grown;
    *capacity = wanted;
    return 0;
}

static int same_file(struct hf_store *store, const char *a, const char *b, bool *out_same,
                     struct hf_error *err)
{
    struct hf_io_stat x, y;

    int rc = hf_io_stat_at(store->io, store->layout.root, a, &x, err);
    if (rc == 0)
        rc = hf_io_stat_at(store->io, store->layout.root, b, &y, err);
    *out_same = rc == 0 && x.inode == y.inode && x.device == y.device;
    return rc;
}

/* Something has the name in blobs/: our file, linked before a cut; or an old one, to be replaced.
 */
static int replace_published(struct finish *finish, const struct hf_digest *digest,
                             const char *staged, const char *blob)
{
    struct hf_store *store = finish->store;
    char trash[HF_PATH_MAX];
    bool same = false;

    int rc = same_file(store, staged, blob, &same, finish->err);
    if (rc != 0 || same)
        return rc;
    hf_path_removed(HF_DIR_TRASH, digest, finish->txn, trash);
    rc = hf_io_rename(store->io, store->layout.root, blob, store->layout.root, trash, finish->err);
    if (rc == 0)
        rc = hf_io_link(store->io, store->layout.root, staged, store->layout.root, blob,
                        finish->err);
    if (rc == 0)
        hf_io_discard(store->io, store->layout.root, trash);
    return rc;
}

/* Step 8 for one blob. */
static int link_blob(struct finish *finish, const struct hf_digest *digest,
                     const struct hf_staged_place *place)
{
    struct hf_store *store = finish->store;
    struct hf_io_stat stat = {0};
    char staged[HF_PATH_MAX], blob[HF_PATH_MAX];

    hf_path_staged(place->slot, place->txn, place->number, staged);
    hf_path_blob(digest, blob);
    finish->touched[digest->algorithm] = true;
    int rc = hf_io_stat_at(store->io, store->layout.root, staged, &stat, finish->err);
    if (rc == HF_ERR_NOT_FOUND)
        return 0; /* (1): it was unlinked because its link is durable */
    if (rc == 0)
        rc = hf_io_link(store->io, store->layout.root, staged, store->layout.root, blob,
                        finish->err);
    if (rc == HF_ERR_EXISTS)
        rc = replace_published(finish, digest, staged, blob);
    if (rc == 0) {
        finish->files++;
        finish->bytes += stat.size_bytes;
    }
    return rc;
}

typedef int staged_fn(struct finish *finish, const struct hf_digest *digest,
                      const struct hf_staged_place *place);

/* Every `S` entry of our transaction. */
static int each_staged(struct finish *finish, const struct hf_view *view, staged_fn *fn)
{
    static const uint8_t prefix[] = {HF_KEY_STAGED};
    struct hf_view_iter iter = {0};

    int rc = hf_view_iter_init(&iter, view, prefix, sizeof(prefix), finish->err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, finish->err)) == 0) {
        struct hf_staged_place place;
        struct hf_digest digest;
        rc = hf_staged_decode(&iter.value, &place, finish->err);
        if (rc == 0 && !hf_key_read_digest(&iter.key, &digest))
            rc = hf_fail(finish->err, HF_ERR_CORRUPT, "the catalog has a malformed key");
        if (rc == 0 && place.txn == finish->txn)
            rc = fn(finish, &digest, &place);
    }
    hf_view_iter_release(&iter);
    return rc == HF_END ? 0 : rc;
}

static int note_published(struct finish *finish, const struct hf_digest *digest,
                          const struct hf_staged_place *place)
{
    (void)place;
    int rc = grow((void **)&finish->published, &finish->published_capacity, finish->published_count,
                  sizeof(*finish->published), finish->err);
    if (rc == 0)
        finish->published[finish->published_count++] = *digest;
    return rc;
}

static int unlink_staged(struct finish *finish, const struct hf_digest *digest,
                         const struct hf_staged_place *place)
{
    char path[HF_PATH_MAX];

    (void)digest;
    hf_path_staged(place->slot, place->txn, place->number, path);
    hf_io_discard(finish->store->io, finish->store->layout.root, path);
    return 0;
}

static int sync_touched(struct finish *finish)
{
    int rc = 0;

    for (uint8_t a = HF_DIGEST_SHA256; rc == 0 && a <= HF_DIGEST_SHA512; a++) {
        char path[HF_PATH_MAX];
        if (!finish->touched[a])
            continue;
        hf_path_blob_dir(a, path);
        rc = hf_io_sync_dir(finish->store->io, finish->store->layout.root, path, finish->err);
        finish->touched[a] = rc != 0;
    }
    return rc;
}

/* Steps 8 and 9. */
static int publish(struct finish *finish)
{
    struct hf_view view;

    hf_catalog_view_tail(&finish->store->catalog, &view);
    int rc = each_staged(finish, &view, link_blob);
    if (rc == 0)
        rc = sync_touched(finish);
    if (rc == 0)
        rc = each_staged(finish, &view, note_published);
    if (rc == 0)
        rc = each_staged(finish, &view, unlink_staged); /* (1) */
    hf_view_release(&view);
    return rc;
}

/* 0: some living transaction claims it. NOT_FOUND: none. */
static int is_claimed(struct hf_store *store, const struct hf_view *view,
                      const struct hf_digest *digest, struct hf_error *err)
{
    struct hf_view_iter iter = {0};
    struct hf_buf prefix = {0};
    bool alive = false;

    hf_key_digest(&prefix, HF_KEY_CLAIM, digest);
    int rc = hf_buf_check(&prefix, err);
    if (rc == 0)
        rc = hf_view_iter_init(&iter, view, prefix.data, prefix.len, err);
    while (rc == 0 && !alive && (rc = hf_view_iter_next(&iter, err)) == 0) {
        struct hf_digest claimed;
        uint64_t txn = 0;
        if (!hf_key_read_digest_number(&iter.key, &claimed, &txn))
            rc = hf_fail(err, HF_ERR_CORRUPT, "the catalog has a malformed claim");
        else
            rc = hf_wal_is_alive(store->wal, txn, &alive, err);
    }
    hf_view_iter_release(&iter);
    hf_buf_release(&prefix);
    if (alive)
        return 0;
    return rc == HF_END ? HF_ERR_NOT_FOUND : rc;
}

/* NOT_FOUND: nothing stands against removing its bytes. 0: something does. */
static int is_wanted(struct hf_store *store, const struct hf_view *view,
                     const struct hf_digest *digest, struct hf_error *err)
{
    struct hf_staged_place place;
    int rc = hf_view_object(view, digest, NULL, err);

    if (rc == HF_ERR_NOT_FOUND)
        rc = hf_view_staged(view, digest, &place, err);
    if (rc == HF_ERR_NOT_FOUND)
        rc = is_claimed(store, view, digest, err);
    return rc;
}

static int move_to_trash(struct finish *finish, const struct hf_digest *digest,
                         uint64_t permitted_by)
{
    struct hf_store *store = finish->store;
    struct hf_io_stat stat = {0};
    char blob[HF_PATH_MAX], trash[HF_PATH_MAX];

    int rc = grow((void **)&finish->removed, &finish->removed_capacity, finish->removed_count,
                  sizeof(*finish->removed), finish->err);
    if (rc != 0)
        return rc;
    hf_path_blob(digest, blob);
    hf_path_removed(HF_DIR_TRASH, digest, permitted_by, trash);
    rc = hf_io_stat_at(store->io, store->layout.root, blob, &stat, finish->err);
    if (rc == 0)
        rc = hf_io_rename(store->io, store->layout.root, blob, store->layout.root, trash,
                          finish->err);
    bool moved = rc == 0;
    if (rc != 0 && rc != HF_ERR_NOT_FOUND)
        return rc;
    finish->touched[digest->algorithm] = true;
    finish->removed[finish->removed_count++] =
        (struct removal){.digest = *digest, .permitted_by = permitted_by, .in_trash = moved};
    finish->files += moved;
    finish->bytes += moved ? stat.size_bytes : 0;
    return 0;
}

/* Every `X` entry that nothing stands against, with the append lock and a durable log. (3) */
static int move_permitted(struct finish *finish)
{
    static const uint8_t prefix[] = {HF_KEY_PENDING};
    struct hf_view_iter iter = {0};
    struct hf_view view;

    hf_catalog_view_tail(&finish->store->catalog, &view);
    int rc = hf_view_iter_init(&iter, &view, prefix, sizeof(prefix), finish->err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, finish->err)) == 0) {
        struct hf_digest digest;
        uint64_t permitted_by = 0;
        rc = hf_pending_decode(&iter.value, &permitted_by, finish->err);
        if (rc == 0 && !hf_key_read_digest(&iter.key, &digest))
            rc = hf_fail(finish->err, HF_ERR_CORRUPT, "the catalog has a malformed removal");
        if (rc == 0)
            rc = is_wanted(finish->store, &view, &digest, finish->err);
        if (rc == HF_ERR_NOT_FOUND)
            rc = move_to_trash(finish, &digest, permitted_by);
    }
    hf_view_iter_release(&iter);
    hf_view_release(&view);
    return rc == HF_END ? 0 : rc;
}

static bool has_pending(struct hf_store *store)
{
    static const uint8_t prefix[] = {HF_KEY_PENDING};
    struct hf_view view;

    hf_catalog_view_tail(&store->catalog, &view);
    bool has = hf_view_any(&view, prefix, sizeof(prefix), NULL) != HF_ERR_NOT_FOUND;
    hf_view_release(&view);
    return has;
}

/* 5.2 steps 1 and 2. */
static int remove_permitted(struct finish *finish)
{
    if (!has_pending(finish->store))
        return 0;
    int rc = hf_store_lock_durable(finish->store, finish->err);
    if (rc != 0)
        return rc;
    rc = move_permitted(finish);
    hf_store_unlock(finish->store);
    return rc == 0 ? sync_touched(finish) : rc;
}

/* Delete `key` from the catalog if its value still names `txn`. */
static int delete_if_of(const struct hf_view *view, struct hf_payload *payload,
                        const struct hf_buf *key, uint64_t txn, struct hf_error *err)
{
    struct hf_buf value = {0};
    uint64_t owner = 0;

    int rc = hf_view_get(view, key->data, key->len, &value, err);
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

static int make_done(struct finish *finish, const struct hf_view *view, struct hf_payload *payload)
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
static int log_done(struct finish *finish)
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

static void empty_trash(struct finish *finish)
{
    for (size_t i = 0; i < finish->removed_count; i++) {
        char path[HF_PATH_MAX];
        if (!finish->removed[i].in_trash)
            continue;
        hf_path_removed(HF_DIR_TRASH, &finish->removed[i].digest, finish->removed[i].permitted_by,
                        path);
        hf_io_discard(finish->store->io, finish->store->layout.root, path); /* (4) */
    }
}

static int run(struct hf_store *store, uint64_t txn, bool has_content, uint64_t *out_files,
               uint64_t *out_bytes, struct hf_error *err)
{
    struct finish finish = {.store = store, .txn = txn, .err = err};

    int rc = has_content ? publish(&finish) : 0;
    /* The order in which DONE must see it: our `S` are still there, so ours is not removed before.
     */
    if (rc == 0)
        rc = remove_permitted(&finish);
    if (rc == 0)
        rc = log_done(&finish); /* (2) */
    if (rc == 0)
        empty_trash(&finish);
    if (rc == 0 && out_files != NULL)
        *out_files += finish.files;
    if (rc == 0 && out_bytes != NULL)
        *out_bytes += finish.bytes;
    free(finish.published);
    free(finish.removed);
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
    return has_pending(store) ? run(store, 0, false, out_files, out_bytes, err) : 0;
}
