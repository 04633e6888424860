/*
 * wal/record.c - one record as bytes. Format: FORMAT.md 1.2. Files of records: segment.c, reader.c.
 *
 * Encoding asserts what decoding checks, so that no record is written that would not be read.
 */
#include "wal/record.h"

#include "base/checksum.h"
#include "base/cursor.h"

#include <assert.h>
#include <string.h>

static uint32_t round_up_8(size_t len)
{
    return (uint32_t)((len + 7u) & ~(size_t)7u);
}

uint32_t hf_wal_record_length(size_t payload_len)
{
    return HF_WAL_RECORD_HEADER + round_up_8(payload_len);
}

uint64_t hf_wal_copy_position(uint64_t position, uint32_t length)
{
    uint64_t end = position + length;
    uint64_t block_end = (end + HF_WAL_BLOCK - 1) / HF_WAL_BLOCK * HF_WAL_BLOCK;
    uint64_t gap = block_end - end;

    /* A PAD cannot be shorter than a header. */
    return gap > 0 && gap < HF_WAL_RECORD_HEADER ? block_end + HF_WAL_BLOCK : block_end;
}

void hf_wal_record_encode(struct hf_buf *out, struct hf_wal_frame *frame, uint64_t salt)
{
    size_t start = out->len;
    size_t slack = 0;

    if (frame->type != HF_WAL_PAD) {
        frame->length = hf_wal_record_length(frame->payload_len);
        slack = frame->length - HF_WAL_RECORD_HEADER - frame->payload_len;
    }
    assert(frame->length >= HF_WAL_RECORD_HEADER && frame->length % 8 == 0);
    assert(frame->length <= HF_WAL_RECORD_MAX && frame->position % 8 == 0);
    assert(frame->durable <= frame->position);
    assert(frame->is_copy == (frame->original != 0));

    hf_buf_put_u64(out, 0); /* the checksum, when the rest is known */
    hf_buf_put_u32(out, frame->length);
    hf_buf_put_u8(out, (uint8_t)frame->type);
    hf_buf_put_u8(out, frame->is_copy ? HF_WAL_FLAG_COPY : 0);
    hf_buf_put_u16(out, (uint16_t)slack);
    hf_buf_put_u64(out, frame->position);
    hf_buf_put_u64(out, frame->previous);
    hf_buf_put_u64(out, frame->durable);
    hf_buf_put_u64(out, frame->txn);
    hf_buf_put_u64(out, frame->time_ns);
    hf_buf_put_u64(out, frame->original);
    if (frame->payload_len > 0)
        hf_buf_put(out, frame->payload, frame->payload_len);
    if (out->failed)
        return;
    hf_buf_put_zeros(out, start + frame->length - out->len);
    if (out->failed)
        return;

    frame->checksum = hf_checksum(out->data + start + 8, frame->length - 8, salt);
    for (int i = 0; i < 8; i++)
        out->data[start + (size_t)i] = (uint8_t)(frame->checksum >> (8 * i));
}

uint32_t hf_wal_record_probe(const uint8_t header[HF_WAL_RECORD_HEADER], uint64_t position)
{
    struct hf_cursor cursor = hf_cursor_of(header, HF_WAL_RECORD_HEADER);

    (void)hf_cursor_u64(&cursor);
    uint32_t length = hf_cursor_u32(&cursor);
    (void)hf_cursor_u32(&cursor);
    if (hf_cursor_u64(&cursor) != position)
        return 0;
    if (length < HF_WAL_RECORD_HEADER || length > HF_WAL_RECORD_MAX || length % 8 != 0)
        return 0;
    return length;
}

static bool fields_fit(const struct hf_wal_frame *frame, uint8_t flags, uint16_t slack)
{
    if (frame->type < HF_WAL_INTENT || frame->type > HF_WAL_PAD || flags > HF_WAL_FLAG_COPY)
        return false;
    if (slack > 7 || slack > frame->length - HF_WAL_RECORD_HEADER ||
        frame->durable > frame->position)
        return false;
    if (frame->is_copy && (frame->type != HF_WAL_COMMIT || frame->original >= frame->position))
        return false;
    if (frame->is_copy != (frame->original != 0))
        return false;
    return frame->type != HF_WAL_PAD || (slack == 0 && frame->txn == 0);
}

bool hf_wal_record_decode(const uint8_t *data, size_t len, uint64_t position, uint64_t salt,
                          struct hf_wal_frame *out)
{
    if (len < HF_WAL_RECORD_HEADER)
        return false;
    uint32_t length = hf_wal_record_probe(data, position);
    if (length == 0 || length > len)
        return false;

    struct hf_cursor cursor = hf_cursor_of(data, length);
    struct hf_wal_frame frame = {0};
    frame.checksum = hf_cursor_u64(&cursor);
    frame.length = hf_cursor_u32(&cursor);
    frame.type = (enum hf_wal_type)hf_cursor_u8(&cursor);
    uint8_t flags = hf_cursor_u8(&cursor);
    uint16_t slack = hf_cursor_u16(&cursor);
    frame.position = hf_cursor_u64(&cursor);
    frame.previous = hf_cursor_u64(&cursor);
    frame.durable = hf_cursor_u64(&cursor);
    frame.txn = hf_cursor_u64(&cursor);
    frame.time_ns = hf_cursor_u64(&cursor);
    frame.original = hf_cursor_u64(&cursor);
    frame.is_copy = flags & HF_WAL_FLAG_COPY;
    if (!fields_fit(&frame, flags, slack))
        return false;
    if (frame.checksum != hf_checksum(data + 8, length - 8, salt))
        return false;

    size_t body_len = length - HF_WAL_RECORD_HEADER;
    if (frame.type == HF_WAL_PAD) {
        if (!hf_cursor_zeros(&cursor, body_len))
            return false;
    } else {
        frame.payload_len = body_len - slack;
        frame.payload = hf_cursor_bytes(&cursor, frame.payload_len);
        if (!hf_cursor_zeros(&cursor, slack))
            return false;
    }
    *out = frame;
    return true;
}

/* A PAD from behind the frame to `to`; what follows calls it `previous`. */
static void encode_pad(struct hf_buf *out, struct hf_wal_frame *frame, uint64_t to, uint64_t salt)
{
    struct hf_wal_frame pad = {
        .type = HF_WAL_PAD,
        .position = frame->position + frame->length,
        .previous = frame->checksum,
        .durable = frame->durable,
        .time_ns = frame->time_ns,
        .length = (uint32_t)(to - frame->position - frame->length),
    };

    hf_wal_record_encode(out, &pad, salt);
    frame->checksum = pad.checksum;
}

uint64_t hf_wal_record_encode_whole(struct hf_buf *out, struct hf_wal_frame *frame, uint64_t salt)
{
    struct hf_wal_frame copy = *frame;

    hf_wal_record_encode(out, frame, salt);
    if (frame->type != HF_WAL_COMMIT)
        return frame->position + frame->length;
    copy.position = hf_wal_copy_position(frame->position, frame->length);
    copy.original = frame->position;
    copy.is_copy = true;
    if (copy.position > frame->position + frame->length)
        encode_pad(out, frame, copy.position, salt);
    copy.previous = frame->checksum;
    hf_wal_record_encode(out, &copy, salt);
    frame->checksum = copy.checksum;
    return copy.position + copy.length;
}
