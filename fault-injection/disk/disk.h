/*
 * fault-injection/disk/disk.h - a disk in memory that knows everything a power cut may leave of it.
 *
 * DISK_STRICT is the strictest reading of POSIX. Of a file its chunks and its length, of a
 * directory each of its entries is a *cell* of its own. A cell remembers every value that it had
 * since it was last synced; after a cut it has any one of them, whatever the others have. In
 * particular a rename may have made the new name, or removed the old one, or both, or neither.
 *
 * Which value it is stays undecided until somebody reads the cell: then `choose` is asked. So
 * whoever explores all answers has seen every state that the reader can tell apart, and no state
 * twice.
 *
 * A chunk of a file that was never synced there may hold garbage after a cut, if data were written
 * to it; zeros that were written count as the zeros that a hole reads.
 *
 * The other profiles leave some of these states out, and add none.
 *
 * Inode 1 is the root. Inodes have no link count: what no entry names is lost.
 */
#ifndef HF_FAULT_DISK_H
#define HF_FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_ROOT 1u

/* What the file system promises beyond that: journal.h. */
enum disk_profile { DISK_STRICT, DISK_EXT4, DISK_XFS, DISK_BTRFS, DISK_PROFILE_COUNT };
extern const char *const disk_profile_names[DISK_PROFILE_COUNT];

/* Power cuts of one disk, at most. */
#define DISK_CUTS_MAX 7

struct disk;

/* Which cell: "entry NAME of inode 3", "chunk 7 of inode 5", "length of inode 5". */
struct disk_cell {
    uint32_t inode;
    const char *entry; /* or NULL */
    int64_t chunk;     /* or -1 */
    /* Those of its values among which to choose, newest first; the oldest of all is number 0. */
    const uint32_t *numbers;
};
/* An answer from 0 to count - 1: 0 is the newest value that the cell may have. */
typedef size_t disk_choose_fn(void *arg, size_t count, const struct disk_cell *cell);

/* An empty root. `chunk_bytes`: what is written to the disk wholly or not at all; 512 or 4096. */
struct disk *disk_new(size_t chunk_bytes, enum disk_profile profile);
/* It was another file system all the time, a weaker one, with the same syncs. */
void disk_weaken(struct disk *disk, enum disk_profile profile);
/* Shares nothing with `disk` but what never changes. */
struct disk *disk_copy(const struct disk *disk);
void disk_free(struct disk *disk);
/* Asked from now on; NULL: everything is decided for the newest. */
void disk_set_choose(struct disk *disk, disk_choose_fn *choose, void *arg);

/* The power is cut: all cells are undecided among the values that may be on the disk. */
void disk_cut(struct disk *disk);
/* Equal for disks that no reader can tell apart, whatever is chosen, before the next cut. */
uint64_t disk_hash(const struct disk *disk);
/* Cells with more than one value, and the logarithm to base 10 of the number of states (exact for
 * DISK_STRICT, else a bound). */
size_t disk_undecided(const struct disk *disk, double *out_log10_states);
/* Asks about every undecided cell, in an order that is always the same: one state is left. */
void disk_decide_all(struct disk *disk);

/* --- inodes: what the operations of a file system are made of ----------------------------------
 */

/* What is done until the next call is one operation. */
void disk_step(struct disk *disk);

uint32_t disk_make(struct disk *disk, bool is_dir);
bool disk_is_dir(const struct disk *disk, uint32_t inode);
uint64_t disk_size(struct disk *disk, uint32_t inode);
void disk_resize(struct disk *disk, uint32_t inode, uint64_t size);
/* As many bytes as there are before the end. */
size_t disk_read(struct disk *disk, uint32_t inode, void *data, size_t len, uint64_t off);
void disk_write(struct disk *disk, uint32_t inode, const void *data, size_t len, uint64_t off);
/* 0: there is no such entry. */
uint32_t disk_lookup(struct disk *disk, uint32_t dir, const char *name, size_t len);
/* `inode` 0 removes the entry. */
void disk_enter(struct disk *disk, uint32_t dir, const char *name, size_t len, uint32_t inode);
/* The n-th entry that there is or was; false: no more. *out_inode 0: it is gone. */
bool disk_entry(struct disk *disk, uint32_t dir, size_t n, const char **out_name,
                uint32_t *out_inode);
/* What was done to this inode until now is on the disk. */
void disk_sync(struct disk *disk, uint32_t inode);
/* The same, of fdatasync: nobody asked for its names and times. */
void disk_sync_data(struct disk *disk, uint32_t inode);
/* What was written to this file since it was last synced is gone; its length stays. */
void disk_lose(struct disk *disk, uint32_t inode);
/* Of this file only the oldest and the newest value of each cell are tried after a cut. */
void disk_mark_coarse(struct disk *disk, uint32_t inode);

#endif
