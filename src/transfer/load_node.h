/*
 * transfer/load_node.h - one place in an OCI layout while it is walked. Private to load_oci.c
 * (indexes) and load_manifest.c (manifests).
 *
 * A node is a manifest or an index. A node below an index may be ABSENT: not in the archive, or
 * only in part (other platforms, when an engine never fetched them). One that index.json names
 * itself must be whole. Artifacts (attestations, signatures, charts) are manifests that are no
 * image; below an index it keeps them, else their subject or a name of their own does.
 */
#ifndef HF_TRANSFER_LOAD_NODE_H
#define HF_TRANSFER_LOAD_NODE_H

#include "transfer/load.h"

#define HF_NO_PLATFORM "unknown/unknown" /* how builders mark attestations */

enum hf_node_kind { HF_NODE_ABSENT, HF_NODE_IMAGE, HF_NODE_INDEX, HF_NODE_ARTIFACT };

struct hf_load_node {
    const struct hf_descriptor *descriptor;
    char label[96];          /* "index.json manifests[0]", "sha256:… manifests[2]" */
    unsigned depth;          /* 0: named by index.json itself */
    size_t image;            /* the image that it belongs to */
    enum hf_node_kind kind;  /* the result */
    struct hf_digest target; /* the descriptor's, unless another manifest was made */
};

/* Where the bytes of what a descriptor names are, NULL: not in the archive. A size that differs is
 * an error. */
HF_MUST_USE int hf_load_find_part(struct hf_load *load, const struct hf_load_node *node,
                                  const struct hf_descriptor *part, struct hf_member **out,
                                  struct hf_error *err);
/* INPUT: `what` that this descriptor names is not in the archive. */
HF_MUST_USE int hf_load_missing(const struct hf_load_node *node, const struct hf_descriptor *part,
                                const char *what, struct hf_error *err);

/* Check and plan the manifest of a node with all that it names; sets node->kind. */
HF_MUST_USE int hf_load_take_manifest(struct hf_load *load, struct hf_load_node *node,
                                      struct hf_member *member, const struct hf_document *document,
                                      struct hf_error *err);

#endif
