/*
 * image/layers.c - from an image to its layers, and from a layer to its plain bytes.
 *
 * A layer that is kept compressed is inflated on the way; where its plain tar is in the store as
 * well (derived from it, or loaded with another image), that is read instead.
 */
#include "image/layers.h"

#include "base/checksum.h"
#include "base/digest.h"
#include "base/error.h"
#include "oci/document.h"
#include "archive/inflate.h"

#include <stdlib.h>

#define PIECE_BYTES (256u * 1024u)
#define OPEN_MAX    256

/* --- from an image ---------------------------------------------------------------------------- */

static int read_config(struct hf_store *store, const struct hf_digest *id, struct hf_config *out,
                       struct hf_error *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = hf_blob_read_all(store, id, HF_DOCUMENT_MAX, &data, &len, err);

    if (rc == 0)
        rc = hf_config_parse(data, len, out, err);
    free(data);
    return rc;
}

static int read_manifest(struct hf_store *store, const struct hf_digest *digest,
                         struct hf_document *out, struct hf_error *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = hf_blob_read_all(store, digest, HF_DOCUMENT_MAX, &data, &len, err);

    if (rc == 0)
        rc = hf_document_parse(data, len, out, err);
    free(data);
    return rc;
}

int hf_layers_of(struct hf_store *store, const struct hf_image *image, struct hf_layers *out,
                 struct hf_error *err)
{
    struct hf_config config = {0};
    struct hf_document manifest = {0};
    char text[HF_DIGEST_TEXT_MAX];

    int rc = read_manifest(store, &image->manifest, &manifest, err);
    if (rc == 0)
        rc = read_config(store, &image->id, &config, err);
    if (rc == 0 && manifest.item_count != config.diff_id_count)
        rc = hf_fail(err, HF_ERR_CORRUPT, "%s has %zu layers, its config lists %zu",
                     hf_digest_text(&image->manifest, text), manifest.item_count,
                     config.diff_id_count);
    if (rc == 0 && !(out->items = calloc(manifest.item_count + 1, sizeof(*out->items))))
        rc = hf_fail_memory(err);
    for (size_t i = 0; rc == 0 && i < manifest.item_count; i++)
        out->items[out->count++] =
            (struct hf_layer){.blob = manifest.items[i].digest, .diff_id = config.diff_ids[i]};
    hf_document_release(&manifest);
    hf_config_release(&config);
    return rc;
}

/* The plain tar, where there is one; else what the manifest names. */
static int open_source(struct hf_store *store, const struct hf_layer *layer,
                       struct hf_digest *out_digest, struct hf_blob **out, struct hf_error *err)
{
    *out_digest = layer->diff_id;
    if (hf_blob_open(store, &layer->diff_id, out, NULL) == 0)
        return 0;
    *out_digest = layer->blob;
    return hf_blob_open(store, &layer->blob, out, err);
}

static int open_layer(struct hf_store *store, const struct hf_snapshot *snapshot,
                      struct hf_layer *layer, struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = layer->opened ? 0 : open_source(store, layer, &layer->source, &layer->opened, err);

    if (rc == 0)
        rc = hf_snapshot_object(snapshot, &layer->source, &object, err);
    if (rc == 0)
        layer->checksum = object.checksum;
    hf_object_release(&object);
    return rc;
}

int hf_layers_open(struct hf_store *store, struct hf_layers *layers, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    for (size_t i = 0; rc == 0 && i < layers->count && i < OPEN_MAX; i++)
        rc = open_layer(store, snapshot, &layers->items[i], err);
    hf_snapshot_release(snapshot);
    return rc;
}

void hf_layers_release(struct hf_layers *layers)
{
    for (size_t i = 0; i < layers->count; i++)
        hf_blob_close(layers->items[i].opened);
    free(layers->items);
    *layers = (struct hf_layers){0};
}

/* --- plain bytes ------------------------------------------------------------------------------ */

struct reading {
    struct hf_blob *blob;
    /* One of them: of the bytes as they are stored, or of the plain ones. */
    struct hf_checksummer *checksum;
    struct hf_hasher *hasher;
    struct hf_inflater *inflater;
    uint8_t *piece;
    hf_layer_fn *fn;
    void *arg;
    bool is_stopped; /* by fn: its error is no damage */
};

static int take_plain(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct reading *reading = arg;

    if (reading->hasher)
        hf_hasher_update(reading->hasher, data, len);
    int rc = reading->fn(reading->arg, data, len, err);
    reading->is_stopped = rc != 0;
    return rc;
}

static int take_stored(struct reading *reading, size_t len, struct hf_error *err)
{
    if (reading->checksum)
        hf_checksummer_update(reading->checksum, reading->piece, len);
    if (reading->inflater)
        return hf_inflater_push(reading->inflater, reading->piece, len, err);
    return take_plain(reading, reading->piece, len, err);
}

static int begin(struct reading *reading, const struct hf_layer *layer, size_t len,
                 struct hf_error *err)
{
    enum hf_compression compression = hf_compression_of(reading->piece, len);

    if (layer->opened)
        reading->checksum = hf_checksummer_new();
    else
        reading->hasher = hf_hasher_new(layer->diff_id.algorithm);
    if (!reading->checksum && !reading->hasher)
        return hf_fail_memory(err);
    if (compression == HF_COMPRESSION_PLAIN)
        return 0;
    return hf_inflater_new(compression, take_plain, reading, &reading->inflater, err);
}

static int read_blob(struct reading *reading, const struct hf_layer *layer, struct hf_error *err)
{
    size_t len = PIECE_BYTES;
    int rc = 0;

    for (uint64_t off = 0; rc == 0 && len == PIECE_BYTES; off += len) {
        rc = hf_blob_read(reading->blob, reading->piece, PIECE_BYTES, off, &len, err);
        if (rc == 0 && off == 0)
            rc = begin(reading, layer, len, err);
        if (rc == 0 && len > 0)
            rc = take_stored(reading, len, err);
    }
    if (rc == 0 && reading->inflater)
        rc = hf_inflater_end(reading->inflater, err);
    return rc;
}

static int check(struct reading *reading, const struct hf_layer *layer, struct hf_error *err)
{
    char want[HF_DIGEST_TEXT_MAX], have[HF_DIGEST_TEXT_MAX];
    struct hf_digest digest;

    if (reading->checksum)
        return hf_checksummer_value(reading->checksum) == layer->checksum
                   ? 0
                   : hf_fail(err, HF_ERR_CORRUPT, "its bytes have another checksum");
    hf_hasher_final(reading->hasher, &digest);
    if (hf_digest_compare(&digest, &layer->diff_id) == 0)
        return 0;
    return hf_fail(err, HF_ERR_CORRUPT, "its bytes give the tar %s, not %s",
                   hf_digest_text(&digest, have), hf_digest_text(&layer->diff_id, want));
}

int hf_layer_read(struct hf_store *store, const struct hf_layer *layer, hf_layer_fn *fn, void *arg,
                  struct hf_error *err)
{
    struct reading reading = {.fn = fn, .arg = arg, .piece = malloc(PIECE_BYTES)};
    struct hf_blob *own = NULL;
    struct hf_digest digest = layer->source;
    char text[HF_DIGEST_TEXT_MAX];

    int rc = reading.piece ? 0 : hf_fail_memory(err);
    if (rc == 0 && !layer->opened)
        rc = open_source(store, layer, &digest, &own, err);
    reading.blob = own ? own : layer->opened;
    if (rc == 0) {
        rc = read_blob(&reading, layer, err);
        if (rc == 0)
            rc = check(&reading, layer, err);
        if (rc == HF_ERR_INPUT && !reading.is_stopped)
            rc = hf_fail_as(err, HF_ERR_CORRUPT, "it can't be inflated");
        if (rc == HF_ERR_CORRUPT && !reading.is_stopped)
            rc = hf_fail_prefix(err, rc, "layer %s is damaged", hf_digest_text(&digest, text));
    }
    hf_inflater_free(reading.inflater);
    hf_hasher_free(reading.hasher);
    hf_checksummer_free(reading.checksum);
    hf_blob_close(own);
    free(reading.piece);
    return rc;
}
