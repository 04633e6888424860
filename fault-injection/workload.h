/*
 * fault-injection/workload.h - the operations whose every sequence is tried, and what they do to a
 * store. They work on texts as objects (tests/support/objects.h): nothing below src/store/ is left
 * out, and a store of a few hundred bytes is enough.
 */
#ifndef HF_FAULT_WORKLOAD_H
#define HF_FAULT_WORKLOAD_H

#include "store/handle.h"

struct workload {
    struct hf_io *io;
    struct hf_store *store;
    struct hf_txn *open_txn; /* of the steps `begin` and `end` */
    uint64_t segment_first;  /* position at which the newest segment of the log begins */
    bool has_filler;         /* a name that only fills the log */
};

struct workload_step {
    const char *name;
    /* The operation's own result: that it is refused is as good as that it is not. */
    int (*run)(struct workload *workload, struct hf_error *err);
    bool is_setup; /* not cut: many operations in one, or no operation of the store's */
};

/* What every sequence is made of. */
extern const struct workload_step workload_alphabet[];
extern const size_t workload_alphabet_count;

/* Longer ones, each for something that short ones do not reach; NULL ends the steps, all
 * of which must succeed. */
struct workload_scenario {
    const char *name;
    const struct workload_step *steps[24];
};
extern const struct workload_scenario workload_scenarios[];
extern const size_t workload_scenario_count;

#define WORKLOAD_ROOT "store"

/* The load that is to succeed after any recovery: it has parts in common with all others. */
int workload_load_again(struct hf_store *store, struct hf_error *err);

#endif
