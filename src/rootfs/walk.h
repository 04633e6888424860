/*
 * rootfs/walk.h - everything below a directory, each directory after what is in it.
 *
 * Neither depth nor width costs stack or descriptors: three are open, and memory is what the names
 * of directories take that are still to be walked. Symlinks are entries like others; mount points
 * are not entered.
 */
#ifndef HF_ROOTFS_WALK_H
#define HF_ROOTFS_WALK_H

#include <holdfast/error.h>

#include <stdint.h>

struct hf_walk_place {
    int dir; /* to be read; where `name` is */
    uint64_t dir_ino;
    const char *name;
};

struct hf_walk_visitor {
    void *arg;
    /* A directory was opened, before it is read. May be NULL. */
    int (*enter)(void *arg, int fd, struct hf_error *err);
    /* Anything but a directory. May remove it. May be NULL. */
    int (*leaf)(void *arg, const struct hf_walk_place *place, struct hf_error *err);
    /* A directory whose entries were all visited; `fd` is it. May remove it. */
    int (*leave)(void *arg, const struct hf_walk_place *place, int fd, uint64_t ino,
                 struct hf_error *err);
};

/* `root` itself, to be read, is entered, but not left. Anything but 0 from the visitor ends the
 * walk. */
HF_MUST_USE int hf_walk(int root, const struct hf_walk_visitor *visitor, struct hf_error *err);

#endif
