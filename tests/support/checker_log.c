/*
 * tests/support/checker_log.c - reads all segments in order: wal/FORMAT.md 1 and 2.
 *
 * A complaint here is damage, with one exception that is none: a torn tail in a store that has not
 * been recovered.
 */
#include "support/checker_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {"?", "INTENT", "COMMIT", "ABORT", "DONE", "CLAIM", "PAD"};

static void add_record(struct checker_log *log, const struct checker_record *record)
{
    if (log->record_count == log->record_capacity) {
        log->record_capacity = log->record_capacity ? 2 * log->record_capacity : 256;
        log->records = checker_grow(log->records, log->record_capacity, sizeof(*log->records));
    }
    log->records[log->record_count++] = *record;
    log->end = record->end;
}

/*
 * The COPY that stands for the record at `position`. "The next valid one" of the page is read as
 * the next that is no PAD: the PAD between a COMMIT and its COPY outlives the rot of the COMMIT.
 */
/* Behind it there are only zeros, which are no records. */
static uint64_t search_limit(const struct checker_segment *segment)
{
    return checker_segment_limit(segment) - (segment->bytes.len - segment->used);
}

static bool find_copy(const struct checker_segment *segment, uint64_t position, uint64_t limit,
                      struct checker_record *out)
{
    uint64_t end = limit < search_limit(segment) ? limit : search_limit(segment);

    for (uint64_t p = position + 8; p < end; p += 8) {
        if (!checker_record_at(segment, p, out) || out->type == CHECKER_PAD)
            continue;
        return out->is_copy && out->original == position && out->end <= limit;
    }
    return false;
}

/* Does a record behind `position` in this segment say that the log was durable beyond it? */
static bool is_called_durable(const struct checker_segment *segment, uint64_t position,
                              uint64_t *out_by)
{
    struct checker_record record;
    uint64_t limit = search_limit(segment);

    for (uint64_t p = position + 8; p < limit; p += 8) {
        if (checker_record_at(segment, p, &record) && record.durable > position) {
            *out_by = p;
            return true;
        }
    }
    return false;
}

static void judge_end(struct checker *c, const struct checker_segment *segment, uint64_t position)
{
    struct checker_log *log = &c->log;
    uint64_t by = 0;

    if (log->known_durable > position) {
        log->corrupt = true;
        checker_complain(c,
                         "%s at offset %" PRIu64 ": no valid record at position %" PRIu64
                         ", but the log was durable up to %" PRIu64,
                         segment->path, checker_segment_offset(segment, position), position,
                         log->known_durable);
    } else if (is_called_durable(segment, position, &by)) {
        log->corrupt = true;
        checker_complain(c,
                         "%s at offset %" PRIu64 ": no valid record at position %" PRIu64
                         ", but the record at %" PRIu64 " calls it durable",
                         segment->path, checker_segment_offset(segment, position), position, by);
    }
    if (c->mode != HF_CHECKER_RECOVERED)
        return;

    /* Recovery begins a new segment, so behind the last record there are still the zeros that the
     * segment was made of. */
    uint64_t off = checker_segment_offset(segment, position);
    if (segment->used > off)
        checker_complain(c, "%s at offset %" PRIu64 ": there are bytes behind the last record",
                         segment->path, off);
}

/* Records up to `limit`, where the next segment begins (`is_newest`: none does). */
static void read_records(struct checker *c, const struct checker_segment *segment, bool is_newest,
                         uint64_t limit, uint64_t *previous)
{
    struct checker_log *log = &c->log;
    uint64_t position = segment->first;
    struct checker_record record;

    while (position < limit) {
        if (!checker_record_at(segment, position, &record) || record.previous != *previous) {
            struct checker_record copy;
            if (!find_copy(segment, position, limit, &copy))
                break;
            record = copy;
            record.position = position;
            record.from_copy = true;
            record.is_copy = false;
            uint64_t by;
            if (c->mode == HF_CHECKER_RECOVERED || !is_newest || log->known_durable > position ||
                is_called_durable(segment, position, &by))
                checker_complain(c, "the COMMIT at %" PRIu64 " is damaged, only its COPY is valid",
                                 position);
        }
        if (record.end > limit) {
            log->corrupt = true;
            checker_complain(c,
                             "%s: the record at %" PRIu64
                             " reaches beyond the first position of the next segment",
                             segment->path, position);
            return;
        }
        add_record(log, &record);
        *previous = record.checksum;
        position = record.end;
    }

    if (is_newest) {
        judge_end(c, segment, position);
    } else if (position != limit) {
        log->corrupt = true;
        checker_complain(c,
                         "%s at offset %" PRIu64 ": no valid record at position %" PRIu64
                         ", though the next segment begins at %" PRIu64,
                         segment->path, checker_segment_offset(segment, position), position, limit);
    }
}

static void read_segments(struct checker *c)
{
    struct checker_log *log = &c->log;
    const struct checker_segment *segments = log->segments;
    uint64_t previous = 0;

    for (size_t i = 1; i < log->segment_count; i++) {
        if (segments[i].sequence != segments[i - 1].sequence + 1) {
            log->corrupt = true;
            checker_complain(c, "a segment is missing between %s and %s", segments[i - 1].path,
                             segments[i].path);
        }
    }
    for (size_t i = 0; i < log->segment_count && !log->corrupt; i++) {
        const struct checker_segment *segment = &segments[i];
        bool is_newest = i + 1 == log->segment_count;

        if (!segment->usable) {
            log->corrupt = true; /* complained about already */
            return;
        }
        if (i == 0) {
            log->start = segment->first;
            log->end = segment->first;
            previous = segment->previous;
            if (segment->first == CHECKER_FIRST_POSITION && previous != 0)
                checker_complain(c, "%s: nothing is before it, but `previous` is not 0",
                                 segment->path);
            if (segment->sequence == 1 && segment->first != CHECKER_FIRST_POSITION)
                checker_complain(c, "%s is the first and does not begin at 4096", segment->path);
        }
        if (previous != segment->previous)
            checker_complain(c, "%s: `previous` is not the checksum of the last record before it",
                             segment->path);
        if ((segment->reason == 1) != (segment->sequence == 1))
            checker_complain(c, "%s: reason %u does not fit its number", segment->path,
                             segment->reason);
        for (size_t j = 0; j < i; j++) {
            if (segments[j].salt == segment->salt)
                checker_complain(c, "%s has the same salt as %s", segment->path, segments[j].path);
        }

        uint64_t limit = is_newest ? checker_segment_limit(segment) : segment[1].first;
        if (!is_newest && segment[1].usable &&
            (limit < segment->first || limit > checker_segment_limit(segment))) {
            log->corrupt = true;
            checker_complain(c, "%s begins outside of the segment before it", segment[1].path);
            return;
        }
        if (!is_newest && !segment[1].usable)
            limit = checker_segment_limit(segment);
        read_records(c, segment, is_newest, limit, &previous);
    }
}

static bool is_copy_of(const struct checker_record *copy, const struct checker_record *commit)
{
    return copy->is_copy && copy->type == CHECKER_COMMIT && copy->original == commit->position &&
           copy->durable == commit->durable && copy->transaction == commit->transaction &&
           copy->time == commit->time && copy->payload_len == commit->payload_len &&
           (copy->payload_len == 0 ||
            memcmp(copy->payload, commit->payload, copy->payload_len) == 0);
}

/* After a COMMIT: one PAD unless it ends a block, then the COPY. Returns how many records that is;
 * at the torn end of a log any beginning of it will do. */
static size_t check_repetition(struct checker *c, size_t i)
{
    const struct checker_log *log = &c->log;
    const struct checker_record *commit = &log->records[i];
    uint64_t to = (commit->end + CHECKER_BLOCK - 1) / CHECKER_BLOCK * CHECKER_BLOCK;
    size_t next = i + 1;

    if (to != commit->end && to - commit->end < CHECKER_RECORD_MIN)
        to += CHECKER_BLOCK;
    if (to != commit->end && next < log->record_count && log->records[next].type == CHECKER_PAD &&
        log->records[next].end == to)
        next++;
    if (next < log->record_count && log->records[next].position == to &&
        is_copy_of(&log->records[next], commit))
        return next - i;
    bool may_be_torn = c->mode != HF_CHECKER_RECOVERED && next == log->record_count &&
                       log->known_durable <= commit->position;
    if (!may_be_torn)
        checker_complain(c, "the COMMIT at %" PRIu64 " is not repeated as it should be",
                         commit->position);
    return next - 1 - i;
}

static void check_record(struct checker *c, const struct checker_record *record)
{
    const char *type = type_names[record->type];

    if (record->original != 0 && !record->from_copy)
        checker_complain(c, "the %s at %" PRIu64 " has an original and is no COPY", type,
                         record->position);
    if (record->transaction > record->position || record->transaction % 8 != 0 ||
        record->transaction < CHECKER_FIRST_POSITION)
        checker_complain(c, "the %s at %" PRIu64 " has transaction %" PRIu64 ", which is none",
                         type, record->position, record->transaction);
    if (record->type == CHECKER_INTENT && record->transaction != record->position)
        checker_complain(
            c, "the INTENT at %" PRIu64 " is not the first record of transaction %" PRIu64,
            record->position, record->transaction);
}

static void check_sequence(struct checker *c)
{
    const struct checker_log *log = &c->log;

    for (size_t i = 0; i < log->record_count; i++) {
        const struct checker_record *record = &log->records[i];
        if (record->is_copy || record->type == CHECKER_PAD) {
            checker_complain(c, "the %s at %" PRIu64 " does not follow a COMMIT",
                             record->is_copy ? "COPY" : "PAD", record->position);
            continue;
        }
        check_record(c, record);
        if (record->type == CHECKER_COMMIT && !record->from_copy)
            i += check_repetition(c, i);
    }
}

static void check_shared(struct checker *c)
{
    const struct checker_shared *shared = &c->shared;
    const struct checker_log *log = &c->log;

    if (c->mode != HF_CHECKER_RECOVERED || log->corrupt || log->segment_count == 0)
        return;
    uint64_t newest = log->segments[log->segment_count - 1].sequence;
    if (shared->tail_known && (shared->sequence != newest || shared->tail != log->end ||
                               shared->appending != shared->tail))
        checker_complain(c,
                         "shared tells segment %" PRIu64 ", tail %" PRIu64 ", appending %" PRIu64
                         "; the log has segment %" PRIu64 " and ends at %" PRIu64,
                         shared->sequence, shared->tail, shared->appending, newest, log->end);
    if (shared->durable_known &&
        (shared->durable_sequence != newest || shared->durable != log->end || shared->state != 0))
        checker_complain(
            c,
            "shared tells segment %" PRIu64 " durable up to %" PRIu64 ", state %" PRIu64
            "; the log has segment %" PRIu64 " and ends at %" PRIu64,
            shared->durable_sequence, shared->durable, shared->state, newest, log->end);
}

int checker_log_read(struct checker *c, struct hf_error *err)
{
    struct checker_log *log = &c->log;
    struct checker_strings names = {0};

    int rc = checker_list(c, "wal", &names, NULL, err);
    if (rc)
        goto out;
    log->segments = checker_alloc((names.count + 1) * sizeof(*log->segments));
    for (size_t i = 0; i < names.count; i++) {
        struct checker_segment *segment = &log->segments[log->segment_count];
        if (!checker_parse_hex16(names.items[i], ".seg", &segment->sequence))
            continue; /* checker_files.c judges it */
        snprintf(segment->path, sizeof(segment->path), "wal/%s", names.items[i]);
        log->segment_count++;
        if (segment->sequence == 0)
            checker_complain(c, "%s: segments count from 1", segment->path);
        rc = checker_segment_read(c, segment, err);
        if (rc)
            goto out;
    }
    if (log->segment_count == 0) {
        log->corrupt = true;
        checker_complain(c, "there is no log segment");
    }
    read_segments(c);
    check_sequence(c);
    check_shared(c);
out:
    checker_strings_release(&names);
    return rc;
}

void checker_log_release(struct checker_log *log)
{
    for (size_t i = 0; i < log->segment_count; i++)
        hf_buf_release(&log->segments[i].bytes);
    free(log->segments);
    free(log->records);
    *log = (struct checker_log){0};
}
