/* fault-injection/disk/journal_hash.c - what is undecided of the order of operations, by their
 * rank: the numbers that they had don't matter. */
#include "disk/journal.h"

#include "base/checksum.h"

#include <stdlib.h>

struct ops {
    uint32_t *met; /* in the order of the disk */
    uint32_t *ranked;
    size_t count, capacity, ranks;
    uint64_t late; /* hash of what kinds they are */
};

static void add(struct ops *ops, uint32_t op, bool is_late)
{
    if (ops->count == ops->capacity) {
        ops->capacity = ops->capacity == 0 ? 64 : 2 * ops->capacity;
        ops->met = must(reallocarray(ops->met, ops->capacity, sizeof(*ops->met)));
    }
    ops->met[ops->count++] = op;
    ops->late = 2 * (ops->late * 31 + ops->count) + is_late;
}

static void add_cell(struct ops *ops, const struct cell *cell)
{
    if (cell->count > cell->undecided || cell->count == 1)
        return;
    for (uint32_t i = 0; i < cell->count; i++)
        add(ops, cell->values[i].op, cell->values[i].is_late);
}

static int compare(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

    return a < b ? -1 : a > b;
}

static void rank(struct ops *ops)
{
    ops->ranked = must(malloc((ops->count + 1) * sizeof(*ops->ranked)));
    for (size_t i = 0; i < ops->count; i++)
        ops->ranked[i] = ops->met[i];
    qsort(ops->ranked, ops->count, sizeof(*ops->ranked), compare);
    for (size_t i = 0; i < ops->count; i++) {
        if (ops->ranks == 0 || ops->ranked[ops->ranks - 1] != ops->ranked[i])
            ops->ranked[ops->ranks++] = ops->ranked[i];
    }
}

/* How many different ones are not above `op`. */
static uint64_t rank_of(const struct ops *ops, uint32_t op)
{
    size_t low = 0, high = ops->ranks;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ops->ranked[middle] <= op)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t hash_rank(const struct ops *ops, uint32_t op, uint64_t hash)
{
    uint64_t rank = rank_of(ops, op);

    return hf_checksum(&rank, sizeof(rank), hash);
}

uint64_t journal_hash(const struct disk *disk, const uint32_t *inodes, uint32_t count,
                      uint64_t hash)
{
    struct ops ops = {0};

    for (uint32_t n = 0; n < count; n++) {
        const struct inode *inode = &disk->inodes[inodes[n]];
        add_cell(&ops, &inode->size);
        size_t before = ops.count;
        for (size_t i = 0; i < inode->chunk_count; i++)
            add_cell(&ops, &inode->chunks[i].cell);
        if (disk->profile == DISK_EXT4 && ops.count > before)
            add(&ops, inode->data_op, false);
        for (size_t i = 0; i < inode->entry_count; i++)
            add_cell(&ops, &inode->entries[i].cell);
    }
    if (ops.count == 0)
        return hash;
    rank(&ops);
    hash = hf_checksum(&ops.late, sizeof(ops.late), hash);
    for (size_t i = 0; i < ops.count; i++)
        hash = hash_rank(&ops, ops.met[i], hash);
    for (size_t i = 0; i + 1 < disk->epoch_count; i++) {
        hash = hash_rank(&ops, disk->epochs[i].begins, hash);
        hash = hash_rank(&ops, disk->epochs[i].least, hash);
        hash = hash_rank(&ops, disk->epochs[i].most, hash);
    }
    free(ops.met);
    free(ops.ranked);
    return hash;
}
