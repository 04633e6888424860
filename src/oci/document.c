/*
 * oci/document.c - manifests and indexes. Configs: config.c. docker's manifest.json:
 * docker_manifest.c. Bounds: json.c.
 */
#include "oci/document.h"

#include "base/digest.h"
#include "base/error.h"
#include "oci/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOTATION_REF_NAME    "org.opencontainers.image.ref.name"
#define ANNOTATION_IMAGE_NAME  "io.containerd.image.name"
#define ANNOTATION_ATTESTATION "vnd.docker.reference.type"

bool hf_media_is_index(const char *media_type)
{
    return strcmp(media_type, HF_MEDIA_OCI_INDEX) == 0 ||
           strcmp(media_type, HF_MEDIA_DOCKER_LIST) == 0;
}

bool hf_media_is_manifest(const char *media_type)
{
    return strcmp(media_type, HF_MEDIA_OCI_MANIFEST) == 0 ||
           strcmp(media_type, HF_MEDIA_DOCKER_MANIFEST) == 0;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static int parse_platform(const json_t *object, const char *where, struct hf_descriptor *out,
                          struct hf_error *err)
{
    const json_t *platform;
    const char *os, *architecture, *variant;
    char path[128];
    int rc = hf_json_object(object, "platform", where, &platform, err);

    if (rc != 0 || !platform)
        return rc;
    hf_json_path(where, "platform", path);
    rc = hf_json_text(platform, "os", path, &os, err);
    if (rc == 0)
        rc = hf_json_text(platform, "architecture", path, &architecture, err);
    if (rc == 0)
        rc = hf_json_text(platform, "variant", path, &variant, err);
    if (rc == 0)
        hf_platform_join(os, architecture, variant, out->platform);
    return rc;
}

static int parse_annotations(const json_t *object, const char *where, struct hf_descriptor *out,
                             struct hf_error *err)
{
    const json_t *annotations;
    char path[128];
    int rc = hf_json_object(object, "annotations", where, &annotations, err);

    if (rc != 0 || !annotations)
        return rc;
    hf_json_path(where, "annotations", path);
    rc = hf_json_text_copy(annotations, ANNOTATION_REF_NAME, path, out->ref_name,
                           sizeof(out->ref_name), err);
    if (rc == 0)
        rc = hf_json_text_copy(annotations, ANNOTATION_IMAGE_NAME, path, out->image_name,
                               sizeof(out->image_name), err);
    out->is_attestation = strcmp(hf_json_lenient_text(annotations, ANNOTATION_ATTESTATION),
                                 "attestation-manifest") == 0;
    return rc;
}

static int parse_identity(const json_t *object, const char *where, struct hf_descriptor *out,
                          struct hf_error *err)
{
    const char *digest;
    char path[128];
    bool has_size;
    int rc = hf_json_text(object, "digest", where, &digest, err);

    if (rc != 0)
        return rc;
    if (hf_digest_parse(digest, &out->digest, NULL) != 0)
        return hf_fail(err, HF_ERR_INPUT, "%s is not a digest",
                       hf_json_path(where, "digest", path));
    rc = hf_json_size(object, "size", where, &has_size, &out->size_bytes, err);
    if (rc == 0 && !has_size)
        rc = hf_fail(err, HF_ERR_INPUT, "%s is missing", hf_json_path(where, "size", path));
    return rc;
}

int hf_descriptor_parse(const json_t *object, const char *where, struct hf_descriptor *out,
                        struct hf_error *err)
{
    const json_t *urls;

    *out = (struct hf_descriptor){0};
    if (!json_is_object(object))
        return hf_fail(err, HF_ERR_INPUT, "%s is not a descriptor", where);
    int rc = hf_json_text_copy(object, "mediaType", where, out->media_type, sizeof(out->media_type),
                               err);
    if (rc == 0)
        rc = parse_identity(object, where, out, err);
    if (rc == 0)
        rc = parse_platform(object, where, out, err);
    if (rc == 0)
        rc = parse_annotations(object, where, out, err);
    if (rc == 0)
        rc = hf_json_list(object, "urls", where, HF_DOCUMENT_LIST, &urls, err);
    if (rc == 0) {
        const char *url = json_string_value(json_array_get(urls, 0));
        snprintf(out->url, sizeof(out->url), "%s", url ? url : "");
    }
    return rc;
}

static int parse_items(const json_t *list, const char *name, struct hf_document *out,
                       struct hf_error *err)
{
    size_t count = json_array_size(list);
    char where[64];

    if (count == 0)
        return 0;
    out->items = calloc(count, sizeof(*out->items));
    if (!out->items)
        return hf_fail_memory(err);
    out->item_count = count;
    for (size_t i = 0; i < count; i++) {
        snprintf(where, sizeof(where), "%s[%zu]", name, i);
        int rc = hf_descriptor_parse(json_array_get(list, i), where, &out->items[i], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- documents -------------------------------------------------------------------------------- */

static int parse_manifest(const json_t *root, struct hf_document *out, struct hf_error *err)
{
    const json_t *layers, *subject;
    int rc = hf_descriptor_parse(json_object_get(root, "config"), "config", &out->config, err);

    out->kind = HF_DOC_MANIFEST;
    if (rc == 0)
        rc = hf_json_list(root, "layers", "", HF_LAYERS_MAX, &layers, err);
    if (rc == 0)
        rc = parse_items(layers, "layers", out, err);
    if (rc == 0)
        rc = hf_json_object(root, "subject", "", &subject, err);
    if (rc == 0 && subject)
        rc = hf_descriptor_parse(subject, "subject", &out->subject, err);
    return rc;
}

static int parse_index(const json_t *root, struct hf_document *out, struct hf_error *err)
{
    const json_t *manifests;
    int rc = hf_json_list(root, "manifests", "", HF_INDEX_MAX, &manifests, err);

    out->kind = HF_DOC_INDEX;
    if (rc == 0)
        rc = parse_items(manifests, "manifests", out, err);
    return rc;
}

static int check_version(const json_t *root, struct hf_error *err)
{
    bool has;
    uint64_t version;
    int rc = hf_json_size(root, "schemaVersion", "", &has, &version, err);

    if (rc == 0 && has && version != 2)
        rc =
            hf_fail(err, HF_ERR_INPUT, "schemaVersion is %llu, not 2", (unsigned long long)version);
    return rc;
}

/*
 * A document that can be taken for both kinds would be one image to us and another to somebody
 * else.
 */
static int parse_fields(const json_t *root, struct hf_document *out, struct hf_error *err)
{
    bool is_index = json_object_get(root, "manifests") != NULL;
    bool is_manifest = json_object_get(root, "config") || json_object_get(root, "layers");
    int rc = check_version(root, err);

    if (rc == 0)
        rc =
            hf_json_text_copy(root, "mediaType", "", out->media_type, sizeof(out->media_type), err);
    if (rc == 0)
        rc = hf_json_text_copy(root, "artifactType", "", out->artifact_type,
                               sizeof(out->artifact_type), err);
    if (rc != 0)
        return rc;
    if ((is_index && (is_manifest || hf_media_is_manifest(out->media_type))) ||
        (is_manifest && hf_media_is_index(out->media_type)))
        return hf_fail(err, HF_ERR_INPUT, "it is both an index and a manifest");
    if (is_index)
        return parse_index(root, out, err);
    return is_manifest ? parse_manifest(root, out, err) : 0;
}

int hf_document_parse(const void *data, size_t len, struct hf_document *out, struct hf_error *err)
{
    struct hf_document document = {0};
    json_t *root = NULL;
    int rc = hf_json_parse(data, len, &root, err);

    if (rc != 0)
        return rc;
    if (json_is_object(root))
        rc = parse_fields(root, &document, err);
    json_decref(root);
    if (rc != 0) {
        hf_document_release(&document);
        return rc;
    }
    *out = document;
    return 0;
}

void hf_document_release(struct hf_document *document)
{
    free(document->items);
    *document = (struct hf_document){0};
}

/* --- the frozen encoding ---------------------------------------------------------------------- */

static void encode_descriptor(const char *media_type, const struct hf_descriptor *descriptor,
                              struct hf_buf *out)
{
    char digest[HF_DIGEST_TEXT_MAX];

    hf_buf_printf(out, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}", media_type,
                  hf_digest_text(&descriptor->digest, digest),
                  (unsigned long long)descriptor->size_bytes);
}

static void encode_head(const struct hf_descriptor *config, struct hf_buf *out)
{
    hf_buf_put_text(out,
                    "{\"schemaVersion\":2,\"mediaType\":\"" HF_MEDIA_OCI_MANIFEST "\",\"config\":");
    encode_descriptor(HF_MEDIA_OCI_CONFIG, config, out);
    hf_buf_put_text(out, ",\"layers\":[");
}

void hf_manifest_encode_docker(const struct hf_descriptor *config,
                               const struct hf_descriptor *layers, size_t layer_count,
                               struct hf_buf *out)
{
    encode_head(config, out);
    for (size_t i = 0; i < layer_count; i++) {
        if (i > 0)
            hf_buf_put_text(out, ",");
        encode_descriptor(HF_MEDIA_OCI_LAYER, &layers[i], out);
    }
    hf_buf_put_text(out, "]}");
}

void hf_manifest_encode(const struct hf_descriptor *config, const struct hf_descriptor *layers,
                        size_t layer_count, struct hf_buf *out)
{
    encode_head(config, out);
    for (size_t i = 0; i < layer_count; i++) {
        if (i > 0)
            hf_buf_put_text(out, ",");
        encode_descriptor(layers[i].media_type, &layers[i], out);
    }
    hf_buf_put_text(out, "]}");
}
