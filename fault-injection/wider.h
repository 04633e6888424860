/*
 * fault-injection/wider.h - each state that a profile allows is one that a weaker profile allows:
 * of what ext4 leaves, XFS; of what XFS or btrfs leave, DISK_STRICT.
 *
 * All states of a cut are listed under both, without recovery.
 */
#ifndef HF_FAULT_WIDER_H
#define HF_FAULT_WIDER_H

#include "crash.h"

struct wider {
    uint64_t states_max; /* a cut with more of the weaker profile is left out */
    uint64_t cuts;
    uint64_t states, wider_states; /* different ones of each cut */
    uint64_t strangers;            /* that the weaker profile does not have; printed */
};

/* The cut is left as it is. */
void wider_compare(struct wider *wider, const char *sequence, const struct cut *cut,
                   enum disk_profile profile);

#endif
