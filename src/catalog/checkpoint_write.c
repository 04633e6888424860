/*
 * catalog/checkpoint_write.c - writes a checkpoint in one pass and makes it durable.
 * Format: FORMAT.md section 4. Reading: checkpoint_open.c, checkpoint_read.c.
 *
 * The tree grows from below. Every level has one block in the making; when it is full it is
 * written, and its first key with its number goes into the block of the level above. So the memory
 * needed is one block a level and one batch, however many entries there are.
 *
 * Always true:
 *  (1) blocks are written in the order of their numbers, from 0, each once;
 *  (2) a block is written after every block it points to;
 *  (3) nothing has the checkpoint's name before all its bytes were synced.
 */
#include "catalog/checkpoint.h"

#include "base/error.h"
#include "catalog/checkpoint_format.h"
#include "catalog/key_order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NEW_NAME    "new"
#define NEW_SHOWN   "catalog/new"
#define FILE_MODE   0644
#define BATCH_BYTES 65536
#define LEVEL_COUNT (HF_CHECKPOINT_LEVELS_MAX + 1) /* one above the highest root, never written */

static_assert(BATCH_BYTES % HF_CHECKPOINT_BLOCK_BYTES == 0, "a batch is whole blocks");

/* The block in the making of one level. */
struct level {
    struct hf_buf payload;
    struct hf_buf first_key;
    uint16_t count;
    uint32_t last_child; /* index */
    bool has_written;    /* a block of this level is in the file */
};

struct writer {
    struct hf_io *io;
    int fd;
    uint64_t salt;
    struct hf_buf batch;
    uint32_t block_count; /* blocks so far: the number of the next one (1) */
    uint64_t entry_count;
    struct hf_buf last_key;
    struct level levels[LEVEL_COUNT];
};

void hf_checkpoint_name(uint64_t position, char name[32])
{
    snprintf(name, 32, "%016" PRIx64 ".ckpt", position);
}

static void release(struct writer *w)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        hf_buf_release(&w->levels[i].payload);
        hf_buf_release(&w->levels[i].first_key);
    }
    hf_buf_release(&w->last_key);
    hf_buf_release(&w->batch);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static int write_batch(struct writer *w, struct hf_error *err)
{
    int rc;

    if ((rc = hf_buf_check(&w->batch, err)) != 0)
        return rc;
    if ((rc = hf_io_write(w->io, w->fd, w->batch.data, w->batch.len, NEW_SHOWN, err)) != 0)
        return rc;
    hf_buf_clear(&w->batch);
    return 0;
}

static int write_block(struct writer *w, struct hf_checkpoint_frame frame, const void *payload,
                       size_t len, struct hf_error *err)
{
    if (w->block_count == UINT32_MAX - 1) /* one is left for the footer */
        return hf_fail(err, HF_ERR_LIMIT, "the catalog is too large for a checkpoint");
    hf_checkpoint_encode_block(&w->batch, frame, payload, len, w->salt + w->block_count);
    w->block_count++;
    if (w->batch.len >= BATCH_BYTES || w->batch.failed)
        return write_batch(w, err);
    return 0;
}

/* --- levels ----------------------------------------------------------------------------------- */

static int add_to_index(struct writer *w, uint8_t level_no, const void *key, size_t key_len,
                        uint32_t child, struct hf_error *err);

/* Write the block in the making of a level, and point to it from the level above. */
static int end_block(struct writer *w, uint8_t level_no, struct hf_error *err)
{
    struct level *level = &w->levels[level_no];
    struct hf_checkpoint_frame frame = {
        .kind = level_no == 0 ? HF_CHECKPOINT_LEAF : HF_CHECKPOINT_INDEX,
        .level = level_no,
        .count = level->count,
    };
    uint32_t number = w->block_count;
    int rc;

    assert(level->count > 0);
    if ((rc = hf_buf_check(&level->payload, err)) != 0 ||
        (rc = hf_buf_check(&level->first_key, err)) != 0)
        return rc;
    if ((rc = write_block(w, frame, level->payload.data, level->payload.len, err)) != 0)
        return rc;
    rc = add_to_index(w, (uint8_t)(level_no + 1), level->first_key.data, level->first_key.len,
                      number, err);
    hf_buf_clear(&level->payload);
    hf_buf_clear(&level->first_key);
    level->count = 0;
    level->has_written = true;
    return rc;
}

/* Room for an entry of `len` bytes with this key in the block in the making. */
static int make_room(struct writer *w, uint8_t level_no, const void *key, size_t key_len,
                     size_t len, struct hf_error *err)
{
    struct level *level = &w->levels[level_no];
    int rc;

    if (level->payload.len + len > HF_CHECKPOINT_PAYLOAD_BYTES &&
        (rc = end_block(w, level_no, err)) != 0)
        return rc;
    if (level->count == 0)
        hf_buf_put(&level->first_key, key, key_len);
    level->count++;
    return 0;
}

static int add_to_index(struct writer *w, uint8_t level_no, const void *key, size_t key_len,
                        uint32_t child, struct hf_error *err)
{
    int rc;

    assert(level_no < LEVEL_COUNT);
    rc = make_room(w, level_no, key, key_len, HF_CHECKPOINT_INDEX_ENTRY_BYTES(key_len), err);
    if (rc != 0)
        return rc;
    hf_checkpoint_encode_index_entry(&w->levels[level_no].payload, key, key_len, child);
    w->levels[level_no].last_child = child;
    return 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

static int write_overflow(struct writer *w, const uint8_t *value, size_t value_len,
                          struct hf_error *err)
{
    struct hf_checkpoint_frame frame = {.kind = HF_CHECKPOINT_OVERFLOW};

    for (size_t off = 0; off < value_len; off += HF_CHECKPOINT_PAYLOAD_BYTES) {
        size_t left = value_len - off;
        size_t len = left < HF_CHECKPOINT_PAYLOAD_BYTES ? left : HF_CHECKPOINT_PAYLOAD_BYTES;
        int rc = write_block(w, frame, value + off, len, err);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int add_entry(struct writer *w, struct hf_checkpoint_entry *entry, struct hf_error *err)
{
    int rc;

    assert(hf_key_compare(w->last_key.data, w->last_key.len, entry->key, entry->key_len) < 0);
    hf_buf_clear(&w->last_key);
    hf_buf_put(&w->last_key, entry->key, entry->key_len);
    if ((rc = hf_buf_check(&w->last_key, err)) != 0)
        return rc;
    if (hf_checkpoint_overflow_count(entry->value_len) > 0) {
        entry->block = w->block_count; /* (2) */
        if ((rc = write_overflow(w, entry->value, entry->value_len, err)) != 0)
            return rc;
    }
    rc = make_room(w, 0, entry->key, entry->key_len,
                   hf_checkpoint_leaf_entry_bytes(entry->key_len, entry->value_len), err);
    if (rc != 0)
        return rc;
    hf_checkpoint_encode_leaf_entry(&w->levels[0].payload, entry);
    w->entry_count++;
    return 0;
}

static int add_entries(struct writer *w, hf_checkpoint_source_fn *source, void *arg,
                       struct hf_error *err)
{
    for (;;) {
        struct hf_checkpoint_entry entry = {0};
        int rc = source(arg, &entry.key, &entry.key_len, &entry.value, &entry.value_len, err);

        if (rc != 0)
            return rc == HF_END ? 0 : rc;
        if ((rc = add_entry(w, &entry, err)) != 0)
            return rc;
    }
}

/* Write what is in the making, from below, up to the level that needs one block only: the root. */
static int end_levels(struct writer *w, uint32_t *out_root, uint32_t *out_level_count,
                      struct hf_error *err)
{
    uint8_t level_no = 0;
    int rc;

    if (w->entry_count == 0) {
        *out_root = 0;
        *out_level_count = 0;
        return 0;
    }
    do {
        if ((rc = end_block(w, level_no, err)) != 0)
            return rc;
        level_no++;
    } while (w->levels[level_no].count > 1 || w->levels[level_no].has_written);
    *out_root = w->levels[level_no].last_child;
    *out_level_count = level_no;
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static int write_file(struct writer *w, const struct hf_checkpoint_header *header,
                      hf_checkpoint_source_fn *source, void *arg, struct hf_error *err)
{
    struct hf_checkpoint_footer footer = {.position = header->position};
    int rc;

    memcpy(footer.uuid, header->uuid, sizeof(footer.uuid));
    hf_checkpoint_encode_header(&w->batch, header);
    w->block_count = 1;
    if ((rc = add_entries(w, source, arg, err)) != 0)
        return rc;
    if ((rc = end_levels(w, &footer.root, &footer.level_count, err)) != 0)
        return rc;
    footer.entry_count = w->entry_count;
    footer.block_count = w->block_count + 1;
    hf_checkpoint_encode_footer(&w->batch, &footer, w->salt);
    return write_batch(w, err);
}

static int is_there(struct hf_io *io, int catalog_dir, const char *name, bool *out_is_there,
                    struct hf_error *err)
{
    struct hf_io_stat stat;
    struct hf_error why;
    int rc = hf_io_stat_at(io, catalog_dir, name, &stat, &why);

    if (rc != 0 && rc != HF_ERR_NOT_FOUND) {
        if (err)
            *err = why;
        return rc;
    }
    *out_is_there = rc == 0;
    return 0;
}

/* Take back what a failed write made. Failing too is no news: recovery removes `new`, and under its
 * own name the file is whole. */
static void take_back(struct hf_io *io, int catalog_dir, const char *made)
{
    int rc = hf_io_unlink(io, catalog_dir, made, NULL);

    (void)rc;
}

int hf_checkpoint_write(struct hf_io *io, int catalog_dir, const uint8_t uuid[16],
                        uint64_t position, hf_checkpoint_source_fn *source, void *arg,
                        struct hf_error *err)
{
    struct writer w = {.io = io, .fd = -1};
    struct hf_checkpoint_header header = {.position = position, .time_ns = hf_io_now_ns(io)};
    const char *made = NULL; /* to take back on failure */
    char name[32];
    bool replaces;
    int rc;

    hf_checkpoint_name(position, name);
    memcpy(header.uuid, uuid, sizeof(header.uuid));
    if ((rc = hf_io_random(io, &header.salt, sizeof(header.salt), err)) != 0)
        goto out;
    w.salt = header.salt;
    if ((rc = is_there(io, catalog_dir, name, &replaces, err)) != 0)
        goto out;
    rc = hf_io_create(io, catalog_dir, NEW_NAME, FILE_MODE, &w.fd, err);
    if (rc != 0)
        goto out;
    made = NEW_NAME;
    if ((rc = write_file(&w, &header, source, arg, err)) != 0)
        goto out;
    if ((rc = hf_io_fsync(io, w.fd, NEW_SHOWN, err)) != 0) /* (3) */
        goto out;
    if ((rc = hf_io_close_checked(io, &w.fd, NEW_SHOWN, err)) != 0)
        goto out;
    if ((rc = hf_io_rename(io, catalog_dir, NEW_NAME, catalog_dir, name, err)) != 0)
        goto out;
    /* Over another one of this position it stays: its removal would leave neither. */
    made = replaces ? NULL : name;
    rc = hf_io_sync_dir(io, catalog_dir, ".", err);
out:
    hf_io_close(io, &w.fd);
    if (rc != 0 && made)
        take_back(io, catalog_dir, made);
    release(&w);
    return rc;
}
