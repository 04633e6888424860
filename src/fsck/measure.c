/*
 * fsck/measure.c - reads a file whole and says what it is: size, XXH3 and digest.
 *
 * The second look at what seems damaged must not be answered from the page cache, which may be
 * what is wrong. Direct reads need aligned buffers, lengths and places, so the last few bytes are
 * read through the cache, from which the file was dropped before.
 */
#include "fsck/check.h"

#include "base/checksum.h"
#include "base/digest.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES (1u << 20)
#define ALIGNMENT   4096u

struct reading {
    struct hf_check *check;
    const char *path;
    int fd;
    int direct_fd; /* -1: read through the cache */
    uint8_t *chunk;
    struct hf_hasher *hasher;
    struct hf_checksummer *sum;
    hf_check_piece_fn *piece;
    void *arg;
};

static int begin(struct reading *reading, uint8_t algorithm, enum hf_check_look look,
                 struct hf_error *err)
{
    struct hf_io *io = reading->check->io;
    int root = reading->check->store->layout.root;

    int rc = hf_io_open(io, root, reading->path, HF_IO_READ, 0, &reading->fd, err);
    if (rc == 0 && look == HF_LOOK_DISK) {
        hf_io_drop_cache(io, reading->fd);
        rc = hf_io_open(io, root, reading->path, HF_IO_READ | HF_IO_DIRECT, 0, &reading->direct_fd,
                        err);
    }
    if (rc != 0)
        return rc;
    reading->chunk = aligned_alloc(ALIGNMENT, CHUNK_BYTES);
    reading->hasher = hf_hasher_new(algorithm);
    reading->sum = hf_checksummer_new();
    if (reading->chunk == NULL || reading->hasher == NULL || reading->sum == NULL)
        return hf_fail_memory(err);
    return 0;
}

static void end(struct reading *reading)
{
    hf_io_close(reading->check->io, &reading->fd);
    hf_io_close(reading->check->io, &reading->direct_fd);
    hf_hasher_free(reading->hasher);
    hf_checksummer_free(reading->sum);
    free(reading->chunk);
}

static int read_at(struct reading *reading, uint64_t off, size_t len, size_t *out_len,
                   struct hf_error *err)
{
    struct hf_io *io = reading->check->io;

    if (reading->direct_fd >= 0 && len % ALIGNMENT == 0) {
        int rc = hf_io_pread(io, reading->direct_fd, reading->chunk, len, off, out_len,
                             reading->path, err);
        /* A file system may align more strictly than we do. */
        if (rc != HF_ERR_IO || err->sys_errno != EINVAL)
            return rc;
        hf_io_close(io, &reading->direct_fd);
    }
    return hf_io_pread(io, reading->fd, reading->chunk, len, off, out_len, reading->path, err);
}

/* How much to read at once, so that direct reads stay aligned and none crosses the end. */
static size_t piece_len(uint64_t left)
{
    if (left >= CHUNK_BYTES)
        return CHUNK_BYTES;
    return left >= ALIGNMENT ? (size_t)(left - left % ALIGNMENT) : (size_t)left;
}

static int read_all(struct reading *reading, struct hf_measured *out, struct hf_error *err)
{
    struct hf_io_stat stat;
    size_t len = 1;

    int rc = hf_io_fstat(reading->check->io, reading->fd, &stat, reading->path, err);
    if (rc != 0)
        return rc;
    while (len > 0 && out->size_bytes < stat.size_bytes) {
        rc = read_at(reading, out->size_bytes, piece_len(stat.size_bytes - out->size_bytes), &len,
                     err);
        if (rc != 0)
            return rc;
        hf_hasher_update(reading->hasher, reading->chunk, len);
        hf_checksummer_update(reading->sum, reading->chunk, len);
        out->size_bytes += len;
        if (reading->piece != NULL && reading->piece(reading->arg, len) != 0)
            return hf_fail(err, HF_ERR_CANCELLED, "the check was cancelled");
    }
    hf_hasher_final(reading->hasher, &out->digest);
    out->checksum = hf_checksummer_value(reading->sum);
    return 0;
}

int hf_check_measure(struct hf_check *check, const char *path, uint8_t algorithm,
                     enum hf_check_look look, hf_check_piece_fn *piece, void *arg,
                     struct hf_measured *out, struct hf_error *err)
{
    struct reading reading = {
        .check = check, .path = path, .fd = -1, .direct_fd = -1, .piece = piece, .arg = arg};
    struct hf_error why = {0};

    *out = (struct hf_measured){0};
    int rc = begin(&reading, algorithm, look, &why);
    if (rc == 0)
        rc = read_all(&reading, out, &why);
    end(&reading);
    if (hf_error_is_damage(rc, &why)) {
        out->unreadable = why;
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

bool hf_check_is_good(const struct hf_object *object, const struct hf_measured *measured,
                      char why[200])
{
    char text[HF_DIGEST_TEXT_MAX];

    if (measured->unreadable.code != 0)
        (void)snprintf(why, 200, "%.190s", measured->unreadable.message);
    else if (measured->size_bytes != object->size_bytes)
        (void)snprintf(why, 200, "it has %" PRIu64 " bytes instead of %" PRIu64,
                       measured->size_bytes, object->size_bytes);
    else if (hf_digest_compare(&measured->digest, &object->digest) != 0)
        (void)snprintf(why, 200, "its bytes are wrong: they hash to %.150s",
                       hf_digest_text(&measured->digest, text));
    else if (measured->checksum != object->checksum)
        (void)snprintf(why, 200, "its checksum is %016" PRIx64 ", the catalog says %016" PRIx64,
                       measured->checksum, object->checksum);
    else
        return true;
    return false;
}

int hf_check_find_file(struct hf_check *check, const struct hf_view *view,
                       const struct hf_digest *digest, char path[HF_PATH_MAX],
                       struct hf_io_stat *out, struct hf_error *err)
{
    struct hf_staged_place place;
    struct hf_error why = {0};
    int root = check->store->layout.root;

    int rc = hf_view_staged(view, digest, &place, err);
    if (rc == 0) {
        hf_path_staged(place.slot, place.txn, place.number, path);
        rc = hf_io_stat_at(check->io, root, path, out, &why);
        if (rc != HF_ERR_NOT_FOUND)
            goto out;
    } else if (rc != HF_ERR_NOT_FOUND) {
        return rc;
    }
    hf_path_blob(digest, path);
    rc = hf_io_stat_at(check->io, root, path, out, &why);
out:
    if (rc == 0 && out->kind != HF_IO_FILE)
        rc = HF_ERR_NOT_FOUND;
    if (rc != 0 && rc != HF_ERR_NOT_FOUND && err != NULL)
        *err = why;
    return rc;
}
