/*
 * transfer/save_write.c - copies objects into an archive and proves them on the way.
 *
 * What is read must have the size and the checksum that the catalog has of it. That finds rot as
 * surely as the digest does, which was proven when the object came in, and costs next to nothing;
 * a digest would cost more than copying.
 */
#include "transfer/save_sink.h"

#include "base/checksum.h"
#include "base/error.h"
#include "archive/inflate.h"

#include <stdlib.h>

#define CHUNK_BYTES (1024u * 1024u)

struct writing {
    struct hf_store *store;
    const struct hf_save_plan *plan;
    struct hf_save_sink *sink;
    const struct hf_observer *observer;
    uint8_t *chunk; /* CHUNK_BYTES */
    uint64_t done_bytes;
};

/* The file that is written now. */
struct copy {
    struct writing *writing;
    const struct hf_save_file *file;
    struct hf_blob *blob;
    uint64_t read_bytes;
    uint64_t written_bytes;
    struct hf_checksummer *checksum; /* of what was read */
};

static int tell_progress(struct writing *writing, size_t len, struct hf_error *err)
{
    const struct hf_observer *observer = writing->observer;

    writing->done_bytes += len;
    if (observer && observer->progress &&
        observer->progress(observer->arg, writing->done_bytes, writing->plan->total_bytes) != 0)
        return hf_fail(err, HF_ERR_CANCELLED, "saving was cancelled");
    return 0;
}

static int fail_damaged(const struct hf_save_file *file, const char *what, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];

    return hf_fail(err, HF_ERR_CORRUPT, "object %s is damaged in the store: %s",
                   hf_digest_text(&file->object, text), what);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next bytes of the object as they are stored; *out_len 0: there are no more. */
static int read_on(struct copy *copy, size_t *out_len, struct hf_error *err)
{
    int rc =
        hf_blob_read(copy->blob, copy->writing->chunk, CHUNK_BYTES, copy->read_bytes, out_len, err);
    if (rc != 0)
        return rc;
    copy->read_bytes += *out_len;
    hf_checksummer_update(copy->checksum, copy->writing->chunk, *out_len);
    return 0;
}

/* After the last: was it what was stored? (That the file has the right size was seen when it was
 * opened; a tar must not get less than it was told in front, whatever happened to it since.) */
static int prove(const struct copy *copy, struct hf_error *err)
{
    const struct hf_save_file *file = copy->file;

    if (copy->written_bytes < file->size_bytes)
        return fail_damaged(file, "it is shorter than it should be", err);
    if (hf_checksummer_value(copy->checksum) != file->checksum)
        return fail_damaged(file, "its bytes are not those that were stored", err);
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int pass_on(struct copy *copy, const void *data, size_t len, struct hf_error *err)
{
    struct writing *writing = copy->writing;

    /* A tar cannot take more than it was told in front. */
    if (len > copy->file->size_bytes - copy->written_bytes)
        return fail_damaged(copy->file, "it is longer than it should be", err);
    copy->written_bytes += len;
    int rc = writing->sink->write(writing->sink, data, len, err);
    return rc == 0 ? tell_progress(writing, len, err) : rc;
}

static int copy_stored(struct copy *copy, struct hf_error *err)
{
    size_t len = 0;
    int rc;

    do {
        rc = read_on(copy, &len, err);
        if (rc == 0 && len > 0)
            rc = pass_on(copy, copy->writing->chunk, len, err);
    } while (rc == 0 && len > 0);
    return rc;
}

static int take_plain(void *arg, const void *data, size_t len, struct hf_error *err)
{
    return pass_on(arg, data, len, err);
}

static int inflate_all(struct copy *copy, struct hf_inflater *inflater, struct hf_error *err)
{
    size_t len = 0;
    int rc;

    do {
        rc = read_on(copy, &len, err);
        if (rc == 0 && len > 0)
            rc = hf_inflater_push(inflater, copy->writing->chunk, len, err);
    } while (rc == 0 && len > 0);
    return rc == 0 ? hf_inflater_end(inflater, err) : rc;
}

static int copy_plain(struct copy *copy, struct hf_error *err)
{
    uint8_t magic[HF_COMPRESSION_MAGIC];
    struct hf_inflater *inflater = NULL;
    struct hf_error reason = {0};
    size_t len = 0;
    int rc = hf_blob_read(copy->blob, magic, sizeof(magic), 0, &len, err);

    if (rc != 0)
        return rc;
    /* Plain although its name is not its diff ID: named by another algorithm. */
    enum hf_compression compression = hf_compression_of(magic, len);
    if (compression == HF_COMPRESSION_PLAIN)
        return copy_stored(copy, err);
    rc = hf_inflater_new(compression, take_plain, copy, &inflater, &reason);
    if (rc == 0)
        rc = inflate_all(copy, inflater, &reason);
    hf_inflater_free(inflater);
    /* It could be inflated when it was loaded. */
    if (rc == HF_ERR_INPUT)
        return fail_damaged(copy->file, reason.message, err);
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

/* --- files ------------------------------------------------------------------------------------ */

static int copy_object(struct writing *writing, const struct hf_save_file *file,
                       struct hf_error *err)
{
    struct copy copy = {.writing = writing, .file = file, .checksum = hf_checksummer_new()};
    struct hf_blob *opened = NULL;
    int rc = copy.checksum ? 0 : hf_fail_memory(err);

    if (rc == 0 && !file->blob)
        rc = hf_blob_open(writing->store, &file->object, &opened, err);
    copy.blob = file->blob ? file->blob : opened;

    if (rc == 0)
        rc = file->source == HF_SAVE_STORED ? copy_stored(&copy, err) : copy_plain(&copy, err);
    if (rc == 0)
        rc = prove(&copy, err);
    hf_blob_close(opened);
    hf_checksummer_free(copy.checksum);
    return rc;
}

static int write_file(struct writing *writing, const struct hf_save_file *file,
                      struct hf_error *err)
{
    struct hf_save_sink *sink = writing->sink;
    int rc = sink->begin(sink, file->path, file->size_bytes, err);

    if (rc != 0)
        return rc;
    if (file->source == HF_SAVE_MADE)
        rc = sink->write(sink, file->data, (size_t)file->size_bytes, err);
    else
        rc = copy_object(writing, file, err);
    if (rc == 0)
        rc = sink->end(sink, err);
    if (rc == 0 && file->source == HF_SAVE_MADE)
        rc = tell_progress(writing, (size_t)file->size_bytes, err);
    return rc;
}

int hf_save_write(struct hf_store *store, const struct hf_save_plan *plan,
                  struct hf_save_sink *sink, const struct hf_observer *observer,
                  struct hf_error *err)
{
    struct writing writing = {.store = store, .plan = plan, .sink = sink, .observer = observer};
    int rc = 0;

    writing.chunk = malloc(CHUNK_BYTES);
    if (!writing.chunk)
        return hf_fail_memory(err);
    for (size_t i = 0; rc == 0 && i < plan->count; i++)
        rc = write_file(&writing, &plan->files[i], err);
    free(writing.chunk);
    return rc == 0 ? sink->finish(sink, err) : rc;
}
