/*
 * wal/segment.c - one file of the log: its header, its name, and how it is made. Format:
 * FORMAT.md 1.
 *
 * Always true: a file gets a segment's name only after header and body are synced, so that a *.seg
 * without a valid header is damage and never a torn write.
 */
#include "wal/segment.h"

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZERO_CHUNK (256u * 1024u)
#define LIST_TRIES 5

void hf_wal_segment_name(uint64_t sequence, char name[HF_WAL_NAME_MAX])
{
    (void)snprintf(name, HF_WAL_NAME_MAX, "%016" PRIx64 ".seg", sequence);
}

uint64_t hf_wal_segment_offset(const struct hf_wal_header *header, uint64_t position)
{
    return HF_WAL_HEADERS + position - (header->first - header->first % HF_WAL_BLOCK);
}

static void encode_block(struct hf_buf *out, const struct hf_wal_header *header)
{
    size_t start = out->len;

    hf_buf_put(out, HF_WAL_MAGIC, 8);
    hf_buf_put_u32(out, HF_WAL_VERSION);
    hf_buf_put_u32(out, 0);
    hf_buf_put_u32(out, 0);
    hf_buf_put_u32(out, (uint32_t)header->reason);
    hf_buf_put(out, header->uuid, sizeof(header->uuid));
    hf_buf_put_u64(out, header->sequence);
    hf_buf_put_u64(out, header->salt);
    hf_buf_put_u64(out, header->first);
    hf_buf_put_u64(out, header->previous);
    hf_buf_put_u64(out, header->size);
    hf_buf_put_u64(out, header->created_ns);
    if (out->failed)
        return;
    hf_buf_put_zeros(out, start + HF_WAL_HEADER_SUM_OFF - out->len);
    if (out->failed)
        return;
    hf_buf_put_u64(out, hf_checksum(out->data + start, HF_WAL_HEADER_SUM_OFF, 0));
}

void hf_wal_header_encode(struct hf_buf *out, const struct hf_wal_header *header)
{
    encode_block(out, header);
    encode_block(out, header);
}

bool hf_wal_header_decode(const uint8_t block[HF_WAL_BLOCK], struct hf_wal_header *out,
                          uint32_t *out_version)
{
    struct hf_cursor cursor = hf_cursor_of(block, HF_WAL_BLOCK);
    struct hf_cursor sum = hf_cursor_of(block + HF_WAL_HEADER_SUM_OFF, 8);
    struct hf_wal_header header = {0};

    if (hf_cursor_u64(&sum) != hf_checksum(block, HF_WAL_HEADER_SUM_OFF, 0))
        return false;
    if (memcmp(hf_cursor_bytes(&cursor, 8), HF_WAL_MAGIC, 8) != 0)
        return false;
    uint32_t version = hf_cursor_u32(&cursor);
    uint32_t incompatible = hf_cursor_u32(&cursor);
    (void)hf_cursor_u32(&cursor);
    *out_version = incompatible != 0 && version == HF_WAL_VERSION ? UINT32_MAX : version;
    header.reason = (enum hf_wal_reason)hf_cursor_u32(&cursor);
    memcpy(header.uuid, hf_cursor_bytes(&cursor, 16), 16);
    header.sequence = hf_cursor_u64(&cursor);
    header.salt = hf_cursor_u64(&cursor);
    header.first = hf_cursor_u64(&cursor);
    header.previous = hf_cursor_u64(&cursor);
    header.size = hf_cursor_u64(&cursor);
    header.created_ns = hf_cursor_u64(&cursor);
    if (header.first % 8 != 0 || header.first < HF_WAL_FIRST_POSITION || header.first >= 1ull << 62)
        return false;
    if (header.size % HF_WAL_BLOCK != 0 || header.size < HF_WAL_HEADERS)
        return false;
    if (header.reason < HF_WAL_REASON_NEW_STORE || header.reason > HF_WAL_REASON_REPAIR)
        return false;
    if (!hf_cursor_zeros(&cursor, HF_WAL_HEADER_SUM_OFF - cursor.off))
        return false;
    *out = header;
    return true;
}

/* Either copy will do; which of them was damaged is no reader's concern. */
static int read_header(struct hf_io *io, struct hf_wal_segment *segment, struct hf_error *err)
{
    uint8_t blocks[HF_WAL_HEADERS];
    size_t len = 0;
    uint32_t version = 0;

    int rc = hf_io_pread(io, segment->fd, blocks, sizeof(blocks), 0, &len, segment->name, err);
    if (rc != 0)
        return rc;
    memset(blocks + len, 0, sizeof(blocks) - len);
    if (!hf_wal_header_decode(blocks, &segment->header, &version) &&
        !hf_wal_header_decode(blocks + HF_WAL_BLOCK, &segment->header, &version))
        return hf_fail_at(err, HF_ERR_CORRUPT, segment->name, 0,
                          "wal/%s: neither copy of the segment's header is valid", segment->name);
    if (version != HF_WAL_VERSION)
        return hf_fail_at(err, HF_ERR_VERSION, segment->name, 8,
                          "wal/%s: written by a newer version of the log format", segment->name);
    return 0;
}

/* The file was made as long as its header says, and synced so. */
static int check_size(struct hf_io *io, const struct hf_wal_segment *segment, struct hf_error *err)
{
    struct hf_io_stat stat;

    int rc = hf_io_fstat(io, segment->fd, &stat, segment->name, err);
    if (rc == 0 && stat.size_bytes != segment->header.size)
        rc = hf_fail_at(err, HF_ERR_CORRUPT, segment->name, 72,
                        "wal/%s: the file has another length than its header says", segment->name);
    return rc;
}

int hf_wal_segment_open(struct hf_io *io, int wal_dir, uint64_t sequence, const uint8_t uuid[16],
                        bool writable, struct hf_wal_segment *out, struct hf_error *err)
{
    struct hf_wal_segment segment = {.fd = -1};
    unsigned flags = HF_IO_READ | (writable ? (unsigned)HF_IO_WRITE : 0u);

    hf_wal_segment_name(sequence, segment.name);
    int rc = hf_io_open(io, wal_dir, segment.name, flags, 0, &segment.fd, err);
    if (rc != 0)
        return rc;
    rc = read_header(io, &segment, err);
    if (rc == 0 &&
        (segment.header.sequence != sequence || memcmp(segment.header.uuid, uuid, 16) != 0))
        rc = hf_fail_at(err, HF_ERR_CORRUPT, segment.name, 24,
                        "wal/%s: the segment is of another store or number", segment.name);
    if (rc == 0)
        rc = check_size(io, &segment, err);
    if (rc != 0) {
        hf_io_close(io, &segment.fd);
        return rc;
    }
    *out = segment;
    return 0;
}

void hf_wal_segment_close(struct hf_io *io, struct hf_wal_segment *segment)
{
    hf_io_close(io, &segment->fd);
}

struct numbers {
    uint64_t *items;
    size_t count, capacity;
};

static int note_segment(void *arg, const char *name, enum hf_io_kind kind)
{
    struct numbers *numbers = arg;
    char expect[HF_WAL_NAME_MAX];

    (void)kind;
    uint64_t sequence = strtoull(name, NULL, 16);
    hf_wal_segment_name(sequence, expect);
    if (sequence == 0 || strcmp(name, expect) != 0)
        return 0;
    if (numbers->count == numbers->capacity) {
        size_t capacity = numbers->capacity == 0 ? 16 : numbers->capacity * 2;
        void *grown = reallocarray(numbers->items, capacity, sizeof(*numbers->items));
        if (grown == NULL)
            return HF_ERR_NO_MEMORY;
        numbers->items = grown;
        numbers->capacity = capacity;
    }
    numbers->items[numbers->count++] = sequence;
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int list_once(struct hf_io *io, int wal_dir, struct numbers *out, struct hf_error *err)
{
    out->count = 0;
    int rc = hf_io_list(io, wal_dir, ".", note_segment, out, err);
    if (rc == 0 && out->count > 1)
        qsort(out->items, out->count, sizeof(*out->items), compare_numbers);
    return rc;
}

static bool has_gap(const struct numbers *numbers)
{
    return numbers->count > 0 &&
           numbers->items[numbers->count - 1] - numbers->items[0] + 1 != numbers->count;
}

int hf_wal_segments_list(struct hf_io *io, int wal_dir, uint64_t **out_numbers, size_t *out_count,
                         struct hf_error *err)
{
    struct numbers numbers = {0};
    int rc = 0;

    /* What others make and delete while a folder is listed may be listed in part. */
    for (int i = 0; rc == 0 && i < LIST_TRIES && (i == 0 || has_gap(&numbers)); i++)
        rc = list_once(io, wal_dir, &numbers, err);
    if (rc != 0) {
        free(numbers.items);
        return rc;
    }
    *out_numbers = numbers.items;
    *out_count = numbers.count;
    return 0;
}

int hf_wal_segments_find(struct hf_io *io, int wal_dir, uint64_t *out_lowest, uint64_t *out_highest,
                         struct hf_error *err)
{
    struct numbers found = {0};

    int rc = hf_wal_segments_list(io, wal_dir, &found.items, &found.count, err);
    if (rc != 0)
        return rc;
    uint64_t lowest = found.count > 0 ? found.items[0] : 0;
    uint64_t highest = found.count > 0 ? found.items[found.count - 1] : 0;
    if (has_gap(&found))
        rc = hf_fail(err, HF_ERR_CORRUPT,
                     "wal/: a segment between %016" PRIx64 " and %016" PRIx64 " is missing", lowest,
                     highest);
    free(found.items);
    if (rc != 0)
        return rc;
    *out_lowest = lowest;
    *out_highest = highest;
    return 0;
}

/* Writes zeros rather than reserving blocks: so that later a sync of data needs no journal commit.
 */
static int write_zeros(struct hf_io *io, int fd, uint64_t size, struct hf_error *err)
{
    int rc = 0;
    uint8_t *zeros = calloc(1, ZERO_CHUNK);

    if (zeros == NULL)
        return hf_fail_memory(err);
    for (uint64_t off = 0; rc == 0 && off < size; off += ZERO_CHUNK) {
        size_t len = size - off < ZERO_CHUNK ? (size_t)(size - off) : ZERO_CHUNK;
        rc = hf_io_pwrite(io, fd, zeros, len, off, "wal/" HF_WAL_NEW, err);
    }
    free(zeros);
    return rc;
}

/* A file of zeros named `new`, not yet synced. */
static int make_zero_file(struct hf_io *io, int wal_dir, uint64_t size, int *out_fd,
                          struct hf_error *err)
{
    int fd = -1;

    int rc = hf_io_create(io, wal_dir, HF_WAL_NEW, 0600, &fd, err);
    if (rc != 0)
        return rc;
    rc = write_zeros(io, fd, size, err);
    if (rc != 0) {
        hf_io_close(io, &fd);
        hf_io_discard(io, wal_dir, HF_WAL_NEW);
        return rc;
    }
    *out_fd = fd;
    return 0;
}

static bool is_unused(struct hf_io *io, int fd)
{
    uint8_t block[HF_WAL_BLOCK];
    size_t len = 0;

    if (hf_io_pread(io, fd, block, sizeof(block), 0, &len, HF_WAL_SPARE, NULL) != 0)
        return false;
    struct hf_cursor cursor = hf_cursor_of(block, len);
    return hf_cursor_zeros(&cursor, sizeof(block));
}

/*
 * The spare, if it is one: long enough, and unused. What is not would not keep its promise when the
 * disk is full: it may have lost its end, or be the very file that was renamed from it and is a
 * segment now, or hold what was written by who died before the renaming. *out_fd stays -1 then, and
 * *out_useless tells that there is such a file.
 */
static void open_spare(struct hf_io *io, int wal_dir, int *out_fd, uint64_t *out_size,
                       bool *out_useless)
{
    struct hf_io_stat stat = {0};
    int fd = -1;

    *out_fd = -1;
    *out_size = 0;
    *out_useless = false;
    if (hf_io_open(io, wal_dir, HF_WAL_SPARE, HF_IO_READ | HF_IO_WRITE, 0, &fd, NULL) != 0)
        return;
    if (is_unused(io, fd) && hf_io_fstat(io, fd, &stat, HF_WAL_SPARE, NULL) == 0 &&
        stat.size_bytes >= HF_WAL_SEGMENT_BYTES) {
        *out_fd = fd;
        *out_size = stat.size_bytes - stat.size_bytes % HF_WAL_BLOCK;
        return;
    }
    hf_io_close(io, &fd);
    *out_useless = true;
}

int hf_wal_spare_make(struct hf_io *io, int wal_dir, struct hf_error *err)
{
    uint64_t size;
    bool useless;
    int fd;

    open_spare(io, wal_dir, &fd, &size, &useless);
    if (fd >= 0) {
        hf_io_close(io, &fd);
        return 0;
    }
    int rc = make_zero_file(io, wal_dir, HF_WAL_SEGMENT_BYTES, &fd, err);
    if (rc != 0)
        return rc;
    rc = hf_io_fsync(io, fd, "wal/" HF_WAL_NEW, err);
    hf_io_close(io, &fd);
    if (rc == 0)
        rc = hf_io_rename(io, wal_dir, HF_WAL_NEW, wal_dir, HF_WAL_SPARE, err);
    if (rc == 0)
        rc = hf_io_sync_dir(io, wal_dir, ".", err);
    return rc;
}

/* The spare if it is there and long enough; else a new file of `size`. */
static int take_file(struct hf_io *io, int wal_dir, uint64_t size, const char **out_name,
                     int *out_fd, uint64_t *out_size, struct hf_error *err)
{
    uint64_t spare_size;
    bool useless;
    int fd;

    open_spare(io, wal_dir, &fd, &spare_size, &useless);
    if (fd >= 0 && spare_size >= size) {
        *out_name = HF_WAL_SPARE;
        *out_fd = fd;
        *out_size = spare_size;
        return 0;
    }
    hf_io_close(io, &fd);
    if (useless) /* its room may be what the new one needs */
        hf_io_discard(io, wal_dir, HF_WAL_SPARE);
    *out_name = HF_WAL_NEW;
    *out_size = size;
    return make_zero_file(io, wal_dir, size, out_fd, err);
}

static int write_segment(struct hf_io *io, int fd, const char *name,
                         const struct hf_wal_header *header, const struct hf_buf *body,
                         struct hf_error *err)
{
    struct hf_buf blocks = {0};

    hf_wal_header_encode(&blocks, header);
    int rc = hf_buf_check(&blocks, err);
    if (rc == 0)
        rc = hf_io_pwrite(io, fd, blocks.data, blocks.len, 0, name, err);
    if (rc == 0 && body != NULL && body->len > 0)
        rc = hf_io_pwrite(io, fd, body->data, body->len,
                          hf_wal_segment_offset(header, header->first), name, err);
    if (rc == 0)
        rc = hf_io_fsync(io, fd, name, err);
    hf_buf_release(&blocks);
    return rc;
}

int hf_wal_segment_make(struct hf_io *io, int wal_dir, struct hf_wal_header *header,
                        const struct hf_buf *body, uint64_t room_bytes, struct hf_wal_segment *out,
                        struct hf_error *err)
{
    struct hf_wal_segment segment = {.fd = -1};
    const char *name = NULL;
    uint64_t need =
        HF_WAL_HEADERS + header->first % HF_WAL_BLOCK + (body != NULL ? body->len : 0) + room_bytes;
    uint64_t size = need <= HF_WAL_SEGMENT_BYTES ? HF_WAL_SEGMENT_BYTES
                                                 : (need / HF_WAL_BLOCK + 1) * HF_WAL_BLOCK;

    int rc = take_file(io, wal_dir, size, &name, &segment.fd, &header->size, err);
    if (rc != 0)
        return rc;
    header->created_ns = hf_io_now_ns(io);
    hf_wal_segment_name(header->sequence, segment.name);
    segment.header = *header;
    rc = write_segment(io, segment.fd, name, header, body, err);
    if (rc == 0)
        rc = hf_io_rename(io, wal_dir, name, wal_dir, segment.name, err);
    if (rc != 0) {
        /* Also the spare: what a failed sync left in it is unknown. */
        hf_io_discard(io, wal_dir, name);
        hf_io_close(io, &segment.fd);
        return rc;
    }
    rc = hf_io_sync_dir(io, wal_dir, ".", err);
    if (rc != 0) {
        hf_io_close(io, &segment.fd);
        return hf_fail_as(err, HF_ERR_FAILED, "the new log segment may not be durable");
    }
    *out = segment;
    return 0;
}
