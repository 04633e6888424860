/*
 * transfer/load.c - loads an archive: the order of the steps. What each does: load.h.
 *
 *   1. begin: the intent is in the log
 *   2. read:  every member in one pass; blobs are staged as they come
 *   3. understand: index.json and manifest.json say what the members are; all is checked
 *   4. name
 *   5. commit: objects and names in one record. Until here nothing has changed, and any failure
 *      aborts: staged files are removed, and the log tells why.
 */
#include "transfer/load.h"

#include "base/error.h"
#include "image/note.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ---------------------------------------------------------------------------------- */

static int read_piece(void *arg, const void **out_data, size_t *out_len, struct hf_error *err)
{
    return hf_archive_read(arg, out_data, out_len, err);
}

static int take_entry(struct hf_load *load, struct hf_archive *archive,
                      const struct hf_archive_entry *entry, struct hf_error *err)
{
    const char *link = entry->link[0] != '\0' ? entry->link : NULL;
    struct hf_member *member;
    int rc = hf_members_add(&load->members, entry->path, link, &member, err);

    if (rc != 0 || link)
        return rc;
    member->size_bytes = entry->size_bytes;
    return hf_load_take(load, member, read_piece, archive, err);
}

static int read_stream(struct hf_load *load, struct hf_error *err)
{
    struct hf_archive *archive = NULL;
    struct hf_archive_entry entry;
    int rc = hf_archive_open(&load->source, &archive, err);

    while (rc == 0) {
        rc = hf_archive_next(archive, &entry, err);
        if (rc == 0)
            rc = take_entry(load, archive, &entry, err);
    }
    hf_archive_close(archive);
    return rc == HF_END ? 0 : rc;
}

int hf_load_read(struct hf_load *load, struct hf_error *err)
{
    int rc;

    hf_hints_scan(&load->source, &load->hints);
    rc = load->source.is_folder ? hf_load_list_folder(load, err) : read_stream(load, err);

    return rc == 0 ? hf_members_seal(&load->members, err) : rc;
}

/* --- understanding ---------------------------------------------------------------------------- */

/* manifest.json is a list of images (docker save), or one manifest (docker's "dir" layout). */
static int begins_as_list(void *out, const void *data, size_t len, struct hf_error *err)
{
    const uint8_t *bytes = data;
    size_t i = 0;

    while (i < len && isspace(bytes[i]))
        i++;
    *(bool *)out = i < len && bytes[i] == '[';
    return 0;
}

static int refuse_archive(const struct hf_load *load, struct hf_error *err)
{
    struct hf_member *repositories = NULL;

    if (hf_members_at(&load->members, "repositories", &repositories, NULL) == 0 && repositories)
        return hf_fail(err, HF_ERR_UNSUPPORTED,
                       "%s was saved by docker before 1.10 (it has \"repositories\" and no "
                       "manifest.json)",
                       load->source.name);
    return hf_fail(err, HF_ERR_INPUT,
                   "%s is no image archive: it has neither manifest.json nor index.json",
                   load->source.name);
}

int hf_load_understand(struct hf_load *load, struct hf_error *err)
{
    struct hf_member *index = NULL, *manifest = NULL;
    bool is_list = false;
    int rc = hf_members_at(&load->members, "index.json", &index, err);

    if (rc == 0)
        rc = hf_members_at(&load->members, "manifest.json", &manifest, err);
    if (rc == 0 && !index && !manifest)
        rc = refuse_archive(load, err);
    if (rc == 0 && manifest)
        rc = hf_load_document(load, manifest, begins_as_list, &is_list, err);
    if (rc == 0 && is_list)
        rc = hf_load_docker_open(load, manifest, err);
    if (rc == 0 && index)
        rc = hf_load_oci_index(load, index, err);
    if (rc == 0 && is_list)
        rc = hf_load_docker_images(load, err);
    else if (rc == 0 && !index)
        rc = hf_load_oci_single(load, manifest, err);
    if (rc == 0 && load->image_count == 0)
        rc = hf_fail(err, HF_ERR_INPUT, "%s has no images", load->source.name);
    return rc;
}

/* --- the operation ---------------------------------------------------------------------------- */

static int begin(struct hf_load *load, const char *path, struct hf_error *err)
{
    struct hf_buf note = {0};

    hf_note_begin(&note, "load");
    hf_note_add(&note, path ? path : "-");
    return hf_note_txn(load->store, &note, &load->txn, err);
}

static int prepare(struct hf_load *load, struct hf_error *err)
{
    int rc = hf_load_read(load, err);

    if (rc == 0)
        rc = hf_load_understand(load, err);
    if (rc == 0)
        rc = hf_load_name_all(load, err);
    return rc;
}

int hf_load_end(struct hf_load *load, int rc, const struct hf_error *why,
                const struct hf_observer *observer, struct hf_error *err)
{
    if (rc != 0) {
        hf_txn_abort(load->txn, why->message);
        if (err)
            *err = *why;
        return rc;
    }
    rc = hf_txn_commit(load->txn, hf_plan_decide, &load->plan, err);
    if (rc == 0)
        hf_events_tell(&load->plan.events, observer);
    return rc;
}

static int run(struct hf_load *load, const char *path, struct hf_error *err)
{
    struct hf_error why = {0};
    int rc = begin(load, path, err);

    return rc != 0 ? rc
                   : hf_load_end(load, prepare(load, &why), &why, &load->options->observer, err);
}

void hf_load_release(struct hf_load *load)
{
    for (size_t i = 0; i < load->image_count; i++) {
        hf_text_list_release(&load->images[i].names);
        hf_text_list_release(&load->images[i].tags);
    }
    hf_snapshot_release(load->before);
    free(load->images);
    free(load->manifests);
    free(load->docker_configs);
    hf_digest_map_release(&load->image_of);
    hf_digest_map_release(&load->manifest_of);
    hf_docker_manifest_release(&load->docker);
    hf_plan_release(&load->plan);
    hf_members_release(&load->members);
    hf_hints_release(&load->hints);
    hf_source_close(&load->source);
}

int hf_image_load_io(struct hf_io *io, struct hf_store *store, const char *path, int fd,
                     const struct hf_load_options *options, struct hf_error *err)
{
    static const struct hf_load_options defaults = {0};
    struct hf_load load = {.store = store, .options = options ? options : &defaults};

    load.plan.keep_old = load.options->keep_old;
    int rc = hf_source_open(io, path, fd, &load.options->observer, &load.source, err);
    if (rc != 0)
        return rc;
    rc = run(&load, path, err);
    hf_load_release(&load);
    return rc;
}

int hf_image_load(struct hf_store *store, const char *path, int fd,
                  const struct hf_load_options *options, struct hf_error *err)
{
    return hf_image_load_io(hf_io_posix(), store, path, fd, options, err);
}
