/*
 * wal/wal.h - the log: appends records in the one order of a store, makes them durable, and hands
 * payloads back in order. It knows byte ranges and positions, not objects.
 *
 * Calling sequence of a writer:
 *
 *     hf_wal_lock(wal)                the tail is read up to its end: `fn` has seen every record
 *     pos = hf_wal_tail(wal)          where the next record will stand
 *     hf_wal_own(wal, pos)            to begin a transaction: its byte is locked before its record
 *     hf_wal_append(wal, ...)         `fn` sees it too
 *     hf_wal_unlock(wal)
 *     hf_wal_sync(wal, end)           now it survives power loss
 *     hf_wal_disown(wal, pos)         when the transaction has ended
 *
 * A reader calls hf_wal_refresh now and then: `fn` sees what became durable since.
 *
 * Threads: every function may be called from any thread, but between hf_wal_lock and hf_wal_unlock
 * only by the thread that locked. `fn` is called by one thread at a time.
 */
#ifndef HF_WAL_WAL_H
#define HF_WAL_WAL_H

#include "io/io.h"
#include "wal/format.h"

struct hf_wal;

struct hf_wal_record {
    uint64_t position; /* of the record */
    uint64_t end;      /* position behind it; for a COMMIT behind its COPY */
    enum hf_wal_type type;
    uint64_t txn;
    uint64_t time_ns;
    uint64_t durable;
    bool is_durable;        /* this handle knows already that it survives power loss */
    const uint8_t *payload; /* borrowed for the call */
    size_t payload_len;
};

/* Called for each record but PAD and COPY, in order, exactly once. A failure ends the reading. */
typedef int hf_wal_record_fn(void *arg, const struct hf_wal_record *record, struct hf_error *err);

struct hf_wal_options {
    struct hf_io *io;
    int wal_dir;   /* descriptor of wal/, borrowed as long as the log is open */
    int lock_fd;   /* of `lock`; -1 when read-only */
    int shared_fd; /* of `shared`; -1 when read-only and it is not there */
    uint8_t uuid[16];
    uint64_t from; /* position to read from: the checkpoint's; 0 for a log without one */
    uint64_t
        must_reach; /* a log that ends before it is corrupt: the newest checkpoint's; 0: none */
    bool read_only;
    hf_wal_record_fn *fn;
    void *arg;
};

/* What opening found; for the recovery report. */
struct hf_wal_opened {
    bool regular;        /* `shared` was of this boot and nothing had died in an append or sync */
    bool this_boot;      /* `shared` was of this boot and this file */
    bool corrupt;        /* read-only at the last good position; `damage` tells where */
    uint64_t torn_bytes; /* bytes behind the end in the newest segment that are not zero */
    struct hf_error damage;
};

/* Make first segment and spare in the empty folder `wal_dir` and sync it all. */
HF_MUST_USE int hf_wal_create(struct hf_io *io, int wal_dir, const uint8_t uuid[16],
                              struct hf_error *err);

/*
 * Open the log and hand all its records from options->from on to options->fn.
 * For writing, an irregular log is taken over first: all that `fn` sees is durable.
 * Corruption is no failure here: the log is then open read-only and out_opened says so; appending
 * returns HF_ERR_CORRUPT.
 */
HF_MUST_USE int hf_wal_open(const struct hf_wal_options *options, struct hf_wal **out_wal,
                            struct hf_wal_opened *out_opened, struct hf_error *err);
/* Closes without a sync; NULL does nothing. */
void hf_wal_close(struct hf_wal *wal);

HF_MUST_USE int hf_wal_lock(struct hf_wal *wal, struct hf_error *err);
void hf_wal_unlock(struct hf_wal *wal);

/* Take and release the byte of a transaction. Owned until disowned or until the process dies. */
HF_MUST_USE int hf_wal_own(struct hf_wal *wal, uint64_t txn, struct hf_error *err);
/* *out_got false: its owner lives. */
HF_MUST_USE int hf_wal_try_own(struct hf_wal *wal, uint64_t txn, bool *out_got,
                               struct hf_error *err);
void hf_wal_disown(struct hf_wal *wal, uint64_t txn);
/* Is the owner of `txn` alive? This handle's own transactions are. */
HF_MUST_USE int hf_wal_is_alive(struct hf_wal *wal, uint64_t txn, bool *out_alive,
                                struct hf_error *err);

/*
 * Append one record under the append lock; a COMMIT with its PAD and COPY. Nothing is durable yet.
 *
 * txn      0: the record begins (and is) its own transaction
 * out_end  position behind it, to be given to hf_wal_sync
 *
 * Errors   NO_SPACE: nothing was appended, the log stays usable.
 *          LIMIT: the payload is longer than HF_WAL_PAYLOAD_MAX.
 *          CORRUPT: the log is damaged and read-only. FAILED: a sync failed earlier.
 * Source   wal/FORMAT.md 3.2.
 */
HF_MUST_USE int hf_wal_append(struct hf_wal *wal, enum hf_wal_type type, uint64_t txn,
                              const void *payload, size_t payload_len, uint64_t *out_end,
                              struct hf_error *err);
/* With the append lock: is a spare segment ready? Tries to make one. NO_SPACE when it cannot. */
HF_MUST_USE int hf_wal_reserve(struct hf_wal *wal, struct hf_error *err);

/* Position behind the last record known to this handle. */
uint64_t hf_wal_tail(struct hf_wal *wal);
/* Position up to which this handle knows the log to be durable. */
uint64_t hf_wal_durable(struct hf_wal *wal);

/*
 * Make the log durable up to `position`. One sync serves all who wait.
 *
 * Errors   OUTCOME_UNKNOWN: the sync failed; this handle is FAILED for good (P9).
 */
HF_MUST_USE int hf_wal_sync(struct hf_wal *wal, uint64_t position, struct hf_error *err);

/*
 * Read what others made durable since; takes no lock that a writer waits for.
 *
 * Errors   NOT_FOUND, also of hf_wal_lock: what this handle wants to read is deleted, since newer
 *          checkpoints cover it. Open the newest, then call hf_wal_reseek.
 */
HF_MUST_USE int hf_wal_refresh(struct hf_wal *wal, struct hf_error *err);

/* Until it is resumed, no thread with this handle appends or syncs: for hf_wal_reseek, which moves
 * what they stand on. Not between lock and unlock. */
void hf_wal_pause(struct hf_wal *wal);
void hf_wal_resume(struct hf_wal *wal);
/* Go on reading at `from`, the position of a checkpoint. Only while paused, when others append. */
HF_MUST_USE int hf_wal_reseek(struct hf_wal *wal, uint64_t from, struct hf_error *err);

/* Lock a byte below HF_WAL_LOCK_JOBS for a job of the store (recovery, checkpoint). */
HF_MUST_USE int hf_wal_lock_job(struct hf_wal *wal, uint64_t byte, bool wait, bool *out_got,
                                struct hf_error *err);
void hf_wal_unlock_job(struct hf_wal *wal, uint64_t byte);

/* How many segments lie between where this handle began to read (or took its last checkpoint) and
 * the tail. A take-over begins one, however little the last one holds. */
uint64_t hf_wal_segments_since(struct hf_wal *wal);
/* A checkpoint was taken: count from here on. */
void hf_wal_note_checkpoint(struct hf_wal *wal);

/* Unlink every segment that ends at or before `position`. Lowest first, wal/ synced before each;
 * the last, if it comes back after a cut, is deleted again. */
HF_MUST_USE int hf_wal_trim(struct hf_wal *wal, uint64_t position, struct hf_error *err);

#endif
