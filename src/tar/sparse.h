/*
 * tar/sparse.h - where the data of a sparse file lies, in each of the four ways tar says it.
 *
 * First the pieces are added, then hf_tar_sparse_place judges them and tells where each is in the
 * tar. Zeroed is empty.
 */
#ifndef HF_TAR_SPARSE_H
#define HF_TAR_SPARSE_H

#include "tar/tar.h"

struct hf_tar_sparse {
    struct hf_tar_segment *segments;
    size_t count;
    size_t capacity;
    size_t told; /* pieces added, empty ones included */
};

#define HF_TAR_SPARSE_IN_HEADER 4u  /* pieces in an old GNU header */
#define HF_TAR_SPARSE_IN_BLOCK  21u /* pieces in a block that goes on with it */

void hf_tar_sparse_release(struct hf_tar_sparse *sparse);
void hf_tar_sparse_clear(struct hf_tar_sparse *sparse);
HF_MUST_USE int hf_tar_sparse_add(struct hf_tar_sparse *sparse, uint64_t file_off, uint64_t len,
                                  struct hf_error *err);

/* Old GNU: up to `count` pairs of 12 bytes at `at`; ends early at an empty pair. */
HF_MUST_USE int hf_tar_sparse_pairs(struct hf_tar_sparse *sparse, const uint8_t *at, size_t count,
                                    struct hf_error *err);
/* GNU.sparse 0.1: "offset,length,offset,length". */
HF_MUST_USE int hf_tar_sparse_text(struct hf_tar_sparse *sparse, const char *text, size_t len,
                                   struct hf_error *err);

/* GNU.sparse 1.0: lines of digits in front of the data; the first is the number of pieces. */
struct hf_tar_sparse_lines {
    uint64_t value;
    uint64_t piece_off;
    uint64_t numbers_left;
    bool has_digits;
    bool has_count;
    bool has_off;
    bool is_done;
};
/* Reads on in one block of it; what follows the last line is padding. */
HF_MUST_USE int hf_tar_sparse_block(struct hf_tar_sparse *sparse, struct hf_tar_sparse_lines *lines,
                                    const uint8_t *block, struct hf_error *err);

/*
 * The pieces are complete: they must be sorted, apart, within `size` and as long together as the
 * tar stores, `stored` bytes from data_off on. Sets tar_off; neighbours become one.
 */
HF_MUST_USE int hf_tar_sparse_place(struct hf_tar_sparse *sparse, uint64_t size, uint64_t data_off,
                                    uint64_t stored, struct hf_error *err);

/* Decimal digits and nothing else, at most INT64_MAX. */
HF_MUST_USE int hf_tar_decimal(const char *text, size_t len, const char *what, uint64_t *out,
                               struct hf_error *err);

#endif
