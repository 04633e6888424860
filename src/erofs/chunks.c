/* erofs/chunks.c - a sparse file as chunks. */
#include "erofs/chunks.h"

#include "erofs/format.h"

#include <string.h>

struct hf_erofs_pieces hf_erofs_pieces_of(const struct hf_erofs_tree *tree,
                                          const struct hf_erofs_inode *inode)
{
    struct hf_erofs_pieces pieces = {0};
    const uint8_t *at = hf_erofs_tree_bytes(tree, inode->data);

    memcpy(&pieces.count, at, sizeof(pieces.count));
    pieces.bytes = at + sizeof(pieces.count);
    return pieces;
}

struct hf_tar_segment hf_erofs_piece(const struct hf_erofs_pieces *pieces, uint32_t index)
{
    struct hf_tar_segment piece;

    memcpy(&piece, pieces->bytes + index * sizeof(piece), sizeof(piece));
    return piece;
}

static bool lies_on_blocks(const struct hf_erofs_pieces *pieces, uint64_t file_bytes,
                           uint64_t block_bytes)
{
    for (uint32_t i = 0; i < pieces->count; i++) {
        struct hf_tar_segment piece = hf_erofs_piece(pieces, i);
        uint64_t end = piece.file_off + piece.len;
        if (piece.file_off % block_bytes != 0 || piece.tar_off % block_bytes != 0 ||
            (end % block_bytes != 0 && end != file_bytes))
            return false;
    }
    return true;
}

/* How many times a block may be doubled with this block number still being a multiple of it. */
static uint32_t doublings(uint64_t block, uint32_t most)
{
    uint32_t bits = block == 0 ? most : (uint32_t)__builtin_ctzll(block);

    return bits < most ? bits : most;
}

void hf_erofs_chunks_plan(const struct hf_erofs_tree *tree, const struct hf_erofs_layout *layout,
                          struct hf_erofs_inode *inode)
{
    struct hf_erofs_pieces pieces = hf_erofs_pieces_of(tree, inode);
    uint64_t block_count = (inode->size - 1) / layout->block_bytes + 1;
    uint32_t bits = 0;

    inode->is_data_inside =
        layout->form == HF_EROFS_FULL || !lies_on_blocks(&pieces, inode->size, layout->block_bytes);
    while (bits < HF_EROFS_CHUNK_BITS_MAX && block_count >> bits > 1)
        bits++;
    if (bits < HF_EROFS_CHUNK_BITS_MAX && (uint64_t)1 << bits < block_count)
        bits++;
    for (uint32_t i = 0; i < pieces.count; i++) {
        struct hf_tar_segment piece = hf_erofs_piece(&pieces, i);
        uint64_t end = piece.file_off + piece.len;
        bits = doublings(piece.file_off / layout->block_bytes, bits);
        if (end != inode->size)
            bits = doublings((end - 1) / layout->block_bytes + 1, bits);
    }
    inode->chunk_bits = (uint8_t)bits;
}

static uint64_t chunk_bytes(const struct hf_erofs_layout *layout,
                            const struct hf_erofs_inode *inode)
{
    return (uint64_t)layout->block_bytes << inode->chunk_bits;
}

uint64_t hf_erofs_chunk_count(const struct hf_erofs_layout *layout,
                              const struct hf_erofs_inode *inode)
{
    return (inode->size - 1) / chunk_bytes(layout, inode) + 1;
}

struct hf_erofs_chunks hf_erofs_chunks_of(const struct hf_erofs_tree *tree,
                                          const struct hf_erofs_layout *layout,
                                          const struct hf_erofs_inode *inode)
{
    return (struct hf_erofs_chunks){.pieces = hf_erofs_pieces_of(tree, inode),
                                    .file_bytes = inode->size,
                                    .chunk_bytes = chunk_bytes(layout, inode)};
}

bool hf_erofs_chunks_next(struct hf_erofs_chunks *chunks, struct hf_erofs_chunk *out)
{
    struct hf_erofs_chunk chunk = {.file_off = chunks->off, .is_hole = true};
    struct hf_tar_segment piece = {0};

    if (chunks->off >= chunks->file_bytes)
        return false;
    chunk.len = chunks->file_bytes - chunks->off;
    if (chunk.len > chunks->chunk_bytes)
        chunk.len = chunks->chunk_bytes;
    for (; chunks->piece < chunks->pieces.count; chunks->piece++) {
        piece = hf_erofs_piece(&chunks->pieces, chunks->piece);
        if (piece.file_off + piece.len > chunk.file_off)
            break;
    }
    chunk.piece = chunks->piece;
    if (chunks->piece < chunks->pieces.count && piece.file_off < chunk.file_off + chunk.len) {
        chunk.is_hole = false;
        chunk.tar_off = piece.tar_off + (chunk.file_off - piece.file_off);
    }
    chunks->off += chunk.len;
    *out = chunk;
    return true;
}

uint64_t hf_erofs_chunks_blocks(const struct hf_erofs_tree *tree,
                                const struct hf_erofs_layout *layout,
                                const struct hf_erofs_inode *inode)
{
    struct hf_erofs_chunks chunks = hf_erofs_chunks_of(tree, layout, inode);
    struct hf_erofs_chunk chunk;
    uint64_t blocks = 0;

    while (hf_erofs_chunks_next(&chunks, &chunk)) {
        if (!chunk.is_hole)
            blocks += (chunk.len - 1) / layout->block_bytes + 1;
    }
    return blocks;
}
