/* erofs/walk.h - from a path to its place in the tree. */
#ifndef HF_EROFS_WALK_H
#define HF_EROFS_WALK_H

#include "erofs/tree.h"

struct hf_erofs_part {
    const char *text;
    size_t len;
};

/* What walking to an entry came to: the directory that has it, and its name there. */
struct hf_erofs_place {
    uint32_t directory;
    struct hf_erofs_part name;
};

enum hf_erofs_missing {
    HF_EROFS_MAKE_DIRECTORIES,
    HF_EROFS_FAIL_NOT_FOUND, /* without a sentence: the caller has one */
};

/* Takes the first component off; empty when nothing is left. */
struct hf_erofs_part hf_erofs_next_part(struct hf_erofs_part *path);

/*
 * To the directory of the last component of tree->path, which is clean and not empty. Symlinks of
 * this layer on the way are followed; none of them leads out of its root, as in a chroot.
 */
HF_MUST_USE int hf_erofs_walk(struct hf_erofs_tree *tree, enum hf_erofs_missing missing,
                              struct hf_erofs_place *out, struct hf_error *err);

/* The inode at that place; NONE when there is none, or only a whiteout. */
uint32_t hf_erofs_look_up(const struct hf_erofs_tree *tree, struct hf_erofs_place place);

/* Puts the inode there, whatever was there before. */
HF_MUST_USE int hf_erofs_set_name(struct hf_erofs_tree *tree, struct hf_erofs_place place,
                                  uint32_t inode, struct hf_error *err);

#endif
