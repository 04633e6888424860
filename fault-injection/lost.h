/*
 * fault-injection/lost.h - which syncs of the store are found missing: each call in the sources is
 * left out, whenever it comes, until a sequence breaks a promise.
 *
 * So it is told which of them a profile of the disk makes superfluous, on these sequences.
 */
#ifndef HF_FAULT_LOST_H
#define HF_FAULT_LOST_H

#include "recording.h"

#define LOST_SITES_MAX 64

struct lost_site {
    const char *name;
    uint64_t sequences; /* without it until it was found, that one too */
    bool is_found;
};

struct lost {
    struct lost_site sites[LOST_SITES_MAX];
    size_t count;
};

void lost_try(struct lost *lost, struct recording_options options,
              const struct workload_step *const *steps, size_t count);
/* One line for each: "lost FILE:LINE found SEQUENCES", or "unfound". */
void lost_print(const struct lost *lost);

#endif
