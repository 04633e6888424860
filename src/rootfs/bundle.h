/*
 * rootfs/bundle.h - a folder that runc, crun and their like start: rootfs/ and config.json.
 *
 * Source: OCI runtime specification 1.0.2; OCI image specification 1.1, "Conversion to OCI Runtime
 * Configuration"; what `runc spec` writes, and docker's capabilities.
 */
#ifndef HF_ROOTFS_BUNDLE_H
#define HF_ROOTFS_BUNDLE_H

#include <holdfast/error.h>

#include <stddef.h>
#include <stdint.h>

/* Make rootfs/ in the folder `fd`; *out_root is the caller's. */
HF_MUST_USE int hf_bundle_begin(int fd, int *out_root, struct hf_error *err);
/* From the image's config, a json_t; users are looked up in the tree of `root`. */
HF_MUST_USE int hf_bundle_write_config(int fd, int root, const void *image_config,
                                       struct hf_error *err);
/* The mode of the folder itself. */
HF_MUST_USE int hf_bundle_end(int fd, struct hf_error *err);

#define HF_USER_GROUPS_MAX 1024u

struct hf_user {
    uint32_t uid;
    uint32_t gid;
    uint32_t groups[HF_USER_GROUPS_MAX];
    size_t group_count;
};

/*
 * "USER[:GROUP]", names or numbers, by /etc/passwd and /etc/group of the image, as docker does: a
 * user without a group gets those that list it.
 *
 * Errors   INPUT: a name that is not there.
 */
HF_MUST_USE int hf_user_find(int root, const char *text, struct hf_user *out, struct hf_error *err);

#endif
