/*
 * tests/support/random.h - chance that can be had again: the seed is printed, and HF_TEST_SEED in
 * the environment sets it.
 */
#ifndef HF_TESTS_SUPPORT_RANDOM_H
#define HF_TESTS_SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct hf_test_random {
    uint64_t state;
};

void hf_test_random_init(struct hf_test_random *random, const char *what);
uint64_t hf_test_random_next(struct hf_test_random *random);
/* 0 to `limit` - 1. */
size_t hf_test_random_below(struct hf_test_random *random, size_t limit);

#endif
