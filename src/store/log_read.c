/*
 * store/log_read.c - the whole log as text: what was done, and when. Reading and verifying:
 * wal/scan.c.
 */
#include <holdfast/check.h>

#include "base/error.h"
#include "catalog/describe_change.h"
#include "catalog/keys.h"
#include "catalog/layout.h"
#include "wal/scan.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    hf_log_fn *fn;
    void *arg;
    struct hf_log_summary summary;
    /* Of the current record: texts one after the other, each ended by a zero byte. */
    struct hf_buf texts;
    size_t *offsets;
    size_t count, capacity;
    const char **changes;
};

static const char *type_name(enum hf_wal_type type)
{
    switch (type) {
    case HF_WAL_INTENT:
        return "INTENT";
    case HF_WAL_COMMIT:
        return "COMMIT";
    case HF_WAL_ABORT:
        return "ABORT";
    case HF_WAL_DONE:
        return "DONE";
    case HF_WAL_CLAIM:
        return "CLAIM";
    case HF_WAL_PAD:
        return "PAD";
    }
    return "UNKNOWN";
}

static int add_change(void *arg, const struct hf_payload_change *change, struct hf_error *err)
{
    struct reading *reading = arg;

    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity == 0 ? 64 : reading->capacity * 2;
        void *offsets = reallocarray(reading->offsets, capacity, sizeof(*reading->offsets));
        if (offsets != NULL)
            reading->offsets = offsets;
        void *changes = reallocarray(reading->changes, capacity, sizeof(*reading->changes));
        if (changes != NULL)
            reading->changes = changes;
        if (offsets == NULL || changes == NULL)
            return hf_fail_memory(err);
        reading->capacity = capacity;
    }
    reading->offsets[reading->count++] = reading->texts.len;
    hf_describe_change(change, &reading->texts);
    hf_buf_put_u8(&reading->texts, 0);
    return hf_buf_check(&reading->texts, err);
}

static int read_record(void *arg, const struct hf_wal_segment *segment,
                       const struct hf_wal_entry *entry, struct hf_error *err)
{
    struct reading *reading = arg;
    const struct hf_wal_frame *frame = &entry->frame;
    const uint8_t *note = NULL;
    size_t note_len = 0;

    hf_buf_clear(&reading->texts);
    reading->count = 0;
    int rc = hf_payload_decode(frame->payload, frame->payload_len, &note, &note_len, add_change,
                               reading, err);
    size_t note_off = reading->texts.len;
    if (rc == 0) {
        hf_note_readable(note, note_len, &reading->texts);
        hf_buf_put_u8(&reading->texts, 0);
        rc = hf_buf_check(&reading->texts, err);
    }
    if (rc != 0)
        return rc;
    const char *texts = (const char *)reading->texts.data;
    for (size_t i = 0; i < reading->count; i++)
        reading->changes[i] = texts + reading->offsets[i];
    const struct hf_log_record record = {
        .segment = segment->name,
        .position = frame->position,
        .length = frame->length,
        .durable = frame->durable,
        .txn = frame->txn,
        .time_ns = frame->time_ns,
        .type = type_name(frame->type),
        .note = texts + note_off,
        .change_count = reading->count,
        .changes = reading->changes,
    };
    return reading->fn(reading->arg, &record);
}

static int read_gap(void *arg, const struct hf_wal_gap *gap, struct hf_error *err)
{
    struct reading *reading = arg;

    (void)err;
    if (!reading->summary.corrupt)
        reading->summary.damage = gap->damage;
    reading->summary.corrupt = true;
    return 0;
}

int hf_log_read(const char *root, hf_log_fn *fn, void *arg, struct hf_log_summary *out,
                struct hf_error *err)
{
    struct hf_layout layout;
    struct hf_wal_scanned scanned = {0};
    struct reading reading = {.fn = fn, .arg = arg};

    int rc = hf_layout_open(hf_io_posix(), root, true, &layout, err);
    if (rc != 0)
        return rc;
    struct hf_wal_scan_options options = {
        .io = layout.io,
        .wal_dir = layout.wal,
        .shared_fd = layout.shared,
        .fn = read_record,
        .gap = read_gap,
        .arg = &reading,
    };
    memcpy(options.uuid, layout.uuid, sizeof(options.uuid));
    rc = hf_wal_scan(&options, &scanned, err);
    if (rc == 0) {
        reading.summary.first = scanned.first;
        reading.summary.end = scanned.end;
        reading.summary.records = scanned.records;
        reading.summary.segments = scanned.segments;
        reading.summary.torn_bytes = scanned.torn_bytes;
        *out = reading.summary;
    }
    hf_buf_release(&reading.texts);
    free(reading.offsets);
    free(reading.changes);
    hf_layout_close(&layout);
    return rc;
}
