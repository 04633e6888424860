/*
 * image/filter.h - the filters of `images` and `prune`: KEY=VALUE, all of them must fit.
 *
 *   dangling=true|false   true fits nothing: an image without a name does not exist here
 *   reference=PATTERN     several: one must fit; "*" and "?" stop at "/"
 *   before=IMAGE          made earlier than it; since=IMAGE: later
 *   until=TIME            made before a time: "24h", "2024-05-01", RFC 3339, seconds since 1970
 *   label=KEY[=VALUE]     label!=KEY[=VALUE]: without it
 *
 * Only labels need a file: an image's config, read once for each image.
 */
#ifndef HF_IMAGE_FILTER_H
#define HF_IMAGE_FILTER_H

#include <holdfast/image.h>

#include "image/lists.h"

struct hf_filters {
    bool nothing; /* no image can fit */
    struct hf_text_list patterns;
    struct hf_text_list labels;         /* "key" or "key=value" */
    struct hf_text_list without_labels; /* the same */
    uint64_t created_before_ns;         /* UINT64_MAX: no bound */
    uint64_t created_after_ns;          /* with has_after */
    bool has_after;
    struct hf_digest_set fitting, not_fitting; /* IDs whose labels were read already */
};

/* USAGE: an unknown filter or a malformed value; NOT_FOUND, AMBIGUOUS: of before and since. */
HF_MUST_USE int hf_filters_parse(const char *const *filters, size_t count,
                                 const struct hf_snapshot *snapshot, struct hf_filters *out,
                                 struct hf_error *err);
/* Does an image with this name fit? One whose config cannot be read has no labels. */
HF_MUST_USE int hf_filters_fit(struct hf_filters *filters, struct hf_store *store, const char *name,
                               const struct hf_image *image, bool *out_fits, struct hf_error *err);
void hf_filters_release(struct hf_filters *filters);

/* As docker's `images PATTERN`: REPO (every tag of it), REPO:TAG, or a glob; written short, full,
 * or without localhost/. */
bool hf_pattern_fits(const char *pattern, const char *full_name);

/* A moment as `until` takes it; durations count back from `now_ns`. USAGE. */
HF_MUST_USE int hf_moment_parse(const char *text, uint64_t now_ns, uint64_t *out_ns,
                                struct hf_error *err);

#endif
