/* archive/tar_check.c - is a blob a tar? */
#include "archive/archive.h"

#include "base/error.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

struct blob_reader {
    struct hf_blob *blob;
    uint64_t off;
    int rc;
    struct hf_error err;
    uint8_t block[65536];
};

static la_ssize_t read_blob(struct archive *tar, void *arg, const void **out_data)
{
    struct blob_reader *reader = arg;
    size_t len = 0;

    reader->rc = hf_blob_read(reader->blob, reader->block, sizeof(reader->block), reader->off, &len,
                              &reader->err);
    if (reader->rc != 0) {
        archive_set_error(tar, EIO, "%s", reader->err.message);
        return -1;
    }
    reader->off += len;
    *out_data = reader->block;
    return (la_ssize_t)len;
}

static la_int64_t skip_blob(struct archive *tar, void *arg, la_int64_t request)
{
    struct blob_reader *reader = arg;
    uint64_t left = hf_blob_size(reader->blob) - reader->off;
    uint64_t skip = (uint64_t)request < left ? (uint64_t)request : left;

    reader->off += skip;
    return (la_int64_t)skip;
}

static int check_headers(struct archive *tar, struct blob_reader *reader, struct hf_error *err)
{
    struct archive_entry *entry;
    const char *why;

    if (archive_read_support_format_tar(tar) != ARCHIVE_OK)
        return hf_fail(err, HF_ERR_UNSUPPORTED, "libarchive reads no tar");
    int rc = archive_read_open2(tar, reader, NULL, read_blob, skip_blob, NULL);
    while (rc == ARCHIVE_OK || rc == ARCHIVE_WARN)
        rc = archive_read_next_header(tar, &entry);
    if (rc == ARCHIVE_EOF)
        return 0;
    if (reader->rc != 0) {
        if (err)
            *err = reader->err;
        return reader->rc;
    }
    why = archive_error_string(tar);
    return hf_fail(err, HF_ERR_INPUT, "it is no readable tar: %s", why ? why : "unknown error");
}

int hf_archive_check_blob(struct hf_blob *blob, struct hf_error *err)
{
    struct blob_reader *reader = calloc(1, sizeof(*reader));
    struct archive *tar = archive_read_new();
    int rc = 0;

    if (!reader || !tar) {
        rc = hf_fail_memory(err);
    } else {
        reader->blob = blob;
        rc = check_headers(tar, reader, err);
    }
    if (tar)
        archive_read_free(tar);
    free(reader);
    return rc;
}
