/*
 * image/inspect.c - docker's JSON for an image, made from the catalog and the image's config.
 *
 * Fields stand in docker's order. "Config" is the config's own object, with the fields that docker
 * always shows added where it has none, so that templates written for docker find them.
 */
#include "oci/document.h"
#include "image/graph.h"
#include "oci/json.h"
#include "oci/reference.h"
#include "image/resolve.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum empty { EMPTY_TEXT, EMPTY_FALSE, EMPTY_NULL, EMPTY_NONE };

/* docker's order; what it does when the config does not have the field. */
static const struct {
    const char *key;
    enum empty empty;
} config_fields[] = {
    {"Hostname", EMPTY_TEXT},        {"Domainname", EMPTY_TEXT},    {"User", EMPTY_TEXT},
    {"AttachStdin", EMPTY_FALSE},    {"AttachStdout", EMPTY_FALSE}, {"AttachStderr", EMPTY_FALSE},
    {"ExposedPorts", EMPTY_NONE},    {"Tty", EMPTY_FALSE},          {"OpenStdin", EMPTY_FALSE},
    {"StdinOnce", EMPTY_FALSE},      {"Env", EMPTY_NULL},           {"Cmd", EMPTY_NULL},
    {"Healthcheck", EMPTY_NONE},     {"ArgsEscaped", EMPTY_NONE},   {"Image", EMPTY_TEXT},
    {"Volumes", EMPTY_NULL},         {"WorkingDir", EMPTY_TEXT},    {"Entrypoint", EMPTY_NULL},
    {"NetworkDisabled", EMPTY_NONE}, {"MacAddress", EMPTY_NONE},    {"OnBuild", EMPTY_NULL},
    {"Labels", EMPTY_NULL},          {"StopSignal", EMPTY_NONE},    {"StopTimeout", EMPTY_NONE},
    {"Shell", EMPTY_NONE},
};

/* What the document is made from. */
struct inspection {
    const struct hf_snapshot *snapshot;
    struct hf_image image;
    struct hf_text_list names; /* of every target with this image, sorted */
    struct hf_config config;
    json_t *out;
};

/* jansson refuses NULL as a value, so that a failed allocation before is seen here too. */
static int put(json_t *object, const char *key, json_t *value, struct hf_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : hf_fail_memory(err);
}

static int append(json_t *array, const char *text, struct hf_error *err)
{
    return json_array_append_new(array, json_string(text)) == 0 ? 0 : hf_fail_memory(err);
}

static json_t *empty_value(enum empty empty)
{
    switch (empty) {
    case EMPTY_TEXT:
        return json_string("");
    case EMPTY_FALSE:
        return json_false();
    default:
        return json_null();
    }
}

/* --- names ------------------------------------------------------------------------------------ */

static int put_tags(struct inspection *inspection, struct hf_error *err)
{
    json_t *tags = json_array();
    char shown[HF_REFERENCE_MAX];
    int rc = put(inspection->out, "RepoTags", tags, err);

    for (size_t i = 0; rc == 0 && i < inspection->names.count; i++) {
        if (!hf_reference_is_digest(inspection->names.items[i]))
            rc = append(tags, hf_reference_familiar(inspection->names.items[i], shown), err);
    }
    return rc;
}

/* REPO@DIGEST of each name's target, each once. */
static int put_digests(struct inspection *inspection, struct hf_error *err)
{
    json_t *digests = json_array();
    struct hf_text_list texts = {0};
    char full[HF_REFERENCE_MAX], shown[HF_REFERENCE_MAX];
    int rc = put(inspection->out, "RepoDigests", digests, err);

    for (size_t i = 0; rc == 0 && i < inspection->names.count; i++) {
        struct hf_name name;
        rc = hf_snapshot_name(inspection->snapshot, inspection->names.items[i], &name, err);
        if (rc == 0)
            rc = hf_reference_with_digest(inspection->names.items[i], &name.target, full, err);
        if (rc == 0)
            rc = hf_text_list_add(&texts, hf_reference_familiar(full, shown), err);
    }
    hf_text_list_sort(&texts);
    for (size_t i = 0; rc == 0 && i < texts.count; i++)
        rc = append(digests, texts.items[i], err);
    hf_text_list_release(&texts);
    return rc;
}

/* --- what the config says --------------------------------------------------------------------- */

static json_t *config_field(const struct inspection *inspection, const char *key)
{
    return json_object_get(inspection->config.json, key);
}

static int put_text(struct inspection *inspection, const char *key, const char *config_key,
                    struct hf_error *err)
{
    const char *text = json_string_value(config_field(inspection, config_key));

    return put(inspection->out, key, json_string(text ? text : ""), err);
}

static int put_config(struct inspection *inspection, struct hf_error *err)
{
    const json_t *have = config_field(inspection, "config");
    json_t *shown = json_object();
    const char *key;
    json_t *value;
    int rc = put(inspection->out, "Config", shown, err);

    for (size_t i = 0; rc == 0 && i < sizeof(config_fields) / sizeof(config_fields[0]); i++) {
        value = json_object_get(have, config_fields[i].key);
        if (value)
            rc = put(shown, config_fields[i].key, json_incref(value), err);
        else if (config_fields[i].empty != EMPTY_NONE)
            rc = put(shown, config_fields[i].key, empty_value(config_fields[i].empty), err);
    }
    json_object_foreach((json_t *)have, key, value)
    {
        if (rc == 0 && !json_object_get(shown, key))
            rc = put(shown, key, json_incref(value), err);
    }
    return rc;
}

static int put_rootfs(struct inspection *inspection, struct hf_error *err)
{
    json_t *rootfs = json_object(), *layers = json_array();
    char text[HF_DIGEST_TEXT_MAX];
    int rc = put(inspection->out, "RootFS", rootfs, err);

    if (rc == 0)
        rc = put(rootfs, "Type", json_string("layers"), err);
    if (rc == 0)
        rc = put(rootfs, "Layers", layers, err);
    else
        json_decref(layers);
    for (size_t i = 0; rc == 0 && i < inspection->config.diff_id_count; i++)
        rc = append(layers, hf_digest_text(&inspection->config.diff_ids[i], text), err);
    return rc;
}

/* --- what the catalog says -------------------------------------------------------------------- */

static int put_size(struct inspection *inspection, struct hf_error *err)
{
    json_int_t size = (json_int_t)inspection->image.size_bytes;
    json_t *driver = json_pack("{s:n,s:s}", "Data", "Name", "holdfast");
    int rc = put(inspection->out, "Size", json_integer(size), err);

    if (rc == 0)
        rc = put(inspection->out, "VirtualSize", json_integer(size), err);
    if (rc == 0)
        rc = put(inspection->out, "GraphDriver", driver, err);
    else
        json_decref(driver);
    return rc;
}

/* When the newest of its names was set. */
static int put_metadata(struct inspection *inspection, struct hf_error *err)
{
    uint64_t newest_ns = 0;
    char text[40];

    for (size_t i = 0; i < inspection->names.count; i++) {
        struct hf_name name;
        int rc = hf_snapshot_name(inspection->snapshot, inspection->names.items[i], &name, err);
        if (rc != 0)
            return rc;
        if (name.time_ns > newest_ns)
            newest_ns = name.time_ns;
    }
    hf_time_text(newest_ns, text);
    return put(inspection->out, "Metadata", json_pack("{s:s}", "LastTagTime", text), err);
}

static int put_descriptor(struct inspection *inspection, struct hf_error *err)
{
    const struct hf_image *image = &inspection->image;
    struct hf_object object = {0};
    struct hf_summary summary;
    char text[HF_DIGEST_TEXT_MAX];
    int rc = hf_snapshot_object(inspection->snapshot, &image->target, &object, err);

    if (rc == 0) {
        hf_summary_decode(object.summary, object.summary_len, &summary);
        rc = put(inspection->out, "Descriptor",
                 json_pack("{s:s,s:s,s:I}", "mediaType", summary.media_type, "digest",
                           hf_digest_text(&image->target, text), "size",
                           (json_int_t)object.size_bytes),
                 err);
    }
    hf_object_release(&object);
    return rc;
}

static int put_platform(struct inspection *inspection, struct hf_error *err)
{
    int rc = put_text(inspection, "Architecture", "architecture", err);

    if (rc == 0 && config_field(inspection, "variant"))
        rc = put_text(inspection, "Variant", "variant", err);
    if (rc == 0)
        rc = put_text(inspection, "Os", "os", err);
    if (rc == 0 && config_field(inspection, "os.version"))
        rc = put_text(inspection, "OsVersion", "os.version", err);
    return rc;
}

/* docker takes the comment of the last step that made the image. */
static int put_comment(struct inspection *inspection, struct hf_error *err)
{
    const struct hf_config *config = &inspection->config;
    const char *comment = json_string_value(config_field(inspection, "comment"));

    if ((!comment || !*comment) && config->history_count > 0)
        comment = config->history[config->history_count - 1].comment;
    return put(inspection->out, "Comment", json_string(comment ? comment : ""), err);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int put_all(struct inspection *inspection, struct hf_error *err)
{
    char id[HF_DIGEST_TEXT_MAX];
    int rc =
        put(inspection->out, "Id", json_string(hf_digest_text(&inspection->image.id, id)), err);

    if (rc == 0)
        rc = put_tags(inspection, err);
    if (rc == 0)
        rc = put_digests(inspection, err);
    if (rc == 0)
        rc = put(inspection->out, "Parent", json_string(""), err);
    if (rc == 0)
        rc = put_comment(inspection, err);
    if (rc == 0)
        rc = put_text(inspection, "Created", "created", err);
    if (rc == 0)
        rc = put_text(inspection, "DockerVersion", "docker_version", err);
    if (rc == 0)
        rc = put_text(inspection, "Author", "author", err);
    if (rc == 0)
        rc = put_config(inspection, err);
    if (rc == 0)
        rc = put_platform(inspection, err);
    if (rc == 0)
        rc = put_size(inspection, err);
    if (rc == 0)
        rc = put_rootfs(inspection, err);
    if (rc == 0)
        rc = put_metadata(inspection, err);
    if (rc == 0)
        rc = put_descriptor(inspection, err);
    return rc;
}

static int read_config(struct hf_store *store, struct inspection *inspection, struct hf_error *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = hf_blob_read_all(store, &inspection->image.id, HF_DOCUMENT_MAX, &data, &len, err);

    if (rc == 0)
        rc = hf_config_parse(data, len, &inspection->config, err);
    free(data);
    return rc;
}

static int print(struct inspection *inspection, char **out_json, struct hf_error *err)
{
    inspection->out = json_object();
    int rc = inspection->out ? put_all(inspection, err) : hf_fail_memory(err);
    if (rc != 0)
        return rc;
    char *text = json_dumps(inspection->out, JSON_INDENT(4));
    if (!text)
        return hf_fail_memory(err);
    *out_json = text;
    return 0;
}

int hf_image_inspect(struct hf_store *store, const char *reference, const char *platform,
                     char **out_json, struct hf_error *err)
{
    struct inspection inspection = {0};
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    inspection.snapshot = snapshot;
    if (rc == 0)
        rc = hf_resolve_image(snapshot, reference, platform, &inspection.image, err);
    if (rc == 0)
        rc = hf_names_of_id(snapshot, &inspection.image.id, &inspection.names, err);
    if (rc == 0)
        rc = read_config(store, &inspection, err);
    if (rc == 0)
        rc = print(&inspection, out_json, err);
    json_decref(inspection.out);
    hf_config_release(&inspection.config);
    hf_text_list_release(&inspection.names);
    hf_snapshot_release(snapshot);
    return rc;
}
