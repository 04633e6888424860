/*
 * erofs/layout.h - decides where everything lies in the image, before anything is written.
 *
 * Regions, one after another: super block and device slot; inodes, each with what is inline; blocks
 * of directories and long symlinks; blocks of file data. Inodes lie in the order of a walk through
 * the tree level by level, each directory by name, and so does what they have outside.
 */
#ifndef HF_EROFS_LAYOUT_H
#define HF_EROFS_LAYOUT_H

#include "erofs/erofs.h"
#include "erofs/tree.h"

struct hf_erofs_layout {
    enum hf_erofs_form form;
    uint32_t block_bits;
    uint32_t block_bytes;
    uint32_t *order; /* names, level by level; children of a directory together */
    size_t count;
    size_t inode_count;
    uint64_t meta_end;    /* bytes */
    uint64_t tree_block;  /* the first block of directories */
    uint64_t data_block;  /* the first block of file data */
    uint64_t block_count; /* of the image */
    uint64_t chunks_left; /* of HF_EROFS_MAX_CHUNKS */
};

/* Fills the layout's fields of the tree's inodes. */
HF_MUST_USE int hf_erofs_layout_init(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree,
                                     enum hf_erofs_form form, struct hf_error *err);
void hf_erofs_layout_release(struct hf_erofs_layout *layout);

/* The entries of a directory as the image has them: by name, "." and ".." among them. */
struct hf_erofs_children {
    const struct hf_erofs_tree *tree;
    const uint32_t *names; /* the rest of them */
    size_t left;
    bool gave_dot;
    bool gave_dot_dot;
    uint32_t directory;
};

struct hf_erofs_child {
    const uint8_t *text;
    size_t len;
    uint32_t inode;
};

struct hf_erofs_children hf_erofs_children_of(const struct hf_erofs_tree *tree,
                                              const struct hf_erofs_layout *layout,
                                              uint32_t directory);
bool hf_erofs_children_next(struct hf_erofs_children *children, struct hf_erofs_child *out);

/* The inode's attributes as entries, without the header in front and without opaque's. */
const uint8_t *hf_erofs_inode_xattrs(const struct hf_erofs_tree *tree,
                                     const struct hf_erofs_inode *inode, size_t *out_len);
bool hf_erofs_inode_is_opaque(const struct hf_erofs_tree *tree, const struct hf_erofs_inode *inode);
/* Bytes of inode and attributes, before the inline rest or the chunk indexes. */
uint64_t hf_erofs_inode_bytes(const struct hf_erofs_tree *tree, const struct hf_erofs_inode *inode);

/* The attribute that makes a directory opaque, padding included. */
#define HF_EROFS_OPAQUE_ENTRY                                                                      \
    "\x0e\x04\x01\0"                                                                               \
    "overlay.opaque"                                                                               \
    "y\0"
#define HF_EROFS_OPAQUE_BYTES 20u

#endif
