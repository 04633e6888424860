/*
 * rootfs/record.h - mounts and workspaces as the store knows them: durable holds, whose reason is
 * read back. Whoever lists holds sees what they are for.
 *
 *   owner "mount"      reason "boot=UUID how=direct workspace=NAME dir=/path"   (no workspace: "-")
 *   owner "workspace"  reason "workspace=NAME platform=linux/amd64"
 */
#ifndef HF_ROOTFS_RECORD_H
#define HF_ROOTFS_RECORD_H

#include <holdfast/rootfs.h>

#define HF_BOOT_ID_MAX   64
#define HF_WORKSPACE_MAX 129
#define HF_OWNER_MOUNT   "mount"
#define HF_OWNER_SPACE   "workspace"

struct hf_mount_record {
    uint64_t id; /* of the hold */
    uint64_t time_ns;
    struct hf_digest target;
    char name[HF_REFERENCE_MAX];
    char boot[HF_BOOT_ID_MAX];
    char how[16];
    char workspace[HF_WORKSPACE_MAX]; /* "": none */
    char dir[4096];
};

struct hf_space_record {
    uint64_t id;
    uint64_t time_ns;
    struct hf_digest target;
    char name[HF_REFERENCE_MAX];
    char workspace[HF_WORKSPACE_MAX];
    char platform[64];
};

/* Hold the image with the record; `id` is set. Durable on 0. */
HF_MUST_USE int hf_record_mount(struct hf_store *store, struct hf_mount_record *record,
                                struct hf_error *err);
/* EXISTS: there is a workspace of this name. */
HF_MUST_USE int hf_record_space(struct hf_store *store, struct hf_space_record *record,
                                struct hf_error *err);

typedef int hf_mount_record_fn(void *arg, const struct hf_mount_record *record);
typedef int hf_space_record_fn(void *arg, const struct hf_space_record *record);
/* Anything but 0 from `fn` ends the listing and is returned. */
HF_MUST_USE int hf_records_each_mount(struct hf_store *store, hf_mount_record_fn *fn, void *arg,
                                      struct hf_error *err);
HF_MUST_USE int hf_records_each_space(struct hf_store *store, hf_space_record_fn *fn, void *arg,
                                      struct hf_error *err);
/* NOT_FOUND: there is none (err tells). */
HF_MUST_USE int hf_record_find_space(struct hf_store *store, const char *workspace,
                                     struct hf_space_record *out, struct hf_error *err);

HF_MUST_USE int hf_boot_id(char out[HF_BOOT_ID_MAX], struct hf_error *err);

#endif
