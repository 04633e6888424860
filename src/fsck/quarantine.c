/*
 * fsck/quarantine.c - takes a file out of blobs/ and keeps it in quarantine/. Steps:
 * FORMAT.md 8.1.
 *
 * A link and then an unlink, with a sync between, and not a rename: a cut may treat the two
 * directory entries of a rename separately, and what is set aside may be the last copy of
 * something.
 *
 * Always true: a file leaves blobs/ only while nothing wants it as the log says at its end,
 * durably, and only after its name in quarantine/ is durable.
 */
#include "fsck/check.h"

#include "base/error.h"
#include "fsck/survey.h"

/* Does the object still have no use for the file in blobs/? With the append lock. */
typedef int may_leave_fn(struct hf_check *check, const struct hf_view *view,
                         const struct hf_digest *digest, bool *out, struct hf_error *err);

/* Who heals a damaged object commits first and links then; so either we see his `S`, or that it is
 * PRESENT, or he links after us. */
static int is_damaged(struct hf_check *check, const struct hf_view *view,
                      const struct hf_digest *digest, bool *out, struct hf_error *err)
{
    struct hf_object object = {0};
    struct hf_staged_place place;

    (void)check;
    int rc = hf_view_object(view, digest, &object, err);
    bool damaged = rc == 0 && object.state == HF_OBJECT_DAMAGED;
    hf_object_release(&object);
    if (damaged)
        rc = hf_view_staged(view, digest, &place, err);
    *out = damaged && rc == HF_ERR_NOT_FOUND;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int is_unknown(struct hf_check *check, const struct hf_view *view,
                      const struct hf_digest *digest, bool *out, struct hf_error *err)
{
    enum hf_file_class class = HF_FILE_UNKNOWN;

    int rc = hf_survey_class_of_blob(check->store, view, digest, &class, err);
    *out = rc == 0 && class == HF_FILE_UNKNOWN;
    return rc;
}

/* Unlink `path` if its object has no use for it. *out_gone: it was unlinked. */
static int unlink_if(struct hf_check *check, const struct hf_digest *digest, const char *path,
                     may_leave_fn *may_leave, bool *out_gone, struct hf_error *err)
{
    struct hf_store *store = check->store;
    struct hf_view view;
    bool may = false;

    *out_gone = false;
    int rc = hf_store_lock_durable(store, err);
    if (rc != 0)
        return rc;
    hf_catalog_view_tail(&store->catalog, &view);
    rc = may_leave(check, &view, digest, &may, err);
    if (rc == 0 && may)
        rc = hf_io_unlink(store->io, store->layout.root, path, err);
    *out_gone = rc == 0 && may;
    hf_view_release(&view);
    hf_store_unlock(store);
    return rc;
}

static int set_aside(struct hf_check *check, const struct hf_digest *digest,
                     may_leave_fn *may_leave, bool *out_gone, struct hf_error *err)
{
    struct hf_store *store = check->store;
    int root = store->layout.root;
    char path[HF_PATH_MAX], kept[HF_PATH_MAX], dir[HF_PATH_MAX];
    struct hf_io_stat stat;

    *out_gone = false;
    hf_path_blob(digest, path);
    hf_path_removed(HF_DIR_QUARANTINE, digest, hf_wal_tail(store->wal), kept);
    int rc = hf_io_stat_at(store->io, root, path, &stat, err);
    if (rc == 0 && stat.kind != HF_IO_FILE)
        return HF_ERR_NOT_FOUND; /* a folder or link in its place is residue */
    if (rc == 0)
        rc = hf_io_link(store->io, root, path, root, kept, err);
    if (rc == 0)
        rc = hf_io_sync_dir(store->io, root, HF_DIR_QUARANTINE, err);
    if (rc == 0)
        rc = unlink_if(check, digest, path, may_leave, out_gone, err);
    if (rc == 0 && !*out_gone)
        hf_io_discard(store->io, root, kept);
    if (rc != 0 || !*out_gone)
        return rc;
    hf_path_blob_dir(digest->algorithm, dir);
    return hf_io_sync_dir(store->io, root, dir, err);
}

int hf_check_quarantine(struct hf_check *check, const struct hf_digest *digest,
                        struct hf_error *err)
{
    bool gone = false;

    int rc = set_aside(check, digest, is_damaged, &gone, err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc; /* there is nothing left of it */
}

int hf_check_remove_blob(struct hf_check *check, const struct hf_digest *digest, bool *out_removed,
                         struct hf_error *err)
{
    char path[HF_PATH_MAX];

    if (check->lost_records)
        return set_aside(check, digest, is_unknown, out_removed, err);
    hf_path_blob(digest, path);
    return unlink_if(check, digest, path, is_unknown, out_removed, err);
}
