/*
 * wal/scan.h - reads a log that need not be open: for who lists, checks or repairs it. Takes no
 * lock. Rules: FORMAT.md 2. Unlike follow.c it goes on past damage and tells each gap.
 */
#ifndef HF_WAL_SCAN_H
#define HF_WAL_SCAN_H

#include "wal/reader.h"

#include <stdbool.h>

/* A place without a valid record, though the log was durable beyond it. */
struct hf_wal_gap {
    uint64_t from, to;      /* positions; equal: a file is damaged, and no record is missing */
    bool is_copy;           /* nothing is lost: it is the second writing of a COMMIT that is good */
    struct hf_error damage; /* file and offset */
};

/* A failure ends the scan; but CORRUPT from a record's function makes this record a gap. */
typedef int hf_wal_scan_fn(void *arg, const struct hf_wal_segment *segment,
                           const struct hf_wal_entry *entry, struct hf_error *err);
typedef int hf_wal_gap_fn(void *arg, const struct hf_wal_gap *gap, struct hf_error *err);

struct hf_wal_scan_options {
    struct hf_io *io;
    int wal_dir;
    int shared_fd; /* -1: not there */
    uint8_t uuid[16];
    uint64_t from;       /* records before it are not handed on; 0: from the first that is kept */
    uint64_t must_reach; /* as in hf_wal_options */
    bool beyond_durable; /* for who holds the append lock: also what is not durable yet */
    hf_wal_scan_fn *fn;
    hf_wal_gap_fn *gap;
    void *arg;
};

struct hf_wal_scanned {
    uint64_t first;    /* position of the first record kept; where it would be if there is none */
    uint64_t end;      /* behind the last record */
    uint64_t previous; /* its checksum, or that of its COPY; 0: there is none right before `end` */
    uint64_t beyond;   /* no position from here on was ever used; `end` unless there is damage */
    uint64_t records;
    uint64_t segments;
    uint64_t highest; /* number of the newest segment, or of a damaged one behind it */
    uint64_t torn_bytes;
};

/*
 * Read all segments, oldest first.
 *
 * Errors   IO, VERSION, and what the functions return.
 */
HF_MUST_USE int hf_wal_scan(const struct hf_wal_scan_options *options, struct hf_wal_scanned *out,
                            struct hf_error *err);

#endif
