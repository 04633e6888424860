/*
 * fault-injection/disk/cell.h - what of a disk survives a power cut or not by itself: a chunk of a
 * file, a length, an entry of a directory. It remembers the values that it had.
 *
 * The first `undecided` values may be on the disk since the last cut (or sync); those behind them
 * were written since, and the last is what everybody sees. Always true: undecided >= 1.
 */
#ifndef HF_FAULT_CELL_H
#define HF_FAULT_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A test that has no memory can't go on: aborts for NULL. */
void *must(void *memory);

/* The bytes of a chunk. They never change; copies of a disk share them. */
struct bytes {
    uint64_t hash;
    uint32_t users;
    uint8_t data[];
};

/* One user. */
struct bytes *bytes_new(const void *data, size_t len);
struct bytes *bytes_of(uint64_t value);
uint64_t value_of(struct bytes *bytes);
/* One user more; the value is 0 or a chunk's. */
uint64_t bytes_hold(uint64_t value);
void bytes_drop(uint64_t value);

struct cell_value {
    uint64_t value; /* the address of a chunk (0: zeros), a length, or an inode (0: none) */
    uint32_t op;    /* the operation that gave it */
    bool is_late;   /* it reaches the disk any time after that operation (journal.h) */
};

struct cell {
    struct cell_value *values;
    uint32_t count;
    uint32_t capacity;
    uint32_t undecided;
};

void cell_begin(struct cell *cell, uint64_t value);
struct cell cell_copy(const struct cell *cell, bool is_chunk);
void cell_free(struct cell *cell, bool is_chunk);
/* A new value, which the cell takes over. */
void cell_push(struct cell *cell, struct cell_value value);
/* The same as the second oldest. */
void cell_insert(struct cell *cell, struct cell_value value);
/* All values but the n-th are forgotten. */
void cell_keep(struct cell *cell, size_t n, bool is_chunk);
/* All are, of what is no chunk. */
void cell_set(struct cell *cell, uint64_t value);
void cell_sync(struct cell *cell, bool is_chunk);
/* What was written since it was synced is forgotten. */
void cell_lose(struct cell *cell, bool is_chunk);
/* Those before the n-th are, of what is no chunk; it was given since the last cut. */
void cell_raise(struct cell *cell, uint32_t n);
/* All values are undecided, each once; the newest of equals stays. */
void cell_cut(struct cell *cell, bool is_chunk);
/* Only the oldest and the newest stay. */
void cell_thin(struct cell *cell, bool is_chunk);
/* Equal for cells that a reader can't tell apart. */
uint64_t cell_hash(const struct cell *cell, bool is_chunk, uint64_t seed);

#endif
