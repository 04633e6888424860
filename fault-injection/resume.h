/*
 * fault-injection/resume.h - how far a long run is, in a file: the next one with the same options
 * goes on from there, with its sums.
 *
 *     resume_begin    before the filter of the kernel: reads the file, if there is one
 *     resume_note     after each sequence
 *     resume_end      waits until the file is whole
 *
 * The filter lets nobody open a file, so a process of its own writes it: a new one, which is
 * renamed. Disks that were tried before are not in it; what follows may try some of them again.
 */
#ifndef HF_FAULT_RESUME_H
#define HF_FAULT_RESUME_H

#include "crash.h"
#include "options.h"

#include <sys/types.h>

struct progress {
    uint64_t next; /* number of the next sequence */
    uint64_t sequences;
    struct report report;
};

struct resume {
    const struct options *options;
    int pipe; /* to the process that writes; -1: nobody asked for a file */
    pid_t writer;
};

/* `out_progress` is left as it is if nothing is to go on from. False: the file is of other options,
 * or damaged; it was told. */
bool resume_begin(struct resume *resume, const struct options *options,
                  struct progress *out_progress);
void resume_note(struct resume *resume, const struct progress *progress);
/* False: the file could not be written. */
bool resume_end(struct resume *resume);

#endif
