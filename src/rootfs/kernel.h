/*
 * rootfs/kernel.h - the system calls of mounting. Privileged: CAP_SYS_ADMIN.
 */
#ifndef HF_ROOTFS_KERNEL_H
#define HF_ROOTFS_KERNEL_H

#include <holdfast/rootfs.h>

/*
 * Do the steps of a plan, and put the last one's result on `dir`, all or nothing: a process that is
 * killed in here leaves no mount behind.
 *
 * with_loops  give EROFS loop devices instead of plain files
 *
 * Errors   UNSUPPORTED: this kernel can't mount it so; another way may work. REFUSED: no privilege.
 *          BUSY: a workspace is in use. IO.
 */
HF_MUST_USE int hf_kernel_mount(const struct hf_mount_plan *plan, const char *dir, bool with_loops,
                                struct hf_error *err);
/* BUSY: in use. NOT_FOUND: nothing is mounted there. */
HF_MUST_USE int hf_kernel_unmount(const char *dir, struct hf_error *err);
/* Is `dir` the root of a mount? */
bool hf_kernel_is_mounted(const char *dir);

/* loop.c: a loop device for a file, read-only, which goes when nobody uses it any more. *out_fd
 * keeps it until it is mounted. */
HF_MUST_USE int hf_loop_attach(const char *file, char path[32], int *out_fd, struct hf_error *err);

#endif
