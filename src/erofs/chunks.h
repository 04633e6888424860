/*
 * erofs/chunks.h - a sparse file as chunks: equal pieces, each in the image, in the tar, or a hole.
 *
 * Chunks are as large as the map allows, so that there are few. Where pieces of the tar do not lie
 * on blocks, the file's data is put into the image: then a chunk is there as a whole if any byte
 * is.
 */
#ifndef HF_EROFS_CHUNKS_H
#define HF_EROFS_CHUNKS_H

#include "erofs/layout.h"

/* The file's pieces in the tar. */
struct hf_erofs_pieces {
    const uint8_t *bytes;
    uint32_t count;
};
struct hf_erofs_pieces hf_erofs_pieces_of(const struct hf_erofs_tree *tree,
                                          const struct hf_erofs_inode *inode);
struct hf_tar_segment hf_erofs_piece(const struct hf_erofs_pieces *pieces, uint32_t index);

/* Sets chunk_bits and is_data_inside. */
void hf_erofs_chunks_plan(const struct hf_erofs_tree *tree, const struct hf_erofs_layout *layout,
                          struct hf_erofs_inode *inode);
uint64_t hf_erofs_chunk_count(const struct hf_erofs_layout *layout,
                              const struct hf_erofs_inode *inode);

struct hf_erofs_chunk {
    uint64_t file_off;
    uint64_t len; /* within the file */
    bool is_hole;
    uint64_t tar_off; /* not a hole and not inside */
    uint32_t piece;   /* the first piece that reaches into it */
};

/* All chunks of a file in order. Zeroed but for the first three it stands before the first. */
struct hf_erofs_chunks {
    struct hf_erofs_pieces pieces;
    uint64_t file_bytes;
    uint64_t chunk_bytes;
    uint64_t off;
    uint32_t piece;
};
struct hf_erofs_chunks hf_erofs_chunks_of(const struct hf_erofs_tree *tree,
                                          const struct hf_erofs_layout *layout,
                                          const struct hf_erofs_inode *inode);
bool hf_erofs_chunks_next(struct hf_erofs_chunks *chunks, struct hf_erofs_chunk *out);

/* Blocks of the chunks that are no holes. */
uint64_t hf_erofs_chunks_blocks(const struct hf_erofs_tree *tree,
                                const struct hf_erofs_layout *layout,
                                const struct hf_erofs_inode *inode);

#endif
