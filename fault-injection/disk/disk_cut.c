/* fault-injection/disk/disk_cut.c - what a power cut leaves of a disk, and how many such disks
 * there are. */
#include "disk/journal.h"

#include "base/checksum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Its values stay as they are where the order of operations says which it may have. */
static void cut_cell(const struct disk *disk, struct cell *cell, bool is_chunk, bool is_coarse)
{
    if (disk->profile == DISK_STRICT)
        cell_cut(cell, is_chunk);
    cell->undecided = cell->count;
    if (is_coarse)
        cell_thin(cell, is_chunk);
}

static void cut_chunk(struct disk *disk, const struct inode *inode, struct chunk *chunk)
{
    struct cell *cell = &chunk->cell;
    uint64_t off = (uint64_t)chunk->index * disk->chunk_bytes;
    bool was_never_there = cell->values[0].value == 0 && off >= inode->synced_bytes;

    if (disk->profile == DISK_STRICT && was_never_there && cell->count > cell->undecided) {
        uint64_t garbage = bytes_hold(value_of(disk->garbage));
        cell_insert(cell, (struct cell_value){.value = garbage});
    }
    cut_cell(disk, cell, true, inode->is_coarse);
}

/* From here on `cell` may have any of its values: before a cut all, for a reader what it can see.
 */
static uint32_t first_value(const struct cell *cell, bool is_read)
{
    return is_read && cell->count > cell->undecided ? cell->count - 1 : 0;
}

/* The inodes that an entry can name, in the order in which they are met: what they are called by
 * number, nobody can tell. */
struct reach {
    uint32_t *order, *ranks; /* rank 0: not reached. Nobody will read it */
    uint32_t count;
};

static void reach(struct reach *found, uint32_t number)
{
    if (number == 0 || found->ranks[number] != 0)
        return;
    found->order[found->count] = number;
    found->ranks[number] = ++found->count;
}

static struct reach reach_all(const struct disk *disk, bool is_read)
{
    struct reach found = {.order = must(calloc(disk->count, sizeof(*found.order))),
                          .ranks = must(calloc(disk->count, sizeof(*found.ranks)))};

    reach(&found, DISK_ROOT);
    for (uint32_t at = 0; at < found.count; at++) {
        const struct inode *inode = &disk->inodes[found.order[at]];
        for (size_t i = 0; i < inode->entry_count; i++) {
            const struct cell *cell = &inode->entries[i].cell;
            for (uint32_t j = first_value(cell, is_read); j < cell->count; j++)
                reach(&found, (uint32_t)cell->values[j].value);
        }
    }
    return found;
}

static void reach_release(struct reach *found)
{
    free(found->order);
    free(found->ranks);
}

static void forget(struct inode *inode)
{
    for (size_t i = 0; i < inode->chunk_count; i++)
        cell_free(&inode->chunks[i].cell, true);
    inode->chunk_count = 0;
    for (size_t i = 0; i < inode->entry_count; i++)
        cell_set(&inode->entries[i].cell, 0);
    cell_set(&inode->size, 0);
}

void disk_cut(struct disk *disk)
{
    struct reach found = reach_all(disk, false);

    for (uint32_t n = 1; n < disk->count; n++) {
        struct inode *inode = &disk->inodes[n];
        if (found.ranks[n] == 0) {
            forget(inode);
            continue;
        }
        cut_cell(disk, &inode->size, false, inode->is_coarse);
        for (size_t i = 0; i < inode->chunk_count; i++)
            cut_chunk(disk, inode, &inode->chunks[i]);
        for (size_t i = 0; i < inode->entry_count; i++)
            cut_cell(disk, &inode->entries[i].cell, false, false);
    }
    reach_release(&found);
    journal_cut(disk);
}

/* A hole, or an entry that is gone: as if it had never been. */
static bool is_nothing(const struct cell *cell)
{
    return first_value(cell, true) + 1 == cell->count && cell->values[cell->count - 1].value == 0;
}

static uint64_t hash_entry(const struct entry *entry, const struct reach *found, uint64_t hash)
{
    const struct cell *cell = &entry->cell;

    hash = hf_checksum(entry->name, strlen(entry->name) + 1, hash);
    for (uint32_t i = first_value(cell, true); i < cell->count; i++) {
        uint32_t rank = found->ranks[cell->values[i].value];
        hash = hf_checksum(&rank, sizeof(rank), hash);
    }
    return hash;
}

static uint64_t hash_inode(const struct inode *inode, const struct reach *found, uint64_t hash)
{
    uint64_t kind = 2 * inode->synced_bytes + inode->is_dir;

    hash = hf_checksum(&kind, sizeof(kind), hash);
    hash = cell_hash(&inode->size, false, hash);
    for (size_t i = 0; i < inode->chunk_count; i++) {
        if (!is_nothing(&inode->chunks[i].cell))
            hash = cell_hash(&inode->chunks[i].cell, true, hash + inode->chunks[i].index);
    }
    for (size_t i = 0; i < inode->entry_count; i++) {
        if (!is_nothing(&inode->entries[i].cell))
            hash = hash_entry(&inode->entries[i], found, hash);
    }
    return hash;
}

uint64_t disk_hash(const struct disk *disk)
{
    struct reach found = reach_all(disk, true);
    uint64_t hash = disk->chunk_bytes;

    for (uint32_t i = 0; i < found.count; i++)
        hash = hash_inode(&disk->inodes[found.order[i]], &found, hash + i);
    if (disk->profile != DISK_STRICT)
        hash = journal_hash(disk, found.order, found.count, hash);
    reach_release(&found);
    return hash;
}

void disk_decide_all(struct disk *disk)
{
    for (uint32_t n = 1; n < disk->count; n++) {
        struct inode *inode = &disk->inodes[n];
        (void)disk_value(disk, &inode->size, LENGTH_OF(n));
        for (size_t i = 0; i < inode->chunk_count; i++)
            (void)disk_value(disk, &inode->chunks[i].cell, CHUNK_OF(n, inode->chunks[i].index));
        for (size_t i = 0; i < inode->entry_count; i++)
            (void)disk_value(disk, &inode->entries[i].cell, ENTRY_OF(n, inode->entries[i].name));
    }
}

static void add_cell(const struct cell *cell, size_t *count, double *log10_states)
{
    *count += cell->count > 1;
    *log10_states += log10((double)cell->count);
}

size_t disk_undecided(const struct disk *disk, double *out_log10_states)
{
    size_t count = 0;
    double of_files = 0, of_entries = 0;

    for (uint32_t n = 1; n < disk->count; n++) {
        const struct inode *inode = &disk->inodes[n];
        add_cell(&inode->size, &count, &of_files);
        for (size_t i = 0; i < inode->chunk_count; i++)
            add_cell(&inode->chunks[i].cell, &count, &of_files);
        for (size_t i = 0; i < inode->entry_count; i++)
            add_cell(&inode->entries[i].cell, &count, &of_entries);
    }
    if (disk->profile != DISK_STRICT)
        of_entries = fmin(of_entries, log10(journal_prefixes(disk)));
    *out_log10_states = of_files + of_entries;
    return count;
}
