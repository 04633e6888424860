/*
 * transfer/save.c - writes images to an archive, while others may remove them from the store.
 *
 *  1. Begin a transaction that changes nothing: its claims keep bytes until it ends.
 *  2. In one snapshot: select the images, list the files of the archive.
 *  3. Claim every object of the list. One that is gone was removed since the snapshot: again
 * from 2.
 *  4. Write, and keep what was written.
 *
 * A store that cannot be written to gives no claims. There the same is done without: what somebody
 * removes meanwhile ends the save with an error, and never gives a wrong archive.
 */
#include "transfer/save.h"

#include "base/buf.h"
#include "base/error.h"
#include "image/note.h"
#include "transfer/save_output.h"
#include "transfer/save_plan.h"
#include "transfer/save_sink.h"

/* An image that is moved and removed faster than this is not to be caught. */
#define TRIES 10
/* Descriptors are scarce. What lies beyond is opened when its turn comes, and may be gone by then:
 * an error, and no harm. */
#define OPEN_MAX        256
#define WRITEBACK_BYTES (32u * 1024u * 1024u)

struct save {
    struct hf_io *io;
    struct hf_store *store;
    const char *const *references;
    size_t count;
    const struct hf_save_options *options;
    struct hf_txn *txn; /* NULL: no claims */
    struct hf_save_plan plan;
};

static int begin(struct save *save, struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_buf note = {0};

    if (hf_store_is_read_only(save->store))
        return 0;
    hf_note_begin(&note, "save");
    for (size_t i = 0; i < save->count; i++)
        hf_note_add(&note, save->references[i]);
    int rc = hf_note_txn(save->store, &note, &save->txn, &reason);
    /* Images are saved to another disk just when this one is full or fails. */
    if (rc == HF_ERR_NO_SPACE || rc == HF_ERR_CORRUPT || rc == HF_ERR_FAILED || rc == HF_ERR_IO)
        return 0;
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

/* --- the plan --------------------------------------------------------------------------------- */

static int make_plan(struct save *save, const struct hf_snapshot *snapshot,
                     const struct hf_save_set *set, struct hf_error *err)
{
    enum hf_save_format format = save->options->format;
    int rc;

    if (format == HF_SAVE_OCI_ARCHIVE || format == HF_SAVE_OCI_DIR)
        rc = hf_save_plan_oci(snapshot, set, &save->plan, err);
    else
        rc = hf_save_plan_docker(save->store, snapshot, set, format, &save->plan, err);
    hf_save_plan_finish(&save->plan);
    return rc;
}

static int claim_object(struct save *save, const struct hf_digest *object, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    int rc = save->txn ? hf_txn_claim(save->txn, object, NULL, err) : 0;

    return rc == HF_ERR_NOT_FOUND
               ? hf_fail(err, rc, "object %s was removed meanwhile", hf_digest_text(object, text))
               : rc;
}

/*
 * A claim keeps the bytes, but an object that left the catalog is not opened any more. So they are
 * opened while it is there.
 */
static int claim(struct save *save, struct hf_error *err)
{
    size_t opened = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < save->plan.count; i++) {
        struct hf_save_file *file = &save->plan.files[i];
        if (file->source == HF_SAVE_MADE)
            continue;
        rc = claim_object(save, &file->object, err);
        if (rc == 0 && opened++ < OPEN_MAX)
            rc = hf_blob_open(save->store, &file->object, &file->blob, err);
    }
    return rc;
}

/* *out_again: something that the snapshot had is gone. */
static int try_plan(struct save *save, bool *out_again, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_save_set set = {0};
    int rc = hf_snapshot_take(save->store, &snapshot, err);

    *out_again = false;
    if (rc == 0)
        rc = hf_save_select(snapshot, save->references, save->count, save->options, &set, err);
    if (rc == 0) {
        rc = make_plan(save, snapshot, &set, err);
        if (rc == 0)
            rc = claim(save, err);
        *out_again = rc == HF_ERR_NOT_FOUND;
    }
    hf_save_set_release(&set);
    hf_snapshot_release(snapshot);
    return rc;
}

static int plan(struct save *save, struct hf_error *err)
{
    struct hf_error reason = {0};
    bool again = true;
    int rc = 0;

    for (int i = 0; again && i < TRIES; i++) {
        hf_save_plan_release(&save->plan);
        rc = try_plan(save, &again, &reason);
    }
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int open_sink(struct save *save, struct hf_save_output *output, struct hf_save_sink **out,
                     struct hf_error *err)
{
    if (output->is_dir)
        return hf_save_sink_dir(save->io, output->temporary, out, err);
    return hf_save_sink_tar(save->io, output->fd, output->name,
                            output->temporary ? WRITEBACK_BYTES : 0, out, err);
}

static int write_all(struct save *save, struct hf_save_output *output, struct hf_error *err)
{
    struct hf_save_sink *sink = NULL;
    int rc = open_sink(save, output, &sink, err);

    if (rc != 0)
        return rc;
    rc = hf_save_write(save->store, &save->plan, sink, &save->options->observer, err);
    sink->free(sink);
    return rc;
}

static int write_output(struct save *save, const char *path, int fd, struct hf_error *err)
{
    struct hf_save_output output;
    bool is_dir = save->options->format == HF_SAVE_OCI_DIR;
    int rc = hf_save_output_open(save->io, path, fd, is_dir, &output, err);

    if (rc == 0)
        rc = write_all(save, &output, err);
    if (rc == 0)
        rc = hf_save_output_keep(&output, err);
    hf_save_output_drop(&output);
    return rc;
}

int hf_image_save_io(struct hf_io *io, struct hf_store *store, const char *const *references,
                     size_t count, const char *path, int fd, const struct hf_save_options *options,
                     struct hf_error *err)
{
    static const struct hf_save_options default_options;
    struct save save = {.io = io,
                        .store = store,
                        .references = references,
                        .count = count,
                        .options = options ? options : &default_options};
    int rc = begin(&save, err);

    if (rc == 0)
        rc = plan(&save, err);
    if (rc == 0)
        rc = write_output(&save, path, fd, err);
    /* Nothing changes in the store, so there is nothing to commit. */
    hf_txn_abort(save.txn, rc == 0 ? "saved" : hf_error_name(rc));
    if (rc == 0)
        hf_events_tell(&save.plan.events, &save.options->observer);
    hf_save_plan_release(&save.plan);
    return rc;
}

int hf_image_save(struct hf_store *store, const char *const *references, size_t count,
                  const char *path, int fd, const struct hf_save_options *options,
                  struct hf_error *err)
{
    return hf_image_save_io(hf_io_posix(), store, references, count, path, fd, options, err);
}
