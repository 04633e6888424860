/*
 * store/sweep.h - the files that a recovery takes away: FORMAT.md 6, steps 2 and 5. Who calls has
 * the recovery's lock, but for a dry run, which only counts.
 */
#ifndef HF_STORE_SWEEP_H
#define HF_STORE_SWEEP_H

#include "store/handle.h"

struct hf_sweep {
    struct hf_store *store;
    bool dry_run;
    uint64_t files, bytes; /* removed */
    struct hf_error *err;
};

/*
 * Step 2. Before anything is moved there: where a cut left a file both in `blobs/` and in `trash/`,
 * moving it again would do nothing, for rename does nothing with two names of one file.
 */
HF_MUST_USE int hf_sweep_trash(struct hf_sweep *sweep);
/* Step 5. When the dead transactions have been ended: what theirs is left is nobody's. */
HF_MUST_USE int hf_sweep_staging(struct hf_sweep *sweep);
/* What was in the making: FORMAT, a checkpoint, a segment. Not counted. Not in a dry run. */
HF_MUST_USE int hf_sweep_new(struct hf_sweep *sweep);

#endif
