/*
 * fault-injection/crash.h - all that may come of one power cut: recovery runs on every state that
 * the disk may be in, and is judged.
 */
#ifndef HF_FAULT_CRASH_H
#define HF_FAULT_CRASH_H

#include "explore.h"
#include "judge.h"
#include "memory.h"

#define CUTS_MAX 8192

struct report {
    uint64_t cuts;       /* operations before which the power was cut, in recovery too */
    uint64_t known;      /* of these: disks that were tried before */
    uint64_t runs;       /* recoveries */
    uint64_t joined;     /* of these: left the same disk as an earlier one, whose end was checked */
    uint64_t incomplete; /* cuts with more states than runs_max */
    uint64_t violations;
    uint64_t at[SIM_OP_COUNT]; /* cuts before an operation of that kind */
    double log10_most;         /* of the states of one cut, if all were listed */
    size_t most_undecided;
};

struct crashes {
    bool stops;        /* at the first violation, by leaving the program */
    bool is_quiet;     /* counts them */
    uint64_t runs_max; /* states of one cut; then it is told that not all were seen */
    const char *sequence;
    struct report report;
    struct memory tried;             /* disks after a cut */
    struct memory judged;            /* disks after a recovery */
    const struct explore *exploring; /* the run that may meet one of them */
};

/* A disk before an operation. */
struct cut {
    struct disk *disk;
    enum sim_op op;
    const char *last, *next; /* the calls between which it is, if they are known */
    bool is_open;            /* recovery had returned by then */
};

/* Those of a run, in which `note_cut` is what is called before each operation. */
struct cuts {
    struct cut items[CUTS_MAX];
    size_t count;
    const struct judge *judge; /* of a recovery; NULL in a recording */
    const char *last;          /* the call before */
    struct disk *disk;
    bool is_on;
};

void note_cut(void *arg, enum sim_op op, const char *site);
void forget_cuts(struct cuts *cuts);

/*
 * The power is cut; one of the `allowed` states must come up (the second may be NULL), in boot
 * number `boot`. `deep`: the recovery is cut too, and so on, that many cuts in all.
 */
void crash_explore(struct crashes *crashes, const struct cut *cut, const char *const allowed[2],
                   size_t deep, uint64_t boot);

#endif
