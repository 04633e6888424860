/* tests/fuzz/fuzz_common.c - for both ways of running: how a target says that something is wrong,
 * and libFuzzer's way to hf_fuzz_repair. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
    __attribute__((visibility("default")));

void hf_fuzz_broken(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    /* One in four stays damaged on the outside. */
    if (hf_fuzz_repair && seed % 4 != 0)
        hf_fuzz_repair(data, size);
    return size;
}
