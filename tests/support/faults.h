/*
 * tests/support/faults.h - operations of a store, what may fail in them, and how the result is
 * judged: the store opens again and is whole by the checker; what was acknowledged is there, what
 * was refused has changed nothing, and what is of unknown outcome is there wholly or not at all.
 */
#ifndef HF_TESTS_SUPPORT_FAULTS_H
#define HF_TESTS_SUPPORT_FAULTS_H

#include "support/objects.h"
#include "support/suite.h"

struct hf_test_operation {
    const char *name;
    int (*run)(struct hf_store *store);
    unsigned boots; /* how often the system boots before it, for more segments and checkpoints */
};

#define HF_TEST_OPERATIONS 9
extern const struct hf_test_operation hf_test_operations[HF_TEST_OPERATIONS];
/* The first of them, a load. */
#define HF_TEST_LOADS (&hf_test_operations[0])

struct hf_test_fault {
    const char *name;
    enum hf_test_failure failure;
    int fail_errno;
    bool for_good;
    uint32_t ops; /* the calls that are counted, and may fail: HF_TEST_OP_BIT */
};

#define HF_TEST_FAULTS 24
extern const struct hf_test_fault hf_test_faults[HF_TEST_FAULTS];

/* The store's folder, its watcher and the last error of what is below. */
extern char hf_test_faults_path[256];
extern struct hf_test_watch hf_test_faults_watch;
extern struct hf_error hf_test_faults_err;

/* An empty folder. */
void hf_test_faults_make_folder(void);
/* A folder with the files as they were, so that every run makes the same calls, and its store. */
struct hf_store *hf_test_faults_begin(const struct hf_test_operation *op);
/* States before and after an operation that nothing disturbs; both are the caller's. */
void hf_test_faults_learn(const struct hf_test_operation *op, char **before, char **after);
/* What a process leaves that died after a COMMIT, with another transaction open and files of a
 * third: for recovery. */
void hf_test_faults_leave_unfinished(void);
/* The state after that was recovered; the caller's. */
char *hf_test_faults_learn_recovery(void);

const struct hf_test_fault *hf_test_fault_named(const char *name);
void hf_test_fault_begin(const struct hf_test_fault *fault, unsigned n);
/* How many calls have failed. */
unsigned hf_test_fault_end(void);
/* Whoever meets it has to go on as if nothing was. */
bool hf_test_fault_is_harmless(const struct hf_test_fault *fault);

enum hf_test_outcome { HF_TEST_ACKNOWLEDGED, HF_TEST_REFUSED, HF_TEST_UNKNOWN };

enum hf_test_outcome hf_test_outcome_of(int rc);
/* Open it again, now that nothing fails, and judge. `n` tells, and varies what is tried after. */
void hf_test_faults_judge(const char *what, unsigned n, enum hf_test_outcome outcome,
                          const char *before, const char *after);

/*
 * A case whose tests have the fixture. In memory (disk/sim_io.h) a case costs a tenth of what it
 * costs on files, for it is system calls that take the time; what the system's own calls give is
 * met on files.
 */
TCase *hf_test_faults_case(const char *name);
TCase *hf_test_faults_case_on_files(const char *name);

#endif
