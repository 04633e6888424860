/* fault-injection/disk/disk_inside.h - what disk.c, disk_cut.c and journal.c share. */
#ifndef HF_FAULT_DISK_INSIDE_H
#define HF_FAULT_DISK_INSIDE_H

#include "disk/cell.h"
#include "disk/disk.h"

struct chunk {
    uint32_t index;
    struct cell cell;
};

struct entry {
    char *name;
    struct cell cell;
};

struct inode {
    bool is_dir;
    bool is_coarse;
    struct cell size;
    uint64_t synced_bytes; /* below, unwritten chunks are zeros on the disk */
    struct chunk *chunks;  /* those that ever held anything but zeros, ascending */
    size_t chunk_count, chunk_capacity;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    /* journal.h */
    uint32_t last_op;      /* that changed the inode since the last cut; 0: none */
    uint32_t last_data_op; /* without which its content can't be found */
    uint32_t data_op;      /* what was written up to it is below the length */
};

/* From one cut to the next. The operations `begins` + 1 to P were on the disk by its end, those
 * behind P were not; P is not decided between `least` and `most`. */
struct epoch {
    uint32_t begins, least, most;
};

struct disk {
    size_t chunk_bytes;
    struct bytes *garbage;
    struct inode *inodes; /* [0] is not used */
    size_t count, capacity;
    disk_choose_fn *choose;
    void *choose_arg;
    enum disk_profile profile;
    uint32_t op; /* the number of the current one */
    struct epoch epochs[DISK_CUTS_MAX + 1];
    size_t epoch_count; /* the last is that of now: its `most` is not known */
};

/* Of a cell that nobody decided or wrote since the cut, disk->choose decides now. */
uint64_t disk_value(struct disk *disk, struct cell *cell, struct disk_cell name);

#define LENGTH_OF(number)       ((struct disk_cell){.inode = (number), .chunk = -1})
#define CHUNK_OF(number, index) ((struct disk_cell){.inode = (number), .chunk = (index)})
#define ENTRY_OF(number, name)  ((struct disk_cell){.inode = (number), .entry = (name), .chunk = -1})

#endif
