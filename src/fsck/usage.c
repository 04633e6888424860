/*
 * fsck/usage.c - where the bytes of a store are: every file below its root in exactly one class.
 * Walking and classes: survey.c.
 */
#include "fsck/survey.h"

#include "base/digest_map.h"
#include "base/error.h"

#include <stdlib.h>

/* A file that has several names; in a healthy store one in staging/ that is being published. */
struct linked {
    uint64_t device, inode;
    enum hf_file_class class;
    uint64_t size_bytes, allocated_bytes;
};

struct usage {
    struct hf_usage total;
    struct linked *linked; /* counted at the end, each once */
    size_t linked_count, linked_capacity;
};

static uint64_t *bytes_of_class(struct hf_usage *usage, enum hf_file_class class)
{
    switch (class) {
    case HF_FILE_IMAGE:
        return &usage->images_bytes;
    case HF_FILE_STAGED:
        return &usage->staging_bytes;
    case HF_FILE_REMOVED:
        return &usage->removed_bytes;
    case HF_FILE_QUARANTINE:
        return &usage->quarantine_bytes;
    case HF_FILE_WORKSPACE:
        return &usage->workspaces_bytes;
    case HF_FILE_LOG:
        return &usage->log_bytes;
    case HF_FILE_CATALOG:
        return &usage->catalog_bytes;
    case HF_FILE_OTHER:
        return &usage->other_bytes;
    case HF_FILE_UNKNOWN:
        break;
    }
    return &usage->unknown_bytes;
}

static void add(struct hf_usage *total, const struct linked *file)
{
    *bytes_of_class(total, file->class) += file->size_bytes;
    total->total_bytes += file->size_bytes;
    total->allocated_bytes += file->allocated_bytes;
}

static int keep_linked(struct usage *usage, const struct linked *file, struct hf_error *err)
{
    if (usage->linked_count == usage->linked_capacity) {
        size_t capacity = usage->linked_capacity == 0 ? 16 : usage->linked_capacity * 2;
        void *grown = reallocarray(usage->linked, capacity, sizeof(*usage->linked));
        if (grown == NULL)
            return hf_fail_memory(err);
        usage->linked = grown;
        usage->linked_capacity = capacity;
    }
    usage->linked[usage->linked_count++] = *file;
    return 0;
}

static int add_file(void *arg, const struct hf_survey_file *file, struct hf_error *err)
{
    struct usage *usage = arg;
    const struct linked entry = {
        .device = file->stat.device,
        .inode = file->stat.inode,
        .class = file->class,
        .size_bytes = file->stat.size_bytes,
        .allocated_bytes = file->stat.allocated_bytes,
    };

    if (file->stat.kind == HF_IO_DIR)
        return 0;
    if (file->stat.link_count > 1)
        return keep_linked(usage, &entry, err);
    add(&usage->total, &entry);
    return 0;
}

/* The names of one file together, the one in blobs/ first. */
static int compare_linked(const void *a, const void *b)
{
    const struct linked *x = a, *y = b;

    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->class > y->class) - (x->class < y->class);
}

static void add_linked(struct usage *usage)
{
    if (usage->linked_count > 1)
        qsort(usage->linked, usage->linked_count, sizeof(*usage->linked), compare_linked);
    for (size_t i = 0; i < usage->linked_count; i++) {
        const struct linked *file = &usage->linked[i];
        if (i == 0 || file[-1].inode != file->inode || file[-1].device != file->device)
            add(&usage->total, file);
    }
}

struct targets {
    struct hf_digest_map seen;
    struct hf_error *err;
};

static int note_target(void *arg, const struct hf_name *name)
{
    struct targets *targets = arg;

    return hf_digest_map_put(&targets->seen, &name->target, 0, targets->err);
}

static int count_object(void *arg, const struct hf_object *object)
{
    uint64_t *count = arg;

    *count += object->state != HF_OBJECT_ABSENT;
    return 0;
}

static int count_catalog(struct hf_store *store, struct hf_usage *out, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct targets targets = {.err = err};

    int rc = hf_snapshot_take(store, &snapshot, err);
    if (rc == 0)
        rc = hf_snapshot_each_name(snapshot, NULL, note_target, &targets, err);
    if (rc == 0)
        rc = hf_snapshot_each_object(snapshot, HF_DIGEST_NONE, NULL, count_object,
                                     &out->objects_count, err);
    out->images_count = targets.seen.count;
    hf_digest_map_release(&targets.seen);
    hf_snapshot_release(snapshot);
    return rc;
}

int hf_survey_usage(struct hf_store *store, struct hf_usage *out, struct hf_error *err)
{
    struct usage usage = {0};

    int rc = count_catalog(store, &usage.total, err);
    if (rc == 0)
        rc = hf_survey(store, add_file, &usage, err);
    add_linked(&usage);
    free(usage.linked);
    if (rc == 0)
        *out = usage.total;
    return rc;
}
