/*
 * fault-injection/verdict.h - what a store is found to hold on a disk that lost power.
 */
#ifndef HF_FAULT_VERDICT_H
#define HF_FAULT_VERDICT_H

#include "account.h"
#include "medium.h"

#define VERDICT_BROKEN_MAX 1024

struct verdict {
    int mount_errno; /* 0: it could be mounted */
    struct account_lines found;
    char broken[VERDICT_BROKEN_MAX]; /* "": nothing is */
};

/* How a state is judged. */
struct verdict_way {
    const char *fs_type;
    const char *fs_options;
    const char *command; /* NULL: Holdfast's library and checker; else see verdict_find */
};

/*
 * Mounts the medium, lets the store in `store` recover, has the independent checker read it, opens
 * it once more, which must change nothing but end the mounts of an earlier boot, and unmounts. Of
 * some states it mounts one of the images as well.
 *
 * With a command, that is run on the mount point instead; it prints a line "NAME TARGET" for each
 * thing it finds, and exits with 0.
 *
 * The caller releases *out. Not 0 when the machine failed, not the store.
 */
int verdict_find(struct medium *medium, const struct verdict_way *way, struct verdict *out);
void verdict_release(struct verdict *verdict);
bool verdict_equal(const struct verdict *a, const struct verdict *b);

#endif
