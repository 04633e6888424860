/* rootfs/space.h - a workspace's folder, for who mounts it. */
#ifndef HF_ROOTFS_SPACE_H
#define HF_ROOTFS_SPACE_H

#include "rootfs/record.h"

HF_MUST_USE int hf_space_check_name(const char *workspace, struct hf_error *err);
/* Absolute path of workspaces/NAME, whose folders are there, durably; freed by the caller. */
HF_MUST_USE int hf_space_folder(struct hf_store *store, const char *workspace, char **out,
                                struct hf_error *err);
/* The record of a mount of it in this boot; NOT_FOUND (err untouched): it is not mounted. */
HF_MUST_USE int hf_space_find_mount(struct hf_store *store, const char *workspace,
                                    struct hf_mount_record *out, struct hf_error *err);

#endif
