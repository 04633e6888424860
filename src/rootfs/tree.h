/*
 * rootfs/tree.h - the tree of an image being written below a directory, layer by layer.
 *
 *     hf_tree_init(&tree, root_fd, err);
 *     for each layer, the lowest first
 *         hf_tree_begin_layer(&tree);
 *         hf_tar_new(&(hf_tree_sink(&tree)), ...)   and feed it
 *     hf_tree_finish(&tree, err);
 *     hf_tree_release(&tree);
 *
 * The result is what overlayfs shows of the layers, each unpacked by itself, as docker and podman
 * do it:
 *  - a whiteout hides what lower layers have, never what its own layer has, before or after it (one
 *    beside a folder of its name too, where docker and podman on overlayfs forget the whiteout);
 *  - a symlink on the way to an entry is followed, inside the root, if the same layer made it. One
 *    of a lower layer gives way to a new directory, as anything else there that is no directory;
 *  - a directory of several layers has what all of them put there, and owner, mode, time and
 *    attributes of the highest that has an entry for it;
 *  - attributes that would steer overlayfs are left out; a character device 0/0, which is
 *    overlayfs' own whiteout, is one here too;
 *  - names of aufs (".wh..wh.*") are passed over.
 * Directories without any entry of their own get 0755, and 1970 for a time, as in our EROFS index.
 *
 * Directories are 0700 while the tree is written; modes and times of all of them are set at its
 * end, when nothing changes in them any more.
 */
#ifndef HF_ROOTFS_TREE_H
#define HF_ROOTFS_TREE_H

#include "base/buf.h"
#include "rootfs/numbers.h"
#include "rootfs/sys.h"
#include "tar/tar.h"

/* What this process may not keep, counted. */
struct hf_tree_lost {
    uint64_t owners;
    uint64_t devices;
    uint64_t xattrs;
    uint64_t set_ids; /* set-user-ID bits of files whose owner is not kept */
};

struct hf_tree_attrs {
    uint32_t mode;
    struct hf_sys_times mtime;
};

/* A directory, to make and find entries in (O_PATH). */
struct hf_tree_place {
    int dir;
    uint64_t ino;
};

struct hf_tree {
    int root; /* borrowed */
    uint64_t root_ino;
    uint64_t seed;
    size_t layer; /* from 1 */
    /* Entries that this layer made, by hf_tree_key; unused in the first, which made all. */
    struct hf_numbers made;
    /* By inode: index in `attrs`. */
    struct hf_numbers dirs;
    struct hf_tree_attrs *attrs;
    size_t attr_count;
    size_t attr_capacity;
    struct hf_tree_place parent; /* of the last entry; dir -1: none */
    struct hf_buf parent_path;   /* where that is, from the root */
    bool parent_is_stale;        /* something was removed: it may be another one now */
    struct hf_buf path;          /* of the entry, clean */
    struct hf_buf link;          /* of a hard link's target, clean */
    struct hf_buf resolved;      /* see place.c */
    struct hf_buf way;
    /* The file that is open between its entry and its end. */
    int fd;
    struct hf_tree_attrs file;
    uint64_t file_size;
    bool file_is_sparse;
    struct hf_buf file_xattrs; /* name NUL, length, value */
    struct hf_tree_lost lost;
};

HF_MUST_USE int hf_tree_init(struct hf_tree *tree, int root, struct hf_error *err);
void hf_tree_release(struct hf_tree *tree);
void hf_tree_begin_layer(struct hf_tree *tree);
struct hf_tar_sink hf_tree_sink(struct hf_tree *tree);
HF_MUST_USE int hf_tree_finish(struct hf_tree *tree, struct hf_error *err);

/* --- between the files of the tree ------------------------------------------------------------ */

/* place.c: the directory of tree->path's last component, made where it is missing; valid until the
 * next call. *out_name points into tree->path. */
HF_MUST_USE int hf_tree_parent(struct hf_tree *tree, struct hf_tree_place *out,
                               const char **out_name, struct hf_error *err);
/* The same for tree->link, making nothing: NOT_FOUND without a sentence. *out_place.dir is the
 * caller's. */
HF_MUST_USE int hf_tree_find(struct hf_tree *tree, struct hf_tree_place *out, const char **out_name,
                             struct hf_error *err);

/* remove.c: an entry and all below it; nothing there is fine. */
HF_MUST_USE int hf_tree_remove(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                               struct hf_error *err);
/* What lower layers have at or below an entry. */
HF_MUST_USE int hf_tree_prune(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                              struct hf_error *err);
/* The same of all in a directory. */
HF_MUST_USE int hf_tree_prune_below(struct hf_tree *tree, struct hf_tree_place place,
                                    struct hf_error *err);
/* Everything below `fd`, of whatever tree. */
HF_MUST_USE int hf_tree_clear(int fd, struct hf_error *err);

/* made.c */
HF_MUST_USE int hf_tree_note_made(struct hf_tree *tree, struct hf_tree_place place,
                                  const char *name, struct hf_error *err);
bool hf_tree_is_made(const struct hf_tree *tree, uint64_t dir_ino, const char *name);
/* What a directory shall have in the end; the last call counts. Called for each that is made, so
 * that one with the number of another that was removed does not take its place. */
HF_MUST_USE int hf_tree_note_dir(struct hf_tree *tree, uint64_t ino,
                                 const struct hf_tree_attrs *attrs, struct hf_error *err);
const struct hf_tree_attrs *hf_tree_dir(const struct hf_tree *tree, uint64_t ino);

/* attributes.c; by descriptor when name is NULL. Owner first, since it takes set-ID bits and
 * capabilities away; mode and times last. */
HF_MUST_USE int hf_tree_set_owner(struct hf_tree *tree, int dir, const char *name, uint32_t uid,
                                  uint32_t gid, uint32_t *mode, struct hf_error *err);
HF_MUST_USE int hf_tree_set_xattr(struct hf_tree *tree, int dir, const char *name, const char *key,
                                  const void *value, size_t len, struct hf_error *err);
HF_MUST_USE int hf_tree_set_xattrs(struct hf_tree *tree, int dir, const char *name,
                                   const struct hf_tar_entry *entry, struct hf_error *err);
HF_MUST_USE int hf_tree_clear_xattrs(int fd, struct hf_error *err);
HF_MUST_USE int hf_tree_set_attrs(int dir, const char *name, const struct hf_tree_attrs *attrs,
                                  bool has_mode, struct hf_error *err);

/* file.c: regular files */
HF_MUST_USE int hf_tree_begin_file(struct hf_tree *tree, struct hf_tree_place place,
                                   const char *name, const struct hf_tar_entry *entry,
                                   struct hf_error *err);
HF_MUST_USE int hf_tree_write_file(struct hf_tree *tree, uint64_t off, const void *data, size_t len,
                                   struct hf_error *err);
HF_MUST_USE int hf_tree_end_file(struct hf_tree *tree, struct hf_error *err);

#endif
