/*
 * wal/log.h - the open log, as the files of this folder share it. Callers see wal.h.
 *
 * Locks, in the order in which they may be taken:
 *   append_mutex, then lock byte APPEND   who appends; also who takes over or switches
 *   sync_mutex, then lock byte SYNC       who syncs; also who takes over or switches
 *   state                                 the fields below; never held over a sync, nor while
 * waiting for a lock byte
 */
#ifndef HF_WAL_LOG_H
#define HF_WAL_LOG_H

#include "wal/reader.h"
#include "wal/shared.h"
#include "wal/wal.h"

#include <pthread.h>

/* A transaction of this handle, whose byte we hold. */
struct hf_wal_owned {
    uint64_t txn;
    uint64_t last_end; /* behind its last record; its byte is held until the log is durable there */
    bool ended;
};

/* A record of another handle beyond the durable position: its writer may die. */
struct hf_wal_foreign {
    uint64_t txn;
    uint64_t end;
};

struct hf_wal {
    struct hf_wal_options options;
    struct hf_io *io;
    struct hf_wal_shared_id id;

    pthread_mutex_t append_mutex;
    pthread_mutex_t sync_mutex;
    pthread_mutex_t job_mutex[HF_WAL_LOCK_JOBS]; /* before the lock byte of that number */
    pthread_mutex_t state;

    struct hf_wal_segment current; /* that the reader is in */
    struct hf_wal_reader reader;   /* its position: up to where `fn` has seen the log */
    uint64_t skip_below;           /* records that begin before it have been seen already */
    uint64_t durable;              /* what this handle knows of it */
    bool has_seen_end;             /* and that the log does not go on behind `shared`'s tail */
    bool took_over;                /* this handle has taken the log over, at opening or later */
    uint64_t torn_bytes;
    uint64_t counted_from; /* sequence: hf_wal_segments_since */
    _Atomic bool read_only;
    _Atomic bool failed;    /* a sync of ours failed, or an append that could not be undone */
    _Atomic bool corrupt;   /* `damage` tells where; read-only from then on */
    struct hf_error damage; /* written once, before `corrupt` */

    struct hf_wal_owned *owned;
    size_t owned_count, owned_capacity;
    struct hf_wal_foreign *foreign;
    size_t foreign_count, foreign_capacity;
};

/* Not open yet: nothing is read. Ended by hf_wal_close. */
HF_MUST_USE int hf_wal_new(const struct hf_wal_options *options, struct hf_wal **out_wal,
                           struct hf_error *err);

/* --- follow.c: reading on, with `state` held ---------------------------------------------------
 */

/* Place the reader so that the record at `from` is the next: in the segment that holds it. */
HF_MUST_USE int hf_wal_seek(struct hf_wal *wal, uint64_t from, struct hf_error *err);
/* Hand on all records up to `upto`, which lies in segment `sequence`. CORRUPT if one is not valid.
 */
HF_MUST_USE int hf_wal_follow(struct hf_wal *wal, uint64_t sequence, uint64_t upto,
                              struct hf_error *err);
/* The same; if it is CORRUPT, the log is so from then on: wal->corrupt, read-only. */
HF_MUST_USE int hf_wal_follow_published(struct hf_wal *wal, uint64_t sequence, uint64_t upto,
                                        struct hf_error *err);
/* Is there another segment behind the one the reader is in, or a byte that is not zero behind its
 * position? */
HF_MUST_USE int hf_wal_is_more_behind(struct hf_wal *wal, bool *out_more, struct hf_error *err);
/*
 * Hand on every valid record there is. If the end is damage and not a torn tail, wal->corrupt is
 * set. `known_durable`: what others than the log itself call durable.
 */
HF_MUST_USE int hf_wal_follow_to_end(struct hf_wal *wal, uint64_t known_durable, uint64_t *out_torn,
                                     struct hf_error *err);

/* --- takeover.c ----------------------------------------------------------------------------------
 */

/* With the append lock: take the sync lock, move what is beyond the durable position to a new
 * segment, and make `shared` anew (FORMAT.md 3.4). */
HF_MUST_USE int hf_wal_take_over(struct hf_wal *wal, enum hf_wal_reason reason,
                                 struct hf_error *err);
/* With the append lock: begin a new segment with room for `room_bytes` (FORMAT.md 3.5). */
HF_MUST_USE int hf_wal_switch(struct hf_wal *wal, uint64_t room_bytes, struct hf_error *err);
/* With both locks: state SWITCHING, with what was durable before. */
HF_MUST_USE int hf_wal_mark_switching(struct hf_wal *wal, const struct hf_wal_shared *shared,
                                      struct hf_error *err);
/* With both locks: a log that is durable up to `end`, in wal->current. */
HF_MUST_USE int hf_wal_publish(struct hf_wal *wal, uint64_t end, struct hf_error *err);
HF_MUST_USE int hf_wal_lock_sync(struct hf_wal *wal, struct hf_error *err);
void hf_wal_unlock_sync(struct hf_wal *wal);

/* --- owners.c ------------------------------------------------------------------------------------
 */

/* With `state`: remember that a record of `txn` ends at `end`. */
HF_MUST_USE int hf_wal_note_record(struct hf_wal *wal, uint64_t txn, uint64_t end,
                                   struct hf_error *err);
/* With `state`: the log is durable up to `durable`; forget what lies before. */
void hf_wal_note_durable(struct hf_wal *wal, uint64_t durable);
/* With the append lock: does a record beyond the durable position belong to a dead transaction? */
HF_MUST_USE int hf_wal_find_dead_tail(struct hf_wal *wal, bool *out_dead, struct hf_error *err);

/* With `state`: damage was found. What was read stays readable. */
void hf_wal_note_corrupt(struct hf_wal *wal, const struct hf_error *why);
/* HF_ERR_FAILED or HF_ERR_CORRUPT when the log takes no more records; else 0. */
HF_MUST_USE int hf_wal_check_usable(const struct hf_wal *wal, struct hf_error *err);

#endif
