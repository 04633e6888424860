#include "support/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void hf_test_random_init(struct hf_test_random *random, const char *what)
{
    const char *given = getenv("HF_TEST_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    random->state = given ? strtoull(given, NULL, 0)
                          : (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
    printf("%s: HF_TEST_SEED=%" PRIu64 "\n", what, random->state);
    fflush(stdout); /* before a crash */
}

/* splitmix64 */
uint64_t hf_test_random_next(struct hf_test_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

size_t hf_test_random_below(struct hf_test_random *random, size_t limit)
{
    return (size_t)(hf_test_random_next(random) % limit);
}
