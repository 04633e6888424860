/* transfer/plan.c - collects what a commit shall do, and does it. */
#include "transfer/plan.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"
#include "image/graph.h"

#include <stdlib.h>
#include <string.h>

/* --- objects ---------------------------------------------------------------------------------- */

const struct hf_plan_object *hf_plan_find(const struct hf_plan *plan,
                                          const struct hf_digest *digest)
{
    size_t i;

    return hf_digest_map_get(&plan->by_digest, digest, &i) ? &plan->objects[i] : NULL;
}

static void release_object(struct hf_plan_object *object)
{
    free(object->refs);
    free(object->summary);
}

static int encode_summary(struct hf_plan_object *object, const struct hf_summary *summary,
                          struct hf_error *err)
{
    struct hf_buf buf = {0};

    hf_summary_encode(summary, &buf);
    object->summary_len = buf.len;
    object->summary = (uint8_t *)hf_buf_detach(&buf);
    return hf_buf_check(&buf, err); /* behind the detaching, which may fail too */
}

static int copy_refs(struct hf_plan_object *object, const struct hf_digest *refs, size_t count,
                     struct hf_error *err)
{
    if (count == 0)
        return 0;
    object->refs = calloc(count, sizeof(*refs));
    if (!object->refs)
        return hf_fail_memory(err);
    memcpy(object->refs, refs, count * sizeof(*refs));
    object->ref_count = count;
    return 0;
}

/* Always at the end, also when the digest is there: what it refers to may lie between. */
static int append(struct hf_plan *plan, struct hf_plan_object *object, struct hf_error *err)
{
    if (plan->object_count >= HF_PLAN_OBJECTS_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "the archive has more than %u objects",
                       HF_PLAN_OBJECTS_MAX);
    int rc = hf_array_grow(&plan->objects, &plan->object_capacity, plan->object_count,
                           sizeof(*plan->objects), err);
    if (rc == 0)
        rc = hf_digest_map_put(&plan->by_digest, &object->digest, plan->object_count, err);
    if (rc == 0)
        plan->objects[plan->object_count++] = *object;
    return rc;
}

int hf_plan_put(struct hf_plan *plan, const struct hf_digest *digest, uint64_t size_bytes,
                const struct hf_summary *summary, const struct hf_digest *refs, size_t ref_count,
                struct hf_error *err)
{
    const struct hf_plan_object *old = hf_plan_find(plan, digest);
    struct hf_plan_object object = {
        .digest = *digest, .kind = summary->kind, .size_bytes = size_bytes};

    if (old && !old->is_absent && (old->kind != HF_KIND_OTHER || summary->kind == HF_KIND_OTHER))
        return 0;
    int rc = encode_summary(&object, summary, err);
    if (rc == 0)
        rc = copy_refs(&object, refs, ref_count, err);
    if (rc == 0)
        rc = append(plan, &object, err);
    if (rc != 0)
        release_object(&object);
    return rc;
}

int hf_plan_put_absent(struct hf_plan *plan, const struct hf_digest *digest, uint64_t size_bytes,
                       const struct hf_summary *summary, struct hf_error *err)
{
    struct hf_plan_object object = {
        .digest = *digest, .kind = summary->kind, .size_bytes = size_bytes, .is_absent = true};

    if (hf_plan_find(plan, digest))
        return 0;
    int rc = encode_summary(&object, summary, err);
    if (rc == 0)
        rc = append(plan, &object, err);
    if (rc != 0)
        release_object(&object);
    return rc;
}

int hf_plan_attach(struct hf_plan *plan, const struct hf_digest *subject,
                   const struct hf_digest *artifact, struct hf_error *err)
{
    int rc = hf_array_grow(&plan->edges, &plan->edge_capacity, plan->edge_count,
                           sizeof(*plan->edges), err);

    if (rc == 0)
        plan->edges[plan->edge_count++] = (struct hf_plan_edge){*subject, *artifact};
    return rc;
}

int hf_plan_heal(struct hf_plan *plan, const struct hf_digest *digest, uint64_t size_bytes,
                 struct hf_error *err)
{
    return hf_digest_map_put(&plan->healed, digest, (size_t)size_bytes, err);
}

/* --- names ------------------------------------------------------------------------------------ */

int hf_plan_name(struct hf_plan *plan, const char *full_name, const struct hf_digest *target,
                 struct hf_error *err)
{
    char shown[HF_REFERENCE_MAX], one[HF_DIGEST_TEXT_MAX], two[HF_DIGEST_TEXT_MAX];
    struct hf_digest key;
    size_t at;

    hf_digest_of(full_name, strlen(full_name), &key);
    if (hf_digest_map_get(&plan->by_name, &key, &at)) {
        const struct hf_digest *other = &plan->points[at].target;
        if (hf_digest_compare(other, target) == 0)
            return 0;
        return hf_fail(err, HF_ERR_INPUT, "two images are named %s: %s and %s",
                       hf_reference_familiar(full_name, shown), hf_digest_text(other, one),
                       hf_digest_text(target, two));
    }
    int rc = hf_array_grow(&plan->points, &plan->point_capacity, plan->point_count,
                           sizeof(*plan->points), err);
    if (rc == 0)
        rc = hf_digest_map_put(&plan->by_name, &key, plan->point_count, err);
    if (rc != 0)
        return rc;
    char *copy = strdup(full_name);
    if (!copy)
        return hf_fail_memory(err);
    plan->points[plan->point_count++] = (struct hf_name_point){copy, *target};
    return 0;
}

/* --- the decision ----------------------------------------------------------------------------- */

/* What the catalog has of an object; zeroed when nothing. */
static int look_up(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                   struct hf_object *out, struct hf_error *err)
{
    struct hf_error why = {0};
    int rc = hf_snapshot_object(snapshot, digest, out, &why);

    if (rc == 0 || rc == HF_ERR_NOT_FOUND)
        return 0;
    if (err)
        *err = why;
    return rc;
}

/* A summary that says less than the one in the catalog must not replace it. */
static bool says_less(const struct hf_plan_object *object, const struct hf_object *there)
{
    struct hf_summary summary;

    hf_summary_decode(there->summary, there->summary_len, &summary);
    return object->kind == HF_KIND_OTHER && summary.kind != HF_KIND_OTHER;
}

static int compare_digests(const void *a, const void *b)
{
    return hf_digest_compare(a, b);
}

static int is_digest(void *arg, const struct hf_object *object)
{
    return hf_digest_compare(&object->digest, arg) == 0 ? HF_END : 0;
}

/*
 * Digests alone cannot make a circle, but the edge from a subject to its artifact goes against
 * them. Objects in a circle would keep each other for ever, without a name. A circle needs an
 * object that was there before and now refers to more.
 */
static int refuse_circle(const struct hf_snapshot *snapshot, const struct hf_object *there,
                         const struct hf_digest *refs, size_t count, struct hf_error *err)
{
    struct hf_digest digest = there->digest;
    char one[HF_DIGEST_TEXT_MAX], two[HF_DIGEST_TEXT_MAX];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (there->ref_count > 0 &&
            bsearch(&refs[i], there->refs, there->ref_count, sizeof(*refs), compare_digests))
            continue;
        rc = hf_objects_below(snapshot, &refs[i], is_digest, &digest, err);
        if (rc == HF_END)
            rc = hf_fail(err, HF_ERR_INPUT, "%s and %s refer to each other",
                         hf_digest_text(&digest, one), hf_digest_text(&refs[i], two));
    }
    return rc;
}

static int put_object(struct hf_change *change, const struct hf_plan_object *object,
                      struct hf_error *err)
{
    const struct hf_snapshot *snapshot = hf_change_snapshot(change);
    struct hf_object there = {0};

    if (object->is_absent)
        return hf_change_put_absent(change, &object->digest, object->size_bytes, object->summary,
                                    object->summary_len, err);
    int rc = look_up(snapshot, &object->digest, &there, err);
    if (rc == 0 && hf_digest_is_set(&there.digest))
        rc = refuse_circle(snapshot, &there, object->refs, object->ref_count, err);
    if (rc == 0)
        rc = hf_change_put_object(change, &object->digest, object->refs, object->ref_count,
                                  object->summary,
                                  says_less(object, &there) ? 0 : object->summary_len, err);
    hf_object_release(&there);
    return rc;
}

static int put_edge(struct hf_change *change, const struct hf_plan_edge *edge, struct hf_error *err)
{
    const struct hf_snapshot *snapshot = hf_change_snapshot(change);
    struct hf_object there = {0};
    int rc = hf_snapshot_object(snapshot, &edge->subject, &there, err);

    if (rc == 0)
        rc = refuse_circle(snapshot, &there, &edge->artifact, 1, err);
    if (rc == 0)
        rc = hf_change_put_object(change, &edge->subject, &edge->artifact, 1, NULL, 0, err);
    hf_object_release(&there);
    return rc;
}

static int put_all(const struct hf_plan *plan, struct hf_change *change, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < plan->object_count; i++)
        rc = put_object(change, &plan->objects[i], err);
    for (size_t i = 0; rc == 0 && i < plan->edge_count; i++)
        rc = put_edge(change, &plan->edges[i], err);
    return rc;
}

static int tell_healed(struct hf_plan *plan, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < plan->healed.capacity; i++) {
        const struct hf_digest_map_slot *slot = &plan->healed.slots[i];
        struct hf_image_event event = {
            .kind = HF_EVENT_HEALED, .id = slot->digest, .bytes = slot->value};
        if (hf_digest_is_set(&slot->digest) && hf_plan_find(plan, &slot->digest))
            rc = hf_events_add(&plan->events, &event, err);
    }
    return rc;
}

int hf_plan_decide(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct hf_plan *plan = arg;

    hf_events_clear(&plan->events);
    int rc = put_all(plan, change, err);
    if (rc == 0)
        rc = hf_names_point_all(change, plan->points, plan->point_count, plan->keep_old,
                                &plan->events, err);
    if (rc == 0)
        rc = tell_healed(plan, err);
    return rc;
}

void hf_plan_release(struct hf_plan *plan)
{
    for (size_t i = 0; i < plan->object_count; i++)
        release_object(&plan->objects[i]);
    for (size_t i = 0; i < plan->point_count; i++)
        free((char *)plan->points[i].full_name);
    free(plan->objects);
    free(plan->edges);
    free(plan->points);
    hf_digest_map_release(&plan->by_digest);
    hf_digest_map_release(&plan->by_name);
    hf_digest_map_release(&plan->healed);
    hf_events_release(&plan->events);
    *plan = (struct hf_plan){0};
}
