/* archive/archive.c - tar by libarchive, whose filters are named one by one: "all" would run
 * programs. xz: unxz.c. Folders: folder.c. */
#include "archive/archive.h"

#include "base/error.h"
#include "archive/unxz.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Behind the end of a tar come zeros up to the writer's block size. A writer to a pipe wants them
 * taken. */
#define PADDING_MAX (4u * 1024u * 1024u)
#define AHEAD_BLOCK (64u * 1024u)

enum mode {
    MEMBERS,
    RAW,   /* one member of unknown size: what the compression holds */
    AHEAD, /* members of a plain tar in a file, beside the stream, passing over their bytes */
};

struct hf_archive {
    struct hf_source *source;
    struct archive *tar;
    uint64_t expected_off; /* of the next piece of the current member */
    uint64_t size_bytes;   /* of the current member */
    enum mode mode;
    uint64_t ahead_off; /* AHEAD: where the next block begins */
    char path[HF_ARCHIVE_PATH_MAX];
    int source_rc; /* what reading the source gave: libarchive passes no errors on */
    struct hf_error source_err;
    struct hf_unxz *unxz; /* NULL: the source is no xz */
    size_t held_len;      /* of the first block, for unxz */
    uint8_t block[HF_SOURCE_BLOCK];
};

/* --- the stream ------------------------------------------------------------------------------- */

/* The first block has enough to tell its compression, unless the source has no more. */
static int fill_block(struct hf_archive *archive, size_t *out_len, struct hf_error *err)
{
    size_t wanted = archive->source->done_bytes == 0 ? HF_UNXZ_MAGIC : 1;
    size_t len, total = 0;

    do {
        int rc = hf_source_read(archive->source, archive->block + total,
                                sizeof(archive->block) - total, &len, err);
        if (rc != 0)
            return rc;
        total += len;
    } while (len > 0 && total < wanted);
    *out_len = total;
    return 0;
}

static int read_block(void *arg, const void **out_data, size_t *out_len, struct hf_error *err)
{
    struct hf_archive *archive = arg;

    *out_data = archive->block;
    if (archive->held_len > 0) {
        *out_len = archive->held_len;
        archive->held_len = 0;
        return 0;
    }
    return fill_block(archive, out_len, err);
}

static int read_xz(struct hf_archive *archive, const void **out_data, size_t *out_len,
                   struct hf_error *err)
{
    int rc = hf_unxz_read(archive->unxz, out_data, out_len, err);

    if (rc == HF_ERR_INPUT || rc == HF_ERR_LIMIT)
        hf_fail_prefix(err, rc, "%s", archive->source->name);
    return rc;
}

/* Plain, or with a compression that libarchive takes off within bounds. */
static int read_piece(struct hf_archive *archive, const void **out_data, size_t *out_len,
                      struct hf_error *err)
{
    bool is_first = archive->source->done_bytes == 0;

    if (archive->unxz)
        return read_xz(archive, out_data, out_len, err);
    int rc = read_block(archive, out_data, out_len, err);
    if (rc != 0 || !is_first || !hf_unxz_begins(*out_data, *out_len))
        return rc;
    archive->held_len = *out_len;
    rc = hf_unxz_new(read_block, archive, &archive->unxz, err);
    return rc == 0 ? read_xz(archive, out_data, out_len, err) : rc;
}

static la_ssize_t read_source(struct archive *tar, void *arg, const void **out_data)
{
    struct hf_archive *archive = arg;
    size_t len = 0;

    archive->source_rc = read_piece(archive, out_data, &len, &archive->source_err);
    if (archive->source_rc != 0) {
        archive_set_error(tar, EIO, "%s", archive->source_err.message);
        return -1;
    }
    return (la_ssize_t)len;
}

/* The source's own error if there is one, else what libarchive makes of the bytes. */
static int fail(struct hf_archive *archive, struct hf_error *err)
{
    const char *why = archive_error_string(archive->tar);

    if (archive->source_rc != 0) {
        if (err)
            *err = archive->source_err;
        return archive->source_rc;
    }
    if (archive_errno(archive->tar) == ENOMEM)
        return hf_fail_memory(err);
    return hf_fail(err, HF_ERR_INPUT, "%s: not a readable archive: %s", archive->source->name,
                   why ? why : "unknown error");
}

static la_ssize_t read_ahead(struct archive *tar, void *arg, const void **out_data)
{
    struct hf_archive *archive = arg;
    const struct hf_source *source = archive->source;
    size_t len = 0;

    archive->source_rc = hf_io_pread(source->io, source->fd, archive->block, AHEAD_BLOCK,
                                     archive->ahead_off, &len, source->name, &archive->source_err);
    if (archive->source_rc != 0) {
        archive_set_error(tar, EIO, "%s", archive->source_err.message);
        return -1;
    }
    archive->ahead_off += len;
    *out_data = archive->block;
    return (la_ssize_t)len;
}

static la_int64_t skip_ahead(struct archive *tar, void *arg, la_int64_t request)
{
    struct hf_archive *archive = arg;
    uint64_t total = archive->source->total_bytes;
    uint64_t left = archive->ahead_off < total ? total - archive->ahead_off : 0;
    uint64_t skip = (uint64_t)request < left ? (uint64_t)request : left;

    archive->ahead_off += skip;
    return (la_int64_t)skip;
}

static int configure(struct archive *tar, enum mode mode)
{
    int rc =
        mode == RAW ? archive_read_support_format_raw(tar) : archive_read_support_format_tar(tar);

    if (rc != ARCHIVE_OK || mode == AHEAD)
        return rc == ARCHIVE_OK ? 0 : -1;
    if (archive_read_support_filter_gzip(tar) != ARCHIVE_OK ||
        archive_read_support_filter_bzip2(tar) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(tar) != ARCHIVE_OK)
        return -1; /* ARCHIVE_WARN: it would run a program */
    return 0;
}

static int open_stream(struct hf_archive *archive, struct hf_error *err)
{
    archive->tar = archive_read_new();
    if (!archive->tar)
        return hf_fail_memory(err);
    if (configure(archive->tar, archive->mode) != 0)
        return hf_fail(err, HF_ERR_UNSUPPORTED, "libarchive was built without a compression");
    int rc = archive->mode == AHEAD
                 ? archive_read_open2(archive->tar, archive, NULL, read_ahead, skip_ahead, NULL)
                 : archive_read_open(archive->tar, archive, NULL, read_source, NULL);
    if (archive->source_rc == 0 && archive->source->done_bytes == 0 && archive->mode != AHEAD)
        return hf_fail(err, HF_ERR_INPUT, "%s is empty", archive->source->name);
    if (rc != ARCHIVE_OK)
        return fail(archive, err);
    /* The last one stands for the source. Each more would multiply what a few bytes unpack to. */
    if (archive_filter_count(archive->tar) > (archive->unxz ? 1 : 2))
        return hf_fail(err, HF_ERR_INPUT, "%s is compressed more than once", archive->source->name);
    return 0;
}

static int open_archive(struct hf_source *source, enum mode mode, struct hf_archive **out,
                        struct hf_error *err)
{
    struct archive_entry *entry;
    struct hf_archive *archive = calloc(1, sizeof(*archive));

    if (!archive)
        return hf_fail_memory(err);
    archive->source = source;
    archive->mode = mode;
    int rc = open_stream(archive, err);
    if (rc == 0 && mode == RAW && archive_read_next_header(archive->tar, &entry) != ARCHIVE_OK)
        rc = fail(archive, err);
    if (rc != 0) {
        hf_archive_close(archive);
        return rc;
    }
    *out = archive;
    return 0;
}

int hf_archive_open(struct hf_source *source, struct hf_archive **out, struct hf_error *err)
{
    return open_archive(source, MEMBERS, out, err);
}

int hf_archive_open_raw(struct hf_source *source, struct hf_archive **out, struct hf_error *err)
{
    return open_archive(source, RAW, out, err);
}

int hf_archive_open_ahead(struct hf_source *source, struct hf_archive **out, struct hf_error *err)
{
    return open_archive(source, AHEAD, out, err);
}

void hf_archive_close(struct hf_archive *archive)
{
    if (!archive)
        return;
    if (archive->tar)
        archive_read_free(archive->tar); /* only reads; what failed was told */
    hf_unxz_free(archive->unxz);
    free(archive);
}

static int drain(struct hf_archive *archive, struct hf_error *err)
{
    size_t len = 1;
    int rc = 0;

    for (size_t total = 0; rc == 0 && len > 0 && total < PADDING_MAX; total += len)
        rc = hf_source_read(archive->source, archive->block, sizeof(archive->block), &len, err);
    return rc == 0 ? HF_END : rc;
}

/* --- members ---------------------------------------------------------------------------------- */

/* false: nothing that can be in an image archive. */
static bool take_entry(struct archive_entry *entry, struct hf_archive_entry *out)
{
    const char *path = archive_entry_pathname(entry);
    const char *hard = archive_entry_hardlink(entry);
    const char *soft = archive_entry_symlink(entry);
    bool is_file = archive_entry_filetype(entry) == AE_IFREG;

    if (!path || !hf_archive_path(NULL, path, out->path))
        return false;
    out->link[0] = '\0';
    out->size_bytes = (uint64_t)archive_entry_size(entry);
    if (hard)
        return hf_archive_path(NULL, hard, out->link);
    if (archive_entry_filetype(entry) == AE_IFLNK)
        return soft && hf_archive_path(out->path, soft, out->link);
    return is_file;
}

int hf_archive_next(struct hf_archive *archive, struct hf_archive_entry *out, struct hf_error *err)
{
    struct archive_entry *entry;
    int rc;

    do {
        rc = archive_read_next_header(archive->tar, &entry);
        if (rc == ARCHIVE_EOF)
            return archive->mode == AHEAD ? HF_END : drain(archive, err);
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) /* WARN: a name that is not of this locale */
            return fail(archive, err);
    } while (!take_entry(entry, out));
    archive->expected_off = 0;
    archive->size_bytes = out->size_bytes;
    memcpy(archive->path, out->path, sizeof(archive->path));
    return 0;
}

int hf_archive_read(struct hf_archive *archive, const void **out_data, size_t *out_len,
                    struct hf_error *err)
{
    const void *data;
    size_t len;
    la_int64_t off;
    int rc = archive_read_data_block(archive->tar, &data, &len, &off);

    if (rc != ARCHIVE_OK && rc != ARCHIVE_EOF)
        return fail(archive, err);
    if (archive->mode == RAW) {
        *out_data = data;
        *out_len = len;
        return rc == ARCHIVE_EOF ? HF_END : 0;
    }
    /* A sparse member leaves out its zeros: a few bytes could stand for any number of them. */
    if (rc == ARCHIVE_EOF && archive->expected_off != archive->size_bytes)
        return hf_fail(err, HF_ERR_INPUT, "%s: it is cut short or sparse", archive->path);
    if (rc == ARCHIVE_EOF)
        return HF_END;
    if ((uint64_t)off != archive->expected_off || len > archive->size_bytes - archive->expected_off)
        return hf_fail(err, HF_ERR_INPUT, "%s: it is sparse", archive->path);
    archive->expected_off += len;
    *out_data = data;
    *out_len = len;
    return 0;
}
