/*
 * transfer/load.h - a load in the making. Private to load*.c, folder.c and import.c.
 *
 * One pass: every member is taken in as it comes (intake.c), before anybody knows what it is.
 * Then the documents say what the members are (load_oci.c, load_docker.c), every blob that one
 * of them names is checked and settled (load_blob.c), the images get their names (load_names.c),
 * and one commit makes them visible (load.c). What no document names is dropped with the
 * transaction.
 */
#ifndef HF_TRANSFER_LOAD_H
#define HF_TRANSFER_LOAD_H

#include <holdfast/image.h>

#include "archive/archive.h"
#include "oci/document.h"
#include "transfer/hints.h"
#include "image/lists.h"
#include "transfer/member.h"
#include "transfer/plan.h"

#define HF_LOAD_SMALL_BYTES  (128u * 1024u)        /* any member up to this stays in memory ... */
#define HF_LOAD_MEMORY_BYTES (16u * 1024u * 1024u) /* ... and JSON too, up to this together */
#define HF_LOAD_NONE         SIZE_MAX
#define HF_LOAD_INDEX_DEPTH  4 /* an index in an index in ... */

/* What a name of the archive shall point to. */
struct hf_load_image {
    struct hf_digest target;   /* manifest or index (or artifact) */
    struct hf_digest id;       /* config of it, or of one of its manifests; unset: an artifact */
    char label[96];            /* where it stands: "index.json manifests[0]" */
    struct hf_text_list names; /* full */
    struct hf_text_list tags;  /* bare tags: they need a repository */
    struct hf_digest subject;  /* of an artifact; else not set */
    bool is_kept;              /* by its subject: it needs no name */
    bool is_done;              /* its objects are in the plan */
};

/* A manifest that is whole in the archive, and the image (by number) that it was found in. */
struct hf_load_manifest {
    struct hf_digest config, manifest;
    size_t image;
    size_t next; /* another one with the same config; HF_LOAD_NONE at the end */
};

struct hf_load {
    struct hf_store *store;
    struct hf_txn *txn;
    const struct hf_load_options *options;
    struct hf_snapshot *before; /* what was derived already; NULL until somebody asks */
    struct hf_source source;
    struct hf_hints hints;
    struct hf_members members;
    struct hf_plan plan;
    struct hf_load_image *images;
    size_t image_count, image_capacity;
    struct hf_digest_map image_of; /* by target */
    struct hf_load_manifest *manifests;
    size_t manifest_count, manifest_capacity;
    struct hf_digest_map manifest_of;  /* by config: the newest */
    struct hf_docker_manifest docker;  /* manifest.json */
    struct hf_member **docker_configs; /* of each of its images; NULL: not in the archive */
};

/* --- intake.c --------------------------------------------------------------------------------- */

/* Gives a member's bytes piece by piece, borrowed until the next call; HF_END after them. */
typedef int hf_piece_fn(void *arg, const void **out_data, size_t *out_len, struct hf_error *err);

/* Take in the bytes of `member`, whose size is set: into memory, compared with the store's copy, or
 * staged; digest and plain form are known afterwards. */
HF_MUST_USE int hf_load_take(struct hf_load *load, struct hf_member *member, hf_piece_fn *read,
                             void *arg, struct hf_error *err);

/* --- load_blob.c ------------------------------------------------------------------------------ */

/* Read an UNREAD member (a folder's file). */
HF_MUST_USE int hf_load_fetch(struct hf_load *load, struct hf_member *member, struct hf_error *err);
typedef int hf_load_parse_fn(void *out, const void *data, size_t len, struct hf_error *err);
/* `parse` gets the bytes of a document; its failure is told with the member's path. LIMIT. */
HF_MUST_USE int hf_load_document(struct hf_load *load, struct hf_member *member,
                                 hf_load_parse_fn *parse, void *out, struct hf_error *err);
/* The bytes become the transaction's: staged or claimed, and a damaged copy in the store healed. */
HF_MUST_USE int hf_load_settle(struct hf_load *load, struct hf_member *member,
                               struct hf_error *err);
/* What the member is as a layer. INPUT when it can't be inflated. */
HF_MUST_USE int hf_load_measure(struct hf_load *load, struct hf_member *member,
                                struct hf_error *err);
/* Stages the plain form of a compressed layer as a blob of its own: its digest is the diff ID. */
HF_MUST_USE int hf_load_inflate(struct hf_load *load, struct hf_member *member,
                                struct hf_error *err);
/* Stages bytes that we made. */
HF_MUST_USE int hf_load_stage_bytes(struct hf_load *load, const void *data, size_t len,
                                    struct hf_digest *out_digest, struct hf_error *err);

/* Derive from the bytes of a member that was measured and settled before. */
HF_MUST_USE int hf_load_derive_again(struct hf_load *load, struct hf_member *member,
                                     struct hf_error *err);

/* --- load_derive.c ---------------------------------------------------------------------------- */

HF_MUST_USE int hf_load_begin_deriving(struct hf_load *load, struct hf_derive **out,
                                       struct hf_error *err);
/*
 * Put what was derived from a layer that was measured and settled. *out_ref: what the layer (or,
 * with `plain`, its plain form) has to refer to; not set: nothing. UNSUPPORTED: it would be mounted
 * wrong.
 */
HF_MUST_USE int hf_load_put_derived(struct hf_load *load, struct hf_member *member, bool plain,
                                    struct hf_digest *out_ref, struct hf_error *err);

/* --- load_oci.c, load_docker.c ---------------------------------------------------------------- */

/* Every manifest of index.json, or the one that `manifest.json` is in docker's "dir" layout. */
HF_MUST_USE int hf_load_oci_index(struct hf_load *load, struct hf_member *index,
                                  struct hf_error *err);
HF_MUST_USE int hf_load_oci_single(struct hf_load *load, struct hf_member *manifest,
                                   struct hf_error *err);
/* Parse manifest.json and find its configs; before the OCI half. */
HF_MUST_USE int hf_load_docker_open(struct hf_load *load, struct hf_member *manifest,
                                    struct hf_error *err);
/* Its images that the OCI half has not brought, and all its names; after the OCI half. */
HF_MUST_USE int hf_load_docker_images(struct hf_load *load, struct hf_error *err);
/* Make the image of the entry with this config and put it. NOT_FOUND (err untouched): no entry. */
HF_MUST_USE int hf_load_docker_make(struct hf_load *load, const struct hf_digest *config,
                                    struct hf_digest *out_manifest, struct hf_error *err);

/* --- load_image.c: what both halves share ----------------------------------------------------- */

/* The number of the image with this target, new if there is none. */
HF_MUST_USE int hf_load_image_for(struct hf_load *load, const struct hf_digest *target,
                                  const char *label, size_t *out, struct hf_error *err);
HF_MUST_USE int hf_load_remember(struct hf_load *load, const struct hf_digest *config,
                                 const struct hf_digest *manifest, size_t image,
                                 struct hf_error *err);
/* A full name or a bare tag of the image; a digest name must be its own. INPUT when malformed. */
HF_MUST_USE int hf_load_add_name(struct hf_load_image *image, const char *name,
                                 struct hf_error *err);
/* Layers of an image against its config: count and diff IDs. DIGEST or INPUT tells what differs. */
HF_MUST_USE int hf_load_check_layers(struct hf_load *load, const struct hf_config *config,
                                     struct hf_member *const *layers, size_t layer_count,
                                     struct hf_error *err);
HF_MUST_USE int hf_load_put_config(struct hf_load *load, struct hf_member *member,
                                   const char *media_type, struct hf_error *err);
/* A config that we made: settled and put, and read again. `text` is borrowed. */
HF_MUST_USE int hf_load_put_made_config(struct hf_load *load, char *text, struct hf_config *out,
                                        struct hf_digest *out_id, struct hf_error *err);
/* As it is, or with `plain` its plain form. */
HF_MUST_USE int hf_load_put_layer(struct hf_load *load, struct hf_member *member,
                                  const char *media_type, bool plain, struct hf_error *err);
void hf_load_fill_manifest(struct hf_summary *summary, const struct hf_config *config,
                           const struct hf_digest *id, struct hf_member *const *layers,
                           size_t layer_count);

/* --- load_names.c ----------------------------------------------------------------------------- */

/* Gives every image its names, into the plan. REFUSED when one has none. */
HF_MUST_USE int hf_load_name_all(struct hf_load *load, struct hf_error *err);

/* --- folder.c --------------------------------------------------------------------------------- */

/* Adds the files of a folder as members that are read when they are wanted. */
HF_MUST_USE int hf_load_list_folder(struct hf_load *load, struct hf_error *err);

/* --- load.c ----------------------------------------------------------------------------------- */

/* Steps 2 and 3, of a load whose source is open and whose transaction has begun. */
HF_MUST_USE int hf_load_read(struct hf_load *load, struct hf_error *err);
HF_MUST_USE int hf_load_understand(struct hf_load *load, struct hf_error *err);
/*
 * The end of a load, an import, a commit: what was planned becomes permanent and is told, or, when
 * `rc` (of `why`) tells of a failure, the transaction is aborted. Returns rc, or the commit's.
 */
HF_MUST_USE int hf_load_end(struct hf_load *load, int rc, const struct hf_error *why,
                            const struct hf_observer *observer, struct hf_error *err);
/* Everything but the transaction; twice is fine. */
void hf_load_release(struct hf_load *load);

/* hf_image_load through another io table than the system's (for the source; the store has its own).
 */
HF_MUST_USE int hf_image_load_io(struct hf_io *io, struct hf_store *store, const char *path, int fd,
                                 const struct hf_load_options *options, struct hf_error *err);

#endif
