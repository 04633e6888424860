/* image/filter.c - the filters of `images` and `prune`. */
#include "image/filter.h"

#include "base/error.h"
#include "oci/document.h"
#include "image/resolve.h"
#include "io/io.h"

#include <stdlib.h>
#include <string.h>

struct context {
    const struct hf_snapshot *snapshot;
    struct hf_filters *filters;
};

typedef int parse_fn(struct context *context, const char *value, struct hf_error *err);

static int parse_dangling(struct context *context, const char *value, struct hf_error *err)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
        context->filters->nothing = true;
    else if (strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return hf_fail(err, HF_ERR_USAGE, "dangling is true or false, not \"%.60s\"", value);
    return 0;
}

static int parse_reference(struct context *context, const char *value, struct hf_error *err)
{
    return hf_text_list_add(&context->filters->patterns, value, err);
}

static void bound_before(struct hf_filters *filters, uint64_t time_ns)
{
    if (time_ns < filters->created_before_ns)
        filters->created_before_ns = time_ns;
}

static int parse_before(struct context *context, const char *value, struct hf_error *err)
{
    struct hf_image image;
    int rc = hf_resolve_image(context->snapshot, value, NULL, &image, err);

    if (rc == 0)
        bound_before(context->filters, image.created_ns);
    return rc;
}

static int parse_since(struct context *context, const char *value, struct hf_error *err)
{
    struct hf_filters *filters = context->filters;
    struct hf_image image;
    int rc = hf_resolve_image(context->snapshot, value, NULL, &image, err);

    if (rc == 0 && (!filters->has_after || image.created_ns > filters->created_after_ns))
        filters->created_after_ns = image.created_ns;
    if (rc == 0)
        filters->has_after = true;
    return rc;
}

static int parse_until(struct context *context, const char *value, struct hf_error *err)
{
    uint64_t time_ns;
    int rc = hf_moment_parse(value, hf_io_now_ns(hf_io_posix()), &time_ns, err);

    if (rc == 0)
        bound_before(context->filters, time_ns);
    return rc;
}

static int parse_label(struct context *context, const char *value, struct hf_error *err)
{
    return hf_text_list_add(&context->filters->labels, value, err);
}

static int parse_without_label(struct context *context, const char *value, struct hf_error *err)
{
    return hf_text_list_add(&context->filters->without_labels, value, err);
}

static const struct {
    const char *key; /* with what separates it from its value */
    parse_fn *parse;
} kinds[] = {
    {"dangling=", parse_dangling},    {"reference=", parse_reference}, {"before=", parse_before},
    {"since=", parse_since},          {"until=", parse_until},         {"label=", parse_label},
    {"label!=", parse_without_label},
};

static int parse_one(struct context *context, const char *filter, struct hf_error *err)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].key);
        if (strncmp(filter, kinds[i].key, len) == 0)
            return kinds[i].parse(context, filter + len, err);
    }
    return hf_fail(err, HF_ERR_USAGE,
                   "\"%.60s\" is no filter: there are dangling=, reference=, before=, since=, "
                   "until=, label= and label!=",
                   filter);
}

int hf_filters_parse(const char *const *filters, size_t count, const struct hf_snapshot *snapshot,
                     struct hf_filters *out, struct hf_error *err)
{
    struct hf_filters parsed = {.created_before_ns = UINT64_MAX};
    struct context context = {.snapshot = snapshot, .filters = &parsed};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = parse_one(&context, filters[i], err);
    if (rc == 0)
        *out = parsed;
    else
        hf_filters_release(&parsed);
    return rc;
}

void hf_filters_release(struct hf_filters *filters)
{
    hf_text_list_release(&filters->patterns);
    hf_text_list_release(&filters->labels);
    hf_text_list_release(&filters->without_labels);
    hf_digest_set_release(&filters->fitting);
    hf_digest_set_release(&filters->not_fitting);
}

/* --- labels ----------------------------------------------------------------------------------- */

/* "key": it is there; "key=value": with that value. */
static bool has_label(const struct hf_config *config, const char *wanted)
{
    const char *equals = strchr(wanted, '=');

    if (!equals)
        return hf_config_label(config, wanted) != NULL;
    char *key = strndup(wanted, (size_t)(equals - wanted));
    const char *value = key ? hf_config_label(config, key) : NULL;
    free(key);
    return value && strcmp(value, equals + 1) == 0;
}

static bool labels_fit(const struct hf_filters *filters, const struct hf_config *config)
{
    for (size_t i = 0; i < filters->labels.count; i++) {
        if (!has_label(config, filters->labels.items[i]))
            return false;
    }
    for (size_t i = 0; i < filters->without_labels.count; i++) {
        if (has_label(config, filters->without_labels.items[i]))
            return false;
    }
    return true;
}

static int read_labels(const struct hf_filters *filters, struct hf_store *store,
                       const struct hf_digest *id, bool *out_fits, struct hf_error *err)
{
    struct hf_config config = {0};
    struct hf_error reason = {0};
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = hf_blob_read_all(store, id, HF_DOCUMENT_MAX, &data, &len, &reason);

    if (rc == 0)
        rc = hf_config_parse(data, len, &config, &reason);
    *out_fits = rc == 0 && labels_fit(filters, &config);
    hf_config_release(&config);
    free(data);
    /* Neither a damaged image nor one that was removed meanwhile may stop the listing of others. */
    if (rc == HF_ERR_NO_MEMORY || rc == HF_ERR_FAILED) {
        if (err)
            *err = reason;
        return rc;
    }
    return 0;
}

static int labels_of_id_fit(struct hf_filters *filters, struct hf_store *store,
                            const struct hf_digest *id, bool *out_fits, struct hf_error *err)
{
    *out_fits = true;
    if (filters->labels.count + filters->without_labels.count == 0 ||
        hf_digest_set_has(&filters->fitting, id))
        return 0;
    *out_fits = false;
    if (hf_digest_set_has(&filters->not_fitting, id))
        return 0;
    int rc = read_labels(filters, store, id, out_fits, err);
    if (rc != 0)
        return rc;
    return hf_digest_set_add(*out_fits ? &filters->fitting : &filters->not_fitting, id, NULL, err);
}

int hf_filters_fit(struct hf_filters *filters, struct hf_store *store, const char *name,
                   const struct hf_image *image, bool *out_fits, struct hf_error *err)
{
    bool fits = !filters->nothing && image->created_ns < filters->created_before_ns &&
                (!filters->has_after || image->created_ns > filters->created_after_ns);
    bool pattern_fits = filters->patterns.count == 0;

    for (size_t i = 0; i < filters->patterns.count && !pattern_fits; i++)
        pattern_fits = hf_pattern_fits(filters->patterns.items[i], name);
    if (!fits || !pattern_fits) {
        *out_fits = false;
        return 0;
    }
    return labels_of_id_fit(filters, store, &image->id, out_fits, err);
}
