/* fault-injection/lost.c - one sequence with one sync less, over and over. */
#include "lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sim's `on_sync`. */
static void note_site(void *arg, const char *name)
{
    struct lost *lost = arg;

    for (size_t i = 0; i < lost->count; i++) {
        if (strcmp(lost->sites[i].name, name) == 0)
            return;
    }
    if (lost->count == LOST_SITES_MAX)
        abort();
    lost->sites[lost->count++].name = name;
}

/* Is a promise broken? */
static bool is_found(struct recording *recording)
{
    struct crashes crashes = {.is_quiet = true, .runs_max = UINT64_MAX};
    const char *either[2] = {recording->before, recording->after};
    const char *after[2] = {recording->after, NULL};

    for (size_t i = 0; i < recording->cuts.count && crashes.report.violations == 0; i++)
        crash_explore(&crashes, &recording->cuts.items[i], either, 1, 2);
    if (crashes.report.violations == 0)
        crash_explore(&crashes, &recording->end, after, 1, 2);
    memory_release(&crashes.tried);
    memory_release(&crashes.judged);
    return crashes.report.violations > 0;
}

void lost_try(struct lost *lost, struct recording_options options,
              const struct workload_step *const *steps, size_t count)
{
    options.on_sync = note_site;
    options.on_sync_arg = lost;
    recording_free(recording_make(&options, steps, count));
    options.on_sync = NULL;
    for (size_t i = 0; i < lost->count; i++) {
        struct lost_site *site = &lost->sites[i];
        if (site->is_found)
            continue;
        options.lost_site = site->name;
        struct recording *recording = recording_make(&options, steps, count);
        site->sequences++;
        site->is_found = is_found(recording);
        recording_free(recording);
    }
}

void lost_print(const struct lost *lost)
{
    for (size_t i = 0; i < lost->count; i++)
        printf("lost %s %s %" PRIu64 "\n", lost->sites[i].name,
               lost->sites[i].is_found ? "found" : "unfound", lost->sites[i].sequences);
}
