/*
 * catalog/payload.c - what a log record says, as bytes. Format: FORMAT.md 3.
 */
#include "catalog/payload.h"

#include "base/cursor.h"
#include "base/error.h"
#include "catalog/keys.h"

#include <assert.h>

#define OP_PUT    1
#define OP_DELETE 2

void hf_payload_release(struct hf_payload *payload)
{
    hf_buf_release(&payload->changes);
    payload->count = 0;
}

static void add(struct hf_payload *payload, uint8_t op, const struct hf_buf *key,
                const struct hf_buf *value)
{
    size_t value_len = value != NULL ? value->len : 0;

    /* What could not be made must not become a record: hf_payload_encode refuses. */
    if (payload->changes.failed == 0 && key->failed != 0)
        payload->changes.failed = key->failed;
    if (payload->changes.failed == 0 && value != NULL && value->failed != 0)
        payload->changes.failed = value->failed;
    if (payload->changes.failed != 0)
        return;
    assert(key->len > 0 && key->len <= HF_KEY_MAX && value_len <= HF_VALUE_MAX);
    hf_buf_put_u8(&payload->changes, op);
    hf_buf_put_u16(&payload->changes, (uint16_t)key->len);
    hf_buf_put_u32(&payload->changes, (uint32_t)value_len);
    hf_buf_put(&payload->changes, key->data, key->len);
    if (value != NULL && value_len > 0)
        hf_buf_put(&payload->changes, value->data, value_len);
    payload->count++;
}

void hf_payload_put(struct hf_payload *payload, const struct hf_buf *key,
                    const struct hf_buf *value)
{
    add(payload, OP_PUT, key, value);
}

void hf_payload_delete(struct hf_payload *payload, const struct hf_buf *key)
{
    add(payload, OP_DELETE, key, NULL);
}

int hf_payload_encode(const struct hf_payload *payload, const void *note, size_t note_len,
                      struct hf_buf *out, struct hf_error *err)
{
    int rc = hf_buf_check(&payload->changes, err);

    if (rc != 0)
        return rc;
    hf_buf_clear(out);
    hf_buf_put_blob(out, note, note_len);
    hf_buf_put_u32(out, payload->count);
    if (payload->changes.len > 0)
        hf_buf_put(out, payload->changes.data, payload->changes.len);
    return hf_buf_check(out, err);
}

/* False: malformed. */
static bool read_change(struct hf_cursor *cursor, struct hf_payload_change *out)
{
    uint8_t op = hf_cursor_u8(cursor);

    out->key_len = hf_cursor_u16(cursor);
    out->value_len = hf_cursor_u32(cursor);
    out->is_delete = op == OP_DELETE;
    out->key = hf_cursor_bytes(cursor, out->key_len);
    out->value = hf_cursor_bytes(cursor, out->value_len);
    if (!hf_cursor_ok(cursor) || (op != OP_PUT && op != OP_DELETE))
        return false;
    if (out->key_len == 0 || out->key_len > HF_KEY_MAX || out->value_len > HF_VALUE_MAX)
        return false;
    return !out->is_delete || out->value_len == 0;
}

int hf_payload_decode(const void *data, size_t len, const uint8_t **out_note, size_t *out_note_len,
                      hf_payload_change_fn *fn, void *arg, struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(data, len);
    struct hf_payload_change change;
    size_t note_len = 0;
    int rc = 0;

    const uint8_t *note = hf_cursor_blob(&cursor, &note_len);
    uint32_t count = hf_cursor_u32(&cursor);
    struct hf_cursor first = cursor;
    bool fits = hf_cursor_ok(&cursor) && note_len <= HF_NOTE_MAX;
    /* All of it is checked before any of it is applied: a record counts whole or not at all. */
    for (uint32_t i = 0; fits && i < count; i++)
        fits = read_change(&cursor, &change);
    if (!fits || !hf_cursor_done(&cursor))
        return hf_fail(err, HF_ERR_CORRUPT, "a log record is valid, but its payload is malformed");
    for (uint32_t i = 0; rc == 0 && fn != NULL && i < count; i++) {
        (void)read_change(&first, &change);
        rc = fn(arg, &change, err);
    }
    if (rc == 0 && out_note != NULL) {
        *out_note = note;
        *out_note_len = note_len;
    }
    return rc;
}
