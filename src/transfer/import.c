/*
 * transfer/import.c - makes an image of one layer from a root file system's tar.
 *
 * The layer is the plain tar, also when the input was compressed, and the config and manifest are
 * those that docker would write; both as for "docker import".
 */
#include "transfer/load.h"

#include "base/digest.h"
#include "base/error.h"
#include "oci/changes.h"
#include "image/note.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import {
    struct hf_load load;
    const struct hf_import_options *options;
    const char *path; /* NULL: a descriptor */
    char name[HF_REFERENCE_MAX];
    struct hf_platform_parts platform;
    struct hf_member layer;
    struct hf_digest id;
};

/* --- the layer -------------------------------------------------------------------------------- */

static int copy_stream(struct hf_archive *archive, struct hf_staged *staged, struct hf_error *err)
{
    const void *data;
    size_t len;
    int rc;

    while ((rc = hf_archive_read(archive, &data, &len, err)) == 0) {
        rc = hf_staged_write(staged, data, len, err);
        if (rc != 0)
            return rc;
    }
    return rc == HF_END ? 0 : rc;
}

static int stage_stream(struct import *import, struct hf_archive *archive, struct hf_error *err)
{
    struct hf_member *layer = &import->layer;
    struct hf_staged *staged = NULL;
    int rc = hf_txn_stage(import->load.txn, &staged, err);

    if (rc != 0)
        return rc;
    rc = copy_stream(archive, staged, err);
    if (rc != 0) {
        hf_staged_drop(staged);
        return rc;
    }
    layer->place = HF_MEMBER_STAGED;
    return hf_staged_finish(staged, NULL, &layer->digest, &layer->size_bytes, err);
}

static int check_layer(struct import *import, struct hf_error *err)
{
    struct hf_blob *blob = NULL;
    int rc = hf_txn_staged_open(import->load.txn, &import->layer.digest, &blob, err);

    if (rc == 0)
        rc = hf_archive_check_blob(blob, err);
    hf_blob_close(blob);
    return rc == 0 ? 0 : hf_fail_prefix(err, rc, "%s", import->load.source.name);
}

static int take_layer(struct import *import, struct hf_error *err)
{
    struct hf_member *layer = &import->layer;
    struct hf_archive *archive = NULL;
    int rc = hf_archive_open_raw(&import->load.source, &archive, err);

    if (rc == 0)
        rc = stage_stream(import, archive, err);
    hf_archive_close(archive);
    if (rc == 0)
        rc = check_layer(import, err);
    if (rc != 0)
        return rc;
    layer->path = (char *)"the layer";
    layer->is_measured = true;
    layer->plain.diff_id = layer->digest;
    layer->plain.size_bytes = layer->size_bytes;
    return hf_load_put_layer(&import->load, layer, HF_MEDIA_OCI_LAYER, false, err);
}

/* --- the config ------------------------------------------------------------------------------- */

static int apply_changes(const struct hf_import_options *options, json_t *config,
                         struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < options->change_count; i++)
        rc = hf_config_change(config, options->changes[i], err);
    return rc;
}

/* Keys in docker's order. jansson takes config and gives NULL when a text is not UTF-8. */
static json_t *make_config(struct import *import, json_t *config)
{
    char created[40], digest[HF_DIGEST_TEXT_MAX], comment[512];
    const char *message = import->options->message;

    hf_time_text(hf_io_now_ns(import->load.source.io), created);
    snprintf(comment, sizeof(comment), "Imported from %s", import->path ? import->path : "-");
    if (!message || message[0] == '\0')
        message = comment;
    json_t *root = json_pack("{s:s, s:s, s:o, s:s, s:[{s:s, s:s}], s:s, s:{s:s, s:[s]}}",
                             "architecture", import->platform.architecture, "comment", message,
                             "config", config, "created", created, "history", "created", created,
                             "comment", message, "os", import->platform.os, "rootfs", "type",
                             "layers", "diff_ids", hf_digest_text(&import->layer.digest, digest));
    if (root && import->platform.variant[0] != '\0' &&
        json_object_set_new(root, "variant", json_string(import->platform.variant)) != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static int encode_config(struct import *import, char **out, struct hf_error *err)
{
    json_t *config = json_object();
    int rc = config ? apply_changes(import->options, config, err) : hf_fail_memory(err);

    if (rc != 0) {
        json_decref(config);
        return rc;
    }
    json_t *root = make_config(import, config);
    if (!root)
        return hf_fail(err, HF_ERR_USAGE, "the message or the platform is not UTF-8");
    *out = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return *out ? 0 : hf_fail_memory(err);
}

/* --- the image -------------------------------------------------------------------------------- */

static int put_manifest(struct import *import, const struct hf_config *config,
                        uint64_t config_bytes, struct hf_digest *out, struct hf_error *err)
{
    struct hf_descriptor parts[2] = {
        {.digest = import->id, .size_bytes = config_bytes},
        {.digest = import->layer.digest, .size_bytes = import->layer.size_bytes}};
    struct hf_digest refs[2] = {import->id, import->layer.digest};
    struct hf_member *layer = &import->layer;
    struct hf_summary summary = {.media_type = HF_MEDIA_OCI_MANIFEST};
    struct hf_buf text = {0};

    hf_manifest_encode_docker(&parts[0], &parts[1], 1, &text);
    int rc = hf_buf_check(&text, err);
    if (rc == 0)
        rc = hf_load_stage_bytes(&import->load, text.data, text.len, out, err);
    hf_load_fill_manifest(&summary, config, &import->id, &layer, 1);
    if (rc == 0)
        rc = hf_plan_put(&import->load.plan, out, text.len, &summary, refs, 2, err);
    hf_buf_release(&text);
    return rc;
}

static int make_image(struct import *import, struct hf_error *err)
{
    struct hf_config config = {0};
    struct hf_digest manifest;
    char *text = NULL;
    int rc = take_layer(import, err);

    if (rc == 0)
        rc = encode_config(import, &text, err);
    if (rc == 0)
        rc = hf_load_put_made_config(&import->load, text, &config, &import->id, err);
    if (rc == 0)
        rc = put_manifest(import, &config, strlen(text), &manifest, err);
    if (rc == 0)
        rc = hf_plan_name(&import->load.plan, import->name, &manifest, err);
    hf_config_release(&config);
    free(text);
    return rc;
}

/* --- the operation ---------------------------------------------------------------------------- */

/* Malformed changes are told before the input is read. */
static int try_changes(const struct hf_import_options *options, struct hf_error *err)
{
    json_t *config = json_object();
    int rc = config ? apply_changes(options, config, err) : hf_fail_memory(err);

    json_decref(config);
    return rc;
}

static int begin(struct import *import, struct hf_error *err)
{
    struct hf_buf note = {0};

    hf_note_begin(&note, "import");
    hf_note_add(&note, import->path ? import->path : "-");
    hf_note_add(&note, import->name);
    return hf_note_txn(import->load.store, &note, &import->load.txn, err);
}

static int run(struct import *import, struct hf_error *err)
{
    struct hf_error why = {0};
    int rc = begin(import, err);

    return rc != 0 ? rc
                   : hf_load_end(&import->load, make_image(import, &why), &why,
                                 import->load.source.observer, err);
}

int hf_image_import(struct hf_store *store, const char *path, int fd, const char *reference,
                    const struct hf_import_options *options, struct hf_digest *out_id,
                    struct hf_error *err)
{
    static const struct hf_import_options defaults = {0};
    static const struct hf_load_options no_options = {0};
    struct import import = {.options = options ? options : &defaults, .path = path};

    import.load.store = store;
    import.load.options = &no_options;
    import.load.plan.keep_old = import.options->keep_old;
    int rc = hf_reference_normalize(reference, import.name, err);
    if (rc == 0 && strchr(import.name, '@'))
        rc = hf_fail(err, HF_ERR_USAGE, "\"%.200s\": an image can't be made for a digest",
                     reference);
    if (rc == 0)
        rc = hf_platform_parse(import.options->platform ? import.options->platform
                                                        : hf_platform_here(),
                               &import.platform, err);
    if (rc == 0)
        rc = try_changes(import.options, err);
    if (rc == 0)
        rc = hf_source_open(hf_io_posix(), path, fd, &import.options->observer, &import.load.source,
                            err);
    if (rc == 0 && import.load.source.is_folder)
        rc = hf_fail(err, HF_ERR_USAGE, "%s is a folder, not a tar", path);
    if (rc == 0)
        rc = run(&import, err);
    if (rc == 0 && out_id)
        *out_id = import.id;
    hf_load_release(&import.load);
    return rc;
}
