/*
 * image/describe.c - what a target means: its image's ID, time, size, platform, by summaries only.
 */
#include "image/resolve.h"

#include "base/buf.h"
#include "base/error.h"
#include "oci/document.h"
#include "image/graph.h"

#include <stdio.h>
#include <string.h>

void hf_describer_release(struct hf_describer *describer)
{
    hf_digest_map_release(&describer->damaged);
}

/* --- one manifest ----------------------------------------------------------------------------- */

static int is_damaged(struct hf_describer *describer, const struct hf_digest *digest, bool *out,
                      struct hf_error *err)
{
    struct hf_object object = {0};
    size_t damaged;

    if (hf_digest_map_get(&describer->damaged, digest, &damaged)) {
        *out = damaged != 0;
        return 0;
    }
    int rc = hf_snapshot_object(describer->snapshot, digest, &object, err);
    damaged = object.state == HF_OBJECT_DAMAGED;
    hf_object_release(&object);
    *out = damaged != 0;
    return rc == 0 ? hf_digest_map_put(&describer->damaged, digest, damaged, err) : rc;
}

static int describe_object(struct hf_describer *describer, const struct hf_digest *target,
                           const struct hf_object *manifest, const struct hf_summary *summary,
                           struct hf_image *out, struct hf_error *err)
{
    struct hf_image image = {
        .target = *target,
        .manifest = manifest->digest,
        .id = summary->id,
        .created_ns = summary->created_ns,
        .size_bytes = summary->size_bytes,
        .damaged = manifest->state == HF_OBJECT_DAMAGED,
        .is_index = hf_digest_compare(target, &manifest->digest) != 0,
    };

    for (size_t i = 0; !image.damaged && i < manifest->ref_count; i++) {
        int rc = is_damaged(describer, &manifest->refs[i], &image.damaged, err);
        if (rc != 0)
            return rc;
    }
    snprintf(image.platform, sizeof(image.platform), "%s", summary->platform);
    *out = image;
    return 0;
}

int hf_describe_manifest(struct hf_describer *describer, const struct hf_digest *target,
                         const struct hf_digest *manifest, struct hf_image *out,
                         struct hf_error *err)
{
    struct hf_object object = {0};
    struct hf_summary summary;
    bool target_is_damaged = false;
    int rc = hf_snapshot_object(describer->snapshot, manifest, &object, err);

    if (rc == 0) {
        hf_summary_decode(object.summary, object.summary_len, &summary);
        rc = describe_object(describer, target, &object, &summary, out, err);
    }
    hf_object_release(&object);
    if (rc == 0)
        rc = is_damaged(describer, target, &target_is_damaged, err);
    if (rc == 0 && target_is_damaged)
        out->damaged = true;
    return rc;
}

/* --- a target --------------------------------------------------------------------------------- */

static int refuse_kind(const struct hf_summary *summary, struct hf_error *err)
{
    if (summary->kind == HF_KIND_ARTIFACT)
        return hf_fail(err, HF_ERR_NOT_FOUND, "it is an artifact (%s), not an image",
                       summary->artifact_type[0] ? summary->artifact_type : "of no stated type");
    return hf_fail(err, HF_ERR_NOT_FOUND, "it is not an image (%s)",
                   summary->media_type[0] ? summary->media_type : "of no stated type");
}

static int refuse_platform(const char *wanted, const char *present, struct hf_error *err)
{
    return hf_fail(err, HF_ERR_NOT_FOUND, "it has no image for %.64s, only for %s", wanted,
                   present && *present ? present : "nothing");
}

/* The first manifest of the platform; without a wish the one for this machine, else the first. */
static int choose_platform(const struct hf_snapshot *snapshot,
                           const struct hf_digest_set *manifests, const char *platform,
                           struct hf_digest *out, struct hf_error *err)
{
    const char *wanted = platform ? platform : hf_platform_here();
    struct hf_buf present = {0};
    bool fits = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && !fits && i < manifests->count; i++) {
        struct hf_summary summary;
        rc = hf_summary_of(snapshot, &manifests->items[i], &summary, err);
        fits = rc == 0 && hf_platform_matches(summary.platform, wanted);
        if (fits)
            *out = manifests->items[i];
        hf_buf_printf(&present, "%s%s", i > 0 ? ", " : "", summary.platform);
    }
    if (rc == 0 && !fits && !platform && manifests->count > 0)
        *out = manifests->items[0];
    else if (rc == 0 && !fits)
        rc = refuse_platform(wanted, hf_buf_text(&present), err);
    hf_buf_release(&present);
    return rc;
}

static int describe_index(struct hf_describer *describer, const struct hf_digest *target,
                          const char *platform, struct hf_image *out, struct hf_error *err)
{
    struct hf_digest_set manifests = {0};
    struct hf_digest chosen;
    int rc = hf_image_manifests(describer->snapshot, target, &manifests, err);

    if (rc == 0)
        rc = choose_platform(describer->snapshot, &manifests, platform, &chosen, err);
    hf_digest_set_release(&manifests);
    return rc == 0 ? hf_describe_manifest(describer, target, &chosen, out, err) : rc;
}

int hf_describe(struct hf_describer *describer, const struct hf_digest *target,
                const char *platform, struct hf_image *out, struct hf_error *err)
{
    struct hf_object object = {0};
    struct hf_summary summary;
    int rc = hf_snapshot_object(describer->snapshot, target, &object, err);

    if (rc != 0)
        return rc;
    hf_summary_decode(object.summary, object.summary_len, &summary);
    if (summary.kind == HF_KIND_INDEX)
        rc = describe_index(describer, target, platform, out, err);
    else if (summary.kind != HF_KIND_MANIFEST)
        rc = refuse_kind(&summary, err);
    else if (platform && !hf_platform_matches(summary.platform, platform))
        rc = refuse_platform(platform, summary.platform, err);
    else
        rc = describe_object(describer, target, &object, &summary, out, err);
    hf_object_release(&object);
    return rc;
}

int hf_image_describe(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                      const char *platform, struct hf_image *out, struct hf_error *err)
{
    struct hf_describer describer = {.snapshot = snapshot};
    int rc = hf_describe(&describer, target, platform, out, err);

    hf_describer_release(&describer);
    return rc;
}

/* --- an ID ------------------------------------------------------------------------------------ */

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
    struct hf_describer describer = {.snapshot = snapshot};
    struct hf_digest target;

    for (int named = 1; named >= 0; named--) {
        for (size_t i = 0; i < manifests->count; i++) {
            bool chosen;
            int rc = fits(snapshot, resolved, &manifests->items[i], platform, named, &chosen, err);
            if (rc == 0 && chosen)
                rc = target_of(snapshot, resolved, &manifests->items[i], &target, err);
            if (rc == 0 && chosen)
                rc = hf_describe_manifest(&describer, &target, &manifests->items[i], out, err);
            if (rc != 0 || chosen) {
                hf_describer_release(&describer);
                return rc;
            }
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
