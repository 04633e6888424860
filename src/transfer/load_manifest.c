/*
 * transfer/load_manifest.c - one manifest of an OCI layout: found, judged (image or artifact),
 * checked, planned.
 */
#include "transfer/load_node.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of a manifest: its descriptor, and where its bytes are (NULL: not in the archive). */
struct parts {
    struct hf_member *config;
    struct hf_member **layers;
    struct hf_digest *refs; /* config and layers */
    size_t layer_count;
};

static void release_parts(struct parts *parts)
{
    free(parts->layers);
    free(parts->refs);
}

int hf_load_missing(const struct hf_load_node *node, const struct hf_descriptor *part,
                    const char *what, struct hf_error *err)
{
    char digest[HF_DIGEST_TEXT_MAX];

    hf_digest_text(&part->digest, digest);
    if (part->url[0] != '\0')
        return hf_fail(err, HF_ERR_INPUT,
                       "%s: %s %s is foreign and not in the archive; it is to be had from %s",
                       node->label, what, digest, part->url);
    return hf_fail(err, HF_ERR_INPUT, "%s: %s %s is not in the archive", node->label, what, digest);
}

/* Where a part's bytes are; a size that differs is an error, a missing one is not. */
int hf_load_find_part(struct hf_load *load, const struct hf_load_node *node,
                      const struct hf_descriptor *part, struct hf_member **out,
                      struct hf_error *err)
{
    char digest[HF_DIGEST_TEXT_MAX];
    struct hf_member *member = hf_members_find(&load->members, &part->digest);
    int rc = member ? hf_load_fetch(load, member, err) : 0;

    if (rc == 0 && member && member->size_bytes != part->size_bytes)
        rc = hf_fail(err, HF_ERR_INPUT, "%s: %s has %llu bytes, its descriptor says %llu",
                     node->label, hf_digest_text(&part->digest, digest),
                     (unsigned long long)member->size_bytes, (unsigned long long)part->size_bytes);
    if (rc == 0)
        *out = member;
    return rc;
}

static int find_parts(struct hf_load *load, const struct hf_load_node *node,
                      const struct hf_document *document, struct parts *out, struct hf_error *err)
{
    size_t count = document->item_count;

    out->layers = calloc(count + 1, sizeof(struct hf_member *));
    out->refs = calloc(count + 1, sizeof(*out->refs));
    out->layer_count = count;
    if (!out->layers || !out->refs)
        return hf_fail_memory(err);
    out->refs[0] = document->config.digest;
    int rc = hf_load_find_part(load, node, &document->config, &out->config, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        out->refs[i + 1] = document->items[i].digest;
        rc = hf_load_find_part(load, node, &document->items[i], &out->layers[i], err);
    }
    return rc;
}

/* 0 when all are there; else what is missing, as an error. */
static int check_whole(const struct hf_load_node *node, const struct hf_document *document,
                       const struct parts *parts, struct hf_error *err)
{
    if (!parts->config)
        return hf_load_missing(node, &document->config, "config", err);
    for (size_t i = 0; i < parts->layer_count; i++)
        if (!parts->layers[i])
            return hf_load_missing(node, &document->items[i], "layer", err);
    return 0;
}

/* --- artifacts -------------------------------------------------------------------------------- */

static int put_blob(struct hf_load *load, struct hf_member *member,
                    const struct hf_descriptor *descriptor, struct hf_error *err)
{
    struct hf_summary summary = {.kind = HF_KIND_OTHER};
    int rc = hf_load_settle(load, member, err);

    snprintf(summary.media_type, sizeof(summary.media_type), "%s", descriptor->media_type);
    return rc == 0 ? hf_plan_put(&load->plan, &member->digest, member->size_bytes, &summary, NULL,
                                 0, err)
                   : rc;
}

static void fill_artifact(const struct hf_document *document, struct hf_summary *out)
{
    const char *type =
        document->artifact_type[0] ? document->artifact_type : document->config.media_type;

    out->kind = HF_KIND_ARTIFACT;
    out->subject = document->subject.digest;
    snprintf(out->artifact_type, sizeof(out->artifact_type), "%s", type);
}

static int take_artifact(struct hf_load *load, struct hf_load_node *node,
                         const struct hf_document *document, const struct parts *parts,
                         struct hf_summary *summary, struct hf_error *err)
{
    int rc = put_blob(load, parts->config, &document->config, err);

    for (size_t i = 0; rc == 0 && i < parts->layer_count; i++)
        rc = put_blob(load, parts->layers[i], &document->items[i], err);
    fill_artifact(document, summary);
    node->kind = HF_NODE_ARTIFACT;
    if (node->depth == 0)
        load->images[node->image].subject = document->subject.digest;
    return rc;
}

/* --- images ----------------------------------------------------------------------------------- */

/*
 * Archives of docker 25.0 list layers in the wrong order in one of their two documents. If
 * manifest.json has the same config and is right, its image is taken.
 */
static int take_dockers_instead(struct hf_load *load, struct hf_load_node *node,
                                const struct hf_digest *config, int rc, struct hf_error *err)
{
    if (node->depth > 0 || (rc != HF_ERR_DIGEST && rc != HF_ERR_INPUT))
        return rc;
    int made = hf_load_docker_make(load, config, &node->target, NULL);
    if (made != 0)
        return rc;
    hf_events_warn(&load->options->observer,
                   "%s: its layers do not fit its config; those of manifest.json are used",
                   node->label);
    node->kind = HF_NODE_IMAGE;
    return hf_load_remember(load, config, &node->target, node->image, err);
}

static int take_image(struct hf_load *load, struct hf_load_node *node,
                      const struct hf_document *document, const struct hf_config *config,
                      const struct parts *parts, struct hf_summary *summary, struct hf_error *err)
{
    const struct hf_digest *id = &parts->config->digest;
    int rc = hf_load_check_layers(load, config, parts->layers, parts->layer_count, err);

    if (rc != 0) {
        hf_fail_prefix(err, rc, "%s", node->label);
        return take_dockers_instead(load, node, id, rc, err);
    }
    for (size_t i = 0; rc == 0 && i < parts->layer_count; i++)
        rc = hf_load_put_layer(load, parts->layers[i], document->items[i].media_type, false, err);
    if (rc == 0)
        rc = hf_load_put_config(load, parts->config, document->config.media_type, err);
    hf_load_fill_manifest(summary, config, id, parts->layers, parts->layer_count);
    node->kind = HF_NODE_IMAGE;
    return rc == 0 ? hf_load_remember(load, id, &node->target, node->image, err) : rc;
}

/* --- manifests -------------------------------------------------------------------------------- */

static bool is_image(const struct hf_load_node *node, const struct hf_config *config)
{
    return config->is_image && !node->descriptor->is_attestation &&
           strcmp(config->platform, HF_NO_PLATFORM) != 0;
}

static int parse_config(void *out, const void *data, size_t len, struct hf_error *err)
{
    return hf_config_parse(data, len, out, err);
}

static int parse_artifact_config(void *out, const void *data, size_t len, struct hf_error *err)
{
    int rc = hf_config_parse(data, len, out, err);

    return rc == HF_ERR_INPUT ? 0 : rc;
}

/* A config that is no JSON belongs to an artifact, unless it is called an image's. */
static int read_config(struct hf_load *load, const struct hf_document *document,
                       struct hf_member *member, struct hf_config *out, struct hf_error *err)
{
    bool is_named_image = strcmp(document->config.media_type, HF_MEDIA_OCI_CONFIG) == 0 ||
                          strcmp(document->config.media_type, HF_MEDIA_DOCKER_CONFIG) == 0;

    if (!is_named_image && member->size_bytes > HF_DOCUMENT_MAX)
        return 0;
    return hf_load_document(load, member, is_named_image ? parse_config : parse_artifact_config,
                            out, err);
}

static int leave_out_platform(struct hf_load *load, struct hf_load_node *node, const char *platform,
                              struct hf_error *err)
{
    node->kind = HF_NODE_ABSENT;
    if (node->depth > 0)
        return 0;
    return hf_fail(err, HF_ERR_NOT_FOUND, "%s: it is for %s, not for %s", node->label,
                   platform[0] ? platform : "no platform", load->options->platform);
}

static int take_whole_manifest(struct hf_load *load, struct hf_load_node *node,
                               struct hf_member *member, const struct hf_document *document,
                               const struct parts *parts, struct hf_error *err)
{
    const char *platform = load->options->platform;
    struct hf_summary summary = {0};
    struct hf_config config = {0};
    int rc = read_config(load, document, parts->config, &config, err);

    snprintf(summary.media_type, sizeof(summary.media_type), "%s",
             document->media_type[0] ? document->media_type : HF_MEDIA_OCI_MANIFEST);
    if (rc == 0 && !is_image(node, &config))
        rc = take_artifact(load, node, document, parts, &summary, err);
    else if (rc == 0 && platform && !hf_platform_matches(config.platform, platform))
        rc = leave_out_platform(load, node, config.platform, err);
    else if (rc == 0)
        rc = take_image(load, node, document, &config, parts, &summary, err);
    hf_config_release(&config);
    bool is_replaced = hf_digest_compare(&node->target, &node->descriptor->digest) != 0;
    if (rc != 0 || node->kind == HF_NODE_ABSENT || is_replaced)
        return rc;
    rc = hf_load_settle(load, member, err);
    if (rc == 0)
        rc = hf_plan_put(&load->plan, &member->digest, member->size_bytes, &summary, parts->refs,
                         parts->layer_count + 1, err);
    return rc;
}

int hf_load_take_manifest(struct hf_load *load, struct hf_load_node *node, struct hf_member *member,
                          const struct hf_document *document, struct hf_error *err)
{
    struct parts parts = {0};
    struct hf_error why = {0};
    int rc = find_parts(load, node, document, &parts, err);
    int whole = rc == 0 ? check_whole(node, document, &parts, &why) : 0;

    if (rc == 0 && whole == 0) {
        rc = take_whole_manifest(load, node, member, document, &parts, err);
    } else if (rc == 0 && node->depth == 0) {
        rc = whole;
        if (err)
            *err = why;
    } else if (rc == 0 && !node->descriptor->is_attestation) {
        hf_events_warn(&load->options->observer, "%s; this platform (%s) is left out", why.message,
                       node->descriptor->platform);
    }
    release_parts(&parts);
    return rc;
}
