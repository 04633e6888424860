/*
 * image/hold.c - durable holds. A name that was kept for an old image only because of its holds
 * goes with the last of them.
 */
#include "image/hold.h"

#include "base/buf.h"
#include "base/error.h"
#include "image/graph.h"
#include "image/names.h"
#include "image/note.h"
#include "image/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000ull

/* --- hold ------------------------------------------------------------------------------------- */

struct holding {
    const char *reference;
    const struct hf_hold_options *options;
    uint64_t id;
};

static int decide_hold(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct holding *holding = arg;
    uint64_t now_ns = hf_change_time_ns(change);
    struct hf_image image;
    int rc = hf_resolve_image(hf_change_snapshot(change), holding->reference, NULL, &image, err);

    if (rc != 0)
        return rc;
    struct hf_hold hold = {
        .target = image.target,
        .owner = holding->options->owner,
        .reason = holding->options->reason ? holding->options->reason : "",
        .name = image.name,
    };
    if (holding->options->expires_s > (UINT64_MAX - now_ns) / NS_PER_S)
        return hf_fail(err, HF_ERR_USAGE, "a hold cannot expire that late");
    if (holding->options->expires_s > 0)
        hold.expiry_ns = now_ns + holding->options->expires_s * NS_PER_S;
    return hf_change_add_hold(change, &hold, &holding->id, err);
}

int hf_image_hold(struct hf_store *store, const char *reference,
                  const struct hf_hold_options *options, uint64_t *out_id, struct hf_error *err)
{
    struct holding holding = {.reference = reference, .options = options};
    struct hf_buf note = {0};

    if (!options || !options->owner || options->owner[0] == '\0')
        return hf_fail(err, HF_ERR_USAGE, "a hold needs an owner");
    hf_note_begin(&note, "hold");
    hf_note_add(&note, reference);
    hf_note_add(&note, options->owner);
    int rc = hf_note_change(store, &note, decide_hold, &holding, err);
    if (rc == 0 && out_id)
        *out_id = holding.id;
    return rc;
}

/* --- release ---------------------------------------------------------------------------------- */

struct found_holds {
    const uint64_t *ids;
    size_t id_count;
    bool *found; /* for each ID */
    struct hf_digest_set targets;
    struct hf_error *err;
};

static int see_hold(void *arg, const struct hf_hold *hold)
{
    struct found_holds *holds = arg;

    for (size_t i = 0; i < holds->id_count; i++) {
        if (holds->ids[i] != hold->id)
            continue;
        holds->found[i] = true;
        return hf_digest_set_add(&holds->targets, &hold->target, NULL, holds->err);
    }
    return 0;
}

/* A name kept for the target, with what else points to it left alone. */
static int drop_kept(struct hf_change *change, const struct hf_digest *target,
                     struct hf_events *events, struct hf_error *err)
{
    struct hf_text_list names = {0};
    int rc = hf_names_of(hf_change_snapshot(change), target, &names, err);

    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        struct hf_name name;
        rc = hf_snapshot_name(hf_change_snapshot(change), names.items[i], &name, err);
        if (rc == 0 && (name.flags & HF_NAME_KEPT) != 0)
            rc = hf_names_drop(change, names.items[i], events, err);
    }
    hf_text_list_release(&names);
    return rc;
}

int hf_holds_drop_kept(struct hf_change *change, const struct hf_digest_set *targets,
                       struct hf_events *events, struct hf_error *err)
{
    struct hf_error why = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < targets->count; i++) {
        rc = hf_names_check_hold(hf_change_snapshot(change), &targets->items[i], "", &why);
        if (rc == HF_ERR_BUSY)
            rc = 0;
        else if (rc == 0)
            rc = drop_kept(change, &targets->items[i], events, &why);
    }
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

struct releasing {
    const uint64_t *ids;
    size_t count;
    struct hf_events events;
};

static int release_ids(const struct releasing *releasing, struct hf_change *change,
                       struct hf_digest_set *targets, struct hf_error *err)
{
    struct found_holds holds = {.ids = releasing->ids, .id_count = releasing->count, .err = err};

    holds.found = calloc(releasing->count, sizeof(*holds.found));
    if (!holds.found)
        return hf_fail_memory(err);
    int rc = hf_snapshot_each_hold(hf_change_snapshot(change), NULL, see_hold, &holds, err);
    for (size_t i = 0; rc == 0 && i < releasing->count; i++) {
        if (holds.found[i])
            rc = hf_change_drop_hold(change, releasing->ids[i], err);
        else
            rc = hf_fail(err, HF_ERR_NOT_FOUND, "no such hold: %llu",
                         (unsigned long long)releasing->ids[i]);
    }
    free(holds.found);
    *targets = holds.targets;
    return rc;
}

static int decide_release(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct releasing *releasing = arg;
    struct hf_digest_set targets = {0};
    bool keep = false;

    hf_events_clear(&releasing->events);
    int rc = release_ids(releasing, change, &targets, err);
    if (rc == 0)
        rc = hf_names_keep_old(hf_change_snapshot(change), &keep, err);
    /* The setting keeps old images whether they are held or not, until `prune`. */
    if (rc == 0 && !keep)
        rc = hf_holds_drop_kept(change, &targets, &releasing->events, err);
    if (rc == 0)
        hf_names_tell_removed(change, &releasing->events);
    hf_digest_set_release(&targets);
    return rc;
}

/* Each once, in the order given. Returns how many are left. */
static size_t unique_ids(uint64_t *ids, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        size_t place = 0;
        while (place < kept && ids[place] != ids[i])
            place++;
        if (place == kept)
            ids[kept++] = ids[i];
    }
    return kept;
}

int hf_image_release_holds(struct hf_store *store, const uint64_t *ids, size_t count,
                           const struct hf_observer *observer, struct hf_error *err)
{
    struct releasing releasing = {0};
    struct hf_buf note = {0};

    if (count == 0)
        return 0;
    uint64_t *own = calloc(count, sizeof(*own));
    if (!own)
        return hf_fail_memory(err);
    memcpy(own, ids, count * sizeof(*own));
    releasing.ids = own;
    releasing.count = unique_ids(own, count);
    hf_note_begin(&note, "release");
    for (size_t i = 0; i < releasing.count; i++) {
        char text[24];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)own[i]);
        hf_note_add(&note, text);
    }
    int rc = hf_note_change(store, &note, decide_release, &releasing, err);
    if (rc == 0)
        hf_events_tell(&releasing.events, observer);
    hf_events_release(&releasing.events);
    free(own);
    return rc;
}
