/*
 * transfer/save_oci.c - an OCI layout with the exact bytes that are stored.
 *
 * What names point to is written with everything its documents refer to. Artifacts that only name
 * it as their subject (signatures) are not: index.json would list them beside the images, and
 * podman refuses an archive that lists more than one thing.
 */
#include "transfer/save_plan.h"

#include "base/error.h"
#include "oci/document.h"
#include "image/graph.h"
#include "image/names.h"
#include "transfer/save_documents.h"

#include <stdlib.h>
#include <string.h>

struct copying {
    const struct hf_snapshot *snapshot;
    struct hf_save_plan *plan;
    struct hf_walk walk;
};

/* Is `child` there only because it calls `parent` its subject? */
static bool is_attached(const struct hf_summary *parent, const struct hf_digest *parent_digest,
                        const struct hf_summary *child)
{
    if (child->kind != HF_KIND_ARTIFACT)
        return false;
    return parent->kind != HF_KIND_INDEX || hf_digest_compare(&child->subject, parent_digest) == 0;
}

static int visit_children(struct copying *copying, const struct hf_object *object,
                          struct hf_error *err)
{
    struct hf_summary parent, child;
    int rc = 0;

    hf_summary_decode(object->summary, object->summary_len, &parent);
    for (size_t i = 0; rc == 0 && i < object->ref_count; i++) {
        rc = hf_summary_of(copying->snapshot, &object->refs[i], &child, err);
        if (rc == 0 && !is_attached(&parent, &object->digest, &child))
            rc = hf_walk_add(&copying->walk, &object->refs[i], err);
    }
    return rc;
}

/* Platforms of an index that were never fetched are left out; everything else must be there. */
static int copy_object(struct copying *copying, const struct hf_digest *digest, bool is_root,
                       struct hf_error *err)
{
    struct hf_object object = {0};
    char path[HF_SAVE_PATH_MAX];
    int rc = hf_snapshot_object(copying->snapshot, digest, &object, err);
    bool absent = rc == 0 && object.state == HF_OBJECT_ABSENT && !is_root;

    hf_object_release(&object);
    if (rc != 0 || absent)
        return rc;
    rc = hf_save_object(copying->snapshot, digest, &object, err);
    if (rc == 0)
        rc = hf_save_plan_stored(copying->plan, hf_save_blob_path(digest, path), &object, err);
    if (rc == 0)
        rc = visit_children(copying, &object, err);
    hf_object_release(&object);
    return rc;
}

static int copy_graph(const struct hf_snapshot *snapshot, const struct hf_digest *root,
                      struct hf_save_plan *plan, struct hf_error *err)
{
    struct copying copying = {.snapshot = snapshot, .plan = plan};
    struct hf_digest digest;
    int rc = hf_walk_add(&copying.walk, root, err);

    while (rc == 0 && hf_walk_next(&copying.walk, &digest))
        rc = copy_object(&copying, &digest, hf_digest_compare(&digest, root) == 0, err);
    hf_walk_release(&copying.walk);
    return rc;
}

/* The media type an index.json must tell, should the document itself tell none. */
static const char *media_type_of(const struct hf_summary *summary)
{
    if (summary->media_type[0] != '\0')
        return summary->media_type;
    return summary->kind == HF_KIND_INDEX ? HF_MEDIA_OCI_INDEX : HF_MEDIA_OCI_MANIFEST;
}

static int describe_root(const struct hf_snapshot *snapshot, const struct hf_save_image *image,
                         struct hf_save_root *out, struct hf_error *err)
{
    const struct hf_digest *digest = image->has_manifest ? &image->manifest : &image->target;
    struct hf_object object = {0};
    struct hf_summary summary;
    int rc = hf_save_object(snapshot, digest, &object, err);

    if (rc != 0)
        return rc;
    hf_summary_decode(object.summary, object.summary_len, &summary);
    *out = (struct hf_save_root){
        .digest = *digest,
        .size_bytes = object.size_bytes,
        .names = &image->names,
    };
    strcpy(out->media_type, media_type_of(&summary));
    hf_object_release(&object);
    return 0;
}

static int plan_image(const struct hf_snapshot *snapshot, const struct hf_save_image *image,
                      struct hf_save_plan *plan, struct hf_save_root *out, struct hf_error *err)
{
    struct hf_digest id;
    int rc = describe_root(snapshot, image, out, err);

    if (rc == 0)
        rc = copy_graph(snapshot, &out->digest, plan, err);
    if (rc == 0)
        rc = hf_names_id_of(snapshot, &out->digest, &id, err);
    return rc == 0 ? hf_save_plan_tell(plan, &image->names, &id, err) : rc;
}

int hf_save_plan_oci(const struct hf_snapshot *snapshot, const struct hf_save_set *set,
                     struct hf_save_plan *plan, struct hf_error *err)
{
    struct hf_save_root *roots = calloc(set->count, sizeof(*roots));
    int rc = roots ? 0 : hf_fail_memory(err);

    for (size_t i = 0; rc == 0 && i < set->count; i++)
        rc = plan_image(snapshot, &set->items[i], plan, &roots[i], err);
    if (rc == 0)
        rc = hf_save_layout(plan, roots, set->count, err);
    free(roots);
    return rc;
}
