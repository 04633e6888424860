/*
 * wal/reader.c - reads the records of one segment in order, and tells a torn tail from corruption.
 * Rules: FORMAT.md 1.2 and 2. Bytes of one record: record.c. From segment to segment: follow.c.
 *
 * Always true: everything handed out fits its checksum and stands where it says; memory is bounded
 * by the longest record, whatever the file holds.
 */
#include "wal/reader.h"

#include "base/error.h"

#include <string.h>

#define WINDOW_BYTES (64u * 1024u)

void hf_wal_reader_init(struct hf_wal_reader *reader, struct hf_io *io,
                        const struct hf_wal_segment *segment)
{
    hf_buf_release(&reader->window);
    *reader = (struct hf_wal_reader){
        .io = io,
        .segment = segment,
        .position = segment->header.first,
        .previous = segment->header.previous,
        .durable = segment->header.first,
    };
}

void hf_wal_reader_release(struct hf_wal_reader *reader)
{
    hf_buf_release(&reader->window);
}

void hf_wal_reader_forget(struct hf_wal_reader *reader)
{
    hf_buf_clear(&reader->window);
}

/* Block by block; one that can't be read is zeros, which are no record. */
static int read_blocks(struct hf_wal_reader *reader, uint8_t *into, size_t want, uint64_t off,
                       size_t *out_got, struct hf_error *err)
{
    struct hf_error why;
    size_t done = 0, got = HF_WAL_BLOCK;

    while (done < want && got > 0) {
        size_t left = HF_WAL_BLOCK - (size_t)((off + done) % HF_WAL_BLOCK);
        size_t len = left < want - done ? left : want - done;
        int rc = hf_io_pread(reader->io, reader->segment->fd, into + done, len, off + done, &got,
                             reader->segment->name, &why);
        if (hf_error_is_damage(rc, &why)) {
            memset(into + done, 0, len);
            got = len;
        } else if (rc != 0) {
            if (err != NULL)
                *err = why;
            return rc;
        }
        done += got;
    }
    *out_got = done;
    return 0;
}

/* *out_bytes: `len` bytes at `off` of the file, borrowed until the next call; NULL beyond its end.
 */
static int window_at(struct hf_wal_reader *reader, uint64_t off, size_t len,
                     const uint8_t **out_bytes, struct hf_error *err)
{
    if (off < reader->window_off || off + len > reader->window_off + reader->window.len) {
        size_t want = len > WINDOW_BYTES ? len : WINDOW_BYTES;
        size_t got = 0;
        struct hf_error why;

        hf_buf_clear(&reader->window);
        uint8_t *into = hf_buf_reserve(&reader->window, want);
        if (into == NULL)
            return hf_buf_check(&reader->window, err);
        int rc = hf_io_pread(reader->io, reader->segment->fd, into, want, off, &got,
                             reader->segment->name, &why);
        if (rc != 0 && reader->skips_unreadable && hf_error_is_damage(rc, &why))
            rc = read_blocks(reader, into, want, off, &got, &why);
        if (rc != 0) {
            if (err != NULL)
                *err = why;
            return rc;
        }
        reader->window.len = got;
        reader->window_off = off;
    }
    *out_bytes = len <= reader->window_off + reader->window.len - off
                     ? reader->window.data + (off - reader->window_off)
                     : NULL;
    return 0;
}

/* *out_found tells whether a record that is valid but for `previous` stands at `position`. */
static int decode_at(struct hf_wal_reader *reader, uint64_t position, bool *out_found,
                     struct hf_wal_frame *out, struct hf_error *err)
{
    const struct hf_wal_header *header = &reader->segment->header;
    uint64_t off = hf_wal_segment_offset(header, position);
    const uint8_t *bytes = NULL;

    *out_found = false;
    int rc = window_at(reader, off, HF_WAL_RECORD_HEADER, &bytes, err);
    if (rc != 0 || bytes == NULL)
        return rc;
    uint32_t length = hf_wal_record_probe(bytes, position);
    if (length == 0 || off + length > header->size)
        return 0;
    rc = window_at(reader, off, length, &bytes, err);
    if (rc != 0 || bytes == NULL)
        return rc;
    *out_found = hf_wal_record_decode(bytes, length, position, header->salt, out);
    return 0;
}

/* How many bytes are zero here at least: a large step, one of 8, or 0. */
static size_t zeros_at(const uint8_t *bytes, size_t len)
{
    static const uint8_t zeros[512];

    if (len >= sizeof(zeros) && memcmp(bytes, zeros, sizeof(zeros)) == 0)
        return sizeof(zeros);
    return len >= 8 && memcmp(bytes, zeros, 8) == 0 ? 8 : 0;
}

/*
 * *out_off: the first offset at or behind `off`, in steps of 8, whose 8 bytes are not all zero; the
 * segment's size if there is none. Zeros are most of what is behind the last record.
 */
static int skip_zeros(struct hf_wal_reader *reader, uint64_t off, uint64_t *out_off,
                      struct hf_error *err)
{
    uint64_t size = reader->segment->header.size;

    while (off + 8 <= size) {
        const uint8_t *bytes = NULL;
        int rc = window_at(reader, off, 8, &bytes, err);
        if (rc != 0)
            return rc;
        if (bytes == NULL)
            break;
        const uint8_t *end = reader->window.data + reader->window.len;
        size_t zeros;
        while ((zeros = zeros_at(bytes, (size_t)(end - bytes))) > 0) {
            bytes += zeros;
            off += zeros;
        }
        if (end - bytes >= 8) {
            *out_off = off;
            return 0;
        }
    }
    *out_off = size;
    return 0;
}

int hf_wal_reader_is_at_end(struct hf_wal_reader *reader, bool *out_at_end, struct hf_error *err)
{
    const struct hf_wal_header *header = &reader->segment->header;
    uint64_t off = hf_wal_segment_offset(header, reader->position);
    int rc = skip_zeros(reader, off, &off, err);

    *out_at_end = off >= header->size;
    return rc;
}

/* The first valid record at or behind `from`, at any multiple of 8. */
static int scan(struct hf_wal_reader *reader, uint64_t from, uint64_t limit, bool *out_found,
                struct hf_wal_frame *out, struct hf_error *err)
{
    const struct hf_wal_header *header = &reader->segment->header;
    uint64_t off = hf_wal_segment_offset(header, from);
    int rc = 0;

    *out_found = false;
    while (rc == 0 && !*out_found) {
        rc = skip_zeros(reader, off, &off, err);
        uint64_t at = header->first + (off - hf_wal_segment_offset(header, header->first));
        if (rc != 0 || at >= limit || off + HF_WAL_RECORD_HEADER > header->size)
            break;
        rc = decode_at(reader, at, out_found, out, err);
        off += 8;
    }
    return rc;
}

static void note_durable(struct hf_wal_reader *reader, const struct hf_wal_frame *frame)
{
    if (frame->durable > reader->durable)
        reader->durable = frame->durable;
}

/* Behind a COMMIT at frame->position: does its COPY follow? Passes PAD and COPY. */
static int pass_copy(struct hf_wal_reader *reader, uint64_t limit, struct hf_wal_entry *entry,
                     struct hf_error *err)
{
    uint64_t copy_at = hf_wal_copy_position(entry->frame.position, entry->frame.length);
    uint64_t end = entry->frame.position + entry->frame.length;
    struct hf_wal_frame part;
    bool found = false;
    uint64_t previous = entry->frame.checksum;
    int rc = 0;

    if (copy_at >= limit)
        return 0;
    if (copy_at > end) {
        rc = decode_at(reader, end, &found, &part, err);
        if (rc != 0 || !found || part.type != HF_WAL_PAD || part.previous != previous ||
            end + part.length != copy_at)
            return rc;
        previous = part.checksum;
    }
    rc = decode_at(reader, copy_at, &found, &part, err);
    if (rc != 0 || !found || !part.is_copy || part.original != entry->frame.position ||
        part.previous != previous)
        return rc;
    entry->copy_position = copy_at;
    entry->end = copy_at + part.length;
    entry->last_checksum = part.checksum;
    return 0;
}

/* No valid record at the position: perhaps its COPY is good. The PAD before it may be good too. */
static int substitute_copy(struct hf_wal_reader *reader, uint64_t limit, bool *out_found,
                           struct hf_wal_entry *entry, struct hf_error *err)
{
    struct hf_wal_frame copy = {.position = reader->position};
    int rc = 0;

    do
        rc = scan(reader, copy.position + 8, limit, out_found, &copy, err);
    while (rc == 0 && *out_found && copy.type == HF_WAL_PAD);
    if (rc != 0 || !*out_found)
        return rc;
    if (!copy.is_copy || copy.original != reader->position) {
        *out_found = false;
        return 0;
    }
    entry->frame = copy;
    entry->frame.position = copy.original;
    entry->copy_position = copy.position;
    entry->end = copy.position + copy.length;
    entry->last_checksum = copy.checksum;
    return 0;
}

static int read_entry(struct hf_wal_reader *reader, uint64_t limit, bool *out_found,
                      struct hf_wal_entry *entry, struct hf_error *err)
{
    struct hf_wal_frame *frame = &entry->frame;

    *entry = (struct hf_wal_entry){0};
    int rc = decode_at(reader, reader->position, out_found, frame, err);
    if (rc != 0)
        return rc;
    if (!*out_found || frame->previous != reader->previous)
        return substitute_copy(reader, limit, out_found, entry, err);
    entry->end = frame->position + frame->length;
    entry->last_checksum = frame->checksum;
    if (frame->type != HF_WAL_COMMIT || frame->is_copy)
        return 0;
    rc = pass_copy(reader, limit, entry, err);
    if (rc != 0)
        return rc;
    /* Looking for the COPY may have moved the window that the payload was borrowed from. */
    return decode_at(reader, reader->position, out_found, frame, err);
}

int hf_wal_reader_next(struct hf_wal_reader *reader, uint64_t limit, struct hf_wal_entry *out,
                       struct hf_error *err)
{
    struct hf_wal_entry entry;
    bool found = false;

    while (reader->position < limit) {
        int rc = read_entry(reader, limit, &found, &entry, err);
        if (rc != 0)
            return rc;
        if (!found)
            return HF_END;
        note_durable(reader, &entry.frame);
        reader->position = entry.end;
        reader->previous = entry.last_checksum;
        bool is_filler = entry.frame.type == HF_WAL_PAD ||
                         (entry.frame.is_copy && entry.frame.original != entry.frame.position);
        if (!is_filler) {
            *out = entry;
            return 0;
        }
    }
    return HF_END;
}

/* Bytes from `position` on up to the last that is not zero. */
static int count_torn(struct hf_wal_reader *reader, uint64_t *out_torn, struct hf_error *err)
{
    const struct hf_wal_header *header = &reader->segment->header;
    uint64_t start = hf_wal_segment_offset(header, reader->position);
    uint64_t last = start, off = start;
    int rc = skip_zeros(reader, start, &off, err);

    while (rc == 0 && off + 8 <= header->size) {
        last = off + 8;
        rc = skip_zeros(reader, last, &off, err);
    }
    *out_torn = last - start;
    return rc;
}

int hf_wal_reader_look_behind(struct hf_wal_reader *reader, uint64_t *out_durable,
                              uint64_t *out_next, uint64_t *out_torn, struct hf_error *err)
{
    uint64_t at = reader->position + 8;
    struct hf_wal_frame frame;
    bool found = true;
    uint64_t durable = 0, next = 0;
    int rc = 0;

    while (rc == 0 && found) {
        rc = scan(reader, at, UINT64_MAX, &found, &frame, err);
        if (rc != 0 || !found)
            break;
        if (next == 0)
            next = frame.position;
        if (frame.durable > reader->position && frame.durable > durable)
            durable = frame.durable;
        at = frame.position + 8;
    }
    if (rc == 0)
        rc = count_torn(reader, out_torn, err);
    if (rc != 0)
        return rc;
    *out_durable = durable;
    if (out_next != NULL)
        *out_next = next;
    return 0;
}

int hf_wal_reader_skip(struct hf_wal_reader *reader, uint64_t limit, bool *out_found,
                       struct hf_error *err)
{
    struct hf_wal_frame frame = {.position = reader->position};
    int rc = 0;

    do
        rc = scan(reader, frame.position + 8, limit, out_found, &frame, err);
    while (rc == 0 && *out_found && frame.type == HF_WAL_PAD);
    if (rc != 0 || !*out_found)
        return rc;
    /* A COPY brings the COMMIT back that was lost before it. */
    bool is_substitute = frame.is_copy && frame.original > reader->position;
    reader->position = is_substitute ? frame.original : frame.position;
    reader->previous = frame.previous;
    return 0;
}
