/*
 * catalog/checkpoint_entry.c - entries of the leaves and indexes of a checkpoint, to bytes and
 * back. Format: FORMAT.md section 4. The blocks around them: checkpoint_format.c.
 *
 * A block is decoded whole when it is read, once; so lookups trust its entries and compare keys
 * only.
 */
#include "base/cursor.h"
#include "catalog/checkpoint_format.h"
#include "catalog/key_order.h"

#define OVERFLOW_REF_BYTES 8 /* u32 first block, u32 length */

static bool overflows(size_t value_len)
{
    return value_len > HF_CHECKPOINT_INLINE_VALUE_MAX;
}

uint32_t hf_checkpoint_overflow_count(size_t value_len)
{
    if (!overflows(value_len))
        return 0;
    return (uint32_t)((value_len - 1) / HF_CHECKPOINT_PAYLOAD_BYTES + 1);
}

/* --- encoding --------------------------------------------------------------------------------- */

size_t hf_checkpoint_leaf_entry_bytes(size_t key_len, size_t value_len)
{
    return HF_CHECKPOINT_LEAF_ENTRY_BYTES(key_len,
                                          overflows(value_len) ? OVERFLOW_REF_BYTES : value_len);
}

void hf_checkpoint_encode_leaf_entry(struct hf_buf *payload,
                                     const struct hf_checkpoint_entry *entry)
{
    assert(entry->key_len > 0 && entry->key_len <= HF_CHECKPOINT_KEY_MAX);
    assert(entry->value_len <= HF_CHECKPOINT_VALUE_MAX);
    assert(overflows(entry->value_len) == (entry->block > 0));
    hf_buf_put_u16(payload, (uint16_t)entry->key_len);
    if (overflows(entry->value_len)) {
        hf_buf_put_u16(payload, HF_CHECKPOINT_VALUE_OVERFLOWS);
        hf_buf_put(payload, entry->key, entry->key_len);
        hf_buf_put_u32(payload, entry->block);
        hf_buf_put_u32(payload, (uint32_t)entry->value_len);
    } else {
        hf_buf_put_u16(payload, (uint16_t)entry->value_len);
        hf_buf_put(payload, entry->key, entry->key_len);
        hf_buf_put(payload, entry->value, entry->value_len);
    }
}

void hf_checkpoint_encode_index_entry(struct hf_buf *payload, const void *key, size_t key_len,
                                      uint32_t child)
{
    assert(key_len > 0 && key_len <= HF_CHECKPOINT_KEY_MAX);
    assert(child > 0);
    hf_buf_put_u16(payload, (uint16_t)key_len);
    hf_buf_put_u32(payload, child);
    hf_buf_put(payload, key, key_len);
}

/* --- decoding --------------------------------------------------------------------------------- */

static void decode_leaf_entry(struct hf_cursor *cursor, struct hf_checkpoint_entry *out)
{
    struct hf_checkpoint_entry entry = {0};

    entry.key_len = hf_cursor_u16(cursor);
    entry.value_len = hf_cursor_u16(cursor);
    entry.key = hf_cursor_bytes(cursor, entry.key_len);
    if (entry.value_len == HF_CHECKPOINT_VALUE_OVERFLOWS) {
        entry.block = hf_cursor_u32(cursor);
        entry.value_len = hf_cursor_u32(cursor);
    } else {
        entry.value = hf_cursor_bytes(cursor, entry.value_len);
    }
    *out = entry;
}

static void decode_index_entry(struct hf_cursor *cursor, struct hf_checkpoint_entry *out)
{
    struct hf_checkpoint_entry entry = {0};

    entry.key_len = hf_cursor_u16(cursor);
    entry.block = hf_cursor_u32(cursor);
    entry.key = hf_cursor_bytes(cursor, entry.key_len);
    *out = entry;
}

static void decode_entry(struct hf_cursor *cursor, bool is_leaf, struct hf_checkpoint_entry *out)
{
    if (is_leaf)
        decode_leaf_entry(cursor, out);
    else
        decode_index_entry(cursor, out);
}

/* Blocks [first, first + count) all lie between header and footer. */
static bool are_inside(uint32_t first, uint32_t count, uint32_t block_count)
{
    uint32_t footer = block_count - 1;

    return first > 0 && first < footer && count <= footer - first;
}

/* What is wrong with an entry by itself; NULL for nothing. */
static const char *fault_of(const struct hf_checkpoint_entry *entry, bool is_leaf,
                            uint32_t block_count)
{
    if (entry->key_len == 0 || entry->key_len > HF_CHECKPOINT_KEY_MAX)
        return "a key's length is out of bounds";
    if (!is_leaf)
        return are_inside(entry->block, 1, block_count) ? NULL : "its child is outside the file";
    if (entry->value_len > HF_CHECKPOINT_VALUE_MAX)
        return "a value is too long";
    /* A short value in overflow blocks and a long one here are both no encoding of ours. */
    if (overflows(entry->value_len) != (entry->value == NULL))
        return "a value is in the wrong place for its length";
    if (!entry->value &&
        !are_inside(entry->block, hf_checkpoint_overflow_count(entry->value_len), block_count))
        return "a value is outside the file";
    return NULL;
}

int hf_checkpoint_decode_entries(struct hf_checkpoint_block *block, const char *file,
                                 uint32_t block_count, struct hf_error *err)
{
    struct hf_checkpoint_place place = {.file = file, .block = block->number};
    struct hf_cursor cursor =
        hf_cursor_of(block->bytes, HF_CHECKPOINT_FRAME_BYTES + block->frame.used_bytes);
    bool is_leaf = block->frame.kind == HF_CHECKPOINT_LEAF;
    struct hf_checkpoint_entry last = {0};

    if (!is_leaf && block->frame.kind != HF_CHECKPOINT_INDEX)
        return hf_checkpoint_corrupt(err, place, 8, "it is neither leaf nor index");
    if (block->frame.count > HF_CHECKPOINT_ENTRIES_MAX)
        return hf_checkpoint_corrupt(err, place, 10, "it can't have %u entries",
                                     block->frame.count);
    hf_cursor_bytes(&cursor, HF_CHECKPOINT_FRAME_BYTES);
    for (size_t i = 0; i < block->frame.count; i++) {
        struct hf_checkpoint_entry entry;
        size_t off = cursor.off;

        decode_entry(&cursor, is_leaf, &entry);
        if (!hf_cursor_ok(&cursor))
            return hf_checkpoint_corrupt(err, place, off, "an entry goes past its end");
        const char *fault = fault_of(&entry, is_leaf, block_count);
        if (fault)
            return hf_checkpoint_corrupt(err, place, off, "%s", fault);
        if (hf_key_compare(last.key, last.key_len, entry.key, entry.key_len) >= 0)
            return hf_checkpoint_corrupt(err, place, off, "its entries are not in order");
        block->entry_off[i] = (uint16_t)off;
        last = entry;
    }
    if (!hf_cursor_done(&cursor))
        return hf_checkpoint_corrupt(err, place, cursor.off, "it has more than %u entries",
                                     block->frame.count);
    return 0;
}

void hf_checkpoint_entry_at(const struct hf_checkpoint_block *block, size_t i,
                            struct hf_checkpoint_entry *out)
{
    assert(i < block->frame.count);
    size_t off = block->entry_off[i];
    struct hf_cursor cursor = hf_cursor_of(block->bytes + off, HF_CHECKPOINT_BLOCK_BYTES - off);

    decode_entry(&cursor, block->frame.kind == HF_CHECKPOINT_LEAF, out);
    assert(hf_cursor_ok(&cursor));
}

size_t hf_checkpoint_entries_below(const struct hf_checkpoint_block *block, const void *key,
                                   size_t key_len, bool or_equal)
{
    size_t low = 0;
    size_t high = block->frame.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct hf_checkpoint_entry entry;

        hf_checkpoint_entry_at(block, middle, &entry);
        int order = hf_key_compare(entry.key, entry.key_len, key, key_len);
        if (or_equal ? order <= 0 : order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
