/*
 * base/digest.c - digests as text and as bytes, and how they are computed. The only file that sees
 * libcrypto.
 *
 * Always true: bytes of a struct hf_digest past its algorithm's length are 0, so that comparing the
 * whole array compares the digests.
 */
#include "base/digest.h"

#include "base/error.h"

/* The calls of OpenSSL 1.1, which later ones still have (meson.build asks for them): EVP would load
 * a configuration and set up every algorithm, a third of the time that a short command takes. */
#include <openssl/sha.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(HF_DIGEST_BYTES_MAX >= 64, "SHA-512 fits");
static_assert(HF_DIGEST_TEXT_MAX > sizeof("sha512:") + 2 * HF_DIGEST_BYTES_MAX, "the text fits");

struct hf_hasher {
    uint8_t algorithm;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha512;
    };
};

size_t hf_digest_size(uint8_t algorithm)
{
    switch (algorithm) {
    case HF_DIGEST_SHA256:
        return 32;
    case HF_DIGEST_SHA512:
        return 64;
    default:
        return 0;
    }
}

const char *hf_digest_algorithm_name(uint8_t algorithm)
{
    switch (algorithm) {
    case HF_DIGEST_SHA256:
        return "sha256";
    case HF_DIGEST_SHA512:
        return "sha512";
    default:
        return NULL;
    }
}

int hf_digest_compare(const struct hf_digest *a, const struct hf_digest *b)
{
    if (a->algorithm != b->algorithm)
        return a->algorithm < b->algorithm ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool hf_digest_is_set(const struct hf_digest *digest)
{
    return hf_digest_size(digest->algorithm) != 0;
}

static void put_hex(const struct hf_digest *digest, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = hf_digest_size(digest->algorithm);

    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 0xf];
    }
    hex[2 * size] = '\0';
}

const char *hf_digest_hex(const struct hf_digest *digest, char hex[HF_DIGEST_TEXT_MAX])
{
    put_hex(digest, hex);
    return hex;
}

const char *hf_digest_text(const struct hf_digest *digest, char text[HF_DIGEST_TEXT_MAX])
{
    const char *name = hf_digest_algorithm_name(digest->algorithm);

    if (!name)
        return strcpy(text, "none");
    size_t len = strlen(name);
    memcpy(text, name, len);
    text[len] = ':';
    put_hex(digest, text + len + 1);
    return text;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

/* The algorithm whose name and colon begin `text`; *out_hex is what follows. */
static uint8_t algorithm_of(const char *text, const char **out_hex)
{
    static const uint8_t known[] = {HF_DIGEST_SHA256, HF_DIGEST_SHA512};

    for (size_t i = 0; i < sizeof(known); i++) {
        const char *name = hf_digest_algorithm_name(known[i]);
        size_t len = strlen(name);
        if (strncmp(text, name, len) == 0 && text[len] == ':') {
            *out_hex = text + len + 1;
            return known[i];
        }
    }
    return HF_DIGEST_NONE;
}

int hf_digest_parse(const char *text, struct hf_digest *out, struct hf_error *err)
{
    struct hf_digest digest = {0};
    const char *hex = NULL;

    digest.algorithm = algorithm_of(text, &hex);
    if (digest.algorithm == HF_DIGEST_NONE)
        return hf_fail(
            err, HF_ERR_USAGE,
            "'%.160s' is not a digest: it begins with neither sha256: nor sha512:", text);
    size_t size = hf_digest_size(digest.algorithm);
    if (strlen(hex) != 2 * size)
        return hf_fail(err, HF_ERR_USAGE, "'%.160s' is not a digest: %zu digits, not %zu", text,
                       strlen(hex), 2 * size);
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(hex[2 * i]);
        int low = digit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return hf_fail(err, HF_ERR_USAGE,
                           "'%.160s' is not a digest: only 0-9 and a-f are digits", text);
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = digest;
    return 0;
}

struct hf_hasher *hf_hasher_new(uint8_t algorithm)
{
    if (hf_digest_size(algorithm) == 0)
        return NULL;
    struct hf_hasher *hasher = calloc(1, sizeof(*hasher));
    if (!hasher)
        return NULL;
    hasher->algorithm = algorithm;
    if (algorithm == HF_DIGEST_SHA256)
        SHA256_Init(&hasher->sha256);
    else
        SHA512_Init(&hasher->sha512);
    return hasher;
}

void hf_hasher_free(struct hf_hasher *hasher)
{
    free(hasher);
}

void hf_hasher_update(struct hf_hasher *hasher, const void *data, size_t len)
{
    if (hasher->algorithm == HF_DIGEST_SHA256)
        SHA256_Update(&hasher->sha256, data, len);
    else
        SHA512_Update(&hasher->sha512, data, len);
}

void hf_hasher_final(struct hf_hasher *hasher, struct hf_digest *out)
{
    *out = (struct hf_digest){.algorithm = hasher->algorithm};
    if (hasher->algorithm == HF_DIGEST_SHA256)
        SHA256_Final(out->bytes, &hasher->sha256);
    else
        SHA512_Final(out->bytes, &hasher->sha512);
}

void hf_digest_of(const void *data, size_t len, struct hf_digest *out)
{
    SHA256_CTX context;

    *out = (struct hf_digest){.algorithm = HF_DIGEST_SHA256};
    SHA256_Init(&context);
    SHA256_Update(&context, data, len);
    SHA256_Final(out->bytes, &context);
}

void hf_digest_encode(struct hf_buf *buf, const struct hf_digest *digest)
{
    uint8_t bytes[1 + HF_DIGEST_BYTES_MAX];
    size_t size = hf_digest_size(digest->algorithm);

    assert(size != 0);
    bytes[0] = digest->algorithm;
    memcpy(bytes + 1, digest->bytes, size);
    hf_buf_put(buf, bytes, 1 + size);
}

void hf_digest_decode(struct hf_cursor *cursor, struct hf_digest *out)
{
    struct hf_digest digest = {0};
    size_t start = cursor->off;

    digest.algorithm = hf_cursor_u8(cursor);
    size_t size = hf_digest_size(digest.algorithm);
    const uint8_t *bytes = size != 0 ? hf_cursor_bytes(cursor, size) : NULL;
    if (!bytes) {
        cursor->off = start;
        cursor->failed = true;
        *out = (struct hf_digest){0};
        return;
    }
    memcpy(digest.bytes, bytes, size);
    *out = digest;
}
