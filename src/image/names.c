/*
 * image/names.c - moves names so that no image is left without one.
 *
 * Always true: what becomes of an old image is judged after all names of the change point to their
 * new targets. Judged one by one, names that exchange their images would seem to lose both.
 */
#include "image/names.h"

#include "base/error.h"
#include "image/graph.h"
#include "oci/reference.h"
#include "image/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hf_names_image_leaves(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                          const struct hf_text_list *without, bool *out_leaves,
                          struct hf_digest *out_id, struct hf_error *err)
{
    struct hf_digest_set manifests = {0};
    struct hf_digest id = *target;
    bool reached = true;
    int rc = hf_image_manifests(snapshot, target, &manifests, err);

    if (rc == 0 && manifests.count == 0)
        rc = hf_is_reached(snapshot, target, without, &reached, err);
    for (size_t i = 0; rc == 0 && reached && i < manifests.count; i++) {
        struct hf_summary summary = {0};
        rc = hf_summary_of(snapshot, &manifests.items[i], &summary, err);
        id = summary.id;
        if (rc == 0)
            rc = hf_is_reached(snapshot, &id, without, &reached, err);
    }
    hf_digest_set_release(&manifests);
    if (rc != 0)
        return rc;
    *out_leaves = !reached;
    if (!reached && out_id)
        *out_id = id;
    return 0;
}

struct holder {
    const char *what;
    struct hf_error *err;
};

static int see_hold(void *arg, const struct hf_hold *hold)
{
    const struct holder *holder = arg;

    return hf_fail(holder->err, HF_ERR_BUSY, "%s is held by %s%s%s (hold %llu)", holder->what,
                   hold->owner, hold->reason[0] ? " for " : "", hold->reason,
                   (unsigned long long)hold->id);
}

int hf_names_check_hold(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                        const char *what, struct hf_error *err)
{
    struct holder holder = {.what = what, .err = err};

    return hf_snapshot_each_hold(snapshot, target, see_hold, &holder, err);
}

int hf_names_check_last(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                        const struct hf_text_list *dropped, const char *what, struct hf_error *err)
{
    struct hf_text_list names = {0};
    bool stays = false;
    int rc = hf_names_of(snapshot, target, &names, err);

    for (size_t i = 0; i < names.count && !stays; i++)
        stays = !hf_text_list_has_sorted(dropped, names.items[i]);
    hf_text_list_release(&names);
    return rc != 0 || stays ? rc : hf_names_check_hold(snapshot, target, what, err);
}

int hf_names_keep_old(const struct hf_snapshot *snapshot, bool *out_keep, struct hf_error *err)
{
    char value[8];
    int rc = hf_snapshot_setting(snapshot, "keep-old", value, sizeof(value), err);

    if (rc != 0 && rc != HF_ERR_NOT_FOUND)
        return rc;
    *out_keep = rc == 0 && strcmp(value, "1") == 0;
    return 0;
}

int hf_names_id_of(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                   struct hf_digest *out, struct hf_error *err)
{
    struct hf_image image;
    struct hf_error reason = {0};
    int rc = hf_image_describe(snapshot, target, NULL, &image, &reason);

    if (rc != 0 && rc != HF_ERR_NOT_FOUND) {
        if (err)
            *err = reason;
        return rc;
    }
    *out = rc == 0 ? image.id : *target;
    return 0;
}

/* --- one name that moved ---------------------------------------------------------------------- */

struct move {
    const char *name;
    struct hf_digest id; /* of the new image */
    struct hf_digest old_target;
    bool moved; /* it pointed to something else before */
};

static int point(struct hf_change *change, const struct hf_name_point *to, struct move *move,
                 struct hf_error *err)
{
    uint32_t flags = hf_reference_is_digest(to->full_name) ? HF_NAME_DIGEST : 0;
    struct hf_error reason = {0};
    struct hf_name old = {0};
    int rc = hf_snapshot_name(hf_change_snapshot(change), to->full_name, &old, &reason);
    bool there = rc == 0;

    if (rc != 0 && rc != HF_ERR_NOT_FOUND) {
        if (err)
            *err = reason;
        return rc;
    }
    move->name = to->full_name;
    move->moved = there && hf_digest_compare(&old.target, &to->target) != 0;
    move->old_target = old.target;
    /* A name that was only kept for an old image becomes one that somebody gave. */
    if (there && !move->moved && old.flags == flags)
        return 0;
    return hf_change_set_name(change, to->full_name, &to->target, flags, err);
}

static int keep_under_digest(struct hf_change *change, const struct move *move,
                             struct hf_image_event *event, char name[HF_REFERENCE_MAX],
                             struct hf_error *err)
{
    int rc = hf_reference_with_digest(move->name, &move->old_target, name, err);

    if (rc != 0)
        return rc;
    event->kind = HF_EVENT_KEPT;
    event->text = name;
    return hf_change_set_name(change, name, &move->old_target, HF_NAME_DIGEST | HF_NAME_KEPT, err);
}

static int count_names(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                       size_t *out, struct hf_error *err)
{
    struct hf_text_list names = {0};
    int rc = hf_names_of(snapshot, target, &names, err);

    *out = names.count;
    hf_text_list_release(&names);
    return rc;
}

/* Decide what becomes of the image that the name pointed to. A hold asks for a name of its target
 * itself; for all others it is enough that the image stays under any name. */
static int settle_old(struct hf_change *change, const struct move *move, bool keep,
                      struct hf_events *events, struct hf_error *err)
{
    const struct hf_snapshot *snapshot = hf_change_snapshot(change);
    struct hf_image_event event = {.name = move->name, .id = move->id};
    char digest_name[HF_REFERENCE_MAX];
    size_t name_count = 0;
    struct hf_digest left = {0};
    bool leaves = false;
    int rc = hf_names_id_of(snapshot, &move->old_target, &event.old_id, err);

    if (rc == 0)
        rc = count_names(snapshot, &move->old_target, &name_count, err);
    if (rc == 0)
        rc = hf_names_image_leaves(snapshot, &move->old_target, NULL, &leaves, &left, err);
    if (rc != 0)
        return rc;
    /* An index may leave by another of its platforms than the one it is known by. */
    if (leaves && hf_digest_compare(&event.id, &event.old_id) == 0)
        event.old_id = left;
    bool held = hf_names_check_hold(snapshot, &move->old_target, "", NULL) == HF_ERR_BUSY;
    if ((held && name_count == 0) || (leaves && keep))
        rc = keep_under_digest(change, move, &event, digest_name, err);
    else if (leaves)
        event.kind = HF_EVENT_REPLACED;
    else if (hf_digest_compare(&event.id, &event.old_id) != 0)
        event.kind = HF_EVENT_MOVED;
    else
        return 0;
    return rc == 0 ? hf_events_add(events, &event, err) : rc;
}

static int tell_and_settle(struct hf_change *change, struct move *move,
                           const struct hf_digest *target, bool keep, struct hf_events *events,
                           struct hf_error *err)
{
    struct hf_image_event loaded = {.kind = HF_EVENT_LOADED, .name = move->name};
    int rc = hf_names_id_of(hf_change_snapshot(change), target, &move->id, err);

    loaded.id = move->id;
    if (rc == 0)
        rc = hf_events_add(events, &loaded, err);
    return rc == 0 && move->moved ? settle_old(change, move, keep, events, err) : rc;
}

int hf_names_point_all(struct hf_change *change, const struct hf_name_point *points, size_t count,
                       bool keep_old, struct hf_events *events, struct hf_error *err)
{
    bool keep = false;
    int rc = hf_names_keep_old(hf_change_snapshot(change), &keep, err);

    if (rc != 0 || count == 0)
        return rc;
    struct move *moves = calloc(count, sizeof(*moves));
    if (!moves)
        return hf_fail_memory(err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = point(change, &points[i], &moves[i], err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = tell_and_settle(change, &moves[i], &points[i].target, keep || keep_old, events, err);
    free(moves);
    return rc;
}

int hf_names_point(struct hf_change *change, const char *full_name, const struct hf_digest *target,
                   bool keep_old, struct hf_events *events, struct hf_error *err)
{
    struct hf_name_point to = {.full_name = full_name, .target = *target};

    return hf_names_point_all(change, &to, 1, keep_old, events, err);
}

/* --- dropping --------------------------------------------------------------------------------- */

int hf_names_drop(struct hf_change *change, const char *full_name, struct hf_events *events,
                  struct hf_error *err)
{
    struct hf_image_event event = {.kind = HF_EVENT_UNTAGGED, .name = full_name};
    struct hf_name name;
    int rc = hf_snapshot_name(hf_change_snapshot(change), full_name, &name, err);

    if (rc == 0)
        rc = hf_names_id_of(hf_change_snapshot(change), &name.target, &event.id, err);
    if (rc == 0)
        rc = hf_change_drop_name(change, full_name, err);
    return rc == 0 ? hf_events_add(events, &event, err) : rc;
}

void hf_names_note_removed(struct hf_events *events, const struct hf_object *object)
{
    struct hf_summary summary;
    struct hf_image_event event = {
        .kind = HF_EVENT_DELETED,
        .id = object->digest,
        .bytes = object->state == HF_OBJECT_ABSENT ? 0 : object->size_bytes,
    };

    /* What people never loaded they need not be told of. */
    hf_summary_decode(object->summary, object->summary_len, &summary);
    if (summary.kind == HF_KIND_LAYER_INDEX)
        return;
    /* The change is decided. Without memory a line is missing in what is told, and no more. */
    hf_tolerate(hf_events_add(events, &event, NULL));
}

static void see_removed(void *arg, const struct hf_object *object)
{
    hf_names_note_removed(arg, object);
}

void hf_names_tell_removed(struct hf_change *change, struct hf_events *events)
{
    hf_change_on_removed(change, see_removed, events);
}
