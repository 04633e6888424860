/*
 * wal/segment.h - one file of the log: its header, its name, and how it is made. Format:
 * FORMAT.md 1.
 */
#ifndef HF_WAL_SEGMENT_H
#define HF_WAL_SEGMENT_H

#include "base/buf.h"
#include "io/io.h"
#include "wal/format.h"

#define HF_WAL_NAME_MAX 32
#define HF_WAL_SPARE    "spare"
#define HF_WAL_NEW      "new"

struct hf_wal_header {
    uint8_t uuid[16];
    uint64_t sequence;
    uint64_t salt;
    uint64_t first;
    uint64_t previous;
    uint64_t size;
    uint64_t created_ns;
    enum hf_wal_reason reason;
};

/* An open segment. fd -1: none. */
struct hf_wal_segment {
    int fd;
    struct hf_wal_header header;
    char name[HF_WAL_NAME_MAX];
};

void hf_wal_segment_name(uint64_t sequence, char name[HF_WAL_NAME_MAX]);
/* File offset of a position, which must not lie before `first`. */
uint64_t hf_wal_segment_offset(const struct hf_wal_header *header, uint64_t position);
/* Appends both copies: 8192 bytes. */
void hf_wal_header_encode(struct hf_buf *out, const struct hf_wal_header *header);
/* From one block of 4096 bytes. False: not valid. A newer version is VERSION, through *out_version.
 */
bool hf_wal_header_decode(const uint8_t block[HF_WAL_BLOCK], struct hf_wal_header *out,
                          uint32_t *out_version);

/* CORRUPT when neither copy of the header is valid, or not of this store and number. NOT_FOUND. */
HF_MUST_USE int hf_wal_segment_open(struct hf_io *io, int wal_dir, uint64_t sequence,
                                    const uint8_t uuid[16], bool writable,
                                    struct hf_wal_segment *out, struct hf_error *err);
void hf_wal_segment_close(struct hf_io *io, struct hf_wal_segment *segment);

/* Numbers of the segments in wal/, ascending; freed by the caller. */
HF_MUST_USE int hf_wal_segments_list(struct hf_io *io, int wal_dir, uint64_t **out_numbers,
                                     size_t *out_count, struct hf_error *err);
/* Lowest and highest number of the segments in wal/; both 0 when there is none. CORRUPT: a gap. */
HF_MUST_USE int hf_wal_segments_find(struct hf_io *io, int wal_dir, uint64_t *out_lowest,
                                     uint64_t *out_highest, struct hf_error *err);

/* Make `spare`, whole and durable, if there is none that is long enough and unused. */
HF_MUST_USE int hf_wal_spare_make(struct hf_io *io, int wal_dir, struct hf_error *err);

/*
 * Make a segment durable under its number: from the spare when that is long enough, else a new
 * file. `body` holds the bytes that stand at the position `header->first`. On 0 *out is open for
 * writing. header->size is chosen here, the salt is the caller's (the body needs it).
 *
 * Errors   NO_SPACE and others: there is no new segment. FAILED: there may be one.
 */
HF_MUST_USE int hf_wal_segment_make(struct hf_io *io, int wal_dir, struct hf_wal_header *header,
                                    const struct hf_buf *body, uint64_t room_bytes,
                                    struct hf_wal_segment *out, struct hf_error *err);

#endif
