/* tests/support/checker_segment.c - one segment's header and one record: wal/FORMAT.md 1. */
#include "support/checker_internal.h"

#include "base/checksum.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#define HEADER_COPIES 2
#define RECORDS_FROM  (HEADER_COPIES * CHECKER_BLOCK)

static bool is_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

/* NULL, or what is wrong with this copy of the header. */
static const char *parse_header(const uint8_t *block, size_t file_len, struct checker_segment *out)
{
    struct hf_cursor cursor = hf_cursor_of(block, CHECKER_BLOCK);

    if (memcmp(hf_cursor_bytes(&cursor, 8), "HFWALSEG", 8) != 0)
        return "has no magic";
    uint32_t version = hf_cursor_u32(&cursor);
    uint32_t incompatible = hf_cursor_u32(&cursor);
    (void)hf_cursor_u32(&cursor); /* compatible features: a reader may ignore them */
    uint32_t reason = hf_cursor_u32(&cursor);
    const uint8_t *uuid = hf_cursor_bytes(&cursor, 16);
    uint64_t sequence = hf_cursor_u64(&cursor);
    uint64_t salt = hf_cursor_u64(&cursor);
    uint64_t first = hf_cursor_u64(&cursor);
    uint64_t previous = hf_cursor_u64(&cursor);
    uint64_t size = hf_cursor_u64(&cursor);
    (void)hf_cursor_u64(&cursor); /* created: any time */
    bool reserved_is_zero = hf_cursor_zeros(&cursor, 4000);

    if (!reserved_is_zero)
        return "has reserved bytes that are not zero";
    if (hf_cursor_u64(&cursor) != hf_checksum(block, 4088, 0))
        return "does not fit its checksum";
    if (version != 1)
        return "has another version";
    if (incompatible != 0)
        return "has an unknown incompatible feature";
    if (reason < 1 || reason > 4)
        return "has an unknown reason";
    if (sequence != out->sequence)
        return "has another sequence than the file's name";
    if (size != file_len || size % CHECKER_BLOCK != 0)
        return "has another size than the file, or one that is no multiple of 4096";
    if (first < CHECKER_FIRST_POSITION || first % 8 != 0)
        return "has a first position that no record can have";

    out->reason = reason;
    memcpy(out->uuid, uuid, 16);
    out->salt = salt;
    out->first = first;
    out->previous = previous;
    return NULL;
}

/* How many of the last bytes are zero for certain: a block of them, or one. */
static size_t skip_zeros(const uint8_t *data, size_t used)
{
    static const uint8_t zeros[CHECKER_BLOCK];

    return used >= sizeof(zeros) && memcmp(data + used - sizeof(zeros), zeros, sizeof(zeros)) == 0
               ? sizeof(zeros)
               : 1;
}

int checker_segment_read(struct checker *c, struct checker_segment *segment, struct hf_error *err)
{
    bool there = false;
    int rc = checker_read_file(c, segment->path, CHECKER_FILE_MAX, &segment->bytes, &there, err);
    if (rc || !there)
        return rc;
    if (segment->bytes.len < RECORDS_FROM) {
        checker_complain(c, "%s is shorter than a header", segment->path);
        return 0;
    }

    segment->used = segment->bytes.len;
    while (segment->used > 0 && segment->bytes.data[segment->used - 1] == 0)
        segment->used -= skip_zeros(segment->bytes.data, segment->used);

    /* A segment is synced before it gets its name, so not even one copy may be torn. */
    for (int copy = HEADER_COPIES - 1; copy >= 0; copy--) {
        const char *wrong = parse_header(segment->bytes.data + (size_t)copy * CHECKER_BLOCK,
                                         segment->bytes.len, segment);
        if (wrong)
            checker_complain(c, "%s: copy %d of the header %s", segment->path, copy + 1, wrong);
        else
            segment->usable = true;
    }
    if (segment->usable &&
        memcmp(segment->bytes.data, segment->bytes.data + CHECKER_BLOCK, CHECKER_BLOCK) != 0)
        checker_complain(c, "%s: the two copies of the header differ", segment->path);
    if (segment->usable && c->uuid_known && memcmp(segment->uuid, c->out->uuid, 16) != 0)
        checker_complain(c, "%s has another UUID than FORMAT", segment->path);
    return 0;
}

uint64_t checker_segment_offset(const struct checker_segment *segment, uint64_t position)
{
    return RECORDS_FROM + position - (segment->first - segment->first % CHECKER_BLOCK);
}

uint64_t checker_segment_limit(const struct checker_segment *segment)
{
    return segment->bytes.len - RECORDS_FROM + (segment->first - segment->first % CHECKER_BLOCK);
}

bool checker_record_at(const struct checker_segment *segment, uint64_t position,
                       struct checker_record *out)
{
    uint64_t limit = checker_segment_limit(segment);
    if (position < segment->first || position % 8 != 0 || position > limit ||
        limit - position < CHECKER_RECORD_MIN)
        return false;

    const uint8_t *bytes = segment->bytes.data + checker_segment_offset(segment, position);
    uint64_t says;

    /* First what is wrong at nearly every place of a search, and at no cost worth mentioning. */
    memcpy(&says, bytes + 16, sizeof(says));
    if (le64toh(says) != position)
        return false;

    struct hf_cursor cursor = hf_cursor_of(bytes, CHECKER_RECORD_MIN);
    struct checker_record record = {.segment = segment};
    record.checksum = hf_cursor_u64(&cursor);
    uint32_t length = hf_cursor_u32(&cursor);
    record.type = hf_cursor_u8(&cursor);
    uint8_t flags = hf_cursor_u8(&cursor);
    uint16_t slack = hf_cursor_u16(&cursor);
    record.position = hf_cursor_u64(&cursor);
    record.previous = hf_cursor_u64(&cursor);
    record.durable = hf_cursor_u64(&cursor);
    record.transaction = hf_cursor_u64(&cursor);
    record.time = hf_cursor_u64(&cursor);
    record.original = hf_cursor_u64(&cursor);

    if (length % 8 != 0 || length < CHECKER_RECORD_MIN || length > CHECKER_RECORD_MAX ||
        length > limit - position)
        return false;
    if (record.type < CHECKER_INTENT || record.type > CHECKER_PAD || flags > CHECKER_FLAG_COPY ||
        slack > 7 || slack > length - CHECKER_RECORD_MIN)
        return false;
    if (record.type == CHECKER_PAD &&
        (flags != 0 || slack != 0 || record.transaction != 0 ||
         !is_zero(bytes + CHECKER_RECORD_MIN, length - CHECKER_RECORD_MIN)))
        return false;
    if (!is_zero(bytes + length - slack, slack))
        return false;
    if (record.durable > position)
        return false;
    if (record.checksum != hf_checksum(bytes + 8, length - 8, segment->salt))
        return false;

    record.is_copy = flags & CHECKER_FLAG_COPY;
    record.end = position + length;
    record.payload = bytes + CHECKER_RECORD_MIN;
    record.payload_len = length - CHECKER_RECORD_MIN - slack;
    *out = record;
    return true;
}
