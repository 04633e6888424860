/*
 * store/removal.c - takes files out of blobs/ that a durable record permits to go: FORMAT.md 5.2.
 *
 * Always true:
 *  (1) nothing leaves blobs/ while an object, an `S` entry or a living claim wants it, as the log
 * says at its end, durably: the look and the rename happen under one append lock; (2) only what is
 * in trash/ is unlinked, and after DONE.
 */
#include "store/finish.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"

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
    struct hf_object object = {0};
    int rc = hf_view_object(view, digest, &object, err);

    if (rc == 0 && object.state == HF_OBJECT_ABSENT)
        rc = HF_ERR_NOT_FOUND;
    hf_object_release(&object);
    if (rc == HF_ERR_NOT_FOUND)
        rc = hf_view_staged(view, digest, &place, err);
    if (rc == HF_ERR_NOT_FOUND)
        rc = is_claimed(store, view, digest, err);
    return rc;
}

static int move_to_trash(struct hf_finish *finish, const struct hf_digest *digest,
                         uint64_t permitted_by)
{
    struct hf_store *store = finish->store;
    struct hf_io_stat stat = {0};
    char blob[HF_PATH_MAX], trash[HF_PATH_MAX];

    int rc = hf_array_grow(&finish->removed, &finish->removed_capacity, finish->removed_count,
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
        (struct hf_removal){.digest = *digest, .permitted_by = permitted_by, .in_trash = moved};
    finish->files += moved;
    finish->bytes += moved ? stat.size_bytes : 0;
    return 0;
}

/* Every `X` entry that nothing stands against, with the append lock and a durable log: (1). */
static int move_permitted(struct hf_finish *finish)
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

bool hf_finish_has_pending(struct hf_store *store)
{
    static const uint8_t prefix[] = {HF_KEY_PENDING};
    struct hf_view view;

    hf_catalog_view_tail(&store->catalog, &view);
    bool has = hf_view_any(&view, prefix, sizeof(prefix), NULL) != HF_ERR_NOT_FOUND;
    hf_view_release(&view);
    return has;
}

int hf_finish_remove(struct hf_finish *finish)
{
    if (!hf_finish_has_pending(finish->store))
        return 0;
    int rc = hf_store_lock_durable(finish->store, finish->err);
    if (rc != 0)
        return rc;
    rc = move_permitted(finish);
    hf_store_unlock(finish->store);
    return rc == 0 ? hf_finish_sync_folders(finish) : rc;
}

void hf_finish_empty_trash(struct hf_finish *finish)
{
    for (size_t i = 0; i < finish->removed_count; i++) {
        char path[HF_PATH_MAX];
        if (!finish->removed[i].in_trash)
            continue;
        hf_path_removed(HF_DIR_TRASH, &finish->removed[i].digest, finish->removed[i].permitted_by,
                        path);
        hf_io_discard(finish->store->io, finish->store->layout.root, path); /* (2) */
    }
}
