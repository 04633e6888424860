/*
 * fault-injection/power_cut.c - cuts the power before every operation of every short sequence of
 * the store's operations, and looks at every state that the disk may be in then.
 *
 *     power-cut [--length N] [--deep N] [--chunk 512|4096] [--part I/N|random/N] [--seed N]
 *               [--scenarios] [--only NAME] [--profile strict|ext4|xfs|btrfs] [--brute N]
 *               [--lost] [--stop] [--runs N] [--sites] [--resume FILE]
 *               [--steps FILE]
 *
 * All sequences of N operations (2) on a new store. --deep N: the power is cut again in the
 * recovery, and again in the recovery from that, N deep in all (1). --part: every N-th sequence
 * from the I-th on, or each with a chance of one in N, by the seed. --scenarios: the longer ones of
 * workload.c instead. --stop: at the first violation. --brute: cuts with at most N states once by
 * exploring and once by listing the states, which must come to the same, for the store and for one
 * that leaves out a sync; and each must be a state of the weaker profile. --profile: what the disk
 * is (strict; journal.h).
 * --lost: each call of a sync is left out; tells which of them were found missing.
 * --runs: at most N states of each cut. --sites: tells which calls in the sources were cut.
 * --resume: notes in FILE after each sequence how far it is, and goes on from there.
 * --steps: a line for each cut, of which report.py makes pictures.
 *
 * A sequence is cut in its last operation only: the others are the last of a shorter one. What was
 * seen of one sequence need not be seen again of another: states of equal disks are tried once.
 *
 * No system call goes past the table of operations while the store runs: the kernel refuses it.
 */
#include "brute.h"
#include "lost.h"
#include "disk/sites.h"
#include "options.h"
#include "recording.h"
#include "resume.h"
#include "seccomp.h"
#include "steps.h"
#include "wider.h"

#include "support/objects.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    const struct options *options;
    struct crashes crashes;
    struct brute healthy, broken;
    struct wider wider;
    struct lost lost;
    struct resume resume;
    FILE *steps; /* or NULL */
    uint64_t sequences, next;
};

/* The store as it is, then with each sync of the last step left out, so that there is what to find.
 */
static void compare_sequence(struct run *run, const struct workload_step *const *steps,
                             size_t count)
{
    struct recording_options options = {.chunk_bytes = run->options->chunk_bytes,
                                        .profile = run->options->profile};
    uint64_t syncs = 0;

    do {
        struct brute *brute = options.lost_sync == 0 ? &run->healthy : &run->broken;
        struct recording *recording = recording_make(&options, steps, count);
        const char *either[2] = {recording->before, recording->after};
        const char *after[2] = {recording->after, NULL};
        wider_compare(&run->wider, run->crashes.sequence, &recording->end, options.profile);
        for (size_t i = 0; i < recording->cuts.count; i++) {
            wider_compare(&run->wider, run->crashes.sequence, &recording->cuts.items[i],
                          options.profile);
            brute_compare(brute, run->crashes.sequence, &recording->cuts.items[i], either,
                          options.profile);
        }
        brute_compare(brute, run->crashes.sequence, &recording->end, after, options.profile);
        syncs = recording->syncs;
        recording_free(recording);
    } while (++options.lost_sync <= syncs);
}

static void try_cut(struct run *run, size_t number, const struct cut *cut,
                    const char *const allowed[2])
{
    uint64_t before = run->crashes.report.runs;

    crash_explore(&run->crashes, cut, allowed, run->options->deep, 2);
    if (run->steps != NULL)
        steps_note(run->steps, run->crashes.sequence, number, cut,
                   run->crashes.report.runs - before);
}

static void try_sequence(struct run *run, const struct workload_step *const *steps, size_t count)
{
    char sequence[512] = "";
    size_t at = 0;

    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(sequence + at, sizeof(sequence) - at, "%s%s", i == 0 ? "" : ", ",
                               steps[i]->name);
    run->crashes.sequence = sequence;
    run->sequences++;
    if (run->options->brute_max != 0) {
        compare_sequence(run, steps, count);
        return;
    }
    if (run->options->loses) {
        const struct recording_options options = {.chunk_bytes = run->options->chunk_bytes,
                                                  .profile = run->options->profile};
        lost_try(&run->lost, options, steps, count);
        return;
    }
    const struct recording_options options = {.chunk_bytes = run->options->chunk_bytes,
                                              .profile = run->options->profile,
                                              .all_succeed = run->options->scenarios};
    struct recording *recording = recording_make(&options, steps, count);
    const char *either[2] = {recording->before, recording->after};
    const char *after[2] = {recording->after, NULL};
    for (size_t i = 0; i < recording->cuts.count; i++)
        try_cut(run, i, &recording->cuts.items[i], either);
    try_cut(run, recording->cuts.count, &recording->end, after);
    recording_free(recording);
}

/* Sequence number `n` of those of that length. */
static void try_number(struct run *run, size_t n, size_t length)
{
    const struct workload_step *steps[OPTIONS_LENGTH_MAX];

    for (size_t i = 0; i < length; i++, n /= workload_alphabet_count)
        steps[i] = &workload_alphabet[n % workload_alphabet_count];
    try_sequence(run, steps, length);
}

static void note_progress(struct run *run, uint64_t next)
{
    const struct progress progress = {
        .next = next, .sequences = run->sequences, .report = run->crashes.report};

    resume_note(&run->resume, &progress);
}

static void try_all(struct run *run)
{
    size_t number = 0;

    for (size_t length = 0, count = 1; length <= run->options->length; length++) {
        for (size_t n = 0; n < count; n++) {
            bool is_due = number >= run->next && options_take(run->options, number);
            number++;
            if (!is_due)
                continue;
            try_number(run, n, length);
            note_progress(run, number);
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
        for (size_t count = 1; scenario->steps[count - 1] != NULL; count++) {
            if (scenario->steps[count - 1]->is_setup)
                continue;
            try_sequence(run, scenario->steps, count);
        }
        printf("%s: %" PRIu64 " recoveries so far\n", scenario->name, run->crashes.report.runs);
        fflush(stdout);
    }
}

/* --- the program ------------------------------------------------------------------------------ */

static void print(const struct run *run)
{
    const struct report *report = &run->crashes.report;

    printf("%" PRIu64 " sequences, %" PRIu64 " cuts (%" PRIu64
           " of a disk that was tried before), %" PRIu64 " recoveries (%" PRIu64
           " to a disk that was judged before)\n",
           run->sequences, report->cuts, report->known, report->runs, report->joined);
    printf("cuts before:");
    for (size_t i = 0; i < SIM_OP_COUNT; i++)
        printf(" %s %" PRIu64, sim_op_names[i], report->at[i]);
    printf("\nat most %zu undecided at once: 10^%.0f states\n", report->most_undecided,
           report->log10_most);
    printf("%" PRIu64 " cuts were not exhausted\n", report->incomplete);
    printf("%" PRIu64 " violations\n", report->violations);
}

static void print_brute(const char *which, const struct brute *brute)
{
    printf("%s: %" PRIu64 " cuts, %" PRIu64 " with more states left out; %" PRIu64
           " states listed, %" PRIu64 " broken; %" PRIu64 " paths, %" PRIu64 " broken; %" PRIu64
           " differences\n",
           which, brute->cuts, brute->left_out, brute->states, brute->broken_states, brute->paths,
           brute->broken_paths, brute->differences);
}

/* The comparison is worth something only if it met what is whole and what is broken. */
static bool end_brute(struct run *run)
{
    const struct brute *healthy = &run->healthy, *broken = &run->broken;
    const struct wider *wider = &run->wider;

    print_brute("the store", healthy);
    print_brute("one sync left out", broken);
    printf("%" PRIu64 " cuts listed under two profiles: %" PRIu64 " states, %" PRIu64
           " of the weaker, %" PRIu64 " that it does not have\n",
           wider->cuts, wider->states, wider->wider_states, wider->strangers);
    memory_release(&run->healthy.tried);
    memory_release(&run->broken.tried);
    bool has_order = run->options->profile != DISK_STRICT;
    return wider->strangers == 0 && (wider->states < wider->wider_states) == has_order &&
           healthy->differences + broken->differences == 0 && healthy->states > 0 &&
           healthy->broken_states == 0 && broken->broken_states > 0;
}

int main(int argc, char **argv)
{
    struct options options;
    struct run run = {.options = &options};

    if (!options_parse(argc, argv, &options))
        return 2;
    run.crashes.stops = options.stops;
    run.crashes.runs_max = options.runs_max;
    run.healthy.states_max = run.broken.states_max = run.wider.states_max = options.brute_max;
    /* Most of the time would go into giving memory back and getting it again. */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
    (void)hf_test_digest_of(""); /* the library of digests reads its configuration now */
    struct progress progress = {0};
    if (!resume_begin(&run.resume, &options, &progress))
        return 2;
    if (options.steps != NULL && (run.steps = steps_open(options.steps)) == NULL) {
        perror(options.steps);
        return 2;
    }
    run.next = progress.next;
    run.sequences = progress.sequences;
    run.crashes.report = progress.report;
    if (!seccomp_forbid_files()) {
        perror("power-cut: seccomp");
        return 2;
    }
    if (options.scenarios)
        try_scenarios(&run);
    else
        try_all(&run);
    if (options.brute_max != 0)
        return !end_brute(&run);
    if (options.loses) {
        lost_print(&run.lost);
        return run.lost.count == 0;
    }
    print(&run);
    if (run.steps != NULL && fclose(run.steps) != 0) {
        perror(options.steps);
        return 2;
    }
    if (!resume_end(&run.resume)) {
        fprintf(stderr, "power-cut: %s can't be written\n", options.resume);
        return 2;
    }
    if (options.sites)
        sites_print();
    memory_release(&run.crashes.tried);
    memory_release(&run.crashes.judged);
    return run.crashes.report.violations > 0 || run.sequences == 0;
}
