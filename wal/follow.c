/*
 * wal/follow.c - reads the log on, from segment to segment, and hands records to the store.
 * Within one segment: reader.c. What is damage and what a torn tail: FORMAT.md 2.
 *
 * Always true: `fn` sees each record once and in order, though the record may be copied into a
 * newer segment after it was seen (takeover.c keeps positions): skip_below remembers how far it
 * saw.
 */
#include "wal/log.h"

#include "base/error.h"

#include <inttypes.h>

static int open_segment(struct hf_wal *wal, uint64_t sequence, struct hf_wal_segment *out,
                        struct hf_error *err)
{
    return hf_wal_segment_open(wal->io, wal->options.wal_dir, sequence, wal->options.uuid,
                               !wal->read_only, out, err);
}

static void enter_segment(struct hf_wal *wal, const struct hf_wal_segment *segment)
{
    hf_wal_segment_close(wal->io, &wal->current);
    wal->current = *segment;
    hf_wal_reader_init(&wal->reader, wal->io, &wal->current);
}

/* The newest segment that begins at or before `from`, or the lowest. */
static int find_segment(struct hf_wal *wal, uint64_t from, struct hf_wal_segment *out,
                        struct hf_error *err)
{
    uint64_t lowest = 0, highest = 0;

    int rc = hf_wal_segments_find(wal->io, wal->options.wal_dir, &lowest, &highest, err);
    if (rc == 0 && highest == 0)
        rc = hf_fail(err, HF_ERR_CORRUPT, "wal/: there is no log segment");
    if (rc != 0)
        return rc;
    for (uint64_t sequence = highest; sequence >= lowest; sequence--) {
        rc = open_segment(wal, sequence, out, err);
        /* A damaged one ends the log, when reading comes to it; what is before it is readable. */
        if (rc == HF_ERR_CORRUPT && sequence > lowest)
            continue;
        if (rc != 0 || out->header.first <= from || sequence == lowest)
            return rc;
        hf_wal_segment_close(wal->io, out);
    }
    return rc;
}

int hf_wal_seek(struct hf_wal *wal, uint64_t from, struct hf_error *err)
{
    struct hf_wal_segment segment;

    /* A store without a checkpoint reads from the very first record. */
    if (from == 0)
        from = HF_WAL_FIRST_POSITION;
    int rc = find_segment(wal, from, &segment, err);
    if (rc != 0)
        return rc; /* and the handle stands where it stood */
    if (segment.header.first > from) {
        hf_wal_segment_close(wal->io, &segment);
        return hf_fail(err, HF_ERR_CORRUPT,
                       "wal/: the log begins at position %" PRIu64 ", but is needed from %" PRIu64,
                       segment.header.first, from);
    }
    wal->counted_from = segment.header.sequence;
    enter_segment(wal, &segment);
    wal->skip_below = from;
    return 0;
}

static int hand_on(struct hf_wal *wal, const struct hf_wal_entry *entry, struct hf_error *err)
{
    if (entry->frame.position < wal->skip_below)
        return 0;
    struct hf_wal_record record = {
        .position = entry->frame.position,
        .end = entry->end,
        .type = entry->frame.type,
        .txn = entry->frame.txn,
        .time_ns = entry->frame.time_ns,
        .durable = entry->frame.durable,
        .is_durable = entry->end <= wal->durable,
        .payload = entry->frame.payload,
        .payload_len = entry->frame.payload_len,
    };
    int rc = wal->read_only ? 0 : hf_wal_note_record(wal, record.txn, record.end, err);
    if (rc == 0)
        rc = wal->options.fn(wal->options.arg, &record, err);
    if (rc == 0)
        wal->skip_below = entry->end;
    return rc;
}

/* Records of the current segment up to `limit`, or to the first that is not valid. A record that
 * `fn` refused (no memory) is the next one again: none may be left out. */
static int read_on(struct hf_wal *wal, uint64_t limit, struct hf_error *err)
{
    struct hf_wal_entry entry;
    uint64_t position = wal->reader.position, previous = wal->reader.previous;
    int rc = 0;

    while ((rc = hf_wal_reader_next(&wal->reader, limit, &entry, err)) == 0) {
        rc = hand_on(wal, &entry, err);
        if (rc != 0) {
            wal->reader.position = position;
            wal->reader.previous = previous;
            return rc;
        }
        position = wal->reader.position;
        previous = wal->reader.previous;
    }
    return rc == HF_END ? 0 : rc;
}

static int bad_record(struct hf_wal *wal, struct hf_error *err)
{
    uint64_t off = hf_wal_segment_offset(&wal->current.header, wal->reader.position);

    return hf_fail_at(err, HF_ERR_CORRUPT, wal->current.name, off,
                      "wal/%s: the record at offset %" PRIu64 " (position %" PRIu64
                      ") is damaged, though the log was durable beyond it",
                      wal->current.name, off, wal->reader.position);
}

/* The current segment up to where the next one begins, then into that one. */
static int cross(struct hf_wal *wal, struct hf_error *err)
{
    struct hf_wal_segment next;

    int rc = hf_wal_segment_open(wal->io, wal->options.wal_dir, wal->current.header.sequence + 1,
                                 wal->options.uuid, false, &next, err);
    if (rc == HF_ERR_CORRUPT) {
        /* Where this one ends is not known; what is valid in it stands in the next one too. */
        int read = read_on(wal, UINT64_MAX, err);
        return read != 0 ? read : rc;
    }
    if (rc != 0)
        return rc;
    uint64_t limit = next.header.first;
    hf_wal_segment_close(wal->io, &next);
    /* A segment gets its name only after the one before was durable up to its `first`. */
    hf_wal_note_durable(wal, limit);
    rc = read_on(wal, limit, err);
    if (rc == 0 && wal->reader.position < limit)
        rc = bad_record(wal, err);
    if (rc == 0)
        rc = open_segment(wal, wal->current.header.sequence + 1, &next, err);
    if (rc != 0)
        return rc;
    if (wal->reader.position > wal->skip_below)
        wal->skip_below = wal->reader.position;
    enter_segment(wal, &next);
    return 0;
}

int hf_wal_follow(struct hf_wal *wal, uint64_t sequence, uint64_t upto, struct hf_error *err)
{
    int rc = 0;

    hf_wal_reader_forget(&wal->reader);
    while (rc == 0 && wal->current.header.sequence < sequence)
        rc = cross(wal, err);
    if (rc == 0)
        rc = read_on(wal, upto, err);
    if (rc == 0 && wal->reader.position < upto)
        rc = bad_record(wal, err);
    return rc;
}

int hf_wal_follow_published(struct hf_wal *wal, uint64_t sequence, uint64_t upto,
                            struct hf_error *err)
{
    struct hf_error why = {0};

    int rc = hf_wal_follow(wal, sequence, upto, &why);
    if (rc == HF_ERR_CORRUPT)
        hf_wal_note_corrupt(wal, &why);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

int hf_wal_is_more_behind(struct hf_wal *wal, bool *out_more, struct hf_error *err)
{
    uint64_t lowest = 0, highest = 0;
    bool is_blank = true;

    int rc = hf_wal_segments_find(wal->io, wal->options.wal_dir, &lowest, &highest, err);
    hf_wal_reader_forget(&wal->reader);
    if (rc == 0 && highest <= wal->current.header.sequence)
        rc = hf_wal_reader_is_at_end(&wal->reader, &is_blank, err);
    *out_more = highest > wal->current.header.sequence || !is_blank;
    return rc;
}

/* The newest segment has no valid record at the reader's position. */
static int judge_end(struct hf_wal *wal, uint64_t known_durable, uint64_t *out_torn,
                     struct hf_error *err)
{
    uint64_t durable = 0;

    int rc = hf_wal_reader_look_behind(&wal->reader, &durable, NULL, out_torn, err);
    if (rc != 0)
        return rc;
    if (durable > wal->reader.position || known_durable > wal->reader.position ||
        wal->options.must_reach > wal->reader.position) {
        struct hf_error why = {0};
        bad_record(wal, &why);
        hf_wal_note_corrupt(wal, &why);
    }
    return 0;
}

int hf_wal_follow_to_end(struct hf_wal *wal, uint64_t known_durable, uint64_t *out_torn,
                         struct hf_error *err)
{
    uint64_t lowest = 0, highest = 0;

    struct hf_error why = {0};

    hf_wal_reader_forget(&wal->reader);
    int rc = hf_wal_segments_find(wal->io, wal->options.wal_dir, &lowest, &highest, err);
    if (rc != 0)
        return rc;
    while (rc == 0 && wal->current.header.sequence < highest)
        rc = cross(wal, &why);
    if (rc == 0)
        rc = read_on(wal, UINT64_MAX, &why);
    if (rc == HF_ERR_CORRUPT) { /* the log ends here, read-only */
        hf_wal_note_corrupt(wal, &why);
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = why;
    if (rc == 0)
        rc = judge_end(wal, known_durable, out_torn, err);
    if (rc == 0 && !wal->corrupt && wal->reader.position < wal->skip_below)
        rc = hf_fail(err, HF_ERR_FAILED,
                     "the log now ends at position %" PRIu64 ", before what this handle has seen; "
                     "reopen the store",
                     wal->reader.position);
    return rc;
}

void hf_wal_note_corrupt(struct hf_wal *wal, const struct hf_error *why)
{
    wal->damage = *why;
    wal->corrupt = true;
    wal->read_only = true;
}

void hf_wal_pause(struct hf_wal *wal)
{
    pthread_mutex_lock(&wal->append_mutex);
    pthread_mutex_lock(&wal->sync_mutex);
}

void hf_wal_resume(struct hf_wal *wal)
{
    pthread_mutex_unlock(&wal->sync_mutex);
    pthread_mutex_unlock(&wal->append_mutex);
}

int hf_wal_reseek(struct hf_wal *wal, uint64_t from, struct hf_error *err)
{
    pthread_mutex_lock(&wal->state);
    int rc = hf_wal_seek(wal, from, err);
    pthread_mutex_unlock(&wal->state);
    return rc;
}
