/*
 * base/buf.c - a growable byte buffer with a maximum.
 *
 * Always true:
 *  (1) len <= capacity, and bytes [0, len) are written;
 *  (2) once `failed` is set nothing is appended, so that what is there is a prefix of what was
 * meant and never has a hole; (3) the maximum bounds len; capacity may be one more, for the NUL of
 * a text.
 */
#include "base/buf.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

static size_t max_len(const struct hf_buf *buf)
{
    size_t most = SIZE_MAX / 2;

    return buf->max_bytes != 0 && buf->max_bytes < most ? buf->max_bytes : most;
}

static void fail(struct hf_buf *buf, int code)
{
    if (buf->failed == 0)
        buf->failed = code;
}

static bool grow(struct hf_buf *buf, size_t needed)
{
    if (needed <= buf->capacity)
        return true;
    size_t most = max_len(buf) + 1;
    size_t capacity = buf->capacity < most / 2 ? 2 * buf->capacity : most;
    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    if (capacity < needed)
        capacity = needed;
    uint8_t *data = realloc(buf->data, capacity);
    if (!data) {
        fail(buf, HF_ERR_NO_MEMORY);
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

/* Room for `len` bytes that count and `extra` (0 or 1) that does not (3). */
static uint8_t *reserve(struct hf_buf *buf, size_t len, size_t extra)
{
    size_t most = max_len(buf);

    if (buf->failed != 0)
        return NULL; /* (2) */
    if (buf->len > most || len > most - buf->len) {
        fail(buf, HF_ERR_LIMIT);
        return NULL;
    }
    /* At least one byte, because a room of 0 bytes must not look like a failure. */
    size_t needed = buf->len + len + extra;
    if (!grow(buf, needed > 0 ? needed : 1))
        return NULL;
    return buf->data + buf->len;
}

void hf_buf_release(struct hf_buf *buf)
{
    free(buf->data);
    *buf = (struct hf_buf){.max_bytes = buf->max_bytes};
}

void hf_buf_clear(struct hf_buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
}

uint8_t *hf_buf_reserve(struct hf_buf *buf, size_t len)
{
    return reserve(buf, len, 0);
}

void hf_buf_put(struct hf_buf *buf, const void *data, size_t len)
{
    uint8_t *room = reserve(buf, len, 0);

    if (!room || len == 0)
        return;
    memcpy(room, data, len);
    buf->len += len;
}

void hf_buf_put_zeros(struct hf_buf *buf, size_t len)
{
    uint8_t *room = reserve(buf, len, 0);

    if (!room)
        return;
    memset(room, 0, len);
    buf->len += len;
}

static void store_little_endian(uint8_t *to, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void put_integer(struct hf_buf *buf, uint64_t value, size_t len)
{
    uint8_t *room = reserve(buf, len, 0);

    if (!room)
        return;
    store_little_endian(room, value, len);
    buf->len += len;
}

void hf_buf_put_u8(struct hf_buf *buf, uint8_t value)
{
    put_integer(buf, value, 1);
}

void hf_buf_put_u16(struct hf_buf *buf, uint16_t value)
{
    put_integer(buf, value, 2);
}

void hf_buf_put_u32(struct hf_buf *buf, uint32_t value)
{
    put_integer(buf, value, 4);
}

void hf_buf_put_u64(struct hf_buf *buf, uint64_t value)
{
    put_integer(buf, value, 8);
}

void hf_buf_put_blob(struct hf_buf *buf, const void *data, size_t len)
{
    /* The second half excludes an overflow of 4 + len where size_t has 32 bits. */
    if (len > UINT32_MAX || len > SIZE_MAX - 4) {
        fail(buf, HF_ERR_LIMIT);
        return;
    }
    /* Reserved together: a length without its bytes must not stay behind. */
    uint8_t *room = reserve(buf, 4 + len, 0);
    if (!room)
        return;
    store_little_endian(room, len, 4);
    if (len > 0)
        memcpy(room + 4, data, len);
    buf->len += 4 + len;
}

void hf_buf_put_text(struct hf_buf *buf, const char *text)
{
    hf_buf_put(buf, text, strlen(text));
}

void hf_buf_printf(struct hf_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    hf_buf_vprintf(buf, format, args);
    va_end(args);
}

void hf_buf_vprintf(struct hf_buf *buf, const char *format, va_list args)
{
    va_list measured;

    va_copy(measured, args);
    int len = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    if (len < 0) {
        fail(buf, HF_ERR_LIMIT);
        return;
    }
    char *room = (char *)reserve(buf, (size_t)len, 1);
    if (!room)
        return;
    vsnprintf(room, (size_t)len + 1, format, args);
    buf->len += (size_t)len;
}

const char *hf_buf_text(struct hf_buf *buf)
{
    uint8_t *end = reserve(buf, 0, 1);

    if (!end)
        return NULL;
    *end = '\0';
    return (const char *)buf->data;
}

int hf_buf_check(const struct hf_buf *buf, struct hf_error *err)
{
    if (buf->failed == 0)
        return 0;
    if (buf->failed == HF_ERR_NO_MEMORY)
        return hf_fail_memory(err);
    return hf_fail(err, buf->failed, "a buffer would exceed its maximum of %zu bytes",
                   max_len(buf));
}

char *hf_buf_detach(struct hf_buf *buf)
{
    if (!hf_buf_text(buf)) {
        /* The failure stays, so that hf_buf_check still tells it. */
        int failed = buf->failed;
        hf_buf_release(buf);
        buf->failed = failed;
        return NULL;
    }
    char *text = (char *)buf->data;
    *buf = (struct hf_buf){.max_bytes = buf->max_bytes};
    return text;
}
