/*
 * holdfast/digest.h - the identity of bytes, as in the OCI image specification ("sha256:HEX").
 */
#ifndef HOLDFAST_DIGEST_H
#define HOLDFAST_DIGEST_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>

enum hf_digest_algorithm {
    HF_DIGEST_NONE = 0,
    HF_DIGEST_SHA256 = 1,
    HF_DIGEST_SHA512 = 2,
};

#define HF_DIGEST_BYTES_MAX 64
/* "sha512:" + 128 digits + NUL, rounded up. */
#define HF_DIGEST_TEXT_MAX 144

/* A value: copy it, compare it with hf_digest_compare. Bytes past the algorithm's length are 0. */
struct hf_digest {
    uint8_t algorithm;
    uint8_t bytes[HF_DIGEST_BYTES_MAX];
};

/* Length of the digest in bytes (32 or 64); 0 for an unknown algorithm. */
HF_API size_t hf_digest_size(uint8_t algorithm);
/* "sha256", "sha512"; NULL for an unknown algorithm. Static storage. */
HF_API const char *hf_digest_algorithm_name(uint8_t algorithm);
/* Order by algorithm, then bytes: <0, 0, >0. */
HF_API int hf_digest_compare(const struct hf_digest *a, const struct hf_digest *b);
/* "sha256:HEX"; returns `text`. A digest of no algorithm gives "none". */
HF_API const char *hf_digest_text(const struct hf_digest *digest, char text[HF_DIGEST_TEXT_MAX]);
/* Just the hexadecimal digits; returns `hex`. */
HF_API const char *hf_digest_hex(const struct hf_digest *digest, char hex[HF_DIGEST_TEXT_MAX]);
/* Parse "sha256:HEX" (lower case only, as the specification demands). USAGE when malformed. */
HF_API HF_MUST_USE int hf_digest_parse(const char *text, struct hf_digest *out,
                                       struct hf_error *err);

#endif
