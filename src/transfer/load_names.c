/*
 * transfer/load_names.c - gives every image of an archive its names.
 *
 * Without options: the archive's own full names. Then, in this order:
 *   --ref ID=NAME   these names replace those of the one image with that ID (config, manifest or
 *                   index, whole or its beginning);
 *   --ref REPO      if images have bare tags: they become REPO:TAG;
 *   --ref NAME      the archive has one image, and these names replace its own;
 *   --ref-digest    what has no name yet becomes import-YYYYMMDD@sha256:…
 * What is left without a name refuses the whole archive: there are no nameless images.
 */
#include "transfer/load.h"

#include "base/digest.h"
#include "base/error.h"
#include "oci/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS_MIN  4
#define SHOWN_MAX      10 /* images that a message lists */
#define SHOWN_ID_BYTES 19 /* "sha256:" and 12 digits */

/* Names that the caller has given, by image. */
struct naming {
    struct hf_load *load;
    struct hf_text_list *given; /* one for each image */
    bool *is_replaced;          /* the archive's own names do not count */
};

static bool needs_name(const struct hf_load_image *image)
{
    return !image->is_kept;
}

/* --- finding images by ID --------------------------------------------------------------------- */

static bool begins_with(const struct hf_digest *digest, const char *id)
{
    char text[HF_DIGEST_TEXT_MAX];

    hf_digest_text(digest, text);
    const char *from = strchr(id, ':') ? text : strchr(text, ':') + 1;
    return hf_digest_is_set(digest) && strncmp(from, id, strlen(id)) == 0;
}

static bool image_has_id(const struct hf_load *load, size_t image, const char *id)
{
    if (begins_with(&load->images[image].target, id))
        return true;
    for (size_t i = 0; i < load->manifest_count; i++)
        if (load->manifests[i].image == image && (begins_with(&load->manifests[i].config, id) ||
                                                  begins_with(&load->manifests[i].manifest, id)))
            return true;
    return false;
}

static int find_by_id(const struct hf_load *load, const char *id, size_t *out, struct hf_error *err)
{
    size_t found = 0;

    if (strlen(id) < ID_DIGITS_MIN)
        return hf_fail(err, HF_ERR_USAGE, "\"%s\" is too short for an ID", id);
    for (size_t i = 0; i < load->image_count; i++)
        if (image_has_id(load, i, id)) {
            *out = i;
            found++;
        }
    if (found == 1)
        return 0;
    return found == 0
               ? hf_fail(err, HF_ERR_NOT_FOUND, "the archive has no image %s", id)
               : hf_fail(err, HF_ERR_AMBIGUOUS, "%s fits %zu images of the archive", id, found);
}

/* "sha256:0123456789ab, …" */
static void list_images(const struct hf_load *load, const bool *which, struct hf_buf *out)
{
    char id[HF_DIGEST_TEXT_MAX];
    size_t shown = 0;

    for (size_t i = 0; i < load->image_count; i++) {
        const struct hf_load_image *image = &load->images[i];
        if (which && !which[i])
            continue;
        if (shown++ >= SHOWN_MAX)
            continue;
        hf_digest_text(hf_digest_is_set(&image->id) ? &image->id : &image->target, id);
        hf_buf_printf(out, "%s%.*s (%s", shown > 1 ? ", " : "", SHOWN_ID_BYTES, id, image->label);
        if (image->tags.count > 0)
            hf_buf_printf(out, ", only tagged \"%.40s\"", image->tags.items[0]);
        hf_buf_put_text(out, ")");
    }
    if (shown > SHOWN_MAX)
        hf_buf_printf(out, " and %zu more", shown - SHOWN_MAX);
}

/* --- what the caller gave --------------------------------------------------------------------- */

static int check_digest(const char *full, const struct hf_digest *target, struct hf_error *err)
{
    struct hf_reference parts;
    struct hf_digest digest;

    hf_reference_split(full, &parts);
    if (parts.digest[0] == '\0')
        return 0;
    if (hf_digest_parse(parts.digest, &digest, NULL) != 0 ||
        hf_digest_compare(&digest, target) != 0)
        return hf_fail(err, HF_ERR_USAGE, "\"%.300s\" has the digest of another image", full);
    return 0;
}

static int give(struct naming *naming, size_t image, const char *name, struct hf_error *err)
{
    char full[HF_REFERENCE_MAX];
    int rc = hf_reference_normalize(name, full, err);

    if (rc == 0)
        rc = check_digest(full, &naming->load->images[image].target, err);
    if (rc == 0)
        rc = hf_text_list_add(&naming->given[image], full, err);
    return rc;
}

static int give_by_id(struct naming *naming, const char *ref, const char *equals,
                      struct hf_error *err)
{
    char id[HF_DIGEST_TEXT_MAX];
    size_t image = 0;

    if ((size_t)(equals - ref) >= sizeof(id))
        return hf_fail(err, HF_ERR_USAGE, "\"%.80s\" begins with no ID", ref);
    snprintf(id, sizeof(id), "%.*s", (int)(equals - ref), ref);
    int rc = find_by_id(naming->load, id, &image, err);
    if (rc != 0)
        return rc;
    naming->is_replaced[image] = true;
    return give(naming, image, equals + 1, err);
}

/* A repository for all bare tags. *out_used false: there are none. */
static int give_repository(struct naming *naming, const char *repository, bool *out_used,
                           struct hf_error *err)
{
    char full[HF_REFERENCE_MAX];
    int rc = 0;

    *out_used = false;
    for (size_t i = 0; rc == 0 && i < naming->load->image_count; i++) {
        const struct hf_text_list *tags = &naming->load->images[i].tags;
        for (size_t t = 0; rc == 0 && !naming->is_replaced[i] && t < tags->count; t++) {
            rc = hf_reference_with_tag(repository, tags->items[t], full, err);
            if (rc == 0)
                rc = hf_text_list_add(&naming->given[i], full, err);
            *out_used = true;
        }
    }
    return rc;
}

/* The one image that plain names are for. */
static int find_single(struct naming *naming, const char *name, size_t *out, struct hf_error *err)
{
    const struct hf_load *load = naming->load;
    struct hf_buf list = {0};
    size_t count = 0;

    for (size_t i = 0; i < load->image_count; i++)
        if (needs_name(&load->images[i])) {
            *out = i;
            count++;
        }
    if (count == 1)
        return 0;
    list_images(load, NULL, &list);
    const char *text = hf_buf_text(&list);
    int rc = hf_fail(err, HF_ERR_USAGE,
                     "the archive has %zu images, say which one is %.100s (ID=NAME): %.400s", count,
                     name, text ? text : "");
    hf_buf_release(&list);
    return rc;
}

static int give_plain(struct naming *naming, const char *name, struct hf_error *err)
{
    bool used = false;
    size_t image = 0;
    int rc = hf_reference_is_bare(name) ? give_repository(naming, name, &used, err) : 0;

    if (rc != 0 || used)
        return rc;
    rc = find_single(naming, name, &image, err);
    if (rc != 0)
        return rc;
    naming->is_replaced[image] = true;
    return give(naming, image, name, err);
}

static int take_options(struct naming *naming, struct hf_error *err)
{
    const struct hf_load_options *options = naming->load->options;
    int rc = 0;

    /* First those with an ID: what they replace has no bare tags any more. */
    for (size_t i = 0; rc == 0 && i < options->ref_count; i++) {
        const char *equals = strchr(options->refs[i], '=');
        if (equals)
            rc = give_by_id(naming, options->refs[i], equals, err);
    }
    for (size_t i = 0; rc == 0 && i < options->ref_count; i++)
        if (!strchr(options->refs[i], '='))
            rc = give_plain(naming, options->refs[i], err);
    return rc;
}

/* --- deciding --------------------------------------------------------------------------------- */

static int plan_list(struct hf_load *load, const struct hf_text_list *names,
                     const struct hf_digest *target, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < names->count; i++)
        rc = hf_plan_name(&load->plan, names->items[i], target, err);
    return rc;
}

static int name_by_digest(struct hf_load *load, const struct hf_digest *target,
                          struct hf_error *err)
{
    char day[40], repository[64], full[HF_REFERENCE_MAX];

    hf_time_text(hf_io_now_ns(load->source.io), day);
    snprintf(repository, sizeof(repository), "docker.io/library/import-%.4s%.2s%.2s:latest", day,
             day + 5, day + 8);
    int rc = hf_reference_with_digest(repository, target, full, err);
    return rc == 0 ? hf_plan_name(&load->plan, full, target, err) : rc;
}

static int name_image(struct naming *naming, size_t i, bool *out_nameless, struct hf_error *err)
{
    struct hf_load *load = naming->load;
    const struct hf_load_image *image = &load->images[i];
    bool has_own = !naming->is_replaced[i] && image->names.count > 0;
    int rc = has_own ? plan_list(load, &image->names, &image->target, err) : 0;

    if (rc == 0)
        rc = plan_list(load, &naming->given[i], &image->target, err);
    *out_nameless = false;
    if (rc != 0 || has_own || naming->given[i].count > 0 || !needs_name(image))
        return rc;
    if (load->options->ref_digest)
        return name_by_digest(load, &image->target, err);
    *out_nameless = true;
    return 0;
}

static int refuse_nameless(const struct hf_load *load, const bool *nameless, struct hf_error *err)
{
    struct hf_buf list = {0};

    list_images(load, nameless, &list);
    const char *text = hf_buf_text(&list);
    int rc = hf_fail(err, HF_ERR_REFUSED,
                     "images without a name: %.500s; name them with --ref NAME, --ref ID=NAME or "
                     "--ref-digest",
                     text ? text : "");
    hf_buf_release(&list);
    return rc;
}

static int name_with(struct naming *naming, bool *nameless, struct hf_error *err)
{
    bool any = false;
    int rc = take_options(naming, err);

    for (size_t i = 0; rc == 0 && i < naming->load->image_count; i++) {
        rc = name_image(naming, i, &nameless[i], err);
        any = any || nameless[i];
    }
    return rc == 0 && any ? refuse_nameless(naming->load, nameless, err) : rc;
}

int hf_load_name_all(struct hf_load *load, struct hf_error *err)
{
    size_t count = load->image_count;
    struct naming naming = {.load = load,
                            .given = calloc(count + 1, sizeof(struct hf_text_list)),
                            .is_replaced = calloc(count + 1, sizeof(bool))};
    bool *nameless = calloc(count + 1, sizeof(bool));
    int rc = naming.given && naming.is_replaced && nameless ? name_with(&naming, nameless, err)
                                                            : hf_fail_memory(err);

    for (size_t i = 0; naming.given && i < count; i++)
        hf_text_list_release(&naming.given[i]);
    free(naming.given);
    free(naming.is_replaced);
    free(nameless);
    return rc;
}
