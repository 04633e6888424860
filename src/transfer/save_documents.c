/* transfer/save_documents.c - the documents that an archive is read by. */
#include "transfer/save_documents.h"

#include "base/error.h"
#include "oci/document.h"
#include "oci/reference.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_NAME "io.containerd.image.name"
#define REF_NAME   "org.opencontainers.image.ref.name"

/* jansson refuses NULL as a value, so that a failed allocation before is seen here too. */
static int put(json_t *object, const char *key, json_t *value, struct hf_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : hf_fail_memory(err);
}

static int append(json_t *array, json_t *value, struct hf_error *err)
{
    return json_array_append_new(array, value) == 0 ? 0 : hf_fail_memory(err);
}

/* A file of the archive; `document` is given back. */
static int add_document(struct hf_save_plan *plan, const char *path, json_t *document,
                        struct hf_error *err)
{
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    struct hf_buf data = {0};
    int rc = text ? 0 : hf_fail_memory(err);

    if (rc == 0) {
        hf_buf_put_text(&data, text);
        rc = hf_save_plan_made(plan, path, &data, err);
    }
    hf_buf_release(&data);
    free(text);
    json_decref(document);
    return rc;
}

/* --- OCI layout ------------------------------------------------------------------------------- */

static json_t *new_descriptor(const char *media_type, const struct hf_digest *digest,
                              uint64_t size_bytes)
{
    char text[HF_DIGEST_TEXT_MAX];

    return json_pack("{s:s,s:s,s:I}", "mediaType", media_type, "digest",
                     hf_digest_text(digest, text), "size", (json_int_t)size_bytes);
}

/* How often is this the tag of a name in the archive? */
static size_t count_tag(const struct hf_save_root *roots, size_t count, const char *tag)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < roots[i].names->count; k++) {
            struct hf_reference parts;
            hf_reference_split(roots[i].names->items[k], &parts);
            found += strcmp(parts.tag, tag) == 0;
        }
    }
    return found;
}

/*
 * containerd reads the whole name, skopeo and umoci the short one. That is the tag, as docker
 * writes it, unless two images would have the same: those tools can't choose between them.
 */
static json_t *new_annotations(const struct hf_save_root *roots, size_t count, const char *name)
{
    struct hf_reference parts;

    hf_reference_split(name, &parts);
    if (parts.tag[0] == '\0')
        return json_pack("{s:s}", IMAGE_NAME, name);
    return json_pack("{s:s,s:s}", IMAGE_NAME, name, REF_NAME,
                     count_tag(roots, count, parts.tag) > 1 ? name : parts.tag);
}

static int add_root(json_t *manifests, const struct hf_save_root *roots, size_t count,
                    const struct hf_save_root *root, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < root->names->count; i++) {
        json_t *descriptor = new_descriptor(root->media_type, &root->digest, root->size_bytes);
        rc = put(descriptor, "annotations", new_annotations(roots, count, root->names->items[i]),
                 err);
        if (rc == 0)
            rc = append(manifests, descriptor, err);
        else
            json_decref(descriptor);
    }
    if (rc == 0 && root->names->count == 0)
        rc = append(manifests, new_descriptor(root->media_type, &root->digest, root->size_bytes),
                    err);
    return rc;
}

int hf_save_layout(struct hf_save_plan *plan, const struct hf_save_root *roots, size_t count,
                   struct hf_error *err)
{
    json_t *index = json_pack("{s:i,s:s}", "schemaVersion", 2, "mediaType", HF_MEDIA_OCI_INDEX);
    json_t *manifests = json_array();
    int rc = put(index, "manifests", manifests, err);

    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_root(manifests, roots, count, &roots[i], err);
    if (rc == 0)
        rc = add_document(plan, "index.json", index, err);
    else
        json_decref(index);
    if (rc == 0)
        rc = add_document(plan, "oci-layout", json_pack("{s:s}", "imageLayoutVersion", "1.0.0"),
                          err);
    return rc;
}

/* --- docker ----------------------------------------------------------------------------------- */

/* null and not [] when there are none: docker <= 24 reads both, but writes this. */
static json_t *new_tags(const struct hf_text_list *names)
{
    json_t *tags = names->count > 0 ? json_array() : json_null();

    for (size_t i = 0; tags && i < names->count; i++) {
        if (json_array_append_new(tags, json_string(names->items[i])) != 0) {
            json_decref(tags);
            return NULL;
        }
    }
    return tags;
}

static int put_layers(json_t *item, const struct hf_save_docker_image *image, bool with_sources,
                      struct hf_error *err)
{
    json_t *layers = json_array();
    int rc = put(item, "Layers", layers, err);
    json_t *sources = NULL;

    for (size_t i = 0; rc == 0 && i < image->layer_count; i++)
        rc = append(layers, json_string(image->layers[i].path), err);
    if (rc == 0 && with_sources && image->layer_count > 0) {
        sources = json_object();
        rc = put(item, "LayerSources", sources, err);
    }
    for (size_t i = 0; rc == 0 && sources && i < image->layer_count; i++) {
        const struct hf_save_layer *layer = &image->layers[i];
        char text[HF_DIGEST_TEXT_MAX];
        rc = put(sources, hf_digest_text(&layer->diff_id, text),
                 new_descriptor(HF_MEDIA_OCI_LAYER, &layer->diff_id, layer->size_bytes), err);
    }
    return rc;
}

static int add_manifest_json(struct hf_save_plan *plan, const struct hf_save_docker_image *images,
                             size_t count, bool with_sources, struct hf_error *err)
{
    json_t *list = json_array();
    int rc = list ? 0 : hf_fail_memory(err);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        json_t *item = json_pack("{s:s}", "Config", images[i].config_path);
        rc = append(list, item, err);
        if (rc == 0)
            rc = put(item, "RepoTags", new_tags(&images[i].names), err);
        if (rc == 0)
            rc = put_layers(item, &images[i], with_sources, err);
    }
    if (rc == 0)
        return add_document(plan, "manifest.json", list, err);
    json_decref(list);
    return rc;
}

static int put_repository(json_t *repositories, const char *name, const struct hf_digest *top,
                          struct hf_error *err)
{
    char repository[HF_REFERENCE_MAX], hex[HF_DIGEST_TEXT_MAX];
    struct hf_reference parts;

    hf_reference_split(name, &parts);
    memcpy(repository, parts.repository, parts.repository_len);
    repository[parts.repository_len] = '\0';
    json_t *tags = json_object_get(repositories, repository);
    if (!tags) {
        tags = json_object();
        int rc = put(repositories, repository, tags, err);
        if (rc != 0)
            return rc;
    }
    return put(tags, parts.tag, json_string(hf_digest_hex(top, hex)), err);
}

/* Nobody since docker 1.10 reads it where manifest.json is; docker writes it all the same. */
static int add_repositories(struct hf_save_plan *plan, const struct hf_save_docker_image *images,
                            size_t count, struct hf_error *err)
{
    json_t *repositories = json_object();
    int rc = repositories ? 0 : hf_fail_memory(err);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct hf_save_docker_image *image = &images[i];
        for (size_t k = 0; rc == 0 && image->layer_count > 0 && k < image->names.count; k++)
            rc = put_repository(repositories, image->names.items[k],
                                &image->layers[image->layer_count - 1].diff_id, err);
    }
    if (rc == 0 && json_object_size(repositories) > 0)
        return add_document(plan, "repositories", repositories, err);
    json_decref(repositories);
    return rc;
}

int hf_save_docker_documents(struct hf_save_plan *plan, const struct hf_save_docker_image *images,
                             size_t count, bool with_sources, struct hf_error *err)
{
    int rc = add_manifest_json(plan, images, count, with_sources, err);

    return rc == 0 ? add_repositories(plan, images, count, err) : rc;
}
