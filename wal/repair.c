/*
 * wal/repair.c - begins a damaged log anew behind its damage. Steps: FORMAT.md 3.6.
 *
 * The new segment is empty: unlike in a takeover, no record moves. What was read lives in the
 * caller's memory until its checkpoint is durable; a cut before that finds the old log as damaged
 * as it was, behind which there is one more segment, and the repair begins again.
 */
#include "wal/repair.h"

#include "base/error.h"
#include "wal/log.h"

#include <string.h>

struct repair {
    struct hf_wal *wal;
    hf_wal_gap_fn *gap;
    void *gap_arg;
};

static int hand_on(void *arg, const struct hf_wal_segment *segment,
                   const struct hf_wal_entry *entry, struct hf_error *err)
{
    struct hf_wal *wal = ((struct repair *)arg)->wal;
    struct hf_wal_record record = {
        .position = entry->frame.position,
        .end = entry->end,
        .type = entry->frame.type,
        .txn = entry->frame.txn,
        .time_ns = entry->frame.time_ns,
        .durable = entry->frame.durable,
        .is_durable = true, /* it will be, by the caller's checkpoint */
        .payload = entry->frame.payload,
        .payload_len = entry->frame.payload_len,
    };

    (void)segment;
    return wal->options.fn(wal->options.arg, &record, err);
}

static int tell_gap(void *arg, const struct hf_wal_gap *gap, struct hf_error *err)
{
    struct repair *repair = arg;

    return repair->gap(repair->gap_arg, gap, err);
}

static int scan(struct repair *repair, struct hf_wal_scanned *out, struct hf_error *err)
{
    const struct hf_wal_options *options = &repair->wal->options;
    struct hf_wal_scan_options what = {
        .io = options->io,
        .wal_dir = options->wal_dir,
        .shared_fd = options->shared_fd,
        .from = options->from,
        .must_reach = options->must_reach,
        .beyond_durable = true,
        .fn = hand_on,
        .gap = tell_gap,
        .arg = repair,
    };
    memcpy(what.uuid, options->uuid, sizeof(what.uuid));

    int rc = hf_wal_scan(&what, out, err);
    if (rc == 0 && out->records == 0 && options->from <= HF_WAL_FIRST_POSITION)
        rc = hf_fail(err, HF_ERR_CORRUPT,
                     "wal/: no record is left, and there is no checkpoint: nothing tells what the "
                     "store held");
    return rc;
}

static int begin_anew(struct hf_wal *wal, const struct hf_wal_scanned *scanned,
                      const struct hf_wal_shared *shared, struct hf_error *err)
{
    struct hf_wal_segment segment;
    struct hf_wal_header header = {
        .sequence = scanned->highest,
        .reason = HF_WAL_REASON_REPAIR,
        .first = scanned->beyond,
        .previous = scanned->beyond == scanned->end ? scanned->previous : 0,
    };
    memcpy(header.uuid, wal->options.uuid, sizeof(header.uuid));
    if (shared->sync_known && shared->durable_sequence > header.sequence)
        header.sequence = shared->durable_sequence;
    header.sequence++;

    int rc = hf_io_random(wal->io, &header.salt, sizeof(header.salt), err);
    if (rc == 0)
        rc = hf_wal_segment_make(wal->io, wal->options.wal_dir, &header, NULL, HF_WAL_BLOCK,
                                 &segment, err);
    if (rc != 0)
        return rc;
    hf_wal_segment_close(wal->io, &wal->current);
    wal->current = segment;
    hf_wal_reader_init(&wal->reader, wal->io, &wal->current);
    wal->skip_below = header.first;
    rc = hf_wal_publish(wal, header.first, err);
    if (rc == 0)
        hf_wal_note_durable(wal, header.first);
    return rc;
}

/* With append lock and sync lock. */
static int repair_locked(struct repair *repair, struct hf_error *err)
{
    struct hf_wal *wal = repair->wal;
    struct hf_wal_shared shared;
    struct hf_wal_scanned scanned;

    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc == 0)
        rc = hf_wal_mark_switching(wal, &shared, err);
    if (rc == 0)
        rc = scan(repair, &scanned, err);
    if (rc == 0)
        rc = begin_anew(wal, &scanned, &shared, err);
    wal->took_over = true;
    return rc;
}

static int repair_under_locks(struct repair *repair, struct hf_error *err)
{
    struct hf_wal *wal = repair->wal;

    int rc = hf_io_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_APPEND, 1,
                        "lock", err);
    if (rc != 0)
        return rc;
    rc = hf_wal_lock_sync(wal, err);
    if (rc == 0) {
        rc = repair_locked(repair, err);
        hf_wal_unlock_sync(wal);
    }
    hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_APPEND, 1);
    return rc;
}

int hf_wal_open_past_damage(const struct hf_wal_options *options, hf_wal_gap_fn *gap, void *gap_arg,
                            struct hf_wal **out_wal, struct hf_error *err)
{
    struct repair repair = {.gap = gap, .gap_arg = gap_arg};

    int rc = hf_wal_new(options, &repair.wal, err);
    if (rc != 0)
        return rc;
    rc = repair_under_locks(&repair, err);
    if (rc != 0) {
        hf_wal_close(repair.wal);
        return rc;
    }
    *out_wal = repair.wal;
    return 0;
}

int hf_wal_begin_segment(struct hf_wal *wal, struct hf_error *err)
{
    return hf_wal_switch(wal, HF_WAL_BLOCK, err);
}
