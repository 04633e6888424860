/*
 * rootfs/commit_config.c - the config of a committed image, as docker's would be.
 *
 * All of the parent's fields stay, known or not, but those that tell of the making of this image:
 * created, author (docker takes it from the commit alone), comment (docker has it in the history
 * only; a parent's that stayed would be shown as this image's). In place of the container's
 * command, which created_by has for docker, stands what made the layer here.
 */
#include "rootfs/commit.h"

#include "base/digest.h"
#include "base/error.h"
#include "oci/changes.h"

#include <stdlib.h>
#include <string.h>

#define CREATED_BY "holdfast commit"

static bool is_given(const char *text)
{
    return text && text[0] != '\0';
}

/* jansson takes the value on every path, and refuses NULL. */
static int set(json_t *object, const char *key, json_t *value, struct hf_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : hf_fail_memory(err);
}

static int set_if_given(json_t *object, const char *key, const char *text, struct hf_error *err)
{
    return is_given(text) ? set(object, key, json_string(text), err) : 0;
}

/* The member of this type, made as `fresh` when there is no such. Borrowed; NULL: no memory. */
static json_t *get_or_make(json_t *object, const char *key, json_t *fresh)
{
    json_t *there = json_object_get(object, key);

    if (there && fresh && json_typeof(there) == json_typeof(fresh)) {
        json_decref(fresh);
        return there;
    }
    return json_object_set_new(object, key, fresh) == 0 ? json_object_get(object, key) : NULL;
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int apply_changes(const struct hf_commit_options *options, json_t *root,
                         struct hf_error *err)
{
    json_t *config = get_or_make(root, "config", json_object());
    int rc = config ? 0 : hf_fail_memory(err);

    for (size_t i = 0; rc == 0 && i < options->change_count; i++)
        rc = hf_config_change(config, options->changes[i], err);
    return rc;
}

static int check_text(const char *text, const char *what, struct hf_error *err)
{
    json_t *value = is_given(text) ? json_string(text) : NULL;

    if (is_given(text) && !value)
        return hf_fail(err, HF_ERR_USAGE, "the %s is not UTF-8", what);
    json_decref(value);
    return 0;
}

int hf_commit_try_config(const struct hf_commit_options *options, struct hf_error *err)
{
    json_t *root = json_object();
    int rc = root ? apply_changes(options, root, err) : hf_fail_memory(err);

    json_decref(root);
    if (rc == 0)
        rc = check_text(options->author, "author", err);
    if (rc == 0)
        rc = check_text(options->message, "message", err);
    return rc;
}

static json_t *make_config(const struct hf_platform_parts *platform)
{
    json_t *root = json_pack("{s:s, s:s, s:{s:s, s:[]}}", "architecture", platform->architecture,
                             "os", platform->os, "rootfs", "type", "layers", "diff_ids");

    if (root && platform->variant[0] != '\0' &&
        json_object_set_new(root, "variant", json_string(platform->variant)) != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

int hf_commit_begin_config(struct hf_commit *commit, struct hf_error *err)
{
    json_t *parents = commit->parent.config.json;

    /* The parent's is not needed as it was any more. */
    commit->config = parents ? json_incref(parents) : make_config(&commit->platform);
    return commit->config ? apply_changes(commit->options, commit->config, err)
                          : hf_fail_memory(err);
}

/* --- the end ---------------------------------------------------------------------------------- */

static int append_history(struct hf_commit *commit, const char *created, struct hf_error *err)
{
    const struct hf_commit_options *options = commit->options;
    json_t *history = get_or_make(commit->config, "history", json_array());
    json_t *entry = json_pack("{s:s}", "created", created);
    int rc = history && entry ? 0 : hf_fail_memory(err);

    if (rc == 0)
        rc = set_if_given(entry, "author", options->author, err);
    if (rc == 0)
        rc = set(entry, "created_by", json_string(CREATED_BY), err);
    if (rc == 0)
        rc = set_if_given(entry, "comment", options->message, err);
    if (rc == 0 && !commit->has_layer)
        rc = set(entry, "empty_layer", json_true(), err);
    if (rc == 0 && json_array_append(history, entry) != 0)
        rc = hf_fail_memory(err);
    json_decref(entry);
    return rc;
}

static int append_diff_id(struct hf_commit *commit, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    json_t *rootfs = json_object_get(commit->config, "rootfs");
    json_t *diff_ids = get_or_make(rootfs, "diff_ids", json_array());

    if (!diff_ids || json_array_append_new(
                         diff_ids, json_string(hf_digest_text(&commit->layer.digest, text))) != 0)
        return hf_fail_memory(err);
    return 0;
}

int hf_commit_end_config(struct hf_commit *commit, char **out_text, struct hf_error *err)
{
    json_t *root = commit->config;
    char created[40];
    int rc;

    hf_time_text(hf_io_now_ns(commit->load.source.io), created);
    json_object_del(root, "author");
    json_object_del(root, "comment");
    rc = set(root, "created", json_string(created), err);
    if (rc == 0)
        rc = set_if_given(root, "author", commit->options->author, err);
    if (rc == 0)
        rc = append_history(commit, created, err);
    if (rc == 0 && commit->has_layer)
        rc = append_diff_id(commit, err);
    if (rc != 0)
        return rc;
    *out_text = json_dumps(root, JSON_COMPACT);
    return *out_text ? 0 : hf_fail_memory(err);
}
