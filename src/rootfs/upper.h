/*
 * rootfs/upper.h - reads the upper directory of an overlayfs as the tar of a layer.
 *
 * The kernel's marks become OCI's: a whiteout (character device 0:0, or an empty file with the
 * xattr overlay.whiteout) is .wh.NAME, an opaque directory has .wh..wh..opq in it. Other xattrs of
 * overlayfs, in trusted.* or user.*, are its own notes and are left out. What it writes with
 * redirect_dir=on or metacopy=on has its contents in the lower directories and can't be said in a
 * layer: UNSUPPORTED.
 *
 * Sources: the kernel's Documentation/filesystems/overlayfs.rst; OCI image specification, layer.md.
 */
#ifndef HF_ROOTFS_UPPER_H
#define HF_ROOTFS_UPPER_H

#include <holdfast/error.h>

#include <stddef.h>
#include <stdint.h>

#define HF_UPPER_DEPTH_MAX 512u     /* folders in one another: each is kept open */
#define HF_UPPER_NAMES_MAX 1000000u /* names in one folder; hard links */

struct hf_upper_report {
    uint64_t socket_count;  /* left out */
    char first_socket[256]; /* path of one of them */
};

/* Gets the next bytes of the tar; a result other than 0 ends the reading and is returned. */
typedef int hf_upper_fn(void *arg, const void *data, size_t len, struct hf_error *err);

/*
 * Entries are sorted by name, a folder before what is in it, and none stands for the directory
 * itself; so the same directory gives the same bytes. A file with several names is stored under the
 * first one, the others are hard links.
 *
 * Errors   BUSY: something changed while it was read. UNSUPPORTED, LIMIT, IO, NOT_FOUND: there is
 *          no such directory.
 */
HF_MUST_USE int hf_upper_read(const char *path, hf_upper_fn *fn, void *arg,
                              struct hf_upper_report *out, struct hf_error *err);

#endif
