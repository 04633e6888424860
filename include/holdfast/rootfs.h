/*
 * holdfast/rootfs.h - images as root file systems: mounted without being unpacked, unpacked where
 * that can't be, and committed back.
 *
 * A layer stays the tar that was checked; an index (src/erofs/FORMAT.md) lets the kernel mount it.
 * Index, and plain tar of a compressed layer, are derived: objects that the layer refers to, made
 * with the load or at the first mount, dropped by hf_image_prune_derived and made again when
 * needed.
 *
 * A *workspace* is a writable layer on top of an image, kept in the store under a name until it is
 * removed. A workspace, and a mount without one, hold their image (`holdfast hold ls`).
 *
 * For engines, in containerd's terms: prepare is hf_workspace_prepare, view a mount without a
 * workspace, mounts hf_workspace_mounts (described, not done), commit hf_image_commit, remove
 * hf_workspace_remove, usage hf_workspace_usage.
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

#endif
