/*
 * image/prune.c - ends expired holds and drops names that were kept for old images; with `all`,
 * every name of an image that nobody holds.
 *
 * Labels stand in configs, which a decision must not read. So the images that the filters fit are
 * found before, and the decision prunes only those of them that still are as they were.
 */
#include "image/filter.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "image/derive.h"
#include "image/graph.h"
#include "image/hold.h"
#include "image/names.h"
#include "image/note.h"
#include "image/resolve.h"
#include "io/io.h"

#include <stdlib.h>

/* Clocks of two calls, one after the other, may differ by this much without one being wrong. */
#define CLOCK_SLACK_NS 1000000000ull

struct prune {
    const struct hf_prune_options *options;
    struct hf_digest_set targets; /* with filters: what they fit */
    struct hf_text_list names;    /* and under which names, sorted */
    struct hf_events events;
    uint64_t removed_bytes;
};

/* What a prune would do to the catalog of one snapshot. */
struct plan {
    const struct prune *prune;
    const struct hf_snapshot *snapshot;
    uint64_t now_ns; /* 0: the clock is behind the log, and no hold expires */
    uint64_t *expired;
    size_t expired_count;
    struct hf_digest_set held; /* by holds that do not expire */
    struct hf_text_list names; /* to drop, sorted */
    struct hf_error *err;
};

static void plan_release(struct plan *plan)
{
    free(plan->expired);
    hf_digest_set_release(&plan->held);
    hf_text_list_release(&plan->names);
}

/* From a layer to what was derived from it. */
struct edge {
    struct hf_digest layer, part;
};
struct edges {
    struct edge *items;
    size_t count, capacity;
};

/* --- what to drop ----------------------------------------------------------------------------- */

static int see_hold(void *arg, const struct hf_hold *hold)
{
    struct plan *plan = arg;

    if (hold->expiry_ns == 0 || hold->expiry_ns > plan->now_ns)
        return hf_digest_set_add(&plan->held, &hold->target, NULL, plan->err);
    uint64_t *expired = reallocarray(plan->expired, plan->expired_count + 1, sizeof(*expired));
    if (!expired)
        return hf_fail_memory(plan->err);
    expired[plan->expired_count++] = hold->id;
    plan->expired = expired;
    return 0;
}

static bool filters_fit(const struct prune *prune, const struct hf_name *name)
{
    return prune->options->filter_count == 0 ||
           (hf_digest_set_has(&prune->targets, &name->target) &&
            hf_text_list_has_sorted(&prune->names, name->name));
}

/* Artifacts stay: `all` means images. */
static int is_image(const struct hf_snapshot *snapshot, const struct hf_digest *target, bool *out,
                    struct hf_error *err)
{
    struct hf_summary summary;
    int rc = hf_summary_of(snapshot, target, &summary, err);

    *out = rc == 0 && (summary.kind == HF_KIND_MANIFEST || summary.kind == HF_KIND_INDEX);
    return rc;
}

static int see_name(void *arg, const struct hf_name *name)
{
    struct plan *plan = arg;
    bool dropped = (name->flags & HF_NAME_KEPT) != 0;

    if (hf_digest_set_has(&plan->held, &name->target) || !filters_fit(plan->prune, name))
        return 0;
    if (!dropped && plan->prune->options->all) {
        int rc = is_image(plan->snapshot, &name->target, &dropped, plan->err);
        if (rc != 0)
            return rc;
    }
    return dropped ? hf_text_list_add(&plan->names, name->name, plan->err) : 0;
}

static int make_plan(struct plan *plan, struct hf_error *err)
{
    plan->err = err;
    int rc = hf_snapshot_each_hold(plan->snapshot, NULL, see_hold, plan, err);
    if (rc == 0)
        rc = hf_snapshot_each_name(plan->snapshot, NULL, see_name, plan, err);
    hf_text_list_sort(&plan->names);
    return rc;
}

/* --- with filters ----------------------------------------------------------------------------- */

struct filtering {
    struct prune *prune;
    struct hf_store *store;
    struct hf_describer describer;
    struct hf_filters filters;
    struct hf_error *err;
};

static int filter_name(void *arg, const struct hf_name *name)
{
    struct filtering *filtering = arg;
    struct prune *prune = filtering->prune;
    struct hf_image image;
    bool fits = false;
    int rc = hf_describe(&filtering->describer, &name->target, NULL, &image, filtering->err);

    if (rc == HF_ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = hf_filters_fit(&filtering->filters, filtering->store, name->name, &image, &fits,
                            filtering->err);
    if (rc == 0 && fits)
        rc = hf_digest_set_add(&prune->targets, &name->target, NULL, filtering->err);
    if (rc == 0 && fits)
        rc = hf_text_list_add(&prune->names, name->name, filtering->err);
    return rc;
}

static int find_fitting(struct prune *prune, struct hf_store *store, struct hf_error *err)
{
    struct hf_error reason = {0};
    struct filtering filtering = {.prune = prune, .store = store, .err = &reason};
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, &reason);

    filtering.describer.snapshot = snapshot;
    if (rc == 0)
        rc = hf_filters_parse(prune->options->filters, prune->options->filter_count, snapshot,
                              &filtering.filters, &reason);
    if (rc == 0)
        rc = hf_snapshot_each_name(snapshot, NULL, filter_name, &filtering, &reason);
    hf_text_list_sort(&prune->names);
    hf_filters_release(&filtering.filters);
    hf_describer_release(&filtering.describer);
    hf_snapshot_release(snapshot);
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

/* --- for real --------------------------------------------------------------------------------- */

static void see_removed(void *arg, const struct hf_object *object)
{
    struct prune *prune = arg;

    prune->removed_bytes += object->state == HF_OBJECT_ABSENT ? 0 : object->size_bytes;
    hf_names_note_removed(&prune->events, object);
}

static uint64_t trusted_now(const struct hf_change *change)
{
    uint64_t log_ns = hf_change_time_ns(change);
    uint64_t clock_ns = hf_io_now_ns(hf_io_posix());

    return clock_ns + CLOCK_SLACK_NS < log_ns ? 0 : clock_ns;
}

static int collect_edge(void *arg, const struct hf_digest *layer, const struct hf_object *part,
                        struct hf_error *err)
{
    struct edges *edges = arg;
    int rc =
        hf_array_grow(&edges->items, &edges->capacity, edges->count, sizeof(*edges->items), err);

    if (rc == 0)
        edges->items[edges->count++] = (struct edge){*layer, part->digest};
    return rc;
}

/* Listed first: what is walked must not change meanwhile. */
static int drop_derived(struct hf_change *change, struct hf_error *err)
{
    struct edges edges = {0};
    int rc = hf_derived_each_edge(hf_change_snapshot(change), collect_edge, &edges, err);

    for (size_t i = 0; rc == 0 && i < edges.count; i++)
        rc = hf_change_drop_refs(change, &edges.items[i].layer, &edges.items[i].part, 1, err);
    free(edges.items);
    return rc;
}

static int decide_prune(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct prune *prune = arg;
    struct plan plan = {
        .prune = prune, .snapshot = hf_change_snapshot(change), .now_ns = trusted_now(change)};

    hf_events_clear(&prune->events);
    prune->removed_bytes = 0;
    int rc = make_plan(&plan, err);
    for (size_t i = 0; rc == 0 && i < plan.expired_count; i++)
        rc = hf_change_drop_hold(change, plan.expired[i], err);
    for (size_t i = 0; rc == 0 && i < plan.names.count; i++)
        rc = hf_names_drop(change, plan.names.items[i], &prune->events, err);
    if (rc == 0 && prune->options->derived)
        rc = drop_derived(change, err);
    if (rc == 0)
        hf_change_on_removed(change, see_removed, prune);
    plan_release(&plan);
    return rc;
}

/* --- and what it would be --------------------------------------------------------------------- */

struct rehearsal {
    struct prune *prune;
    const struct plan *plan;
    struct hf_digest_set seen;
    struct hf_error *err;
};

static int see_below(void *arg, const struct hf_object *object)
{
    struct rehearsal *rehearsal = arg;
    bool added, reached = false;
    int rc = hf_digest_set_add(&rehearsal->seen, &object->digest, &added, rehearsal->err);

    if (rc == 0 && added)
        rc = hf_is_reached(rehearsal->plan->snapshot, &object->digest, &rehearsal->plan->names,
                           &reached, rehearsal->err);
    if (rc == 0 && added && !reached)
        see_removed(rehearsal->prune, object);
    return rc;
}

static int rehearse_edge(void *arg, const struct hf_digest *layer, const struct hf_object *part,
                         struct hf_error *err)
{
    struct rehearsal *rehearsal = arg;
    bool added = false, is_derived = false;
    int rc = hf_derived_is(rehearsal->plan->snapshot, part, &is_derived, err);

    if (rc == 0 && is_derived)
        rc = hf_digest_set_add(&rehearsal->seen, &part->digest, &added, err);
    if (rc == 0 && added)
        see_removed(rehearsal->prune, part);
    return rc;
}

static int rehearse_name(struct rehearsal *rehearsal, const char *name, struct hf_error *err)
{
    const struct hf_snapshot *snapshot = rehearsal->plan->snapshot;
    struct hf_image_event event = {.kind = HF_EVENT_UNTAGGED, .name = name};
    struct hf_name found;
    int rc = hf_snapshot_name(snapshot, name, &found, err);

    if (rc == 0)
        rc = hf_names_id_of(snapshot, &found.target, &event.id, err);
    if (rc == 0)
        rc = hf_events_add(&rehearsal->prune->events, &event, err);
    return rc == 0 ? hf_objects_below(snapshot, &found.target, see_below, rehearsal, err) : rc;
}

static int rehearse(struct prune *prune, struct hf_store *store, struct hf_error *err)
{
    struct plan plan = {.prune = prune, .now_ns = hf_io_now_ns(hf_io_posix())};
    struct rehearsal rehearsal = {.prune = prune, .plan = &plan, .err = err};
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    plan.snapshot = snapshot;
    if (rc == 0)
        rc = make_plan(&plan, err);
    for (size_t i = 0; rc == 0 && i < plan.names.count; i++)
        rc = rehearse_name(&rehearsal, plan.names.items[i], err);
    if (rc == 0 && prune->options->derived)
        rc = hf_derived_each_edge(snapshot, rehearse_edge, &rehearsal, err);
    hf_digest_set_release(&rehearsal.seen);
    plan_release(&plan);
    hf_snapshot_release(snapshot);
    return rc;
}

int hf_image_prune(struct hf_store *store, const struct hf_prune_options *options,
                   uint64_t *out_bytes, struct hf_error *err)
{
    static const struct hf_prune_options default_options;
    struct prune prune = {.options = options ? options : &default_options};
    struct hf_buf note = {0};
    int rc = 0;

    if (prune.options->filter_count > 0)
        rc = find_fitting(&prune, store, err);
    if (rc == 0 && prune.options->dry_run) {
        rc = rehearse(&prune, store, err);
    } else if (rc == 0) {
        hf_note_begin(&note, "prune");
        hf_note_add(&note, prune.options->all ? "all" : NULL);
        hf_note_add(&note, prune.options->derived ? "derived" : NULL);
        rc = hf_note_change(store, &note, decide_prune, &prune, err);
    }
    if (rc == 0)
        hf_events_tell(&prune.events, &prune.options->observer);
    if (rc == 0 && out_bytes)
        *out_bytes = prune.removed_bytes;
    hf_events_release(&prune.events);
    hf_digest_set_release(&prune.targets);
    hf_text_list_release(&prune.names);
    return rc;
}
