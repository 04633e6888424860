/*
 * transfer/save_plan.h - what an archive will hold, before a byte of it is written.
 *
 * Selecting says which images; the formats make the list of files; writing follows the list. All of
 * it comes from one snapshot. Files have their final size before they are written, because a tar
 * says it in front of them.
 */
#ifndef HF_TRANSFER_SAVE_PLAN_H
#define HF_TRANSFER_SAVE_PLAN_H

#include <holdfast/image.h>

#include "base/buf.h"
#include "image/events.h"
#include "image/lists.h"

/* --- which images ----------------------------------------------------------------------------- */

struct hf_save_image {
    struct hf_digest target;   /* what its names point to */
    struct hf_digest manifest; /* the one of it to write; always told for docker's formats */
    bool has_manifest;
    struct hf_text_list names; /* to write with it, sorted, as the format can; may be empty */
};

struct hf_save_set {
    struct hf_save_image *items;
    size_t count;
    size_t capacity;
};

/*
 * What references mean. A name is written as it is; an ID brings all names that its image has,
 * unless `only_named`. References of one image are one.
 */
HF_MUST_USE int hf_save_select(const struct hf_snapshot *snapshot, const char *const *references,
                               size_t count, const struct hf_save_options *options,
                               struct hf_save_set *out, struct hf_error *err);
void hf_save_set_release(struct hf_save_set *set);

/* --- which files ------------------------------------------------------------------------------ */

enum hf_save_source {
    HF_SAVE_MADE,   /* from memory */
    HF_SAVE_STORED, /* an object as it is stored */
    HF_SAVE_PLAIN,  /* an object, inflated */
};

#define HF_SAVE_PATH_MAX 192

struct hf_save_file {
    char path[HF_SAVE_PATH_MAX];
    enum hf_save_source source;
    uint64_t size_bytes;     /* written */
    char *data;              /* MADE; owned */
    struct hf_digest object; /* STORED, PLAIN */
    uint64_t checksum;       /* of its bytes as they are stored */
    struct hf_blob *blob;    /* when it is open already; owned */
};

struct hf_save_plan {
    struct hf_save_file *files;
    size_t count;
    size_t capacity;
    uint64_t total_bytes;
    struct hf_events events; /* SAVED, to tell when all is written */
};

/* Takes what is in `data`. */
HF_MUST_USE int hf_save_plan_made(struct hf_save_plan *plan, const char *path, struct hf_buf *data,
                                  struct hf_error *err);
HF_MUST_USE int hf_save_plan_stored(struct hf_save_plan *plan, const char *path,
                                    const struct hf_object *object, struct hf_error *err);
HF_MUST_USE int hf_save_plan_plain(struct hf_save_plan *plan, const char *path,
                                   const struct hf_object *object, uint64_t plain_bytes,
                                   struct hf_error *err);
/* Queue SAVED for the names of an image, or for its ID when it is written without. */
HF_MUST_USE int hf_save_plan_tell(struct hf_save_plan *plan, const struct hf_text_list *names,
                                  const struct hf_digest *id, struct hf_error *err);
/* Sort by path; of files with one path, which are the same, one stays. */
void hf_save_plan_finish(struct hf_save_plan *plan);
void hf_save_plan_release(struct hf_save_plan *plan);

/* "blobs/sha256/HEX" */
const char *hf_save_blob_path(const struct hf_digest *digest, char path[HF_SAVE_PATH_MAX]);
/* An object that can be written: CORRUPT when it is damaged, NOT_FOUND when it was never fetched.
 * Released by the caller. */
HF_MUST_USE int hf_save_object(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                               struct hf_object *out, struct hf_error *err);

/* --- the formats ------------------------------------------------------------------------------ */

/* HYBRID and DOCKER_ARCHIVE (save_docker.c). Reads manifests and configs. */
HF_MUST_USE int hf_save_plan_docker(struct hf_store *store, const struct hf_snapshot *snapshot,
                                    const struct hf_save_set *set, enum hf_save_format format,
                                    struct hf_save_plan *plan, struct hf_error *err);
/* OCI_ARCHIVE and OCI_DIR (save_oci.c). */
HF_MUST_USE int hf_save_plan_oci(const struct hf_snapshot *snapshot, const struct hf_save_set *set,
                                 struct hf_save_plan *plan, struct hf_error *err);

#endif
