/*
 * catalog/checkpoint_format.c - frames, header and footer of a checkpoint, to bytes and back.
 * Format: FORMAT.md section 4. Entries of leaves and indexes: checkpoint_entry.c.
 */
#include "catalog/checkpoint_format.h"

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define CHECKSUM_BYTES 8

int hf_checkpoint_corrupt(struct hf_error *err, struct hf_checkpoint_place place, size_t off,
                          const char *format, ...)
{
    char message[256];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return hf_fail_at(err, HF_ERR_CORRUPT, place.file,
                      (uint64_t)place.block * HF_CHECKPOINT_BLOCK_BYTES + off,
                      "checkpoint %s is damaged in block %u: %s", place.file, place.block, message);
}

static uint64_t checksum_of(const uint8_t *block, uint64_t seed)
{
    return hf_checksum(block + CHECKSUM_BYTES, HF_CHECKPOINT_BLOCK_BYTES - CHECKSUM_BYTES, seed);
}

/* --- blocks ----------------------------------------------------------------------------------- */

void hf_checkpoint_encode_block(struct hf_buf *out, struct hf_checkpoint_frame frame,
                                const void *payload, size_t payload_len, uint64_t seed)
{
    size_t start = out->len;

    assert(payload_len <= HF_CHECKPOINT_PAYLOAD_BYTES);
    hf_buf_put_u64(out, 0); /* the checksum's place */
    hf_buf_put_u8(out, frame.kind);
    hf_buf_put_u8(out, frame.level);
    hf_buf_put_u16(out, frame.count);
    hf_buf_put_u32(out, (uint32_t)payload_len);
    hf_buf_put(out, payload, payload_len);
    hf_buf_put_zeros(out, HF_CHECKPOINT_PAYLOAD_BYTES - payload_len);
    if (out->failed)
        return;
    uint8_t *block = out->data + start;
    uint64_t checksum = checksum_of(block, seed);
    for (size_t i = 0; i < CHECKSUM_BYTES; i++)
        block[i] = (uint8_t)(checksum >> (8 * i));
}

int hf_checkpoint_decode_frame(const uint8_t block[HF_CHECKPOINT_BLOCK_BYTES],
                               struct hf_checkpoint_place place, uint64_t seed,
                               struct hf_checkpoint_frame *out, struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(block, HF_CHECKPOINT_BLOCK_BYTES);

    if (hf_cursor_u64(&cursor) != checksum_of(block, seed))
        return hf_checkpoint_corrupt(err, place, 0, "its checksum does not fit");
    struct hf_checkpoint_frame frame;
    frame.kind = hf_cursor_u8(&cursor);
    frame.level = hf_cursor_u8(&cursor);
    frame.count = hf_cursor_u16(&cursor);
    frame.used_bytes = hf_cursor_u32(&cursor);
    if (frame.kind < HF_CHECKPOINT_HEADER || frame.kind > HF_CHECKPOINT_FOOTER)
        return hf_checkpoint_corrupt(err, place, 8, "there is no kind %u", frame.kind);
    if ((frame.kind == HF_CHECKPOINT_INDEX) != (frame.level > 0))
        return hf_checkpoint_corrupt(err, place, 9, "kind %u can't be at level %u", frame.kind,
                                     frame.level);
    if ((frame.kind == HF_CHECKPOINT_LEAF || frame.kind == HF_CHECKPOINT_INDEX) !=
        (frame.count > 0))
        return hf_checkpoint_corrupt(err, place, 10, "kind %u can't have %u entries", frame.kind,
                                     frame.count);
    if (frame.used_bytes > HF_CHECKPOINT_PAYLOAD_BYTES)
        return hf_checkpoint_corrupt(err, place, 12, "it can't use %u bytes", frame.used_bytes);
    hf_cursor_bytes(&cursor, frame.used_bytes);
    size_t end = cursor.off;
    if (!hf_cursor_zeros(&cursor, hf_cursor_left(&cursor)))
        return hf_checkpoint_corrupt(err, place, end, "there is something after its end");
    *out = frame;
    return 0;
}

/* The payload of a block that must be of this kind and length and begin with this magic. */
static int open_payload(const uint8_t *block, struct hf_checkpoint_place place,
                        const struct hf_checkpoint_frame *frame, enum hf_checkpoint_kind kind,
                        const char *magic, size_t len, struct hf_cursor *out, struct hf_error *err)
{
    *out = hf_cursor_of(block + HF_CHECKPOINT_FRAME_BYTES, frame->used_bytes);
    const uint8_t *found = hf_cursor_bytes(out, HF_CHECKPOINT_MAGIC_BYTES);
    if (frame->kind != kind || frame->used_bytes != len || !found ||
        memcmp(found, magic, HF_CHECKPOINT_MAGIC_BYTES) != 0)
        return hf_checkpoint_corrupt(err, place, 8, "it is not a %s",
                                     kind == HF_CHECKPOINT_HEADER ? "header" : "footer");
    return 0;
}

/* --- header ----------------------------------------------------------------------------------- */

void hf_checkpoint_encode_header(struct hf_buf *out, const struct hf_checkpoint_header *header)
{
    struct hf_buf payload = {0};

    hf_buf_put_text(&payload, HF_CHECKPOINT_MAGIC);
    hf_buf_put_u32(&payload, HF_CHECKPOINT_VERSION);
    hf_buf_put_u32(&payload, 0); /* incompatible features */
    hf_buf_put_u32(&payload, 0); /* compatible features */
    hf_buf_put_u32(&payload, 0); /* reserved */
    hf_buf_put(&payload, header->uuid, sizeof(header->uuid));
    hf_buf_put_u64(&payload, header->salt);
    hf_buf_put_u64(&payload, header->position);
    hf_buf_put_u64(&payload, header->time_ns);
    if (payload.failed && !out->failed)
        out->failed = payload.failed;
    assert(payload.failed || payload.len == HF_CHECKPOINT_HEADER_BYTES);
    hf_checkpoint_encode_block(out, (struct hf_checkpoint_frame){.kind = HF_CHECKPOINT_HEADER},
                               payload.data, payload.len, 0);
    hf_buf_release(&payload);
}

int hf_checkpoint_decode_header(const uint8_t block[HF_CHECKPOINT_BLOCK_BYTES], const char *file,
                                struct hf_checkpoint_header *out, struct hf_error *err)
{
    struct hf_checkpoint_place place = {.file = file, .block = 0};
    struct hf_checkpoint_frame frame;
    struct hf_cursor cursor;
    int rc;

    if ((rc = hf_checkpoint_decode_frame(block, place, 0, &frame, err)) != 0)
        return rc;
    /* A newer version may have a longer header, so its length comes after its version. */
    rc = open_payload(block, place, &frame, HF_CHECKPOINT_HEADER, HF_CHECKPOINT_MAGIC,
                      frame.used_bytes, &cursor, err);
    if (rc != 0)
        return rc;
    uint32_t version = hf_cursor_u32(&cursor);
    uint32_t incompatible = hf_cursor_u32(&cursor);
    hf_cursor_u32(
        &cursor); /* compatible features: whoever does not know them may read all the same */
    if (hf_cursor_ok(&cursor) && version > HF_CHECKPOINT_VERSION)
        return hf_fail_at(err, HF_ERR_VERSION, file, HF_CHECKPOINT_FRAME_BYTES + 8,
                          "checkpoint %s has version %u, we know %u", file, version,
                          HF_CHECKPOINT_VERSION);
    if (hf_cursor_ok(&cursor) && incompatible != 0)
        return hf_fail_at(err, HF_ERR_VERSION, file, HF_CHECKPOINT_FRAME_BYTES + 12,
                          "checkpoint %s needs features (0x%x) we don't know", file, incompatible);
    if (!hf_cursor_zeros(&cursor, 4) || version != HF_CHECKPOINT_VERSION)
        return hf_checkpoint_corrupt(err, place, HF_CHECKPOINT_FRAME_BYTES,
                                     "its version or reserved bytes are wrong");
    struct hf_checkpoint_header header = {0};
    const uint8_t *uuid = hf_cursor_bytes(&cursor, sizeof(header.uuid));
    if (uuid)
        memcpy(header.uuid, uuid, sizeof(header.uuid));
    header.salt = hf_cursor_u64(&cursor);
    header.position = hf_cursor_u64(&cursor);
    header.time_ns = hf_cursor_u64(&cursor);
    if (!hf_cursor_done(&cursor))
        return hf_checkpoint_corrupt(err, place, 12, "a header does not have %u bytes",
                                     frame.used_bytes);
    *out = header;
    return 0;
}

/* --- footer ----------------------------------------------------------------------------------- */

void hf_checkpoint_encode_footer(struct hf_buf *out, const struct hf_checkpoint_footer *footer,
                                 uint64_t salt)
{
    struct hf_buf payload = {0};

    hf_buf_put_text(&payload, HF_CHECKPOINT_END_MAGIC);
    hf_buf_put(&payload, footer->uuid, sizeof(footer->uuid));
    hf_buf_put_u64(&payload, footer->position);
    hf_buf_put_u64(&payload, footer->entry_count);
    hf_buf_put_u32(&payload, footer->root);
    hf_buf_put_u32(&payload, footer->level_count);
    hf_buf_put_u32(&payload, footer->block_count);
    hf_buf_put_u32(&payload, 0); /* reserved */
    if (payload.failed && !out->failed)
        out->failed = payload.failed;
    assert(payload.failed || payload.len == HF_CHECKPOINT_FOOTER_BYTES);
    hf_checkpoint_encode_block(out, (struct hf_checkpoint_frame){.kind = HF_CHECKPOINT_FOOTER},
                               payload.data, payload.len, salt + footer->block_count - 1);
    hf_buf_release(&payload);
}

int hf_checkpoint_decode_footer(const uint8_t block[HF_CHECKPOINT_BLOCK_BYTES],
                                struct hf_checkpoint_place place, uint64_t salt,
                                struct hf_checkpoint_footer *out, struct hf_error *err)
{
    struct hf_checkpoint_frame frame;
    struct hf_cursor cursor;
    int rc;

    if ((rc = hf_checkpoint_decode_frame(block, place, salt + place.block, &frame, err)) != 0)
        return rc;
    rc = open_payload(block, place, &frame, HF_CHECKPOINT_FOOTER, HF_CHECKPOINT_END_MAGIC,
                      HF_CHECKPOINT_FOOTER_BYTES, &cursor, err);
    if (rc != 0)
        return rc;
    struct hf_checkpoint_footer footer = {0};
    const uint8_t *uuid = hf_cursor_bytes(&cursor, sizeof(footer.uuid));
    if (uuid)
        memcpy(footer.uuid, uuid, sizeof(footer.uuid));
    footer.position = hf_cursor_u64(&cursor);
    footer.entry_count = hf_cursor_u64(&cursor);
    footer.root = hf_cursor_u32(&cursor);
    footer.level_count = hf_cursor_u32(&cursor);
    footer.block_count = hf_cursor_u32(&cursor);
    if (!hf_cursor_zeros(&cursor, 4) || !hf_cursor_done(&cursor))
        return hf_checkpoint_corrupt(err, place, HF_CHECKPOINT_FRAME_BYTES,
                                     "the footer's reserved bytes are not zero");
    if (footer.block_count != (uint64_t)place.block + 1)
        return hf_checkpoint_corrupt(err, place, 0, "the footer says %u blocks, the file has %llu",
                                     footer.block_count, (unsigned long long)place.block + 1);
    bool is_empty = footer.entry_count == 0;
    if (is_empty != (footer.root == 0) || is_empty != (footer.level_count == 0) ||
        footer.root >= place.block || footer.level_count > HF_CHECKPOINT_LEVELS_MAX)
        return hf_checkpoint_corrupt(err, place, HF_CHECKPOINT_FRAME_BYTES,
                                     "root %u, levels %u and %llu entries don't go together",
                                     footer.root, footer.level_count,
                                     (unsigned long long)footer.entry_count);
    *out = footer;
    return 0;
}
