/* wal/format.h - the numbers of wal/FORMAT.md, once. */
#ifndef HF_WAL_FORMAT_H
#define HF_WAL_FORMAT_H

#include <assert.h>
#include <stdint.h>

#define HF_WAL_MAGIC          "HFWALSEG"
#define HF_WAL_VERSION        1u
#define HF_WAL_BLOCK          4096u
#define HF_WAL_HEADERS        (2u * HF_WAL_BLOCK)
#define HF_WAL_HEADER_SUM_OFF (HF_WAL_BLOCK - 8u)
#define HF_WAL_FIRST_POSITION 4096u
#define HF_WAL_SEGMENT_BYTES  (1024u * 1024u)
#define HF_WAL_RECORD_HEADER  64u
#define HF_WAL_RECORD_MAX     (64u * 1024u * 1024u)
#define HF_WAL_PAYLOAD_MAX    (HF_WAL_RECORD_MAX - HF_WAL_RECORD_HEADER)
#define HF_WAL_FLAG_COPY      1u

#define HF_WAL_LOCK_RECOVERY   0u
#define HF_WAL_LOCK_APPEND     1u
#define HF_WAL_LOCK_SYNC       2u
#define HF_WAL_LOCK_CHECKPOINT 3u
#define HF_WAL_LOCK_JOBS       4u
#define HF_WAL_LOCK_TXN_BASE   4096u

#define HF_WAL_SHARED_TAIL_OFF   0u
#define HF_WAL_SHARED_TAIL_BYTES 72u
#define HF_WAL_SHARED_SYNC_OFF   512u
#define HF_WAL_SHARED_SYNC_BYTES 56u

enum hf_wal_type {
    HF_WAL_INTENT = 1,
    HF_WAL_COMMIT = 2,
    HF_WAL_ABORT = 3,
    HF_WAL_DONE = 4,
    HF_WAL_CLAIM = 5,
    HF_WAL_PAD = 6,
};

enum hf_wal_reason {
    HF_WAL_REASON_NEW_STORE = 1,
    HF_WAL_REASON_FULL = 2,
    HF_WAL_REASON_TAKEN_OVER = 3,
    HF_WAL_REASON_REPAIR = 4,
};

static_assert(HF_WAL_RECORD_HEADER % 8 == 0, "records begin at multiples of 8");
static_assert(HF_WAL_SEGMENT_BYTES % HF_WAL_BLOCK == 0, "segments are whole blocks");

#endif
