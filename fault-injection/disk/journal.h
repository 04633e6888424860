/*
 * fault-injection/disk/journal.h - in which order a file system brings what it was told to the
 * disk.
 *
 * Operations are numbered; what one operation does to several cells (a rename) has one number. The
 * profiles but DISK_STRICT have a journal, or transactions: of all operations since the last cut
 * the first P are on the disk and the others are not, so each is atomic. Which P is decided as
 * cells are: each answer narrows the interval in which it may lie. What each profile assumes:
 *
 * all      An entry has the value of the last operation up to P. So has a length that ftruncate
 *          set. A length that grew by writing belongs to its write (the block is allocated, and the
 *          length logged, when the data are written back, any time later): it may be on the disk if
 *          the write is among the first P, and need not. No garbage: where nothing was written back
 *          a file reads zeros.
 * ext4,    One journal, or log, in order. fsync makes the operations durable up to the last one
 * XFS      that changed this inode (its creation, length or names; of a folder, its entries);
 *          fdatasync up to the last that changed its length. Not up to now: the inode may have been
 *          committed by a timer before. In particular fdatasync of a file that is only written over
 *          commits nothing. That a write changes the time of the file is not relied on. Data are
 *          written in place, in any order.
 * ext4     data=ordered: new blocks are on the disk before the length that needs them.
 *          Documentation/filesystems/ext4/journal.rst, admin-guide/ext4.rst (data=ordered).
 * XFS      The length is logged when data behind it are complete, and pages may complete in any
 *          order: below a new length there may be holes. Documentation/filesystems/xfs, the XFS FAQ
 *          on zeros after a crash. (ext4 with dioread_nolock is like that.)
 * btrfs    Copy on write: the new value of a chunk is on the disk only if its write is among the
 *          first P, or the file was synced. fsync and fdatasync write a tree of their own: this
 *          inode with its data and names, of a folder its entries, and what was done to the same
 *          names before; each operation whole, and new folders above. All others wait for the
 *          transaction. btrfs(5), the wiki's "Log tree".
 *
 * Not assumed though they do it: ext4 and btrfs write back a file that is renamed over another or
 * truncated and written again (auto_da_alloc, flushoncommit).
 */
#ifndef HF_FAULT_JOURNAL_H
#define HF_FAULT_JOURNAL_H

#include "disk/disk_inside.h"

#define JOURNAL_VALUES_MAX 1024

/* The values that the cell may have, newest first; with one left it is that. */
size_t journal_list(const struct disk *disk, const struct cell *cell, const struct disk_cell *name,
                    uint32_t numbers[JOURNAL_VALUES_MAX]);
/* It has the value of that number. */
void journal_decide(struct disk *disk, const struct cell *cell, const struct disk_cell *name,
                    uint32_t number);
/* The inode is being synced, and with it all operations up to `op`. */
void journal_sync(struct disk *disk, uint32_t inode, uint32_t op);
void journal_cut(struct disk *disk);
/* Equal for disks with the same undecided order of what is in `inodes`; `hash` if nothing is. */
uint64_t journal_hash(const struct disk *disk, const uint32_t *inodes, uint32_t count,
                      uint64_t hash);
/* How many P there are, of all cuts together. */
double journal_prefixes(const struct disk *disk);

#endif
