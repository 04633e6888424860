/* oci/docker_manifest.c - manifest.json of "docker save", version 1.2 (a list of images). */
#include "oci/document.h"

#include "base/error.h"
#include "oci/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_texts(const json_t *object, const char *key, const char *where, size_t max,
                       char ***out, size_t *out_count, struct hf_error *err)
{
    const json_t *list;
    char path[128];
    int rc = hf_json_list(object, key, where, max, &list, err);
    size_t count = rc == 0 ? json_array_size(list) : 0;

    if (count == 0)
        return rc;
    *out = calloc(count, sizeof(**out));
    if (!*out)
        return hf_fail_memory(err);
    *out_count = count;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text)
            return hf_fail(err, HF_ERR_INPUT, "%s[%zu] is not a text",
                           hf_json_path(where, key, path), i);
        (*out)[i] = strdup(text);
        if (!(*out)[i])
            return hf_fail_memory(err);
    }
    return 0;
}

/* Where foreign layers are to be had. The keys are diff IDs. */
static int parse_sources(const json_t *object, const char *where, struct hf_docker_image *out,
                         struct hf_error *err)
{
    const json_t *sources;
    const char *key;
    json_t *value;
    char path[128];
    int rc = hf_json_object(object, "LayerSources", where, &sources, err);
    size_t count = rc == 0 ? json_object_size(sources) : 0;

    if (count == 0)
        return rc;
    if (count > HF_LAYERS_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "%s.LayerSources has more than %u elements", where,
                       HF_LAYERS_MAX);
    out->sources = calloc(count, sizeof(*out->sources));
    if (!out->sources)
        return hf_fail_memory(err);
    json_object_foreach((json_t *)sources, key, value)
    {
        struct hf_docker_source *source = &out->sources[out->source_count];
        const char *url = json_string_value(json_array_get(json_object_get(value, "urls"), 0));
        if (hf_digest_parse(key, &source->diff_id, NULL) != 0)
            return hf_fail(err, HF_ERR_INPUT, "a key of %s is not a digest",
                           hf_json_path(where, "LayerSources", path));
        snprintf(source->url, sizeof(source->url), "%s", url ? url : "");
        out->source_count++;
    }
    return 0;
}

static int parse_image(const json_t *object, size_t i, struct hf_docker_image *out,
                       struct hf_error *err)
{
    const char *config;
    char where[32];

    snprintf(where, sizeof(where), "[%zu]", i);
    if (!json_is_object(object))
        return hf_fail(err, HF_ERR_INPUT, "%s is not an object", where);
    int rc = hf_json_text(object, "Config", where, &config, err);
    if (rc != 0)
        return rc;
    if (config[0] == '\0')
        return hf_fail(err, HF_ERR_INPUT, "%s.Config is missing", where);
    out->config = strdup(config);
    if (!out->config)
        return hf_fail_memory(err);
    rc = parse_texts(object, "RepoTags", where, HF_DOCUMENT_LIST, &out->repo_tags,
                     &out->repo_tag_count, err);
    if (rc == 0)
        rc = parse_texts(object, "Layers", where, HF_LAYERS_MAX, &out->layers, &out->layer_count,
                         err);
    if (rc == 0)
        rc = parse_sources(object, where, out, err);
    return rc;
}

static int parse_images(const json_t *root, struct hf_docker_manifest *out, struct hf_error *err)
{
    size_t count = json_array_size(root);

    if (!json_is_array(root))
        return hf_fail(err, HF_ERR_INPUT, "it is not a list of images");
    if (count > HF_DOCUMENT_LIST)
        return hf_fail(err, HF_ERR_LIMIT, "it lists more than %u images", HF_DOCUMENT_LIST);
    out->images = calloc(count > 0 ? count : 1, sizeof(*out->images));
    if (!out->images)
        return hf_fail_memory(err);
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        int rc = parse_image(json_array_get(root, i), i, &out->images[i], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int hf_docker_manifest_parse(const void *data, size_t len, struct hf_docker_manifest *out,
                             struct hf_error *err)
{
    struct hf_docker_manifest manifest = {0};
    json_t *root = NULL;
    int rc = hf_json_parse(data, len, &root, err);

    if (rc != 0)
        return rc;
    rc = parse_images(root, &manifest, err);
    json_decref(root);
    if (rc != 0) {
        hf_docker_manifest_release(&manifest);
        return rc;
    }
    *out = manifest;
    return 0;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void hf_docker_manifest_release(struct hf_docker_manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        struct hf_docker_image *image = &manifest->images[i];
        free(image->config);
        free_texts(image->repo_tags, image->repo_tag_count);
        free_texts(image->layers, image->layer_count);
        free(image->sources);
    }
    free(manifest->images);
    *manifest = (struct hf_docker_manifest){0};
}
