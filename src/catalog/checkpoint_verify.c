/*
 * catalog/checkpoint_verify.c - reads all of a checkpoint and says whether it is whole.
 *
 * First every block in the order of the file, so that the first bad one is named. Then the tree in
 * the order of its keys: that they ascend from leaf to leaf, and that entries and blocks are as
 * many as the footer says, so that no block is left out of the tree.
 */
#include "base/error.h"
#include "catalog/checkpoint_file.h"
#include "catalog/key_order.h"

#include <stdlib.h>
#include <string.h>

struct walk {
    struct hf_checkpoint *checkpoint;
    struct hf_buf last_key;
    struct hf_buf value; /* room for what is read and not used */
    uint64_t entry_count;
    uint64_t block_count;
};

/* --- every block ------------------------------------------------------------------------------ */

static int verify_block(struct hf_checkpoint *checkpoint, struct hf_checkpoint_block *scratch,
                        struct hf_error *err)
{
    uint32_t block_count = checkpoint->footer.block_count;
    struct hf_checkpoint_place place = {.file = checkpoint->file, .block = scratch->number};
    int rc;

    rc = hf_checkpoint_read_framed(checkpoint, scratch->number, scratch->bytes, &scratch->frame,
                                   err);
    if (rc != 0)
        return rc;
    switch (scratch->frame.kind) {
    case HF_CHECKPOINT_LEAF:
    case HF_CHECKPOINT_INDEX:
        return hf_checkpoint_decode_entries(scratch, checkpoint->file, block_count, err);
    case HF_CHECKPOINT_OVERFLOW:
        return 0;
    default:
        return hf_checkpoint_corrupt(err, place, 8, "a second header or footer");
    }
}

/* Header and footer anew: they may have rotted since it was opened. */
static int verify_ends(struct hf_checkpoint *checkpoint, struct hf_checkpoint_block *scratch,
                       struct hf_error *err)
{
    struct hf_checkpoint_place end = {.file = checkpoint->file,
                                      .block = checkpoint->footer.block_count - 1};
    struct hf_checkpoint_header header;
    struct hf_checkpoint_footer footer;
    int rc;

    if ((rc = hf_checkpoint_read_block(checkpoint, 0, scratch->bytes, err)) != 0)
        return rc;
    rc = hf_checkpoint_decode_header(scratch->bytes, checkpoint->file, &header, err);
    if (rc != 0)
        return rc;
    if ((rc = hf_checkpoint_read_block(checkpoint, end.block, scratch->bytes, err)) != 0)
        return rc;
    return hf_checkpoint_decode_footer(scratch->bytes, end, header.salt, &footer, err);
}

static int verify_blocks(struct hf_checkpoint *checkpoint, struct hf_error *err)
{
    struct hf_checkpoint_block *scratch = malloc(sizeof(*scratch));
    int rc;

    if (!scratch)
        return hf_fail_memory(err);
    rc = verify_ends(checkpoint, scratch, err);
    for (uint32_t n = 1; rc == 0 && n < checkpoint->footer.block_count - 1; n++) {
        scratch->number = n;
        rc = verify_block(checkpoint, scratch, err);
    }
    free(scratch);
    return rc;
}

/* --- the tree --------------------------------------------------------------------------------- */

/* Counted before they are read, so that no entries can make us read one value again and again. */
static int count_blocks(struct walk *walk, struct hf_checkpoint_place place, uint32_t count,
                        struct hf_error *err)
{
    walk->block_count += count;
    if (walk->block_count > walk->checkpoint->footer.block_count - 2)
        return hf_checkpoint_corrupt(err, place, HF_CHECKPOINT_FRAME_BYTES,
                                     "with it, more blocks are used than the file has");
    return 0;
}

static int verify_leaf(struct walk *walk, const struct hf_checkpoint_block *leaf,
                       struct hf_error *err)
{
    struct hf_checkpoint_place place = {.file = walk->checkpoint->file, .block = leaf->number};
    struct hf_checkpoint_entry entry;
    int rc;

    hf_checkpoint_entry_at(leaf, 0, &entry);
    if (hf_key_compare(walk->last_key.data, walk->last_key.len, entry.key, entry.key_len) >= 0)
        return hf_checkpoint_corrupt(err, place, HF_CHECKPOINT_FRAME_BYTES,
                                     "its keys do not follow those before");
    for (size_t i = 0; i < leaf->frame.count; i++) {
        hf_checkpoint_entry_at(leaf, i, &entry);
        rc = count_blocks(walk, place, hf_checkpoint_overflow_count(entry.value_len), err);
        if (rc != 0)
            return rc;
        hf_buf_clear(&walk->value);
        rc = hf_checkpoint_value_get(walk->checkpoint, &entry, &walk->value, err);
        if (rc != 0)
            return rc;
    }
    walk->entry_count += leaf->frame.count;
    hf_buf_clear(&walk->last_key);
    hf_buf_put(&walk->last_key, entry.key, entry.key_len);
    return hf_buf_check(&walk->last_key, err);
}

/* As deep as the tree has levels. */
static int verify_tree(struct walk *walk, const struct hf_checkpoint_block *block,
                       struct hf_error *err)
{
    struct hf_checkpoint_place place = {.file = walk->checkpoint->file, .block = block->number};
    int rc;

    if ((rc = count_blocks(walk, place, 1, err)) != 0)
        return rc;
    if (block->frame.level == 0)
        return verify_leaf(walk, block, err);
    for (size_t i = 0; i < block->frame.count; i++) {
        struct hf_checkpoint_block *child;

        if ((rc = hf_checkpoint_child_get(walk->checkpoint, block, i, &child, err)) != 0)
            return rc;
        rc = verify_tree(walk, child, err);
        hf_checkpoint_block_put(child);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int verify_from_root(struct walk *walk, struct hf_error *err)
{
    const struct hf_checkpoint_footer *footer = &walk->checkpoint->footer;
    struct hf_checkpoint_place place = {.file = walk->checkpoint->file,
                                        .block = footer->block_count - 1};
    struct hf_checkpoint_block *root;
    int rc;

    if (footer->level_count > 0) {
        rc = hf_checkpoint_block_get(walk->checkpoint, footer->root, footer->level_count - 1, &root,
                                     err);
        if (rc != 0)
            return rc;
        rc = verify_tree(walk, root, err);
        hf_checkpoint_block_put(root);
        if (rc != 0)
            return rc;
    }
    if (walk->entry_count != footer->entry_count)
        return hf_checkpoint_corrupt(
            err, place, HF_CHECKPOINT_FRAME_BYTES, "it says %llu entries, there are %llu",
            (unsigned long long)footer->entry_count, (unsigned long long)walk->entry_count);
    if (walk->block_count != footer->block_count - 2)
        return hf_checkpoint_corrupt(err, place, HF_CHECKPOINT_FRAME_BYTES,
                                     "of %u blocks between header and footer %llu are used",
                                     footer->block_count - 2,
                                     (unsigned long long)walk->block_count);
    return 0;
}

int hf_checkpoint_verify(struct hf_checkpoint *checkpoint, struct hf_error *err)
{
    struct walk walk = {.checkpoint = checkpoint};
    int rc;

    if ((rc = verify_blocks(checkpoint, err)) != 0)
        return rc;
    rc = verify_from_root(&walk, err);
    hf_buf_release(&walk.value);
    hf_buf_release(&walk.last_key);
    return rc;
}
