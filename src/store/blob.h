/* store/blob.h - opening bytes from within the store: a file wherever it is. Public part: store.h.
 */
#ifndef HF_STORE_BLOB_H
#define HF_STORE_BLOB_H

#include "store/handle.h"

struct hf_blob {
    struct hf_io *io;
    int fd;
    uint64_t size_bytes;
    struct hf_buf path;
};

/* Consumes `fd`, also on failure. */
HF_MUST_USE int hf_blob_wrap(struct hf_io *io, int fd, const char *path, struct hf_blob **out_blob,
                             struct hf_error *err);
/* The file of an object as a view knows it: staged, or in blobs/. NOT_FOUND: in neither. */
HF_MUST_USE int hf_blob_open_at(struct hf_store *store, const struct hf_view *view,
                                const struct hf_digest *digest, struct hf_blob **out_blob,
                                struct hf_error *err);
/* Read it whole. */
HF_MUST_USE int hf_blob_measure(struct hf_blob *blob, uint8_t algorithm,
                                struct hf_digest *out_digest, uint64_t *out_size,
                                uint64_t *out_checksum, struct hf_error *err);

#endif
