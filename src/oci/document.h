/*
 * oci/document.h - the JSON documents of images, parsed with bounds: OCI and docker manifests and
 * indexes, configs, and docker's manifest.json.
 *
 * Input is untrusted: a document has at most HF_DOCUMENT_MAX bytes and HF_DOCUMENT_DEPTH levels,
 * lists at most HF_DOCUMENT_LIST elements (an index HF_INDEX_MAX, layers HF_LAYERS_MAX). What a
 * document says is INPUT when it is not of its form; the message names the field ("config.digest is
 * not a digest").
 *
 * Source: OCI image specification 1.1 (descriptor, manifest, index, config, layout); docker's
 * schema 2 and "docker save" v1.2 manifest.json.
 */
#ifndef HF_OCI_DOCUMENT_H
#define HF_OCI_DOCUMENT_H

#include <holdfast/digest.h>
#include <holdfast/image.h>

#include "base/buf.h"

#define HF_DOCUMENT_MAX   (8u * 1024u * 1024u)
#define HF_DOCUMENT_DEPTH 64
#define HF_DOCUMENT_LIST  65536u
#define HF_LAYERS_MAX     4096u
#define HF_INDEX_MAX      16384u

#define HF_MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define HF_MEDIA_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define HF_MEDIA_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define HF_MEDIA_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define HF_MEDIA_OCI_LAYER_GZIP  "application/vnd.oci.image.layer.v1.tar+gzip"
#define HF_MEDIA_OCI_LAYER_ZSTD  "application/vnd.oci.image.layer.v1.tar+zstd"
#define HF_MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define HF_MEDIA_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define HF_MEDIA_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define HF_MEDIA_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar.gzip"

struct hf_descriptor {
    char media_type[128];
    struct hf_digest digest;
    uint64_t size_bytes;
    char platform[64];                 /* "linux/amd64", "unknown/unknown"; "" when none is told */
    char ref_name[HF_REFERENCE_MAX];   /* annotation org.opencontainers.image.ref.name */
    char image_name[HF_REFERENCE_MAX]; /* annotation io.containerd.image.name */
    char url[512];                     /* first of `urls`: where a foreign layer is to be had */
    bool is_attestation; /* annotation vnd.docker.reference.type = attestation-manifest */
};

enum hf_document_kind { HF_DOC_UNKNOWN, HF_DOC_MANIFEST, HF_DOC_INDEX };

/* A manifest or an index; which one is told by its fields, not by labels. */
struct hf_document {
    enum hf_document_kind kind;
    char media_type[128]; /* "" when the document tells none */
    char artifact_type[128];
    struct hf_descriptor config;  /* MANIFEST */
    struct hf_descriptor subject; /* digest unset when none */
    struct hf_descriptor *items;  /* MANIFEST: layers in order; INDEX: manifests */
    size_t item_count;
};
HF_MUST_USE int hf_document_parse(const void *data, size_t len, struct hf_document *out,
                                  struct hf_error *err);
void hf_document_release(struct hf_document *document);
bool hf_media_is_index(const char *media_type);
bool hf_media_is_manifest(const char *media_type);

/* One of history[]. Borrowed from the config. */
struct hf_config_history {
    const char *created; /* RFC 3339, or "" */
    const char *created_by;
    const char *comment;
    bool empty_layer;
};

struct hf_config {
    void *json;    /* the whole document, for who prints it (jansson; see document.c) */
    bool is_image; /* it has a rootfs of type "layers" */
    uint64_t created_ns;
    char platform[64];
    struct hf_digest *diff_ids;
    size_t diff_id_count;
    struct hf_config_history *history;
    size_t history_count;
};
/* JSON that is no image config (an artifact's) is fine: is_image is false then. */
HF_MUST_USE int hf_config_parse(const void *data, size_t len, struct hf_config *out,
                                struct hf_error *err);
void hf_config_release(struct hf_config *config);
/* Value of a label, NULL when it has none. Borrowed. */
const char *hf_config_label(const struct hf_config *config, const char *key);

/* LayerSources of docker's manifest.json: where a layer that is not in the archive is to be had. */
struct hf_docker_source {
    struct hf_digest diff_id;
    char url[512];
};

/* One image of docker's manifest.json. */
struct hf_docker_image {
    char *config; /* path of the config in the archive */
    char **repo_tags;
    size_t repo_tag_count;
    char **layers; /* paths */
    size_t layer_count;
    struct hf_docker_source *sources;
    size_t source_count;
};
struct hf_docker_manifest {
    struct hf_docker_image *images;
    size_t count;
};
HF_MUST_USE int hf_docker_manifest_parse(const void *data, size_t len,
                                         struct hf_docker_manifest *out, struct hf_error *err);
void hf_docker_manifest_release(struct hf_docker_manifest *manifest);

/* RFC 3339 ("2024-05-01T10:00:00.123456789Z", offsets too) to nanoseconds since 1970; 0 if it is
 * none or lies before 1970. */
uint64_t hf_time_parse(const char *text);
/* And back, in UTC, as docker prints it (no trailing zeros in the fraction). */
void hf_time_text(uint64_t time_ns, char text[40]);
/* This machine's platform, "linux/amd64". */
const char *hf_platform_here(void);
/* "os/architecture[/variant]" into `platform`; "" when neither os nor architecture is told. */
void hf_platform_join(const char *os, const char *architecture, const char *variant,
                      char platform[64]);
/* What an image is made for, as it was asked for: nothing is added to it. */
struct hf_platform_parts {
    char os[64], architecture[64], variant[64]; /* variant "": none */
};
/* USAGE unless it is "os/architecture[/variant]". */
HF_MUST_USE int hf_platform_parse(const char *text, struct hf_platform_parts *out,
                                  struct hf_error *err);
/* Does `have` ("linux/arm64/v8") satisfy `want` ("linux/arm64", "arm64")? */
bool hf_platform_matches(const char *have, const char *want);

/*
 * The manifest that docker >= 25 writes for an image whose config and plain layers are given: the
 * frozen encoding, byte for byte (OCI media types, docker's config bytes, plain tar layers).
 */
void hf_manifest_encode_docker(const struct hf_descriptor *config,
                               const struct hf_descriptor *layers, size_t layer_count,
                               struct hf_buf *out);
/* The same with each layer under the media type of its descriptor, for images that have compressed
 * layers. Media types are written as they are: they must need no escaping. */
void hf_manifest_encode(const struct hf_descriptor *config, const struct hf_descriptor *layers,
                        size_t layer_count, struct hf_buf *out);

#endif
