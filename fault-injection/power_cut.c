/*
 * fault-injection/power_cut.c - cuts the power before every operation of every short sequence of
 * the store's operations, and looks at every state that the disk may be in then.
 *
 *     power-cut [--length N] [--deep N] [--chunk 512|4096] [--part I/N|random/N] [--scenarios]
 *               [--only NAME] [--stop]
 *
 * All sequences of N operations (2) on a new store. --deep N: the power is cut again in the
 * recovery, and again in the recovery from that, N deep in all (1). --part: every N-th sequence
 * from the I-th on. --scenarios: the longer ones of workload.c instead. --stop: at the
 * first violation.
 *
 * A sequence is cut in its last operation only: the others are the last of a shorter one. What was
 * seen of one sequence need not be seen again of another: states of equal disks are tried once.
 *
 * No system call goes past the table of operations while the store runs: the kernel refuses it.
 */
#include "explore.h"
#include "judge.h"
#include "seccomp.h"
#include "workload.h"

#include "support/objects.h"

#include "base/checksum.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH_MAX 24
#define CUTS_MAX   8192
/* States of one cut; then it is told that not all were seen. */
#define RUNS_MAX 20000

struct options {
    size_t length, deep, chunk_bytes;
    size_t part, parts;
    bool scenarios, stops;
    const char *only;
};

struct report {
    uint64_t sequences;
    uint64_t cuts;       /* operations before which the power was cut, in recovery too */
    uint64_t known;      /* of these: disks that were tried before */
    uint64_t runs;       /* recoveries, each checked */
    uint64_t incomplete; /* cuts with more states than RUNS_MAX */
    uint64_t violations;
    uint64_t at[SIM_OP_COUNT]; /* cuts before an operation of that kind */
    double log10_most;         /* of the states of one cut, if all were listed */
    size_t most_undecided;
};

/* Hashes of disks, with what is allowed of them, that were tried. */
struct memory {
    uint64_t *slots;
    size_t count, capacity;
};

/* A disk before an operation. */
struct cut {
    struct disk *disk;
    enum sim_op op;
    bool is_open; /* recovery had returned by then */
};

struct cuts {
    struct cut items[CUTS_MAX];
    size_t count;
    struct judge *judge; /* of a recovery; NULL in a recording */
    struct disk *disk;
    bool is_on;
};

struct run {
    const struct options *options;
    struct report report;
    struct memory memory;
    char sequence[512];
};

/* --- memory ----------------------------------------------------------------------------------- */

static bool remember_slot(uint64_t *slots, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)(hash % capacity);

    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) % capacity;
    bool is_new = slots[at] == 0;
    slots[at] = hash;
    return is_new;
}

/* Is it new? */
static bool remember(struct memory *memory, uint64_t hash)
{
    hash |= 1;
    if (2 * memory->count >= memory->capacity) {
        size_t capacity = memory->capacity == 0 ? 4096 : 2 * memory->capacity;
        uint64_t *slots = calloc(capacity, sizeof(*slots));
        if (slots == NULL)
            abort();
        for (size_t i = 0; i < memory->capacity; i++) {
            if (memory->slots[i] != 0)
                (void)remember_slot(slots, capacity, memory->slots[i]);
        }
        free(memory->slots);
        memory->slots = slots;
        memory->capacity = capacity;
    }
    bool is_new = remember_slot(memory->slots, memory->capacity, hash);
    memory->count += is_new;
    return is_new;
}

/* --- cuts ------------------------------------------------------------------------------------- */

static void note_cut(void *arg, enum sim_op op)
{
    struct cuts *cuts = arg;

    if (!cuts->is_on)
        return;
    if (cuts->count == CUTS_MAX)
        abort();
    cuts->items[cuts->count++] = (struct cut){
        .disk = disk_copy(cuts->disk),
        .op = op,
        .is_open = cuts->judge != NULL && cuts->judge->is_open,
    };
}

static void explore_cut(struct run *run, const struct cut *cut, const char *const allowed[2],
                        size_t deep, uint64_t boot);

/* The cuts in a recovery that went well. */
static void explore_inside(struct run *run, struct cuts *cuts, const struct judge *judge,
                           size_t deep, uint64_t boot)
{
    const char *after[2] = {judge->state, NULL};

    for (size_t i = 0; i < cuts->count; i++) {
        struct cut *cut = &cuts->items[i];
        explore_cut(run, cut, cut->is_open ? after : judge->allowed, deep, boot);
    }
}

static void forget_cuts(struct cuts *cuts)
{
    for (size_t i = 0; i < cuts->count; i++)
        disk_free(cuts->items[i].disk);
    cuts->count = 0;
}

/* The same once more, telling what happens. */
static void explain(const struct cut *cut, const struct explore *explore, const struct judge *found,
                    uint64_t boot)
{
    struct judge *judge = calloc(1, sizeof(*judge));
    struct disk *disk = disk_copy(cut->disk);
    struct explore again = *explore;

    if (judge == NULL)
        abort();
    *judge = (struct judge){.allowed = {found->allowed[0], found->allowed[1]}, .tells = true};
    again.tells = true;
    explore_begin(&again);
    disk_set_choose(disk, explore_choose, &again);
    (void)judge_recovery(judge, disk, boot);
    disk_free(disk);
    free(judge);
}

static void complain(struct run *run, const struct cut *cut, const struct explore *explore,
                     const struct judge *judge, uint64_t boot)
{
    run->report.violations++;
    printf("VIOLATION: %s: cut before %s (boot %" PRIu64 "), choices", run->sequence,
           sim_op_names[cut->op], boot);
    for (size_t i = 0; i < explore->known; i++)
        printf(" %zu/%zu", explore->chosen[i], explore->counts[i]);
    printf(": %s\n", judge->says);
    explain(cut, explore, judge, boot);
    fflush(stdout);
    if (run->options->stops)
        exit(1);
}

static uint64_t identity(const struct cut *cut, const char *const allowed[2], size_t deep)
{
    uint64_t hash = disk_hash(cut->disk) + deep;

    for (size_t i = 0; i < 2 && allowed[i] != NULL; i++)
        hash = hf_checksum(allowed[i], strlen(allowed[i]), hash);
    return hash;
}

static void measure(struct report *report, const struct disk *disk)
{
    double log10_states = 0;
    size_t undecided = disk_undecided(disk, &log10_states);

    if (log10_states > report->log10_most)
        report->log10_most = log10_states;
    if (undecided > report->most_undecided)
        report->most_undecided = undecided;
}

static void explore_cut(struct run *run, const struct cut *cut, const char *const allowed[2],
                        size_t deep, uint64_t boot)
{
    struct explore explore = {0};
    struct cuts *inside = calloc(1, sizeof(*inside));
    struct judge *judge = calloc(1, sizeof(*judge));
    uint64_t runs = 0;
    bool ok = true;

    if (inside == NULL || judge == NULL)
        abort();
    run->report.cuts++;
    run->report.at[cut->op]++;
    disk_cut(cut->disk);
    measure(&run->report, cut->disk);
    bool is_new = remember(&run->memory, identity(cut, allowed, deep));
    run->report.known += !is_new;
    for (bool more = is_new; more && ok; more = explore_next(&explore)) {
        if (++runs > RUNS_MAX) {
            run->report.incomplete++;
            break;
        }
        struct disk *disk = disk_copy(cut->disk);
        *judge = (struct judge){.allowed = {allowed[0], allowed[1]}};
        if (deep > 1) {
            *inside = (struct cuts){.judge = judge, .disk = disk, .is_on = true};
            judge->before = note_cut;
            judge->before_arg = inside;
        }
        explore_begin(&explore);
        disk_set_choose(disk, explore_choose, &explore);
        run->report.runs++;
        ok = judge_recovery(judge, disk, boot);
        if (!ok)
            complain(run, cut, &explore, judge, boot);
        else
            explore_inside(run, inside, judge, deep - 1, boot + 1);
        forget_cuts(inside);
        disk_free(disk);
    }
    free(judge);
    free(inside);
}

/* --- sequences -------------------------------------------------------------------------------- */

struct recording {
    struct disk *disk;
    struct sim sim;
    struct workload workload;
    char before[JUDGE_STATE_MAX], after[JUDGE_STATE_MAX]; /* the last step */
    struct cuts cuts;                                     /* in it */
};

static void give_up(const struct run *run, const char *what, const char *why)
{
    fprintf(stderr, "power-cut: %s: %s: %s\n", run->sequence, what, why);
    exit(2);
}

static int make_store(struct recording *recording, struct hf_error *err)
{
    struct hf_store_options options = {.mode = HF_OPEN_CREATE};

    recording->workload.io = &recording->sim.io;
    return hf_store_open_io(&recording->sim.io, WORKLOAD_ROOT, &options, &recording->workload.store,
                            err);
}

/* Step 0 is the making of the store. */
static void record(const struct run *run, struct recording *recording,
                   const struct workload_step *const *steps, size_t count)
{
    char says[JUDGE_SAYS_MAX];
    struct hf_error err = {0};

    recording->disk = disk_new(run->options->chunk_bytes);
    sim_boot(&recording->sim, recording->disk, 1);
    recording->cuts.disk = recording->disk;
    recording->sim.before = note_cut;
    recording->sim.before_arg = &recording->cuts;
    for (size_t i = 0; i <= count; i++) {
        memcpy(recording->before, recording->after, sizeof(recording->before));
        recording->cuts.is_on = i == count;
        err = (struct hf_error){0};
        int rc =
            i == 0 ? make_store(recording, &err) : steps[i - 1]->run(&recording->workload, &err);
        if (recording->workload.store == NULL)
            give_up(run, "the store can't be used", hf_error_name(rc));
        if (!judge_state(&recording->sim, true, recording->after, says))
            give_up(run, "without a cut", says);
    }
}

static void end_recording(struct recording *recording)
{
    if (recording->workload.open_txn != NULL)
        hf_txn_abort(recording->workload.open_txn, "the test ends");
    if (hf_store_close(recording->workload.store, NULL) != 0)
        abort();
    sim_off(&recording->sim);
    disk_free(recording->disk);
    forget_cuts(&recording->cuts);
}

static void try_sequence(struct run *run, const struct workload_step *const *steps, size_t count)
{
    struct recording *recording = calloc(1, sizeof(*recording));
    size_t at = 0;

    if (recording == NULL)
        abort();
    run->sequence[0] = '\0';
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(run->sequence + at, sizeof(run->sequence) - at, "%s%s",
                               i == 0 ? "" : ", ", steps[i]->name);
    record(run, recording, steps, count);
    const char *either[2] = {recording->before, recording->after};
    const char *after[2] = {recording->after, NULL};
    struct cut end = {.disk = disk_copy(recording->disk), .op = SIM_SYNC};
    for (size_t i = 0; i < recording->cuts.count; i++)
        explore_cut(run, &recording->cuts.items[i], either, run->options->deep, 2);
    explore_cut(run, &end, after, run->options->deep, 2);
    disk_free(end.disk);
    end_recording(recording);
    free(recording);
    run->report.sequences++;
}

/* Sequence number `n` of those of that length. */
static void try_number(struct run *run, size_t n, size_t length)
{
    const struct workload_step *steps[LENGTH_MAX];

    for (size_t i = 0; i < length; i++, n /= workload_alphabet_count)
        steps[i] = &workload_alphabet[n % workload_alphabet_count];
    try_sequence(run, steps, length);
}

static void try_all(struct run *run)
{
    size_t number = 0;

    for (size_t length = 0, count = 1; length <= run->options->length; length++) {
        for (size_t n = 0; n < count; n++) {
            if (number++ % run->options->parts == run->options->part)
                try_number(run, n, length);
        }
        count *= workload_alphabet_count;
    }
}

/* Each prefix too. */
static void try_scenarios(struct run *run)
{
    for (size_t i = 0; i < workload_scenario_count; i++) {
        const struct workload_scenario *scenario = &workload_scenarios[i];
        if (run->options->only != NULL && strcmp(run->options->only, scenario->name) != 0)
            continue;
        if (i % run->options->parts != run->options->part)
            continue;
        for (size_t count = 1; scenario->steps[count - 1] != NULL; count++)
            try_sequence(run, scenario->steps, count);
        printf("%s: %" PRIu64 " recoveries so far\n", scenario->name, run->report.runs);
        fflush(stdout);
    }
}

/* --- the program ------------------------------------------------------------------------------ */

static void print(const struct report *report)
{
    printf("%" PRIu64 " sequences, %" PRIu64 " cuts (%" PRIu64
           " of a disk that was tried before), %" PRIu64 " recoveries\n",
           report->sequences, report->cuts, report->known, report->runs);
    printf("cuts before:");
    for (size_t i = 0; i < SIM_OP_COUNT; i++)
        printf(" %s %" PRIu64, sim_op_names[i], report->at[i]);
    printf("\nat most %zu undecided at once: 10^%.0f states\n", report->most_undecided,
           report->log10_most);
    printf("%" PRIu64 " cuts were not exhausted\n", report->incomplete);
    printf("%" PRIu64 " violations\n", report->violations);
}

/* "random/N" takes one by the clock, and tells which. */
static bool parse_part(const char *text, struct options *options)
{
    if (sscanf(text, "random/%zu", &options->parts) == 1 && options->parts > 0) {
        options->part = (size_t)time(NULL) % options->parts;
        printf("--part %zu/%zu\n", options->part, options->parts);
        return true;
    }
    return sscanf(text, "%zu/%zu", &options->part, &options->parts) == 2 &&
           options->part < options->parts;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"length", required_argument, NULL, 'l'}, {"deep", required_argument, NULL, 'd'},
        {"chunk", required_argument, NULL, 'c'},  {"part", required_argument, NULL, 'p'},
        {"scenarios", no_argument, NULL, 's'},    {"only", required_argument, NULL, 'o'},
        {"stop", no_argument, NULL, 'S'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'l':
            options->length = strtoul(optarg, NULL, 10);
            break;
        case 'd':
            options->deep = strtoul(optarg, NULL, 10);
            break;
        case 'c':
            options->chunk_bytes = strtoul(optarg, NULL, 10);
            break;
        case 'p':
            if (!parse_part(optarg, options))
                return false;
            break;
        case 's':
            options->scenarios = true;
            break;
        case 'S':
            options->stops = true;
            break;
        case 'o':
            options->only = optarg;
            break;
        default:
            return false;
        }
    }
    return optind == argc && options->length < LENGTH_MAX && options->deep > 0 &&
           (options->chunk_bytes == 512 || options->chunk_bytes == 4096);
}

int main(int argc, char **argv)
{
    struct options options = {.length = 2, .deep = 1, .chunk_bytes = 4096, .parts = 1};
    struct run run = {.options = &options};

    if (!parse(argc, argv, &options)) {
        fputs("usage: power-cut [--length N] [--deep N] [--chunk 512|4096] [--part I/N] "
              "[--scenarios] [--only NAME] [--stop]\n",
              stderr);
        return 2;
    }
    /* Most of the time would go into giving memory back and getting it again. */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
    (void)hf_test_digest_of(""); /* the library of digests reads its configuration now */
    if (!seccomp_forbid_files()) {
        perror("power-cut: seccomp");
        return 2;
    }
    if (options.scenarios)
        try_scenarios(&run);
    else
        try_all(&run);
    print(&run.report);
    free(run.memory.slots);
    return run.report.violations > 0;
}
