/*
 * progress.c - see progress.h.
 */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

#define REFRESH_NS 100000000ull

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void cli_progress_init(struct cli_progress *progress, const char *label, bool quiet)
{
    *progress = (struct cli_progress){.label = quiet || !isatty(STDERR_FILENO) ? NULL : label,
                                      .shown_ns = monotonic_ns()};
}

void cli_progress_show(struct cli_progress *progress, uint64_t done_bytes, uint64_t total_bytes)
{
    char done[CLI_TEXT_MAX];
    char total[CLI_TEXT_MAX];

    if (!progress->label)
        return;
    uint64_t now_ns = monotonic_ns();
    if (now_ns - progress->shown_ns < REFRESH_NS)
        return;
    progress->shown_ns = now_ns;
    progress->shown = true;
    if (total_bytes > 0)
        fprintf(stderr, "\r\033[K%s: %s of %s (%.0f %%)", progress->label,
                cli_size_text(done_bytes, done), cli_size_text(total_bytes, total),
                100.0 * (double)done_bytes / (double)total_bytes);
    else
        fprintf(stderr, "\r\033[K%s: %s", progress->label, cli_size_text(done_bytes, done));
    fflush(stderr);
}

void cli_progress_clear(struct cli_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
