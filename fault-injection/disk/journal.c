/* fault-injection/disk/journal.c - intervals of operations that are on the disk. */
#include "disk/journal.h"

#include <stdlib.h>
#include <string.h>

const char *const disk_profile_names[DISK_PROFILE_COUNT] = {"strict", "ext4", "xfs", "btrfs"};

static struct epoch *epoch_of(struct epoch *epochs, size_t count, uint32_t op)
{
    size_t i = count - 1;

    while (i > 0 && op <= epochs[i].begins)
        i--;
    return &epochs[i];
}

static void at_least(struct epoch *epoch, uint32_t op)
{
    if (op > epoch->least)
        epoch->least = op;
}

static void below(struct epoch *epoch, uint32_t op)
{
    if (op <= epoch->most)
        epoch->most = op - 1;
}

/* Is a file of that profile written in place, whatever else is on the disk? */
static bool is_in_place(const struct disk *disk, const struct disk_cell *name)
{
    return name->chunk >= 0 && disk->profile != DISK_BTRFS;
}

/* Of the P in `epochs` those are left with which the cell has its n-th value; false: none. The
 * oldest is there without any operation: it is from before, or was synced. */
static bool narrow(const struct disk *disk, const struct cell *cell, const struct disk_cell *name,
                   uint32_t n, struct epoch *epochs)
{
    const struct cell_value *value = &cell->values[n];
    size_t count = disk->epoch_count;

    if (n > 0 && !is_in_place(disk, name))
        at_least(epoch_of(epochs, count, value->op), value->op);
    for (uint32_t later = n + 1; later < cell->count; later++) {
        if (!cell->values[later].is_late)
            below(epoch_of(epochs, count, cell->values[later].op), cell->values[later].op);
    }
    for (size_t i = 0; i < count; i++) {
        if (epochs[i].least > epochs[i].most)
            return false;
    }
    return true;
}

/* data=ordered: must the n-th value of a new block be another by now, for the length that is there?
 */
static bool is_overdue(const struct disk *disk, const struct cell *cell,
                       const struct disk_cell *name, uint32_t n)
{
    const struct inode *inode = &disk->inodes[name->inode];

    if (disk->profile != DISK_EXT4 || name->chunk < 0 || n + 1 >= cell->count ||
        (uint64_t)name->chunk * disk->chunk_bytes < inode->synced_bytes)
        return false;
    return cell->values[n + 1].op <= inode->data_op;
}

size_t journal_list(const struct disk *disk, const struct cell *cell, const struct disk_cell *name,
                    uint32_t numbers[JOURNAL_VALUES_MAX])
{
    struct epoch epochs[DISK_CUTS_MAX + 1];
    size_t count = 0;

    if (cell->count > JOURNAL_VALUES_MAX)
        abort();
    for (uint32_t n = cell->count; n-- > 0;) {
        memcpy(epochs, disk->epochs, sizeof(epochs));
        if (disk->profile == DISK_STRICT ||
            (!is_overdue(disk, cell, name, n) && narrow(disk, cell, name, n, epochs)))
            numbers[count++] = n;
    }
    return count;
}

void journal_decide(struct disk *disk, const struct cell *cell, const struct disk_cell *name,
                    uint32_t number)
{
    const struct cell_value *value = &cell->values[number];

    if (disk->profile == DISK_STRICT)
        return;
    if (!narrow(disk, cell, name, number, disk->epochs))
        abort();
    bool is_length = name->entry == NULL && name->chunk < 0;
    if (is_length && number > 0 && value->is_late)
        disk->inodes[name->inode].data_op = value->op;
}

void journal_cut(struct disk *disk)
{
    if (disk->profile == DISK_STRICT)
        return;
    if (disk->epoch_count > DISK_CUTS_MAX)
        abort();
    disk->epochs[disk->epoch_count - 1].most = disk->op;
    disk->epochs[disk->epoch_count++] =
        (struct epoch){.begins = disk->op, .least = disk->op, .most = UINT32_MAX};
    for (uint32_t n = 1; n < disk->count; n++)
        disk->inodes[n].last_op = disk->inodes[n].last_data_op = 0;
}

double journal_prefixes(const struct disk *disk)
{
    double count = 1;

    for (size_t i = 0; i + 1 < disk->epoch_count; i++)
        count *= (double)(disk->epochs[i].most - disk->epochs[i].least) + 1;
    return count;
}

/* --- the tree of a sync ----------------------------------------------------------------------- */

/* Operations since the last cut, by their number since then. */
struct wanted {
    uint32_t begins;
    bool *ops;
    bool has_grown;
};

static void want(struct wanted *wanted, uint32_t op)
{
    if (!wanted->ops[op - wanted->begins])
        wanted->has_grown = wanted->ops[op - wanted->begins] = true;
}

static bool is_wanted(const struct wanted *wanted, uint32_t op)
{
    return wanted->ops[op - wanted->begins];
}

/* What made `inode` an entry, or no longer one. */
static void want_names(struct wanted *wanted, const struct disk *disk, uint32_t inode)
{
    for (uint32_t dir = 1; dir < disk->count; dir++) {
        for (size_t i = 0; i < disk->inodes[dir].entry_count; i++) {
            const struct cell *cell = &disk->inodes[dir].entries[i].cell;
            for (uint32_t j = cell->undecided; j < cell->count; j++) {
                if (cell->values[j].value == inode || cell->values[j - 1].value == inode)
                    want(wanted, cell->values[j].op);
            }
        }
    }
}

static void want_entries(struct wanted *wanted, const struct inode *dir)
{
    for (size_t i = 0; i < dir->entry_count; i++) {
        const struct cell *cell = &dir->entries[i].cell;
        for (uint32_t j = cell->undecided; j < cell->count; j++)
            want(wanted, cell->values[j].op);
    }
}

/* What came before in the same entry, and how the folder came there. */
static void want_before(struct wanted *wanted, const struct disk *disk, uint32_t dir,
                        const struct cell *cell)
{
    uint32_t last = cell->count;

    while (last > cell->undecided && !is_wanted(wanted, cell->values[last - 1].op))
        last--;
    for (uint32_t j = cell->undecided; j < last; j++)
        want(wanted, cell->values[j].op);
    if (last > cell->undecided)
        want_names(wanted, disk, dir);
}

static void raise(const struct wanted *wanted, struct cell *cell)
{
    for (uint32_t j = cell->count; j-- > cell->undecided;) {
        if (is_wanted(wanted, cell->values[j].op)) {
            cell_raise(cell, j);
            return;
        }
    }
}

static void sync_tree(struct disk *disk, uint32_t inode)
{
    struct wanted wanted = {.begins = disk->epochs[disk->epoch_count - 1].begins};

    wanted.ops = must(calloc((size_t)(disk->op - wanted.begins) + 1, sizeof(*wanted.ops)));
    want_names(&wanted, disk, inode);
    want_entries(&wanted, &disk->inodes[inode]);
    while (wanted.has_grown) {
        wanted.has_grown = false;
        for (uint32_t dir = 1; dir < disk->count; dir++) {
            for (size_t i = 0; i < disk->inodes[dir].entry_count; i++)
                want_before(&wanted, disk, dir, &disk->inodes[dir].entries[i].cell);
        }
    }
    for (uint32_t dir = 1; dir < disk->count; dir++) {
        for (size_t i = 0; i < disk->inodes[dir].entry_count; i++)
            raise(&wanted, &disk->inodes[dir].entries[i].cell);
    }
    free(wanted.ops);
}

void journal_sync(struct disk *disk, uint32_t inode, uint32_t op)
{
    if (disk->profile == DISK_BTRFS)
        sync_tree(disk, inode);
    else if (disk->profile != DISK_STRICT)
        at_least(&disk->epochs[disk->epoch_count - 1], op);
}
