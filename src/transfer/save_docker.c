/*
 * transfer/save_docker.c - what "docker save" writes: one image of one platform each, plain layers.
 *
 * HYBRID          blobs/sha256/HEX for everything, an OCI layout and manifest.json over it; an
 *                 image with a compressed layer gets the manifest that docker makes for its plain
 *                 ones. Its config, and so its ID, stays.
 * DOCKER_ARCHIVE  HEX.json, HEX.tar, manifest.json; no OCI manifest.
 *
 * Images with one config are one image here, with the names of all.
 */
#include "transfer/save_plan.h"

#include "base/digest.h"
#include "base/error.h"
#include "oci/document.h"
#include "image/graph.h"
#include "transfer/save_documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct planner {
    struct hf_store *store;
    const struct hf_snapshot *snapshot;
    bool is_hybrid;
    struct hf_save_plan *plan;
    struct hf_digest *ids; /* config of each image planned */
    struct hf_save_docker_image *images;
    struct hf_save_root *roots;
    size_t count;
};

/* The documents of one image. */
struct parts {
    struct hf_digest id;
    uint64_t config_bytes;
    uint64_t manifest_bytes;
    struct hf_document manifest;
    struct hf_config config;
};

static void parts_release(struct parts *parts)
{
    hf_document_release(&parts->manifest);
    hf_config_release(&parts->config);
}

static int read_document(const struct planner *planner, const struct hf_digest *digest,
                         uint8_t **out_data, uint64_t *out_len, struct hf_error *err)
{
    struct hf_object object = {0};
    size_t len = 0;
    int rc = hf_save_object(planner->snapshot, digest, &object, err);

    if (rc == 0)
        rc = hf_blob_read_all(planner->store, digest, HF_DOCUMENT_MAX, out_data, &len, err);
    hf_object_release(&object);
    *out_len = len;
    return rc;
}

static int read_parts(const struct planner *planner, const struct hf_digest *manifest,
                      struct parts *out, struct hf_error *err)
{
    uint8_t *data = NULL;
    int rc = read_document(planner, manifest, &data, &out->manifest_bytes, err);

    if (rc == 0)
        rc = hf_document_parse(data, out->manifest_bytes, &out->manifest, err);
    free(data);
    data = NULL;
    out->id = out->manifest.config.digest;
    if (rc == 0)
        rc = read_document(planner, &out->id, &data, &out->config_bytes, err);
    if (rc == 0)
        rc = hf_config_parse(data, out->config_bytes, &out->config, err);
    free(data);
    if (rc == 0 && out->config.diff_id_count != out->manifest.item_count)
        rc = hf_fail(err, HF_ERR_CORRUPT, "its manifest has %zu layers and its config %zu",
                     out->manifest.item_count, out->config.diff_id_count);
    return rc;
}

/* --- layers ----------------------------------------------------------------------------------- */

static void layer_path(const struct planner *planner, struct hf_save_layer *layer)
{
    char hex[HF_DIGEST_TEXT_MAX];

    if (planner->is_hybrid)
        hf_save_blob_path(&layer->diff_id, layer->path);
    else
        snprintf(layer->path, sizeof(layer->path), "%s.tar", hf_digest_hex(&layer->diff_id, hex));
}

static int plan_layer(const struct planner *planner, const struct hf_digest *blob,
                      const struct hf_digest *diff_id, struct hf_save_layer *out,
                      struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_object object = {0};
    struct hf_summary summary;
    int rc = hf_save_object(planner->snapshot, blob, &object, err);

    if (rc != 0)
        return rc;
    hf_summary_decode(object.summary, object.summary_len, &summary);
    out->diff_id = *diff_id;
    layer_path(planner, out);
    if (hf_digest_compare(blob, diff_id) == 0) {
        out->size_bytes = object.size_bytes;
        rc = hf_save_plan_stored(planner->plan, out->path, &object, err);
    } else if (summary.kind == HF_KIND_LAYER && hf_digest_compare(&summary.diff_id, diff_id) == 0) {
        out->size_bytes = summary.size_bytes;
        rc = hf_save_plan_plain(planner->plan, out->path, &object, out->size_bytes, err);
    } else {
        rc = hf_fail(err, HF_ERR_CORRUPT, "object %s is not known as the layer that it is",
                     hf_digest_text(blob, text));
    }
    hf_object_release(&object);
    return rc;
}

static int plan_layers(const struct planner *planner, const struct parts *parts,
                       struct hf_save_docker_image *image, struct hf_error *err)
{
    size_t count = parts->config.diff_id_count;
    int rc = 0;

    if (count == 0)
        return 0;
    image->layers = calloc(count, sizeof(*image->layers));
    if (!image->layers)
        return hf_fail_memory(err);
    image->layer_count = count;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = plan_layer(planner, &parts->manifest.items[i].digest, &parts->config.diff_ids[i],
                        &image->layers[i], err);
    return rc;
}

/* --- config and manifest ---------------------------------------------------------------------- */

static int plan_stored(const struct planner *planner, const char *path,
                       const struct hf_digest *digest, struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = hf_save_object(planner->snapshot, digest, &object, err);

    if (rc == 0)
        rc = hf_save_plan_stored(planner->plan, path, &object, err);
    hf_object_release(&object);
    return rc;
}

static int plan_config(const struct planner *planner, const struct parts *parts,
                       struct hf_save_docker_image *image, struct hf_error *err)
{
    char hex[HF_DIGEST_TEXT_MAX];

    if (planner->is_hybrid)
        hf_save_blob_path(&parts->id, image->config_path);
    else
        snprintf(image->config_path, sizeof(image->config_path), "%s.json",
                 hf_digest_hex(&parts->id, hex));
    return plan_stored(planner, image->config_path, &parts->id, err);
}

static bool has_plain_layers(const struct parts *parts)
{
    for (size_t i = 0; i < parts->manifest.item_count; i++) {
        if (hf_digest_compare(&parts->manifest.items[i].digest, &parts->config.diff_ids[i]) != 0)
            return false;
    }
    return true;
}

static int make_manifest(const struct planner *planner, const struct parts *parts,
                         const struct hf_save_docker_image *image, struct hf_save_root *root,
                         struct hf_error *err)
{
    struct hf_descriptor config = {.digest = parts->id, .size_bytes = parts->config_bytes};
    struct hf_descriptor *layers = calloc(image->layer_count + 1, sizeof(*layers));
    struct hf_buf text = {0};
    char path[HF_SAVE_PATH_MAX];

    if (!layers)
        return hf_fail_memory(err);
    for (size_t i = 0; i < image->layer_count; i++) {
        layers[i].digest = image->layers[i].diff_id;
        layers[i].size_bytes = image->layers[i].size_bytes;
    }
    hf_manifest_encode_docker(&config, layers, image->layer_count, &text);
    free(layers);
    int rc = hf_buf_check(&text, err);
    if (rc == 0)
        hf_digest_of(text.data, text.len, &root->digest);
    root->size_bytes = text.len;
    if (rc == 0)
        rc = hf_save_plan_made(planner->plan, hf_save_blob_path(&root->digest, path), &text, err);
    hf_buf_release(&text);
    return rc;
}

/* The manifest as it is stored, if it speaks of the layers that are written. */
static int plan_manifest(const struct planner *planner, const struct hf_digest *manifest,
                         const struct parts *parts, const struct hf_save_docker_image *image,
                         struct hf_save_root *root, struct hf_error *err)
{
    char path[HF_SAVE_PATH_MAX];

    *root = (struct hf_save_root){.names = &image->names, .media_type = HF_MEDIA_OCI_MANIFEST};
    if (!has_plain_layers(parts))
        return make_manifest(planner, parts, image, root, err);
    root->digest = *manifest;
    root->size_bytes = parts->manifest_bytes;
    if (parts->manifest.media_type[0] != '\0')
        strcpy(root->media_type, parts->manifest.media_type);
    return plan_stored(planner, hf_save_blob_path(manifest, path), manifest, err);
}

/* --- images ----------------------------------------------------------------------------------- */

static int take_names(struct hf_save_docker_image *image, const struct hf_text_list *names,
                      struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < names->count; i++)
        rc = hf_text_list_add(&image->names, names->items[i], err);
    hf_text_list_sort(&image->names);
    return rc;
}

static struct hf_save_docker_image *find_planned(const struct planner *planner,
                                                 const struct hf_digest *id)
{
    for (size_t i = 0; i < planner->count; i++) {
        if (hf_digest_compare(&planner->ids[i], id) == 0)
            return &planner->images[i];
    }
    return NULL;
}

static int plan_new_image(struct planner *planner, const struct hf_save_image *wanted,
                          struct hf_error *err)
{
    struct hf_save_docker_image *image = &planner->images[planner->count];
    struct parts parts = {0};
    int rc = read_parts(planner, &wanted->manifest, &parts, err);

    planner->ids[planner->count] = parts.id;
    if (rc == 0)
        rc = plan_layers(planner, &parts, image, err);
    if (rc == 0)
        rc = plan_config(planner, &parts, image, err);
    if (rc == 0 && planner->is_hybrid)
        rc = plan_manifest(planner, &wanted->manifest, &parts, image,
                           &planner->roots[planner->count], err);
    planner->count++; /* on failure too: there may be something to release */
    parts_release(&parts);
    return rc == 0 ? take_names(image, &wanted->names, err) : rc;
}

static int plan_image(struct planner *planner, const struct hf_save_image *wanted,
                      struct hf_error *err)
{
    struct hf_summary summary;
    int rc = hf_summary_of(planner->snapshot, &wanted->manifest, &summary, err);

    if (rc != 0)
        return rc;
    struct hf_save_docker_image *planned = find_planned(planner, &summary.id);
    return planned ? take_names(planned, &wanted->names, err)
                   : plan_new_image(planner, wanted, err);
}

static void planner_release(struct planner *planner)
{
    for (size_t i = 0; i < planner->count; i++) {
        hf_text_list_release(&planner->images[i].names);
        free(planner->images[i].layers);
    }
    free(planner->ids);
    free(planner->images);
    free(planner->roots);
}

int hf_save_plan_docker(struct hf_store *store, const struct hf_snapshot *snapshot,
                        const struct hf_save_set *set, enum hf_save_format format,
                        struct hf_save_plan *plan, struct hf_error *err)
{
    struct planner planner = {
        .store = store, .snapshot = snapshot, .is_hybrid = format == HF_SAVE_HYBRID, .plan = plan};
    int rc = 0;

    planner.ids = calloc(set->count, sizeof(*planner.ids));
    planner.images = calloc(set->count, sizeof(*planner.images));
    planner.roots = calloc(set->count, sizeof(*planner.roots));
    if (!planner.ids || !planner.images || !planner.roots)
        rc = hf_fail_memory(err);
    for (size_t i = 0; rc == 0 && i < set->count; i++)
        rc = plan_image(&planner, &set->items[i], err);
    for (size_t i = 0; rc == 0 && i < planner.count; i++)
        rc = hf_save_plan_tell(plan, &planner.images[i].names, &planner.ids[i], err);
    if (rc == 0 && planner.is_hybrid)
        rc = hf_save_layout(plan, planner.roots, planner.count, err);
    if (rc == 0)
        rc = hf_save_docker_documents(plan, planner.images, planner.count, planner.is_hybrid, err);
    planner_release(&planner);
    return rc;
}
