/*
 * wal/takeover.c - begins a new segment: because the old one is full (switch), or because it must
 * not be believed any more (take over). Protocol: FORMAT.md 3.4 and 3.5.
 *
 * Why a new file after a failed sync: the kernel has marked the pages clean, so the next sync of
 * the same file succeeds although the bytes are not on the disk, and a reader sees them in the
 * cache.
 *
 * Always true: state is SWITCHING in `shared` from before the first change until the new segment is
 * named, synced and published; who dies in between leaves the log irregular, and the next one does
 * this again.
 */
#include "wal/log.h"

#include "base/error.h"

#include <string.h>

int hf_wal_lock_sync(struct hf_wal *wal, struct hf_error *err)
{
    pthread_mutex_lock(&wal->sync_mutex);
    int rc = hf_io_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_SYNC, 1,
                        "lock", err);
    if (rc != 0)
        pthread_mutex_unlock(&wal->sync_mutex);
    return rc;
}

void hf_wal_unlock_sync(struct hf_wal *wal)
{
    hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_SYNC, 1);
    pthread_mutex_unlock(&wal->sync_mutex);
}

int hf_wal_mark_switching(struct hf_wal *wal, const struct hf_wal_shared *shared,
                          struct hf_error *err)
{
    return hf_wal_shared_write_sync(wal->io, wal->options.shared_fd, &wal->id,
                                    shared->sync_known ? shared->durable_sequence : 0,
                                    shared->sync_known ? shared->durable : 0, HF_WAL_SWITCHING,
                                    err);
}

int hf_wal_publish(struct hf_wal *wal, uint64_t end, struct hf_error *err)
{
    uint64_t sequence = wal->current.header.sequence;

    int rc = hf_wal_shared_write_tail(wal->io, wal->options.shared_fd, &wal->id, sequence, end, end,
                                      err);
    if (rc == 0)
        rc = hf_wal_shared_write_sync(wal->io, wal->options.shared_fd, &wal->id, sequence, end,
                                      HF_WAL_IDLE, err);
    return rc;
}

/* What moves: the records from D on, which are encoded anew with the new segment's salt. */
struct move {
    uint64_t from;     /* D */
    uint64_t previous; /* checksum of the record before D */
    uint64_t end;      /* E */
    struct hf_buf body;
};

/* One pass over the newest segment: the first tells `previous` at D, the second encodes from there
 * on. */
static int encode_from(struct hf_wal *wal, uint64_t salt, struct move *move, struct hf_error *err)
{
    struct hf_wal_reader reader = {0};
    struct hf_wal_entry entry;
    uint64_t previous = 0;
    int rc = 0;

    hf_buf_clear(&move->body);
    hf_wal_reader_init(&reader, wal->io, &wal->current);
    move->previous = previous = reader.previous;
    move->end = move->from;
    while ((rc = hf_wal_reader_next(&reader, UINT64_MAX, &entry, err)) == 0) {
        if (entry.end <= move->from) {
            move->previous = previous = entry.last_checksum;
            continue;
        }
        entry.frame.is_copy = false;
        entry.frame.original = 0;
        entry.frame.durable = move->from;
        entry.frame.previous = previous;
        move->end = hf_wal_record_encode_whole(&move->body, &entry.frame, salt);
        previous = entry.frame.checksum;
    }
    hf_wal_reader_release(&reader);
    return rc == HF_END ? hf_buf_check(&move->body, err) : rc;
}

static int make_successor(struct hf_wal *wal, enum hf_wal_reason reason, struct move *move,
                          struct hf_error *err)
{
    struct hf_wal_segment segment;
    struct hf_wal_header header = {
        .sequence = wal->current.header.sequence + 1,
        .reason = reason,
        .first = move->from,
    };
    memcpy(header.uuid, wal->options.uuid, sizeof(header.uuid));

    int rc = hf_io_random(wal->io, &header.salt, sizeof(header.salt), err);
    if (rc == 0)
        rc = encode_from(wal, header.salt, move, err);
    if (rc != 0)
        return rc;
    header.previous = move->previous;
    rc = hf_wal_segment_make(wal->io, wal->options.wal_dir, &header, &move->body, HF_WAL_BLOCK,
                             &segment, err);
    wal->failed = wal->failed || rc == HF_ERR_FAILED;
    if (rc != 0)
        return rc;
    if (wal->skip_below < wal->reader.position)
        wal->skip_below = wal->reader.position;
    hf_wal_segment_close(wal->io, &wal->current);
    wal->current = segment;
    hf_wal_reader_init(&wal->reader, wal->io, &wal->current);
    /* Passes the records just written; they have been handed on. */
    return hf_wal_follow(wal, header.sequence, move->end, err);
}

/* With append lock, sync lock and `state`. */
static int take_over_locked(struct hf_wal *wal, enum hf_wal_reason reason, struct hf_error *err)
{
    struct hf_wal_shared shared;
    struct move move = {0};

    wal->took_over = true;
    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc == 0)
        rc = hf_wal_mark_switching(wal, &shared, err);
    uint64_t known = rc == 0 && shared.sync_known ? shared.durable : 0;
    if (rc == 0)
        rc = hf_wal_follow_to_end(wal, known, &wal->torn_bytes, err);
    if (rc != 0 || wal->corrupt)
        return rc;
    move.from = wal->reader.durable > known ? wal->reader.durable : known;
    if (move.from < wal->current.header.first)
        move.from = wal->current.header.first;
    rc = make_successor(wal, reason, &move, err);
    if (rc == 0)
        rc = hf_wal_publish(wal, move.end, err);
    if (rc == 0)
        hf_wal_note_durable(wal, move.end);
    hf_buf_release(&move.body);
    return rc;
}

/* With the append lock, so that nobody else makes `new`. Without a spare the log still works, and
 * hf_wal_reserve asks again before content is written. */
static void keep_spare(struct hf_wal *wal)
{
    hf_tolerate(hf_wal_spare_make(wal->io, wal->options.wal_dir, NULL));
}

int hf_wal_take_over(struct hf_wal *wal, enum hf_wal_reason reason, struct hf_error *err)
{
    int rc = hf_wal_lock_sync(wal, err);

    if (rc != 0)
        return rc;
    pthread_mutex_lock(&wal->state);
    rc = take_over_locked(wal, reason, err);
    pthread_mutex_unlock(&wal->state);
    hf_wal_unlock_sync(wal);
    if (rc == 0 && !wal->corrupt)
        keep_spare(wal);
    return rc;
}

/* With append lock, sync lock and `state`: steps 1 to 7 of FORMAT.md 3.5. */
static int switch_locked(struct hf_wal *wal, uint64_t room_bytes, struct hf_error *err)
{
    struct hf_wal_shared shared;
    struct hf_wal_segment segment;
    struct hf_wal_header header = {
        .sequence = wal->current.header.sequence + 1,
        .reason = HF_WAL_REASON_FULL,
        .first = wal->reader.position,
        .previous = wal->reader.previous,
    };
    memcpy(header.uuid, wal->options.uuid, sizeof(header.uuid));

    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc == 0)
        rc = hf_wal_mark_switching(wal, &shared, err);
    if (rc != 0)
        return rc;
    rc = hf_io_fdatasync(wal->io, wal->current.fd, wal->current.name, err);
    if (rc != 0) {
        wal->failed = true;
        return hf_fail_as(err, HF_ERR_FAILED, "the full log segment could not be synced");
    }
    rc = hf_io_random(wal->io, &header.salt, sizeof(header.salt), err);
    if (rc == 0)
        rc = hf_wal_segment_make(wal->io, wal->options.wal_dir, &header, NULL, room_bytes, &segment,
                                 err);
    if (rc == HF_ERR_NO_SPACE) {
        /* Nothing has changed, and the old segment is durable now: go on with it. */
        int back = hf_wal_shared_write_sync(wal->io, wal->options.shared_fd, &wal->id,
                                            wal->current.header.sequence, wal->reader.position,
                                            HF_WAL_IDLE, err);
        if (back == 0)
            hf_wal_note_durable(wal, wal->reader.position);
        return back != 0 ? back : rc;
    }
    wal->failed = wal->failed || rc == HF_ERR_FAILED;
    if (rc != 0)
        return rc;
    hf_wal_segment_close(wal->io, &wal->current);
    wal->current = segment;
    hf_wal_reader_init(&wal->reader, wal->io, &wal->current);
    rc = hf_wal_publish(wal, header.first, err);
    if (rc == 0)
        hf_wal_note_durable(wal, header.first);
    return rc;
}

int hf_wal_switch(struct hf_wal *wal, uint64_t room_bytes, struct hf_error *err)
{
    int rc = hf_wal_lock_sync(wal, err);

    if (rc != 0)
        return rc;
    pthread_mutex_lock(&wal->state);
    rc = switch_locked(wal, room_bytes, err);
    pthread_mutex_unlock(&wal->state);
    hf_wal_unlock_sync(wal);
    if (rc == 0)
        keep_spare(wal);
    return rc;
}
