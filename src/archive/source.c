/* archive/source.c - a file, a folder or a pipe, read with progress. */
#include "archive/source.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static int look(struct hf_source *source, struct hf_error *err)
{
    struct hf_io_stat stat;
    int rc = hf_io_fstat(source->io, source->fd, &stat, source->name, err);

    if (rc != 0)
        return rc;
    source->is_folder = stat.kind == HF_IO_DIR;
    if (stat.kind == HF_IO_FILE)
        source->total_bytes = stat.size_bytes;
    return 0;
}

int hf_source_open(struct hf_io *io, const char *path, int fd, const struct hf_observer *observer,
                   struct hf_source *out, struct hf_error *err)
{
    struct hf_source source = {.io = io, .fd = fd, .observer = observer};
    int rc = 0;

    snprintf(source.name, sizeof(source.name), "%s", path ? path : "standard input");
    if (path) {
        rc = hf_io_open(io, HF_IO_CWD, path, HF_IO_READ, 0, &source.fd, err);
        source.owns_fd = rc == 0;
    }
    if (rc == 0)
        rc = look(&source, err);
    if (rc != 0) {
        hf_source_close(&source);
        return rc;
    }
    *out = source;
    return 0;
}

int hf_source_count(struct hf_source *source, size_t len, struct hf_error *err)
{
    const struct hf_observer *observer = source->observer;

    source->done_bytes += len;
    if (observer && observer->progress &&
        observer->progress(observer->arg, source->done_bytes, source->total_bytes) != 0)
        return hf_fail(err, HF_ERR_CANCELLED, "cancelled");
    return 0;
}

int hf_source_read(struct hf_source *source, void *data, size_t len, size_t *out_len,
                   struct hf_error *err)
{
    size_t got = 0;
    int rc = hf_io_read(source->io, source->fd, data, len, &got, source->name, err);

    if (rc == 0)
        rc = hf_source_count(source, got, err);
    if (rc == 0)
        *out_len = got;
    return rc;
}

void hf_source_close(struct hf_source *source)
{
    if (source->owns_fd)
        hf_io_close(source->io, &source->fd);
    source->owns_fd = false;
}
