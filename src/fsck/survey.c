/*
 * fsck/survey.c - walks all of a store's folders. What a file's name means: survey_name.c.
 *
 * Always true:
 *  (1) a file is called unknown only if it was there, as the same file, before and after a moment
 *      at which nothing accounted for it. Bytes get into blobs/ only after a durable record says
 *      so, and leave before the record that forgets them; so a healthy store has no such moment.
 */
#include "fsck/survey.h"

#include "base/digest.h"
#include "base/error.h"
#include "fsck/survey_name.h"

#include <string.h>

/* Between two looks a file may be removed and its like be published. Not that often. */
#define LOOKS 4

struct survey {
    struct hf_store *store;
    struct hf_snapshot *snapshot; /* the newest we took */
    hf_survey_fn *fn;
    void *arg;
    struct hf_error *err;
};

struct folder {
    struct survey *survey;
    const char *path; /* "" is the root */
};

/* --- blobs ------------------------------------------------------------------------------------ */

static int has_living_claim(struct hf_store *store, const struct hf_view *view,
                            const struct hf_digest *digest, bool *out, struct hf_error *err)
{
    struct hf_view_iter iter = {0};
    struct hf_buf prefix = {0};

    *out = false;
    hf_key_digest(&prefix, HF_KEY_CLAIM, digest);
    int rc = hf_buf_check(&prefix, err);
    if (rc == 0)
        rc = hf_view_iter_init(&iter, view, prefix.data, prefix.len, err);
    while (rc == 0 && !*out && (rc = hf_view_iter_next(&iter, err)) == 0) {
        struct hf_digest claimed;
        uint64_t txn = 0;
        if (hf_key_read_digest_number(&iter.key, &claimed, &txn))
            rc = hf_wal_is_alive(store->wal, txn, out, err);
    }
    hf_view_iter_release(&iter);
    hf_buf_release(&prefix);
    return rc == HF_END ? 0 : rc;
}

int hf_survey_class_of_blob(struct hf_store *store, const struct hf_view *view,
                            const struct hf_digest *digest, enum hf_file_class *out,
                            struct hf_error *err)
{
    struct hf_object object = {0};
    struct hf_staged_place place;
    struct hf_buf key = {0};
    bool claimed = false;

    int rc = hf_view_object(view, digest, &object, err);
    bool has_bytes = rc == 0 && object.state != HF_OBJECT_ABSENT;
    hf_object_release(&object);
    if (rc != 0 && rc != HF_ERR_NOT_FOUND && rc != HF_ERR_CORRUPT)
        return rc;
    /* A malformed entry still says that there is such an object; the check tells of it. */
    *out = has_bytes || rc == HF_ERR_CORRUPT ? HF_FILE_IMAGE : HF_FILE_REMOVED;
    if (*out == HF_FILE_IMAGE)
        return 0;
    rc = hf_view_staged(view, digest, &place, err);
    if (rc != HF_ERR_NOT_FOUND)
        return rc;
    hf_key_digest(&key, HF_KEY_PENDING, digest);
    rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(view, key.data, key.len, NULL, err);
    hf_buf_release(&key);
    if (rc != HF_ERR_NOT_FOUND)
        return rc;
    rc = has_living_claim(store, view, digest, &claimed, err);
    if (rc == 0 && !claimed)
        *out = HF_FILE_UNKNOWN;
    return rc;
}

static int take_snapshot(struct survey *survey)
{
    hf_snapshot_release(survey->snapshot);
    survey->snapshot = NULL;
    return hf_snapshot_take(survey->store, &survey->snapshot, survey->err);
}

/* (1). HF_END: the file is gone. */
static int classify_blob(struct survey *survey, struct hf_survey_file *file)
{
    struct hf_store *store = survey->store;
    struct hf_io_stat again;

    for (int i = 0; i < LOOKS; i++) {
        int rc = hf_survey_class_of_blob(store, &survey->snapshot->view, &file->digest,
                                         &file->class, survey->err);
        if (rc != 0 || file->class != HF_FILE_UNKNOWN)
            return rc;
        rc = take_snapshot(survey);
        if (rc == 0)
            rc = hf_io_stat_at(store->io, store->layout.root, file->path, &again, survey->err);
        if (rc != 0)
            return rc == HF_ERR_NOT_FOUND ? HF_END : rc;
        if (again.inode != file->stat.inode)
            i = 0;
        file->stat = again;
    }
    return 0;
}

/* --- folders ---------------------------------------------------------------------------------- */

static int walk(struct survey *survey, const char *path);

static int see_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    const struct folder *folder = arg;
    struct survey *survey = folder->survey;
    struct hf_survey_file file = {0};
    struct hf_buf path = {0};
    bool is_folder = false;

    (void)kind; /* not every file system tells it here */
    if (folder->path[0] == '\0' && strcmp(name, "lost+found") == 0)
        return 0; /* the file system's own */
    hf_buf_printf(&path, "%s%s%s", folder->path, folder->path[0] != '\0' ? "/" : "", name);
    file.path = hf_buf_text(&path);
    int rc = hf_buf_check(&path, survey->err);
    if (rc == 0)
        rc = hf_io_stat_at(survey->store->io, survey->store->layout.root, file.path, &file.stat,
                           survey->err);
    if (rc == 0) {
        hf_survey_name(file.path, &file, &is_folder);
        bool is_dir = file.stat.kind == HF_IO_DIR;
        bool is_free = file.class == HF_FILE_WORKSPACE;
        if (is_dir)
            rc = walk(survey, file.path);
        else if (!is_free && file.stat.kind != HF_IO_FILE)
            file.class = HF_FILE_UNKNOWN;
        else if (file.class == HF_FILE_IMAGE)
            rc = classify_blob(survey, &file);
        if (!is_free && is_dir != is_folder)
            file.class = HF_FILE_UNKNOWN;
        if (rc == 0 && !(is_dir && is_folder))
            rc = survey->fn(survey->arg, &file, survey->err);
    }
    hf_buf_release(&path);
    return rc == HF_ERR_NOT_FOUND || rc == HF_END ? 0 : rc; /* it was removed meanwhile */
}

static int walk(struct survey *survey, const char *path)
{
    struct folder folder = {.survey = survey, .path = path};

    int rc = hf_io_list(survey->store->io, survey->store->layout.root, path[0] != '\0' ? path : ".",
                        see_entry, &folder, survey->err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

int hf_survey(struct hf_store *store, hf_survey_fn *fn, void *arg, struct hf_error *err)
{
    struct hf_error why = {0}; /* also filled by what we pass over */
    struct survey survey = {.store = store, .fn = fn, .arg = arg, .err = &why};

    int rc = take_snapshot(&survey);
    if (rc == 0)
        rc = walk(&survey, "");
    hf_snapshot_release(survey.snapshot);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}
