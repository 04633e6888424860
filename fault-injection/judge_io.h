/*
 * fault-injection/judge_io.h - the system as recovery sees it when a state is judged: booted again
 * or not, without syncs, and with a count of what changes.
 */
#ifndef HF_FAULT_JUDGE_IO_H
#define HF_FAULT_JUDGE_IO_H

#include "io/io.h"

#include <stdbool.h>

/* To be called once, in a mount namespace of its own: the boot ID becomes a file of ours. Prints
 * what went wrong. */
int judge_io_begin(void);

/* From here on as after a boot, another one each time, or as in the one that we were started in. */
void judge_io_boot(bool again);

/*
 * What it writes is in the page cache and no further: a state that is judged is not cut again, so
 * what recovery syncs is of no account here, and it takes half of the time. (In what order it syncs
 * is tested by the recordings, in which every command recovers, and by the disk in memory.)
 */
struct hf_io *judge_io(void);

/* Calls since the start that made, wrote, named or removed something. */
uint64_t judge_io_changes(void);

#endif
