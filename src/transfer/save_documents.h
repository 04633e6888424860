/*
 * transfer/save_documents.h - the documents that an archive is read by: oci-layout and index.json,
 * manifest.json and repositories.
 *
 * Source: OCI image layout 1.1; "docker save" v1.2 as docker 25 and later write it.
 */
#ifndef HF_TRANSFER_SAVE_DOCUMENTS_H
#define HF_TRANSFER_SAVE_DOCUMENTS_H

#include "base/buf.h"
#include "image/lists.h"
#include "transfer/save_plan.h"

/* --- OCI layout ------------------------------------------------------------------------------- */

struct hf_save_root {
    char media_type[128];
    struct hf_digest digest;
    uint64_t size_bytes;
    const struct hf_text_list *names; /* full; one descriptor each; none: one without a name */
};

/* Adds oci-layout and index.json. */
HF_MUST_USE int hf_save_layout(struct hf_save_plan *plan, const struct hf_save_root *roots,
                               size_t count, struct hf_error *err);

/* --- docker ----------------------------------------------------------------------------------- */

struct hf_save_layer {
    struct hf_digest diff_id;
    uint64_t size_bytes; /* of the plain tar */
    char path[HF_SAVE_PATH_MAX];
};

struct hf_save_docker_image {
    char config_path[HF_SAVE_PATH_MAX];
    struct hf_text_list names; /* full, without digest names */
    struct hf_save_layer *layers;
    size_t layer_count;
};

/* Adds manifest.json, with LayerSources if asked for, and repositories if there is any name. */
HF_MUST_USE int hf_save_docker_documents(struct hf_save_plan *plan,
                                         const struct hf_save_docker_image *images, size_t count,
                                         bool with_sources, struct hf_error *err);

#endif
