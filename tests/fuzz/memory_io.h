/* tests/fuzz/memory_io.h - one read-only file in memory: opening any path gives it. What writes or
 * lists is missing, and so ends the program when it is called. */
#ifndef HF_TESTS_FUZZ_MEMORY_IO_H
#define HF_TESTS_FUZZ_MEMORY_IO_H

#include "io/io.h"

struct hf_fuzz_file {
    struct hf_io io;
    const uint8_t *data; /* borrowed */
    size_t size;
    int open_count;
};

struct hf_fuzz_file hf_fuzz_file_of(const uint8_t *data, size_t size);

#endif
