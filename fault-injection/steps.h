/*
 * fault-injection/steps.h - one line for each cut of a sequence's last operation, in a file that
 * report.py makes pictures of:
 *
 *     SEQUENCE  NUMBER  OPERATION  FILE:LINE  LOG10_OF_STATES  RECOVERIES  (between them tabs)
 *
 * A disk that was tried before has 0 recoveries. Cuts in recovery are counted with the cut that
 * they follow.
 */
#ifndef HF_FAULT_STEPS_H
#define HF_FAULT_STEPS_H

#include "crash.h"

#include <stdio.h>

/* Before the filter of the kernel. NULL: no such file. */
FILE *steps_open(const char *name);
/* `cut` has been explored. */
void steps_note(FILE *file, const char *sequence, size_t number, const struct cut *cut,
                uint64_t recoveries);

#endif
