/*
 * store/blob.c - reads the bytes of objects. Where they are: FORMAT.md 5.4.
 *
 * A descriptor that is open keeps its bytes, whatever is renamed or unlinked meanwhile; so nothing
 * needs to be locked for reading.
 */
#include "store/blob.h"

#include "base/checksum.h"
#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>

int hf_blob_wrap(struct hf_io *io, int fd, const char *path, struct hf_blob **out_blob,
                 struct hf_error *err)
{
    struct hf_io_stat stat;
    struct hf_blob *blob = calloc(1, sizeof(*blob));
    int rc = blob == NULL ? hf_fail_memory(err) : hf_io_fstat(io, fd, &stat, path, err);

    if (rc != 0) {
        free(blob);
        hf_io_close(io, &fd);
        return rc;
    }
    blob->io = io;
    blob->fd = fd;
    blob->size_bytes = stat.size_bytes;
    hf_buf_put_text(&blob->path, path);
    *out_blob = blob;
    return 0;
}

static int open_path(struct hf_store *store, const char *path, struct hf_blob **out_blob,
                     struct hf_error *err)
{
    int fd = -1;

    int rc = hf_io_open(store->io, store->layout.root, path, HF_IO_READ, 0, &fd, err);
    return rc != 0 ? rc : hf_blob_wrap(store->io, fd, path, out_blob, err);
}

int hf_blob_open_at(struct hf_store *store, const struct hf_view *view,
                    const struct hf_digest *digest, struct hf_blob **out_blob, struct hf_error *err)
{
    struct hf_staged_place place;
    struct hf_error why;
    char path[HF_PATH_MAX];

    int rc = hf_view_staged(view, digest, &place, err);
    if (rc == 0) {
        hf_path_staged(place.slot, place.txn, place.number, path);
        rc = open_path(store, path, out_blob, &why);
        if (rc != HF_ERR_NOT_FOUND) {
            if (rc != 0 && err != NULL)
                *err = why;
            return rc;
        }
    } else if (rc != HF_ERR_NOT_FOUND) {
        return rc;
    }
    hf_path_blob(digest, path);
    return open_path(store, path, out_blob, err);
}

/* Its file is in neither place: was it removed meanwhile, or is it damaged? */
static int judge_missing(struct hf_store *store, const struct hf_digest *digest,
                         struct hf_blob **out_blob, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_error why = {0};
    char text[HF_DIGEST_TEXT_MAX];

    int rc = hf_snapshot_take(store, &snapshot, err);
    if (rc != 0)
        return rc;
    rc = hf_view_object(&snapshot->view, digest, NULL, &why);
    if (rc == HF_ERR_NOT_FOUND) {
        hf_fail(&why, rc, "%s was removed meanwhile", hf_digest_text(digest, text));
    } else if (rc == 0) {
        rc = hf_blob_open_at(store, &snapshot->view, digest, out_blob, &why);
        if (rc == HF_ERR_NOT_FOUND)
            rc = hf_fail(&why, HF_ERR_CORRUPT, "the file of %s is missing",
                         hf_digest_text(digest, text));
    }
    hf_snapshot_release(snapshot);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

int hf_blob_open(struct hf_store *store, const struct hf_digest *digest, struct hf_blob **out_blob,
                 struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_object object = {0};
    struct hf_blob *blob = NULL;
    char text[HF_DIGEST_TEXT_MAX];

    int rc = hf_snapshot_take(store, &snapshot, err);
    if (rc != 0)
        return rc;
    rc = hf_snapshot_object(snapshot, digest, &object, err);
    if (rc == 0 && object.state == HF_OBJECT_ABSENT)
        rc = hf_fail(err, HF_ERR_NOT_FOUND, "%s was never fetched", hf_digest_text(digest, text));
    if (rc == 0) {
        struct hf_error why = {0};
        rc = hf_blob_open_at(store, &snapshot->view, digest, &blob, &why);
        if (rc == HF_ERR_NOT_FOUND)
            rc = judge_missing(store, digest, &blob, err);
        else if (rc != 0 && err != NULL)
            *err = why;
    }
    if (rc == 0 && blob->size_bytes != object.size_bytes) {
        rc = hf_fail(err, HF_ERR_CORRUPT, "%s has %llu bytes instead of %llu",
                     hf_digest_text(digest, text), (unsigned long long)blob->size_bytes,
                     (unsigned long long)object.size_bytes);
        hf_blob_close(blob);
    }
    if (rc == 0)
        *out_blob = blob;
    hf_object_release(&object);
    hf_snapshot_release(snapshot);
    return rc;
}

void hf_blob_close(struct hf_blob *blob)
{
    if (blob == NULL)
        return;
    hf_io_close(blob->io, &blob->fd);
    hf_buf_release(&blob->path);
    free(blob);
}

uint64_t hf_blob_size(const struct hf_blob *blob)
{
    return blob->size_bytes;
}

int hf_blob_read(struct hf_blob *blob, void *data, size_t len, uint64_t off, size_t *out_len,
                 struct hf_error *err)
{
    return hf_io_pread(blob->io, blob->fd, data, len, off, out_len, hf_buf_text(&blob->path), err);
}

static int check_digest(const struct hf_digest *digest, const void *data, size_t len,
                        struct hf_error *err)
{
    struct hf_digest actual;
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_hasher *hasher = hf_hasher_new(digest->algorithm);

    if (hasher == NULL)
        return hf_fail_memory(err);
    hf_hasher_update(hasher, data, len);
    hf_hasher_final(hasher, &actual);
    hf_hasher_free(hasher);
    if (hf_digest_compare(&actual, digest) != 0)
        return hf_fail(err, HF_ERR_CORRUPT, "the bytes of %s are damaged",
                       hf_digest_text(digest, text));
    return 0;
}

int hf_blob_read_all(struct hf_store *store, const struct hf_digest *digest, size_t max_bytes,
                     uint8_t **out_data, size_t *out_len, struct hf_error *err)
{
    struct hf_blob *blob = NULL;
    uint8_t *data = NULL;
    char text[HF_DIGEST_TEXT_MAX];
    size_t len = 0;

    int rc = hf_blob_open(store, digest, &blob, err);
    if (rc != 0)
        return rc;
    if (hf_blob_size(blob) > max_bytes)
        rc = hf_fail(err, HF_ERR_LIMIT, "%s is too large (%llu bytes) for what it should be",
                     hf_digest_text(digest, text), (unsigned long long)hf_blob_size(blob));
    if (rc == 0) {
        data = malloc((size_t)hf_blob_size(blob) + 1);
        rc = data == NULL ? hf_fail_memory(err)
                          : hf_blob_read(blob, data, (size_t)hf_blob_size(blob), 0, &len, err);
    }
    if (rc == 0)
        rc = check_digest(digest, data, len, err);
    hf_blob_close(blob);
    if (rc != 0) {
        free(data);
        return rc;
    }
    data[len] = 0;
    *out_data = data;
    *out_len = len;
    return 0;
}

#define MEASURE_CHUNK (1u << 20)

int hf_blob_measure(struct hf_blob *blob, uint8_t algorithm, struct hf_digest *out_digest,
                    uint64_t *out_size, uint64_t *out_checksum, struct hf_error *err)
{
    struct hf_hasher *hasher = hf_hasher_new(algorithm);
    struct hf_checksummer *sum = hf_checksummer_new();
    uint8_t *chunk = malloc(MEASURE_CHUNK);
    int rc = hasher == NULL || sum == NULL || chunk == NULL ? hf_fail_memory(err) : 0;
    uint64_t off = 0;
    size_t len = MEASURE_CHUNK;

    while (rc == 0 && len == MEASURE_CHUNK) {
        rc = hf_blob_read(blob, chunk, MEASURE_CHUNK, off, &len, err);
        if (rc != 0)
            break;
        hf_hasher_update(hasher, chunk, len);
        hf_checksummer_update(sum, chunk, len);
        off += len;
    }
    if (rc == 0) {
        hf_hasher_final(hasher, out_digest);
        *out_checksum = hf_checksummer_value(sum);
        *out_size = off;
    }
    hf_hasher_free(hasher);
    hf_checksummer_free(sum);
    free(chunk);
    return rc;
}
