/*
 * catalog/format_file.c - the file FORMAT: that a folder is a store, of which version and which
 * one. Format: FORMAT.md 1.1.
 */
#include "catalog/layout.h"

#include "base/buf.h"
#include "base/checksum.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_MAX 512u

static void encode(struct hf_buf *out, const uint8_t uuid[16])
{
    char text[37];

    hf_uuid_text(uuid, text);
    hf_buf_printf(out, "holdfast store\nversion %u\nuuid %s\n", HF_STORE_VERSION, text);
    if (out->failed == 0)
        hf_buf_printf(out, "checksum %016" PRIx64 "\n", hf_checksum(out->data, out->len, 0));
}

int hf_format_write(struct hf_io *io, int root, const uint8_t uuid[16], struct hf_error *err)
{
    struct hf_buf text = {0};
    int fd = -1;

    encode(&text, uuid);
    int rc = hf_buf_check(&text, err);
    if (rc == 0)
        rc = hf_io_create(io, root, HF_FILE_FORMAT_NEW, 0644, &fd, err);
    if (rc == 0)
        rc = hf_io_write(io, fd, text.data, text.len, HF_FILE_FORMAT_NEW, err);
    if (rc == 0)
        rc = hf_io_fsync(io, fd, HF_FILE_FORMAT_NEW, err);
    hf_io_close(io, &fd);
    if (rc == 0)
        rc = hf_io_rename(io, root, HF_FILE_FORMAT_NEW, root, HF_FILE_FORMAT, err);
    if (rc == 0)
        rc = hf_io_sync_dir(io, root, ".", err);
    hf_buf_release(&text);
    return rc;
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    char again[37];

    for (size_t i = 0, at = 0; i < 16; i++) {
        unsigned byte = 0;
        if (i == 4 || i == 6 || i == 8 || i == 10)
            at++;
        if (sscanf(text + at, "%2x", &byte) != 1)
            return false;
        uuid[i] = (uint8_t)byte;
        at += 2;
    }
    hf_uuid_text(uuid, again);
    return strcmp(again, text) == 0;
}

static int parse(const char *text, uint8_t uuid[16], struct hf_error *err)
{
    unsigned version = 0;
    char uuid_text[37] = "";
    struct hf_buf expect = {0};

    if (sscanf(text, "holdfast store\nversion %u\nuuid %36s\n", &version, uuid_text) < 1)
        return hf_fail_at(err, HF_ERR_CORRUPT, HF_FILE_FORMAT, 0, "FORMAT is damaged");
    if (version > HF_STORE_VERSION)
        return hf_fail_at(err, HF_ERR_VERSION, HF_FILE_FORMAT, 15,
                          "the store has format version %u, but this Holdfast knows only %u",
                          version, HF_STORE_VERSION);
    bool fits = parse_uuid(uuid_text, uuid);
    int rc = 0;
    if (fits) {
        encode(&expect, uuid);
        const char *again = hf_buf_text(&expect);
        rc = hf_buf_check(&expect, err);
        fits = again != NULL && strcmp(again, text) == 0;
    }
    hf_buf_release(&expect);
    if (rc != 0)
        return rc;
    if (!fits)
        return hf_fail_at(err, HF_ERR_CORRUPT, HF_FILE_FORMAT, 0, "FORMAT is damaged");
    return 0;
}

int hf_format_read(struct hf_io *io, int root, uint8_t uuid[16], struct hf_error *err)
{
    char text[FORMAT_MAX + 1];
    size_t len = 0;
    int fd = -1;

    int rc = hf_io_open(io, root, HF_FILE_FORMAT, HF_IO_READ, 0, &fd, err);
    if (rc != 0)
        return rc;
    rc = hf_io_pread(io, fd, text, FORMAT_MAX, 0, &len, HF_FILE_FORMAT, err);
    hf_io_close(io, &fd);
    if (rc != 0)
        return rc;
    text[len] = '\0';
    return parse(text, uuid, err);
}
