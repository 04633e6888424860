/* rootfs/space.h - a workspace's folder, for who mounts it. */
#ifndef HF_ROOTFS_SPACE_H
#define HF_ROOTFS_SPACE_H

#include "rootfs/record.h"

HF_MUST_USE int hf_space_check_name(const char *workspace, struct hf_error *err);
/* Absolute path of workspaces/NAME, whose folders are there, durably; freed by the caller. */
HF_MUST_USE int hf_space_folder(struct hf_store *store, const char *workspace, char **out,
                                struct hf_error *err);
/*
 * Its folder, locked against who else mounts or removes it, until it is closed (hf_sys_drop). What
 * was looked up before must be looked up again. BUSY: somebody else has it. NOT_FOUND: there is no
 * folder (err untouched).
 */
HF_MUST_USE int hf_space_lock(struct hf_store *store, const char *workspace, int *out_fd,
                              struct hf_error *err);
/* The image that it was made on. */
HF_MUST_USE int hf_space_image(struct hf_store *store, const struct hf_space_record *record,
                               struct hf_image *out, struct hf_error *err);
/* The record of a mount of it in this boot; NOT_FOUND (err untouched): it is not mounted. */
HF_MUST_USE int hf_space_find_mount(struct hf_store *store, const char *workspace,
                                    struct hf_mount_record *out, struct hf_error *err);

#endif
