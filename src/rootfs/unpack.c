/*
 * rootfs/unpack.c - an image becomes a tree of files.
 *
 *  1. Begin a transaction that changes nothing: its claims keep bytes until it ends.
 *  2. In one snapshot: find the image; claim manifest, config and layers; open the layers. What is
 *     gone by then was removed since the snapshot: again.
 *  3. Make a folder beside DIR, locked (target.h), and write the layers there, the lowest first.
 *  4. Set modes and times of directories, sync the file system, rename to DIR, sync its folder.
 *
 * The layers' bytes are checked as they pass by, and nothing gets its name before all were right. A
 * store that cannot be written to gives no claims; there a removal meanwhile may end the unpacking
 * with an error.
 */
#include <holdfast/rootfs.h>

#include "base/error.h"
#include "oci/document.h"
#include "image/events.h"
#include "image/layers.h"
#include "image/note.h"
#include "image/resolve.h"
#include "rootfs/bundle.h"
#include "rootfs/target.h"
#include "rootfs/tree.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES 10 /* an image that is moved and removed faster than this is not to be caught */

struct unpack {
    struct hf_store *store;
    const char *reference;
    const struct hf_unpack_options *options;
    struct hf_txn *txn; /* NULL: no claims */
    struct hf_image image;
    struct hf_layers layers;
    struct hf_config config;
    struct hf_tree tree;
    uint64_t done_bytes;
    /* While a layer is read: */
    struct hf_tar *tar;
    struct hf_error tar_error; /* code not 0: the tar is no longer read, only hashed */
};

/* --- the image -------------------------------------------------------------------------------- */

static int begin(struct unpack *unpack, const char *dir, struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_buf note = {0};

    if (hf_store_is_read_only(unpack->store))
        return 0;
    hf_note_begin(&note, "unpack");
    hf_note_add(&note, unpack->reference);
    hf_note_add(&note, dir);
    int rc = hf_note_txn(unpack->store, &note, &unpack->txn, &reason);
    /* An image is wanted elsewhere just when this disk is full or fails. */
    if (rc == HF_ERR_NO_SPACE || rc == HF_ERR_CORRUPT || rc == HF_ERR_FAILED || rc == HF_ERR_IO)
        return 0;
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

static int claim(struct unpack *unpack, const struct hf_digest *object, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    int rc = unpack->txn ? hf_txn_claim(unpack->txn, object, NULL, err) : 0;

    return rc == HF_ERR_NOT_FOUND
               ? hf_fail(err, rc, "object %s was removed meanwhile", hf_digest_text(object, text))
               : rc;
}

static int claim_layers(struct unpack *unpack, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < unpack->layers.count; i++) {
        rc = claim(unpack, &unpack->layers.items[i].blob, err);
        if (rc == 0)
            rc = claim(unpack, &unpack->layers.items[i].diff_id, err);
        rc = rc == HF_ERR_NOT_FOUND ? 0 : rc; /* its plain tar need not be there */
    }
    return rc == 0 ? hf_layers_open(unpack->store, &unpack->layers, err) : rc;
}

static int read_config(struct unpack *unpack, struct hf_error *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = hf_blob_read_all(unpack->store, &unpack->image.id, HF_DOCUMENT_MAX, &data, &len, err);

    if (rc == 0)
        rc = hf_config_parse(data, len, &unpack->config, err);
    free(data);
    return rc;
}

/* *out_again: something that the snapshot had is gone. */
static int try_find(struct unpack *unpack, bool *out_again, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(unpack->store, &snapshot, err);

    *out_again = false;
    if (rc == 0)
        rc = hf_resolve_image(snapshot, unpack->reference, unpack->options->platform,
                              &unpack->image, err);
    hf_snapshot_release(snapshot);
    if (rc != 0)
        return rc;
    rc = claim(unpack, &unpack->image.manifest, err);
    if (rc == 0)
        rc = claim(unpack, &unpack->image.id, err);
    if (rc == 0)
        rc = hf_layers_of(unpack->store, &unpack->image, &unpack->layers, err);
    if (rc == 0)
        rc = read_config(unpack, err);
    if (rc == 0)
        rc = claim_layers(unpack, err);
    *out_again = rc == HF_ERR_NOT_FOUND;
    return rc;
}

static int find(struct unpack *unpack, struct hf_error *err)
{
    struct hf_error reason = {0};
    bool again = true;
    int rc = 0;

    for (int i = 0; again && i < TRIES; i++) {
        hf_layers_release(&unpack->layers);
        hf_config_release(&unpack->config);
        rc = try_find(unpack, &again, &reason);
    }
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

/* --- its layers ------------------------------------------------------------------------------- */

static int progress(struct unpack *unpack, size_t len, struct hf_error *err)
{
    const struct hf_observer *observer = &unpack->options->observer;

    unpack->done_bytes += len;
    if (observer->progress &&
        observer->progress(observer->arg, unpack->done_bytes, unpack->image.size_bytes) != 0)
        return hf_fail(err, HF_ERR_CANCELLED, "interrupted");
    return 0;
}

/*
 * What a tar says that is wrong counts only if these are the right bytes: so the rest is still
 * read, and a damaged layer is called that. Everything else ends the reading.
 */
static int take_bytes(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct unpack *unpack = arg;
    struct hf_error reason = {0};
    int rc = progress(unpack, len, err);

    if (rc != 0 || unpack->tar_error.code != 0)
        return rc;
    rc = hf_tar_feed(unpack->tar, data, len, &reason);
    if (rc == HF_ERR_INPUT || rc == HF_ERR_LIMIT || rc == HF_ERR_UNSUPPORTED) {
        unpack->tar_error = reason;
        return 0;
    }
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

static int write_layer(struct unpack *unpack, const struct hf_layer *layer, struct hf_error *err)
{
    const struct hf_tar_sink sink = hf_tree_sink(&unpack->tree);
    char text[HF_DIGEST_TEXT_MAX];
    int rc = hf_tar_new(&sink, &unpack->tar, err);

    unpack->tar_error = (struct hf_error){0};
    hf_tree_begin_layer(&unpack->tree);
    if (rc == 0)
        rc = hf_layer_read(unpack->store, layer, take_bytes, unpack, err);
    if (rc == 0 && unpack->tar_error.code == 0)
        hf_tolerate(hf_tar_end(unpack->tar, &unpack->tar_error)); /* told by its code */
    if (rc == 0 && unpack->tar_error.code != 0) {
        rc = unpack->tar_error.code;
        hf_fail_prefix(&unpack->tar_error, rc, "layer %s", hf_digest_text(&layer->diff_id, text));
        if (err)
            *err = unpack->tar_error;
    }
    hf_tar_free(unpack->tar);
    unpack->tar = NULL;
    return rc;
}

static int write_tree(struct unpack *unpack, int root, struct hf_error *err)
{
    int rc = hf_tree_init(&unpack->tree, root, err);

    for (size_t i = 0; rc == 0 && i < unpack->layers.count; i++)
        rc = write_layer(unpack, &unpack->layers.items[i], err);
    return rc;
}

static int write_target(struct unpack *unpack, const struct hf_target *target, struct hf_error *err)
{
    int root = -1;
    int rc = 0;

    if (!unpack->options->bundle) {
        rc = write_tree(unpack, target->fd, err);
        return rc == 0 ? hf_tree_finish(&unpack->tree, err) : rc;
    }
    rc = hf_bundle_begin(target->fd, &root, err);
    if (rc == 0)
        rc = write_tree(unpack, root, err);
    /* Users are looked up in the tree before its folders may be closed to us. */
    if (rc == 0)
        rc = hf_bundle_write_config(target->fd, root, unpack->config.json, err);
    if (rc == 0)
        rc = hf_tree_finish(&unpack->tree, err);
    if (rc == 0)
        rc = hf_bundle_end(target->fd, err);
    hf_sys_drop(&root);
    return rc;
}

/* --- the operation ---------------------------------------------------------------------------- */

static void add_lost(struct hf_buf *text, uint64_t count, const char *what)
{
    if (count > 0)
        hf_buf_printf(text, "%s%llu %s", text->len > 0 ? ", " : "", (unsigned long long)count,
                      what);
}

static void warn(const struct unpack *unpack)
{
    const struct hf_tree_lost *lost = &unpack->tree.lost;
    struct hf_buf text = {0};

    add_lost(&text, lost->owners, "owners");
    add_lost(&text, lost->set_ids, "set-ID bits");
    add_lost(&text, lost->devices, "devices");
    add_lost(&text, lost->xattrs, "extended attributes");
    const char *list = hf_buf_text(&text);
    if (list && text.len > 0)
        hf_events_warn(&unpack->options->observer,
                       "not kept, since this process or the file system may not have them: %s",
                       list);
    hf_buf_release(&text);
}

static int write_all(struct unpack *unpack, const char *dir, struct hf_error *err)
{
    struct hf_target target = {0};
    int rc = hf_target_open(dir, &target, err);

    if (rc == 0)
        rc = write_target(unpack, &target, err);
    if (rc == 0)
        rc = hf_target_keep(&target, err);
    hf_target_drop(&target);
    if (rc == 0)
        warn(unpack);
    hf_tree_release(&unpack->tree);
    return rc;
}

int hf_image_unpack(struct hf_store *store, const char *reference, const char *dir,
                    const struct hf_unpack_options *options, struct hf_error *err)
{
    static const struct hf_unpack_options default_options;
    struct unpack unpack = {.store = store,
                            .reference = reference,
                            .options = options ? options : &default_options,
                            .tree = {.parent = {.dir = -1}, .fd = -1}};
    int rc = begin(&unpack, dir, err);

    if (rc == 0)
        rc = find(&unpack, err);
    if (rc == 0)
        rc = write_all(&unpack, dir, err);
    /* Nothing changes in the store, so there is nothing to commit. */
    hf_txn_abort(unpack.txn, rc == 0 ? "unpacked" : hf_error_name(rc));
    hf_layers_release(&unpack.layers);
    hf_config_release(&unpack.config);
    return rc;
}
