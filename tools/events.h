/*
 * events.h - tells people what an operation did, in docker's words, and how far it is.
 */
#ifndef HOLDFAST_TOOLS_EVENTS_H
#define HOLDFAST_TOOLS_EVENTS_H

#include <jansson.h>
#include <stdio.h>

#include "cli.h"
#include "progress.h"

struct cli_events {
    const struct cli *cli;
    FILE *results;     /* where what was done is told; warnings go to standard error */
    bool tell_loaded;  /* else the command itself tells what it made */
    bool tell_deleted; /* else "Replaced" is enough */
    bool dry_run;      /* say "Would …" */
    json_t *json;      /* an array that gets the events instead of `results`, or NULL */
    struct cli_progress progress;
};

/* An array for `json`, or NULL. */
json_t *cli_json_array_if(bool wanted);
/* `events` must live as long as the operation. `quiet` shows no progress. */
struct hf_observer cli_events_observe(struct cli_events *events, bool quiet);
/* The operation is over: take the progress line away and print the JSON, if any. */
void cli_events_end(struct cli_events *events);

#endif
