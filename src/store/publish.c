/*
 * store/publish.c - moves staged blobs to where readers look: FORMAT.md 5.1 steps 8 and 9.
 *
 * Always true: a staged file is unlinked only after its link in blobs/ was synced. So a staged file
 * that is missing says that its link is durable, and doing this again after a cut is harmless.
 */
#include "store/finish.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"

/*
 * Something has the name in blobs/: our own link, made before a cut or before a sync that failed;
 * or an old file, to be replaced. Our own is made anew too: a sync covers what was changed since
 * the last one, and tells nothing of what an earlier, failed one left in the cache only.
 */
static int replace_published(struct hf_finish *finish, const struct hf_digest *digest,
                             const char *staged, const char *blob)
{
    struct hf_store *store = finish->store;
    char trash[HF_PATH_MAX];

    hf_path_removed(HF_DIR_TRASH, digest, finish->txn, trash);
    /* Who did this before us and was cut may have left it there; renaming one link of a file over
     * another of the same file does nothing. */
    int rc = hf_io_unlink(store->io, store->layout.root, trash, NULL);
    if (rc != 0 && rc != HF_ERR_NOT_FOUND)
        return hf_fail(finish->err, rc, "cannot remove %s", trash);
    rc = hf_io_rename(store->io, store->layout.root, blob, store->layout.root, trash, finish->err);
    if (rc == 0)
        rc = hf_io_link(store->io, store->layout.root, staged, store->layout.root, blob,
                        finish->err);
    if (rc == 0)
        hf_io_discard(store->io, store->layout.root, trash);
    return rc;
}

/* Step 8 for one blob. */
static int link_blob(struct hf_finish *finish, const struct hf_digest *digest,
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
        return 0; /* it was unlinked because its link is durable */
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

typedef int staged_fn(struct hf_finish *finish, const struct hf_digest *digest,
                      const struct hf_staged_place *place);

/* Every `S` entry of our transaction. */
static int each_staged(struct hf_finish *finish, const struct hf_view *view, staged_fn *fn)
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

static int note_published(struct hf_finish *finish, const struct hf_digest *digest,
                          const struct hf_staged_place *place)
{
    (void)place;
    int rc = hf_array_grow(&finish->published, &finish->published_capacity, finish->published_count,
                           sizeof(*finish->published), finish->err);
    if (rc == 0)
        finish->published[finish->published_count++] = *digest;
    return rc;
}

static int unlink_staged(struct hf_finish *finish, const struct hf_digest *digest,
                         const struct hf_staged_place *place)
{
    char path[HF_PATH_MAX];

    (void)digest;
    hf_path_staged(place->slot, place->txn, place->number, path);
    hf_io_discard(finish->store->io, finish->store->layout.root, path);
    return 0;
}

int hf_finish_publish(struct hf_finish *finish)
{
    struct hf_view view;

    hf_catalog_view_tail(&finish->store->catalog, &view);
    int rc = each_staged(finish, &view, link_blob);
    if (rc == 0)
        rc = hf_finish_sync_folders(finish);
    if (rc == 0)
        rc = each_staged(finish, &view, note_published);
    if (rc == 0)
        rc = each_staged(finish, &view, unlink_staged); /* only now */
    hf_view_release(&view);
    return rc;
}
