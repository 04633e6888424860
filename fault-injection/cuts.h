/*
 * fault-injection/cuts.h - the states that a recorded disk may be in when its power is cut.
 *
 * An epoch is what lies between two flushes. A disk that is cut in it holds all epochs before, and
 * of the epoch's writes any part: each of them whole, not at all, or, where a write is longer than
 * what a disk writes at once, torn.
 *
 * A cut is always taken to be at the end of its epoch, for that asks for most: whatever was
 * acknowledged in the epoch lay on the medium before, so it must be there however little of the
 * epoch's own writes is.
 */
#ifndef HF_FAULT_CUTS_H
#define HF_FAULT_CUTS_H

#include "crash_log.h"

#include <stdbool.h>

/* What is left of one write of an epoch: bytes [begin, end). */
struct cut_kept {
    uint64_t begin;
    uint64_t end;
};

struct epoch {
    const struct crash_entry **writes;
    size_t write_count;
    size_t end;   /* the entry that ends it, or their count */
    bool is_lost; /* the flush that ended it failed and took its writes along */
};

struct epochs {
    struct epoch *epochs;
    size_t count;
};

enum cut_kind { CUT_ALL, CUT_MASK, CUT_PREFIX, CUT_TORN_PREFIX, CUT_DROP, CUT_KEEP, CUT_CHANCE };

struct cut {
    uint32_t epoch;
    enum cut_kind kind;
    uint32_t number; /* of a write, or the mask */
    uint64_t chance;
};

struct cuts {
    struct cut *cuts;
    size_t count;
    uint64_t total; /* before the choice */
};

struct cuts_options {
    uint64_t seed;
    uint64_t limit; /* 0: none; else so many, every flush among them, the others by chance */
    uint32_t unit;  /* what a disk writes at once */
};

/* Entries before the first flush that are no writes are skipped. Exits without memory. */
void epochs_of(const struct crash_log *log, struct epochs *out);
void epochs_release(struct epochs *epochs);

/* In the order of the epochs. */
void cuts_choose(const struct epochs *epochs, const struct cuts_options *options, struct cuts *out);
void cuts_release(struct cuts *cuts);

/* kept[epoch->write_count] is set. */
void cut_apply(const struct epoch *epoch, const struct cut *cut, uint32_t unit,
               struct cut_kept *kept);

#endif
