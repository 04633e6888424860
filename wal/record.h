/*
 * wal/record.h - one record as bytes: encode and decode, pure. Format: FORMAT.md 1.2.
 */
#ifndef HF_WAL_RECORD_H
#define HF_WAL_RECORD_H

#include "base/buf.h"
#include "wal/format.h"

#include <stdbool.h>
#include <stddef.h>

struct hf_wal_frame {
    uint64_t checksum;
    uint32_t length;
    enum hf_wal_type type;
    bool is_copy;
    uint64_t position;
    uint64_t previous;
    uint64_t durable;
    uint64_t txn;
    uint64_t time_ns;
    uint64_t original;
    const uint8_t *payload; /* NULL in a PAD */
    size_t payload_len;
};

/* Length of a record with that payload. */
uint32_t hf_wal_record_length(size_t payload_len);

/* Append the frame's bytes and set frame->length and frame->checksum. A PAD's length is taken as
 * given. */
void hf_wal_record_encode(struct hf_buf *out, struct hf_wal_frame *frame, uint64_t salt);

/*
 * Append a record as it stands in the log: a COMMIT with its PAD and COPY, others alone. Returns
 * the position behind it; frame->checksum is then that of its last part, for the next one's
 * `previous`.
 */
uint64_t hf_wal_record_encode_whole(struct hf_buf *out, struct hf_wal_frame *frame, uint64_t salt);

/* What follows a COMMIT of that length at that position: where its COPY stands (FORMAT.md 1.2). */
uint64_t hf_wal_copy_position(uint64_t position, uint32_t length);

/*
 * The length field of a record header (64 bytes) that could be one at `position`: a multiple of 8
 * in its range, with the right position. 0: there is no record here. Cheap, for scanning.
 */
uint32_t hf_wal_record_probe(const uint8_t header[HF_WAL_RECORD_HEADER], uint64_t position);

/* All rules of validity but `previous`. The payload is borrowed from `data`. */
bool hf_wal_record_decode(const uint8_t *data, size_t len, uint64_t position, uint64_t salt,
                          struct hf_wal_frame *out);

#endif
