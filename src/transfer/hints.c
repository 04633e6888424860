/*
 * transfer/hints.c - walks over a tar twice by its headers: for manifest.json, then for the configs
 * that it names. A config's diff IDs are the digests of the plain layers.
 */
#include "transfer/hints.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "archive/archive.h"
#include "oci/document.h"

#include <stdlib.h>
#include <string.h>

#define HINTS_MAX        65536u
#define CONFIG_BYTES_MAX (32u * 1024u * 1024u) /* of all configs together */

/* --- one walk --------------------------------------------------------------------------------- */

/* Where an image's config is. */
struct config_path {
    char path[HF_ARCHIVE_PATH_MAX]; /* canonical */
    size_t image;
};

struct scan {
    struct hf_docker_manifest manifest;
    struct config_path **configs; /* sorted by path; one block of memory follows them */
    size_t config_count;
    size_t config_bytes;
    struct hf_hints *hints;
};

static int read_entry(struct hf_archive *archive, struct hf_buf *out, struct hf_error *err)
{
    const void *data;
    size_t len;
    int rc;

    hf_buf_clear(out);
    while ((rc = hf_archive_read(archive, &data, &len, err)) == 0)
        hf_buf_put(out, data, len);
    return rc == HF_END ? hf_buf_check(out, err) : rc;
}

typedef int entry_fn(struct scan *scan, struct hf_archive *archive,
                     const struct hf_archive_entry *entry, struct hf_buf *buf,
                     struct hf_error *err);

static int walk(struct hf_source *source, struct scan *scan, entry_fn *fn, struct hf_error *err)
{
    struct hf_archive *archive = NULL;
    struct hf_archive_entry entry;
    struct hf_buf buf = {.max_bytes = HF_DOCUMENT_MAX};
    int rc = hf_archive_open_ahead(source, &archive, err);

    while (rc == 0) {
        rc = hf_archive_next(archive, &entry, err);
        if (rc == 0 && entry.link[0] == '\0' && entry.size_bytes <= HF_DOCUMENT_MAX)
            rc = fn(scan, archive, &entry, &buf, err);
    }
    hf_archive_close(archive);
    hf_buf_release(&buf);
    return rc == HF_END ? 0 : rc;
}

/* --- manifest.json ---------------------------------------------------------------------------- */

static int find_manifest(struct scan *scan, struct hf_archive *archive,
                         const struct hf_archive_entry *entry, struct hf_buf *buf,
                         struct hf_error *err)
{
    if (strcmp(entry->path, "manifest.json") != 0)
        return 0;
    int rc = read_entry(archive, buf, err);
    if (rc != 0)
        return rc;
    hf_docker_manifest_release(&scan->manifest);
    return hf_docker_manifest_parse(buf->data, buf->len, &scan->manifest, err);
}

/* --- configs ---------------------------------------------------------------------------------- */

static int add_hint(struct hf_hints *hints, const char *path, const struct hf_digest *digest,
                    struct hf_error *err)
{
    char canonical[HF_ARCHIVE_PATH_MAX];

    if (hints->count >= HINTS_MAX || digest->algorithm != HF_DIGEST_SHA256 ||
        !hf_archive_path(NULL, path, canonical))
        return 0;
    int rc =
        hf_array_grow(&hints->items, &hints->capacity, hints->count, sizeof(*hints->items), err);
    if (rc != 0)
        return rc;
    char *copy = strdup(canonical);
    if (!copy)
        return hf_fail_memory(err);
    hints->items[hints->count++] = (struct hf_hint){copy, *digest};
    return 0;
}

static int take_config(struct scan *scan, const struct hf_docker_image *image,
                       const struct hf_buf *text, struct hf_error *err)
{
    struct hf_config config = {0};
    int rc = hf_config_parse(text->data, text->len, &config, err);

    if (rc == 0 && config.diff_id_count == image->layer_count)
        for (size_t i = 0; rc == 0 && i < image->layer_count; i++)
            rc = add_hint(scan->hints, image->layers[i], &config.diff_ids[i], err);
    hf_config_release(&config);
    return rc;
}

static int compare_paths(const void *a, const void *b)
{
    const struct config_path *const *one = a, *const *two = b;

    return strcmp((*one)->path, (*two)->path);
}

static int list_configs(struct scan *scan, struct hf_error *err)
{
    size_t count = scan->manifest.count;
    struct config_path **list = calloc(count, sizeof(*list) + sizeof(**list));

    if (!list)
        return hf_fail_memory(err);
    struct config_path *next = (struct config_path *)(list + count);
    for (size_t i = 0; i < count; i++) {
        if (!hf_archive_path(NULL, scan->manifest.images[i].config, next->path))
            continue;
        next->image = i;
        list[scan->config_count++] = next++;
    }
    qsort(list, scan->config_count, sizeof(*list), compare_paths);
    scan->configs = list;
    return 0;
}

static int find_config(struct scan *scan, struct hf_archive *archive,
                       const struct hf_archive_entry *entry, struct hf_buf *buf,
                       struct hf_error *err)
{
    struct config_path key;
    const struct config_path *wanted = &key;

    if (scan->config_bytes > CONFIG_BYTES_MAX - entry->size_bytes)
        return 0;
    memcpy(key.path, entry->path, sizeof(key.path));
    struct config_path **found =
        bsearch(&wanted, scan->configs, scan->config_count, sizeof(*scan->configs), compare_paths);
    if (!found)
        return 0;
    scan->config_bytes += entry->size_bytes;
    int rc = read_entry(archive, buf, err);
    return rc == 0 ? take_config(scan, &scan->manifest.images[(*found)->image], buf, err) : rc;
}

/* ---------------------------------------------------------------------------------------------- */

static int compare_hints(const void *a, const void *b)
{
    const struct hf_hint *one = a, *two = b;

    return strcmp(one->path, two->path);
}

void hf_hints_scan(struct hf_source *source, struct hf_hints *out)
{
    struct scan scan = {.hints = out};

    if (!source->owns_fd || source->is_folder || source->total_bytes == 0)
        return;
    int rc = walk(source, &scan, find_manifest, NULL);
    if (rc == 0 && scan.manifest.count > 0)
        rc = list_configs(&scan, NULL);
    if (rc == 0 && scan.config_count > 0)
        rc = walk(source, &scan, find_config, NULL);
    free(scan.configs);
    hf_docker_manifest_release(&scan.manifest);
    if (rc != 0)
        hf_hints_release(out);
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), compare_hints);
}

bool hf_hints_get(const struct hf_hints *hints, const char *path, struct hf_digest *out)
{
    struct hf_hint key = {.path = (char *)path};
    const struct hf_hint *hint =
        hints->count > 0 ? bsearch(&key, hints->items, hints->count, sizeof(key), compare_hints)
                         : NULL;

    if (!hint)
        return false;
    *out = hint->digest;
    return true;
}

void hf_hints_release(struct hf_hints *hints)
{
    for (size_t i = 0; i < hints->count; i++)
        free(hints->items[i].path);
    free(hints->items);
    *hints = (struct hf_hints){0};
}
