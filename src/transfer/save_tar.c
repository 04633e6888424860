/* transfer/save_tar.c - a tar as sink: ustar, with pax headers only for files that ustar can't say.
 */
#include "transfer/save_sink.h"

#include "base/error.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

struct tar_sink {
    struct hf_save_sink base;
    struct hf_io *io;
    int fd;
    const char *name;
    struct archive *archive;
    struct archive_entry *entry;
    uint64_t writeback_bytes; /* 0: none is started */
    uint64_t written_bytes;
    uint64_t writeback_off;
    struct hf_error err; /* of the first failed write */
    int rc;
    bool is_over; /* nothing more is written */
};

static void write_bytes(struct tar_sink *sink, const void *data, size_t len)
{
    sink->rc = hf_io_write(sink->io, sink->fd, data, len, sink->name, &sink->err);
    sink->written_bytes += len;
    if (sink->rc == 0 && sink->writeback_bytes > 0 &&
        sink->written_bytes - sink->writeback_off >= sink->writeback_bytes) {
        hf_io_start_writeback(sink->io, sink->fd, sink->writeback_off,
                              sink->written_bytes - sink->writeback_off);
        sink->writeback_off = sink->written_bytes;
    }
}

/* libarchive 3.6 loses memory when this fails. So it never does: what comes after a failed write
 * is dropped, and check() tells of the failure. */
static la_ssize_t take_bytes(struct archive *archive, void *arg, const void *data, size_t len)
{
    struct tar_sink *sink = arg;

    if (sink->rc == 0 && !sink->is_over)
        write_bytes(sink, data, len);
    return (la_ssize_t)len;
}

/* The result of a call of libarchive, behind which writes may have failed. */
static int check(struct tar_sink *sink, bool done, struct hf_error *err)
{
    if (sink->rc != 0) {
        if (err)
            *err = sink->err;
        return sink->rc;
    }
    if (done)
        return 0;
    const char *reason = archive_error_string(sink->archive);
    return hf_fail(err, HF_ERR_NO_MEMORY, "cannot write %s: %s", sink->name,
                   reason ? reason : "libarchive does not say why");
}

static int tar_begin(struct hf_save_sink *base, const char *path, uint64_t size_bytes,
                     struct hf_error *err)
{
    struct tar_sink *sink = (struct tar_sink *)base;

    archive_entry_clear(sink->entry);
    archive_entry_set_pathname(sink->entry, path);
    archive_entry_set_filetype(sink->entry, AE_IFREG);
    archive_entry_set_perm(sink->entry, 0644);
    archive_entry_set_size(sink->entry, (la_int64_t)size_bytes);
    archive_entry_set_mtime(sink->entry, 0, 0);
    return check(sink, archive_write_header(sink->archive, sink->entry) == ARCHIVE_OK, err);
}

static int tar_write(struct hf_save_sink *base, const void *data, size_t len, struct hf_error *err)
{
    struct tar_sink *sink = (struct tar_sink *)base;

    if (len == 0)
        return 0;
    la_ssize_t written = archive_write_data(sink->archive, data, len);
    return check(sink, written == (la_ssize_t)len, err);
}

static int tar_end(struct hf_save_sink *base, struct hf_error *err)
{
    struct tar_sink *sink = (struct tar_sink *)base;

    return check(sink, archive_write_finish_entry(sink->archive) == ARCHIVE_OK, err);
}

static int tar_finish(struct hf_save_sink *base, struct hf_error *err)
{
    struct tar_sink *sink = (struct tar_sink *)base;

    return check(sink, archive_write_close(sink->archive) == ARCHIVE_OK, err);
}

static void tar_free(struct hf_save_sink *base)
{
    struct tar_sink *sink = (struct tar_sink *)base;

    /* Freeing an archive that was not closed closes it, and half a one would look like a whole. */
    sink->is_over = true;
    archive_write_free(sink->archive);
    archive_entry_free(sink->entry);
    free(sink);
}

static int open_archive(struct tar_sink *sink)
{
    struct archive *archive = sink->archive;

    if (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK)
        return -1;
    /* Blocks of 0 bytes: what is written is passed on as it is, not copied into records. */
    if (archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK)
        return -1;
    return archive_write_open(archive, sink, NULL, take_bytes, NULL) == ARCHIVE_OK ? 0 : -1;
}

int hf_save_sink_tar(struct hf_io *io, int fd, const char *name, uint64_t writeback_bytes,
                     struct hf_save_sink **out, struct hf_error *err)
{
    struct tar_sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return hf_fail_memory(err);
    sink->base = (struct hf_save_sink){.begin = tar_begin,
                                       .write = tar_write,
                                       .end = tar_end,
                                       .finish = tar_finish,
                                       .free = tar_free};
    sink->io = io;
    sink->fd = fd;
    sink->name = name;
    sink->writeback_bytes = writeback_bytes;
    sink->archive = archive_write_new();
    sink->entry = archive_entry_new();
    if (!sink->archive || !sink->entry || open_archive(sink) != 0) {
        tar_free(&sink->base);
        return hf_fail_memory(err);
    }
    *out = &sink->base;
    return 0;
}
