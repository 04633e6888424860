/* fault-injection/memory.c - open addressing; 0 is a free slot. */
#include "memory.h"

#include <stdlib.h>

static bool add_to(uint64_t *slots, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)(hash % capacity);

    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) % capacity;
    bool is_new = slots[at] == 0;
    slots[at] = hash;
    return is_new;
}

bool memory_add(struct memory *memory, uint64_t hash)
{
    hash |= 1;
    if (2 * memory->count >= memory->capacity) {
        size_t capacity = memory->capacity == 0 ? 4096 : 2 * memory->capacity;
        uint64_t *slots = calloc(capacity, sizeof(*slots));
        if (slots == NULL)
            abort();
        for (size_t i = 0; i < memory->capacity; i++) {
            if (memory->slots[i] != 0)
                (void)add_to(slots, capacity, memory->slots[i]);
        }
        free(memory->slots);
        memory->slots = slots;
        memory->capacity = capacity;
    }
    bool is_new = add_to(memory->slots, memory->capacity, hash);
    memory->count += is_new;
    return is_new;
}

void memory_release(struct memory *memory)
{
    free(memory->slots);
    *memory = (struct memory){0};
}
