/*
 * image/remove.c - rmi. A name drops that name, an ID its image.
 *
 * Always true:
 *  (1) all references are resolved before any name is dropped: `rmi ID a:1` means the same whether
 *      or not a:1 is the name of ID;
 *  (2) names are dropped before IDs are judged, so that an ID whose other names were asked for too
 *      is not refused for having several;
 *  (3) without keep_going the first refusal refuses all. With it, a reference that is refused
 *      drops nothing.
 */
#include "image/names.h"

#include "base/buf.h"
#include "base/error.h"
#include "image/graph.h"
#include "image/note.h"
#include "oci/reference.h"
#include "image/resolve.h"

#include <stdio.h>
#include <stdlib.h>

#define NAMES_SHOWN 10

static const struct hf_name_options default_options;

struct removal {
    const char *const *references;
    size_t count;
    const struct hf_name_options *options;
    struct hf_resolved *resolved; /* targets.count 0: not found, or refused already */
    struct hf_events events;
    struct hf_error refusal; /* the first, with keep_going */
    size_t dropped_count;
};

/* A refusal ends the whole, or this reference only. Other errors always end it. */
static int refuse_or_go_on(struct removal *removal, int rc, const struct hf_error *reason,
                           struct hf_error *err)
{
    bool is_refusal = rc == HF_ERR_NOT_FOUND || rc == HF_ERR_AMBIGUOUS || rc == HF_ERR_REFUSED ||
                      rc == HF_ERR_BUSY;

    if (rc == 0)
        return 0;
    if (is_refusal && removal->options->keep_going) {
        if (removal->refusal.code == 0)
            removal->refusal = *reason;
        return 0;
    }
    if (err)
        *err = *reason;
    return rc;
}

static int resolve_all(struct removal *removal, const struct hf_snapshot *snapshot,
                       struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < removal->count; i++) {
        struct hf_error reason = {0};
        hf_resolved_release(&removal->resolved[i]);
        rc = hf_resolve(snapshot, removal->references[i], &removal->resolved[i], &reason);
        if (rc == HF_ERR_NOT_FOUND && removal->options->force)
            rc = 0;
        rc = refuse_or_go_on(removal, rc, &reason, err);
    }
    return rc;
}

/* --- by name ---------------------------------------------------------------------------------- */

static int drop_name(struct removal *removal, struct hf_change *change, const char *name,
                     struct hf_error *err)
{
    char *only[1] = {(char *)name};
    const struct hf_text_list dropped = {.items = only, .count = 1};
    char shown[HF_REFERENCE_MAX];
    struct hf_error reason = {0};
    struct hf_name found;
    int rc = hf_snapshot_name(hf_change_snapshot(change), name, &found, &reason);

    if (rc == HF_ERR_NOT_FOUND)
        return 0; /* another argument has dropped it */
    if (rc == 0)
        rc = hf_names_check_last(hf_change_snapshot(change), &found.target, &dropped,
                                 hf_reference_familiar(name, shown), &reason);
    if (rc != 0)
        return refuse_or_go_on(removal, rc, &reason, err);
    removal->dropped_count++;
    return hf_names_drop(change, name, &removal->events, err);
}

/* --- by ID ------------------------------------------------------------------------------------ */

static int refuse_several(const char *reference, const struct hf_text_list *names,
                          struct hf_error *err)
{
    char shown[HF_REFERENCE_MAX];
    struct hf_buf list = {0};

    for (size_t i = 0; i < names->count && i < NAMES_SHOWN; i++)
        hf_buf_printf(&list, "%s%s", i > 0 ? ", " : "",
                      hf_reference_familiar(names->items[i], shown));
    const char *text = hf_buf_text(&list);
    int rc = hf_fail(err, HF_ERR_REFUSED, "image %.80s has several names: %s%s", reference,
                     text ? text : "", names->count > NAMES_SHOWN ? ", ..." : "");
    hf_buf_release(&list);
    return rc;
}

static int check_id(const struct removal *removal, const struct hf_snapshot *snapshot,
                    const char *reference, const struct hf_resolved *resolved,
                    const struct hf_text_list *names, struct hf_error *err)
{
    char what[HF_REFERENCE_MAX];
    int rc = 0;

    if (names->count > 1 && !removal->options->force)
        return refuse_several(reference, names, err);
    snprintf(what, sizeof(what), "image %.80s", reference);
    for (size_t i = 0; rc == 0 && i < resolved->targets.count; i++)
        rc = hf_names_check_hold(snapshot, &resolved->targets.items[i], what, err);
    return rc;
}

static int drop_image(struct removal *removal, struct hf_change *change, size_t index,
                      struct hf_error *err)
{
    const struct hf_resolved *resolved = &removal->resolved[index];
    struct hf_text_list names = {0};
    struct hf_error reason = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < resolved->targets.count; i++)
        rc = hf_names_of(hf_change_snapshot(change), &resolved->targets.items[i], &names, &reason);
    hf_text_list_sort(&names);
    if (rc == 0 && names.count > 0)
        rc = check_id(removal, hf_change_snapshot(change), removal->references[index], resolved,
                      &names, &reason);
    bool refused = rc != 0;
    rc = refuse_or_go_on(removal, rc, &reason, err);
    for (size_t i = 0; rc == 0 && !refused && i < names.count; i++) {
        removal->dropped_count++;
        rc = hf_names_drop(change, names.items[i], &removal->events, err);
    }
    hf_text_list_release(&names);
    return rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int decide_remove(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct removal *removal = arg;

    hf_events_clear(&removal->events);
    removal->refusal = (struct hf_error){0};
    removal->dropped_count = 0;
    int rc = resolve_all(removal, hf_change_snapshot(change), err); /* (1) */
    for (size_t i = 0; rc == 0 && i < removal->count; i++) {
        if (removal->resolved[i].name[0] != '\0')
            rc = drop_name(removal, change, removal->resolved[i].name, err);
    }
    for (size_t i = 0; rc == 0 && i < removal->count; i++) { /* (2) */
        if (removal->resolved[i].name[0] == '\0')
            rc = drop_image(removal, change, i, err);
    }
    if (rc == 0 && removal->dropped_count == 0 && removal->refusal.code != 0) {
        if (err)
            *err = removal->refusal;
        rc = removal->refusal.code;
    }
    if (rc == 0)
        hf_names_tell_removed(change, &removal->events);
    return rc;
}

static void removal_release(struct removal *removal)
{
    for (size_t i = 0; removal->resolved && i < removal->count; i++)
        hf_resolved_release(&removal->resolved[i]);
    free(removal->resolved);
    hf_events_release(&removal->events);
}

int hf_image_remove(struct hf_store *store, const char *const *references, size_t count,
                    const struct hf_name_options *options, struct hf_error *err)
{
    struct removal removal = {
        .references = references, .count = count, .options = options ? options : &default_options};
    struct hf_buf note = {0};

    if (count == 0)
        return 0;
    removal.resolved = calloc(count, sizeof(*removal.resolved));
    if (!removal.resolved)
        return hf_fail_memory(err);
    hf_note_begin(&note, "rmi");
    for (size_t i = 0; i < count; i++)
        hf_note_add(&note, references[i]);
    int rc = hf_note_change(store, &note, decide_remove, &removal, err);
    if (rc == 0)
        hf_events_tell(&removal.events, &removal.options->observer);
    if (rc == 0 && removal.refusal.code != 0) {
        if (err)
            *err = removal.refusal;
        rc = removal.refusal.code;
    }
    removal_release(&removal);
    return rc;
}
