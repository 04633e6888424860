/*
 * base/digest.h - computes digests (libcrypto) and encodes them in keys and records.
 *
 * On disk a digest is one byte for the algorithm and then its 32 or 64 bytes.
 */
#ifndef HF_BASE_DIGEST_H
#define HF_BASE_DIGEST_H

#include <holdfast/digest.h>

#include "base/buf.h"
#include "base/cursor.h"

/* A running digest. new/free; `final` may be called once, update not after it. */
struct hf_hasher;
struct hf_hasher *hf_hasher_new(uint8_t algorithm); /* NULL: no memory or unknown algorithm */
void hf_hasher_free(struct hf_hasher *hasher);
void hf_hasher_update(struct hf_hasher *hasher, const void *data, size_t len);
void hf_hasher_final(struct hf_hasher *hasher, struct hf_digest *out);

/* One-shot SHA-256. */
void hf_digest_of(const void *data, size_t len, struct hf_digest *out);

void hf_digest_encode(struct hf_buf *buf, const struct hf_digest *digest);
/* Fails the cursor on an unknown algorithm. */
void hf_digest_decode(struct hf_cursor *cursor, struct hf_digest *out);
bool hf_digest_is_set(const struct hf_digest *digest);

#endif
