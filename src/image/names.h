/*
 * image/names.h - moves names so that no image is left without one.
 *
 * Rules ("none images"): an image that loses its last name by a name that moves leaves in the same
 * record, or is given a digest name (repo@sha256:…) in it. It is given one when the caller or the
 * store's setting "keep-old" wants that, or while a durable hold is on it.
 */
#ifndef HF_IMAGE_NAMES_H
#define HF_IMAGE_NAMES_H

#include <holdfast/image.h>

#include "image/events.h"
#include "image/lists.h"

struct hf_name_point {
    const char *full_name; /* as hf_reference_normalize gives it */
    struct hf_digest target;
};

/*
 * Point names to objects that are put by this change or are in the store. What the names pointed to
 * is judged when all of them point to their new targets, so that names which exchange their images
 * lose nothing.
 *
 * For each name LOADED is queued (id: of the new image), and after it, when it pointed to another
 * image: REPLACED (that one leaves), MOVED (it has other names) or KEPT (text: its digest name).
 * A name that pointed to the same target already is left alone, and LOADED is queued all the same.
 *
 * Threads  within `decide`.
 */
HF_MUST_USE int hf_names_point_all(struct hf_change *change, const struct hf_name_point *points,
                                   size_t count, bool keep_old, struct hf_events *events,
                                   struct hf_error *err);

/* The same for one name. An archive of several uses hf_names_point_all. */
HF_MUST_USE int hf_names_point(struct hf_change *change, const char *full_name,
                               const struct hf_digest *target, bool keep_old,
                               struct hf_events *events, struct hf_error *err);

/*
 * Would an image leave with these names? Its target may go and the image stay, under another
 * manifest with the same config; a target that is no image leaves itself.
 *
 * without  names to think away, sorted; may be NULL
 * out_id   the image ID that leaves, the first of an index; may be NULL
 */
HF_MUST_USE int hf_names_image_leaves(const struct hf_snapshot *snapshot,
                                      const struct hf_digest *target,
                                      const struct hf_text_list *without, bool *out_leaves,
                                      struct hf_digest *out_id, struct hf_error *err);

/* BUSY, naming the holder, when there is a durable hold on `target`; else 0. `what` begins the
 * sentence: "app:1 is held by ...". */
HF_MUST_USE int hf_names_check_hold(const struct hf_snapshot *snapshot,
                                    const struct hf_digest *target, const char *what,
                                    struct hf_error *err);

/* The same, when `target` has no other names than those in `dropped` (sorted). */
HF_MUST_USE int hf_names_check_last(const struct hf_snapshot *snapshot,
                                    const struct hf_digest *target,
                                    const struct hf_text_list *dropped, const char *what,
                                    struct hf_error *err);

/* Does the store's setting ask for old images to be kept? */
HF_MUST_USE int hf_names_keep_old(const struct hf_snapshot *snapshot, bool *out_keep,
                                  struct hf_error *err);

/* The image ID of a target; of what is no image the target itself. */
HF_MUST_USE int hf_names_id_of(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                               struct hf_digest *out, struct hf_error *err);

/* Drop a name and queue UNTAGGED. */
HF_MUST_USE int hf_names_drop(struct hf_change *change, const char *full_name,
                              struct hf_events *events, struct hf_error *err);
/* Queue DELETED for an object that leaves, unless it is an index of a layer. */
void hf_names_note_removed(struct hf_events *events, const struct hf_object *object);
/* Queue DELETED for each object that leaves by this change. `events` must outlive the change. */
void hf_names_tell_removed(struct hf_change *change, struct hf_events *events);

#endif
