/* transfer/load_oci.c - the images of an OCI layout: index.json, and the indexes it leads to. */
#include "transfer/load_node.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_node(struct hf_load *load, struct hf_load_node *node, struct hf_error *err);

/* --- indexes ---------------------------------------------------------------------------------- */

static int put_absent(struct hf_load *load, const struct hf_descriptor *descriptor,
                      struct hf_error *err)
{
    struct hf_summary summary = {.kind = HF_KIND_MANIFEST};

    if (hf_media_is_index(descriptor->media_type))
        summary.kind = HF_KIND_INDEX;
    else if (descriptor->is_attestation || strcmp(descriptor->platform, HF_NO_PLATFORM) == 0)
        summary.kind = HF_KIND_ARTIFACT;
    snprintf(summary.media_type, sizeof(summary.media_type), "%s", descriptor->media_type);
    snprintf(summary.platform, sizeof(summary.platform), "%s", descriptor->platform);
    return hf_plan_put_absent(&load->plan, &descriptor->digest, descriptor->size_bytes, &summary,
                              err);
}

static bool is_wanted(const struct hf_load *load, const struct hf_descriptor *child)
{
    const char *platform = load->options->platform;

    return !platform || child->platform[0] == '\0' || child->is_attestation ||
           strcmp(child->platform, HF_NO_PLATFORM) == 0 ||
           hf_platform_matches(child->platform, platform);
}

static int take_child(struct hf_load *load, const struct hf_load_node *parent,
                      const struct hf_descriptor *descriptor, size_t i, enum hf_node_kind *out_kind,
                      struct hf_error *err)
{
    struct hf_load_node child = {.descriptor = descriptor,
                                 .depth = parent->depth + 1,
                                 .image = parent->image,
                                 .target = descriptor->digest};
    char digest[HF_DIGEST_TEXT_MAX];

    hf_digest_text(&parent->descriptor->digest, digest);
    snprintf(child.label, sizeof(child.label), "%.19s… manifests[%zu]", digest, i);
    int rc = is_wanted(load, descriptor) ? take_node(load, &child, err) : 0;
    if (rc == 0 && child.kind == HF_NODE_ABSENT)
        rc = put_absent(load, descriptor, err);
    *out_kind = child.kind;
    return rc;
}

static int nothing_present(struct hf_load *load, struct hf_load_node *node, struct hf_error *err)
{
    node->kind = HF_NODE_ABSENT;
    if (node->depth > 0)
        return 0;
    if (load->options->platform)
        return hf_fail(err, HF_ERR_NOT_FOUND, "%s: it has no image for %s in the archive",
                       node->label, load->options->platform);
    return hf_fail(err, HF_ERR_INPUT, "%s: none of its platforms is in the archive", node->label);
}

static int take_index(struct hf_load *load, struct hf_load_node *node, struct hf_member *member,
                      const struct hf_document *document, struct hf_error *err)
{
    struct hf_summary summary = {.kind = HF_KIND_INDEX};
    struct hf_digest *refs = calloc(document->item_count + 1, sizeof(*refs));
    size_t images = 0;
    int rc = refs ? 0 : hf_fail_memory(err);

    for (size_t i = 0; rc == 0 && i < document->item_count; i++) {
        enum hf_node_kind kind = HF_NODE_ABSENT;
        rc = take_child(load, node, &document->items[i], i, &kind, err);
        refs[i] = document->items[i].digest;
        images += kind == HF_NODE_IMAGE || kind == HF_NODE_INDEX;
    }
    snprintf(summary.media_type, sizeof(summary.media_type), "%s",
             document->media_type[0] ? document->media_type : HF_MEDIA_OCI_INDEX);
    if (rc == 0 && images == 0) {
        rc = nothing_present(load, node, err);
    } else if (rc == 0) {
        node->kind = HF_NODE_INDEX;
        rc = hf_load_settle(load, member, err);
        if (rc == 0)
            rc = hf_plan_put(&load->plan, &member->digest, member->size_bytes, &summary, refs,
                             document->item_count, err);
    }
    free(refs);
    return rc;
}

/* ---------------------------------------------------------------------------------------------- */

static int parse(void *out, const void *data, size_t len, struct hf_error *err)
{
    return hf_document_parse(data, len, out, err);
}

static int take_node(struct hf_load *load, struct hf_load_node *node, struct hf_error *err)
{
    struct hf_document document = {0};
    struct hf_member *member = NULL;
    int rc = hf_load_find_part(load, node, node->descriptor, &member, err);

    node->kind = HF_NODE_ABSENT;
    if (rc == 0 && !member)
        return node->depth > 0 ? 0 : hf_load_missing(node, node->descriptor, "manifest", err);
    if (rc == 0 && node->depth > HF_LOAD_INDEX_DEPTH)
        rc = hf_fail(err, HF_ERR_LIMIT, "%s: indexes are nested more than %d deep", node->label,
                     HF_LOAD_INDEX_DEPTH);
    if (rc == 0)
        rc = hf_load_document(load, member, parse, &document, err);
    if (rc != 0)
        return rc;
    if (document.kind == HF_DOC_MANIFEST)
        rc = hf_load_take_manifest(load, node, member, &document, err);
    else if (document.kind == HF_DOC_INDEX)
        rc = take_index(load, node, member, &document, err);
    else
        rc = hf_fail(err, HF_ERR_INPUT, "%s: it is neither a manifest nor an index", member->path);
    hf_document_release(&document);
    return rc;
}

static int name_image(struct hf_load_image *image, const struct hf_descriptor *descriptor,
                      const char *label, struct hf_error *err)
{
    const char *name =
        descriptor->image_name[0] != '\0' ? descriptor->image_name : descriptor->ref_name;

    if (name[0] == '\0')
        return 0;
    int rc = hf_load_add_name(image, name, err);
    return rc == 0 ? 0 : hf_fail_prefix(err, rc, "%s", label);
}

/* A descriptor of index.json. Several may name one target. */
static int take_root(struct hf_load *load, const struct hf_descriptor *descriptor,
                     const char *label, struct hf_error *err)
{
    struct hf_load_node node = {.descriptor = descriptor, .target = descriptor->digest};
    int rc = hf_load_image_for(load, &descriptor->digest, label, &node.image, err);

    if (rc != 0)
        return rc;
    rc = name_image(&load->images[node.image], descriptor, label, err);
    if (rc != 0 || load->images[node.image].is_done)
        return rc;
    snprintf(node.label, sizeof(node.label), "%s", label);
    rc = take_node(load, &node, err);
    load->images[node.image].target = node.target;
    load->images[node.image].is_done = true;
    return rc;
}

/* Artifacts that nothing holds but their subject, which may be in the store already. */
static int attach_artifacts(struct hf_load *load, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < load->image_count; i++) {
        struct hf_load_image *image = &load->images[i];
        if (!hf_digest_is_set(&image->subject))
            continue;
        int there = hf_plan_find(&load->plan, &image->subject)
                        ? 0
                        : hf_txn_claim(load->txn, &image->subject, NULL, err);
        image->is_kept = there == 0;
        if (there == 0)
            rc = hf_plan_attach(&load->plan, &image->subject, &image->target, err);
        else if (there != HF_ERR_NOT_FOUND)
            rc = there;
    }
    return rc;
}

int hf_load_oci_index(struct hf_load *load, struct hf_member *index, struct hf_error *err)
{
    struct hf_document document = {0};
    char label[96];
    int rc = hf_load_document(load, index, parse, &document, err);

    if (rc == 0 && document.kind != HF_DOC_INDEX)
        rc = hf_fail(err, HF_ERR_INPUT, "%s: it is no index", index->path);
    for (size_t i = 0; rc == 0 && i < document.item_count; i++) {
        snprintf(label, sizeof(label), "index.json manifests[%zu]", i);
        rc = take_root(load, &document.items[i], label, err);
    }
    if (rc == 0)
        rc = attach_artifacts(load, err);
    hf_document_release(&document);
    return rc;
}

int hf_load_oci_single(struct hf_load *load, struct hf_member *manifest, struct hf_error *err)
{
    struct hf_descriptor descriptor = {0};
    int rc = hf_load_fetch(load, manifest, err);

    descriptor.digest = manifest->digest;
    descriptor.size_bytes = manifest->size_bytes;
    return rc == 0 ? take_root(load, &descriptor, manifest->path, err) : rc;
}
