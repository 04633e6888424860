/*
 * fault-injection/explore.h - runs something on every state that a cut disk may be in.
 *
 * A run asks for a choice where it reads what is undecided. The first run takes the newest value
 * each time; each further run repeats the choices of the one before up to the last that has an
 * alternative left, and takes that. When none is left, every state was seen that the run can tell
 * apart.
 */
#ifndef HF_FAULT_EXPLORE_H
#define HF_FAULT_EXPLORE_H

#include "disk/disk.h"

#define EXPLORE_CHOICES_MAX 512

struct explore {
    size_t chosen[EXPLORE_CHOICES_MAX];
    size_t counts[EXPLORE_CHOICES_MAX];
    size_t depth; /* choices of this run so far */
    size_t known; /* choices that it repeats */
    bool tells;   /* each choice on standard output */
};

/* Before the first run: all zeros. Before each run: */
void explore_begin(struct explore *explore);
/* A disk_choose_fn; `arg` is the struct explore. */
size_t explore_choose(void *arg, size_t count, const struct disk_cell *cell);
/* After a run: is there another? */
bool explore_next(struct explore *explore);

#endif
