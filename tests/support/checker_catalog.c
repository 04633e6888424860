/*
 * tests/support/checker_catalog.c - what always holds: src/store/FORMAT.md 2.5, rules 1 to 6.
 *
 * Every rule is about one object or one name, so after a record only what its changes touch is
 * looked at (checker_touch). A wrong entry must be in a record that touches it.
 */
#include "support/checker_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct checker_entry *get(const struct checker_map *map, struct checker_key key)
{
    return checker_map_get(map, key.bytes, key.len);
}

static bool find_object(const struct checker_map *map, const struct hf_digest *digest,
                        struct hf_checker_object *out)
{
    const struct checker_entry *entry = get(map, checker_digest_key('O', digest));

    return entry && checker_decode_object(entry, out);
}

static bool has_name(const struct checker_map *map, const void *name, size_t name_len,
                     struct hf_checker_name *out)
{
    struct checker_key key = {.bytes = {'N'}, .len = 1 + name_len};

    memcpy(key.bytes + 1, name, name_len);
    const struct checker_entry *entry = get(map, key);
    return entry && checker_decode_name(entry, out);
}

static bool refers_to(const struct hf_checker_object *object, const struct hf_digest *digest)
{
    for (size_t i = 0; i < object->reference_count; i++) {
        if (hf_digest_compare(&object->references[i], digest) == 0)
            return true;
    }
    return false;
}

/* Is there cause for this B entry? */
static bool edge_is_true(const struct checker_map *map, const struct checker_entry *edge,
                         size_t prefix_len, const struct hf_digest *target)
{
    struct hf_cursor rest = hf_cursor_of(edge->key + prefix_len, edge->key_len - prefix_len);
    uint8_t kind = hf_cursor_u8(&rest);

    if (kind == 'N') {
        struct hf_checker_name name;
        size_t len = hf_cursor_left(&rest);
        const uint8_t *text = hf_cursor_bytes(&rest, len);
        return has_name(map, text, len, &name) && hf_digest_compare(&name.target, target) == 0;
    }
    struct hf_digest from;
    struct hf_checker_object object;
    hf_digest_decode(&rest, &from);
    if (!find_object(map, &from, &object))
        return false;
    bool is_true = refers_to(&object, target);
    checker_object_release(&object);
    return is_true;
}

/* Rules 1, 3 and 6 from the side of the target. */
static void check_edges(struct checker *c, const struct checker_map *map,
                        const struct hf_digest *digest, bool has_object)
{
    struct checker_key prefix = checker_digest_key('B', digest);
    char hex[HF_DIGEST_TEXT_MAX];
    char text[512];
    bool has_edge = false;
    bool has_any_name = false;

    for (size_t i = checker_map_seek(map, prefix.bytes, prefix.len);
         i < map->count && checker_has_prefix(map->entries[i], prefix.bytes, prefix.len); i++) {
        const struct checker_entry *edge = map->entries[i];
        if (!checker_entry_is_formed(edge))
            continue; /* complained about by itself */
        has_edge = true;
        has_any_name |= edge->key[prefix.len] == 'N';
        if (!edge_is_true(map, edge, prefix.len, digest))
            checker_complain(c, "%s: the entry %s has nothing that it stands for", c->where,
                             checker_key_text(edge->key, edge->key_len, text));
    }
    hf_digest_text(digest, hex);
    if (has_object && !has_edge)
        checker_complain(c, "%s: object %s is there and nothing refers to it", c->where, hex);
    if (!has_object && has_edge)
        checker_complain(c, "%s: %s is referred to and is no object", c->where, hex);

    struct checker_key holds = checker_digest_key('H', digest);
    size_t i = checker_map_seek(map, holds.bytes, holds.len);
    bool is_held = i < map->count && checker_has_prefix(map->entries[i], holds.bytes, holds.len);
    if (is_held && (!has_object || !has_any_name))
        checker_complain(c, "%s: there is a hold on %s, which no name points to", c->where, hex);
}

static void check_references(struct checker *c, const struct checker_map *map,
                             const struct hf_checker_object *object)
{
    struct checker_key from = checker_digest_key('O', &object->digest);
    char hex[HF_DIGEST_TEXT_MAX];
    char target_hex[HF_DIGEST_TEXT_MAX];

    hf_digest_text(&object->digest, hex);
    for (size_t i = 0; i < object->reference_count; i++) {
        const struct hf_digest *target = &object->references[i];
        hf_digest_text(target, target_hex);
        if (!get(map, checker_digest_key('O', target)))
            checker_complain(c, "%s: object %s refers to %s, which is no object", c->where, hex,
                             target_hex);
        if (!get(map, checker_edge_key(target, 'O', from.bytes + 1, from.len - 1)))
            checker_complain(c, "%s: object %s refers to %s, which has no B entry for it", c->where,
                             hex, target_hex);
    }
}

static void check_object(struct checker *c, const struct checker_map *map,
                         const struct hf_digest *digest)
{
    const struct checker_entry *entry = get(map, checker_digest_key('O', digest));
    struct hf_checker_object object;
    char hex[HF_DIGEST_TEXT_MAX];

    hf_digest_text(digest, hex);
    check_edges(c, map, digest, entry != NULL);
    if (!entry && get(map, checker_digest_key('S', digest)) &&
        !get(map, checker_digest_key('X', digest)))
        checker_complain(c, "%s: %s is staged (S), is no object and may not be removed (X)",
                         c->where, hex);
    if (entry && checker_decode_object(entry, &object)) {
        /* What is ABSENT may have bytes that have yet to leave. */
        if (object.state != CHECKER_ABSENT && get(map, checker_digest_key('X', digest)))
            checker_complain(c, "%s: %s is an object and may be removed at once (X)", c->where,
                             hex);
        check_references(c, map, &object);
        checker_object_release(&object);
    }
}

static void check_name(struct checker *c, const struct checker_map *map,
                       const struct hf_checker_name *name)
{
    const struct checker_entry *entry = get(map, checker_digest_key('O', &name->target));
    struct hf_checker_object object;
    char text[512];
    struct checker_key key = {.bytes = {'N'}, .len = 1 + name->name_len};

    memcpy(key.bytes + 1, name->name, name->name_len);
    checker_key_text(key.bytes, key.len, text);
    if (!entry) {
        checker_complain(c, "%s: the name %s points to what is no object", c->where, text);
    } else if (checker_decode_object(entry, &object)) {
        if (object.state == CHECKER_ABSENT)
            checker_complain(c, "%s: the name %s points to an ABSENT object", c->where, text);
        checker_object_release(&object);
    }
    if (!get(map, checker_edge_key(&name->target, 'N', name->name, name->name_len)))
        checker_complain(c, "%s: the name %s has no B entry at its target", c->where, text);
}

void checker_touch(struct checker *c, const struct checker_map *map,
                   const struct checker_entry *entry)
{
    struct hf_checker_object object;
    struct hf_checker_name name;
    struct hf_digest digest;
    char text[512];

    if (!checker_entry_is_formed(entry)) {
        checker_complain(c, "%s: the entry %s is malformed", c->where,
                         checker_key_text(entry->key, entry->key_len, text));
        return;
    }
    struct hf_cursor key = hf_cursor_of(entry->key + 1, entry->key_len - 1);
    switch (entry->key[0]) {
    case 'O':
        if (!checker_decode_object(entry, &object))
            return;
        check_object(c, map, &object.digest);
        for (size_t i = 0; i < object.reference_count; i++)
            check_object(c, map, &object.references[i]);
        checker_object_release(&object);
        break;
    case 'N':
        if (!checker_decode_name(entry, &name))
            return;
        check_object(c, map, &name.target);
        /* The entry may be the one that is gone: then only its old target matters. */
        if (has_name(map, name.name, name.name_len, &name))
            check_name(c, map, &name);
        break;
    case 'B':
    case 'C':
    case 'H':
    case 'S':
    case 'X':
        hf_digest_decode(&key, &digest);
        check_object(c, map, &digest);
        /* A lost B entry is seen from the other side only. */
        if (entry->key[0] == 'B' && hf_cursor_u8(&key) == 'O') {
            hf_digest_decode(&key, &digest);
            check_object(c, map, &digest);
        } else if (entry->key[0] == 'B' &&
                   has_name(map, key.data + key.off, hf_cursor_left(&key), &name)) {
            check_name(c, map, &name);
        }
        break;
    default:
        break;
    }
}

static bool find_txn(const struct checker_map *map, uint64_t id, struct hf_checker_transaction *out)
{
    const struct checker_entry *entry = get(map, checker_txn_key(id));

    return entry && checker_decode_txn(entry, out);
}

/* No two transactions share a slot. */
static void check_slots(struct checker *c, const struct checker_map *map)
{
    size_t first = checker_map_seek(map, "T", 1);

    for (size_t i = first; i < map->count && checker_has_prefix(map->entries[i], "T", 1); i++) {
        struct hf_checker_transaction txn, other;
        if (!checker_decode_txn(map->entries[i], &txn) || txn.slot == CHECKER_NO_SLOT)
            continue;
        for (size_t j = first; j < i; j++) {
            if (checker_decode_txn(map->entries[j], &other) && other.slot == txn.slot)
                checker_complain(c, "%s: transactions %" PRIu64 " and %" PRIu64 " share slot %u",
                                 c->where, other.id, txn.id, txn.slot);
        }
    }
}

void checker_check_flight(struct checker *c, const struct checker_map *map)
{
    struct hf_checker_transaction txn;
    struct hf_digest digest;
    uint64_t id;
    uint32_t slot, number;
    char hex[HF_DIGEST_TEXT_MAX];

    check_slots(c, map);
    for (size_t i = checker_map_seek(map, "S", 1);
         i < map->count && checker_has_prefix(map->entries[i], "S", 1); i++) {
        if (!checker_decode_staged(map->entries[i], &digest, &id, &slot, &number))
            continue;
        hf_digest_text(&digest, hex);
        if (!find_txn(map, id, &txn) || txn.state != CHECKER_COMMITTED)
            checker_complain(c, "%s: %s is staged (S) by %" PRIu64 ", which is not COMMITTED",
                             c->where, hex, id);
        else if (txn.slot != slot)
            checker_complain(c, "%s: %s is staged (S) in slot %u, its transaction has slot %u",
                             c->where, hex, slot, txn.slot);
    }
    for (size_t i = checker_map_seek(map, "X", 1);
         i < map->count && checker_has_prefix(map->entries[i], "X", 1); i++) {
        if (checker_decode_removal(map->entries[i], &digest, &id) && find_txn(map, id, &txn) &&
            txn.state != CHECKER_COMMITTED)
            checker_complain(c, "%s: the removal of %s (X) is by %" PRIu64 ", which is OPEN",
                             c->where, hf_digest_text(&digest, hex), id);
    }
}

/* --- reach -------------------------------------------------------------------------------------
 */

struct reach {
    const struct checker_map *map;
    bool *reached; /* by index in the map */
    struct hf_digest *todo;
    size_t todo_count, todo_capacity;
};

static void reach(struct reach *r, const struct hf_digest *digest)
{
    struct checker_key key = checker_digest_key('O', digest);
    size_t i = checker_map_seek(r->map, key.bytes, key.len);

    if (!checker_map_get(r->map, key.bytes, key.len) || r->reached[i])
        return;
    r->reached[i] = true;
    if (r->todo_count == r->todo_capacity) {
        r->todo_capacity = r->todo_capacity ? 2 * r->todo_capacity : 64;
        r->todo = checker_grow(r->todo, r->todo_capacity, sizeof(*r->todo));
    }
    r->todo[r->todo_count++] = *digest;
}

/* Rule 3 in full: a ring of objects has B entries and still no name. */
static void check_reach(struct checker *c, const struct checker_map *map)
{
    struct reach r = {.map = map, .reached = checker_alloc(map->count * sizeof(bool))};
    struct hf_checker_object object;
    struct hf_checker_name name;
    char text[512];

    for (size_t i = checker_map_seek(map, "N", 1);
         i < map->count && checker_has_prefix(map->entries[i], "N", 1); i++) {
        if (checker_decode_name(map->entries[i], &name))
            reach(&r, &name.target);
    }
    while (r.todo_count > 0) {
        struct hf_digest digest = r.todo[--r.todo_count];
        if (!find_object(map, &digest, &object))
            continue;
        for (size_t i = 0; i < object.reference_count; i++)
            reach(&r, &object.references[i]);
        checker_object_release(&object);
    }
    for (size_t i = checker_map_seek(map, "O", 1);
         i < map->count && checker_has_prefix(map->entries[i], "O", 1); i++) {
        if (!r.reached[i])
            checker_complain(
                c, "%s: no name reaches %s", c->where,
                checker_key_text(map->entries[i]->key, map->entries[i]->key_len, text));
    }
    free(r.reached);
    free(r.todo);
}

void checker_check_catalog(struct checker *c, const struct checker_map *map)
{
    struct hf_checker_name name;
    struct hf_digest digest;
    char text[512];

    for (size_t i = 0; i < map->count; i++) {
        const struct checker_entry *entry = map->entries[i];
        struct hf_cursor key = hf_cursor_of(entry->key + 1, entry->key_len - 1);
        if (!checker_entry_is_formed(entry)) {
            checker_complain(c, "%s: the entry %s is malformed", c->where,
                             checker_key_text(entry->key, entry->key_len, text));
        } else if (checker_decode_name(entry, &name)) {
            check_name(c, map, &name);
        } else if (strchr("BCHOSX", entry->key[0])) {
            hf_digest_decode(&key, &digest);
            /* Once for each object; for the others, because there is none. */
            if (entry->key[0] == 'O' || !get(map, checker_digest_key('O', &digest)))
                check_object(c, map, &digest);
        }
    }
    checker_check_flight(c, map);
    check_reach(c, map);
}
