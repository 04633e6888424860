/*
 * fault-injection/disk/sim_io.h - the store's table of operations over a disk in memory (disk.h),
 * and the machine around it: open files, locks, clock, chance, and the number of the boot.
 *
 * All of it is the same in each run, so that a run can be repeated with other answers of the disk.
 * May be used from several threads. Locks never wait: who would have to wait in a test of one
 * thread would wait for ever, and the program aborts.
 */
#ifndef HF_FAULT_SIM_IO_H
#define HF_FAULT_SIM_IO_H

#include "disk/disk.h"
#include "io/io.h"

#include <pthread.h>

enum sim_op {
    SIM_OPEN, /* that makes or truncates a file */
    SIM_WRITE,
    SIM_TRUNCATE,
    SIM_SYNC,
    SIM_SYNC_DIR,
    SIM_LINK,
    SIM_RENAME,
    SIM_UNLINK,
    SIM_MKDIR,
    SIM_END, /* nothing any more: behind the last one */
    SIM_OP_COUNT
};

extern const char *const sim_op_names[SIM_OP_COUNT];

struct sim_file {
    uint32_t inode; /* 0: not open */
    uint64_t off;
};

struct sim_lock {
    int fd;
    uint32_t inode;
    enum hf_io_lock kind;
    uint64_t off, len;
};

struct sim {
    struct hf_io io; /* what the store is given */
    struct disk *disk;
    uint64_t boot;
    uint64_t now_ns;
    uint64_t chance;
    pthread_mutex_t mutex;
    struct sim_file files[128];
    struct sim_lock locks[128];
    size_t lock_count;
    /* Called before each operation that changes the disk, with the call in the sources that asks
     * for it, if that is known; may be NULL. */
    void (*before)(void *arg, enum sim_op op, const char *site);
    void *before_arg;
    uint64_t syncs;        /* asked for until now */
    uint64_t lost_sync;    /* the one of that number is not done, and nobody learns it; 0: none */
    const char *lost_site; /* nor are those of that call in the sources; NULL: none */
    void (*on_sync)(void *arg, const char *site); /* told of each whose call is known; or NULL */
    void *on_sync_arg;
    /* Called when an operation begins and when it ends; may be NULL. */
    void (*around)(bool begins);
    bool tells; /* each of them on standard output */
};

/* A machine that has just booted; the disk stays the caller's. */
void sim_boot(struct sim *sim, struct disk *disk, uint64_t boot);
/* The process is gone: nothing is open, nothing locked. */
void sim_kill(struct sim *sim);
/* A sync of the file has failed, and what it was to save is gone. `io` is that of a sim. */
void sim_lose(struct hf_io *io, int fd);
/* The machine is off: descriptors and locks are gone. */
void sim_off(struct sim *sim);

#endif
