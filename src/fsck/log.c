/*
 * fsck/log.c - every record of the log, both headers of every segment, every block of every
 * checkpoint. Reading past damage: wal/scan.c.
 *
 * What seems damaged is read again past the page cache, and told only if it still is: beside
 * writers a file may have been replaced or deleted, and memory fails too.
 */
#include "fsck/check.h"

#include "base/array.h"
#include "base/error.h"
#include "catalog/retention.h"
#include "wal/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place of the log that is not as it should be. */
struct spot {
    uint64_t position;
    bool still; /* so at the second look as well */
    char *path;
    char *message;
};

struct spots {
    struct spot *items;
    size_t count, capacity;
    bool is_second_look;
};

static void spots_release(struct spots *spots)
{
    for (size_t i = 0; i < spots->count; i++) {
        free(spots->items[i].path);
        free(spots->items[i].message);
    }
    free(spots->items);
}

static int note_spot(struct spots *spots, uint64_t position, const char *path, const char *message,
                     struct hf_error *err)
{
    for (size_t i = 0; i < spots->count; i++)
        if (spots->items[i].position == position && strcmp(spots->items[i].path, path) == 0)
            spots->items[i].still = true;
    if (spots->is_second_look)
        return 0;
    int rc =
        hf_array_grow(&spots->items, &spots->capacity, spots->count, sizeof(*spots->items), err);
    if (rc != 0)
        return rc;
    struct spot spot = {.position = position, .path = strdup(path), .message = strdup(message)};
    if (spot.path == NULL || spot.message == NULL) {
        free(spot.path);
        free(spot.message);
        return hf_fail_memory(err);
    }
    spots->items[spots->count++] = spot;
    return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

static int see_record(void *arg, const struct hf_wal_segment *segment,
                      const struct hf_wal_entry *entry, struct hf_error *err)
{
    char path[64], message[200];

    int rc = hf_payload_decode(entry->frame.payload, entry->frame.payload_len, NULL, NULL, NULL,
                               NULL, err);
    if (rc != 0 || !entry->frame.is_copy)
        return rc;
    (void)snprintf(path, sizeof(path), HF_DIR_WAL "/%s", segment->name);
    (void)snprintf(message, sizeof(message),
                   "the record at offset %" PRIu64 " (position %" PRIu64
                   ") is damaged; its second writing serves: nothing is lost",
                   hf_wal_segment_offset(&segment->header, entry->frame.position),
                   entry->frame.position);
    return note_spot(arg, entry->frame.position, path, message, err);
}

static int see_gap(void *arg, const struct hf_wal_gap *gap, struct hf_error *err)
{
    struct hf_buf message = {0};
    char path[300];

    hf_buf_put_text(&message, gap->damage.message);
    if (gap->is_copy)
        hf_buf_put_text(&message, "; it is the second writing of a record that is good");
    else if (gap->to > gap->from)
        hf_buf_printf(&message,
                      "; what was logged from position %" PRIu64 " to %" PRIu64 " can't be read",
                      gap->from, gap->to);
    (void)snprintf(path, sizeof(path), HF_DIR_WAL "/%s", gap->damage.file);
    const char *text = hf_buf_text(&message);
    int rc = text == NULL ? hf_fail_memory(err)
                          : note_spot(arg, gap->from,
                                      gap->damage.file[0] != '\0' ? path : HF_DIR_WAL, text, err);
    hf_buf_release(&message);
    return rc;
}

static int scan_log(struct hf_check *check, const struct hf_layout *layout, struct spots *spots,
                    struct hf_error *err)
{
    struct hf_checkpoint_list list = {0};
    struct hf_wal_scanned scanned;
    struct hf_wal_scan_options options = {
        .io = check->io,
        .wal_dir = layout->wal,
        .shared_fd = layout->shared,
        .fn = see_record,
        .gap = see_gap,
        .arg = spots,
    };
    memcpy(options.uuid, layout->uuid, sizeof(options.uuid));

    int rc = hf_checkpoint_list_read(layout, &list, err);
    if (rc == 0 && list.count > 0)
        options.must_reach = list.positions[list.count - 1];
    hf_checkpoint_list_release(&list);
    return rc == 0 ? hf_wal_scan(&options, &scanned, err) : rc;
}

/* --- headers ---------------------------------------------------------------------------------- */

static int see_headers(struct hf_check *check, const struct hf_layout *layout, uint64_t number,
                       struct spots *spots, struct hf_error *err)
{
    uint8_t bytes[HF_WAL_HEADERS];
    struct hf_wal_header first, second;
    uint32_t version = 0;
    char name[HF_WAL_NAME_MAX], path[64];
    struct hf_error why;
    size_t len = 0;
    int fd = -1;

    hf_wal_segment_name(number, name);
    int rc = hf_io_open(check->io, layout->wal, name, HF_IO_READ, 0, &fd, &why);
    if (rc == 0)
        rc = hf_io_pread(check->io, fd, bytes, sizeof(bytes), 0, &len, name, &why);
    hf_io_close(check->io, &fd);
    /* Deleted meanwhile; or the records have told of it. */
    if (rc == HF_ERR_NOT_FOUND || hf_error_is_damage(rc, &why))
        return 0;
    if (rc != 0) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    memset(bytes + len, 0, sizeof(bytes) - len);
    bool has_first = hf_wal_header_decode(bytes, &first, &version);
    bool has_second = hf_wal_header_decode(bytes + HF_WAL_BLOCK, &second, &version);
    /* With none, the records have told of it. */
    if ((has_first && has_second && memcmp(bytes, bytes + HF_WAL_BLOCK, HF_WAL_BLOCK) == 0) ||
        (!has_first && !has_second))
        return 0;
    (void)snprintf(path, sizeof(path), HF_DIR_WAL "/%s", name);
    return note_spot(spots, 0, path,
                     has_first && has_second ? "the two copies of its header differ"
                     : has_first
                         ? "the second copy of its header is damaged; the first serves: nothing is "
                           "lost"
                         : "the first copy of its header is damaged; the second serves: nothing is "
                           "lost",
                     err);
}

static int look(struct hf_check *check, const struct hf_layout *layout, struct spots *spots,
                struct hf_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;

    int rc = scan_log(check, layout, spots, err);
    if (rc == 0)
        rc = hf_wal_segments_list(check->io, layout->wal, &numbers, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = see_headers(check, layout, numbers[i], spots, err);
    free(numbers);
    return rc;
}

static void drop_cache(struct hf_io *io, int dir, const char *name)
{
    int fd = -1;

    if (hf_io_open(io, dir, name, HF_IO_READ, 0, &fd, NULL) == 0)
        hf_io_drop_cache(io, fd);
    hf_io_close(io, &fd);
}

static void drop_log_cache(struct hf_check *check, const struct hf_layout *layout)
{
    uint64_t *numbers = NULL;
    size_t count = 0;

    if (hf_wal_segments_list(check->io, layout->wal, &numbers, &count, NULL) != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        char name[HF_WAL_NAME_MAX];
        hf_wal_segment_name(numbers[i], name);
        drop_cache(check->io, layout->wal, name);
    }
    free(numbers);
}

int hf_check_log(struct hf_check *check, const struct hf_layout *layout, struct hf_error *err)
{
    struct spots spots = {0};

    int rc = look(check, layout, &spots, err);
    if (rc == 0 && spots.count > 0) {
        for (size_t i = 0; i < spots.count; i++)
            spots.items[i].still = false;
        spots.is_second_look = true;
        drop_log_cache(check, layout);
        rc = look(check, layout, &spots, err);
    }
    for (size_t i = 0; rc == 0 && i < spots.count; i++)
        if (spots.items[i].still)
            rc = hf_check_note_damage(check, HF_FINDING_LOG, spots.items[i].path,
                                      spots.items[i].message, err);
    spots_release(&spots);
    return rc;
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static int verify(struct hf_check *check, const struct hf_layout *layout, const char *name,
                  struct hf_error *why)
{
    struct hf_checkpoint *checkpoint = NULL;

    int rc = hf_checkpoint_open(check->io, layout->catalog, name, layout->uuid, &checkpoint, why);
    if (rc == 0)
        rc = hf_checkpoint_verify(checkpoint, why);
    hf_checkpoint_unref(checkpoint);
    return rc;
}

static int check_one(struct hf_check *check, const struct hf_layout *layout, uint64_t position,
                     struct hf_error *err)
{
    struct hf_error why = {0};
    char name[32], path[64];

    hf_checkpoint_name(position, name);
    int rc = verify(check, layout, name, &why);
    if (hf_error_is_damage(rc, &why)) {
        drop_cache(check->io, layout->catalog, name);
        rc = verify(check, layout, name, &why);
    }
    if (hf_error_is_damage(rc, &why)) {
        (void)snprintf(path, sizeof(path), HF_DIR_CATALOG "/%s", name);
        return hf_check_note_damage(check, HF_FINDING_CHECKPOINT, path, why.message, err);
    }
    if (rc != 0 && rc != HF_ERR_NOT_FOUND && err != NULL)
        *err = why;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc; /* a newer one took its place */
}

int hf_check_checkpoints(struct hf_check *check, const struct hf_layout *layout,
                         struct hf_error *err)
{
    struct hf_checkpoint_list list = {0};

    int rc = hf_checkpoint_list_read(layout, &list, err);
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        rc = check_one(check, layout, list.positions[i], err);
    hf_checkpoint_list_release(&list);
    return rc;
}

/* --- repair ----------------------------------------------------------------------------------- */

/* So that two checkpoints have two positions; and for those who read the log later. */
static int log_note(struct hf_check *check, struct hf_error *err)
{
    static const char note[] = "fsck\0--repair\0log and checkpoints renewed";
    struct hf_store *store = check->store;
    struct hf_payload payload = {0};
    uint64_t txn = 0, end = 0;

    int rc = hf_store_lock(store, err);
    if (rc != 0)
        return rc;
    txn = hf_wal_tail(store->wal);
    rc = hf_wal_own(store->wal, txn, err);
    if (rc == 0)
        rc = hf_store_append(store, HF_WAL_COMMIT, txn, &payload, note, sizeof(note), &end, err);
    hf_store_unlock(store);
    if (rc == 0)
        rc = hf_store_sync(store, end, err);
    hf_wal_disown(store->wal, txn);
    return rc;
}

static int begin_segment(struct hf_store *store, struct hf_error *err)
{
    int rc = hf_store_lock(store, err);

    if (rc != 0)
        return rc;
    rc = hf_wal_begin_segment(store->wal, err);
    hf_catalog_publish(&store->catalog, hf_wal_durable(store->wal));
    hf_store_unlock(store);
    return rc;
}

int hf_check_replace_damaged(struct hf_check *check, struct hf_error *err)
{
    int rc = begin_segment(check->store, err);

    if (rc == 0)
        rc = hf_store_checkpoint(check->store, err);
    if (rc == 0)
        rc = log_note(check, err);
    if (rc == 0)
        rc = hf_store_checkpoint(check->store, err);
    return rc;
}
