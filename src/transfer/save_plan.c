/* transfer/save_plan.c - the list of files of an archive. */
#include "transfer/save_plan.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct hf_save_plan *plan, const struct hf_save_file *file, struct hf_error *err)
{
    if (plan->count == plan->capacity) {
        size_t capacity = plan->capacity == 0 ? 32 : 2 * plan->capacity;
        struct hf_save_file *files = reallocarray(plan->files, capacity, sizeof(*files));
        if (!files)
            return hf_fail_memory(err);
        plan->files = files;
        plan->capacity = capacity;
    }
    plan->files[plan->count++] = *file;
    return 0;
}

int hf_save_plan_made(struct hf_save_plan *plan, const char *path, struct hf_buf *data,
                      struct hf_error *err)
{
    struct hf_save_file file = {.source = HF_SAVE_MADE, .size_bytes = data->len};
    int rc = hf_buf_check(data, err);

    if (rc != 0)
        return rc;
    snprintf(file.path, sizeof(file.path), "%s", path);
    file.data = hf_buf_detach(data);
    if (!file.data)
        return hf_fail_memory(err);
    rc = add(plan, &file, err);
    if (rc != 0)
        free(file.data);
    return rc;
}

static int add_object(struct hf_save_plan *plan, enum hf_save_source source, const char *path,
                      const struct hf_object *object, uint64_t size_bytes, struct hf_error *err)
{
    struct hf_save_file file = {
        .source = source,
        .size_bytes = size_bytes,
        .object = object->digest,
        .checksum = object->checksum,
    };

    snprintf(file.path, sizeof(file.path), "%s", path);
    return add(plan, &file, err);
}

int hf_save_plan_stored(struct hf_save_plan *plan, const char *path, const struct hf_object *object,
                        struct hf_error *err)
{
    return add_object(plan, HF_SAVE_STORED, path, object, object->size_bytes, err);
}

int hf_save_plan_plain(struct hf_save_plan *plan, const char *path, const struct hf_object *object,
                       uint64_t plain_bytes, struct hf_error *err)
{
    return add_object(plan, HF_SAVE_PLAIN, path, object, plain_bytes, err);
}

int hf_save_plan_tell(struct hf_save_plan *plan, const struct hf_text_list *names,
                      const struct hf_digest *id, struct hf_error *err)
{
    struct hf_image_event event = {.kind = HF_EVENT_SAVED, .id = *id};
    int rc = 0;

    if (names->count == 0)
        return hf_events_add(&plan->events, &event, err);
    for (size_t i = 0; rc == 0 && i < names->count; i++) {
        event.name = names->items[i];
        rc = hf_events_add(&plan->events, &event, err);
    }
    return rc;
}

/* A layer that is stored plain is rather copied than inflated. */
static int compare_files(const void *a, const void *b)
{
    const struct hf_save_file *left = a, *right = b;
    int order = strcmp(left->path, right->path);

    return order != 0 ? order : (int)left->source - (int)right->source;
}

void hf_save_plan_finish(struct hf_save_plan *plan)
{
    size_t kept = 0;

    if (plan->count > 1)
        qsort(plan->files, plan->count, sizeof(*plan->files), compare_files);
    for (size_t i = 0; i < plan->count; i++) {
        if (kept > 0 && strcmp(plan->files[kept - 1].path, plan->files[i].path) == 0)
            free(plan->files[i].data);
        else
            plan->files[kept++] = plan->files[i];
    }
    plan->count = kept;
    plan->total_bytes = 0;
    for (size_t i = 0; i < kept; i++)
        plan->total_bytes += plan->files[i].size_bytes;
}

void hf_save_plan_release(struct hf_save_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->files[i].data);
        hf_blob_close(plan->files[i].blob);
    }
    free(plan->files);
    hf_events_release(&plan->events);
    *plan = (struct hf_save_plan){0};
}

const char *hf_save_blob_path(const struct hf_digest *digest, char path[HF_SAVE_PATH_MAX])
{
    char hex[HF_DIGEST_TEXT_MAX];

    snprintf(path, HF_SAVE_PATH_MAX, "blobs/%s/%s", hf_digest_algorithm_name(digest->algorithm),
             hf_digest_hex(digest, hex));
    return path;
}

int hf_save_object(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                   struct hf_object *out, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_object object = {0};
    int rc = hf_snapshot_object(snapshot, digest, &object, err);

    if (rc == 0 && object.state == HF_OBJECT_DAMAGED)
        rc = hf_fail(err, HF_ERR_CORRUPT, "object %s is damaged in the store",
                     hf_digest_text(digest, text));
    if (rc == 0 && object.state == HF_OBJECT_ABSENT)
        rc = hf_fail(err, HF_ERR_NOT_FOUND, "object %s was never fetched",
                     hf_digest_text(digest, text));
    if (rc == 0)
        *out = object;
    else
        hf_object_release(&object);
    return rc;
}
