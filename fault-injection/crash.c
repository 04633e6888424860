/* fault-injection/crash.c - one cut, and those in the recovery from it. */
#include "crash.h"

#include "disk/sites.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void note_cut(void *arg, enum sim_op op, const char *site)
{
    struct cuts *cuts = arg;

    if (!cuts->is_on)
        return;
    if (cuts->count == CUTS_MAX)
        abort();
    cuts->items[cuts->count++] = (struct cut){
        .disk = disk_copy(cuts->disk),
        .op = op,
        .last = cuts->last,
        .next = site,
        .is_open = cuts->judge != NULL && cuts->judge->is_open,
    };
    cuts->last = site;
}

/* The cuts in a recovery that went well. */
static void explore_inside(struct crashes *crashes, struct cuts *cuts, const struct judge *judge,
                           size_t deep, uint64_t boot)
{
    const char *after[2] = {judge->state, NULL};

    for (size_t i = 0; i < cuts->count; i++) {
        struct cut *cut = &cuts->items[i];
        crash_explore(crashes, cut, cut->is_open ? after : judge->allowed, deep, boot);
    }
}

void forget_cuts(struct cuts *cuts)
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

static void complain(struct crashes *crashes, const struct cut *cut, const struct explore *explore,
                     const struct judge *judge, uint64_t boot)
{
    crashes->report.violations++;
    if (crashes->is_quiet)
        return;
    printf("VIOLATION: %s: cut before %s (boot %" PRIu64 "), choices", crashes->sequence,
           sim_op_names[cut->op], boot);
    for (size_t i = 0; i < explore->known; i++)
        printf(" %zu/%zu", explore->chosen[i], explore->counts[i]);
    printf(": %s\n", judge->says);
    explain(cut, explore, judge, boot);
    fflush(stdout);
    if (crashes->stops)
        exit(1);
}

static uint64_t identity(const struct disk *disk, const char *const allowed[2], uint64_t seed)
{
    uint64_t hash = disk_hash(disk) + seed;

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

static bool was_judged(void *arg, const struct judge *judge, const struct disk *disk)
{
    struct crashes *crashes = arg;
    bool is_new = memory_add(&crashes->judged, identity(disk, judge->allowed, 0));

    /* With a choice left that an earlier run met behind its recovery, this one is there to take
     * another: it is how the states of that disk are seen. */
    return !is_new && crashes->exploring->depth >= crashes->exploring->known;
}

/* One state, by the next answers of `explore`. */
static bool try_state(struct crashes *crashes, const struct cut *cut, struct explore *explore,
                      struct judge *judge, size_t deep, uint64_t boot)
{
    struct disk *disk = disk_copy(cut->disk);
    struct cuts *inside = calloc(1, sizeof(*inside));

    if (inside == NULL)
        abort();
    *inside = (struct cuts){.judge = judge, .disk = disk, .is_on = true};
    if (deep > 1) {
        judge->before = note_cut;
        judge->before_arg = inside;
    } else { /* nothing is cut any more: how it came to this disk makes no difference */
        judge->is_known = was_judged;
        judge->known_arg = crashes;
        crashes->exploring = explore;
    }
    explore_begin(explore);
    disk_set_choose(disk, explore_choose, explore);
    bool ok = judge_recovery(judge, disk, boot);
    if (!ok)
        complain(crashes, cut, explore, judge, boot);
    else
        explore_inside(crashes, inside, judge, deep - 1, boot + 1);
    forget_cuts(inside);
    free(inside);
    disk_free(disk);
    return ok;
}

void crash_explore(struct crashes *crashes, const struct cut *cut, const char *const allowed[2],
                   size_t deep, uint64_t boot)
{
    struct explore explore = {0};
    struct judge *judge = calloc(1, sizeof(*judge));
    uint64_t runs = 0;
    bool ok = true;

    if (judge == NULL)
        abort();
    crashes->report.cuts++;
    crashes->report.at[cut->op]++;
    sites_count(cut->last, cut->next);
    disk_cut(cut->disk);
    measure(&crashes->report, cut->disk);
    bool is_new = memory_add(&crashes->tried, identity(cut->disk, allowed, deep));
    crashes->report.known += !is_new;
    for (bool more = is_new; more && ok; more = explore_next(&explore)) {
        if (++runs > crashes->runs_max) {
            crashes->report.incomplete++;
            break;
        }
        *judge = (struct judge){.allowed = {allowed[0], allowed[1]}};
        ok = try_state(crashes, cut, &explore, judge, deep, boot);
        crashes->report.runs++;
        crashes->report.joined += judge->was_known;
    }
    free(judge);
}
