/*
 * wal/append.c - appends records in the one order of the log, and makes them durable.
 * Protocol: FORMAT.md 3.2 and 3.3. The lock: lock.c. New segments: takeover.c.
 *
 * Always true:
 *  (1) a byte of a segment, once published as part of the log, is not written again;
 *  (2) nobody is told "durable" before the sync covering his record returned 0;
 *  (3) a sync that failed is not tried again, and this handle appends nothing any more.
 *
 * READY --append--> DIRTY --sync--> READY
 * any --failed sync, or append that cannot be undone--> FAILED     only hf_wal_close is left
 * any --damage found--> CORRUPT                                    reading goes on
 */
#include "wal/log.h"

#include "base/error.h"

#include <string.h>

int hf_wal_check_usable(const struct hf_wal *wal, struct hf_error *err)
{
    if (wal->corrupt) {
        if (err != NULL)
            *err = wal->damage;
        return HF_ERR_CORRUPT;
    }
    if (wal->failed)
        return hf_fail(err, HF_ERR_FAILED,
                       "a sync of the log failed earlier; reopen the store to learn what it holds");
    if (wal->read_only)
        return hf_fail(err, HF_ERR_REFUSED, "the store is open read-only");
    return 0;
}

int hf_wal_reserve(struct hf_wal *wal, struct hf_error *err)
{
    return hf_wal_spare_make(wal->io, wal->options.wal_dir, err);
}

static void encode(struct hf_wal *wal, enum hf_wal_type type, uint64_t txn, const void *payload,
                   size_t len, struct hf_buf *out, struct hf_wal_frame *frame, uint64_t *out_end)
{
    uint64_t tail = wal->reader.position, durable = hf_wal_durable(wal);

    *frame = (struct hf_wal_frame){
        .type = type,
        .position = tail,
        .previous = wal->reader.previous,
        .durable = durable < tail ? durable : tail,
        .txn = txn != 0 ? txn : tail,
        .time_ns = hf_io_now_ns(wal->io),
        .payload = payload,
        .payload_len = len,
    };
    hf_buf_clear(out);
    *out_end = hf_wal_record_encode_whole(out, frame, wal->current.header.salt);
}

/*
 * The record may be in the file in part, or even whole while we call it failed: its first bytes are
 * made invalid before anybody may read it. If that fails too, nobody knows whether the record
 * counts.
 */
static int undo_write(struct hf_wal *wal, struct hf_buf *bytes, int rc, struct hf_error *err)
{
    uint8_t zeros[HF_WAL_RECORD_HEADER] = {0};
    uint64_t tail = wal->reader.position;
    uint64_t off = hf_wal_segment_offset(&wal->current.header, tail);
    /* A COMMIT's last part is its COPY, as long as itself, which would stand for it. */
    uint64_t last = off + bytes->len - hf_wal_record_probe(bytes->data, tail);
    int undone = 0;

    if (last != off)
        undone = hf_io_pwrite(wal->io, wal->current.fd, zeros, sizeof(zeros), last,
                              wal->current.name, NULL);
    if (undone == 0)
        undone = hf_io_pwrite(wal->io, wal->current.fd, zeros, sizeof(zeros), off,
                              wal->current.name, NULL);
    if (undone == 0)
        undone = hf_wal_shared_write_tail(wal->io, wal->options.shared_fd, &wal->id,
                                          wal->current.header.sequence, tail, tail, NULL);
    if (undone == 0) { /* the rest is harmless, but nobody would know what it is */
        memset(bytes->data, 0, bytes->len);
        hf_tolerate(hf_io_pwrite(wal->io, wal->current.fd, bytes->data, bytes->len, off,
                                 wal->current.name, NULL));
        return rc;
    }
    wal->failed = true;
    return hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "the log could not be written");
}

/* Steps 5 to 7 of FORMAT.md 3.2, with `state`. */
static int write_record(struct hf_wal *wal, struct hf_buf *bytes, uint64_t end,
                        struct hf_error *err)
{
    uint64_t sequence = wal->current.header.sequence;
    uint64_t tail = wal->reader.position;
    uint64_t off = hf_wal_segment_offset(&wal->current.header, tail);

    int rc = hf_wal_shared_write_tail(wal->io, wal->options.shared_fd, &wal->id, sequence, tail,
                                      end, err);
    if (rc == 0)
        rc = hf_io_pwrite(wal->io, wal->current.fd, bytes->data, bytes->len, off, wal->current.name,
                          err);
    if (rc == 0)
        rc = hf_wal_shared_write_tail(wal->io, wal->options.shared_fd, &wal->id, sequence, end, end,
                                      err);
    return rc == 0 ? 0 : undo_write(wal, bytes, rc, err);
}

/* The record is in the log: the store sees it as everybody else will. */
static int apply_own(struct hf_wal *wal, const struct hf_wal_frame *frame, const void *payload,
                     size_t len, uint64_t end, struct hf_error *err)
{
    struct hf_wal_record record = {
        .position = frame->position,
        .end = end,
        .type = frame->type,
        .txn = frame->txn,
        .time_ns = frame->time_ns,
        .durable = frame->durable,
        .payload = payload,
        .payload_len = len,
    };

    wal->reader.position = end;
    wal->reader.previous = frame->checksum;
    wal->skip_below = end;
    hf_wal_reader_forget(&wal->reader);
    int rc = hf_wal_note_record(wal, frame->txn, end, err);
    int applied = wal->options.fn(wal->options.arg, &record, err);
    if (rc == 0 && applied == 0)
        return 0;
    /* Others will apply it, we could not (no memory): this handle is of no use any more. */
    wal->failed = true;
    return hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "a logged change could not be applied");
}

int hf_wal_append(struct hf_wal *wal, enum hf_wal_type type, uint64_t txn, const void *payload,
                  size_t payload_len, uint64_t *out_end, struct hf_error *err)
{
    struct hf_buf bytes = {0};
    struct hf_wal_frame frame;
    uint64_t end = 0;

    if (payload_len > HF_WAL_PAYLOAD_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "the change is too large for one log record");
    int rc = hf_wal_check_usable(wal, err);
    if (rc == 0) {
        encode(wal, type, txn, payload, payload_len, &bytes, &frame, &end);
        rc = hf_buf_check(&bytes, err);
    }
    if (rc == 0 && hf_wal_segment_offset(&wal->current.header, end) > wal->current.header.size) {
        rc = hf_wal_switch(wal, bytes.len + HF_WAL_BLOCK, err);
        if (rc == 0) {
            encode(wal, type, txn, payload, payload_len, &bytes, &frame, &end);
            rc = hf_buf_check(&bytes, err);
        }
    }
    if (rc == 0) {
        pthread_mutex_lock(&wal->state);
        rc = write_record(wal, &bytes, end, err);
        if (rc == 0)
            rc = apply_own(wal, &frame, payload, payload_len, end, err);
        pthread_mutex_unlock(&wal->state);
    }
    hf_buf_release(&bytes);
    if (rc == 0)
        *out_end = end;
    return rc;
}

uint64_t hf_wal_tail(struct hf_wal *wal)
{
    pthread_mutex_lock(&wal->state);
    uint64_t tail = wal->reader.position;
    pthread_mutex_unlock(&wal->state);
    return tail;
}

uint64_t hf_wal_segments_since(struct hf_wal *wal)
{
    pthread_mutex_lock(&wal->state);
    uint64_t count = wal->current.header.sequence - wal->counted_from;
    pthread_mutex_unlock(&wal->state);
    return count;
}

void hf_wal_note_checkpoint(struct hf_wal *wal)
{
    pthread_mutex_lock(&wal->state);
    wal->counted_from = wal->current.header.sequence;
    pthread_mutex_unlock(&wal->state);
}

uint64_t hf_wal_durable(struct hf_wal *wal)
{
    pthread_mutex_lock(&wal->state);
    uint64_t durable = wal->durable;
    pthread_mutex_unlock(&wal->state);
    return durable;
}

/* What hf_wal_sync has to do, once it has the sync lock. */
enum sync_plan { SYNC_DONE, SYNC_NEEDED, SYNC_TAKE_OVER };

static enum sync_plan plan_sync(struct hf_wal *wal, const struct hf_wal_shared *shared,
                                uint64_t position, int *out_fd)
{
    enum sync_plan plan = SYNC_TAKE_OVER;

    pthread_mutex_lock(&wal->state);
    if (shared->sync_known)
        hf_wal_note_durable(wal, shared->durable);
    *out_fd = wal->current.fd;
    if (wal->durable >= position)
        plan = SYNC_DONE;
    else if (shared->tail_known && shared->sync_known && shared->state == HF_WAL_IDLE &&
             shared->tail_sequence == wal->current.header.sequence && shared->tail >= position)
        plan = SYNC_NEEDED;
    pthread_mutex_unlock(&wal->state);
    return plan;
}

/* Steps 2 to 4 of FORMAT.md 3.3. */
static int sync_to(struct hf_wal *wal, int fd, const struct hf_wal_shared *shared,
                   struct hf_error *err)
{
    int shared_fd = wal->options.shared_fd;

    int rc = hf_wal_shared_write_sync(wal->io, shared_fd, &wal->id, shared->tail_sequence,
                                      shared->durable, HF_WAL_SYNCING, err);
    if (rc != 0)
        return rc;
    rc = hf_io_fdatasync(wal->io, fd, "wal", err);
    if (rc != 0) {
        pthread_mutex_lock(&wal->state);
        wal->failed = true; /* (4) */
        pthread_mutex_unlock(&wal->state);
        /* If this write fails as well, the state stays SYNCING without a holder, which says the
         * same. */
        int told = hf_wal_shared_write_sync(wal->io, shared_fd, &wal->id, shared->tail_sequence,
                                            shared->durable, HF_WAL_SYNC_FAILED, NULL);
        return hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "the log could not be synced%s",
                          told == 0 ? "" : " nor marked so");
    }
    rc = hf_wal_shared_write_sync(wal->io, shared_fd, &wal->id, shared->tail_sequence, shared->tail,
                                  HF_WAL_IDLE, err);
    /* Only now: it may release our bytes, and who finds them free must find `durable` beyond our
     * records. */
    pthread_mutex_lock(&wal->state);
    hf_wal_note_durable(wal, shared->tail);
    pthread_mutex_unlock(&wal->state);
    return rc;
}

/* Somebody else's sync failed, or he died in one: hf_wal_lock takes over, which makes all durable.
 */
static int sync_by_take_over(struct hf_wal *wal, uint64_t position, struct hf_error *err)
{
    int rc = hf_wal_lock(wal, err);

    if (rc != 0)
        return rc;
    bool durable = hf_wal_durable(wal) >= position;
    hf_wal_unlock(wal);
    return durable ? 0 : HF_END;
}

int hf_wal_sync(struct hf_wal *wal, uint64_t position, struct hf_error *err)
{
    int rc = HF_END; /* not durable yet, try again */

    if (hf_wal_durable(wal) >= position)
        return 0;
    while (rc == HF_END) {
        struct hf_wal_shared shared;
        enum sync_plan plan = SYNC_DONE;
        int fd = -1;

        rc = hf_wal_check_usable(wal, err);
        if (rc == HF_ERR_FAILED) /* somebody else's sync was to serve us too */
            return hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "the log could not be synced");
        if (rc == 0)
            rc = hf_wal_lock_sync(wal, err);
        if (rc != 0)
            return rc;
        rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
        if (rc == 0)
            plan = plan_sync(wal, &shared, position, &fd);
        if (rc == 0 && plan == SYNC_NEEDED)
            rc = sync_to(wal, fd, &shared, err);
        hf_wal_unlock_sync(wal);
        if (rc == 0 && plan == SYNC_TAKE_OVER)
            rc = sync_by_take_over(wal, position, err);
    }
    return rc;
}

int hf_wal_refresh(struct hf_wal *wal, struct hf_error *err)
{
    struct hf_wal_shared shared;

    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc != 0 || !shared.sync_known || wal->corrupt)
        return rc;
    pthread_mutex_lock(&wal->state);
    if (shared.durable > wal->reader.position)
        rc = hf_wal_follow_published(wal, shared.durable_sequence, shared.durable, err);
    if (rc == 0)
        hf_wal_note_durable(wal, shared.durable);
    pthread_mutex_unlock(&wal->state);
    return rc == HF_ERR_CORRUPT ? 0 : rc; /* up to there it can be read */
}
