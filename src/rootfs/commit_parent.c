/*
 * rootfs/commit_parent.c - the image that a commit stands on, kept from removal.
 *
 *  1. In one snapshot: find the image.
 *  2. Claim manifest and config, and read them; claim every layer and what was derived from it.
 *     What is gone was removed since the snapshot: again from 1, where a name may mean another
 *     image by now, or none.
 *
 * Always true: an object is in the plan only if this transaction has claimed it and it was there.
 * So the commit can put it, whatever happened to the parent since.
 */
#include "rootfs/commit.h"

#include "base/error.h"
#include "image/resolve.h"

#include <stdio.h>
#include <stdlib.h>

/* An image that is moved and removed faster than this is not to be caught. */
#define TRIES 10
/* Layer, its plain tar, the index of that. */
#define DERIVED_DEPTH 2

/* --- objects ---------------------------------------------------------------------------------- */

/* Errors   NOT_FOUND: it is gone. CORRUPT: its bytes are not there or wrong. */
static int claim(struct hf_commit *commit, const struct hf_digest *digest, struct hf_object *out,
                 struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    int rc = hf_txn_claim(commit->load.txn, digest, out, err);

    hf_digest_text(digest, text);
    if (rc == HF_ERR_NOT_FOUND)
        return hf_fail(err, rc, "object %s was removed meanwhile", text);
    if (rc == 0 && out->state != HF_OBJECT_PRESENT)
        rc = hf_fail(err, HF_ERR_CORRUPT, "object %s is %s", text,
                     out->state == HF_OBJECT_DAMAGED ? "damaged in the store" : "not there");
    return rc;
}

static int keep(struct hf_commit *commit, const struct hf_digest *digest, int depth,
                struct hf_error *err);

/* What was derived from a layer can be derived again: what is lost of it stays out of *object. */
static int keep_derived(struct hf_commit *commit, struct hf_object *object, int depth,
                        struct hf_error *err)
{
    size_t kept = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < object->ref_count && depth < DERIVED_DEPTH; i++) {
        struct hf_error why = {0};
        rc = keep(commit, &object->refs[i], depth + 1, &why);
        if (rc == 0)
            object->refs[kept++] = object->refs[i];
        else if (rc == HF_ERR_NOT_FOUND || rc == HF_ERR_CORRUPT)
            rc = 0;
        else if (err)
            *err = why;
    }
    object->ref_count = kept;
    return rc;
}

static int keep(struct hf_commit *commit, const struct hf_digest *digest, int depth,
                struct hf_error *err)
{
    struct hf_object object = {0};
    struct hf_summary summary;

    if (hf_plan_find(&commit->load.plan, digest))
        return 0;
    int rc = claim(commit, digest, &object, err);
    if (rc == 0)
        rc = keep_derived(commit, &object, depth, err);
    if (rc == 0) {
        hf_summary_decode(object.summary, object.summary_len, &summary);
        rc = hf_plan_put(&commit->load.plan, digest, object.size_bytes, &summary, object.refs,
                         object.ref_count, err);
    }
    hf_object_release(&object);
    return rc;
}

/* --- layers ----------------------------------------------------------------------------------- */

/* The bytes tell it: labels in manifests of other tools are wrong at times. */
static int take_media_type(struct hf_commit *commit, struct hf_descriptor *layer,
                           struct hf_error *err)
{
    static const char *const media_types[] = {
        [HF_COMPRESSION_PLAIN] = HF_MEDIA_OCI_LAYER,
        [HF_COMPRESSION_GZIP] = HF_MEDIA_OCI_LAYER_GZIP,
        [HF_COMPRESSION_ZSTD] = HF_MEDIA_OCI_LAYER_ZSTD,
    };
    uint8_t magic[HF_COMPRESSION_MAGIC];
    struct hf_blob *blob = NULL;
    size_t len = 0;
    int rc = hf_blob_open(commit->load.store, &layer->digest, &blob, err);

    if (rc == 0)
        rc = hf_blob_read(blob, magic, sizeof(magic), 0, &len, err);
    if (rc == 0)
        snprintf(layer->media_type, sizeof(layer->media_type), "%s",
                 media_types[hf_compression_of(magic, len)]);
    hf_blob_close(blob);
    return rc;
}

static int keep_layers(struct hf_commit *commit, struct hf_document *manifest, struct hf_error *err)
{
    struct hf_commit_parent *parent = &commit->parent;
    int rc = 0;

    if (manifest->item_count != parent->config.diff_id_count)
        return hf_fail(err, HF_ERR_CORRUPT, "its manifest has %zu layers, its config lists %zu",
                       manifest->item_count, parent->config.diff_id_count);
    if (manifest->item_count >= HF_LAYERS_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "it has %zu layers, and at most %u are possible",
                       manifest->item_count, HF_LAYERS_MAX);
    parent->layers = manifest->items;
    parent->layer_count = manifest->item_count;
    manifest->items = NULL;
    for (size_t i = 0; rc == 0 && i < parent->layer_count; i++) {
        rc = keep(commit, &parent->layers[i].digest, 0, err);
        if (rc == 0)
            rc = take_media_type(commit, &parent->layers[i], err);
    }
    return rc;
}

/* --- documents -------------------------------------------------------------------------------- */

/* The bytes of a document, which is claimed, so that the look at it is not too late. */
static int read_claimed(struct hf_commit *commit, const struct hf_digest *digest,
                        uint8_t **out_data, size_t *out_len, struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = claim(commit, digest, &object, err);

    hf_object_release(&object);
    return rc == 0 ? hf_blob_read_all(commit->load.store, digest, HF_DOCUMENT_MAX, out_data,
                                      out_len, err)
                   : rc;
}

static int read_config(struct hf_commit *commit, struct hf_error *err)
{
    struct hf_commit_parent *parent = &commit->parent;
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = read_claimed(commit, &parent->image.id, &data, &len, err);

    if (rc == 0)
        rc = hf_config_parse(data, len, &parent->config, err);
    free(data);
    if (rc == 0 && !parent->config.is_image)
        rc = hf_fail(err, HF_ERR_CORRUPT, "its config has no rootfs");
    return rc;
}

static int read_parent(struct hf_commit *commit, struct hf_error *err)
{
    struct hf_document manifest = {0};
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = read_claimed(commit, &commit->parent.image.manifest, &data, &len, err);

    if (rc == 0)
        rc = hf_document_parse(data, len, &manifest, err);
    if (rc == 0)
        rc = read_config(commit, err);
    if (rc == 0)
        rc = keep_layers(commit, &manifest, err);
    free(data);
    hf_document_release(&manifest);
    return rc;
}

/* --- the parent ------------------------------------------------------------------------------- */

/* *out_again: something that the snapshot had is gone. */
static int try_claim(struct hf_commit *commit, bool *out_again, struct hf_error *err)
{
    const struct hf_commit_options *options = commit->options;
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(commit->load.store, &snapshot, err);

    *out_again = false;
    if (rc == 0)
        rc = hf_resolve_image(snapshot, options->parent, options->platform, &commit->parent.image,
                              err);
    hf_snapshot_release(snapshot);
    if (rc != 0)
        return rc;
    rc = read_parent(commit, err);
    *out_again = rc == HF_ERR_NOT_FOUND;
    return rc == 0 ? 0 : hf_fail_prefix(err, rc, "%.200s", options->parent);
}

int hf_commit_claim_parent(struct hf_commit *commit, struct hf_error *err)
{
    struct hf_error why = {0};
    bool again = true;
    int rc = 0;

    for (int i = 0; again && i < TRIES; i++) {
        hf_commit_release_parent(&commit->parent);
        hf_plan_release(&commit->load.plan);
        rc = try_claim(commit, &again, &why);
    }
    if (rc != 0 && err)
        *err = why;
    return rc;
}

void hf_commit_release_parent(struct hf_commit_parent *parent)
{
    hf_config_release(&parent->config);
    free(parent->layers);
    *parent = (struct hf_commit_parent){0};
}
