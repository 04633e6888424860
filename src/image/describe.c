/*
 * image/describe.c - what a target means: its image's ID, time, size, platform, by summaries only.
 */
#include "image/resolve.h"

#include "base/buf.h"
#include "base/error.h"
#include "image/document.h"
#include "image/graph.h"

#include <stdio.h>
#include <string.h>

static int look_for_damage(void *arg, const struct hf_object *object)
{
    bool *damaged = arg;

    if (object->state == HF_OBJECT_DAMAGED)
        *damaged = true;
    return 0;
}

int hf_image_describe_manifest(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                               const struct hf_digest *manifest, struct hf_image *out,
                               struct hf_error *err)
{
    struct hf_image image = {.target = *target, .manifest = *manifest};
    struct hf_object object = {0};
    struct hf_summary summary = {0};
    int rc = hf_snapshot_object(snapshot, target, &object, err);

    if (rc == 0)
        image.damaged = object.state == HF_OBJECT_DAMAGED;
    hf_object_release(&object);
    if (rc == 0)
        rc = hf_summary_of(snapshot, manifest, &summary, err);
    if (rc == 0)
        rc = hf_objects_below(snapshot, manifest, look_for_damage, &image.damaged, err);
    if (rc != 0)
        return rc;
    image.is_index = hf_digest_compare(target, manifest) != 0;
    image.id = summary.id;
    image.created_ns = summary.created_ns;
    image.size_bytes = summary.size_bytes;
    snprintf(image.platform, sizeof(image.platform), "%s", summary.platform);
    *out = image;
    return 0;
}

static int refuse_kind(const struct hf_summary *summary, struct hf_error *err)
{
    if (summary->kind == HF_KIND_ARTIFACT)
        return hf_fail(err, HF_ERR_NOT_FOUND, "it is an artifact (%s), not an image",
                       summary->artifact_type[0] ? summary->artifact_type : "of no stated type");
    return hf_fail(err, HF_ERR_NOT_FOUND, "it is not an image (%s)",
                   summary->media_type[0] ? summary->media_type : "of no stated type");
}

/* The first manifest of the platform; without a wish the one for this machine, else the first. */
static int choose_platform(const struct hf_snapshot *snapshot,
                           const struct hf_digest_set *manifests, const char *platform,
                           struct hf_digest *out, struct hf_error *err)
{
    const char *wanted = platform ? platform : hf_platform_here();
    struct hf_buf present = {0};

    for (size_t i = 0; i < manifests->count; i++) {
        struct hf_summary summary;
        int rc = hf_summary_of(snapshot, &manifests->items[i], &summary, err);
        bool fits = rc == 0 && hf_platform_matches(summary.platform, wanted);
        if (fits)
            *out = manifests->items[i];
        if (rc != 0 || fits) {
            hf_buf_release(&present);
            return rc;
        }
        hf_buf_printf(&present, "%s%s", i > 0 ? ", " : "",
                      summary.platform[0] ? summary.platform : "(none)");
    }
    int rc = 0;
    if (!platform && manifests->count > 0) {
        *out = manifests->items[0];
    } else {
        const char *list = hf_buf_text(&present);
        rc = hf_fail(err, HF_ERR_NOT_FOUND, "it has no image for %s, only for %s", wanted,
                     list && *list ? list : "nothing");
    }
    hf_buf_release(&present);
    return rc;
}

int hf_image_describe(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                      const char *platform, struct hf_image *out, struct hf_error *err)
{
    struct hf_digest_set manifests = {0};
    struct hf_summary summary = {0};
    struct hf_digest chosen;
    int rc = hf_summary_of(snapshot, target, &summary, err);

    if (rc == 0 && summary.kind != HF_KIND_MANIFEST && summary.kind != HF_KIND_INDEX)
        rc = refuse_kind(&summary, err);
    if (rc == 0)
        rc = hf_image_manifests(snapshot, target, &manifests, err);
    if (rc == 0)
        rc = choose_platform(snapshot, &manifests, platform, &chosen, err);
    hf_digest_set_release(&manifests);
    return rc == 0 ? hf_image_describe_manifest(snapshot, target, &chosen, out, err) : rc;
}

/* The target to show a manifest under: itself when it has a name, else the first above it. */
static int target_of(const struct hf_snapshot *snapshot, const struct hf_resolved *resolved,
                     const struct hf_digest *manifest, struct hf_digest *out, struct hf_error *err)
{
    struct hf_digest_set above = {0};

    if (hf_digest_set_has(&resolved->targets, manifest)) {
        *out = *manifest;
        return 0;
    }
    int rc = hf_named_above(snapshot, manifest, &above, err);
    if (rc == 0)
        *out = above.count > 0 ? above.items[0] : *manifest;
    hf_digest_set_release(&above);
    return rc;
}

/* Does this manifest of an ID fit, and is it named itself as `named` wants? */
static int fits(const struct hf_snapshot *snapshot, const struct hf_resolved *resolved,
                const struct hf_digest *manifest, const char *platform, bool named, bool *out,
                struct hf_error *err)
{
    struct hf_summary summary;
    int rc = hf_summary_of(snapshot, manifest, &summary, err);

    *out = rc == 0 && hf_digest_set_has(&resolved->targets, manifest) == named &&
           (!platform || hf_platform_matches(summary.platform, platform));
    return rc;
}

static int describe_id(const struct hf_snapshot *snapshot, const struct hf_resolved *resolved,
                       const char *platform, struct hf_image *out, struct hf_error *err)
{
    const struct hf_digest_set *manifests = &resolved->manifests;
    struct hf_digest target;

    for (int named = 1; named >= 0; named--) {
        for (size_t i = 0; i < manifests->count; i++) {
            bool chosen;
            int rc = fits(snapshot, resolved, &manifests->items[i], platform, named, &chosen, err);
            if (rc == 0 && chosen)
                rc = target_of(snapshot, resolved, &manifests->items[i], &target, err);
            if (rc == 0 && chosen)
                rc = hf_image_describe_manifest(snapshot, &target, &manifests->items[i], out, err);
            if (rc != 0 || chosen)
                return rc;
        }
    }
    return hf_fail(err, HF_ERR_NOT_FOUND, "it is not an image for %s", platform ? platform : "any");
}

int hf_resolve_image(const struct hf_snapshot *snapshot, const char *reference,
                     const char *platform, struct hf_image *out, struct hf_error *err)
{
    struct hf_resolved resolved = {0};
    int rc = hf_resolve(snapshot, reference, &resolved, err);

    if (rc != 0)
        return rc;
    if (resolved.manifests.count > 0)
        rc = describe_id(snapshot, &resolved, platform, out, err);
    else
        rc = hf_image_describe(snapshot, &resolved.object, platform, out, err);
    if (rc == 0)
        snprintf(out->name, sizeof(out->name), "%s", resolved.name);
    else
        hf_fail_prefix(err, rc, "%.100s", reference);
    hf_resolved_release(&resolved);
    return rc;
}

int hf_image_find(struct hf_store *store, const char *reference, const char *platform,
                  struct hf_image *out, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    if (rc == 0)
        rc = hf_resolve_image(snapshot, reference, platform, out, err);
    hf_snapshot_release(snapshot);
    return rc;
}
