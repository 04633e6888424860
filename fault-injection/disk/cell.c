/* fault-injection/disk/cell.c - values, and who uses their bytes. */
#include "disk/cell.h"

#include "base/checksum.h"

#include <stdlib.h>
#include <string.h>

void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* --- bytes ------------------------------------------------------------------------------------ */

struct bytes *bytes_new(const void *data, size_t len)
{
    struct bytes *bytes = must(malloc(sizeof(*bytes) + len));

    memcpy(bytes->data, data, len);
    bytes->hash = hf_checksum(data, len, 0);
    bytes->users = 1;
    return bytes;
}

struct bytes *bytes_of(uint64_t value)
{
    return (struct bytes *)(uintptr_t)value; /* NOLINT: put there by value_of */
}

uint64_t value_of(struct bytes *bytes)
{
    return (uint64_t)(uintptr_t)bytes;
}

uint64_t bytes_hold(uint64_t value)
{
    if (value != 0)
        bytes_of(value)->users++;
    return value;
}

void bytes_drop(uint64_t value)
{
    if (value != 0 && --bytes_of(value)->users == 0)
        free(bytes_of(value));
}

static void drop(bool is_chunk, uint64_t value)
{
    if (is_chunk)
        bytes_drop(value);
}

static uint64_t identity(bool is_chunk, uint64_t value)
{
    return is_chunk && value != 0 ? bytes_of(value)->hash : value;
}

/* --- cells ------------------------------------------------------------------------------------ */

void cell_push(struct cell *cell, struct cell_value value)
{
    if (cell->count == cell->capacity) {
        cell->capacity = cell->capacity == 0 ? 2 : 2 * cell->capacity;
        cell->values = must(reallocarray(cell->values, cell->capacity, sizeof(*cell->values)));
    }
    cell->values[cell->count++] = value;
}

void cell_insert(struct cell *cell, struct cell_value value)
{
    cell_push(cell, value);
    memmove(cell->values + 2, cell->values + 1, (cell->count - 2) * sizeof(*cell->values));
    cell->values[1] = value;
}

void cell_begin(struct cell *cell, uint64_t value)
{
    *cell = (struct cell){.undecided = 1};
    cell_push(cell, (struct cell_value){.value = value});
}

void cell_keep(struct cell *cell, size_t n, bool is_chunk)
{
    for (size_t i = 0; i < cell->count; i++) {
        if (i != n)
            drop(is_chunk, cell->values[i].value);
    }
    cell->values[0] = cell->values[n];
    cell->count = cell->undecided = 1;
}

void cell_set(struct cell *cell, uint64_t value)
{
    cell->values[0] = (struct cell_value){.value = value};
    cell->count = cell->undecided = 1;
}

void cell_sync(struct cell *cell, bool is_chunk)
{
    if (cell->count > cell->undecided)
        cell_keep(cell, cell->count - 1, is_chunk);
}

void cell_lose(struct cell *cell, bool is_chunk)
{
    while (cell->count > cell->undecided)
        drop(is_chunk, cell->values[--cell->count].value);
}

void cell_raise(struct cell *cell, uint32_t n)
{
    memmove(cell->values, cell->values + n, (cell->count - n) * sizeof(*cell->values));
    cell->count -= n;
    cell->undecided = 1;
}

void cell_cut(struct cell *cell, bool is_chunk)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < cell->count; i++) {
        bool again = false;
        for (uint32_t j = i + 1; j < cell->count && !again; j++)
            again = identity(is_chunk, cell->values[i].value) ==
                    identity(is_chunk, cell->values[j].value);
        if (again)
            drop(is_chunk, cell->values[i].value);
        else
            cell->values[kept++] = cell->values[i];
    }
    cell->count = cell->undecided = kept;
}

void cell_thin(struct cell *cell, bool is_chunk)
{
    if (cell->count < 3)
        return;
    for (uint32_t i = 1; i + 1 < cell->count; i++)
        drop(is_chunk, cell->values[i].value);
    cell->values[1] = cell->values[cell->count - 1];
    cell->count = cell->undecided = 2;
}

struct cell cell_copy(const struct cell *cell, bool is_chunk)
{
    struct cell copy = {.undecided = cell->undecided};

    for (uint32_t i = 0; i < cell->count; i++) {
        cell_push(&copy, cell->values[i]);
        if (is_chunk)
            (void)bytes_hold(cell->values[i].value);
    }
    return copy;
}

void cell_free(struct cell *cell, bool is_chunk)
{
    for (uint32_t i = 0; i < cell->count; i++)
        drop(is_chunk, cell->values[i].value);
    free(cell->values);
}

uint64_t cell_hash(const struct cell *cell, bool is_chunk, uint64_t seed)
{
    uint32_t first = cell->count > cell->undecided ? cell->count - 1 : 0;
    uint32_t count = cell->count - first;
    uint64_t hash = hf_checksum(&count, sizeof(count), seed);

    for (uint32_t i = first; i < cell->count; i++) {
        uint64_t value = identity(is_chunk, cell->values[i].value);
        hash = hf_checksum(&value, sizeof(value), hash);
    }
    return hash;
}
