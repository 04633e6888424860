/*
 * transfer/load_docker.c - the images of manifest.json, as "docker save" and "podman save" write
 * it.
 *
 * In an archive that is an OCI layout as well (docker >= 25, containerd) most of its images are
 * there twice: one that the OCI half has brought, known by its config, only gets its names from
 * here. For the others a manifest is made, the one that docker >= 25 would write, with plain
 * layers; so the same image has the same digest from wherever it comes.
 */
#include "transfer/load.h"

#include "base/digest.h"
#include "base/error.h"
#include "oci/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int at_path(struct hf_load *load, const char *path, struct hf_member **out,
                   struct hf_error *err)
{
    char canonical[HF_ARCHIVE_PATH_MAX];
    struct hf_member *member = NULL;
    int rc = 0;

    if (hf_archive_path(NULL, path, canonical))
        rc = hf_members_at(&load->members, canonical, &member, err);
    if (rc == 0 && member)
        rc = hf_load_fetch(load, member, err);
    if (rc == 0)
        *out = member;
    return rc;
}

static int parse_manifest(void *out, const void *data, size_t len, struct hf_error *err)
{
    return hf_docker_manifest_parse(data, len, out, err);
}

int hf_load_docker_open(struct hf_load *load, struct hf_member *manifest, struct hf_error *err)
{
    int rc = hf_load_document(load, manifest, parse_manifest, &load->docker, err);

    if (rc != 0)
        return rc;
    load->docker_configs = calloc(load->docker.count + 1, sizeof(struct hf_member *));
    if (!load->docker_configs)
        return hf_fail_memory(err);
    for (size_t i = 0; rc == 0 && i < load->docker.count; i++)
        rc = at_path(load, load->docker.images[i].config, &load->docker_configs[i], err);
    return rc;
}

/* --- making an image -------------------------------------------------------------------------- */

static int missing_layer(const struct hf_docker_image *image, size_t i,
                         const struct hf_config *config, struct hf_error *err)
{
    for (size_t s = 0; s < image->source_count && i < config->diff_id_count; s++)
        if (hf_digest_compare(&image->sources[s].diff_id, &config->diff_ids[i]) == 0 &&
            image->sources[s].url[0] != '\0')
            return hf_fail(err, HF_ERR_INPUT,
                           "Layers[%zu] (%.200s) is foreign and not in the archive; it is to be "
                           "had from %s",
                           i, image->layers[i], image->sources[s].url);
    return hf_fail(err, HF_ERR_INPUT, "Layers[%zu] (%.200s) is not in the archive", i,
                   image->layers[i]);
}

static int find_layers(struct hf_load *load, const struct hf_docker_image *image,
                       const struct hf_config *config, struct hf_member **out, struct hf_error *err)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        int rc = at_path(load, image->layers[i], &out[i], err);
        if (rc == 0 && !out[i])
            rc = missing_layer(image, i, config, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int put_manifest(struct hf_load *load, struct hf_member *config_member,
                        const struct hf_config *config, struct hf_member **layers, size_t count,
                        struct hf_digest *out, struct hf_error *err)
{
    struct hf_descriptor *descriptors = calloc(count + 1, sizeof(*descriptors));
    struct hf_digest *refs = calloc(count + 1, sizeof(*refs));
    struct hf_summary summary = {.media_type = HF_MEDIA_OCI_MANIFEST};
    struct hf_buf text = {0};
    int rc = descriptors && refs ? 0 : hf_fail_memory(err);

    if (rc == 0) {
        descriptors[0].digest = refs[0] = config_member->digest;
        descriptors[0].size_bytes = config_member->size_bytes;
        for (size_t i = 0; i < count; i++) {
            descriptors[i + 1].digest = refs[i + 1] = layers[i]->plain.diff_id;
            descriptors[i + 1].size_bytes = layers[i]->plain.size_bytes;
        }
        hf_manifest_encode_docker(&descriptors[0], &descriptors[1], count, &text);
        rc = hf_buf_check(&text, err);
    }
    if (rc == 0)
        rc = hf_load_stage_bytes(load, text.data, text.len, out, err);
    hf_load_fill_manifest(&summary, config, &config_member->digest, layers, count);
    if (rc == 0)
        rc = hf_plan_put(&load->plan, out, text.len, &summary, refs, count + 1, err);
    hf_buf_release(&text);
    free(descriptors);
    free(refs);
    return rc;
}

static int make_with_layers(struct hf_load *load, const struct hf_docker_image *image,
                            struct hf_member *config_member, const struct hf_config *config,
                            struct hf_member **layers, struct hf_digest *out, struct hf_error *err)
{
    size_t count = image->layer_count;
    int rc = find_layers(load, image, config, layers, err);

    if (rc == 0)
        rc = hf_load_check_layers(load, config, layers, count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = hf_load_put_layer(load, layers[i], HF_MEDIA_OCI_LAYER, true, err);
    if (rc == 0)
        rc = hf_load_put_config(load, config_member, HF_MEDIA_OCI_CONFIG, err);
    if (rc == 0)
        rc = put_manifest(load, config_member, config, layers, count, out, err);
    return rc;
}

static int parse_image_config(void *out, const void *data, size_t len, struct hf_error *err)
{
    const struct hf_config *config = out;
    int rc = hf_config_parse(data, len, out, err);

    if (rc == 0 && !config->is_image)
        rc = hf_fail(err, HF_ERR_INPUT, "it is no image config (it has no rootfs of layers)");
    return rc;
}

static int make_image(struct hf_load *load, size_t i, struct hf_digest *out, struct hf_error *err)
{
    const struct hf_docker_image *image = &load->docker.images[i];
    const char *platform = load->options->platform;
    struct hf_config config = {0};
    struct hf_member **layers = calloc(image->layer_count + 1, sizeof(struct hf_member *));
    int rc = layers
                 ? hf_load_document(load, load->docker_configs[i], parse_image_config, &config, err)
                 : hf_fail_memory(err);

    if (rc == 0 && platform && !hf_platform_matches(config.platform, platform))
        rc = hf_fail(err, HF_ERR_NOT_FOUND, "it is for %s, not for %s",
                     config.platform[0] ? config.platform : "no platform", platform);
    if (rc == 0)
        rc = make_with_layers(load, image, load->docker_configs[i], &config, layers, out, err);
    hf_config_release(&config);
    free(layers);
    return rc == 0 ? 0 : hf_fail_prefix(err, rc, "manifest.json [%zu]", i);
}

int hf_load_docker_make(struct hf_load *load, const struct hf_digest *config,
                        struct hf_digest *out_manifest, struct hf_error *err)
{
    for (size_t i = 0; i < load->docker.count; i++)
        if (load->docker_configs[i] &&
            hf_digest_compare(&load->docker_configs[i]->digest, config) == 0)
            return make_image(load, i, out_manifest, err);
    return HF_ERR_NOT_FOUND;
}

/* --- names ------------------------------------------------------------------------------------ */

/* A repository tag must be one: docker never writes anything else, and takes nothing else. */
static int add_tag(struct hf_load_image *image, const char *tag, struct hf_error *err)
{
    if (strcmp(tag, "<none>:<none>") == 0)
        return 0; /* how old engines wrote that there is none */
    if (hf_reference_is_bare(tag))
        return hf_fail(err, HF_ERR_INPUT, "\"%.200s\" has no tag", tag);
    if (hf_reference_is_digest(tag))
        return hf_fail(err, HF_ERR_INPUT, "\"%.200s\" has a digest", tag);
    return hf_load_add_name(image, tag, err);
}

static int add_tags(struct hf_load *load, size_t i, size_t image, struct hf_error *err)
{
    const struct hf_docker_image *entry = &load->docker.images[i];
    int rc = 0;

    for (size_t t = 0; rc == 0 && t < entry->repo_tag_count; t++) {
        rc = add_tag(&load->images[image], entry->repo_tags[t], err);
        if (rc != 0)
            hf_fail_prefix(err, rc, "manifest.json [%zu].RepoTags[%zu]", i, t);
    }
    return rc;
}

static bool has_a_tag(const struct hf_load_image *image, const struct hf_docker_image *entry)
{
    char full[HF_REFERENCE_MAX];

    for (size_t t = 0; t < entry->repo_tag_count; t++)
        if (hf_reference_normalize(entry->repo_tags[t], full, NULL) == 0 &&
            hf_text_list_has(&image->names, full))
            return true;
    return false;
}

/* Of the images that the OCI half has brought with this config: the one that has one of the tags,
 * else the first. false: there is none. */
static bool find_brought(const struct hf_load *load, size_t i, const struct hf_digest *config,
                         size_t *out)
{
    size_t m = HF_LOAD_NONE;
    bool found = hf_digest_map_get(&load->manifest_of, config, &m);

    for (; m != HF_LOAD_NONE; m = load->manifests[m].next) {
        *out = load->manifests[m].image; /* the chain ends with the first */
        if (has_a_tag(&load->images[*out], &load->docker.images[i]))
            break;
    }
    return found;
}

static int take_entry(struct hf_load *load, size_t i, struct hf_error *err)
{
    struct hf_digest target;
    char label[96];
    size_t image = 0;
    int rc = 0;

    if (!load->docker_configs[i])
        return hf_fail(err, HF_ERR_INPUT,
                       "manifest.json [%zu]: its Config (%.200s) is not in the "
                       "archive",
                       i, load->docker.images[i].config);
    const struct hf_digest config = load->docker_configs[i]->digest;
    if (!find_brought(load, i, &config, &image)) {
        rc = make_image(load, i, &target, err);
        if (rc == HF_ERR_NOT_FOUND && load->manifest_count > 0)
            return 0; /* another platform of what the OCI half brought */
        snprintf(label, sizeof(label), "manifest.json [%zu]", i);
        if (rc == 0)
            rc = hf_load_image_for(load, &target, label, &image, err);
        if (rc == 0)
            rc = hf_load_remember(load, &config, &target, image, err);
    }
    return rc == 0 ? add_tags(load, i, image, err) : rc;
}

int hf_load_docker_images(struct hf_load *load, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < load->docker.count; i++)
        rc = take_entry(load, i, err);
    return rc;
}
