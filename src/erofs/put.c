/*
 * erofs/put.c - an inode and what belongs to it, and the blocks of directories. The bytes of each
 * structure: FORMAT.md.
 */
#include "erofs/chunks.h"
#include "erofs/format.h"
#include "erofs/write.h"

static uint8_t file_type(const struct hf_erofs_inode *inode)
{
    switch (inode->mode & S_IFMT) {
    case S_IFREG:
        return 1;
    case S_IFDIR:
        return 2;
    case S_IFCHR:
        return 3;
    case S_IFBLK:
        return 4;
    case S_IFIFO:
        return 5;
    default:
        return 7; /* symlink */
    }
}

/* As many entries as fit a block: first all of fixed size, then the names. */
static void put_directory_block(struct hf_erofs_writer *w, struct hf_erofs_children *children)
{
    struct hf_erofs_children names = *children;
    struct hf_erofs_children ahead = *children;
    struct hf_erofs_child child;
    struct hf_buf *buf = &w->out.buf;
    size_t count = 0;
    size_t used = 0;

    while (hf_erofs_children_next(&ahead, &child) &&
           used + HF_EROFS_DIRENT_BYTES + child.len <= w->layout->block_bytes) {
        used += HF_EROFS_DIRENT_BYTES + child.len;
        count++;
    }
    size_t name_off = count * HF_EROFS_DIRENT_BYTES;
    for (size_t i = 0; i < count; i++) {
        hf_erofs_children_next(children, &child);
        hf_buf_put_u64(buf, w->tree->inodes[child.inode].nid);
        hf_buf_put_u16(buf, (uint16_t)name_off);
        hf_buf_put_u8(buf, file_type(&w->tree->inodes[child.inode]));
        hf_buf_put_u8(buf, 0);
        name_off += child.len;
    }
    for (size_t i = 0; i < count; i++) {
        hf_erofs_children_next(&names, &child);
        hf_buf_put(buf, child.text, child.len);
    }
}

int hf_erofs_put_blocks(struct hf_erofs_writer *w, uint32_t index, struct hf_error *err)
{
    struct hf_erofs_children children = hf_erofs_children_of(w->tree, w->layout, index);
    const struct hf_erofs_inode *inode = &w->tree->inodes[index];
    uint32_t unit = w->layout->block_bytes;
    uint64_t blocks = inode->is_inline ? inode->size / unit : (inode->size + unit - 1) / unit;

    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t end = hf_erofs_out_off(&w->out) + unit;
        put_directory_block(w, &children);
        hf_erofs_out_reach(&w->out, end);
        int rc = hf_erofs_out_settle(&w->out, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The last block of a directory, whose others lie outside. */
static void put_directory_rest(struct hf_erofs_writer *w, const struct hf_erofs_inode *inode,
                               uint32_t index)
{
    struct hf_erofs_children children = hf_erofs_children_of(w->tree, w->layout, index);
    uint64_t blocks = inode->size / w->layout->block_bytes;
    struct hf_erofs_child child;
    size_t used = 0;

    while (blocks > 0) {
        struct hf_erofs_children before = children;
        hf_erofs_children_next(&children, &child);
        used += HF_EROFS_DIRENT_BYTES + child.len;
        if (used > w->layout->block_bytes) {
            children = before;
            used = 0;
            blocks--;
        }
    }
    put_directory_block(w, &children);
}

static void put_xattrs(struct hf_erofs_writer *w, const struct hf_erofs_inode *inode)
{
    struct hf_buf *buf = &w->out.buf;
    size_t len = 0;
    const uint8_t *entries = hf_erofs_inode_xattrs(w->tree, inode, &len);

    if (hf_erofs_inode_bytes(w->tree, inode) == HF_EROFS_INODE_BYTES)
        return;
    hf_buf_put_zeros(buf, HF_EROFS_XATTR_HEADER); /* no filter, nothing shared */
    hf_buf_put(buf, entries, len);
    if (hf_erofs_inode_is_opaque(w->tree, inode))
        hf_buf_put(buf, HF_EROFS_OPAQUE_ENTRY, HF_EROFS_OPAQUE_BYTES);
}

static int put_chunks(struct hf_erofs_writer *w, const struct hf_erofs_inode *inode,
                      struct hf_error *err)
{
    struct hf_erofs_chunks chunks = hf_erofs_chunks_of(w->tree, w->layout, inode);
    struct hf_erofs_chunk chunk;
    uint64_t block = w->layout->data_block + inode->block;
    struct hf_buf *buf = &w->out.buf;

    if (hf_erofs_out_off(&w->out) % HF_EROFS_CHUNK_BYTES != 0)
        hf_buf_put_zeros(buf,
                         HF_EROFS_CHUNK_BYTES - hf_erofs_out_off(&w->out) % HF_EROFS_CHUNK_BYTES);
    while (hf_erofs_chunks_next(&chunks, &chunk)) {
        bool is_in_tar = !chunk.is_hole && !inode->is_data_inside;
        uint64_t address = is_in_tar ? chunk.tar_off / HF_TAR_BLOCK : block;
        hf_buf_put_u16(buf, 0);
        hf_buf_put_u16(buf, is_in_tar ? HF_EROFS_TAR_DEVICE : 0);
        hf_buf_put_u32(buf, chunk.is_hole ? HF_EROFS_HOLE : (uint32_t)address);
        if (!chunk.is_hole && inode->is_data_inside)
            block += (chunk.len - 1) / w->layout->block_bytes + 1;
        int rc = hf_erofs_out_settle(&w->out, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The field that means something else for every type: a block, a device, or the size of chunks. */
static uint32_t address_of(const struct hf_erofs_writer *w, const struct hf_erofs_inode *inode)
{
    const struct hf_erofs_layout *layout = w->layout;

    switch (inode->mode & S_IFMT) {
    case S_IFREG:
        if (inode->size == 0)
            return 0;
        if (inode->is_sparse)
            return inode->chunk_bits | HF_EROFS_CHUNK_INDEXES;
        if (inode->is_data_inside)
            return (uint32_t)(layout->data_block + inode->block);
        return (uint32_t)(layout->block_count + inode->data / HF_TAR_BLOCK);
    case S_IFDIR:
    case S_IFLNK:
        return (uint32_t)(layout->tree_block + inode->block);
    case S_IFCHR:
    case S_IFBLK:
        return (uint32_t)inode->data;
    default:
        return 0;
    }
}

static uint16_t format_of(const struct hf_erofs_inode *inode)
{
    unsigned layout = inode->is_sparse   ? HF_EROFS_LAYOUT_CHUNKED
                      : inode->is_inline ? HF_EROFS_LAYOUT_INLINE
                                         : HF_EROFS_LAYOUT_PLAIN;

    return (uint16_t)(HF_EROFS_FORMAT_EXTENDED | layout << HF_EROFS_LAYOUT_SHIFT);
}

int hf_erofs_put_inode(struct hf_erofs_writer *w, uint32_t index, struct hf_error *err)
{
    const struct hf_erofs_inode *inode = &w->tree->inodes[index];
    uint64_t bytes = hf_erofs_inode_bytes(w->tree, inode) - HF_EROFS_INODE_BYTES;
    uint64_t units = bytes > 0 ? (bytes - HF_EROFS_XATTR_HEADER) / HF_EROFS_XATTR_ALIGN + 1 : 0;
    struct hf_buf *buf = &w->out.buf;

    hf_erofs_out_reach(&w->out, (uint64_t)inode->nid * HF_EROFS_INODE_UNIT);
    hf_buf_put_u16(buf, format_of(inode));
    hf_buf_put_u16(buf, (uint16_t)units);
    hf_buf_put_u16(buf, inode->mode);
    hf_buf_put_u16(buf, 0);
    hf_buf_put_u64(buf, inode->size);
    hf_buf_put_u32(buf, address_of(w, inode));
    hf_buf_put_u32(buf, inode->nid);
    hf_buf_put_u32(buf, inode->uid);
    hf_buf_put_u32(buf, inode->gid);
    hf_buf_put_u64(buf, (uint64_t)inode->mtime_sec);
    hf_buf_put_u32(buf, inode->mtime_nsec);
    hf_buf_put_u32(buf, inode->nlink);
    hf_buf_put_zeros(buf, 16);
    put_xattrs(w, inode);
    if (inode->is_sparse)
        return put_chunks(w, inode, err);
    if (inode->is_inline && hf_erofs_is(inode, S_IFLNK))
        hf_buf_put(buf, hf_erofs_tree_bytes(w->tree, inode->data), inode->size);
    else if (inode->is_inline)
        put_directory_rest(w, inode, index);
    return hf_erofs_out_settle(&w->out, err);
}
