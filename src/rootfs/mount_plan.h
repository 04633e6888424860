/* rootfs/mount_plan.h - from an image's layers to the steps of mounting it. */
#ifndef HF_ROOTFS_MOUNT_PLAN_H
#define HF_ROOTFS_MOUNT_PLAN_H

#include <holdfast/rootfs.h>

/*
 * `form` FULL needs no tars. `space`: absolute path of the workspace's folder; NULL: read-only. The
 * image must be held.
 */
HF_MUST_USE int hf_mount_plan_of(struct hf_store *store, const struct hf_image *image, bool is_full,
                                 const char *space, struct hf_mount_plan *out,
                                 struct hf_error *err);
/* Absolute, of a file or folder below the store's root; freed by the caller. */
HF_MUST_USE int hf_store_path(struct hf_store *store, const char *below, char **out,
                              struct hf_error *err);

#endif
