/*
 * base/cursor.c - reads bounded bytes, field by field, little-endian.
 *
 * Always true:
 *  (1) off <= len, and data is not NULL, so that NULL from a get means failure and nothing else;
 *  (2) once `failed` is set every get fails and nothing is left, so that no loop over what is left
 *      runs for ever and no field after a bad one is believed.
 */
#include "base/cursor.h"

#include <assert.h>
#include <string.h>

struct hf_cursor hf_cursor_of(const void *data, size_t len)
{
    static const uint8_t nothing[1];

    assert(data || len == 0);
    return (struct hf_cursor){.data = data ? data : nothing, .len = len};
}

size_t hf_cursor_left(const struct hf_cursor *cursor)
{
    return cursor->failed ? 0 : cursor->len - cursor->off;
}

const uint8_t *hf_cursor_bytes(struct hf_cursor *cursor, size_t len)
{
    if (cursor->failed || len > cursor->len - cursor->off) {
        cursor->failed = true;
        return NULL;
    }
    const uint8_t *bytes = cursor->data + cursor->off;
    cursor->off += len;
    return bytes;
}

static uint64_t get_integer(struct hf_cursor *cursor, size_t len)
{
    const uint8_t *bytes = hf_cursor_bytes(cursor, len);
    uint64_t value = 0;

    if (!bytes)
        return 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t hf_cursor_u8(struct hf_cursor *cursor)
{
    return (uint8_t)get_integer(cursor, 1);
}

uint16_t hf_cursor_u16(struct hf_cursor *cursor)
{
    return (uint16_t)get_integer(cursor, 2);
}

uint32_t hf_cursor_u32(struct hf_cursor *cursor)
{
    return (uint32_t)get_integer(cursor, 4);
}

uint64_t hf_cursor_u64(struct hf_cursor *cursor)
{
    return get_integer(cursor, 8);
}

const uint8_t *hf_cursor_blob(struct hf_cursor *cursor, size_t *out_len)
{
    size_t start = cursor->off;
    size_t len = hf_cursor_u32(cursor);
    const uint8_t *bytes = hf_cursor_bytes(cursor, len);

    if (!bytes) {
        cursor->off = start;
        len = 0;
    }
    *out_len = len;
    return bytes;
}

bool hf_cursor_zeros(struct hf_cursor *cursor, size_t len)
{
    size_t start = cursor->off;
    const uint8_t *bytes = hf_cursor_bytes(cursor, len);

    if (!bytes)
        return false;
    if (len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0))
        return true;
    cursor->off = start;
    cursor->failed = true;
    return false;
}

bool hf_cursor_ok(const struct hf_cursor *cursor)
{
    return !cursor->failed;
}

bool hf_cursor_done(const struct hf_cursor *cursor)
{
    return !cursor->failed && cursor->off == cursor->len;
}
