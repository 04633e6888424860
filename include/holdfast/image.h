/*
 * holdfast/image.h - container images in a store: load, save, import, tag, remove, list, inspect.
 *
 * Archives are what docker, podman, skopeo, buildah, umoci, buildx and ctr write (OCI image layouts
 * and docker archives, compressed or not); all of their bytes are untrusted. Every operation is one
 * transaction: whole or not at all, durable when it returns 0.
 *
 * References are written as for docker: `app` is docker.io/library/app:latest. Wherever an image is
 * named, an ID may stand as well: the digest of a config, manifest or index, whole, or its first
 * hexadecimal digits (with or without "sha256:"). Names win over IDs; an ambiguous ID is AMBIGUOUS
 * and the message lists the candidates.
 */
#ifndef HOLDFAST_IMAGE_H
#define HOLDFAST_IMAGE_H

#include <holdfast/store.h>

/* --- references ------------------------------------------------------------------------------ */

#define HF_REFERENCE_MAX 512

/*
 * The full form of a reference: registry/path:tag or registry/path@digest (with both, the digest
 * counts and the tag is dropped). "app" -> "docker.io/library/app:latest". USAGE when malformed:
 * upper case in the repository, more than 255 characters, 64 hexadecimal digits alone, ...
 */
HF_API HF_MUST_USE int hf_reference_normalize(const char *text, char full[HF_REFERENCE_MAX],
                                              struct hf_error *err);
/* How people write it: without "docker.io/library/" or "docker.io/". Returns `shown`. */
HF_API const char *hf_reference_familiar(const char *full, char shown[HF_REFERENCE_MAX]);
/* Split a full or familiar reference for printing: familiar repository, and tag ("1") or, for a
 * digest name, "@" and the first 12 digits. */
HF_API void hf_reference_columns(const char *full, char repository[HF_REFERENCE_MAX],
                                 char tag[HF_REFERENCE_MAX]);

/* --- what operations tell while they run ------------------------------------------------------ */

enum hf_image_event_kind {
    HF_EVENT_LOADED =
        1, /* name now points to image `id`; name NULL: an image without a name of its own */
    HF_EVENT_REPLACED = 2, /* name pointed to `old_id` before; that image left the store */
    HF_EVENT_MOVED = 3,    /* name pointed to `old_id` before; that image has other names */
    HF_EVENT_KEPT = 4,     /* name pointed to `old_id` before; that image is now named `text` */
    HF_EVENT_UNTAGGED = 5, /* name was dropped */
    HF_EVENT_DELETED = 6,  /* object `id` left the store; bytes: its size */
    HF_EVENT_HEALED = 7,   /* object `id` was damaged in the store and is good again */
    HF_EVENT_SAVED = 8,    /* name was written to the archive for image `id` */
    HF_EVENT_WARNING = 9,  /* text: one sentence; told at once, others after the commit */
};

struct hf_image_event {
    enum hf_image_event_kind kind;
    const char *name; /* full reference, or NULL; all borrowed for the call */
    const char *text;
    struct hf_digest id; /* image ID: the config's digest; for DELETED, HEALED the object's */
    struct hf_digest old_id;
    uint64_t bytes;
};

struct hf_observer {
    void (*event)(void *arg, const struct hf_image_event *event); /* may be NULL */
    /* Bytes read so far and in all (0: unknown). Called often; a non-zero result cancels:
     * CANCELLED, nothing changed. May be NULL. */
    int (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
    void *arg;
};

/* --- load ------------------------------------------------------------------------------------- */

struct hf_load_options {
    const char
        *platform; /* "linux/arm64[/v8]": keep only that one of an index; NULL: all present */
    const char *const
        *refs; /* names instead of those in the archive: "NAME", or "ID=NAME" for one of
                  several images; a repository alone gives bare tags their repository */
    size_t ref_count;
    bool lazy;       /* leave compressed layers to the first mount; see rootfs.h */
    bool ref_digest; /* images without a name become import-YYYYMMDD@sha256:… */
    bool keep_old; /* an image whose last name moves is kept as repo@sha256:… (also a store setting)
                    */
    struct hf_observer observer;
};

/*
 * Load every image of an archive: a file, a folder (OCI layout), or what `fd` gives when `path` is
 * NULL (a pipe is fine: one pass, bounded memory).
 *
 * On 0 all of them are in the store, durable and named. Every digest, size and diff ID was checked;
 * what was there already was compared with the archive, and healed from it when it was damaged.
 *
 * Errors   INPUT, DIGEST: the archive is wrong, and the message names where. REFUSED: images
 * without names. LIMIT, NO_SPACE, CANCELLED. Nothing changes on any error but log entries.
 */
HF_API HF_MUST_USE int hf_image_load(struct hf_store *store, const char *path, int fd,
                                     const struct hf_load_options *options, struct hf_error *err);

/* --- save ------------------------------------------------------------------------------------- */

enum hf_save_format {
    HF_SAVE_HYBRID = 0, /* as docker >= 25: OCI layout and manifest.json in one tar, plain layers */
    HF_SAVE_DOCKER_ARCHIVE, /* as docker <= 24 and podman: manifest.json, plain layers */
    HF_SAVE_OCI_ARCHIVE,    /* OCI layout in a tar, the exact stored bytes */
    HF_SAVE_OCI_DIR,        /* the same as a folder, which must be absent or empty */
};

struct hf_save_options {
    enum hf_save_format format;
    const char
        *platform;   /* NULL: for an index, all that is present (OCI), this machine's (docker) */
    bool only_named; /* write only the names that were asked for, not all the image has */
    bool no_names;   /* write none */
    struct hf_observer observer;
};

/*
 * Write images to one archive: to `path` (made beside it, synced, renamed, its folder synced), or
 * to `fd` when `path` is NULL. The images are claimed first, so that a removal meanwhile harms
 * nothing; every byte that is written was checked against the checksum that it was stored with.
 *
 * Errors   NOT_FOUND, AMBIGUOUS; CORRUPT: a damaged object (named); EXISTS: the folder is not
 * empty.
 */
HF_API HF_MUST_USE int hf_image_save(struct hf_store *store, const char *const *references,
                                     size_t count, const char *path, int fd,
                                     const struct hf_save_options *options, struct hf_error *err);

/* --- import ----------------------------------------------------------------------------------- */

struct hf_import_options {
    const char *const *changes; /* "CMD [\"sh\"]", "ENV A=b": docker's --change */
    size_t change_count;
    const char *message;
    const char *platform; /* NULL: this machine's */
    bool keep_old;
    struct hf_observer observer;
};

/* Make an image of one layer from a root file system's tar (plain or compressed), named
 * `reference`. */
HF_API HF_MUST_USE int hf_image_import(struct hf_store *store, const char *path, int fd,
                                       const char *reference,
                                       const struct hf_import_options *options,
                                       struct hf_digest *out_id, struct hf_error *err);

/* --- names ------------------------------------------------------------------------------------ */

struct hf_name_options {
    bool
        force; /* take an image's last name; rmi: drop all names of an ID, ignore what is missing */
    bool keep_old;   /* tag: keep an image that loses its last name, as repo@sha256:… */
    bool keep_going; /* rmi: skip what is refused instead of refusing all */
    struct hf_observer observer;
};

/* Point `target` to the image `source`. REFUSED when that takes an image's last name. */
HF_API HF_MUST_USE int hf_image_tag(struct hf_store *store, const char *source, const char *target,
                                    const struct hf_name_options *options, struct hf_error *err);
/* Drop names. REFUSED when one is an image's last. */
HF_API HF_MUST_USE int hf_image_untag(struct hf_store *store, const char *const *names,
                                      size_t count, const struct hf_name_options *options,
                                      struct hf_error *err);
/*
 * Remove images: a name drops that name, an ID its image; the last name takes the image along. All
 * in one transaction.
 *
 * Errors   NOT_FOUND (unless forced); REFUSED: an ID with several names, listed; BUSY: a hold, with
 * its holder. With keep_going the first of them is returned after the rest was done.
 */
HF_API HF_MUST_USE int hf_image_remove(struct hf_store *store, const char *const *references,
                                       size_t count, const struct hf_name_options *options,
                                       struct hf_error *err);

struct hf_prune_options {
    bool all;     /* every image without a hold, not only names kept for old images */
    bool derived; /* what layers can be mounted with, of images without a hold; made again when
                     it is needed */
    const char *const *filters; /* "until=…", "label=…" as for images */
    size_t filter_count;
    bool dry_run;
    struct hf_observer observer;
};
/* Expired holds end, names kept for old images go. *out_bytes: bytes of objects that left. */
HF_API HF_MUST_USE int hf_image_prune(struct hf_store *store,
                                      const struct hf_prune_options *options, uint64_t *out_bytes,
                                      struct hf_error *err);

/* --- holds ------------------------------------------------------------------------------------ */

struct hf_hold_options {
    const char *owner;  /* required */
    const char *reason; /* may be NULL */
    uint64_t expires_s; /* seconds from now; 0: never */
};
HF_API HF_MUST_USE int hf_image_hold(struct hf_store *store, const char *reference,
                                     const struct hf_hold_options *options, uint64_t *out_id,
                                     struct hf_error *err);
/* Ends holds by ID; names that were kept only for them go. One transaction. */
HF_API HF_MUST_USE int hf_image_release_holds(struct hf_store *store, const uint64_t *ids,
                                              size_t count, const struct hf_observer *observer,
                                              struct hf_error *err);

/* --- looking ---------------------------------------------------------------------------------- */

/* What a reference means. */
struct hf_image {
    char name[HF_REFERENCE_MAX]; /* the name it was found by; "" when by ID */
    struct hf_digest target;     /* manifest or index that names point to */
    struct hf_digest manifest; /* the chosen platform's manifest; `target` itself unless an index */
    struct hf_digest id;       /* config of that manifest */
    uint64_t created_ns;       /* 0: the config tells none */
    uint64_t size_bytes;       /* sum of the plain layer tars */
    char platform[64];         /* "linux/amd64"; "" when unknown */
    bool damaged;              /* one of its objects is DAMAGED */
    bool is_index;             /* `target` is an index */
};

/* NOT_FOUND, AMBIGUOUS. platform may be NULL: this machine's, else the first present. */
HF_API HF_MUST_USE int hf_image_find(struct hf_store *store, const char *reference,
                                     const char *platform, struct hf_image *out,
                                     struct hf_error *err);

struct hf_list_options {
    bool all_names;             /* unused images do not exist here; accepted for docker's -a */
    const char *pattern;        /* REPO[:TAG] or a glob; NULL: all */
    const char *const *filters; /* dangling=, reference=, before=, since=, label=, until= */
    size_t filter_count;
};
typedef int hf_image_fn(void *arg, const struct hf_image *image);
/* One call for each name, newest image first, ties by name, all from one moment. */
HF_API HF_MUST_USE int hf_image_list(struct hf_store *store, const struct hf_list_options *options,
                                     hf_image_fn *fn, void *arg, struct hf_error *err);

/* docker's JSON object for an image, indented by 4; freed by the caller. */
HF_API HF_MUST_USE int hf_image_inspect(struct hf_store *store, const char *reference,
                                        const char *platform, char **out_json,
                                        struct hf_error *err);

struct hf_history_row {
    struct hf_digest
        id; /* the image's on the first row, none on the others, as docker prints <missing> */
    uint64_t created_ns;
    const char *created_by;
    const char *comment;
    uint64_t size_bytes;
    bool empty_layer;
};
typedef int hf_history_fn(void *arg, const struct hf_history_row *row);
/* Newest first. */
HF_API HF_MUST_USE int hf_image_history(struct hf_store *store, const char *reference,
                                        const char *platform, hf_history_fn *fn, void *arg,
                                        struct hf_error *err);

#endif
