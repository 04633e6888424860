/* fault-injection/verdict_inside.h - what verdict.c has others judge: mounts, workspaces, images.
 */
#ifndef HF_FAULT_VERDICT_INSIDE_H
#define HF_FAULT_VERDICT_INSIDE_H

#include "verdict.h"

#include "support/checker.h"

#define VERDICT_MOUNT "mount:"

/* Says what is broken; false. */
__attribute__((format(printf, 2, 3))) bool verdict_break(struct verdict *verdict,
                                                         const char *format, ...);

/*
 * Adds a line for each hold of a mount or workspace, and for the folder of each workspace that is
 * whole (account.h has their names). Broken: a folder without a hold.
 */
void verdict_add_spaces(const struct hf_checker_store *store, const char *root,
                        struct verdict *verdict, struct account_lines *found);

/* Takes one of the images that were found, mounts and unpacks it, which must show the same files.
 */
void verdict_try_mount(const char *root, const struct medium *medium, struct verdict *verdict);

#endif
