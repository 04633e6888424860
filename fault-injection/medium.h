/*
 * fault-injection/medium.h - a disk in memory that is set to any state and mounted.
 *
 * `want` is the state that is asked for. It is changed by writes, which can be taken back; and it
 * is carried over to the loop device when it is mounted, page by page where the two differ, for a
 * mount and what is done in it change the device and not `want`.
 */
#ifndef HF_FAULT_MEDIUM_H
#define HF_FAULT_MEDIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIUM_PAGE 4096u

struct medium_undo;

struct medium {
    uint64_t size_bytes;
    uint8_t *want;
    uint8_t *device; /* the loop device's bytes, shared with the kernel */
    uint8_t *used;   /* one a page: `want` may hold something other than zeros */
    uint64_t *seen;  /* one a page: carried over for mount number n */
    uint64_t mounts;
    uint64_t hash;            /* of `want`; the same for the same bytes */
    struct medium_undo *undo; /* of what is not kept yet */
    char mount_point[64];
    char loop[64];
    int memory_fd;
    int loop_fd;
};

/* All print what went wrong. A zeroed struct may be closed. */
int medium_open(struct medium *medium, uint64_t size_bytes);
void medium_close(struct medium *medium);

void medium_write(struct medium *medium, uint64_t off, const uint8_t *data, size_t len);
/* From here on the writes stay. */
void medium_keep(struct medium *medium);
/* Back to what was kept. */
void medium_take_back(struct medium *medium);

/* 0, or the errno of mount(2). */
int medium_mount(struct medium *medium, const char *type, const char *options);
/* Only when it has returned 0 has the file system let go of the device. */
int medium_unmount(struct medium *medium);

#endif
