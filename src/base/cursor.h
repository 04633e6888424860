/*
 * base/cursor.h - reads bounded bytes, field by field, little-endian.
 *
 * A get past the end sets `failed`, gives 0 (or NULL) and moves nothing, and so does every get
 * after it. A decoder reads all fields and checks once: hf_cursor_ok, or hf_cursor_done when
 * nothing may be left over.
 */
#ifndef HF_BASE_CURSOR_H
#define HF_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_cursor {
    const uint8_t *data;
    size_t len;
    size_t off;
    bool failed;
};

struct hf_cursor hf_cursor_of(const void *data, size_t len);
size_t hf_cursor_left(const struct hf_cursor *cursor); /* bytes; 0 once a get has failed */
uint8_t hf_cursor_u8(struct hf_cursor *cursor);
uint16_t hf_cursor_u16(struct hf_cursor *cursor);
uint32_t hf_cursor_u32(struct hf_cursor *cursor);
uint64_t hf_cursor_u64(struct hf_cursor *cursor);
/* Borrowed bytes inside the data; NULL when fewer than `len` are left. */
const uint8_t *hf_cursor_bytes(struct hf_cursor *cursor, size_t len);
/* u32 length, then the bytes, borrowed. */
const uint8_t *hf_cursor_blob(struct hf_cursor *cursor, size_t *out_len);
bool hf_cursor_zeros(struct hf_cursor *cursor, size_t len); /* reserved bytes: all 0, else fails */
bool hf_cursor_ok(const struct hf_cursor *cursor);
bool hf_cursor_done(const struct hf_cursor *cursor); /* ok, and nothing is left */

#endif
