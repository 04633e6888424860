/*
 * image/graph.h - walks between names, manifests, configs and layers in the catalog. Nothing here
 * opens a file.
 *
 * A *target* is what names point to: a manifest or an index (or an artifact).
 */
#ifndef HF_IMAGE_GRAPH_H
#define HF_IMAGE_GRAPH_H

#include <holdfast/image.h>

#include "base/digest_map.h"
#include "image/lists.h"
#include "image/summary.h"

/* Objects still to visit; each is given once, however often it is added. Zeroed is empty. */
struct hf_walk {
    struct hf_digest_map seen;
    struct hf_digest *todo;
    size_t count;
    size_t capacity;
};
HF_MUST_USE int hf_walk_add(struct hf_walk *walk, const struct hf_digest *digest,
                            struct hf_error *err);
bool hf_walk_next(struct hf_walk *walk, struct hf_digest *out); /* false: none is left */
void hf_walk_release(struct hf_walk *walk);

/* An object's summary without the object. NOT_FOUND as hf_snapshot_object. */
HF_MUST_USE int hf_summary_of(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                              struct hf_summary *out, struct hf_error *err);

/* --- upwards ---------------------------------------------------------------------------------- */

/* Names that point to `target` itself, ascending, after what is in the list. */
HF_MUST_USE int hf_names_of(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                            struct hf_text_list *out, struct hf_error *err);
/* Objects above `digest`, or `digest` itself, that names point to. */
HF_MUST_USE int hf_named_above(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                               struct hf_digest_set *out, struct hf_error *err);
/* Does any name reach the object, directly or through other objects? Names in `without` (sorted;
 * may be NULL) are thought away. */
HF_MUST_USE int hf_is_reached(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                              const struct hf_text_list *without, bool *out_reached,
                              struct hf_error *err);
/* The manifests of an image ID: those whose config it is. */
HF_MUST_USE int hf_manifests_of_id(const struct hf_snapshot *snapshot, const struct hf_digest *id,
                                   struct hf_digest_set *out, struct hf_error *err);
/* Targets that have an image of this ID in them. */
HF_MUST_USE int hf_targets_of_id(const struct hf_snapshot *snapshot, const struct hf_digest *id,
                                 struct hf_digest_set *out, struct hf_error *err);
/* Names of these targets, sorted. */
HF_MUST_USE int hf_names_of_id(const struct hf_snapshot *snapshot, const struct hf_digest *id,
                               struct hf_text_list *out, struct hf_error *err);

/* --- downwards -------------------------------------------------------------------------------- */

/* Manifests of images below a target (itself, unless it is an index) that are not ABSENT. */
HF_MUST_USE int hf_image_manifests(const struct hf_snapshot *snapshot,
                                   const struct hf_digest *target, struct hf_digest_set *out,
                                   struct hf_error *err);
/* `fn` for `target` and every object below it, each once; non-zero ends it and is returned. */
HF_MUST_USE int hf_objects_below(const struct hf_snapshot *snapshot, const struct hf_digest *target,
                                 hf_object_fn *fn, void *arg, struct hf_error *err);

#endif
