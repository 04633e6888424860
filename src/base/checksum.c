/*
 * base/checksum.c - XXH3 (64 bits). The only file that sees xxhash.
 */
#include "base/checksum.h"

#include <xxhash.h>

#include <stdlib.h>

/* By pointer: only the library knows the state's size and its alignment of 64 bytes. */
struct hf_checksummer {
    XXH3_state_t *state;
};

uint64_t hf_checksum(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}

struct hf_checksummer *hf_checksummer_new(void)
{
    struct hf_checksummer *sum = calloc(1, sizeof(*sum));

    if (!sum)
        return NULL;
    sum->state = XXH3_createState();
    if (!sum->state) {
        free(sum);
        return NULL;
    }
    XXH3_64bits_reset(sum->state);
    return sum;
}

void hf_checksummer_free(struct hf_checksummer *sum)
{
    if (!sum)
        return;
    XXH3_freeState(sum->state);
    free(sum);
}

void hf_checksummer_update(struct hf_checksummer *sum, const void *data, size_t len)
{
    /* xxhash refuses a NULL of no bytes, and nothing else. */
    if (len > 0)
        XXH3_64bits_update(sum->state, data, len);
}

uint64_t hf_checksummer_value(const struct hf_checksummer *sum)
{
    return XXH3_64bits_digest(sum->state);
}
