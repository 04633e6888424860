/* transfer/load_image.c - what index.json and manifest.json have in common: images and their parts.
 */
#include "transfer/load.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"
#include "oci/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- images ----------------------------------------------------------------------------------- */

int hf_load_image_for(struct hf_load *load, const struct hf_digest *target, const char *label,
                      size_t *out, struct hf_error *err)
{
    if (hf_digest_map_get(&load->image_of, target, out))
        return 0;
    int rc = hf_array_grow(&load->images, &load->image_capacity, load->image_count,
                           sizeof(*load->images), err);
    if (rc == 0)
        rc = hf_digest_map_put(&load->image_of, target, load->image_count, err);
    if (rc != 0)
        return rc;
    struct hf_load_image *image = &load->images[load->image_count];
    *image = (struct hf_load_image){.target = *target};
    snprintf(image->label, sizeof(image->label), "%s", label);
    *out = load->image_count++;
    return 0;
}

int hf_load_remember(struct hf_load *load, const struct hf_digest *config,
                     const struct hf_digest *manifest, size_t image, struct hf_error *err)
{
    size_t next = HF_LOAD_NONE;
    int rc = hf_array_grow(&load->manifests, &load->manifest_capacity, load->manifest_count,
                           sizeof(*load->manifests), err);

    (void)hf_digest_map_get(&load->manifest_of, config, &next);
    if (rc == 0)
        rc = hf_digest_map_put(&load->manifest_of, config, load->manifest_count, err);
    if (rc != 0)
        return rc;
    load->manifests[load->manifest_count++] =
        (struct hf_load_manifest){*config, *manifest, image, next};
    if (!hf_digest_is_set(&load->images[image].id))
        load->images[image].id = *config;
    return 0;
}

static int add_full_name(struct hf_load_image *image, const char *name, struct hf_error *err)
{
    char full[HF_REFERENCE_MAX];
    struct hf_reference parts;
    struct hf_digest digest;
    int rc = hf_reference_normalize(name, full, err);

    if (rc != 0) {
        if (err)
            err->code = HF_ERR_INPUT; /* the archive's mistake, not the caller's */
        return HF_ERR_INPUT;
    }
    hf_reference_split(full, &parts);
    if (parts.digest[0] != '\0' && (hf_digest_parse(parts.digest, &digest, NULL) != 0 ||
                                    hf_digest_compare(&digest, &image->target) != 0))
        return hf_fail(err, HF_ERR_INPUT, "\"%.200s\" has the digest of another image", name);
    if (hf_text_list_has(&image->names, full))
        return 0;
    return hf_text_list_add(&image->names, full, err);
}

int hf_load_add_name(struct hf_load_image *image, const char *name, struct hf_error *err)
{
    if (strpbrk(name, ":/@"))
        return add_full_name(image, name, err);
    if (hf_text_list_has(&image->tags, name))
        return 0;
    return hf_text_list_add(&image->tags, name, err);
}

/* --- parts of an image ------------------------------------------------------------------------ */

static int check_layer(struct hf_load *load, const struct hf_digest *diff_id, size_t i,
                       struct hf_member *layer, struct hf_error *err)
{
    char actual[HF_DIGEST_TEXT_MAX], expected[HF_DIGEST_TEXT_MAX];

    if (diff_id->algorithm != HF_DIGEST_SHA256)
        return hf_fail(err, HF_ERR_UNSUPPORTED, "diff ID %zu is a %s digest", i,
                       hf_digest_algorithm_name(diff_id->algorithm));
    int rc = hf_load_measure(load, layer, err);
    if (rc == 0 && hf_digest_compare(&layer->plain.diff_id, diff_id) != 0)
        rc = hf_fail(err, HF_ERR_DIGEST, "%s: layer %zu unpacks to %s, its diff ID is %s",
                     layer->path, i, hf_digest_text(&layer->plain.diff_id, actual),
                     hf_digest_text(diff_id, expected));
    return rc;
}

int hf_load_check_layers(struct hf_load *load, const struct hf_config *config,
                         struct hf_member *const *layers, size_t layer_count, struct hf_error *err)
{
    int rc = 0;

    if (config->diff_id_count != layer_count)
        return hf_fail(err, HF_ERR_INPUT, "there are %zu layers, the config lists %zu diff IDs",
                       layer_count, config->diff_id_count);
    for (size_t i = 0; rc == 0 && i < layer_count; i++)
        rc = check_layer(load, &config->diff_ids[i], i, layers[i], err);
    return rc;
}

int hf_load_put_config(struct hf_load *load, struct hf_member *member, const char *media_type,
                       struct hf_error *err)
{
    struct hf_summary summary = {.kind = HF_KIND_CONFIG};
    int rc = hf_load_settle(load, member, err);

    snprintf(summary.media_type, sizeof(summary.media_type), "%s", media_type);
    return rc == 0 ? hf_plan_put(&load->plan, &member->digest, member->size_bytes, &summary, NULL,
                                 0, err)
                   : rc;
}

/* As a member, so that it goes the way of one that was read. */
int hf_load_put_made_config(struct hf_load *load, char *text, struct hf_config *out,
                            struct hf_digest *out_id, struct hf_error *err)
{
    struct hf_member member = {.path = (char *)"the config", .place = HF_MEMBER_MEMORY};

    member.data = (uint8_t *)text;
    member.size_bytes = strlen(text);
    /* What we could not read again must not be written. */
    int rc = hf_config_parse(text, strlen(text), out, err);
    hf_digest_of(text, strlen(text), &member.digest);
    if (rc == 0)
        rc = hf_load_put_config(load, &member, HF_MEDIA_OCI_CONFIG, err);
    *out_id = member.digest;
    return rc;
}

int hf_load_put_layer(struct hf_load *load, struct hf_member *member, const char *media_type,
                      bool plain, struct hf_error *err)
{
    struct hf_summary summary = {.kind = HF_KIND_LAYER};
    struct hf_digest derived;
    bool inflate = plain && member->plain.compression != HF_COMPRESSION_PLAIN;
    int rc = inflate ? hf_load_inflate(load, member, err) : hf_load_settle(load, member, err);

    if (rc != 0)
        return rc;
    snprintf(summary.media_type, sizeof(summary.media_type), "%s", media_type);
    summary.diff_id = member->plain.diff_id;
    summary.size_bytes = member->plain.size_bytes;
    bool is_plain = inflate || member->plain.compression == HF_COMPRESSION_PLAIN;
    rc = hf_load_put_derived(load, member, is_plain, &derived, err);
    if (rc != 0)
        return rc;
    return hf_plan_put(&load->plan, inflate ? &member->plain.diff_id : &member->digest,
                       inflate ? member->plain.size_bytes : member->size_bytes, &summary, &derived,
                       hf_digest_is_set(&derived) ? 1 : 0, err);
}

void hf_load_fill_manifest(struct hf_summary *summary, const struct hf_config *config,
                           const struct hf_digest *id, struct hf_member *const *layers,
                           size_t layer_count)
{
    summary->kind = HF_KIND_MANIFEST;
    summary->id = *id;
    summary->created_ns = config->created_ns;
    snprintf(summary->platform, sizeof(summary->platform), "%s", config->platform);
    for (size_t i = 0; i < layer_count; i++)
        summary->size_bytes += layers[i]->plain.size_bytes;
}
