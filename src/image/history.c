/*
 * image/history.c - the steps that made an image, the newest first.
 *
 * A config's history may be absent or tell another number of layers than the image has; only
 * `rootfs` was checked when the image was loaded. Then the layers are rows without a text, and what
 * the history tells beyond them has no size.
 */
#include "base/error.h"
#include "oci/document.h"
#include "image/graph.h"
#include "image/resolve.h"

#include <stdlib.h>

struct history {
    struct hf_config config;
    uint64_t *layer_sizes; /* of the plain tars, as many as diff IDs */
    struct hf_history_row *rows;
    size_t row_count;
};

static void history_release(struct history *history)
{
    hf_config_release(&history->config);
    free(history->layer_sizes);
    free(history->rows);
}

/* A layer of the manifest: its size stands where its diff ID does. */
static int see_layer(void *arg, const struct hf_object *object)
{
    struct history *history = arg;
    struct hf_summary summary;

    hf_summary_decode(object->summary, object->summary_len, &summary);
    for (size_t i = 0; summary.kind == HF_KIND_LAYER && i < history->config.diff_id_count; i++) {
        if (hf_digest_compare(&history->config.diff_ids[i], &summary.diff_id) == 0)
            history->layer_sizes[i] = summary.size_bytes;
    }
    return 0;
}

/* Does the history tell as many layers as the image has? */
static bool history_matches(const struct hf_config *config)
{
    size_t layers = 0;

    for (size_t i = 0; i < config->history_count; i++)
        layers += !config->history[i].empty_layer;
    return layers == config->diff_id_count;
}

static void add_rows(struct history *history)
{
    const struct hf_config *config = &history->config;
    bool matches = history_matches(config);
    size_t layer = 0;

    for (size_t i = 0; i < config->history_count; i++) {
        const struct hf_config_history *step = &config->history[i];
        history->rows[history->row_count++] = (struct hf_history_row){
            .created_ns = hf_time_parse(step->created),
            .created_by = step->created_by,
            .comment = step->comment,
            .empty_layer = step->empty_layer || !matches,
            .size_bytes = matches && !step->empty_layer ? history->layer_sizes[layer++] : 0,
        };
    }
    for (; layer < config->diff_id_count; layer++) {
        history->rows[history->row_count++] = (struct hf_history_row){
            .created_ns = config->created_ns,
            .created_by = "",
            .comment = "",
            .size_bytes = history->layer_sizes[layer],
        };
    }
}

static int read_history(struct hf_store *store, const struct hf_snapshot *snapshot,
                        const struct hf_image *image, struct history *history, struct hf_error *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = hf_blob_read_all(store, &image->id, HF_DOCUMENT_MAX, &data, &len, err);

    if (rc == 0)
        rc = hf_config_parse(data, len, &history->config, err);
    free(data);
    if (rc != 0)
        return rc;
    size_t most = history->config.history_count + history->config.diff_id_count;
    history->layer_sizes = calloc(history->config.diff_id_count + 1, sizeof(*history->layer_sizes));
    history->rows = calloc(most + 1, sizeof(*history->rows));
    if (!history->layer_sizes || !history->rows)
        return hf_fail_memory(err);
    rc = hf_objects_below(snapshot, &image->manifest, see_layer, history, err);
    if (rc == 0)
        add_rows(history);
    return rc;
}

int hf_image_history(struct hf_store *store, const char *reference, const char *platform,
                     hf_history_fn *fn, void *arg, struct hf_error *err)
{
    struct history history = {0};
    struct hf_snapshot *snapshot = NULL;
    struct hf_image image;
    int rc = hf_snapshot_take(store, &snapshot, err);

    if (rc == 0)
        rc = hf_resolve_image(snapshot, reference, platform, &image, err);
    if (rc == 0)
        rc = read_history(store, snapshot, &image, &history, err);
    hf_snapshot_release(snapshot);
    if (rc == 0 && history.row_count > 0)
        history.rows[history.row_count - 1].id = image.id;
    for (size_t i = history.row_count; rc == 0 && i > 0; i--)
        rc = fn(arg, &history.rows[i - 1]);
    history_release(&history);
    return rc;
}
