/*
 * wal/reader.h - reads the records of one segment in order, and tells a torn tail from corruption.
 * Rules: FORMAT.md 1.2 and 2.
 */
#ifndef HF_WAL_READER_H
#define HF_WAL_READER_H

#include "wal/record.h"
#include "wal/segment.h"

/* A record as the log means it: its COPY, if it has one, is part of it. */
struct hf_wal_entry {
    struct hf_wal_frame frame; /* position is the record's, also when only its COPY was good */
    uint64_t copy_position;    /* where its COPY stands; 0: it has none */
    uint64_t end;              /* position behind it and its COPY */
    uint64_t last_checksum;    /* of its last part: what the next record calls `previous` */
};

struct hf_wal_reader {
    struct hf_io *io;
    const struct hf_wal_segment *segment; /* borrowed */
    uint64_t position;                    /* where the next record is looked for */
    uint64_t previous;                    /* checksum of the record before it */
    uint64_t durable;                     /* largest position that what was read calls durable */
    bool skips_unreadable;                /* what the disk refuses to read counts as damaged */
    struct hf_buf window;                 /* bytes of the file from window_off on */
    uint64_t window_off;
};

/* At the first record of the segment. skips_unreadable may be set then. */
void hf_wal_reader_init(struct hf_wal_reader *reader, struct hf_io *io,
                        const struct hf_wal_segment *segment);
void hf_wal_reader_release(struct hf_wal_reader *reader);
/* Forget what was read ahead: others may have appended. */
void hf_wal_reader_forget(struct hf_wal_reader *reader);

/*
 * The next record that begins before `limit`; PAD and lone COPY are passed over. HF_END: the
 * position has reached `limit`, or there is no valid record at it (then it is < limit). The payload
 * is borrowed until the next call.
 */
HF_MUST_USE int hf_wal_reader_next(struct hf_wal_reader *reader, uint64_t limit,
                                   struct hf_wal_entry *out, struct hf_error *err);

/*
 * After HF_END before the limit: is there, behind the position, a valid record that calls a
 * position beyond it durable? Then *out_durable is that position, else 0. *out_next (may be NULL)
 * is the position of the first valid record behind; 0: none. *out_torn: bytes from the position on
 * up to the last that is not zero.
 */
HF_MUST_USE int hf_wal_reader_look_behind(struct hf_wal_reader *reader, uint64_t *out_durable,
                                          uint64_t *out_next, uint64_t *out_torn,
                                          struct hf_error *err);

/* Is every byte from the position to the segment's end zero? */
HF_MUST_USE int hf_wal_reader_is_at_end(struct hf_wal_reader *reader, bool *out_at_end,
                                        struct hf_error *err);

/*
 * After HF_END before the limit: go on past damage, to the first valid record behind the position
 * and before the limit. *out_found false: there is none, and the reader stays.
 */
HF_MUST_USE int hf_wal_reader_skip(struct hf_wal_reader *reader, uint64_t limit, bool *out_found,
                                   struct hf_error *err);

#endif
