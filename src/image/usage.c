/*
 * image/usage.c - where the bytes of a store are, and what removing images would free.
 * Files and their classes: store/usage.c.
 */
#include <holdfast/check.h>

#include "store/survey.h"

int hf_store_usage(struct hf_store *store, struct hf_usage *out, struct hf_error *err)
{
    static const struct hf_prune_options all = {.all = true, .dry_run = true};
    struct hf_usage usage = {0};

    int rc = hf_survey_usage(store, &usage, err);
    if (rc == 0)
        rc = hf_image_prune(store, &all, &usage.reclaimable_bytes, err);
    if (rc == 0)
        *out = usage;
    return rc;
}
