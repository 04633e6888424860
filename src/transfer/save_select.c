/*
 * transfer/save_select.c - which images a `save` means, and under which names they are written.
 *
 * OCI formats write what names point to, with all that belongs to it; docker's formats know images
 * of one platform only. So for them one manifest is chosen here, as it is for a platform that was
 * asked for.
 */
#include "transfer/save_plan.h"

#include "base/digest.h"
#include "base/error.h"
#include "image/graph.h"
#include "oci/reference.h"
#include "image/resolve.h"

#include <stdlib.h>

struct selection {
    const struct hf_snapshot *snapshot;
    const struct hf_save_options *options;
    struct hf_save_set *set;
};

static void release_image(struct hf_save_image *image)
{
    hf_text_list_release(&image->names);
}

void hf_save_set_release(struct hf_save_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        release_image(&set->items[i]);
    free(set->items);
    *set = (struct hf_save_set){0};
}

static bool is_docker_format(const struct selection *selection)
{
    return selection->options->format == HF_SAVE_HYBRID ||
           selection->options->format == HF_SAVE_DOCKER_ARCHIVE;
}

static bool same_image(const struct hf_save_image *a, const struct hf_save_image *b)
{
    return hf_digest_compare(&a->target, &b->target) == 0 && a->has_manifest == b->has_manifest &&
           (!a->has_manifest || hf_digest_compare(&a->manifest, &b->manifest) == 0);
}

/* A digest name tells what the target's bytes are. Docker's formats know no such names. */
static bool can_write_digest_names(const struct selection *selection,
                                   const struct hf_save_image *image)
{
    return !is_docker_format(selection) &&
           (!image->has_manifest || hf_digest_compare(&image->manifest, &image->target) == 0);
}

static int take_names(const struct selection *selection, struct hf_save_image *image,
                      const struct hf_text_list *names, struct hf_error *err)
{
    bool digest_names = can_write_digest_names(selection, image);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < names->count; i++) {
        if (digest_names || !hf_reference_is_digest(names->items[i]))
            rc = hf_text_list_add(&image->names, names->items[i], err);
    }
    hf_text_list_sort(&image->names);
    return rc;
}

static int grow(struct hf_save_set *set, struct hf_error *err)
{
    if (set->count < set->capacity)
        return 0;
    size_t capacity = set->capacity == 0 ? 8 : 2 * set->capacity;
    struct hf_save_image *items = reallocarray(set->items, capacity, sizeof(*items));
    if (!items)
        return hf_fail_memory(err);
    set->items = items;
    set->capacity = capacity;
    return 0;
}

/* Choose its manifest if the format or a platform wants one, and put it to the others. */
static int add_image(struct selection *selection, const struct hf_save_image *wanted,
                     struct hf_error *err)
{
    struct hf_save_set *set = selection->set;
    struct hf_save_image image = *wanted;
    struct hf_image found;
    int rc = 0;

    if (!image.has_manifest && (is_docker_format(selection) || selection->options->platform)) {
        rc = hf_image_describe(selection->snapshot, &image.target, selection->options->platform,
                               &found, err);
        image.manifest = found.manifest;
        image.has_manifest = true;
    }
    if (rc != 0)
        return rc;
    image.names = (struct hf_text_list){0};
    for (size_t i = 0; i < set->count; i++) {
        if (same_image(&set->items[i], &image))
            return take_names(selection, &set->items[i], &wanted->names, err);
    }
    rc = grow(set, err);
    if (rc != 0)
        return rc;
    set->items[set->count] = image;
    return take_names(selection, &set->items[set->count++], &wanted->names, err);
}

/* Names of the targets that an ID brings along. */
static int names_of_targets(const struct selection *selection, const struct hf_digest *targets,
                            size_t count, struct hf_text_list *out, struct hf_error *err)
{
    int rc = 0;

    if (selection->options->no_names || selection->options->only_named)
        return 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = hf_names_of(selection->snapshot, &targets[i], out, err);
    return rc;
}

/* In an OCI format the ID of a config means all that has it, each under its own names. */
static int add_targets(struct selection *selection, const struct hf_resolved *resolved,
                       struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < resolved->targets.count; i++) {
        struct hf_save_image image = {.target = resolved->targets.items[i]};
        rc = names_of_targets(selection, &image.target, 1, &image.names, err);
        if (rc == 0)
            rc = add_image(selection, &image, err);
        release_image(&image);
    }
    return rc;
}

static int add_id(struct selection *selection, const char *reference,
                  const struct hf_resolved *resolved, struct hf_error *err)
{
    bool is_config = resolved->manifests.count > 0 &&
                     !hf_digest_set_has(&resolved->manifests, &resolved->object);
    struct hf_save_image image = {.target = resolved->object};
    int rc = 0;

    if (is_config && !is_docker_format(selection))
        return add_targets(selection, resolved, err);
    if (resolved->manifests.count > 0) {
        struct hf_image found;
        rc = hf_resolve_image(selection->snapshot, reference, selection->options->platform, &found,
                              err);
        image.target = is_config ? found.target : found.manifest;
        image.manifest = found.manifest;
        image.has_manifest = true;
    }
    if (rc == 0)
        rc = names_of_targets(selection, resolved->targets.items, resolved->targets.count,
                              &image.names, err);
    if (rc == 0)
        rc = add_image(selection, &image, err);
    release_image(&image);
    return rc;
}

static int add_name(struct selection *selection, const struct hf_resolved *resolved,
                    struct hf_error *err)
{
    struct hf_save_image image = {.target = resolved->object};
    int rc = 0;

    if (!selection->options->no_names)
        rc = hf_text_list_add(&image.names, resolved->name, err);
    if (rc == 0)
        rc = add_image(selection, &image, err);
    release_image(&image);
    return rc;
}

int hf_save_select(const struct hf_snapshot *snapshot, const char *const *references, size_t count,
                   const struct hf_save_options *options, struct hf_save_set *out,
                   struct hf_error *err)
{
    struct hf_save_set set = {0};
    struct selection selection = {.snapshot = snapshot, .options = options, .set = &set};
    int rc = count > 0 ? 0 : hf_fail(err, HF_ERR_USAGE, "there is no image to save");

    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct hf_resolved resolved = {0};
        struct hf_error reason = {0};
        rc = hf_resolve(snapshot, references[i], &resolved, err);
        if (rc != 0)
            break;
        rc = resolved.name[0] != '\0' ? add_name(&selection, &resolved, &reason)
                                      : add_id(&selection, references[i], &resolved, &reason);
        hf_resolved_release(&resolved);
        if (rc != 0) {
            if (err)
                *err = reason;
            hf_fail_prefix(err, rc, "%.100s", references[i]);
        }
    }
    if (rc == 0)
        *out = set;
    else
        hf_save_set_release(&set);
    return rc;
}
