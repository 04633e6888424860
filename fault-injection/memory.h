/* fault-injection/memory.h - a set of hashes: what was tried before. A zeroed struct is empty. */
#ifndef HF_FAULT_MEMORY_H
#define HF_FAULT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory {
    uint64_t *slots;
    size_t count, capacity;
};

/* Is it new? It is remembered from now on. */
bool memory_add(struct memory *memory, uint64_t hash);
void memory_release(struct memory *memory);

#endif
