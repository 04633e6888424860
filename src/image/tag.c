/*
 * image/tag.c - tag and untag. Neither takes an image's last name unless that was asked for: a
 * mistyped `tag a b` must not destroy b on a machine that cannot fetch it again.
 */
#include "image/names.h"

#include "base/buf.h"
#include "base/error.h"
#include "image/note.h"
#include "oci/reference.h"
#include "image/resolve.h"

#include <string.h>

static const struct hf_name_options default_options;

/* --- tag -------------------------------------------------------------------------------------- */

struct tag {
    const char *source;
    char target[HF_REFERENCE_MAX];
    const struct hf_name_options *options;
    struct hf_events events;
};

/* An ID of a manifest or index means that one; the ID of a config what people see under it. */
static int find_source(const struct hf_snapshot *snapshot, const char *source,
                       struct hf_digest *out, struct hf_error *err)
{
    struct hf_resolved resolved = {0};
    struct hf_image image;
    int rc = hf_resolve_image(snapshot, source, NULL, &image, err);

    if (rc == 0)
        rc = hf_resolve(snapshot, source, &resolved, err);
    if (rc == 0) {
        bool is_config = hf_digest_compare(&resolved.object, &image.id) == 0;
        *out = is_config ? image.target : resolved.object;
    }
    hf_resolved_release(&resolved);
    return rc;
}

static int refuse_replacing(const struct hf_events *events, struct hf_error *err)
{
    char shown[HF_REFERENCE_MAX], id[HF_DIGEST_TEXT_MAX];

    for (size_t i = 0; i < events->count; i++) {
        const struct hf_image_event *event = &events->items[i];
        if (event->kind == HF_EVENT_REPLACED)
            return hf_fail(
                err, HF_ERR_REFUSED, "%s is the last name of image %.12s, which would be removed",
                hf_reference_familiar(event->name, shown), hf_digest_hex(&event->old_id, id));
    }
    return 0;
}

static int decide_tag(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct tag *tag = arg;
    struct hf_digest target;

    hf_events_clear(&tag->events);
    int rc = find_source(hf_change_snapshot(change), tag->source, &target, err);
    if (rc == 0)
        rc =
            hf_names_point(change, tag->target, &target, tag->options->keep_old, &tag->events, err);
    if (rc == 0 && !tag->options->force)
        rc = refuse_replacing(&tag->events, err);
    if (rc == 0)
        hf_names_tell_removed(change, &tag->events);
    return rc;
}

int hf_image_tag(struct hf_store *store, const char *source, const char *target,
                 const struct hf_name_options *options, struct hf_error *err)
{
    struct tag tag = {.source = source, .options = options ? options : &default_options};
    struct hf_buf note = {0};
    int rc = hf_reference_normalize(target, tag.target, err);

    if (rc == 0 && hf_reference_is_digest(tag.target))
        rc = hf_fail(err, HF_ERR_USAGE, "a name with a digest is not given by tag: %.100s", target);
    if (rc != 0)
        return rc;
    hf_note_begin(&note, "tag");
    hf_note_add(&note, source);
    hf_note_add(&note, target);
    rc = hf_note_change(store, &note, decide_tag, &tag, err);
    if (rc == 0)
        hf_events_tell(&tag.events, &tag.options->observer);
    hf_events_release(&tag.events);
    return rc;
}

/* --- untag ------------------------------------------------------------------------------------ */

struct untag {
    const char *const *names;
    size_t count;
    const struct hf_name_options *options;
    struct hf_events events;
};

/* Full names, sorted, each once. */
static int find_names(const struct hf_snapshot *snapshot, const struct untag *untag,
                      struct hf_text_list *out, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < untag->count; i++) {
        struct hf_resolved resolved = {0};
        rc = hf_resolve(snapshot, untag->names[i], &resolved, err);
        if (rc == 0 && resolved.name[0] == '\0')
            rc = hf_fail(err, HF_ERR_NOT_FOUND, "no such name: %.100s", untag->names[i]);
        if (rc == 0)
            rc = hf_text_list_add(out, resolved.name, err);
        hf_resolved_release(&resolved);
    }
    hf_text_list_sort(out);
    return rc;
}

static int check_untag(const struct hf_snapshot *snapshot, const struct hf_text_list *dropped,
                       const char *name, bool force, struct hf_error *err)
{
    char shown[HF_REFERENCE_MAX], id[HF_DIGEST_TEXT_MAX];
    struct hf_digest image_id;
    struct hf_name found;
    bool leaves = false;
    int rc = hf_snapshot_name(snapshot, name, &found, err);

    hf_reference_familiar(name, shown);
    if (rc == 0)
        rc = hf_names_check_last(snapshot, &found.target, dropped, shown, err);
    if (rc == 0 && !force)
        rc = hf_names_image_leaves(snapshot, &found.target, dropped, &leaves, &image_id, err);
    if (rc != 0 || !leaves)
        return rc;
    return hf_fail(err, HF_ERR_REFUSED,
                   "%s is the last name of image %.12s, which would be removed", shown,
                   hf_digest_hex(&image_id, id));
}

static int decide_untag(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct untag *untag = arg;
    struct hf_text_list names = {0};

    hf_events_clear(&untag->events);
    int rc = find_names(hf_change_snapshot(change), untag, &names, err);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = check_untag(hf_change_snapshot(change), &names, names.items[i], untag->options->force,
                         err);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = hf_names_drop(change, names.items[i], &untag->events, err);
    if (rc == 0)
        hf_names_tell_removed(change, &untag->events);
    hf_text_list_release(&names);
    return rc;
}

int hf_image_untag(struct hf_store *store, const char *const *names, size_t count,
                   const struct hf_name_options *options, struct hf_error *err)
{
    struct untag untag = {
        .names = names, .count = count, .options = options ? options : &default_options};
    struct hf_buf note = {0};

    hf_note_begin(&note, "untag");
    for (size_t i = 0; i < count; i++)
        hf_note_add(&note, names[i]);
    int rc = hf_note_change(store, &note, decide_untag, &untag, err);
    if (rc == 0)
        hf_events_tell(&untag.events, &untag.options->observer);
    hf_events_release(&untag.events);
    return rc;
}
