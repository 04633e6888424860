/*
 * fault-injection/judge.h - boots a machine on a disk that lost power, and says whether what comes
 * up keeps the promises.
 */
#ifndef HF_FAULT_JUDGE_H
#define HF_FAULT_JUDGE_H

#include "disk/sim_io.h"

#define JUDGE_STATE_MAX 4096
#define JUDGE_SAYS_MAX  1024

/* Names, objects and holds, as the independent checker reads them. False: it can't; `says` tells.
 */
bool judge_state(struct sim *sim, bool is_live, char state[JUDGE_STATE_MAX],
                 char says[JUDGE_SAYS_MAX]);

struct judge {
    const char *allowed[2]; /* states; the second may be NULL */
    /* Called before each operation by which recovery (opening and closing) changes the disk, and
     * behind the last. */
    void (*before)(void *arg, enum sim_op op, const char *site);
    void *before_arg;
    /*
     * Asked once recovery is over; may be NULL. True: this disk was judged before, with the same
     * states allowed, and what its undecided cells may be was or will be explored from there.
     */
    bool (*is_known)(void *arg, const struct judge *judge, const struct disk *disk);
    void *known_arg;

    bool tells; /* what recovery does, on standard output */

    bool is_open;                /* recovery has returned: its state is a promise now */
    char state[JUDGE_STATE_MAX]; /* after recovery */
    char says[JUDGE_SAYS_MAX];   /* what is broken */
    bool was_known;              /* is_known said so: `state` is empty */
};

/*
 * True: opening succeeds; by the checker, which reads by the FORMAT pages alone, everything is
 * whole and nothing is left over; the state is an allowed one; opening once more changes nothing;
 * and an image can be loaded. `disk` is changed by all that.
 */
bool judge_recovery(struct judge *judge, struct disk *disk, uint64_t boot);

#endif
