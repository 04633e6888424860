/* oci/config.c - image configs: what choosing, listing and checking need of them. */
#include "oci/document.h"

#include "base/error.h"
#include "oci/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_diff_ids(const json_t *rootfs, struct hf_config *out, struct hf_error *err)
{
    const json_t *list;
    int rc = hf_json_list(rootfs, "diff_ids", "rootfs", HF_LAYERS_MAX, &list, err);
    size_t count = rc == 0 ? json_array_size(list) : 0;

    if (count == 0)
        return rc;
    out->diff_ids = calloc(count, sizeof(*out->diff_ids));
    if (!out->diff_ids)
        return hf_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || hf_digest_parse(text, &out->diff_ids[i], NULL) != 0)
            return hf_fail(err, HF_ERR_INPUT, "rootfs.diff_ids[%zu] is not a digest", i);
    }
    out->diff_id_count = count;
    return 0;
}

/* History is only shown, never checked: what is odd in it is left out. */
static int parse_history(const json_t *root, struct hf_config *out, struct hf_error *err)
{
    const json_t *list = json_object_get(root, "history");
    size_t count = json_array_size(list);

    if (count == 0)
        return 0;
    if (count > HF_DOCUMENT_LIST)
        return hf_fail(err, HF_ERR_LIMIT, "history has more than %u elements", HF_DOCUMENT_LIST);
    out->history = calloc(count, sizeof(*out->history));
    if (!out->history)
        return hf_fail_memory(err);
    out->history_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(list, i);
        out->history[i] = (struct hf_config_history){
            .created = hf_json_lenient_text(row, "created"),
            .created_by = hf_json_lenient_text(row, "created_by"),
            .comment = hf_json_lenient_text(row, "comment"),
            .empty_layer = json_is_true(json_object_get(row, "empty_layer")),
        };
    }
    return 0;
}

static int parse_image(const json_t *root, const json_t *rootfs, struct hf_config *out,
                       struct hf_error *err)
{
    const char *created, *os, *architecture, *variant;
    int rc = hf_json_text(root, "created", "", &created, err);

    if (rc == 0)
        rc = hf_json_text(root, "os", "", &os, err);
    if (rc == 0)
        rc = hf_json_text(root, "architecture", "", &architecture, err);
    if (rc == 0)
        rc = hf_json_text(root, "variant", "", &variant, err);
    if (rc == 0)
        rc = parse_diff_ids(rootfs, out, err);
    if (rc == 0)
        rc = parse_history(root, out, err);
    if (rc != 0)
        return rc;
    out->created_ns = hf_time_parse(created);
    hf_platform_join(os, architecture, variant, out->platform);
    out->is_image = true;
    return 0;
}

int hf_config_parse(const void *data, size_t len, struct hf_config *out, struct hf_error *err)
{
    struct hf_config config = {0};
    json_t *root = NULL;
    int rc = hf_json_parse(data, len, &root, err);

    if (rc != 0)
        return rc;
    config.json = root;
    const json_t *rootfs = json_object_get(root, "rootfs");
    if (strcmp(hf_json_lenient_text(rootfs, "type"), "layers") == 0)
        rc = parse_image(root, rootfs, &config, err);
    if (rc != 0) {
        hf_config_release(&config);
        return rc;
    }
    *out = config;
    return 0;
}

void hf_config_release(struct hf_config *config)
{
    json_decref(config->json);
    free(config->diff_ids);
    free(config->history);
    *config = (struct hf_config){0};
}

const char *hf_config_label(const struct hf_config *config, const char *key)
{
    const json_t *labels = json_object_get(json_object_get(config->json, "config"), "Labels");

    return json_string_value(json_object_get(labels, key));
}
