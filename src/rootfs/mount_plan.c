/*
 * rootfs/mount_plan.c - one EROFS mount for each layer, and overlayfs over them.
 *
 * overlayfs refuses a layer that is there twice, so only the topmost is kept: what it has hides
 * whatever the lower one could add. It refuses a single lower layer without an upper one, so that
 * is mounted as it is; and an image without layers is an empty folder.
 */
#include "rootfs/mount_plan.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "image/derive_layer.h"
#include "catalog/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So that an upper folder holds whole files and folders, which can be committed as a layer. */
#define WHOLE_FILES ",redirect_dir=off,metacopy=off,index=off"

int hf_store_path(struct hf_store *store, const char *below, char **out, struct hf_error *err)
{
    char *root = realpath(hf_store_root(store), NULL);
    struct hf_buf path = {0};

    if (!root)
        return hf_fail_errno(err, -errno, "find", hf_store_root(store));
    hf_buf_printf(&path, "%s/%s", root, below);
    free(root);
    hf_buf_put_u8(&path, 0);
    *out = hf_buf_detach(&path);
    return hf_buf_check(&path, err); /* behind the detaching, which may fail too */
}

static int blob_path(struct hf_store *store, const struct hf_digest *digest, char **out,
                     struct hf_error *err)
{
    char below[HF_PATH_MAX];

    hf_path_blob(digest, below);
    return hf_store_path(store, below, out, err);
}

/* --- steps ------------------------------------------------------------------------------------ */

static int add_step(struct hf_mount_plan *plan, const char *type, const char *source,
                    const char *target, struct hf_buf *options, struct hf_error *err)
{
    struct hf_mount_step *steps = reallocarray(plan->steps, plan->count + 1, sizeof(*steps));
    const char *text = hf_buf_text(options);

    if (!steps || !text) {
        plan->steps = steps ? steps : plan->steps;
        hf_buf_release(options);
        return hf_fail_memory(err);
    }
    plan->steps = steps;
    steps[plan->count] = (struct hf_mount_step){
        .type = strdup(type),
        .source = strdup(source),
        .target = strdup(target),
        .options = strdup(text),
    };
    const struct hf_mount_step *step = &steps[plan->count++];
    bool is_whole = step->type && step->source && step->target && step->options;
    hf_buf_release(options);
    return is_whole ? 0 : hf_fail_memory(err);
}

void hf_mount_plan_release(struct hf_mount_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->steps[i].type);
        free(plan->steps[i].source);
        free(plan->steps[i].target);
        free(plan->steps[i].options);
    }
    free(plan->steps);
    *plan = (struct hf_mount_plan){0};
}

/* An index has its tar as a device: blocks of 512 bytes, at least one. A tar that was cut in the
 * padding of its last file has a piece more, which a loop device would not show. */
static int is_of_blocks(struct hf_store *store, const struct hf_digest *tar, bool *out,
                        struct hf_error *err)
{
    struct hf_blob *blob = NULL;
    int rc = hf_blob_open(store, tar, &blob, err);

    *out = rc == 0 && hf_blob_size(blob) >= 512 && hf_blob_size(blob) % 512 == 0;
    hf_blob_close(blob);
    return rc;
}

static int add_layer(struct hf_store *store, const struct hf_layer *layer, bool is_full,
                     const char *target, struct hf_mount_plan *plan, struct hf_error *err)
{
    struct hf_derived_parts parts;
    struct hf_buf options = {0};
    char *image = NULL, *device = NULL;
    bool is_device = false;
    int rc = 0;

    if (!is_full)
        rc = hf_layer_derive(store, layer, HF_EROFS_INDEX, &parts, err);
    if (rc == 0 && !is_full)
        rc = is_of_blocks(store, &parts.tar, &is_device, err);
    is_full = !is_device;
    if (rc == 0 && is_full)
        rc = hf_layer_derive(store, layer, HF_EROFS_FULL, &parts, err);
    if (rc == 0)
        rc = blob_path(store, is_full ? &parts.full : &parts.index, &image, err);
    if (rc == 0 && !is_full)
        rc = blob_path(store, &parts.tar, &device, err);
    hf_buf_printf(&options, device ? "ro,device=%s" : "ro", device);
    if (rc == 0)
        rc = add_step(plan, "erofs", image, target, &options, err);
    else
        hf_buf_release(&options);
    free(image);
    free(device);
    return rc;
}

static int add_empty(struct hf_mount_plan *plan, const char *target, struct hf_error *err)
{
    struct hf_buf options = {0};

    hf_buf_printf(&options, "ro,mode=0755,size=4096");
    return add_step(plan, "tmpfs", "tmpfs", target, &options, err);
}

/* What overlayfs would take for the end of a path, or of an option. */
static void put_escaped(struct hf_buf *options, const char *path)
{
    for (; *path != '\0'; path++) {
        if (strchr("\\,:", *path))
            hf_buf_put_u8(options, '\\');
        hf_buf_put_u8(options, (uint8_t)*path);
    }
}

static int add_overlay(struct hf_mount_plan *plan, const char *space, struct hf_error *err)
{
    struct hf_buf options = {0};

    hf_buf_printf(&options, "%slowerdir=", space ? "" : "ro,");
    for (size_t i = 0; i < plan->count; i++)
        hf_buf_printf(&options, "%s%zu", i > 0 ? ":" : "", i);
    if (space) {
        hf_buf_printf(&options, ",upperdir=");
        put_escaped(&options, space);
        hf_buf_printf(&options, "/upper,workdir=");
        put_escaped(&options, space);
        hf_buf_printf(&options, "/work");
    }
    hf_buf_printf(&options, WHOLE_FILES);
    return add_step(plan, "overlay", "overlay", ".", &options, err);
}

/* --- the plan --------------------------------------------------------------------------------- */

/* The topmost first; of layers that are the same the topmost only. */
static size_t choose_layers(const struct hf_layers *layers, const struct hf_layer **chosen)
{
    size_t count = 0;

    for (size_t i = layers->count; i > 0; i--) {
        const struct hf_layer *layer = &layers->items[i - 1];
        size_t other = 0;
        while (other < count && hf_digest_compare(&chosen[other]->diff_id, &layer->diff_id) != 0)
            other++;
        if (other == count)
            chosen[count++] = layer;
    }
    return count;
}

static int add_all(struct hf_store *store, const struct hf_layers *layers, bool is_full,
                   const char *space, struct hf_mount_plan *plan, struct hf_error *err)
{
    const struct hf_layer **chosen = calloc(layers->count + 1, sizeof(const struct hf_layer *));
    int rc = chosen ? 0 : hf_fail_memory(err);
    size_t count = rc == 0 ? choose_layers(layers, chosen) : 0;
    bool is_stacked = space || count > 1;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        char target[24];
        snprintf(target, sizeof(target), "%zu", i);
        rc = add_layer(store, chosen[i], is_full, is_stacked ? target : ".", plan, err);
    }
    if (rc == 0 && count == 0)
        rc = add_empty(plan, is_stacked ? "0" : ".", err);
    if (rc == 0 && is_stacked)
        rc = add_overlay(plan, space, err);
    free(chosen);
    return rc;
}

int hf_mount_plan_of(struct hf_store *store, const struct hf_image *image, bool is_full,
                     const char *space, struct hf_mount_plan *out, struct hf_error *err)
{
    struct hf_mount_plan plan = {0};
    struct hf_layers layers = {0};
    int rc = hf_layers_of(store, image, &layers, err);

    if (rc == 0)
        rc = add_all(store, &layers, is_full, space, &plan, err);
    hf_layers_release(&layers);
    if (rc == 0)
        *out = plan;
    else
        hf_mount_plan_release(&plan);
    return rc;
}
