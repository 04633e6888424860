/*
 * erofs/write.c - writes the image that was laid out, from its first byte to its last. The bytes of
 * each structure: FORMAT.md.
 */
#include "erofs/write.h"

#include "base/error.h"
#include "erofs/chunks.h"
#include "erofs/format.h"

#include <assert.h>
#include <string.h>

static void put_super(struct hf_erofs_writer *w)
{
    const struct hf_erofs_layout *layout = w->layout;
    struct hf_buf *buf = &w->out.buf;
    bool is_index = layout->form == HF_EROFS_INDEX;
    bool has_chunks = layout->chunks_left < HF_EROFS_MAX_CHUNKS;

    hf_erofs_out_reach(&w->out, HF_EROFS_SUPER_OFF);
    hf_buf_put_u32(buf, HF_EROFS_MAGIC);
    hf_buf_put_u32(buf, 0); /* checksum: out.c */
    hf_buf_put_u32(buf,
                   HF_EROFS_COMPAT_MTIME | (w->out.has_checksum ? HF_EROFS_COMPAT_SB_CHECKSUM : 0));
    hf_buf_put_u8(buf, (uint8_t)layout->block_bits);
    hf_buf_put_u8(buf, 0); /* no extensions of the super block */
    hf_buf_put_u16(buf, (uint16_t)w->tree->inodes[0].nid);
    hf_buf_put_u64(buf, layout->inode_count);
    hf_buf_put_zeros(buf, 8 + 4); /* time of making, part of which compact inodes would need */
    hf_buf_put_u32(buf, (uint32_t)layout->block_count);
    hf_buf_put_u32(buf, 0);         /* inodes count from block 0 */
    hf_buf_put_u32(buf, 0);         /* no shared attributes */
    hf_buf_put_zeros(buf, 16 + 16); /* UUID, volume name */
    hf_buf_put_u32(buf, (has_chunks ? HF_EROFS_INCOMPAT_CHUNKED : 0) |
                            (is_index ? HF_EROFS_INCOMPAT_DEVICE_TABLE : 0));
    hf_buf_put_u16(buf, 0); /* of compression */
    hf_buf_put_u16(buf, is_index ? 1 : 0);
    hf_buf_put_u16(buf, is_index ? HF_EROFS_SLOT_OFF / HF_EROFS_SLOT_BYTES : 0);
    hf_erofs_out_reach(&w->out, HF_EROFS_SUPER_OFF + HF_EROFS_SUPER_BYTES);
}

/* The tar as device 1; its blocks also stand behind those of the image in one space of numbers. */
static void put_device(struct hf_erofs_writer *w)
{
    const char *tag = w->out.output->tag ? w->out.output->tag : "";
    struct hf_buf *buf = &w->out.buf;

    if (w->layout->form == HF_EROFS_INDEX) {
        hf_buf_put(buf, tag, strnlen(tag, HF_EROFS_TAG_BYTES));
        hf_erofs_out_reach(&w->out, HF_EROFS_SLOT_OFF + HF_EROFS_TAG_BYTES);
        hf_buf_put_u32(buf, (uint32_t)((w->tar_bytes + HF_TAR_BLOCK - 1) / HF_TAR_BLOCK));
        hf_buf_put_u32(buf, (uint32_t)w->layout->block_count);
    }
    hf_erofs_out_reach(&w->out, HF_EROFS_META_OFF);
}

/* Inodes in the order in which they were placed; of one with several names the first counts. */
static int write_inodes(struct hf_erofs_writer *w, struct hf_error *err)
{
    for (size_t i = 0; i < w->layout->count; i++) {
        uint32_t index = w->tree->names[w->layout->order[i]].inode;
        uint64_t at = (uint64_t)w->tree->inodes[index].nid * HF_EROFS_INODE_UNIT;
        if (at < hf_erofs_out_off(&w->out))
            continue;
        int rc = hf_erofs_put_inode(w, index, err);
        if (rc < 0)
            return rc;
    }
    hf_erofs_out_reach(&w->out, w->layout->tree_block << w->layout->block_bits);
    return hf_erofs_out_settle(&w->out, err);
}

static int write_long_link(struct hf_erofs_writer *w, const struct hf_erofs_inode *inode,
                           struct hf_error *err)
{
    uint64_t unit = w->layout->block_bytes;
    uint64_t end = hf_erofs_out_off(&w->out) + (inode->size + unit - 1) / unit * unit;

    hf_buf_put(&w->out.buf, hf_erofs_tree_bytes(w->tree, inode->data), inode->size);
    hf_erofs_out_reach(&w->out, end);
    return hf_erofs_out_settle(&w->out, err);
}

/* Directories and symlinks, as far as they are not inline. */
static int write_tree(struct hf_erofs_writer *w, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < w->layout->count && rc == 0; i++) {
        uint32_t index = w->tree->names[w->layout->order[i]].inode;
        const struct hf_erofs_inode *inode = &w->tree->inodes[index];
        uint64_t at = (w->layout->tree_block + inode->block) << w->layout->block_bits;
        if (hf_erofs_is(inode, S_IFDIR))
            rc = hf_erofs_put_blocks(w, index, err);
        else if (hf_erofs_is(inode, S_IFLNK) && !inode->is_inline &&
                 at == hf_erofs_out_off(&w->out)) /* its first name */
            rc = write_long_link(w, inode, err);
    }
    return rc;
}

/* The bytes of one chunk: pieces of the tar with zeros before, between and behind them. */
static int write_chunk(struct hf_erofs_writer *w, const struct hf_erofs_pieces *pieces,
                       const struct hf_erofs_chunk *chunk, struct hf_error *err)
{
    uint64_t at = chunk->file_off;
    uint64_t end = chunk->file_off + chunk->len;
    int rc = 0;

    for (uint32_t i = chunk->piece; i < pieces->count && rc == 0; i++) {
        struct hf_tar_segment piece = hf_erofs_piece(pieces, i);
        uint64_t from = piece.file_off > at ? piece.file_off : at;
        uint64_t to = piece.file_off + piece.len < end ? piece.file_off + piece.len : end;
        if (from >= end)
            break;
        if ((rc = hf_erofs_out_zeros(&w->out, from - at, err)) == 0)
            rc =
                hf_erofs_out_copy(&w->out, piece.tar_off + (from - piece.file_off), to - from, err);
        at = to;
    }
    return rc < 0 ? rc : hf_erofs_out_zeros(&w->out, end - at, err);
}

static int end_block(struct hf_erofs_writer *w, struct hf_error *err)
{
    uint64_t unit = w->layout->block_bytes;

    hf_erofs_out_reach(&w->out, (hf_erofs_out_off(&w->out) + unit - 1) / unit * unit);
    return hf_erofs_out_settle(&w->out, err);
}

static int write_sparse(struct hf_erofs_writer *w, const struct hf_erofs_inode *inode,
                        struct hf_error *err)
{
    struct hf_erofs_chunks chunks = hf_erofs_chunks_of(w->tree, w->layout, inode);
    struct hf_erofs_chunk chunk;
    int rc = 0;

    while (rc == 0 && hf_erofs_chunks_next(&chunks, &chunk)) {
        if (!chunk.is_hole && (rc = write_chunk(w, &chunks.pieces, &chunk, err)) == 0)
            rc = end_block(w, err);
    }
    return rc;
}

/* Data of files, as far as it is in the image. */
static int write_data(struct hf_erofs_writer *w, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < w->layout->count && rc == 0; i++) {
        const struct hf_erofs_inode *inode =
            &w->tree->inodes[w->tree->names[w->layout->order[i]].inode];
        uint64_t at = (w->layout->data_block + inode->block) << w->layout->block_bits;
        if (!hf_erofs_is(inode, S_IFREG) || inode->size == 0 || !inode->is_data_inside ||
            at != hf_erofs_out_off(&w->out))
            continue;
        if (!w->out.output->read)
            return hf_fail(
                err, HF_ERR_UNSUPPORTED,
                "the layer has a sparse file whose pieces do not lie on blocks of %u bytes",
                w->layout->block_bytes);
        if (inode->is_sparse)
            rc = write_sparse(w, inode, err);
        else if ((rc = hf_erofs_out_copy(&w->out, inode->data, inode->size, err)) == 0)
            rc = end_block(w, err);
    }
    return rc;
}

int hf_erofs_write(const struct hf_erofs_tree *tree, const struct hf_erofs_layout *layout,
                   uint64_t tar_bytes, const struct hf_erofs_output *output, struct hf_error *err)
{
    struct hf_erofs_writer w = {
        .tree = tree,
        .layout = layout,
        .tar_bytes = tar_bytes,
        .out = {.output = output, .has_checksum = layout->form == HF_EROFS_FULL},
    };
    int rc;

    if (layout->form == HF_EROFS_INDEX &&
        tar_bytes / HF_TAR_BLOCK >= HF_EROFS_MAX_BLOCKS - layout->block_count)
        return hf_fail(err, HF_ERR_LIMIT, "the tar is longer than an image can refer to");
    put_super(&w);
    put_device(&w);
    if ((rc = write_inodes(&w, err)) == 0 && (rc = write_tree(&w, err)) == 0 &&
        (rc = write_data(&w, err)) == 0 && (rc = hf_erofs_out_end(&w.out, err)) == 0)
        assert(w.out.off == layout->block_count << layout->block_bits);
    hf_buf_release(&w.out.buf);
    return rc;
}
