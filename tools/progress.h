/*
 * progress.h - one line on a terminal that tells how far an operation is; nothing in a pipe.
 */
#ifndef HOLDFAST_TOOLS_PROGRESS_H
#define HOLDFAST_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    const char *label; /* NULL: show nothing */
    bool shown;
    uint64_t shown_ns;
};

void cli_progress_init(struct cli_progress *progress, const char *label, bool quiet);
/* total_bytes 0: unknown. Cheap when called often. */
void cli_progress_show(struct cli_progress *progress, uint64_t done_bytes, uint64_t total_bytes);
/* Take the line away, for other words or at the end. */
void cli_progress_clear(struct cli_progress *progress);

#endif
