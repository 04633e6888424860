/* tar/sparse.c - where the data of a sparse file lies. Source: GNU tar manual, "Storing Sparse
 * Files". */
#include "tar/sparse.h"

#include "base/array.h"
#include "base/error.h"
#include "tar/header.h"

#include <stdlib.h>
#include <string.h>

#define FIELD 12u

void hf_tar_sparse_release(struct hf_tar_sparse *sparse)
{
    free(sparse->segments);
    *sparse = (struct hf_tar_sparse){0};
}

void hf_tar_sparse_clear(struct hf_tar_sparse *sparse)
{
    sparse->count = 0;
    sparse->told = 0;
}

int hf_tar_sparse_add(struct hf_tar_sparse *sparse, uint64_t file_off, uint64_t len,
                      struct hf_error *err)
{
    if (sparse->told == HF_TAR_MAX_SEGMENTS)
        return hf_fail(err, HF_ERR_LIMIT, "its sparse map has more than %u pieces",
                       HF_TAR_MAX_SEGMENTS);
    sparse->told++;
    if (len == 0)
        return 0;
    int rc = hf_array_grow(&sparse->segments, &sparse->capacity, sparse->count,
                           sizeof(*sparse->segments), err);
    if (rc < 0)
        return rc;
    sparse->segments[sparse->count++] = (struct hf_tar_segment){.file_off = file_off, .len = len};
    return 0;
}

static int signed_field(const uint8_t *at, uint64_t *out, struct hf_error *err)
{
    int64_t value = 0;
    int rc = hf_tar_number(at, FIELD, "sparse map", &value, err);

    if (rc < 0)
        return rc;
    if (value < 0)
        return hf_fail(err, HF_ERR_INPUT, "its sparse map has a negative number");
    *out = (uint64_t)value;
    return 0;
}

int hf_tar_sparse_pairs(struct hf_tar_sparse *sparse, const uint8_t *at, size_t count,
                        struct hf_error *err)
{
    for (size_t i = 0; i < count && at[0] != '\0'; i++, at += (size_t)2 * FIELD) {
        uint64_t off = 0;
        uint64_t len = 0;
        int rc;
        if ((rc = signed_field(at, &off, err)) < 0 ||
            (rc = signed_field(at + FIELD, &len, err)) < 0 ||
            (rc = hf_tar_sparse_add(sparse, off, len, err)) < 0)
            return rc;
    }
    return 0;
}

int hf_tar_decimal(const char *text, size_t len, const char *what, uint64_t *out,
                   struct hf_error *err)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return hf_fail(err, HF_ERR_INPUT, "its %s is not a number", what);
        unsigned digit = (unsigned)(text[i] - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10)
            return hf_fail(err, HF_ERR_LIMIT, "its %s does not fit 64 bits", what);
        value = value * 10 + digit;
    }
    if (len == 0)
        return hf_fail(err, HF_ERR_INPUT, "its %s is not a number", what);
    *out = value;
    return 0;
}

/* One number and the comma behind it, if there is one. */
static int next_number(const char **text, size_t *len, uint64_t *out, struct hf_error *err)
{
    const char *comma = memchr(*text, ',', *len);
    size_t digits = comma ? (size_t)(comma - *text) : *len;
    int rc = hf_tar_decimal(*text, digits, "sparse map", out, err);

    digits += comma ? 1 : 0;
    *text += digits;
    *len -= digits;
    return rc;
}

int hf_tar_sparse_text(struct hf_tar_sparse *sparse, const char *text, size_t len,
                       struct hf_error *err)
{
    while (len > 0) {
        uint64_t off = 0;
        uint64_t piece = 0;
        int rc;
        if ((rc = next_number(&text, &len, &off, err)) < 0 ||
            (rc = next_number(&text, &len, &piece, err)) < 0 ||
            (rc = hf_tar_sparse_add(sparse, off, piece, err)) < 0)
            return rc;
    }
    return 0;
}

/* A line of the map is complete. */
static int take_line(struct hf_tar_sparse *sparse, struct hf_tar_sparse_lines *lines,
                     struct hf_error *err)
{
    int rc = 0;

    if (!lines->has_digits)
        return hf_fail(err, HF_ERR_INPUT, "its sparse map is not made of numbers");
    if (!lines->has_count) {
        if (lines->value > HF_TAR_MAX_SEGMENTS)
            return hf_fail(err, HF_ERR_LIMIT, "its sparse map has more than %u pieces",
                           HF_TAR_MAX_SEGMENTS);
        lines->has_count = true;
        lines->numbers_left = 2 * lines->value;
    } else {
        if (lines->has_off)
            rc = hf_tar_sparse_add(sparse, lines->piece_off, lines->value, err);
        else
            lines->piece_off = lines->value;
        lines->has_off = !lines->has_off;
        lines->numbers_left--;
    }
    lines->is_done = lines->numbers_left == 0;
    lines->value = 0;
    lines->has_digits = false;
    return rc;
}

int hf_tar_sparse_block(struct hf_tar_sparse *sparse, struct hf_tar_sparse_lines *lines,
                        const uint8_t *block, struct hf_error *err)
{
    for (size_t i = 0; i < HF_TAR_BLOCK && !lines->is_done; i++) {
        if (block[i] == '\n') {
            int rc = take_line(sparse, lines, err);
            if (rc < 0)
                return rc;
            continue;
        }
        if (block[i] < '0' || block[i] > '9')
            return hf_fail(err, HF_ERR_INPUT, "its sparse map is not made of numbers");
        unsigned digit = (unsigned)(block[i] - '0');
        if (lines->value > ((uint64_t)INT64_MAX - digit) / 10)
            return hf_fail(err, HF_ERR_LIMIT, "its sparse map does not fit 64 bits");
        lines->value = lines->value * 10 + digit;
        lines->has_digits = true;
    }
    return 0;
}

int hf_tar_sparse_place(struct hf_tar_sparse *sparse, uint64_t size, uint64_t data_off,
                        uint64_t stored, struct hf_error *err)
{
    uint64_t end = 0;  /* of the piece before, in the file */
    uint64_t used = 0; /* bytes of the tar */
    size_t kept = 0;

    for (size_t i = 0; i < sparse->count; i++) {
        struct hf_tar_segment piece = sparse->segments[i];
        if (piece.file_off < end || piece.file_off > size || piece.len > size - piece.file_off)
            return hf_fail(err, HF_ERR_INPUT,
                           "its sparse map has pieces out of order or behind its end");
        if (piece.len > stored - used)
            return hf_fail(err, HF_ERR_INPUT, "its sparse map tells of more data than is stored");
        piece.tar_off = data_off + used;
        used += piece.len;
        if (kept > 0 && piece.file_off == end)
            sparse->segments[kept - 1].len += piece.len;
        else
            sparse->segments[kept++] = piece;
        end = piece.file_off + piece.len;
    }
    if (used != stored)
        return hf_fail(err, HF_ERR_INPUT, "its sparse map tells of less data than is stored");
    sparse->count = kept;
    return 0;
}
