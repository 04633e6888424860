/* base/digest_map.c - from a digest to a number: open addressing; a digest is its own hash. */
#include "base/digest_map.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

void hf_digest_map_release(struct hf_digest_map *map)
{
    free(map->slots);
    *map = (struct hf_digest_map){0};
}

static size_t find(const struct hf_digest_map *map, const struct hf_digest *digest)
{
    uint64_t hash = 0;

    /* From the middle, so that crafted short-ID collisions at the front cost nothing. */
    memcpy(&hash, digest->bytes + 12, sizeof(hash));
    size_t at = (size_t)hash & (map->capacity - 1);
    while (map->slots[at].digest.algorithm != HF_DIGEST_NONE &&
           hf_digest_compare(&map->slots[at].digest, digest) != 0)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

static int grow(struct hf_digest_map *map, struct hf_error *err)
{
    struct hf_digest_map bigger = {.capacity = map->capacity == 0 ? 16 : map->capacity * 2,
                                   .count = map->count};

    bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
    if (bigger.slots == NULL)
        return hf_fail_memory(err);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].digest.algorithm != HF_DIGEST_NONE)
            bigger.slots[find(&bigger, &map->slots[i].digest)] = map->slots[i];
    free(map->slots);
    *map = bigger;
    return 0;
}

int hf_digest_map_put(struct hf_digest_map *map, const struct hf_digest *digest, size_t value,
                      struct hf_error *err)
{
    if (map->count * 2 >= map->capacity) {
        int rc = grow(map, err);
        if (rc != 0)
            return rc;
    }
    size_t at = find(map, digest);
    if (map->slots[at].digest.algorithm == HF_DIGEST_NONE)
        map->count++;
    map->slots[at] = (struct hf_digest_map_slot){.digest = *digest, .value = value};
    return 0;
}

bool hf_digest_map_get(const struct hf_digest_map *map, const struct hf_digest *digest,
                       size_t *out_value)
{
    if (map->count == 0)
        return false;
    size_t at = find(map, digest);
    if (map->slots[at].digest.algorithm == HF_DIGEST_NONE)
        return false;
    if (out_value != NULL)
        *out_value = map->slots[at].value;
    return true;
}
