/*
 * catalog/checkpoint_read.c - looks keys up in an open checkpoint.
 * Blocks and their cache: checkpoint_open.c.
 *
 * A lookup goes down from the root once, and a seek that ends behind its leaf goes down once more,
 * from the last fork where a higher child was left aside.
 */
#include "base/error.h"
#include "catalog/checkpoint_file.h"
#include "catalog/key_order.h"

#include <string.h>

/* Where a higher child was left aside: the leaf after the one found is its lowest. */
struct fork {
    struct hf_checkpoint_block *block; /* NULL: nothing is higher */
    size_t child;
};

static int root_get(struct hf_checkpoint *checkpoint, struct hf_checkpoint_block **out,
                    struct hf_error *err)
{
    return hf_checkpoint_block_get(checkpoint, checkpoint->footer.root,
                                   checkpoint->footer.level_count - 1, out, err);
}

static bool is_empty(const struct hf_checkpoint *checkpoint)
{
    return checkpoint->footer.level_count == 0;
}

/* The leaf where `key` would be. The caller puts back both blocks. */
static int find_leaf(struct hf_checkpoint *checkpoint, const void *key, size_t key_len,
                     struct hf_checkpoint_block **out, struct fork *out_fork, struct hf_error *err)
{
    struct hf_checkpoint_block *block;
    struct fork fork = {0};
    int rc;

    if ((rc = root_get(checkpoint, &block, err)) != 0)
        return rc;
    while (block->frame.level > 0) {
        struct hf_checkpoint_block *child;
        size_t below = hf_checkpoint_entries_below(block, key, key_len, true);
        size_t i = below > 0 ? below - 1 : 0;

        rc = hf_checkpoint_child_get(checkpoint, block, i, &child, err);
        if (rc == 0 && i + 1 < block->frame.count) {
            hf_checkpoint_block_put(fork.block);
            fork = (struct fork){.block = block, .child = i + 1};
        } else {
            hf_checkpoint_block_put(block);
        }
        if (rc != 0) {
            hf_checkpoint_block_put(fork.block);
            return rc;
        }
        block = child;
    }
    *out = block;
    *out_fork = fork;
    return 0;
}

/* The lowest leaf below the child that was left aside. */
static int next_leaf(struct hf_checkpoint *checkpoint, const struct fork *fork,
                     struct hf_checkpoint_block **out, struct hf_error *err)
{
    struct hf_checkpoint_block *block;
    int rc;

    if ((rc = hf_checkpoint_child_get(checkpoint, fork->block, fork->child, &block, err)) != 0)
        return rc;
    while (block->frame.level > 0) {
        struct hf_checkpoint_block *child;

        rc = hf_checkpoint_child_get(checkpoint, block, 0, &child, err);
        hf_checkpoint_block_put(block);
        if (rc != 0)
            return rc;
        block = child;
    }
    *out = block;
    return 0;
}

static int read_overflow(struct hf_checkpoint *checkpoint, const struct hf_checkpoint_entry *entry,
                         struct hf_buf *value, struct hf_error *err)
{
    uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES];
    uint32_t count = hf_checkpoint_overflow_count(entry->value_len);
    size_t left = entry->value_len;

    for (uint32_t i = 0; i < count; i++) {
        struct hf_checkpoint_place place = {.file = checkpoint->file, .block = entry->block + i};
        size_t len = left < HF_CHECKPOINT_PAYLOAD_BYTES ? left : HF_CHECKPOINT_PAYLOAD_BYTES;
        struct hf_checkpoint_frame frame;
        int rc = hf_checkpoint_read_framed(checkpoint, place.block, bytes, &frame, err);

        if (rc != 0)
            return rc;
        if (frame.kind != HF_CHECKPOINT_OVERFLOW || frame.used_bytes != len)
            return hf_checkpoint_corrupt(err, place, 8,
                                         "it is not the part of a value it should be");
        hf_buf_put(value, bytes + HF_CHECKPOINT_FRAME_BYTES, len);
        left -= len;
    }
    return 0;
}

int hf_checkpoint_value_get(struct hf_checkpoint *checkpoint,
                            const struct hf_checkpoint_entry *entry, struct hf_buf *value,
                            struct hf_error *err)
{
    int rc;

    if (entry->value)
        hf_buf_put(value, entry->value, entry->value_len);
    else if ((rc = read_overflow(checkpoint, entry, value, err)) != 0)
        return rc;
    return hf_buf_check(value, err);
}

int hf_checkpoint_get(struct hf_checkpoint *checkpoint, const void *key, size_t key_len,
                      struct hf_buf *value, struct hf_error *err)
{
    struct hf_checkpoint_block *leaf = NULL;
    struct fork fork = {0};
    int rc;

    if (value)
        hf_buf_clear(value);
    if (is_empty(checkpoint))
        return HF_ERR_NOT_FOUND;
    if ((rc = find_leaf(checkpoint, key, key_len, &leaf, &fork, err)) != 0)
        return rc;
    size_t i = hf_checkpoint_entries_below(leaf, key, key_len, false);
    struct hf_checkpoint_entry entry;
    rc = HF_ERR_NOT_FOUND;
    if (i < leaf->frame.count) {
        hf_checkpoint_entry_at(leaf, i, &entry);
        if (hf_key_compare(entry.key, entry.key_len, key, key_len) == 0)
            rc = value ? hf_checkpoint_value_get(checkpoint, &entry, value, err) : 0;
    }
    hf_checkpoint_block_put(fork.block);
    hf_checkpoint_block_put(leaf);
    return rc;
}

/* `key` may point into out_key: that is written last. */
static int copy_out(struct hf_checkpoint *checkpoint, const struct hf_checkpoint_entry *entry,
                    struct hf_buf *out_key, struct hf_buf *value, struct hf_error *err)
{
    int rc;

    if (value) {
        hf_buf_clear(value);
        if ((rc = hf_checkpoint_value_get(checkpoint, entry, value, err)) != 0)
            return rc;
    }
    hf_buf_clear(out_key);
    hf_buf_put(out_key, entry->key, entry->key_len);
    return hf_buf_check(out_key, err);
}

int hf_checkpoint_seek(struct hf_checkpoint *checkpoint, const void *key, size_t key_len,
                       bool after, struct hf_buf *out_key, struct hf_buf *value,
                       struct hf_error *err)
{
    struct hf_checkpoint_block *leaf = NULL;
    struct hf_checkpoint_entry entry;
    struct fork fork = {0};
    int rc;

    if (is_empty(checkpoint))
        return HF_END;
    if ((rc = find_leaf(checkpoint, key, key_len, &leaf, &fork, err)) != 0)
        return rc;
    size_t i = hf_checkpoint_entries_below(leaf, key, key_len, after);
    if (i == leaf->frame.count) {
        hf_checkpoint_block_put(leaf);
        leaf = NULL;
        i = 0;
        rc = fork.block ? next_leaf(checkpoint, &fork, &leaf, err) : HF_END;
    }
    if (rc == 0) {
        hf_checkpoint_entry_at(leaf, i, &entry);
        rc = copy_out(checkpoint, &entry, out_key, value, err);
    }
    hf_checkpoint_block_put(fork.block);
    hf_checkpoint_block_put(leaf);
    return rc;
}
