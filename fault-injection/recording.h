/*
 * fault-injection/recording.h - a sequence of the store's operations on a new store, and the disk
 * before each operation of the last of them.
 */
#ifndef HF_FAULT_RECORDING_H
#define HF_FAULT_RECORDING_H

#include "crash.h"
#include "workload.h"

struct recording_options {
    size_t chunk_bytes;
    enum disk_profile profile;
    bool all_succeed;   /* else refusing an operation is as good */
    uint64_t lost_sync; /* the n-th of the last step is not done: a mistake to be found; 0: none */
    /* All syncs of that call in the sources are not done; NULL: none. */
    const char *lost_site;
    void (*on_sync)(void *arg, const char *site); /* told of each; may be NULL */
    void *on_sync_arg;
};

struct recording {
    struct disk *disk;
    struct sim sim;
    struct workload workload;
    char before[JUDGE_STATE_MAX], after[JUDGE_STATE_MAX]; /* the last step */
    struct cuts cuts;                                     /* in it */
    struct cut end;                                       /* behind it */
    uint64_t syncs;                                       /* in it */
};

/* No step: the making of the store. A sequence that can't be run ends the program. */
struct recording *recording_make(const struct recording_options *options,
                                 const struct workload_step *const *steps, size_t count);
void recording_free(struct recording *recording);

#endif
