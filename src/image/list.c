/*
 * image/list.c - lists images: one row for each name, the newest image first, ties by name.
 *
 * Names and summaries come from one snapshot. Nothing but a filter for labels opens a
 * file, and a damaged image is a row like any other.
 */
#include "base/error.h"
#include "image/filter.h"
#include "image/graph.h"
#include "image/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    char *name;
    struct hf_digest target, manifest, id;
    uint64_t created_ns, size_bytes;
    char platform[64];
    bool damaged, is_index;
};

struct listing {
    struct hf_store *store;
    const char *pattern;
    struct hf_filters filters;
    struct hf_describer describer;
    struct row *rows;
    size_t count;
    size_t capacity;
    struct hf_error *err;
};

static void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->rows[i].name);
    free(listing->rows);
    hf_filters_release(&listing->filters);
    hf_describer_release(&listing->describer);
}

static int add_row(struct listing *listing, const char *name, const struct hf_image *image,
                   struct hf_error *err)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : 2 * listing->capacity;
        struct row *rows = reallocarray(listing->rows, capacity, sizeof(*rows));
        if (!rows)
            return hf_fail_memory(err);
        listing->rows = rows;
        listing->capacity = capacity;
    }
    struct row *row = &listing->rows[listing->count];
    *row = (struct row){
        .name = strdup(name),
        .target = image->target,
        .manifest = image->manifest,
        .id = image->id,
        .created_ns = image->created_ns,
        .size_bytes = image->size_bytes,
        .damaged = image->damaged,
        .is_index = image->is_index,
    };
    if (!row->name)
        return hf_fail_memory(err);
    memcpy(row->platform, image->platform, sizeof(row->platform));
    listing->count++;
    return 0;
}

static int consider(struct listing *listing, const char *name, const struct hf_digest *target,
                    struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_image image;
    bool fits = false;
    int rc = hf_describe(&listing->describer, target, NULL, &image, &reason);

    if (rc == HF_ERR_NOT_FOUND)
        return 0; /* an artifact */
    if (rc != 0) {
        if (err)
            *err = reason;
        return rc;
    }
    rc = hf_filters_fit(&listing->filters, listing->store, name, &image, &fits, err);
    return rc == 0 && fits ? add_row(listing, name, &image, err) : rc;
}

static int see_name(void *arg, const struct hf_name *name)
{
    struct listing *listing = arg;

    if (listing->pattern && !hf_pattern_fits(listing->pattern, name->name))
        return 0;
    return consider(listing, name->name, &name->target, listing->err);
}

/* A pattern that fits no name may be an ID, as wherever an image is named. */
static int list_by_id(struct listing *listing, struct hf_error *err)
{
    const struct hf_snapshot *snapshot = listing->describer.snapshot;
    struct hf_resolved resolved = {0};
    struct hf_error why = {0};
    int rc = hf_resolve(snapshot, listing->pattern, &resolved, &why);

    if (rc == HF_ERR_NOT_FOUND || rc == HF_ERR_AMBIGUOUS || rc == HF_ERR_USAGE)
        return 0;
    if (rc != 0) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    bool by_id = resolved.name[0] == '\0';
    for (size_t i = 0; rc == 0 && by_id && i < resolved.targets.count; i++) {
        struct hf_text_list names = {0};
        rc = hf_names_of(snapshot, &resolved.targets.items[i], &names, err);
        for (size_t k = 0; rc == 0 && k < names.count; k++)
            rc = consider(listing, names.items[k], &resolved.targets.items[i], err);
        hf_text_list_release(&names);
    }
    hf_resolved_release(&resolved);
    return rc;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;

    if (left->created_ns != right->created_ns)
        return left->created_ns > right->created_ns ? -1 : 1;
    return strcmp(left->name, right->name);
}

static int tell(const struct listing *listing, hf_image_fn *fn, void *arg)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < listing->count; i++) {
        const struct row *row = &listing->rows[i];
        struct hf_image image = {
            .target = row->target,
            .manifest = row->manifest,
            .id = row->id,
            .created_ns = row->created_ns,
            .size_bytes = row->size_bytes,
            .damaged = row->damaged,
            .is_index = row->is_index,
        };
        snprintf(image.name, sizeof(image.name), "%s", row->name);
        memcpy(image.platform, row->platform, sizeof(image.platform));
        rc = fn(arg, &image);
    }
    return rc;
}

int hf_image_list(struct hf_store *store, const struct hf_list_options *options, hf_image_fn *fn,
                  void *arg, struct hf_error *err)
{
    static const struct hf_list_options default_options;
    struct listing listing = {.store = store, .err = err};
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    if (!options)
        options = &default_options;
    listing.describer.snapshot = snapshot;
    listing.pattern = options->pattern;
    if (rc == 0)
        rc = hf_filters_parse(options->filters, options->filter_count, snapshot, &listing.filters,
                              err);
    if (rc == 0)
        rc = hf_snapshot_each_name(snapshot, NULL, see_name, &listing, err);
    if (rc == 0 && listing.count == 0 && listing.pattern)
        rc = list_by_id(&listing, err);
    if (rc == 0 && listing.count > 1)
        qsort(listing.rows, listing.count, sizeof(*listing.rows), compare_rows);
    if (rc == 0)
        rc = tell(&listing, fn, arg);
    hf_snapshot_release(snapshot);
    listing_release(&listing);
    return rc;
}
