/*
 * catalog/checkpoint_open.c - opens a checkpoint and reads its blocks, the last used from a cache.
 * Format: FORMAT.md section 4. Lookups: checkpoint_read.c.
 *
 * Always true:
 *  (1) a block in the cache was checked, checksum and entries, when it was read, and never changes;
 *  (2) the cache's lock is not held while the file is read: a slow disk holds up only who needs it.
 */
#include "base/error.h"
#include "catalog/checkpoint_file.h"
#include "catalog/key_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- blocks of the file ----------------------------------------------------------------------- */

static struct hf_checkpoint_place place_of(const struct hf_checkpoint *checkpoint, uint32_t number)
{
    return (struct hf_checkpoint_place){.file = checkpoint->file, .block = number};
}

int hf_checkpoint_read_block(struct hf_checkpoint *checkpoint, uint32_t number,
                             uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES], struct hf_error *err)
{
    size_t len;
    int rc;

    rc = hf_io_pread(checkpoint->io, checkpoint->fd, bytes, HF_CHECKPOINT_BLOCK_BYTES,
                     (uint64_t)number * HF_CHECKPOINT_BLOCK_BYTES, &len, checkpoint->file, err);
    if (rc != 0)
        return rc;
    if (len < HF_CHECKPOINT_BLOCK_BYTES)
        return hf_checkpoint_corrupt(err, place_of(checkpoint, number), len,
                                     "the file ends before it does");
    return 0;
}

int hf_checkpoint_read_framed(struct hf_checkpoint *checkpoint, uint32_t number,
                              uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES],
                              struct hf_checkpoint_frame *out, struct hf_error *err)
{
    int rc = hf_checkpoint_read_block(checkpoint, number, bytes, err);

    if (rc != 0)
        return rc;
    return hf_checkpoint_decode_frame(bytes, place_of(checkpoint, number),
                                      checkpoint->header.salt + number, out, err);
}

static int read_entries(struct hf_checkpoint *checkpoint, uint32_t number,
                        struct hf_checkpoint_block **out, struct hf_error *err)
{
    struct hf_checkpoint_block *block = malloc(sizeof(*block));
    int rc;

    if (!block)
        return hf_fail_memory(err);
    atomic_init(&block->refs, 1);
    block->number = number;
    rc = hf_checkpoint_read_framed(checkpoint, number, block->bytes, &block->frame, err);
    if (rc == 0)
        rc = hf_checkpoint_decode_entries(block, checkpoint->file, checkpoint->footer.block_count,
                                          err);
    if (rc != 0) {
        free(block);
        return rc;
    }
    *out = block;
    return 0;
}

/* --- the cache -------------------------------------------------------------------------------- */

static struct hf_checkpoint_block *block_ref(struct hf_checkpoint_block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return block;
}

void hf_checkpoint_block_put(struct hf_checkpoint_block *block)
{
    if (block && atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1)
        free(block);
}

/* NULL: not in the cache. */
static struct hf_checkpoint_block *find_cached(struct hf_checkpoint *checkpoint, uint32_t number)
{
    struct hf_checkpoint_block *found = NULL;

    pthread_mutex_lock(&checkpoint->lock);
    for (size_t i = 0; i < HF_CHECKPOINT_CACHE_BLOCKS && !found; i++) {
        struct hf_checkpoint_cached *cached = &checkpoint->cache[i];
        if (cached->block && cached->block->number == number) {
            cached->last_use = ++checkpoint->use_count;
            found = block_ref(cached->block);
        }
    }
    pthread_mutex_unlock(&checkpoint->lock);
    return found;
}

/* In place of the one that was not used for longest. Two threads may keep the same block twice,
 * which wastes a place for a while and harms nothing (1). */
static void keep_cached(struct hf_checkpoint *checkpoint, struct hf_checkpoint_block *block)
{
    struct hf_checkpoint_cached *oldest = &checkpoint->cache[0];

    pthread_mutex_lock(&checkpoint->lock);
    for (size_t i = 1; i < HF_CHECKPOINT_CACHE_BLOCKS; i++) {
        if (checkpoint->cache[i].last_use < oldest->last_use)
            oldest = &checkpoint->cache[i];
    }
    struct hf_checkpoint_block *evicted = oldest->block;
    oldest->block = block_ref(block);
    oldest->last_use = ++checkpoint->use_count;
    pthread_mutex_unlock(&checkpoint->lock);
    hf_checkpoint_block_put(evicted);
}

int hf_checkpoint_block_get(struct hf_checkpoint *checkpoint, uint32_t number, uint32_t level,
                            struct hf_checkpoint_block **out, struct hf_error *err)
{
    struct hf_checkpoint_block *block = find_cached(checkpoint, number);
    int rc;

    if (!block) { /* (2) */
        if ((rc = read_entries(checkpoint, number, &block, err)) != 0)
            return rc;
        keep_cached(checkpoint, block);
    }
    if (block->frame.level != level) {
        rc = hf_checkpoint_corrupt(err, place_of(checkpoint, number), 9,
                                   "it is of level %u where level %u belongs", block->frame.level,
                                   level);
        hf_checkpoint_block_put(block);
        return rc;
    }
    *out = block;
    return 0;
}

int hf_checkpoint_child_get(struct hf_checkpoint *checkpoint,
                            const struct hf_checkpoint_block *parent, size_t i,
                            struct hf_checkpoint_block **out, struct hf_error *err)
{
    struct hf_checkpoint_entry promised, first, last, next;
    struct hf_checkpoint_block *child;
    int rc;

    assert(parent->frame.level > 0);
    hf_checkpoint_entry_at(parent, i, &promised);
    rc = hf_checkpoint_block_get(checkpoint, promised.block, parent->frame.level - 1, &child, err);
    if (rc != 0)
        return rc;
    hf_checkpoint_entry_at(child, 0, &first);
    bool fits = hf_key_compare(first.key, first.key_len, promised.key, promised.key_len) == 0;
    if (i + 1 < parent->frame.count) {
        hf_checkpoint_entry_at(parent, i + 1, &next);
        hf_checkpoint_entry_at(child, child->frame.count - 1, &last);
        fits = fits && hf_key_compare(last.key, last.key_len, next.key, next.key_len) < 0;
    }
    if (!fits) {
        rc = hf_checkpoint_corrupt(err, place_of(checkpoint, child->number),
                                   HF_CHECKPOINT_FRAME_BYTES,
                                   "its keys are not those that block %u says", parent->number);
        hf_checkpoint_block_put(child);
        return rc;
    }
    *out = child;
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int read_header(struct hf_checkpoint *checkpoint, struct hf_error *err)
{
    uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES];
    int rc = hf_checkpoint_read_block(checkpoint, 0, bytes, err);

    if (rc != 0)
        return rc;
    return hf_checkpoint_decode_header(bytes, checkpoint->file, &checkpoint->header, err);
}

/* The file's length says where the footer is, and the footer says whether that is right. */
static int read_footer(struct hf_checkpoint *checkpoint, struct hf_error *err)
{
    uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES];
    struct hf_io_stat stat;
    int rc;

    rc = hf_io_fstat(checkpoint->io, checkpoint->fd, &stat, checkpoint->file, err);
    if (rc != 0)
        return rc;
    uint64_t block_count = stat.size_bytes / HF_CHECKPOINT_BLOCK_BYTES;
    if (stat.size_bytes % HF_CHECKPOINT_BLOCK_BYTES != 0 || block_count < 2 ||
        block_count > UINT32_MAX)
        return hf_fail_at(err, HF_ERR_CORRUPT, checkpoint->file, stat.size_bytes,
                          "checkpoint %s is damaged: it can't have %llu bytes", checkpoint->file,
                          (unsigned long long)stat.size_bytes);
    uint32_t number = (uint32_t)block_count - 1;
    if ((rc = hf_checkpoint_read_block(checkpoint, number, bytes, err)) != 0)
        return rc;
    return hf_checkpoint_decode_footer(bytes, place_of(checkpoint, number), checkpoint->header.salt,
                                       &checkpoint->footer, err);
}

static int check_identity(const struct hf_checkpoint *checkpoint, const char *name,
                          const uint8_t uuid[16], struct hf_error *err)
{
    const struct hf_checkpoint_header *header = &checkpoint->header;
    const struct hf_checkpoint_footer *footer = &checkpoint->footer;
    char right_name[32];

    if (memcmp(header->uuid, footer->uuid, sizeof(header->uuid)) != 0 ||
        header->position != footer->position)
        return hf_checkpoint_corrupt(err, place_of(checkpoint, footer->block_count - 1),
                                     HF_CHECKPOINT_FRAME_BYTES,
                                     "the footer belongs to another checkpoint");
    if (memcmp(header->uuid, uuid, sizeof(header->uuid)) != 0)
        return hf_checkpoint_corrupt(err, place_of(checkpoint, 0), HF_CHECKPOINT_FRAME_BYTES,
                                     "it belongs to another store");
    hf_checkpoint_name(header->position, right_name);
    if (strcmp(name, right_name) != 0)
        return hf_checkpoint_corrupt(err, place_of(checkpoint, 0), HF_CHECKPOINT_FRAME_BYTES,
                                     "its position makes its name %s", right_name);
    return 0;
}

static void destroy(struct hf_checkpoint *checkpoint)
{
    for (size_t i = 0; i < HF_CHECKPOINT_CACHE_BLOCKS; i++)
        hf_checkpoint_block_put(checkpoint->cache[i].block);
    hf_io_close(checkpoint->io, &checkpoint->fd);
    pthread_mutex_destroy(&checkpoint->lock);
    free(checkpoint);
}

int hf_checkpoint_open(struct hf_io *io, int catalog_dir, const char *name, const uint8_t uuid[16],
                       struct hf_checkpoint **out, struct hf_error *err)
{
    struct hf_checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    int rc;

    if (!checkpoint)
        return hf_fail_memory(err);
    if (pthread_mutex_init(&checkpoint->lock, NULL) != 0) {
        free(checkpoint);
        return hf_fail_memory(err);
    }
    atomic_init(&checkpoint->refs, 1);
    checkpoint->io = io;
    checkpoint->fd = -1;
    snprintf(checkpoint->file, sizeof(checkpoint->file), "catalog/%s", name);
    if ((rc = hf_io_open(io, catalog_dir, name, HF_IO_READ, 0, &checkpoint->fd, err)) != 0)
        goto out;
    if ((rc = read_header(checkpoint, err)) != 0)
        goto out;
    if ((rc = read_footer(checkpoint, err)) != 0)
        goto out;
    if ((rc = check_identity(checkpoint, name, uuid, err)) != 0)
        goto out;
    *out = checkpoint;
    return 0;
out:
    destroy(checkpoint);
    return rc;
}

struct hf_checkpoint *hf_checkpoint_ref(struct hf_checkpoint *checkpoint)
{
    if (checkpoint)
        atomic_fetch_add_explicit(&checkpoint->refs, 1, memory_order_relaxed);
    return checkpoint;
}

void hf_checkpoint_unref(struct hf_checkpoint *checkpoint)
{
    if (checkpoint && atomic_fetch_sub_explicit(&checkpoint->refs, 1, memory_order_acq_rel) == 1)
        destroy(checkpoint);
}

void hf_checkpoint_info(const struct hf_checkpoint *checkpoint, struct hf_checkpoint_info *out)
{
    const struct hf_checkpoint_header *header = &checkpoint->header;

    *out = (struct hf_checkpoint_info){
        .position = header->position,
        .time_ns = header->time_ns,
        .entry_count = checkpoint->footer.entry_count,
        .size_bytes = (uint64_t)checkpoint->footer.block_count * HF_CHECKPOINT_BLOCK_BYTES,
    };
    memcpy(out->uuid, header->uuid, sizeof(out->uuid));
}
