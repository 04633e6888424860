/* tests/support/checker_publish.c - the catalog as the checker's caller sees it. */
#include "support/checker_internal.h"

#include <stdlib.h>
#include <string.h>

static void publish_entry(struct hf_checker_store *out, const struct checker_entry *entry)
{
    switch (entry->key[0]) {
    case 'N':
        out->name_count += checker_decode_name(entry, &out->names[out->name_count]);
        break;
    case 'O':
        out->object_count += checker_decode_object(entry, &out->objects[out->object_count]);
        break;
    case 'T':
        out->transaction_count +=
            checker_decode_txn(entry, &out->transactions[out->transaction_count]);
        break;
    case 'H':
        out->hold_count += checker_decode_hold(entry, &out->holds[out->hold_count]);
        break;
    case 'C':
        out->claim_count++;
        break;
    case 'S':
        out->staged_count++;
        break;
    case 'X':
        out->removal_count++;
        break;
    default:
        break;
    }
}

static size_t count_kind(const struct checker_map *map, char kind)
{
    size_t count = 0;

    for (size_t i = 0; i < map->count; i++)
        count += map->entries[i]->key[0] == (uint8_t)kind;
    return count;
}

void checker_publish(struct checker *c)
{
    struct hf_checker_store *out = c->out;
    struct checker_map *map = checker_alloc(sizeof(*map));

    /* What is decoded points into the entries, so they go along. */
    *map = c->map;
    c->map = (struct checker_map){0};
    out->memory = map;
    out->names = checker_alloc(count_kind(map, 'N') * sizeof(*out->names));
    out->objects = checker_alloc(count_kind(map, 'O') * sizeof(*out->objects));
    out->transactions = checker_alloc(count_kind(map, 'T') * sizeof(*out->transactions));
    out->holds = checker_alloc(count_kind(map, 'H') * sizeof(*out->holds));
    for (size_t i = 0; i < map->count; i++)
        publish_entry(out, map->entries[i]);
}

void hf_checker_release(struct hf_checker_store *store)
{
    size_t kept = store->violation_count < HF_CHECKER_VIOLATIONS_KEPT ? store->violation_count
                                                                      : HF_CHECKER_VIOLATIONS_KEPT;

    for (size_t i = 0; i < kept; i++)
        free(store->violations[i]);
    free(store->violations);
    for (size_t i = 0; i < store->object_count; i++)
        checker_object_release(&store->objects[i]);
    free(store->names);
    free(store->objects);
    free(store->transactions);
    free(store->holds);
    if (store->memory)
        checker_map_release(store->memory);
    free(store->memory);
    *store = (struct hf_checker_store){0};
}

const struct hf_checker_name *hf_checker_find_name(const struct hf_checker_store *store,
                                                   const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < store->name_count; i++) {
        if (store->names[i].name_len == len && memcmp(store->names[i].name, name, len) == 0)
            return &store->names[i];
    }
    return NULL;
}

const struct hf_checker_object *hf_checker_find_object(const struct hf_checker_store *store,
                                                       const struct hf_digest *digest)
{
    for (size_t i = 0; i < store->object_count; i++) {
        if (hf_digest_compare(&store->objects[i].digest, digest) == 0)
            return &store->objects[i];
    }
    return NULL;
}
