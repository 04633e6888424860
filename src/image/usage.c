/*
 * image/usage.c - where the bytes of a store are, and what removing images would free.
 * Files and their classes: fsck/usage.c.
 */
#include <holdfast/check.h>

#include "image/derive.h"
#include "fsck/survey.h"

struct derived {
    const struct hf_snapshot *snapshot;
    uint64_t bytes;
    struct hf_error *err;
};

static int see_object(void *arg, const struct hf_object *object)
{
    struct derived *derived = arg;
    bool is_derived = false;
    int rc = hf_derived_is(derived->snapshot, object, &is_derived, derived->err);

    if (rc == 0 && is_derived)
        derived->bytes += object->size_bytes;
    return rc;
}

static int count_derived(struct hf_store *store, struct hf_usage *usage, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);
    struct derived derived = {.snapshot = snapshot, .err = err};

    if (rc == 0)
        rc = hf_snapshot_each_object(snapshot, HF_DIGEST_NONE, NULL, see_object, &derived, err);
    hf_snapshot_release(snapshot);
    /* Others may have derived or removed since the files were counted. */
    if (derived.bytes > usage->images_bytes)
        derived.bytes = usage->images_bytes;
    usage->derived_bytes = derived.bytes;
    usage->images_bytes -= derived.bytes;
    return rc;
}

int hf_store_usage(struct hf_store *store, struct hf_usage *out, struct hf_error *err)
{
    static const struct hf_prune_options all = {.all = true, .dry_run = true};
    struct hf_usage usage = {0};

    int rc = hf_survey_usage(store, &usage, err);
    if (rc == 0)
        rc = count_derived(store, &usage, err);
    if (rc == 0)
        rc = hf_image_prune(store, &all, &usage.reclaimable_bytes, err);
    if (rc == 0)
        *out = usage;
    return rc;
}
