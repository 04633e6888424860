/*
 * image/graph.c - walks between names, manifests, configs and layers in the catalog.
 * Upwards by referrers (who keeps this?), downwards by references (what is below?).
 *
 * Always true: an object is visited once a walk, so that a walk ends whatever the catalog holds.
 */
#include "image/graph.h"

#include "base/error.h"

#include <stdlib.h>

int hf_walk_add(struct hf_walk *walk, const struct hf_digest *digest, struct hf_error *err)
{
    if (hf_digest_map_get(&walk->seen, digest, NULL))
        return 0;
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 16 : 2 * walk->capacity;
        struct hf_digest *todo = reallocarray(walk->todo, capacity, sizeof(*todo));
        if (!todo)
            return hf_fail_memory(err);
        walk->todo = todo;
        walk->capacity = capacity;
    }
    walk->todo[walk->count++] = *digest;
    return hf_digest_map_put(&walk->seen, digest, 0, err);
}

bool hf_walk_next(struct hf_walk *walk, struct hf_digest *out)
{
    if (walk->count == 0)
        return false;
    *out = walk->todo[--walk->count];
    return true;
}

void hf_walk_release(struct hf_walk *walk)
{
    hf_digest_map_release(&walk->seen);
    free(walk->todo);
    *walk = (struct hf_walk){0};
}

/* --- upwards ---------------------------------------------------------------------------------- */

struct climb {
    struct hf_walk walk;
    const struct hf_text_list *without;
    bool named; /* the object that is visited now has a name */
    struct hf_error *err;
};

static int see_referrer(void *arg, const struct hf_digest *object, const char *name)
{
    struct climb *climb = arg;

    if (object)
        return hf_walk_add(&climb->walk, object, climb->err);
    if (!hf_text_list_has_sorted(climb->without, name))
        climb->named = true;
    return 0;
}

/* Visit what refers to `start`, to the names. With `named` NULL the first name ends it. */
static int climb_to_names(const struct hf_snapshot *snapshot, const struct hf_digest *start,
                          const struct hf_text_list *without, struct hf_digest_set *named,
                          bool *out_reached, struct hf_error *err)
{
    struct climb climb = {.without = without, .err = err};
    struct hf_digest digest;
    bool reached = false;
    int rc = hf_walk_add(&climb.walk, start, err);

    while (rc == 0 && !(reached && !named) && hf_walk_next(&climb.walk, &digest)) {
        climb.named = false;
        rc = hf_snapshot_each_referrer(snapshot, &digest, see_referrer, &climb, err);
        if (rc == 0 && climb.named) {
            reached = true;
            if (named)
                rc = hf_digest_set_add(named, &digest, NULL, err);
        }
    }
    hf_walk_release(&climb.walk);
    if (rc == 0 && out_reached)
        *out_reached = reached;
    return rc;
}

int hf_named_above(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                   struct hf_digest_set *out, struct hf_error *err)
{
    return climb_to_names(snapshot, digest, NULL, out, NULL, err);
}

int hf_is_reached(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                  const struct hf_text_list *without, bool *out_reached, struct hf_error *err)
{
    return climb_to_names(snapshot, digest, without, NULL, out_reached, err);
}

struct collect {
    const struct hf_snapshot *snapshot;
    struct hf_text_list *names;
    struct hf_digest_set *objects;
    struct hf_error *err;
};

static int collect_name(void *arg, const struct hf_digest *object, const char *name)
{
    struct collect *collect = arg;

    return name ? hf_text_list_add(collect->names, name, collect->err) : 0;
}

int hf_names_of(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                struct hf_text_list *out, struct hf_error *err)
{
    struct collect collect = {.names = out, .err = err};

    return hf_snapshot_each_referrer(snapshot, target, collect_name, &collect, err);
}

static int collect_object(void *arg, const struct hf_digest *object, const char *name)
{
    struct collect *collect = arg;

    return object ? hf_digest_set_add(collect->objects, object, NULL, collect->err) : 0;
}

int hf_manifests_of_id(const struct hf_snapshot *snapshot, const struct hf_digest *id,
                       struct hf_digest_set *out, struct hf_error *err)
{
    struct hf_digest_set referrers = {0};
    struct collect collect = {.objects = &referrers, .err = err};
    int rc = hf_snapshot_each_referrer(snapshot, id, collect_object, &collect, err);

    for (size_t i = 0; rc == 0 && i < referrers.count; i++) {
        struct hf_summary summary;
        rc = hf_summary_of(snapshot, &referrers.items[i], &summary, err);
        /* An artifact may refer to the same bytes as its config, or as anything else. */
        if (rc == 0 && summary.kind == HF_KIND_MANIFEST && hf_digest_compare(&summary.id, id) == 0)
            rc = hf_digest_set_add(out, &referrers.items[i], NULL, err);
    }
    hf_digest_set_release(&referrers);
    return rc;
}

int hf_targets_of_id(const struct hf_snapshot *snapshot, const struct hf_digest *id,
                     struct hf_digest_set *out, struct hf_error *err)
{
    struct hf_digest_set manifests = {0};
    int rc = hf_manifests_of_id(snapshot, id, &manifests, err);

    for (size_t i = 0; rc == 0 && i < manifests.count; i++)
        rc = hf_named_above(snapshot, &manifests.items[i], out, err);
    hf_digest_set_release(&manifests);
    return rc;
}

int hf_names_of_id(const struct hf_snapshot *snapshot, const struct hf_digest *id,
                   struct hf_text_list *out, struct hf_error *err)
{
    struct hf_digest_set targets = {0};
    int rc = hf_targets_of_id(snapshot, id, &targets, err);

    for (size_t i = 0; rc == 0 && i < targets.count; i++)
        rc = hf_names_of(snapshot, &targets.items[i], out, err);
    hf_digest_set_release(&targets);
    hf_text_list_sort(out);
    return rc;
}

/* --- downwards -------------------------------------------------------------------------------- */

int hf_summary_of(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                  struct hf_summary *out, struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = hf_snapshot_object(snapshot, digest, &object, err);

    if (rc == 0)
        hf_summary_decode(object.summary, object.summary_len, out);
    hf_object_release(&object);
    return rc;
}

static int walk_refs(const struct hf_object *object, struct hf_walk *walk, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < object->ref_count; i++)
        rc = hf_walk_add(walk, &object->refs[i], err);
    return rc;
}

/* An index: its children are to be visited. A manifest: it is one of those looked for. */
static int see_below(const struct hf_object *object, struct hf_walk *walk,
                     struct hf_digest_set *manifests, struct hf_error *err)
{
    struct hf_summary summary;

    if (object->state == HF_OBJECT_ABSENT)
        return 0;
    hf_summary_decode(object->summary, object->summary_len, &summary);
    if (summary.kind == HF_KIND_MANIFEST)
        return hf_digest_set_add(manifests, &object->digest, NULL, err);
    return summary.kind == HF_KIND_INDEX ? walk_refs(object, walk, err) : 0;
}

int hf_image_manifests(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                       struct hf_digest_set *out, struct hf_error *err)
{
    struct hf_walk walk = {0};
    struct hf_digest digest;
    int rc = hf_walk_add(&walk, target, err);

    while (rc == 0 && hf_walk_next(&walk, &digest)) {
        struct hf_object object = {0};
        rc = hf_snapshot_object(snapshot, &digest, &object, err);
        if (rc == 0)
            rc = see_below(&object, &walk, out, err);
        hf_object_release(&object);
    }
    hf_walk_release(&walk);
    return rc;
}

int hf_objects_below(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                     hf_object_fn *fn, void *arg, struct hf_error *err)
{
    struct hf_walk walk = {0};
    struct hf_digest digest;
    int rc = hf_walk_add(&walk, target, err);

    while (rc == 0 && hf_walk_next(&walk, &digest)) {
        struct hf_object object = {0};
        rc = hf_snapshot_object(snapshot, &digest, &object, err);
        if (rc == 0)
            rc = fn(arg, &object);
        if (rc == 0)
            rc = walk_refs(&object, &walk, err);
        hf_object_release(&object);
    }
    hf_walk_release(&walk);
    return rc;
}
