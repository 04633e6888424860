/*
 * fault-injection/brute.h - one power cut in two ways: by asking where something is read
 * (explore.h), and by listing every state that the disk may be in. Both must say the same of each.
 *
 * This is the test of the lazy way: a choice that it left out, or did not put back, shows here. The
 * listed disks have nothing undecided, so that nothing is asked any more once recovery runs.
 */
#ifndef HF_FAULT_BRUTE_H
#define HF_FAULT_BRUTE_H

#include "crash.h"

struct brute {
    uint64_t states_max; /* a cut with more is left out */
    struct memory tried;

    uint64_t cuts, left_out;
    uint64_t states, broken_states;
    uint64_t paths, broken_paths; /* ends of the lazy way, each for one state or more */
    uint64_t differences;         /* printed */
};

void brute_compare(struct brute *brute, const char *sequence, const struct cut *cut,
                   const char *const allowed[2], enum disk_profile profile);

#endif
