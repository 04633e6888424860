/*
 * image/prune_derived.c - lets go of what can be made again: edges from layers to their plain tars
 * and indexes, of images that nobody holds (a mount holds its image).
 */
#include "image/derive.h"

#include "base/error.h"
#include "image/graph.h"

struct holding {
    const struct hf_snapshot *snapshot;
    struct hf_digest_set *held;
    struct hf_error *err;
};

static int add_object(void *arg, const struct hf_object *object)
{
    struct holding *holding = arg;

    return hf_digest_set_add(holding->held, &object->digest, NULL, holding->err);
}

static int add_hold(void *arg, const struct hf_hold *hold)
{
    struct holding *holding = arg;

    return hf_objects_below(holding->snapshot, &hold->target, add_object, holding, holding->err);
}

struct dropping {
    const struct hf_snapshot *snapshot;
    struct hf_digest_set held;
    hf_derived_edge_fn *fn;
    void *arg;
    struct hf_error *err;
};

/* Of a plain layer its indexes, of a compressed one its tar. */
static int see_ref(struct dropping *dropping, const struct hf_object *layer,
                   const struct hf_digest *ref)
{
    struct hf_object part = {0};
    bool is_derived = false;
    int rc = hf_snapshot_object(dropping->snapshot, ref, &part, dropping->err);

    if (rc == 0) {
        struct hf_summary summary;
        hf_summary_decode(part.summary, part.summary_len, &summary);
        is_derived = summary.kind == HF_KIND_LAYER_INDEX || summary.kind == HF_KIND_LAYER;
    }
    if (rc == 0 && is_derived)
        rc = dropping->fn(dropping->arg, &layer->digest, &part, dropping->err);
    hf_object_release(&part);
    return rc;
}

static int see_object(void *arg, const struct hf_object *object)
{
    struct dropping *dropping = arg;
    struct hf_summary summary;
    int rc = 0;

    hf_summary_decode(object->summary, object->summary_len, &summary);
    if (summary.kind != HF_KIND_LAYER || hf_digest_set_has(&dropping->held, &object->digest))
        return 0;
    for (size_t i = 0; rc == 0 && i < object->ref_count; i++)
        rc = see_ref(dropping, object, &object->refs[i]);
    return rc;
}

int hf_derived_each_edge(const struct hf_snapshot *snapshot, hf_derived_edge_fn *fn, void *arg,
                         struct hf_error *err)
{
    struct dropping dropping = {.snapshot = snapshot, .fn = fn, .arg = arg, .err = err};
    struct holding holding = {.snapshot = snapshot, .held = &dropping.held, .err = err};

    int rc = hf_snapshot_each_hold(snapshot, NULL, add_hold, &holding, err);
    if (rc == 0)
        rc = hf_snapshot_each_object(snapshot, HF_DIGEST_NONE, NULL, see_object, &dropping, err);
    hf_digest_set_release(&dropping.held);
    return rc;
}

/* --- what is derived and nothing else ----------------------------------------------------------
 */

struct referrers {
    const struct hf_snapshot *snapshot;
    bool has_other;
    bool has_layer;
    struct hf_error *err;
};

static int see_referrer(void *arg, const struct hf_digest *object, const char *name)
{
    struct referrers *referrers = arg;
    struct hf_summary summary = {0};
    int rc = object ? hf_summary_of(referrers->snapshot, object, &summary, referrers->err) : 0;

    if (summary.kind == HF_KIND_LAYER)
        referrers->has_layer = true;
    else
        referrers->has_other = true;
    return rc;
}

int hf_derived_is(const struct hf_snapshot *snapshot, const struct hf_object *object, bool *out,
                  struct hf_error *err)
{
    struct referrers referrers = {.snapshot = snapshot, .err = err};
    struct hf_summary summary;
    int rc = 0;

    hf_summary_decode(object->summary, object->summary_len, &summary);
    *out = summary.kind == HF_KIND_LAYER_INDEX;
    if (summary.kind != HF_KIND_LAYER)
        return 0;
    rc = hf_snapshot_each_referrer(snapshot, &object->digest, see_referrer, &referrers, err);
    *out = referrers.has_layer && !referrers.has_other;
    return rc;
}
