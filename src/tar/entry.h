/* tar/entry.h - puts one entry together from what its headers said. */
#ifndef HF_TAR_ENTRY_H
#define HF_TAR_ENTRY_H

#include "tar/header.h"
#include "tar/pax.h"

/* All headers of one entry. */
struct hf_tar_headers {
    struct hf_tar_header main;
    struct hf_tar_pax pax;  /* its sparse map holds the pieces, however the tar tells them */
    struct hf_buf gnu_name; /* of L; empty: none */
    struct hf_buf gnu_link; /* of K; empty: none */
    struct hf_buf path;     /* what came out of all that, with a NUL behind it */
    struct hf_buf link;
    uint64_t size_in_header; /* old GNU sparse: of the whole file */
};

enum hf_tar_sparse_kind {
    HF_TAR_NOT_SPARSE,
    HF_TAR_SPARSE_OLD_GNU,  /* pieces in the header and in blocks after it */
    HF_TAR_SPARSE_IN_PAX,   /* 0.0 and 0.1 */
    HF_TAR_SPARSE_AT_FRONT, /* 1.0: lines in front of the data */
};

void hf_tar_headers_release(struct hf_tar_headers *headers);
/* For the next entry; what global records say stays. */
HF_MUST_USE int hf_tar_headers_begin(struct hf_tar_headers *headers,
                                     const struct hf_tar_pax *global, struct hf_error *err);
/* Path and link of the entry whose main header is `block`. */
HF_MUST_USE int hf_tar_headers_name(struct hf_tar_headers *headers, const uint8_t *block,
                                    struct hf_error *err);
HF_MUST_USE int hf_tar_headers_sparse(const struct hf_tar_headers *headers,
                                      enum hf_tar_sparse_kind *out, struct hf_error *err);
/* Type and the bytes stored after the header, without padding. */
HF_MUST_USE int hf_tar_headers_stored(const struct hf_tar_headers *headers,
                                      enum hf_tar_type *out_type, uint64_t *out_stored,
                                      struct hf_error *err);
/*
 * The entry, whose `stored` bytes begin at data_off. Borrows from `headers`. Sets all but
 * header_off.
 */
HF_MUST_USE int hf_tar_headers_entry(struct hf_tar_headers *headers, uint64_t data_off,
                                     uint64_t stored, struct hf_tar_entry *out,
                                     struct hf_error *err);

#endif
