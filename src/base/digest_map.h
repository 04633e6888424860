/* base/digest_map.h - from a digest to a number, for what one operation has in hand. Zeroed is
 * empty. */
#ifndef HF_BASE_DIGEST_MAP_H
#define HF_BASE_DIGEST_MAP_H

#include <holdfast/digest.h>

struct hf_digest_map_slot {
    struct hf_digest digest;
    size_t value;
};

struct hf_digest_map {
    struct hf_digest_map_slot *slots; /* open addressing; algorithm 0: free */
    size_t capacity;                  /* a power of two, at most half full */
    size_t count;
};

void hf_digest_map_release(struct hf_digest_map *map);
/* Replaces a value that is there. */
HF_MUST_USE int hf_digest_map_put(struct hf_digest_map *map, const struct hf_digest *digest,
                                  size_t value, struct hf_error *err);
/* False: not there. out_value may be NULL. */
bool hf_digest_map_get(const struct hf_digest_map *map, const struct hf_digest *digest,
                       size_t *out_value);

#endif
