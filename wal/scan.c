/*
 * wal/scan.c - reads a log from segment to segment and goes on past damage. Rules: FORMAT.md 2.
 * Within one segment: reader.c. Reading that stops at damage: follow.c.
 *
 * Beside writers it reads only what was durable when it began; the segments that they delete
 * meanwhile, lowest first, are passed over.
 */
#include "wal/scan.h"

#include "base/error.h"
#include "wal/shared.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More than a log ever had since its newest checkpoint. Positions are not scarce. */
#define UNKNOWN_LOG_BYTES (UINT64_C(1) << 40)

struct scan {
    const struct hf_wal_scan_options *options;
    uint64_t *numbers; /* of the segments there are, ascending */
    size_t count;
    uint64_t known_durable; /* by `shared` or a checkpoint */
    uint64_t stop_sequence; /* read no further than `stop` in this segment; 0: no such limit */
    uint64_t stop;
    uint64_t at;          /* where the next record is expected; 0: anywhere */
    uint64_t copy_from;   /* [copy_from, copy_to): where the COPY of the last COMMIT should be */
    uint64_t copy_to;     /* 0: it was there */
    struct hf_error hole; /* code set: a segment before the next one can't be read */
    struct hf_wal_scanned result;
};

static int tell_gap(struct scan *scan, uint64_t from, uint64_t to, const struct hf_error *damage,
                    struct hf_error *err)
{
    struct hf_wal_gap gap = {
        .from = from,
        .to = to > from ? to : from,
        .is_copy = scan->copy_to != 0 && from >= scan->copy_from && to <= scan->copy_to,
        .damage = *damage,
    };

    scan->copy_to = 0;
    if (!gap.is_copy)
        scan->result.previous = 0;
    return scan->options->gap(scan->options->arg, &gap, err);
}

/* --- records ---------------------------------------------------------------------------------- */

static void note_copy(struct scan *scan, const struct hf_wal_entry *entry)
{
    const struct hf_wal_frame *frame = &entry->frame;

    scan->copy_to = 0;
    if (frame->type != HF_WAL_COMMIT || entry->copy_position != 0)
        return;
    scan->copy_from = entry->end;
    scan->copy_to = hf_wal_copy_position(frame->position, frame->length) + frame->length;
}

static int hand_on(struct scan *scan, const struct hf_wal_segment *segment,
                   const struct hf_wal_entry *entry, struct hf_error *err)
{
    struct hf_error why = {0};

    if (entry->end > scan->result.end) {
        scan->result.end = entry->end;
        scan->result.previous = entry->last_checksum;
        note_copy(scan, entry);
    }
    if (entry->frame.position < scan->at)
        return 0;
    scan->at = entry->end;
    scan->result.records++;
    int rc = scan->options->fn(scan->options->arg, segment, entry, &why);
    if (rc == HF_ERR_CORRUPT)
        return tell_gap(scan, entry->frame.position, entry->end, &why, err);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

static void describe(const struct hf_wal_reader *reader, struct hf_error *out)
{
    const struct hf_wal_segment *segment = reader->segment;
    uint64_t off = hf_wal_segment_offset(&segment->header, reader->position);

    hf_fail_at(out, HF_ERR_CORRUPT, segment->name, off,
               "wal/%s: there is no valid record at offset %" PRIu64 " (position %" PRIu64
               "), though the log was durable beyond it",
               segment->name, off, reader->position);
}

/* No valid record at the reader's position, which is before `limit`. *out_more: reading goes on
 * behind the damage. */
static int judge(struct scan *scan, struct hf_wal_reader *reader, uint64_t limit, bool is_last,
                 bool *out_more, struct hf_error *err)
{
    uint64_t from = reader->position, durable = 0, torn = 0;
    struct hf_error damage;

    *out_more = false;
    int rc = hf_wal_reader_look_behind(reader, &durable, NULL, &torn, err);
    if (rc != 0)
        return rc;
    bool is_known = limit != UINT64_MAX || (is_last && scan->known_durable > from);
    if (durable <= from && !is_known) { /* the end, or that of a segment whose next is lost */
        scan->result.torn_bytes = is_last ? torn : 0;
        return 0;
    }
    describe(reader, &damage);
    rc = hf_wal_reader_skip(reader, limit, out_more, err);
    if (rc != 0)
        return rc;
    uint64_t to = limit != UINT64_MAX ? limit : scan->known_durable;
    if (*out_more)
        to = reader->position;
    /* What lies before is not wanted, or was read from another segment. */
    if (from < scan->at)
        from = scan->at;
    if (to > scan->at)
        scan->at = to;
    return tell_gap(scan, from, to, &damage, err);
}

static int scan_segment(struct scan *scan, const struct hf_wal_segment *segment, uint64_t limit,
                        bool is_last, struct hf_error *err)
{
    struct hf_wal_reader reader = {0};
    struct hf_wal_entry entry;
    bool more = true;
    int rc = 0;

    hf_wal_reader_init(&reader, scan->options->io, segment);
    reader.skips_unreadable = true;
    if (scan->result.segments++ == 0) {
        scan->result.first = segment->header.first;
        scan->result.end = segment->header.first;
    }
    while (rc == 0 && more) {
        rc = hf_wal_reader_next(&reader, limit, &entry, err);
        if (rc == 0)
            rc = hand_on(scan, segment, &entry, err);
        else if (rc == HF_END && reader.position < limit)
            rc = judge(scan, &reader, limit, is_last, &more, err);
        else if (rc == HF_END)
            more = false;
        rc = rc == HF_END ? 0 : rc;
    }
    hf_wal_reader_release(&reader);
    return rc;
}

/* --- segments --------------------------------------------------------------------------------- */

/* `number` is not there: was it deleted because it is not needed any more, or is it lost? */
static int judge_missing(struct scan *scan, uint64_t number, struct hf_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    char name[HF_WAL_NAME_MAX];

    int rc = hf_wal_segments_list(scan->options->io, scan->options->wal_dir, &numbers, &count, err);
    if (rc != 0)
        return rc;
    if (count > 0 && numbers[0] > number) {
        scan->at = 0;
    } else if (scan->hole.code == 0) {
        hf_wal_segment_name(number, name);
        hf_fail_at(&scan->hole, HF_ERR_CORRUPT, name, HF_ERROR_NO_OFFSET,
                   "wal/%s is missing, though there are older and newer segments", name);
    }
    free(numbers);
    return 0;
}

/* fd -1: it can't be read, which is noted. */
static int open_number(struct scan *scan, uint64_t number, struct hf_wal_segment *out,
                       struct hf_error *err)
{
    struct hf_error why = {0};

    out->fd = -1;
    int rc = hf_wal_segment_open(scan->options->io, scan->options->wal_dir, number,
                                 scan->options->uuid, false, out, &why);
    if (rc == HF_ERR_NOT_FOUND)
        return judge_missing(scan, number, err);
    if (hf_error_is_damage(rc, &why)) {
        if (scan->hole.code == 0)
            scan->hole = why;
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

/* What lies before a segment was not reached: say so. */
static int close_hole(struct scan *scan, uint64_t first, struct hf_error *err)
{
    struct hf_error damage = scan->hole;

    if (damage.code == 0 && (scan->at == 0 || first <= scan->at))
        return 0;
    scan->hole = (struct hf_error){0};
    if (damage.code == 0)
        hf_fail(&damage, HF_ERR_CORRUPT,
                "wal/: the log is needed from position %" PRIu64 ", but begins at %" PRIu64,
                scan->at, first);
    uint64_t from = scan->at != 0 && scan->at < first ? scan->at : first;
    int rc = tell_gap(scan, from, first, &damage, err);
    if (scan->at < first)
        scan->at = first;
    return rc;
}

/* Where a segment ends: where the next one begins, if that one can be read. */
static int find_limit(struct scan *scan, size_t index, uint64_t *out_limit, struct hf_error *err)
{
    struct hf_wal_segment next;
    struct hf_error kept = scan->hole;
    uint64_t number = scan->numbers[index];

    *out_limit = number == scan->stop_sequence ? scan->stop : UINT64_MAX;
    if (index + 1 == scan->count)
        return 0;
    int rc = open_number(scan, number + 1, &next, err);
    scan->hole = kept; /* met again when it is its turn */
    if (rc == 0 && next.fd >= 0)
        *out_limit = next.header.first;
    hf_wal_segment_close(scan->options->io, &next);
    return rc;
}

static int scan_number(struct scan *scan, size_t index, struct hf_error *err)
{
    struct hf_wal_segment segment;
    uint64_t limit = 0;

    int rc = open_number(scan, scan->numbers[index], &segment, err);
    if (rc != 0 || segment.fd < 0)
        return rc;
    if (index > 0 && scan->numbers[index] != scan->numbers[index - 1] + 1)
        rc = judge_missing(scan, scan->numbers[index] - 1, err);
    if (rc == 0)
        rc = close_hole(scan, segment.header.first, err);
    if (rc == 0)
        rc = find_limit(scan, index, &limit, err);
    if (rc == 0)
        rc = scan_segment(scan, &segment, limit, index + 1 == scan->count, err);
    hf_wal_segment_close(scan->options->io, &segment);
    return rc;
}

/* The newest segments can't be read: all positions that they may have used are skipped. */
static int close_end(struct scan *scan, struct hf_error *err)
{
    uint64_t from = scan->at != 0 ? scan->at : scan->result.end;

    scan->result.beyond = scan->result.end;
    if (scan->known_durable > scan->result.beyond)
        scan->result.beyond = scan->known_durable;
    if (scan->hole.code == 0)
        return 0;
    if (scan->count == 0)
        scan->result.beyond += UNKNOWN_LOG_BYTES;
    for (size_t i = scan->count; i > 0; i--) {
        struct hf_wal_segment segment;
        struct hf_io_stat stat;
        char name[HF_WAL_NAME_MAX];
        if (hf_wal_segment_open(scan->options->io, scan->options->wal_dir, scan->numbers[i - 1],
                                scan->options->uuid, false, &segment, NULL) == 0) {
            hf_wal_segment_close(scan->options->io, &segment);
            break;
        }
        hf_wal_segment_name(scan->numbers[i - 1], name);
        int rc = hf_io_stat_at(scan->options->io, scan->options->wal_dir, name, &stat, err);
        if (rc != 0)
            return rc;
        scan->result.beyond += stat.size_bytes + HF_WAL_BLOCK - stat.size_bytes % HF_WAL_BLOCK;
    }
    return tell_gap(scan, from, scan->result.beyond, &scan->hole, err);
}

/* The newest segment that begins at or before `from`. */
static size_t find_start(struct scan *scan)
{
    for (size_t i = scan->count; i > 0 && scan->options->from > 0; i--) {
        struct hf_wal_segment segment;
        if (hf_wal_segment_open(scan->options->io, scan->options->wal_dir, scan->numbers[i - 1],
                                scan->options->uuid, false, &segment, NULL) != 0)
            continue;
        bool found = segment.header.first <= scan->options->from;
        hf_wal_segment_close(scan->options->io, &segment);
        if (found)
            return i - 1;
    }
    return 0;
}

static int read_shared(struct scan *scan, struct hf_error *err)
{
    const struct hf_wal_scan_options *options = scan->options;
    struct hf_wal_shared_id id = {0};
    struct hf_wal_shared shared;

    memcpy(id.uuid, options->uuid, sizeof(id.uuid));
    int rc = hf_wal_shared_identify(options->io, options->shared_fd, &id, err);
    if (rc == 0)
        rc = hf_wal_shared_read(options->io, options->shared_fd, &id, &shared, err);
    if (rc != 0)
        return rc;
    scan->known_durable = options->must_reach;
    if (!shared.sync_known)
        return 0;
    if (shared.durable > scan->known_durable)
        scan->known_durable = shared.durable;
    if (!options->beyond_durable) {
        scan->stop_sequence = shared.durable_sequence;
        scan->stop = shared.durable;
    }
    return 0;
}

/* After `shared` was read: the segment it names is there, and newer ones do not concern us. */
static int list_segments(struct scan *scan, struct hf_error *err)
{
    const struct hf_wal_scan_options *options = scan->options;

    int rc = hf_wal_segments_list(options->io, options->wal_dir, &scan->numbers, &scan->count, err);
    while (scan->stop_sequence != 0 && scan->count > 0 &&
           scan->numbers[scan->count - 1] > scan->stop_sequence)
        scan->count--;
    if (rc == 0 && scan->count == 0)
        hf_fail(&scan->hole, HF_ERR_CORRUPT, "wal/: there is no log segment");
    return rc;
}

int hf_wal_scan(const struct hf_wal_scan_options *options, struct hf_wal_scanned *out,
                struct hf_error *err)
{
    struct scan scan = {.options = options, .at = options->from};

    int rc = read_shared(&scan, err);
    if (rc == 0)
        rc = list_segments(&scan, err);
    for (size_t i = rc == 0 ? find_start(&scan) : 0; rc == 0 && i < scan.count; i++)
        rc = scan_number(&scan, i, err);
    if (rc == 0)
        rc = close_end(&scan, err);
    if (rc == 0) {
        scan.result.highest = scan.count > 0 ? scan.numbers[scan.count - 1] : 0;
        *out = scan.result;
    }
    free(scan.numbers);
    return rc;
}
