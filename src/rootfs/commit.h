/*
 * rootfs/commit.h - a commit in the making. Private to commit*.c.
 *
 * It stands on a load (transfer/load.h): the transaction, the plan, the way of a layer and of a
 * config into both. commit.c has the order of the steps.
 */
#ifndef HF_ROOTFS_COMMIT_H
#define HF_ROOTFS_COMMIT_H

#include <holdfast/rootfs.h>

#include "oci/document.h"
#include "transfer/load.h"

#include <jansson.h>

/* The image that the difference stands on. Zeroed: none. */
struct hf_commit_parent {
    struct hf_image image;
    struct hf_config config;
    struct hf_descriptor *layers; /* each under the media type that its bytes have */
    size_t layer_count;
};

struct hf_commit {
    struct hf_load load;
    struct hf_load_options load_options;
    const struct hf_commit_options *options;
    const char *upper; /* NULL: the difference is a tar */
    const char *path;  /* the tar's; NULL: a descriptor */
    char name[HF_REFERENCE_MAX];
    struct hf_platform_parts platform; /* without a parent */
    struct hf_commit_parent parent;
    json_t *config; /* of the new image; changed already, ended when the layer is known */
    struct hf_member layer;
    bool has_layer; /* else the difference is empty */
    struct hf_digest id;
};

/* --- commit_parent.c -------------------------------------------------------------------------- */

/*
 * Find the parent, read its documents, and claim all that the new image will have in common with
 * it; that is in the plan then, so that it is put again should the parent leave meanwhile.
 */
HF_MUST_USE int hf_commit_claim_parent(struct hf_commit *commit, struct hf_error *err);
void hf_commit_release_parent(struct hf_commit_parent *parent);

/* --- commit_layer.c --------------------------------------------------------------------------- */

/* Stage the difference, and put it into the plan unless it is empty. */
HF_MUST_USE int hf_commit_take_layer(struct hf_commit *commit, struct hf_error *err);

/* --- commit_config.c -------------------------------------------------------------------------- */

/* USAGE for changes and texts that are malformed whatever the parent is. */
HF_MUST_USE int hf_commit_try_config(const struct hf_commit_options *options, struct hf_error *err);
/* commit->config: the parent's, or a new one, with the changes. */
HF_MUST_USE int hf_commit_begin_config(struct hf_commit *commit, struct hf_error *err);
/* Its end, with date, history and layer. *out_text is freed by the caller. */
HF_MUST_USE int hf_commit_end_config(struct hf_commit *commit, char **out_text,
                                     struct hf_error *err);

#endif
