/*
 * catalog/retention.c - which checkpoints there are, which is used, and which are kept. Format:
 * FORMAT.md 4.
 *
 * Always true: two usable checkpoints are kept, and the log from the older one on, so that one of
 * them may be damaged without loss.
 */
#include "catalog/retention.h"

#include "base/array.h"
#include "base/error.h"
#include "catalog/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int note_checkpoint(void *arg, const char *name, enum hf_io_kind kind)
{
    struct hf_checkpoint_list *list = arg;
    char again[32];

    (void)kind;
    uint64_t position = strtoull(name, NULL, 16);
    hf_checkpoint_name(position, again);
    if (strcmp(again, name) != 0)
        return 0;
    int rc = hf_array_grow(&list->positions, &list->capacity, list->count, sizeof(*list->positions),
                           NULL);
    if (rc != 0)
        return rc;
    list->positions[list->count++] = position;
    return 0;
}

static int compare_positions(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

int hf_checkpoint_list_read(const struct hf_layout *layout, struct hf_checkpoint_list *out,
                            struct hf_error *err)
{
    struct hf_checkpoint_list list = {0};

    int rc = hf_io_list(layout->io, layout->catalog, ".", note_checkpoint, &list, err);
    if (rc != 0) {
        hf_checkpoint_list_release(&list);
        return rc;
    }
    if (list.count > 1)
        qsort(list.positions, list.count, sizeof(*list.positions), compare_positions);
    *out = list;
    return 0;
}

void hf_checkpoint_list_release(struct hf_checkpoint_list *list)
{
    free(list->positions);
    *list = (struct hf_checkpoint_list){0};
}

/* The newest below `below` whose header and footer are good. NULL: there is no file at all. */
static int open_usable(const struct hf_layout *layout, uint64_t below,
                       struct hf_checkpoint **out_checkpoint, uint64_t *out_newest,
                       struct hf_error *err)
{
    struct hf_checkpoint_list list = {0};
    struct hf_checkpoint *checkpoint = NULL;
    struct hf_error first = {0};

    int rc = hf_checkpoint_list_read(layout, &list, err);
    if (rc != 0)
        return rc;
    *out_newest = list.count > 0 ? list.positions[list.count - 1] : 0;
    for (size_t i = list.count; i > 0 && checkpoint == NULL; i--) {
        struct hf_error why = {0};
        char name[32];
        if (list.positions[i - 1] >= below)
            continue;
        hf_checkpoint_name(list.positions[i - 1], name);
        rc = hf_checkpoint_open(layout->io, layout->catalog, name, layout->uuid, &checkpoint, &why);
        if (rc == HF_ERR_NOT_FOUND)
            continue; /* a newer one has just taken its place */
        if (rc != 0 && first.code == 0)
            first = why;
        if (rc != 0 && !hf_error_is_damage(rc, &why))
            break;
    }
    hf_checkpoint_list_release(&list);
    if (checkpoint == NULL && first.code != 0) {
        if (err != NULL)
            *err = first;
        return first.code;
    }
    *out_checkpoint = checkpoint;
    return 0;
}

/* Records of the log between a checkpoint and a position, for the fallback. */
struct replay {
    struct hf_delta *delta;
    uint64_t until;
    uint64_t reached;
};

static int replay_record(void *arg, const struct hf_wal_record *record, struct hf_error *err)
{
    struct replay *replay = arg;

    if (record->position >= replay->until)
        return 0;
    replay->reached = record->end;
    return hf_delta_apply_record(&replay->delta, record, err);
}

static int replay_log(const struct hf_layout *layout, uint64_t from, struct replay *replay,
                      struct hf_error *err)
{
    struct hf_wal_opened opened;
    struct hf_wal *wal = NULL;
    struct hf_wal_options options = {
        .io = layout->io,
        .wal_dir = layout->wal,
        .lock_fd = -1,
        .shared_fd = layout->shared,
        .from = from,
        .read_only = true,
        .fn = replay_record,
        .arg = replay,
    };
    memcpy(options.uuid, layout->uuid, sizeof(options.uuid));

    int rc = hf_wal_open(&options, &wal, &opened, err);
    if (rc != 0)
        return rc;
    if (hf_wal_tail(wal) < replay->until)
        rc = hf_fail_as(err, HF_ERR_CORRUPT,
                        "neither the newest checkpoint nor the log since the older one is whole");
    hf_wal_close(wal);
    return rc;
}

/* A hf_base_fallback_fn: the same catalog from the checkpoint before and the log since. */
static int fall_back(void *arg, uint64_t position, struct hf_checkpoint **out_checkpoint,
                     struct hf_delta **out_below, struct hf_error *err)
{
    const struct hf_layout *layout = arg;
    struct hf_checkpoint *checkpoint = NULL;
    struct hf_checkpoint_info info = {0};
    struct replay replay = {.until = position};
    uint64_t newest = 0;

    int rc = open_usable(layout, position, &checkpoint, &newest, err);
    if (rc != 0)
        return rc;
    if (checkpoint != NULL)
        hf_checkpoint_info(checkpoint, &info);
    rc = replay_log(layout, info.position, &replay, err);
    if (rc != 0) {
        hf_delta_unref(replay.delta);
        hf_checkpoint_unref(checkpoint);
        return rc;
    }
    *out_checkpoint = checkpoint;
    *out_below = replay.delta;
    return 0;
}

int hf_retention_open_newest(const struct hf_layout *layout, uint64_t below,
                             struct hf_base **out_base, uint64_t *out_newest, struct hf_error *err)
{
    struct hf_checkpoint *checkpoint = NULL;
    struct hf_checkpoint_info info = {0};
    union {
        const struct hf_layout *layout;
        void *arg;
    } borrowed = {.layout = layout};

    int rc = open_usable(layout, below, &checkpoint, out_newest, err);
    if (rc != 0)
        return rc;
    if (checkpoint != NULL)
        hf_checkpoint_info(checkpoint, &info);
    return hf_base_new(checkpoint, NULL, info.position, fall_back, borrowed.arg, out_base, err);
}

/* Read whole. *out_usable false: it is damaged for certain, or not there any more. */
static int see_usable(const struct hf_layout *layout, uint64_t position, bool *out_usable,
                      struct hf_error *err)
{
    struct hf_checkpoint *checkpoint = NULL;
    struct hf_error why = {0};
    char name[32];

    hf_checkpoint_name(position, name);
    int rc = hf_checkpoint_open(layout->io, layout->catalog, name, layout->uuid, &checkpoint, &why);
    if (rc == 0)
        rc = hf_checkpoint_verify(checkpoint, &why);
    hf_checkpoint_unref(checkpoint);
    *out_usable = rc == 0;
    if (rc == 0 || rc == HF_ERR_NOT_FOUND || hf_error_is_damage(rc, &why))
        return 0;
    if (err != NULL)
        *err = why;
    return rc;
}

/*
 * Takes the newest two that are usable off the list: what is left on it is not needed. With fewer,
 * all are kept: a disk that refuses to read one may read it again, and it stands in for the other.
 */
static int keep_two(const struct hf_layout *layout, struct hf_checkpoint_list *list,
                    uint64_t *out_trim_to, struct hf_error *err)
{
    size_t kept = 0;

    for (size_t i = list->count; kept < 2 && i > 0; i--) {
        uint64_t position = list->positions[i - 1];
        bool is_usable = false;
        int rc = see_usable(layout, position, &is_usable, err);
        if (rc != 0)
            return rc;
        if (!is_usable)
            continue;
        size_t behind = list->count - kept++ - i;
        memmove(&list->positions[i - 1], &list->positions[i], behind * sizeof(position));
        *out_trim_to = kept == 2 ? position : 0;
    }
    list->count = kept == 2 ? list->count - kept : 0;
    return 0;
}

int hf_retention_trim(const struct hf_layout *layout, uint64_t *out_trim_to, struct hf_error *err)
{
    struct hf_checkpoint_list list = {0};

    *out_trim_to = 0;
    int rc = hf_checkpoint_list_read(layout, &list, err);
    /* All is read before anything is deleted: what is deleted must not be what we would have to
     * fall back to. */
    if (rc == 0)
        rc = keep_two(layout, &list, out_trim_to, err);
    for (size_t i = list.count; rc == 0 && i > 0; i--) {
        char name[32];
        hf_checkpoint_name(list.positions[i - 1], name);
        rc = hf_io_unlink(layout->io, layout->catalog, name, err);
        if (rc == HF_ERR_NOT_FOUND)
            rc = 0;
    }
    hf_checkpoint_list_release(&list);
    return rc;
}
