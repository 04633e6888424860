/*
 * rootfs/upper_entry.h - one thing in an upper directory: what it is, and what a layer has to say
 * of it. Private to upper*.c and layer_tar.c.
 */
#ifndef HF_ROOTFS_UPPER_ENTRY_H
#define HF_ROOTFS_UPPER_ENTRY_H

#include "base/buf.h"

#include <limits.h>
#include <sys/stat.h>

/* --- upper_xattrs.c --------------------------------------------------------------------------- */

struct hf_upper_xattr {
    const char *name; /* borrowed from the list, as the value is */
    const uint8_t *value;
    size_t value_len;
};

/* Zeroed is empty; read again and again, the memory is kept. */
struct hf_upper_xattrs {
    struct hf_upper_xattr *items; /* sorted by name; overlayfs's own are not among them */
    size_t count, capacity;
    struct hf_buf names, values;
    bool is_whiteout, is_opaque; /* what overlayfs's own say */
};

/*
 * Read the xattrs of an open file, or with fd -1 of `name` in the folder `dir`, which can't be
 * opened (a link) or must not be (a device). `path` is for messages.
 */
HF_MUST_USE int hf_upper_xattrs_read(struct hf_upper_xattrs *xattrs, int fd, int dir,
                                     const char *name, const char *path, struct hf_error *err);
void hf_upper_xattrs_release(struct hf_upper_xattrs *xattrs);

/* --- upper_entry.c ---------------------------------------------------------------------------- */

enum hf_upper_kind { HF_UPPER_ORDINARY, HF_UPPER_WHITEOUT, HF_UPPER_SOCKET };

struct hf_upper_entry {
    enum hf_upper_kind kind;
    struct stat stat;
    int fd;                /* of a file or folder, else -1; the caller's */
    char target[PATH_MAX]; /* of a symbolic link */
    struct hf_upper_xattrs xattrs;
};

/* Look at `name` in the folder `dir`. entry->fd must be -1 before. */
HF_MUST_USE int hf_upper_look(struct hf_upper_entry *entry, int dir, const char *name,
                              const char *path, struct hf_error *err);
/* BUSY when the open file or folder is not as it was when it was looked at. */
HF_MUST_USE int hf_upper_check_same(int fd, const struct stat *before, const char *path,
                                    struct hf_error *err);
/* BUSY, with the reason that all have. */
int hf_upper_changed(const char *path, struct hf_error *err);

#endif
