/*
 * rootfs/target.h - the folder that an operation makes whole or not at all.
 *
 *     hf_target_open(dir, &target, err);      a folder beside it, locked
 *     ... write below target.fd ...
 *     hf_target_keep(&target, err);           synced, renamed, its name synced
 *     hf_target_drop(&target);                always; removes what was not kept
 *
 * What is written lies in `.NAME.holdfast-<16 hex digits>` beside DIR, locked by flock(2) as long
 * as its process lives. A cut or a kill leaves that folder and nothing else; the next
 * hf_target_open of the same DIR removes it, known by its name and by nobody's lock.
 */
#ifndef HF_ROOTFS_TARGET_H
#define HF_ROOTFS_TARGET_H

#include <holdfast/error.h>

#include <stdbool.h>

struct hf_target {
    const char *path; /* as the caller calls it; borrowed */
    char name[256];
    char temporary[256]; /* "" when there is none */
    int parent;
    int fd; /* of the temporary folder, to be read */
};

/* EXISTS: DIR is there and is not an empty folder. USAGE: a path that names no folder ("..").  */
HF_MUST_USE int hf_target_open(const char *path, struct hf_target *out, struct hf_error *err);
/*
 * Errors   NO_SPACE, IO: a write did not reach the disk. EXISTS: somebody else made DIR meanwhile.
 *          OUTCOME_UNKNOWN: DIR is complete, but its name may be lost in a power cut.
 */
HF_MUST_USE int hf_target_keep(struct hf_target *target, struct hf_error *err);
void hf_target_drop(struct hf_target *target);

#endif
