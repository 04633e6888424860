/*
 * rootfs/commit.c - an image from a parent and a difference: docker's "commit".
 *
 *  1. Judge the arguments, while nothing is written.
 *  2. Begin a transaction, claim the parent (commit_parent.c), change its config
 *     (commit_config.c).
 *  3. Stage the layer (commit_layer.c); an empty difference makes none.
 *  4. Make config and manifest, and commit: names, objects and claims in one record.
 *
 * Until step 4 has returned, a failure leaves no more than log entries.
 */
#include "rootfs/commit.h"

#include "base/digest.h"
#include "base/error.h"
#include "image/note.h"

#include <stdlib.h>
#include <string.h>

/* --- config and manifest ---------------------------------------------------------------------- */

static void fill_summary(const struct hf_commit *commit, const struct hf_config *config,
                         struct hf_summary *out)
{
    struct hf_member *layer = (struct hf_member *)&commit->layer;

    hf_load_fill_manifest(out, config, &commit->id, &layer, commit->has_layer ? 1 : 0);
    out->size_bytes += commit->parent.image.size_bytes;
}

/* The parent's layers, and ours on top. *out has room for one more than there are. */
static size_t list_layers(const struct hf_commit *commit, struct hf_descriptor *out)
{
    const struct hf_commit_parent *parent = &commit->parent;
    size_t count = parent->layer_count;

    if (count > 0)
        memcpy(out, parent->layers, count * sizeof(*out));
    if (!commit->has_layer)
        return count;
    out[count] = (struct hf_descriptor){.media_type = HF_MEDIA_OCI_LAYER,
                                        .digest = commit->layer.digest,
                                        .size_bytes = commit->layer.size_bytes};
    return count + 1;
}

static int put_encoded(struct hf_commit *commit, const struct hf_descriptor *parts, size_t count,
                       const struct hf_summary *summary, struct hf_digest *out,
                       struct hf_error *err)
{
    struct hf_digest *refs = calloc(count, sizeof(*refs));
    struct hf_buf text = {0};

    if (!refs)
        return hf_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        refs[i] = parts[i].digest;
    hf_manifest_encode(&parts[0], &parts[1], count - 1, &text);
    int rc = hf_buf_check(&text, err);
    if (rc == 0)
        rc = hf_load_stage_bytes(&commit->load, text.data, text.len, out, err);
    if (rc == 0)
        rc = hf_plan_put(&commit->load.plan, out, text.len, summary, refs, count, err);
    hf_buf_release(&text);
    free(refs);
    return rc;
}

static int put_manifest(struct hf_commit *commit, const struct hf_config *config,
                        uint64_t config_bytes, struct hf_digest *out, struct hf_error *err)
{
    struct hf_descriptor *parts = calloc(commit->parent.layer_count + 2, sizeof(*parts));
    struct hf_summary summary = {.media_type = HF_MEDIA_OCI_MANIFEST};

    if (!parts)
        return hf_fail_memory(err);
    parts[0] = (struct hf_descriptor){.digest = commit->id, .size_bytes = config_bytes};
    size_t layer_count = list_layers(commit, &parts[1]);
    fill_summary(commit, config, &summary);
    int rc = put_encoded(commit, parts, layer_count + 1, &summary, out, err);
    free(parts);
    return rc;
}

static int put_image(struct hf_commit *commit, struct hf_error *err)
{
    struct hf_config config = {0};
    struct hf_digest manifest;
    char *text = NULL;
    int rc = hf_commit_end_config(commit, &text, err);

    if (rc == 0)
        rc = hf_load_put_made_config(&commit->load, text, &config, &commit->id, err);
    if (rc == 0)
        rc = put_manifest(commit, &config, strlen(text), &manifest, err);
    if (rc == 0)
        rc = hf_plan_name(&commit->load.plan, commit->name, &manifest, err);
    hf_config_release(&config);
    free(text);
    return rc;
}

/* --- the operation ---------------------------------------------------------------------------- */

static int begin(struct hf_commit *commit, struct hf_error *err)
{
    const char *from = commit->upper ? commit->upper : commit->path;
    struct hf_buf note = {0};

    hf_note_begin(&note, "commit");
    hf_note_add(&note, from ? from : "-");
    hf_note_add(&note, commit->name);
    hf_note_add(&note, commit->options->parent);
    return hf_note_txn(commit->load.store, &note, &commit->load.txn, err);
}

static int prepare(struct hf_commit *commit, struct hf_error *err)
{
    int rc = commit->options->parent ? hf_commit_claim_parent(commit, err) : 0;

    commit->load.plan.keep_old = commit->options->keep_old; /* claiming may begin the plan again */
    if (rc == 0)
        rc = hf_commit_begin_config(commit, err);
    if (rc == 0)
        rc = hf_commit_take_layer(commit, err);
    return rc == 0 ? put_image(commit, err) : rc;
}

static int run(struct hf_commit *commit, struct hf_error *err)
{
    struct hf_error why = {0};
    int rc = begin(commit, err);

    return rc != 0 ? rc
                   : hf_load_end(&commit->load, prepare(commit, &why), &why,
                                 &commit->options->observer, err);
}

static int check_arguments(struct hf_commit *commit, const char *reference, struct hf_error *err)
{
    const struct hf_commit_options *options = commit->options;
    const char *platform = options->platform ? options->platform : hf_platform_here();
    int rc = hf_reference_normalize(reference, commit->name, err);

    if (rc == 0 && strchr(commit->name, '@'))
        rc = hf_fail(err, HF_ERR_USAGE, "\"%.200s\": an image can't be made for a digest",
                     reference);
    if (rc == 0 && !options->parent)
        rc = hf_platform_parse(platform, &commit->platform, err);
    return rc == 0 ? hf_commit_try_config(options, err) : rc;
}

/* A directory is opened by who reads it. */
static int open_tar(struct hf_commit *commit, int fd, struct hf_error *err)
{
    struct hf_source *source = &commit->load.source;
    int rc =
        hf_source_open(hf_io_posix(), commit->path, fd, &commit->options->observer, source, err);

    if (rc == 0 && source->is_folder)
        rc = hf_fail(err, HF_ERR_USAGE, "%s is a folder, not a tar", commit->path);
    return rc;
}

static void release(struct hf_commit *commit)
{
    json_decref(commit->config);
    hf_commit_release_parent(&commit->parent);
    hf_load_release(&commit->load);
}

static int commit_image(struct hf_commit *commit, struct hf_store *store, int fd,
                        const char *reference, struct hf_digest *out_id, struct hf_error *err)
{
    static const struct hf_commit_options defaults = {0};

    if (!commit->options)
        commit->options = &defaults;
    commit->load.store = store;
    commit->load.options = &commit->load_options;
    commit->load_options.observer = commit->options->observer;
    commit->load.source =
        (struct hf_source){.io = hf_io_posix(), .fd = -1, .observer = &commit->options->observer};
    int rc = check_arguments(commit, reference, err);
    if (rc == 0 && !commit->upper)
        rc = open_tar(commit, fd, err);
    if (rc == 0)
        rc = run(commit, err);
    if (rc == 0 && out_id)
        *out_id = commit->id;
    release(commit);
    return rc;
}

int hf_image_commit_upper(struct hf_store *store, const char *upper_dir, const char *reference,
                          const struct hf_commit_options *options, struct hf_digest *out_id,
                          struct hf_error *err)
{
    struct hf_commit commit = {.options = options, .upper = upper_dir};

    return commit_image(&commit, store, -1, reference, out_id, err);
}

int hf_image_commit_diff(struct hf_store *store, const char *path, int fd, const char *reference,
                         const struct hf_commit_options *options, struct hf_digest *out_id,
                         struct hf_error *err)
{
    struct hf_commit commit = {.options = options, .path = path};

    return commit_image(&commit, store, fd, reference, out_id, err);
}
