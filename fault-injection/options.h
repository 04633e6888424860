/* fault-injection/options.h - what power-cut is asked to do. */
#ifndef HF_FAULT_OPTIONS_H
#define HF_FAULT_OPTIONS_H

#include "disk/disk.h"

#define OPTIONS_LENGTH_MAX 24

struct options {
    size_t length, deep, chunk_bytes;
    size_t part, parts; /* every `parts`-th sequence from that one on */
    bool is_random;     /* one of `parts` sequences instead, by `seed` */
    uint64_t seed;
    enum disk_profile profile;
    bool scenarios, stops, sites;
    bool loses; /* each call of a sync, one after the other */
    uint64_t runs_max;
    const char *only;
    const char *resume; /* a file (resume.h); or NULL */
    const char *steps;  /* a file (steps.h); or NULL */
    uint64_t brute_max; /* 0: no comparison */
};

/* False: not so; the usage is told. */
bool options_parse(int argc, char **argv, struct options *out);
/* Is sequence number `number` in the part that was asked for? */
bool options_take(const struct options *options, size_t number);

#endif
