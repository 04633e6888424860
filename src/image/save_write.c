/*
 * image/save_write.c - copies objects into an archive and proves them on the way.
 *
 * Reading, inflating and writing happen here, hashing on a thread beside it (hash_pipe.h), so that
 * proving every byte costs little more than copying it.
 */
#include "image/save_sink.h"

#include "base/error.h"
#include "image/hash_pipe.h"
#include "image/inflate.h"

#include <stdlib.h>
#include <string.h>

struct writing {
    struct hf_store *store;
    const struct hf_save_plan *plan;
    struct hf_save_sink *sink;
    const struct hf_observer *observer;
    struct hf_hash_pipe *pipe;
    uint64_t done_bytes;
};

/* The file that is written now. */
struct copy {
    struct writing *writing;
    const struct hf_save_file *file;
    uint64_t written_bytes;
    uint8_t *buffer; /* PLAIN: a buffer of the pipe that is being filled */
    size_t filled;
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

/* Bytes of the pipe's current buffer go to the hash and into the archive. */
static int pass_on(struct copy *copy, const uint8_t *buffer, size_t len, struct hf_error *err)
{
    struct writing *writing = copy->writing;

    /* A tar cannot take more than it was told in front, and must not be given less. */
    if (len > copy->file->size_bytes - copy->written_bytes)
        return fail_damaged(copy->file, "it is longer than it should be", err);
    hf_hash_pipe_push(writing->pipe, len);
    copy->written_bytes += len;
    int rc = writing->sink->write(writing->sink, buffer, len, err);
    return rc == 0 ? tell_progress(writing, len, err) : rc;
}

static int copy_stored(struct copy *copy, struct hf_blob *blob, struct hf_error *err)
{
    uint64_t off = 0;

    for (;;) {
        uint8_t *buffer = hf_hash_pipe_buffer(copy->writing->pipe);
        size_t len = 0;
        int rc = hf_blob_read(blob, buffer, HF_HASH_PIPE_BUFFER, off, &len, err);
        if (rc != 0 || len == 0)
            return rc;
        off += len;
        rc = pass_on(copy, buffer, len, err);
        if (rc != 0)
            return rc;
    }
}

/* --- inflated --------------------------------------------------------------------------------- */

static int flush(struct copy *copy, struct hf_error *err)
{
    size_t len = copy->filled;
    uint8_t *buffer = copy->buffer;

    copy->buffer = NULL;
    copy->filled = 0;
    return len > 0 ? pass_on(copy, buffer, len, err) : 0;
}

static int take_plain(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct copy *copy = arg;
    const uint8_t *bytes = data;

    while (len > 0) {
        if (!copy->buffer)
            copy->buffer = hf_hash_pipe_buffer(copy->writing->pipe);
        size_t room = HF_HASH_PIPE_BUFFER - copy->filled;
        size_t part = len < room ? len : room;
        memcpy(copy->buffer + copy->filled, bytes, part);
        copy->filled += part;
        bytes += part;
        len -= part;
        int rc = copy->filled == HF_HASH_PIPE_BUFFER ? flush(copy, err) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int inflate_all(struct copy *copy, struct hf_blob *blob, struct hf_inflater *inflater,
                       uint8_t *data, struct hf_error *err)
{
    uint64_t off = 0;
    size_t len = 0;
    int rc;

    do {
        rc = hf_blob_read(blob, data, HF_HASH_PIPE_BUFFER, off, &len, err);
        if (rc == 0 && len > 0)
            rc = hf_inflater_push(inflater, data, len, err);
        off += len;
    } while (rc == 0 && len > 0);
    if (rc == 0)
        rc = hf_inflater_end(inflater, err);
    return rc == 0 ? flush(copy, err) : rc;
}

static int copy_plain(struct copy *copy, struct hf_blob *blob, struct hf_error *err)
{
    uint8_t magic[HF_COMPRESSION_MAGIC];
    struct hf_inflater *inflater = NULL;
    struct hf_error reason = {0};
    size_t len = 0;
    int rc = hf_blob_read(blob, magic, sizeof(magic), 0, &len, err);

    if (rc != 0)
        return rc;
    /* Plain although its name is not its diff ID: named by another algorithm. */
    enum hf_compression compression = hf_compression_of(magic, len);
    if (compression == HF_COMPRESSION_PLAIN)
        return copy_stored(copy, blob, err);
    uint8_t *data = malloc(HF_HASH_PIPE_BUFFER);
    if (!data)
        return hf_fail_memory(err);
    rc = hf_inflater_new(compression, take_plain, copy, &inflater, &reason);
    if (rc == 0)
        rc = inflate_all(copy, blob, inflater, data, &reason);
    hf_inflater_free(inflater);
    free(data);
    /* It could be inflated when it was loaded. */
    if (rc == HF_ERR_INPUT)
        return fail_damaged(copy->file, reason.message, err);
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Copy what the blob has, whatever it is. */
static int copy_blob(struct copy *copy, struct hf_error *err)
{
    const struct hf_save_file *file = copy->file;
    struct hf_blob *opened = NULL;
    int rc = file->blob ? 0 : hf_blob_open(copy->writing->store, &file->object, &opened, err);
    struct hf_blob *blob = file->blob ? file->blob : opened;

    if (rc == 0)
        rc = file->source == HF_SAVE_STORED ? copy_stored(copy, blob, err)
                                            : copy_plain(copy, blob, err);
    hf_blob_close(opened);
    return rc;
}

static int copy_checked(struct copy *copy, struct hf_error *err)
{
    const struct hf_save_file *file = copy->file;
    struct hf_digest found;
    int rc = hf_hash_pipe_begin(copy->writing->pipe, file->expected.algorithm, err);

    if (rc == 0)
        rc = copy_blob(copy, err);
    if (rc != 0)
        return rc;
    if (copy->written_bytes < file->size_bytes)
        return fail_damaged(file, "it is shorter than it should be", err);
    hf_hash_pipe_end(copy->writing->pipe, &found);
    if (hf_digest_compare(&found, &file->expected) != 0)
        return fail_damaged(file, "its bytes are not those that its name tells", err);
    return 0;
}

static int write_file(struct writing *writing, const struct hf_save_file *file,
                      struct hf_error *err)
{
    struct hf_save_sink *sink = writing->sink;
    struct copy copy = {.writing = writing, .file = file};
    int rc = sink->begin(sink, file->path, file->size_bytes, err);

    if (rc != 0)
        return rc;
    if (file->source == HF_SAVE_MADE)
        rc = sink->write(sink, file->data, (size_t)file->size_bytes, err);
    else
        rc = copy_checked(&copy, err);
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
    int rc = hf_hash_pipe_new(&writing.pipe, err);

    for (size_t i = 0; rc == 0 && i < plan->count; i++)
        rc = write_file(&writing, &plan->files[i], err);
    hf_hash_pipe_free(writing.pipe);
    return rc == 0 ? sink->finish(sink, err) : rc;
}
