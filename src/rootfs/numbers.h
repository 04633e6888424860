/* rootfs/numbers.h - a set of 64-bit numbers, each with a 32-bit value. */
#ifndef HF_ROOTFS_NUMBERS_H
#define HF_ROOTFS_NUMBERS_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_NUMBERS_MAX (1u << 24)

/* Zeroed: empty. */
struct hf_numbers {
    struct hf_number {
        uint64_t key; /* never 0 */
        uint32_t value;
    } * items;
    size_t capacity; /* a power of two, at least twice `count` */
    size_t count;
};

/* Replaces the value of a key that is there. LIMIT: more than HF_NUMBERS_MAX. */
HF_MUST_USE int hf_numbers_put(struct hf_numbers *numbers, uint64_t key, uint32_t value,
                               struct hf_error *err);
bool hf_numbers_get(const struct hf_numbers *numbers, uint64_t key, uint32_t *out_value);
void hf_numbers_release(struct hf_numbers *numbers);

#endif
