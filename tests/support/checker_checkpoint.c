/*
 * tests/support/checker_checkpoint.c - reads one checkpoint whole: src/store/FORMAT.md 4.
 *
 * The reader of a store looks up single keys; this one walks the tree from the root, so that every
 * block must be reached exactly once.
 */
#include "support/checker_internal.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_HEAD    16
#define OVERFLOW_PART (CHECKER_BLOCK - BLOCK_HEAD)
#define INLINE_MAX    1024
#define IN_OVERFLOW   0xffff
#define LEVELS_MAX    16

enum block_kind { HEADER = 1, LEAF, INDEX, OVERFLOW, FOOTER };

struct walk {
    struct checker *c;
    struct checker_checkpoint *checkpoint;
    const uint8_t *data;
    uint32_t block_count;
    uint64_t salt;
    bool *seen; /* one for each block */
    bool failed;
    /* The last key met, for the order of all leaves. */
    const uint8_t *key;
    size_t key_len;
};

struct block {
    uint8_t kind;
    uint8_t level;
    uint16_t count;
    struct hf_cursor used; /* over the bytes in use */
};

static void fail(struct walk *walk, uint32_t number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct walk *walk, uint32_t number, const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    checker_complain(walk->c, "%s: block %" PRIu32 " %s", walk->checkpoint->path, number, text);
    walk->failed = true;
}

/* A block of the wanted kind, its checksum and its unused rest checked, met for the first time. */
static bool open_block(struct walk *walk, uint32_t number, enum block_kind kind, uint64_t seed,
                       struct block *out)
{
    if (number >= walk->block_count) {
        fail(walk, number, "is beyond the end of the file");
        return false;
    }
    if (walk->seen[number]) {
        fail(walk, number, "is used twice");
        return false;
    }
    walk->seen[number] = true;

    const uint8_t *bytes = walk->data + number * CHECKER_BLOCK;
    struct hf_cursor cursor = hf_cursor_of(bytes, CHECKER_BLOCK);
    if (hf_cursor_u64(&cursor) != hf_checksum(bytes + 8, CHECKER_BLOCK - 8, seed)) {
        fail(walk, number, "does not fit its checksum");
        return false;
    }
    out->kind = hf_cursor_u8(&cursor);
    out->level = hf_cursor_u8(&cursor);
    out->count = hf_cursor_u16(&cursor);
    uint32_t used = hf_cursor_u32(&cursor);
    if (out->kind != kind) {
        fail(walk, number, "has kind %u where %u is due", out->kind, kind);
        return false;
    }
    if (used > OVERFLOW_PART) {
        fail(walk, number, "uses more bytes than it has");
        return false;
    }
    if ((kind != LEAF && kind != INDEX && out->count != 0) || (kind != INDEX && out->level != 0)) {
        fail(walk, number, "has a count or level that its kind does not have");
        return false;
    }
    out->used = hf_cursor_of(bytes + BLOCK_HEAD, used);
    cursor.off = BLOCK_HEAD + used;
    if (!hf_cursor_zeros(&cursor, OVERFLOW_PART - used)) {
        fail(walk, number, "has bytes that are not zero behind those in use");
        return false;
    }
    return true;
}

static bool has_magic(struct hf_cursor *cursor, const char *magic)
{
    const uint8_t *bytes = hf_cursor_bytes(cursor, 8);

    return bytes && memcmp(bytes, magic, 8) == 0;
}

static bool is_uuid(struct walk *walk, const uint8_t *uuid)
{
    return uuid && (!walk->c->uuid_known || memcmp(uuid, walk->c->out->uuid, 16) == 0);
}

static bool read_header(struct walk *walk, const uint8_t **out_uuid)
{
    struct block block;

    if (!open_block(walk, 0, HEADER, 0, &block))
        return false;
    struct hf_cursor *cursor = &block.used;
    bool magic = has_magic(cursor, "HFCHKPT1");
    uint32_t version = hf_cursor_u32(cursor);
    uint32_t incompatible = hf_cursor_u32(cursor);
    (void)hf_cursor_u32(cursor); /* compatible features: a reader may ignore them */
    uint32_t reserved = hf_cursor_u32(cursor);
    *out_uuid = hf_cursor_bytes(cursor, 16);
    walk->salt = hf_cursor_u64(cursor);
    uint64_t position = hf_cursor_u64(cursor);
    (void)hf_cursor_u64(cursor); /* time */
    if (!hf_cursor_done(cursor) || !magic || version != 1 || incompatible != 0 || reserved != 0)
        fail(walk, 0, "is no header of version 1");
    else if (!is_uuid(walk, *out_uuid))
        fail(walk, 0, "has another UUID than FORMAT");
    else if (position != walk->checkpoint->position)
        fail(walk, 0, "has another position than the file's name");
    return !walk->failed;
}

struct footer {
    uint64_t entries;
    uint32_t root;
    uint32_t levels;
};

static bool read_footer(struct walk *walk, const uint8_t *uuid, struct footer *out)
{
    struct block block;
    uint32_t last = walk->block_count - 1;

    if (!open_block(walk, last, FOOTER, walk->salt + last, &block))
        return false;
    struct hf_cursor *cursor = &block.used;
    bool magic = has_magic(cursor, "HFCHKEND");
    const uint8_t *footer_uuid = hf_cursor_bytes(cursor, 16);
    uint64_t position = hf_cursor_u64(cursor);
    out->entries = hf_cursor_u64(cursor);
    out->root = hf_cursor_u32(cursor);
    out->levels = hf_cursor_u32(cursor);
    uint32_t blocks = hf_cursor_u32(cursor);
    uint32_t reserved = hf_cursor_u32(cursor);
    if (!hf_cursor_done(cursor) || !magic || reserved != 0)
        fail(walk, last, "is no footer");
    else if (memcmp(footer_uuid, uuid, 16) != 0 || position != walk->checkpoint->position)
        fail(walk, last, "does not agree with the header");
    else if (blocks != walk->block_count)
        fail(walk, last, "tells another length than the file's");
    else if ((out->entries == 0) != (out->levels == 0) || (out->levels == 0) != (out->root == 0) ||
             out->levels > LEVELS_MAX)
        fail(walk, last, "has a root, levels and entries that contradict each other");
    return !walk->failed;
}

static void read_overflow(struct walk *walk, uint32_t first, uint32_t len, struct hf_buf *out)
{
    for (uint32_t number = first; len > 0; number++) {
        struct block block;
        uint32_t part = len < OVERFLOW_PART ? len : OVERFLOW_PART;

        if (!open_block(walk, number, OVERFLOW, walk->salt + number, &block))
            return;
        if (block.used.len != part) {
            fail(walk, number, "uses %zu bytes where %" PRIu32 " are due", block.used.len, part);
            return;
        }
        hf_buf_put(out, block.used.data, part);
        len -= part;
    }
}

static void read_entry(struct walk *walk, uint32_t number, struct hf_cursor *cursor)
{
    struct hf_buf large = {0};
    uint16_t key_len = hf_cursor_u16(cursor);
    uint16_t value_len = hf_cursor_u16(cursor);
    const uint8_t *key = hf_cursor_bytes(cursor, key_len);
    const uint8_t *value = NULL;
    size_t len = value_len;

    if (value_len == IN_OVERFLOW) {
        uint32_t first = hf_cursor_u32(cursor);
        uint32_t overflow_len = hf_cursor_u32(cursor);
        if (hf_cursor_ok(cursor) &&
            (overflow_len <= INLINE_MAX || overflow_len > CHECKER_VALUE_MAX))
            fail(walk, number, "has a value of %" PRIu32 " bytes in overflow", overflow_len);
        if (!hf_cursor_ok(cursor) || walk->failed)
            return;
        read_overflow(walk, first, overflow_len, &large);
        value = large.data;
        len = large.len;
    } else {
        value = hf_cursor_bytes(cursor, value_len);
        if (value_len > INLINE_MAX)
            fail(walk, number, "has a value of %u bytes in place", value_len);
    }
    if (hf_cursor_ok(cursor) && (key_len == 0 || key_len > CHECKER_KEY_MAX))
        fail(walk, number, "has a key of %u bytes", key_len);
    if (hf_cursor_ok(cursor) && !walk->failed) {
        if (walk->key && checker_key_compare(walk->key, walk->key_len, key, key_len) >= 0)
            fail(walk, number, "has a key that is not above the one before");
        walk->key = key;
        walk->key_len = key_len;
        checker_map_put(&walk->checkpoint->map, key, key_len, value, len);
    }
    hf_buf_release(&large);
}

static void read_leaf(struct walk *walk, uint32_t number)
{
    struct block block;

    if (!open_block(walk, number, LEAF, walk->salt + number, &block))
        return;
    if (block.count == 0)
        fail(walk, number, "is a leaf without entries");
    for (uint16_t i = 0; i < block.count && hf_cursor_ok(&block.used) && !walk->failed; i++)
        read_entry(walk, number, &block.used);
    if (!walk->failed && !hf_cursor_done(&block.used))
        fail(walk, number, "does not hold the entries that it counts");
}

/* The first key below block `number` must be `key` (NULL: the root may begin with any). */
static void read_node(struct walk *walk, uint32_t number, uint32_t level, const uint8_t *key,
                      size_t key_len)
{
    struct block block;
    size_t before = walk->checkpoint->map.count;

    if (level == 0) {
        read_leaf(walk, number);
    } else {
        if (!open_block(walk, number, INDEX, walk->salt + number, &block))
            return;
        if (block.level != level || block.count == 0) {
            fail(walk, number, "has level %u and %u entries at level %" PRIu32, block.level,
                 block.count, level);
            return;
        }
        for (uint16_t i = 0; i < block.count && hf_cursor_ok(&block.used) && !walk->failed; i++) {
            uint16_t child_key_len = hf_cursor_u16(&block.used);
            uint32_t child = hf_cursor_u32(&block.used);
            const uint8_t *child_key = hf_cursor_bytes(&block.used, child_key_len);
            if (hf_cursor_ok(&block.used))
                read_node(walk, child, level - 1, child_key, child_key_len);
        }
        if (!walk->failed && !hf_cursor_done(&block.used))
            fail(walk, number, "does not hold the entries that it counts");
    }
    if (walk->failed || !key)
        return;
    const struct checker_map *map = &walk->checkpoint->map;
    if (map->count <= before ||
        checker_key_compare(map->entries[before]->key, map->entries[before]->key_len, key, key_len))
        fail(walk, number, "does not begin with the key that its parent tells");
}

void checker_checkpoint_parse(struct checker *c, struct checker_checkpoint *checkpoint,
                              const uint8_t *data, size_t len)
{
    struct walk walk = {.c = c, .checkpoint = checkpoint, .data = data};
    struct footer footer = {0};
    const uint8_t *uuid = NULL;

    if (len % CHECKER_BLOCK != 0 || len < 2 * CHECKER_BLOCK) {
        checker_complain(c, "%s has %zu bytes, which is no number of blocks", checkpoint->path,
                         len);
        return;
    }
    walk.block_count = (uint32_t)(len / CHECKER_BLOCK);
    walk.seen = checker_alloc(walk.block_count * sizeof(*walk.seen));
    if (read_header(&walk, &uuid) && read_footer(&walk, uuid, &footer)) {
        checkpoint->usable = true;
        if (footer.levels > 0)
            read_node(&walk, footer.root, footer.levels - 1, NULL, 0);
        if (!walk.failed && checkpoint->map.count != footer.entries)
            fail(&walk, walk.block_count - 1, "counts %" PRIu64 " entries, there are %zu",
                 footer.entries, checkpoint->map.count);
        for (uint32_t i = 0; i < walk.block_count && !walk.failed; i++) {
            if (!walk.seen[i])
                fail(&walk, i, "is used by nothing");
        }
    }
    checkpoint->whole = !walk.failed;
    free(walk.seen);
}

int checker_checkpoints_read(struct checker *c, struct hf_error *err)
{
    struct checker_strings names = {0};

    int rc = checker_list(c, "catalog", &names, NULL, err);
    if (rc)
        goto out;
    c->checkpoints = checker_alloc((names.count + 1) * sizeof(*c->checkpoints));
    for (size_t i = 0; i < names.count; i++) {
        struct checker_checkpoint *checkpoint = &c->checkpoints[c->checkpoint_count];
        struct hf_buf bytes = {0};
        bool there = false;

        if (!checker_parse_hex16(names.items[i], ".ckpt", &checkpoint->position))
            continue; /* checker_files.c judges it */
        snprintf(checkpoint->path, sizeof(checkpoint->path), "catalog/%s", names.items[i]);
        c->checkpoint_count++;
        rc = checker_read_file(c, checkpoint->path, UINT64_C(1) << 32, &bytes, &there, err);
        if (rc)
            goto out;
        if (there)
            checker_checkpoint_parse(c, checkpoint, bytes.data, bytes.len);
        hf_buf_release(&bytes);
        /* Its name counts even when it is damaged: the log must reach that far. */
        if (c->log.known_durable < checkpoint->position)
            c->log.known_durable = checkpoint->position;
    }
out:
    checker_strings_release(&names);
    return rc;
}
