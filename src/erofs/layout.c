/*
 * erofs/layout.c - decides where everything lies in the image.
 *
 * Always true:
 *  (1) an inode without anything inline does not cross a block with its first 64 bytes, one with
 *      something inline lies in one block as a whole: kernels before 6.12 ask it of symlinks;
 *  (2) an inode's number is its offset in 32 bytes from the image's start, so none is 0.
 */
#include "erofs/layout.h"

#include "base/error.h"
#include "erofs/chunks.h"
#include "erofs/format.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_BLOCK_BITS 9u
#define FULL_BLOCK_BITS  12u

static int compare_texts(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    if (order != 0)
        return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct hf_erofs_tree *tree = arg;
    const struct hf_erofs_name *left = &tree->names[*(const uint32_t *)a];
    const struct hf_erofs_name *right = &tree->names[*(const uint32_t *)b];

    return compare_texts(hf_erofs_tree_bytes(tree, left->text), left->text_len,
                         hf_erofs_tree_bytes(tree, right->text), right->text_len);
}

struct hf_erofs_children hf_erofs_children_of(const struct hf_erofs_tree *tree,
                                              const struct hf_erofs_layout *layout,
                                              uint32_t directory)
{
    const struct hf_erofs_inode *inode = &tree->inodes[directory];

    return (struct hf_erofs_children){.tree = tree,
                                      .names = layout->order + inode->first_child,
                                      .left = inode->child_count,
                                      .directory = directory};
}

bool hf_erofs_children_next(struct hf_erofs_children *children, struct hf_erofs_child *out)
{
    static const uint8_t dots[2] = {'.', '.'};
    const struct hf_erofs_tree *tree = children->tree;
    size_t dot_count = children->gave_dot ? 2 : 1;

    if (children->left > 0) {
        const struct hf_erofs_name *name = &tree->names[*children->names];
        const uint8_t *text = hf_erofs_tree_bytes(tree, name->text);
        if (children->gave_dot_dot || compare_texts(text, name->text_len, dots, dot_count) < 0) {
            *out = (struct hf_erofs_child){text, name->text_len, name->inode};
            children->names++;
            children->left--;
            return true;
        }
    }
    if (children->gave_dot_dot)
        return false;
    *out = (struct hf_erofs_child){dots, dot_count, children->directory};
    if (children->gave_dot)
        out->inode = tree->names[tree->inodes[children->directory].name].parent;
    children->gave_dot_dot = children->gave_dot;
    children->gave_dot = true;
    return true;
}

const uint8_t *hf_erofs_inode_xattrs(const struct hf_erofs_tree *tree,
                                     const struct hf_erofs_inode *inode, size_t *out_len)
{
    uint32_t len = 0;

    *out_len = 0;
    if (inode->xattrs == HF_EROFS_NONE)
        return NULL;
    memcpy(&len, hf_erofs_tree_bytes(tree, inode->xattrs), sizeof(len));
    *out_len = len;
    return hf_erofs_tree_bytes(tree, inode->xattrs) + sizeof(len);
}

bool hf_erofs_inode_is_opaque(const struct hf_erofs_tree *tree, const struct hf_erofs_inode *inode)
{
    return hf_erofs_is(inode, S_IFDIR) && tree->names[inode->name].hides_lower;
}

uint64_t hf_erofs_inode_bytes(const struct hf_erofs_tree *tree, const struct hf_erofs_inode *inode)
{
    size_t xattrs = 0;

    hf_erofs_inode_xattrs(tree, inode, &xattrs);
    if (hf_erofs_inode_is_opaque(tree, inode))
        xattrs += HF_EROFS_OPAQUE_BYTES;
    return HF_EROFS_INODE_BYTES + (xattrs > 0 ? HF_EROFS_XATTR_HEADER + xattrs : 0);
}

/* Puts what the directory has at the end of `order`, by name. */
static void add_children(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree,
                         struct hf_erofs_inode *directory)
{
    uint32_t *first = layout->order + layout->count;

    directory->first_child = (uint32_t)layout->count;
    for (uint32_t at = (uint32_t)directory->data; at != HF_EROFS_NONE; at = tree->names[at].next)
        layout->order[layout->count++] = at;
    directory->child_count = (uint32_t)layout->count - directory->first_child;
    if (directory->child_count > 1)
        qsort_r(first, directory->child_count, sizeof(*first), compare_names, tree);
}

static void measure_directory(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree,
                              uint32_t index)
{
    struct hf_erofs_children children = hf_erofs_children_of(tree, layout, index);
    struct hf_erofs_inode *directory = &tree->inodes[index];
    struct hf_erofs_child child;
    uint64_t blocks = 0;
    uint64_t used = 0; /* of the last block */

    directory->nlink = 0;
    while (hf_erofs_children_next(&children, &child)) {
        uint64_t bytes = HF_EROFS_DIRENT_BYTES + child.len;
        if (used + bytes > layout->block_bytes) {
            blocks++;
            used = 0;
        }
        used += bytes;
        if (hf_erofs_is(&tree->inodes[child.inode], S_IFDIR))
            directory->nlink++; /* its own ".", the one of its parent by "..", and of each child */
    }
    directory->size = blocks * layout->block_bytes + used;
}

static uint64_t up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* How many bytes are to lie inline behind the inode; 0: none. */
static uint64_t inline_bytes(const struct hf_erofs_layout *layout, const struct hf_erofs_tree *tree,
                             const struct hf_erofs_inode *inode)
{
    uint64_t before = hf_erofs_inode_bytes(tree, inode);
    uint64_t rest = 0;

    if (hf_erofs_is(inode, S_IFDIR))
        rest = inode->size % layout->block_bytes;
    else if (hf_erofs_is(inode, S_IFLNK))
        rest = inode->size;
    return before + rest <= layout->block_bytes ? rest : 0; /* (1) */
}

/* What a sparse file needs behind the inode, and in front of that to begin at a multiple of 8. */
static int plan_sparse(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree,
                       struct hf_erofs_inode *inode, uint64_t *out_bytes, struct hf_error *err)
{
    hf_erofs_chunks_plan(tree, layout, inode);
    uint64_t count = hf_erofs_chunk_count(layout, inode);
    if (count > layout->chunks_left)
        return hf_fail(err, HF_ERR_LIMIT,
                       "the sparse files of the layer would need more than %u chunks",
                       HF_EROFS_MAX_CHUNKS);
    layout->chunks_left -= count;
    *out_bytes =
        up(hf_erofs_inode_bytes(tree, inode), HF_EROFS_CHUNK_BYTES) + count * HF_EROFS_CHUNK_BYTES;
    return 0;
}

static int place(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree,
                 struct hf_erofs_inode *inode, struct hf_error *err)
{
    uint64_t rest = inline_bytes(layout, tree, inode);
    uint64_t bytes = hf_erofs_inode_bytes(tree, inode) + rest;
    uint64_t at = up(layout->meta_end, HF_EROFS_INODE_UNIT);

    if (inode->is_sparse) {
        int rc = plan_sparse(layout, tree, inode, &bytes, err);
        if (rc < 0)
            return rc;
    }
    uint64_t together = rest > 0 ? bytes : HF_EROFS_INODE_BYTES;
    if (at % layout->block_bytes + together > layout->block_bytes)
        at = up(at, layout->block_bytes); /* (1) */
    inode->is_inline = rest > 0;
    inode->nid = (uint32_t)(at / HF_EROFS_INODE_UNIT);
    layout->meta_end = at + bytes;
    layout->inode_count++;
    if (layout->meta_end / HF_EROFS_INODE_UNIT > UINT32_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "the layer has more inodes than an image can hold");
    return 0;
}

/* Blocks outside of the inode. tree_block and data_block count them until all are known. */
static void give_blocks(struct hf_erofs_layout *layout, const struct hf_erofs_tree *tree,
                        struct hf_erofs_inode *inode)
{
    uint32_t type = inode->mode & S_IFMT;
    uint64_t blocks = 0;

    if (type == S_IFDIR || type == S_IFLNK) {
        blocks = inode->size / layout->block_bytes;
        if (!inode->is_inline && inode->size % layout->block_bytes != 0)
            blocks++;
        inode->block = (uint32_t)layout->tree_block;
        layout->tree_block += blocks;
    } else if (type == S_IFREG && inode->size > 0) {
        if (!inode->is_sparse)
            inode->is_data_inside = layout->form == HF_EROFS_FULL;
        if (!inode->is_data_inside)
            return;
        blocks = inode->is_sparse ? hf_erofs_chunks_blocks(tree, layout, inode)
                                  : up(inode->size, layout->block_bytes) / layout->block_bytes;
        inode->block = (uint32_t)layout->data_block;
        layout->data_block += blocks;
    }
}

static int lay_out(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree, struct hf_error *err)
{
    layout->order[layout->count++] = 0;
    for (size_t i = 0; i < layout->count; i++) {
        uint32_t index = tree->names[layout->order[i]].inode;
        struct hf_erofs_inode *inode = &tree->inodes[index];
        if (hf_erofs_is(inode, S_IFDIR)) {
            add_children(layout, tree, inode);
            measure_directory(layout, tree, index);
        } else if (inode->nlink++ > 0) {
            continue;
        }
        int rc = place(layout, tree, inode, err);
        if (rc < 0)
            return rc;
        give_blocks(layout, tree, inode);
        if (layout->tree_block + layout->data_block > HF_EROFS_MAX_BLOCKS)
            return hf_fail(err, HF_ERR_LIMIT, "the layer has more data than an image can hold");
    }
    return 0;
}

int hf_erofs_layout_init(struct hf_erofs_layout *layout, struct hf_erofs_tree *tree,
                         enum hf_erofs_form form, struct hf_error *err)
{
    uint64_t tree_blocks;

    *layout = (struct hf_erofs_layout){
        .form = form, .meta_end = HF_EROFS_META_OFF, .chunks_left = HF_EROFS_MAX_CHUNKS};
    layout->block_bits = form == HF_EROFS_INDEX ? INDEX_BLOCK_BITS : FULL_BLOCK_BITS;
    layout->block_bytes = 1u << layout->block_bits;
    int rc = hf_erofs_tree_afford(tree, tree->name_count * sizeof(*layout->order), err);
    if (rc < 0)
        return rc;
    layout->order = malloc(tree->name_count * sizeof(*layout->order));
    if (!layout->order)
        return hf_fail_memory(err);
    for (size_t i = 0; i < tree->inode_count; i++)
        tree->inodes[i].nlink = 0;
    if ((rc = lay_out(layout, tree, err)) < 0)
        return rc;
    tree_blocks = layout->tree_block;
    layout->tree_block = up(layout->meta_end, layout->block_bytes) / layout->block_bytes;
    layout->block_count = layout->tree_block + tree_blocks + layout->data_block;
    layout->data_block = layout->tree_block + tree_blocks;
    if (layout->block_count > HF_EROFS_MAX_BLOCKS)
        return hf_fail(err, HF_ERR_LIMIT, "the layer has more data than an image can hold");
    return 0;
}

void hf_erofs_layout_release(struct hf_erofs_layout *layout)
{
    free(layout->order);
    *layout = (struct hf_erofs_layout){0};
}
