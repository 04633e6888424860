/*
 * erofs/tree.h - the tree of one layer, in memory.
 *
 * Three arrays that only grow, with 32-bit indexes between them: names (entries of directories),
 * inodes, and bytes (text of names, targets of symlinks, attributes, sparse maps). Nothing is ever
 * removed: what another entry replaces is no longer reached from the root.
 *
 * name 0 and inode 0 are the root's.
 */
#ifndef HF_EROFS_TREE_H
#define HF_EROFS_TREE_H

#include "base/buf.h"
#include "tar/tar.h"

#include <sys/stat.h>

#define HF_EROFS_NONE UINT32_MAX

struct hf_erofs_name {
    uint32_t inode;
    uint32_t next;   /* in the same directory, newest first */
    uint32_t chain;  /* in the same hash bucket */
    uint32_t parent; /* inode of the directory */
    uint32_t text;   /* where it begins in `bytes` */
    uint8_t text_len;
    bool hides_lower; /* whiteout or opaque: nothing of lower layers shows at or under this name */
};

struct hf_erofs_inode {
    uint64_t size; /* FILE, symlink; of a directory once it is laid out */
    int64_t mtime_sec;
    /* FILE: where its data begins in the tar, or, sparse, its map in `bytes`. Symlink: its target
     * in `bytes`. Device: its number as the image has it. Directory: its newest name. */
    uint64_t data;
    uint32_t mtime_nsec;
    uint32_t uid;
    uint32_t gid;
    uint32_t xattrs; /* in `bytes`: u32 length, then entries as the image has them; or NONE */
    uint32_t name;   /* of a directory: its own, through which its parent is found */
    uint16_t mode;   /* with the type */
    bool is_sparse;
    bool is_whiteout; /* a name that a lower layer had; for the tar it does not exist */
    /* The rest is of the layout. */
    bool is_inline;
    bool is_data_inside; /* the file's data is in the image */
    uint8_t chunk_bits;  /* of a sparse file */
    uint32_t nlink;
    uint32_t nid;
    uint32_t block;       /* the first outside of the inode, counted from the start of its region */
    uint32_t first_child; /* in the layout's order */
    uint32_t child_count;
};

struct hf_erofs_tree {
    struct hf_erofs_name *names;
    struct hf_erofs_inode *inodes;
    uint32_t *buckets; /* a power of two */
    struct hf_buf bytes;
    size_t name_count;
    size_t name_capacity;
    size_t inode_count;
    size_t inode_capacity;
    size_t bucket_count;
    size_t memory_max_bytes;
    uint64_t seed;      /* of the hash; decides nothing but how long chains are */
    struct hf_buf path; /* of the entry at hand, clean */
    struct hf_buf way;  /* what is left to walk after a symlink */
};

HF_MUST_USE int hf_erofs_tree_init(struct hf_erofs_tree *tree, size_t memory_max_bytes,
                                   struct hf_error *err);
void hf_erofs_tree_release(struct hf_erofs_tree *tree);

/* Copies bytes; out_off tells where they are. */
HF_MUST_USE int hf_erofs_tree_keep(struct hf_erofs_tree *tree, const void *data, size_t len,
                                   uint32_t *out_off, struct hf_error *err);
HF_MUST_USE int hf_erofs_tree_add_inode(struct hf_erofs_tree *tree,
                                        const struct hf_erofs_inode *inode, uint32_t *out,
                                        struct hf_error *err);
/* The name in that directory, NONE when it has no such. */
uint32_t hf_erofs_tree_find(const struct hf_erofs_tree *tree, uint32_t directory, const void *text,
                            size_t len);
/* A name that the directory does not have yet. */
HF_MUST_USE int hf_erofs_tree_add_name(struct hf_erofs_tree *tree, uint32_t directory,
                                       const void *text, size_t len, uint32_t inode, uint32_t *out,
                                       struct hf_error *err);
/* LIMIT when `more` bytes would be too many beside what is there. */
HF_MUST_USE int hf_erofs_tree_afford(const struct hf_erofs_tree *tree, size_t more,
                                     struct hf_error *err);
/* Root 0755, 0:0, at the epoch; so are all directories that have no entry. */
struct hf_erofs_inode hf_erofs_plain_directory(void);

/* One entry of the tar takes its place: entry.c, by the rules of FORMAT.md, "From tar to tree". */
HF_MUST_USE int hf_erofs_tree_take(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                                   struct hf_error *err);

/* Attributes as the image has them, without those that would steer overlayfs: xattr.c. */
HF_MUST_USE int hf_erofs_tree_keep_xattrs(struct hf_erofs_tree *tree,
                                          const struct hf_tar_entry *entry, uint32_t *out,
                                          struct hf_error *err);

static inline bool hf_erofs_is(const struct hf_erofs_inode *inode, uint32_t type)
{
    return (inode->mode & S_IFMT) == type;
}

static inline const uint8_t *hf_erofs_tree_bytes(const struct hf_erofs_tree *tree, uint64_t off)
{
    return tree->bytes.data + off;
}

#endif
