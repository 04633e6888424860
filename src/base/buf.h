/*
 * base/buf.h - a growable byte buffer with a maximum.
 *
 * A zeroed struct is an empty buffer without a maximum of its own (SIZE_MAX / 2 applies). Appends
 * that fail leave the buffer as it was and set `failed`, so that a writer of many fields checks
 * once at the end (hf_buf_check).
 */
#ifndef HF_BASE_BUF_H
#define HF_BASE_BUF_H

#include <holdfast/error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct hf_buf {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max_bytes; /* 0: no maximum of its own */
    int failed;       /* 0, HF_ERR_NO_MEMORY or HF_ERR_LIMIT; the first failure stays */
};

void hf_buf_release(struct hf_buf *buf); /* frees, and makes it empty again; keeps max_bytes */
void hf_buf_clear(struct hf_buf *buf);   /* length 0 and no failure; keeps the memory */
/* Room for `len` more bytes; NULL on failure. The caller writes there and adds to buf->len. */
uint8_t *hf_buf_reserve(struct hf_buf *buf, size_t len);
void hf_buf_put(struct hf_buf *buf, const void *data, size_t len);
void hf_buf_put_zeros(struct hf_buf *buf, size_t len);
void hf_buf_put_u8(struct hf_buf *buf, uint8_t value);
void hf_buf_put_u16(struct hf_buf *buf, uint16_t value); /* little-endian, like all below */
void hf_buf_put_u32(struct hf_buf *buf, uint32_t value);
void hf_buf_put_u64(struct hf_buf *buf, uint64_t value);
/* u32 length, then the bytes. */
void hf_buf_put_blob(struct hf_buf *buf, const void *data, size_t len);
void hf_buf_put_text(struct hf_buf *buf, const char *text); /* the characters, no NUL */
void hf_buf_printf(struct hf_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hf_buf_vprintf(struct hf_buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* A NUL after the data, not counted in len. Returns the text, NULL on failure. Borrowed. */
const char *hf_buf_text(struct hf_buf *buf);
/* 0, or the first failure as an error. */
HF_MUST_USE int hf_buf_check(const struct hf_buf *buf, struct hf_error *err);
/* Gives the memory (NUL-terminated) to the caller, who frees it with free(); the buffer is empty
 * afterwards. NULL when the buffer had failed, or fails now;
 * hf_buf_check tells it afterwards too. */
char *hf_buf_detach(struct hf_buf *buf);

#endif
