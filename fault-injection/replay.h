/*
 * fault-injection/replay.h - a recording that is played back cut by cut, and what becomes of a cut
 * that breaks a promise.
 */
#ifndef HF_FAULT_REPLAY_H
#define HF_FAULT_REPLAY_H

#include "account.h"
#include "cuts.h"
#include "medium.h"
#include "verdict.h"

struct replay {
    struct crash_log log;
    struct epochs epochs;
    struct medium medium;
    struct account account;
    struct verdict_way way;
    const char *keep;      /* folder for reproducers; NULL: none are kept */
    struct cut_kept *kept; /* of the cut that is tried */

    uint64_t confirmed, unconfirmed, unmountable;
};

/* Puts an epoch's writes onto `want`, as far as they are kept. */
void replay_write(struct medium *medium, const struct epoch *epoch, const struct cut_kept *kept);

/*
 * The medium's state as it is wanted breaks a promise, it seems: try it three times on a loop
 * device of its own. If it does, find the fewest writes that must be lost for it, and keep a
 * reproducer.
 */
void replay_confirm(struct replay *replay, const struct epoch *epoch, const char *why);

#endif
