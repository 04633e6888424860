/*
 * holdfast/rootfs.h - images as root file systems: mounted without being unpacked, unpacked where
 * that can't be, and committed back.
 *
 * A layer stays the tar that was checked; an index (src/erofs/FORMAT.md) lets the kernel mount it.
 * Index, and plain tar of a compressed layer, are derived: objects that the layer refers to, made
 * with the load or at the first mount, dropped by hf_image_prune and made again when needed.
 *
 * A *workspace* is a writable layer on top of an image, kept in the store under a name until it is
 * removed. A workspace, and a mount without one, hold their image (`holdfast hold ls`).
 *
 * For engines, in containerd's terms: prepare is hf_workspace_prepare, view a mount without a
 * workspace, mounts hf_mount_plan_make (described, not done), commit hf_workspace_upper with
 * hf_image_commit_upper, remove hf_workspace_remove, usage hf_workspace_usage.
 */
#ifndef HOLDFAST_ROOTFS_H
#define HOLDFAST_ROOTFS_H

#include <holdfast/image.h>

/* --- unpacking -------------------------------------------------------------------------------- */

struct hf_unpack_options {
    const char *platform; /* as for hf_image_find */
    bool bundle; /* DIR gets rootfs/ and config.json, the OCI runtime's, from the image's config */
    struct hf_observer observer;
};

/*
 * Write the image's tree into the folder `dir`, which is made, or must be empty: layers in order,
 * whiteouts applied. Nothing outside is touched, whatever the layers contain. Owners, modes, times,
 * xattrs and devices are kept as far as this process may; what it may not keep is told as one
 * warning.
 *
 * What it looks like is what overlayfs shows of the layers, as docker and podman have it: a
 * lower layer's symlink on the way to an entry becomes a directory, one of the same layer is
 * followed inside of `dir`. Set-ID bits go where the owner cannot be kept.
 *
 * On 0 everything is durable, `dir`'s name too. On an error `dir` is as it was before. A cut leaves
 * at most a folder `.NAME.holdfast-<16 hex digits>` beside it, which the next unpacking to the same
 * `dir` removes. `dir` is no mount point, nor a symlink. Needs Linux 5.6.
 *
 * Errors   NOT_FOUND, AMBIGUOUS; EXISTS: dir is not empty; CORRUPT: a damaged layer (named);
 *          INPUT: a layer's tar is malformed or leads out of the tree; LIMIT; UNSUPPORTED: an
 *          unknown type of entry; NO_SPACE, CANCELLED. OUTCOME_UNKNOWN: `dir` is complete, but the
 *          sync of its name failed.
 */
HF_API HF_MUST_USE int hf_image_unpack(struct hf_store *store, const char *reference,
                                       const char *dir, const struct hf_unpack_options *options,
                                       struct hf_error *err);

/* --- mounting --------------------------------------------------------------------------------- */

enum hf_mount_how {
    HF_MOUNT_ANY = 0, /* the first of these that works */
    HF_MOUNT_DIRECT,  /* the kernel reads indexes and tars as plain files: Linux 6.12 */
    HF_MOUNT_LOOP,    /* both through loop devices: Linux 6.4 */
    HF_MOUNT_FULL,    /* EROFS images with the data inside, through loop devices: Linux 5.4 */
};

struct hf_mount_options {
    const char *platform; /* as for hf_image_find */
    enum hf_mount_how how;
    const char *workspace; /* writable: with this workspace, made when it is not there; else ro */
};

/*
 * Mount an image on the folder `dir`. Layers that lack what they are mounted with get it first,
 * durably. The image is held until hf_image_unmount, also by a process of another mount namespace;
 * a boot ends all mounts, and hf_mounts_recover the holds.
 *
 * On 0 the hold is durable. A process that is killed in here leaves a hold, never a mount.
 *
 * Errors   NOT_FOUND, AMBIGUOUS; EXISTS: something of this store is mounted there; BUSY: the
 *          workspace is mounted already; REFUSED: the workspace is another image's; UNSUPPORTED,
 *          INPUT: a layer can't be mounted (named); CORRUPT: a damaged layer; IO: the kernel
 *          refused.
 */
HF_API HF_MUST_USE int hf_image_mount(struct hf_store *store, const char *reference,
                                      const char *dir, const struct hf_mount_options *options,
                                      struct hf_error *err);
/* Unmount, and end the hold. A workspace stays. Fine when only the hold is left. NOT_FOUND: nothing
 * of this store is mounted there. BUSY: it is in use. */
HF_API HF_MUST_USE int hf_image_unmount(struct hf_store *store, const char *dir,
                                        struct hf_error *err);

struct hf_mounted { /* borrowed for the call */
    uint64_t hold_id;
    uint64_t time_ns;
    struct hf_digest target;
    const char *name; /* the image's, as it was mounted; "" for an ID */
    const char *dir;
    const char *workspace; /* "" when read-only */
    const char *how;       /* "direct", "loop", "full" */
    bool is_seen;          /* mounted in this mount namespace */
    bool is_gone;          /* of another boot */
};
typedef int hf_mounted_fn(void *arg, const struct hf_mounted *mounted);
HF_API HF_MUST_USE int hf_mounts_each(struct hf_store *store, hf_mounted_fn *fn, void *arg,
                                      struct hf_error *err);
/* End the holds of mounts that a boot has ended; *out_count of them (may be NULL). Workspaces stay.
 */
HF_API HF_MUST_USE int hf_mounts_recover(struct hf_store *store, size_t *out_count,
                                         struct hf_error *err);

/* --- mounts, described ------------------------------------------------------------------------ */

/* One call of mount(2) with a source that it takes as a plain file. `target` is relative to a
 * folder of the caller's: "0", "1", ... in it, and "." for the last, the image itself. Paths in
 * `options` are relative to that folder as well, or absolute. */
struct hf_mount_step {
    char *type; /* "erofs", "overlay", "tmpfs" */
    char *source;
    char *target;
    char *options;
};
struct hf_mount_plan { /* zero it first */
    struct hf_mount_step *steps;
    size_t count;
};
/*
 * What mounting would do, for engines that do it themselves; they hold the image for as long.
 * With a workspace it must be prepared. Derives what is missing, durably.
 */
HF_API HF_MUST_USE int hf_mount_plan_make(struct hf_store *store, const char *reference,
                                          const struct hf_mount_options *options,
                                          struct hf_mount_plan *out, struct hf_error *err);
HF_API void hf_mount_plan_release(struct hf_mount_plan *plan);

/* --- workspaces ------------------------------------------------------------------------------- */

/* A name has 1 to 128 letters, digits, "_", "." or "-", and begins with a letter or digit. */

/* Make a workspace on an image, and hold that; durable on 0. EXISTS, also when a cut came before
 * its folder, which the first mounting makes then. OUTCOME_UNKNOWN: its folder could not be made,
 * nor its hold be released; hf_workspace_remove does that when the disk works again. */
HF_API HF_MUST_USE int hf_workspace_prepare(struct hf_store *store, const char *workspace,
                                            const char *reference, const char *platform,
                                            struct hf_error *err);
/* Remove it with all that was written in it. NOT_FOUND; BUSY: it is mounted. */
HF_API HF_MUST_USE int hf_workspace_remove(struct hf_store *store, const char *workspace,
                                           struct hf_error *err);
/* Bytes that its files take, and how many files and folders there are. */
HF_API HF_MUST_USE int hf_workspace_usage(struct hf_store *store, const char *workspace,
                                          uint64_t *out_bytes, uint64_t *out_entries,
                                          struct hf_error *err);
/* Its upper folder, for hf_image_commit_upper: freed by the caller. *out_image: the manifest of the
 * image that it was prepared on, its parent. */
HF_API HF_MUST_USE int hf_workspace_upper(struct hf_store *store, const char *workspace,
                                          char **out_path, struct hf_digest *out_image,
                                          struct hf_error *err);

struct hf_workspace { /* borrowed for the call */
    const char *workspace;
    const char *name; /* of the image; "" for an ID */
    struct hf_digest target;
    uint64_t time_ns;
};
typedef int hf_workspace_fn(void *arg, const struct hf_workspace *workspace);
HF_API HF_MUST_USE int hf_workspaces_each(struct hf_store *store, hf_workspace_fn *fn, void *arg,
                                          struct hf_error *err);

/* --- commit ----------------------------------------------------------------------------------- */

/* Zeroed: an image of its own, without a parent. All texts are UTF-8 and borrowed for the call. */
struct hf_commit_options {
    const char *parent; /* reference; NULL: none, the difference is the first layer */
    /* With a parent: which image of an index (NULL: this machine's, else the first present).
     * Without: "os/architecture[/variant]" of the new image (NULL: this machine's). */
    const char *platform;
    const char *const *changes; /* "CMD [\"sh\"]", "ENV A=b": docker's --change, in this order */
    size_t change_count;
    const char *author;  /* NULL or "": none. The parent's author does not become this image's */
    const char *message; /* comment of the new history entry; NULL or "": none */
    bool keep_old;       /* an image whose last name moves is kept as repo@sha256:… */
    struct hf_observer observer; /* progress counts the bytes of the layer */
};

/*
 * Make an image of a parent and the difference in the upper directory of an overlayfs, named
 * `reference`.
 *
 * On 0 the image is in the store, durable and named, by one transaction: the layer that was made
 * from the directory, a config that has all of the parent's fields (with `changes`, a new date, a
 * history entry "holdfast commit", author and comment where docker puts them) and a manifest whose
 * first layers are the parent's, byte for byte. A directory without entries adds a history entry
 * marked as empty_layer, and no layer. On any error nothing has changed but log entries.
 *
 * The parent is claimed first: removing it meanwhile harms nothing.
 *
 * In the layer: whiteouts and opaque directories become .wh.NAME and .wh..wh..opq, xattrs of
 * overlayfs (trusted.overlay.*, user.overlay.*) are left out, all others kept; hard links within
 * the directory stay; sockets are left out, with one warning. The same directory always gives the
 * same bytes. The directory itself (its mode, its owner) is not part of the difference.
 *
 * upper_dir  an overlay may be mounted on it, but nobody may write to it meanwhile
 * reference  a name as for import; not a digest
 * options    may be NULL
 * out_id     the image ID (digest of the config); may be NULL
 *
 * Errors   USAGE: a malformed name, change, platform or text; found before anything is written.
 *          BUSY: something in the directory changed while it was read. UNSUPPORTED: what a layer
 *          can't say: redirected directories and metadata-only copies (mount with redirect_dir=off,
 *          metacopy=off), names that begin with ".wh.". NOT_FOUND, AMBIGUOUS: the parent, as for
 *          hf_image_find. CORRUPT: the parent is damaged. LIMIT: more layers than an image may
 *          have; folders more than 512 deep; more than a million names in one folder, or hard
 *          links. NO_SPACE, IO, CANCELLED.
 * Threads  any; blocks for the syncs of one transaction.
 * Source   OCI image specification 1.1, layer.md; the kernel's filesystems/overlayfs.rst.
 */
HF_API HF_MUST_USE int hf_image_commit_upper(struct hf_store *store, const char *upper_dir,
                                             const char *reference,
                                             const struct hf_commit_options *options,
                                             struct hf_digest *out_id, struct hf_error *err);

/*
 * The same with a difference that is a tar already, in OCI's form, plain or compressed (gzip,
 * bzip2, xz, zstd). The layer is the plain tar, byte for byte.
 *
 * path  the file; NULL: what `fd` gives, to its end (a pipe is fine), and `fd` stays the caller's
 *
 * Errors   as above, but for those of the directory. INPUT: it is no readable tar.
 */
HF_API HF_MUST_USE int hf_image_commit_diff(struct hf_store *store, const char *path, int fd,
                                            const char *reference,
                                            const struct hf_commit_options *options,
                                            struct hf_digest *out_id, struct hf_error *err);

#endif
