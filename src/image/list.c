/*
 * image/list.c - lists images: one row for each name, the newest image first, ties by name.
 *
 * Names, targets and summaries come from one snapshot. Nothing but a filter for labels opens a
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
    struct hf_digest target;
    struct hf_digest manifest;
    uint64_t created_ns;
};

struct rows {
    struct row *items;
    size_t count;
    size_t capacity;
};

struct listing {
    struct hf_store *store;
    const struct hf_snapshot *snapshot;
    const char *pattern;
    struct hf_filters filters;
    struct hf_text_list names;
    struct rows rows;
    struct hf_error *err;
};

static void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->rows.count; i++)
        free(listing->rows.items[i].name);
    free(listing->rows.items);
    hf_text_list_release(&listing->names);
    hf_filters_release(&listing->filters);
}

static int add_row(struct rows *rows, const char *name, const struct hf_image *image,
                   struct hf_error *err)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity == 0 ? 64 : 2 * rows->capacity;
        struct row *items = reallocarray(rows->items, capacity, sizeof(*items));
        if (!items)
            return hf_fail_memory(err);
        rows->items = items;
        rows->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy)
        return hf_fail_memory(err);
    rows->items[rows->count++] = (struct row){.name = copy,
                                              .target = image->target,
                                              .manifest = image->manifest,
                                              .created_ns = image->created_ns};
    return 0;
}

static int collect_name(void *arg, const struct hf_name *name)
{
    struct listing *listing = arg;

    if (listing->pattern && !hf_pattern_fits(listing->pattern, name->name))
        return 0;
    return hf_text_list_add(&listing->names, name->name, listing->err);
}

/* A pattern that fits no name may be an ID, as wherever an image is named. */
static int names_by_id(struct listing *listing, struct hf_error *err)
{
    struct hf_resolved resolved = {0};
    int rc = hf_resolve(listing->snapshot, listing->pattern, &resolved, NULL);

    if (rc != 0)
        return rc == HF_ERR_NO_MEMORY ? hf_fail_memory(err) : 0;
    for (size_t i = 0; rc == 0 && resolved.name[0] == '\0' && i < resolved.targets.count; i++)
        rc = hf_names_of(listing->snapshot, &resolved.targets.items[i], &listing->names, err);
    hf_resolved_release(&resolved);
    return rc;
}

static int consider(struct listing *listing, const char *name, struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_name found;
    struct hf_image image;
    bool fits = false;
    int rc = hf_snapshot_name(listing->snapshot, name, &found, err);

    if (rc != 0)
        return rc;
    rc = hf_image_describe(listing->snapshot, &found.target, NULL, &image, &reason);
    if (rc == HF_ERR_NOT_FOUND)
        return 0; /* an artifact */
    if (rc != 0) {
        if (err)
            *err = reason;
        return rc;
    }
    rc = hf_filters_fit(&listing->filters, listing->store, name, &image, &fits, err);
    return rc == 0 && fits ? add_row(&listing->rows, name, &image, err) : rc;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;

    if (left->created_ns != right->created_ns)
        return left->created_ns > right->created_ns ? -1 : 1;
    return strcmp(left->name, right->name);
}

static int tell(const struct listing *listing, hf_image_fn *fn, void *arg, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < listing->rows.count; i++) {
        const struct row *row = &listing->rows.items[i];
        struct hf_image image;
        rc = hf_image_describe_manifest(listing->snapshot, &row->target, &row->manifest, &image,
                                        err);
        if (rc != 0)
            break;
        snprintf(image.name, sizeof(image.name), "%s", row->name);
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
    listing.snapshot = snapshot;
    listing.pattern = options->pattern;
    if (rc == 0)
        rc = hf_filters_parse(options->filters, options->filter_count, snapshot, &listing.filters,
                              err);
    if (rc == 0)
        rc = hf_snapshot_each_name(snapshot, NULL, collect_name, &listing, err);
    if (rc == 0 && listing.names.count == 0 && listing.pattern)
        rc = names_by_id(&listing, err);
    for (size_t i = 0; rc == 0 && i < listing.names.count; i++)
        rc = consider(&listing, listing.names.items[i], err);
    if (rc == 0 && listing.rows.count > 1)
        qsort(listing.rows.items, listing.rows.count, sizeof(*listing.rows.items), compare_rows);
    if (rc == 0)
        rc = tell(&listing, fn, arg, err);
    hf_snapshot_release(snapshot);
    listing_release(&listing);
    return rc;
}
