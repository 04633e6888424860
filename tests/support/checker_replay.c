/*
 * tests/support/checker_replay.c - applies the log to the catalog and compares it with every
 * checkpoint on the way: src/store/FORMAT.md 3 and 4.
 *
 * What always holds is looked at after every record: a reader may take its snapshot at any of them,
 * and a cut may make any of them the last.
 */
#include "support/checker_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- one record --------------------------------------------------------------------------------
 */

/* The entries that a record changed, as they were and as they are. */
struct touched {
    struct checker_entry **entries;
    size_t count;
};

static void touch(struct touched *touched, const struct checker_entry *entry)
{
    size_t len = entry ? entry->key_len + entry->value_len : 0;

    if (!entry)
        return;
    touched->entries =
        checker_grow(touched->entries, touched->count + 1, sizeof(*touched->entries));
    struct checker_entry *copy = checker_alloc(sizeof(*copy) + len);
    *copy = *entry;
    copy->value = copy->key + copy->key_len;
    memcpy(copy->key, entry->key, entry->key_len);
    if (entry->value_len)
        memcpy(copy->value, entry->value, entry->value_len);
    touched->entries[touched->count++] = copy;
}

static bool apply_change(struct checker *c, struct hf_cursor *cursor, struct touched *touched)
{
    uint8_t what = hf_cursor_u8(cursor);
    uint16_t key_len = hf_cursor_u16(cursor);
    uint32_t value_len = hf_cursor_u32(cursor);
    const uint8_t *key = hf_cursor_bytes(cursor, key_len);
    const uint8_t *value = hf_cursor_bytes(cursor, value_len);

    if (!hf_cursor_ok(cursor) || (what != 1 && what != 2) || key_len == 0 ||
        key_len > CHECKER_KEY_MAX || value_len > CHECKER_VALUE_MAX || (what == 2 && value_len != 0))
        return false;
    touch(touched, checker_map_get(&c->map, key, key_len));
    if (what == 2) {
        checker_map_delete(&c->map, key, key_len);
    } else {
        checker_map_put(&c->map, key, key_len, value, value_len);
        touch(touched, checker_map_get(&c->map, key, key_len));
    }
    return true;
}

static bool apply_payload(struct checker *c, const struct checker_record *record,
                          struct touched *touched)
{
    struct hf_cursor cursor = hf_cursor_of(record->payload, record->payload_len);
    size_t note_len = 0;

    (void)hf_cursor_blob(&cursor, &note_len);
    uint32_t count = hf_cursor_u32(&cursor);
    if (!hf_cursor_ok(&cursor) || note_len > CHECKER_NOTE_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!apply_change(c, &cursor, touched))
            return false;
    }
    return hf_cursor_done(&cursor);
}

/* Files in flight of a transaction: S and X entries that name it. */
static bool has_flight(const struct checker_map *map, uint64_t txn)
{
    struct hf_digest digest;
    uint64_t id;
    uint32_t slot, number;

    for (size_t i = checker_map_seek(map, "S", 1);
         i < map->count && checker_has_prefix(map->entries[i], "S", 1); i++) {
        if (checker_decode_staged(map->entries[i], &digest, &id, &slot, &number) && id == txn)
            return true;
    }
    for (size_t i = checker_map_seek(map, "X", 1);
         i < map->count && checker_has_prefix(map->entries[i], "X", 1); i++) {
        if (checker_decode_removal(map->entries[i], &digest, &id) && id == txn)
            return true;
    }
    return false;
}

/* What the record's type says about its transaction. */
static void check_type(struct checker *c, const struct checker_record *record)
{
    struct checker_key key = checker_txn_key(record->transaction);
    const struct checker_entry *entry = checker_map_get(&c->map, key.bytes, key.len);
    struct hf_checker_transaction txn = {.state = 0};

    if (entry && !checker_decode_txn(entry, &txn))
        return; /* complained about as malformed */
    if (record->type == CHECKER_INTENT && txn.state != CHECKER_OPEN)
        checker_complain(c, "%s: an INTENT leaves no OPEN transaction", c->where);
    if (record->type == CHECKER_COMMIT && txn.state == CHECKER_OPEN)
        checker_complain(c, "%s: a COMMIT leaves its transaction OPEN", c->where);
    if (record->type == CHECKER_COMMIT && !entry && has_flight(&c->map, record->transaction))
        checker_complain(c, "%s: a COMMIT with files to move leaves no transaction", c->where);
    if ((record->type == CHECKER_ABORT || record->type == CHECKER_DONE) && entry)
        checker_complain(c, "%s: its transaction is still there after its end", c->where);
}

static void apply(struct checker *c, const struct checker_record *record)
{
    struct touched touched = {0};

    snprintf(c->where, sizeof(c->where), "after the record at %" PRIu64, record->position);
    if (!apply_payload(c, record, &touched)) {
        checker_complain(
            c, "%s at offset %" PRIu64 ": the payload of the record at %" PRIu64 " is malformed",
            record->segment->path, checker_segment_offset(record->segment, record->position),
            record->position);
    }
    for (size_t i = 0; i < touched.count; i++) {
        checker_touch(c, &c->map, touched.entries[i]);
        free(touched.entries[i]);
    }
    free(touched.entries);
    checker_check_flight(c, &c->map);
    check_type(c, record);
}

/* --- the log against checkpoints ---------------------------------------------------------------
 */

static void compare(struct checker *c, const struct checker_checkpoint *checkpoint)
{
    const struct checker_map *a = &c->map;
    const struct checker_map *b = &checkpoint->map;
    char text[512];
    size_t i = 0, j = 0;

    while (i < a->count || j < b->count) {
        const struct checker_entry *x = i < a->count ? a->entries[i] : NULL;
        const struct checker_entry *y = j < b->count ? b->entries[j] : NULL;
        int order = !x ? 1 : !y ? -1 : checker_key_compare(x->key, x->key_len, y->key, y->key_len);
        if (order == 0 && x->value_len == y->value_len &&
            memcmp(x->value, y->value, x->value_len) == 0) {
            i++;
            j++;
            continue;
        }
        const struct checker_entry *which = order > 0 ? y : x;
        checker_complain(c, "%s: the entry %s %s", checkpoint->path,
                         checker_key_text(which->key, which->key_len, text),
                         order < 0   ? "is missing, the log has it"
                         : order > 0 ? "is there, the log does not have it"
                                     : "has another value than by the log");
        return; /* one difference is enough; the rest are its consequences */
    }
}

/* Compares the checkpoints at `position`; those the log has stepped over are no boundary. */
static size_t compare_at(struct checker *c, size_t next, uint64_t position)
{
    for (; next < c->checkpoint_count && c->checkpoints[next].position <= position; next++) {
        const struct checker_checkpoint *checkpoint = &c->checkpoints[next];
        if (checkpoint->position < position)
            checker_complain(c, "%s is not at the beginning of a record", checkpoint->path);
        else if (checkpoint->whole)
            compare(c, checkpoint);
    }
    return next;
}

/* The checkpoint that the replay begins with, NULL for the empty catalog; false: none fits. */
static bool find_base(struct checker *c, const struct checker_checkpoint **out)
{
    const struct checker_log *log = &c->log;

    *out = NULL;
    if (log->start == CHECKER_FIRST_POSITION)
        return true;
    if (c->checkpoint_count < 2 || c->checkpoints[c->checkpoint_count - 2].position < log->start)
        checker_complain(c,
                         "the log begins at %" PRIu64 ", which is not as far back as the older "
                         "checkpoint",
                         log->start);
    for (size_t i = 0; i < c->checkpoint_count; i++) {
        if (c->checkpoints[i].whole && c->checkpoints[i].position >= log->start) {
            *out = &c->checkpoints[i];
            return true;
        }
    }
    return false;
}

void checker_replay(struct checker *c)
{
    const struct checker_log *log = &c->log;
    const struct checker_checkpoint *base = NULL;
    size_t next = 0;

    if (log->start == 0)
        return;
    if (!find_base(c, &base)) {
        checker_complain(c, "no usable checkpoint lies within the log");
        return;
    }
    uint64_t from = base ? base->position : log->start;
    while (next < c->checkpoint_count && c->checkpoints[next].position < from)
        next++;
    if (base) {
        checker_map_copy(&c->map, &base->map);
        snprintf(c->where, sizeof(c->where), "%s", base->path);
        checker_check_catalog(c, &c->map);
    }
    for (size_t i = 0; i < log->record_count; i++) {
        const struct checker_record *record = &log->records[i];
        if (record->position < from)
            continue;
        next = compare_at(c, next, record->position);
        if (record->type != CHECKER_PAD && !record->is_copy)
            apply(c, record);
    }
    (void)compare_at(c, next, log->end);
    snprintf(c->where, sizeof(c->where), "at the end of the log");
    checker_check_catalog(c, &c->map);
}
