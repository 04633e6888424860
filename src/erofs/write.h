/* erofs/write.h - writes the image that was laid out. */
#ifndef HF_EROFS_WRITE_H
#define HF_EROFS_WRITE_H

#include "erofs/layout.h"

HF_MUST_USE int hf_erofs_write(const struct hf_erofs_tree *tree,
                               const struct hf_erofs_layout *layout, uint64_t tar_bytes,
                               const struct hf_erofs_output *output, struct hf_error *err);

/* CRC-32C as the super block has it: begins with all ones, is not inverted at the end. */
uint32_t hf_erofs_crc32c(const uint8_t *data, size_t len);

/* Bytes on their way out, in order: out.c. */
struct hf_erofs_out {
    const struct hf_erofs_output *output;
    struct hf_buf buf;
    uint64_t off;      /* of the image, where buf begins */
    bool has_checksum; /* of the super block */
};

static inline uint64_t hf_erofs_out_off(const struct hf_erofs_out *out)
{
    return out->off + out->buf.len;
}

/* Zeros up to `off`, which is not far away. */
void hf_erofs_out_reach(struct hf_erofs_out *out, uint64_t off);
/* Hands on what is there once that is a piece. */
HF_MUST_USE int hf_erofs_out_settle(struct hf_erofs_out *out, struct hf_error *err);
HF_MUST_USE int hf_erofs_out_end(struct hf_erofs_out *out, struct hf_error *err);
/* Bytes of the tar. */
HF_MUST_USE int hf_erofs_out_copy(struct hf_erofs_out *out, uint64_t tar_off, uint64_t len,
                                  struct hf_error *err);
HF_MUST_USE int hf_erofs_out_zeros(struct hf_erofs_out *out, uint64_t len, struct hf_error *err);

struct hf_erofs_writer {
    const struct hf_erofs_tree *tree;
    const struct hf_erofs_layout *layout;
    uint64_t tar_bytes;
    struct hf_erofs_out out;
};

/* Where it was placed: zeros up to there, the inode, its attributes, what is inline: put.c. */
HF_MUST_USE int hf_erofs_put_inode(struct hf_erofs_writer *w, uint32_t index, struct hf_error *err);
/* The blocks of a directory but for the one that is inline. */
HF_MUST_USE int hf_erofs_put_blocks(struct hf_erofs_writer *w, uint32_t index,
                                    struct hf_error *err);

#endif
