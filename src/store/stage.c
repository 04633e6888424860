/*
 * store/stage.c - writes new blobs into a transaction's slot: FORMAT.md 5.1 steps 2, 4 and 5.
 *
 * Always true:
 *  (1) a staged blob's digest and size are those of the bytes written, computed on the way;
 *  (2) its descriptor stays open from the first write to the sync: only that descriptor is told of
 * every failed write-back; (3) hf_txn_sync_staged returned 0 only after each file and then the
 * slot's folder were synced.
 */
#include "store/txn.h"

#include "base/array.h"
#include "base/checksum.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/hash_pipe.h"
#include "store/blob.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Write-back is begun after so many bytes, so that the final sync finds little left to do. */
#define WRITEBACK_BYTES (8u * 1024u * 1024u)
/* What is longer is hashed on a thread of its own: that costs as much as all the rest. */
#define HASH_ALONE_BYTES (2u * 1024u * 1024u)
/* Blobs whose descriptors may be open, waiting for their sync. */
#define UNSYNCED_MAX 128u
/* Several at once, so that the file system commits its journal for them together. */
#define SYNC_THREADS 4u

struct hf_staged {
    struct hf_txn *txn;
    uint32_t number;
    int fd;
    uint64_t size_bytes;
    uint64_t written_back;
    struct hf_hasher *hasher;  /* while it is short, */
    struct hf_hash_pipe *pipe; /* then this one has it */
    struct hf_checksummer *checksum;
    char path[HF_PATH_MAX];
};

struct hf_staged_blob *hf_txn_find_staged(const struct hf_txn *txn, const struct hf_digest *digest)
{
    size_t index = 0;

    if (!hf_digest_map_get(&txn->staged_by_digest, digest, &index))
        return NULL;
    return txn->staged[index].is_dropped ? NULL : &txn->staged[index];
}

/* With the mutex: the slot's folder is there, durably (an unsynced folder could vanish with its
 * files). */
static int make_slot(struct hf_txn *txn, struct hf_error *err)
{
    struct hf_store *store = txn->store;
    char path[HF_PATH_MAX];
    bool made = false;

    if (txn->slot_is_made)
        return 0;
    hf_path_slot(txn->slot, path);
    int rc = hf_io_mkdir(store->io, store->layout.root, path, 0700, &made, err);
    /* Also when it was there: who made it may have died before this sync. */
    if (rc == 0)
        rc = hf_io_sync_dir(store->io, store->layout.root, HF_DIR_STAGING, err);
    txn->slot_is_made = rc == 0;
    return rc;
}

static void free_staged(struct hf_staged *staged)
{
    hf_io_close(staged->txn->store->io, &staged->fd);
    hf_hash_pipe_free(staged->pipe);
    hf_hasher_free(staged->hasher);
    hf_checksummer_free(staged->checksum);
    free(staged);
}

int hf_txn_stage(struct hf_txn *txn, struct hf_staged **out_staged, struct hf_error *err)
{
    struct hf_staged *staged = calloc(1, sizeof(*staged));

    if (staged == NULL)
        return hf_fail_memory(err);
    staged->txn = txn;
    staged->fd = -1;
    staged->hasher = hf_hasher_new(HF_DIGEST_SHA256);
    staged->checksum = hf_checksummer_new();
    int rc = staged->hasher == NULL || staged->checksum == NULL ? hf_fail_memory(err) : 0;
    if (rc == 0) {
        pthread_mutex_lock(&txn->mutex);
        rc = make_slot(txn, err);
        staged->number = txn->next_number++;
        pthread_mutex_unlock(&txn->mutex);
    }
    if (rc == 0) {
        hf_path_staged(txn->slot, txn->id, staged->number, staged->path);
        rc = hf_io_open(txn->store->io, txn->store->layout.root, staged->path,
                        HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE | HF_IO_EXCLUSIVE, 0600,
                        &staged->fd, err);
    }
    if (rc != 0) {
        free_staged(staged);
        return rc;
    }
    *out_staged = staged;
    return 0;
}

static void hash(struct hf_staged *staged, const void *data, size_t len)
{
    /* Without memory for a thread it goes on without one. */
    if (staged->pipe == NULL && staged->size_bytes > HASH_ALONE_BYTES &&
        hf_hash_pipe_new(staged->hasher, &staged->pipe, NULL) == 0)
        staged->hasher = NULL;
    if (staged->pipe != NULL)
        hf_hash_pipe_update(staged->pipe, data, len);
    else
        hf_hasher_update(staged->hasher, data, len);
}

int hf_staged_write(struct hf_staged *staged, const void *data, size_t len, struct hf_error *err)
{
    struct hf_io *io = staged->txn->store->io;

    int rc = hf_io_pwrite(io, staged->fd, data, len, staged->size_bytes, staged->path, err);
    if (rc != 0)
        return rc;
    staged->size_bytes += len;
    if (staged->size_bytes - staged->written_back >= WRITEBACK_BYTES) {
        hf_io_start_writeback(io, staged->fd, staged->written_back,
                              staged->size_bytes - staged->written_back);
        staged->written_back = staged->size_bytes;
    }
    hash(staged, data, len);
    hf_checksummer_update(staged->checksum, data, len);
    return 0;
}

void hf_staged_drop(struct hf_staged *staged)
{
    if (staged == NULL)
        return;
    hf_io_discard(staged->txn->store->io, staged->txn->store->layout.root, staged->path);
    free_staged(staged);
}

/* The digest in another algorithm than the one computed on the way: the file is read again. */
static int hash_again(struct hf_staged *staged, uint8_t algorithm, struct hf_digest *out,
                      struct hf_error *err)
{
    struct hf_hasher *hasher = hf_hasher_new(algorithm);
    uint8_t *chunk = malloc(1u << 20);
    int rc = hasher == NULL || chunk == NULL ? hf_fail_memory(err) : 0;

    for (uint64_t off = 0; rc == 0 && off < staged->size_bytes;) {
        size_t len = 0;
        rc = hf_io_pread(staged->txn->store->io, staged->fd, chunk, 1u << 20, off, &len,
                         staged->path, err);
        if (rc == 0 && len == 0)
            rc = hf_fail(err, HF_ERR_IO, "%s became shorter while it was read", staged->path);
        if (rc == 0)
            hf_hasher_update(hasher, chunk, len);
        off += len;
    }
    if (rc == 0)
        hf_hasher_final(hasher, out);
    hf_hasher_free(hasher);
    free(chunk);
    return rc;
}

static int take_digest(struct hf_staged *staged, const struct hf_digest *expected,
                       struct hf_digest *out, struct hf_error *err)
{
    char want[HF_DIGEST_TEXT_MAX], have[HF_DIGEST_TEXT_MAX];
    int rc = 0;

    if (expected != NULL && expected->algorithm != HF_DIGEST_SHA256)
        rc = hash_again(staged, expected->algorithm, out, err);
    else if (staged->pipe != NULL)
        hf_hash_pipe_end(staged->pipe, out);
    else
        hf_hasher_final(staged->hasher, out);
    if (rc == 0 && !hf_digest_is_set(out))
        rc = hf_fail(err, HF_ERR_IO, "the digest could not be computed");
    if (rc == 0 && expected != NULL && hf_digest_compare(out, expected) != 0)
        rc = hf_fail(err, HF_ERR_DIGEST, "the bytes hash to %s, not to %s",
                     hf_digest_text(out, have), hf_digest_text(expected, want));
    return rc;
}

/* With the mutex. */
static int add_blob(struct hf_txn *txn, const struct hf_staged_blob *blob, struct hf_error *err)
{
    int rc = hf_array_grow(&txn->staged, &txn->staged_capacity, txn->staged_count,
                           sizeof(*txn->staged), err);
    if (rc == 0)
        rc = hf_digest_map_put(&txn->staged_by_digest, &blob->digest, txn->staged_count, err);
    if (rc == 0)
        txn->staged[txn->staged_count++] = *blob;
    return rc;
}

/* What the threads of one sync share. */
struct sync_job {
    struct hf_txn *txn;
    atomic_size_t next;
    atomic_int rc;
    pthread_mutex_t mutex;
    struct hf_error err;
};

static int sync_blob(struct hf_txn *txn, struct hf_staged_blob *blob, struct hf_error *err)
{
    char path[HF_PATH_MAX];

    if (blob->fd < 0)
        return 0;
    hf_path_staged(txn->slot, txn->id, blob->number, path);
    int rc = hf_io_fsync(txn->store->io, blob->fd, path, err);
    if (rc != 0)
        return rc;
    return hf_io_close_checked(txn->store->io, &blob->fd, path, err);
}

static void *sync_blobs(void *arg)
{
    struct sync_job *job = arg;

    for (;;) {
        size_t index = atomic_fetch_add(&job->next, 1);
        struct hf_error err = {0};
        if (index >= job->txn->staged_count || atomic_load(&job->rc) != 0)
            return NULL;
        int rc = sync_blob(job->txn, &job->txn->staged[index], &err);
        if (rc == 0)
            continue;
        pthread_mutex_lock(&job->mutex);
        if (atomic_load(&job->rc) == 0)
            job->err = err;
        atomic_store(&job->rc, rc);
        pthread_mutex_unlock(&job->mutex);
    }
}

/* With the mutex: sync all that wait. */
static int sync_waiting(struct hf_txn *txn, struct hf_error *err)
{
    struct sync_job job = {.txn = txn, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[SYNC_THREADS - 1];
    size_t started = 0;
    size_t waiting = txn->staged_count - txn->synced_count;

    /* A second sync of the same file would prove nothing. */
    if (txn->sync_failed != 0)
        return hf_fail(err, txn->sync_failed, "a staged blob could not be synced earlier");
    atomic_init(&job.next, txn->synced_count);
    atomic_init(&job.rc, 0);
    while (started + 1 < waiting && started < SYNC_THREADS - 1 &&
           pthread_create(&threads[started], NULL, sync_blobs, &job) == 0)
        started++;
    (void)sync_blobs(&job);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    int rc = atomic_load(&job.rc);
    txn->sync_failed = rc;
    if (rc == 0)
        txn->synced_count = txn->staged_count;
    else if (err != NULL)
        *err = job.err;
    return rc;
}

/* The transaction takes the blob over, unless it has its like. */
static int keep_blob(struct hf_staged *staged, const struct hf_digest *digest, struct hf_error *err)
{
    struct hf_txn *txn = staged->txn;
    struct hf_staged_blob blob = {
        .digest = *digest,
        .size_bytes = staged->size_bytes,
        .checksum = hf_checksummer_value(staged->checksum),
        .number = staged->number,
        .fd = staged->fd,
    };
    int rc = 0;

    pthread_mutex_lock(&txn->mutex);
    if (hf_txn_find_staged(txn, digest) != NULL) {
        pthread_mutex_unlock(&txn->mutex);
        hf_staged_drop(staged);
        return 0;
    }
    rc = add_blob(txn, &blob, err);
    if (rc == 0) {
        staged->fd = -1;
        if (txn->staged_count - txn->synced_count >= UNSYNCED_MAX)
            rc = sync_waiting(txn, err);
    }
    pthread_mutex_unlock(&txn->mutex);
    if (rc != 0)
        hf_io_discard(txn->store->io, txn->store->layout.root, staged->path);
    free_staged(staged);
    return rc;
}

int hf_staged_finish(struct hf_staged *staged, const struct hf_digest *expected,
                     struct hf_digest *out_digest, uint64_t *out_size_bytes, struct hf_error *err)
{
    struct hf_digest digest;
    uint64_t size = staged->size_bytes;

    int rc = take_digest(staged, expected, &digest, err);
    if (rc != 0) {
        hf_staged_drop(staged);
        return rc;
    }
    hf_io_start_writeback(staged->txn->store->io, staged->fd, staged->written_back,
                          size - staged->written_back);
    rc = keep_blob(staged, &digest, err);
    if (rc != 0)
        return rc;
    if (out_digest != NULL)
        *out_digest = digest;
    if (out_size_bytes != NULL)
        *out_size_bytes = size;
    return 0;
}

int hf_txn_sync_staged(struct hf_txn *txn, struct hf_error *err)
{
    char path[HF_PATH_MAX];

    pthread_mutex_lock(&txn->mutex);
    int rc = sync_waiting(txn, err);
    if (rc == 0 && txn->staged_count > 0) {
        hf_path_slot(txn->slot, path);
        rc = hf_io_sync_dir(txn->store->io, txn->store->layout.root, path, err);
    }
    pthread_mutex_unlock(&txn->mutex);
    return rc;
}

void hf_txn_discard_staged(struct hf_txn *txn)
{
    for (size_t i = 0; i < txn->staged_count; i++) {
        char path[HF_PATH_MAX];
        hf_io_close(txn->store->io, &txn->staged[i].fd);
        if (txn->staged[i].is_dropped)
            continue;
        hf_path_staged(txn->slot, txn->id, txn->staged[i].number, path);
        hf_io_discard(txn->store->io, txn->store->layout.root, path);
    }
}

bool hf_txn_has_staged(const struct hf_txn *txn, const struct hf_digest *digest,
                       uint64_t *out_size_bytes)
{
    const struct hf_staged_blob *blob = hf_txn_find_staged(txn, digest);

    if (blob != NULL && out_size_bytes != NULL)
        *out_size_bytes = blob->size_bytes;
    return blob != NULL;
}

int hf_txn_staged_open(struct hf_txn *txn, const struct hf_digest *digest,
                       struct hf_blob **out_blob, struct hf_error *err)
{
    char path[HF_PATH_MAX], text[HF_DIGEST_TEXT_MAX];
    int fd = -1;

    const struct hf_staged_blob *blob = hf_txn_find_staged(txn, digest);
    if (blob == NULL)
        return hf_fail(err, HF_ERR_NOT_FOUND, "%s was not staged", hf_digest_text(digest, text));
    hf_path_staged(txn->slot, txn->id, blob->number, path);
    int rc = hf_io_open(txn->store->io, txn->store->layout.root, path, HF_IO_READ, 0, &fd, err);
    return rc != 0 ? rc : hf_blob_wrap(txn->store->io, fd, path, out_blob, err);
}

void hf_txn_drop_staged(struct hf_txn *txn, const struct hf_digest *digest)
{
    char path[HF_PATH_MAX];

    pthread_mutex_lock(&txn->mutex);
    struct hf_staged_blob *blob = hf_txn_find_staged(txn, digest);
    if (blob != NULL) {
        hf_io_close(txn->store->io, &blob->fd);
        hf_path_staged(txn->slot, txn->id, blob->number, path);
        hf_io_discard(txn->store->io, txn->store->layout.root, path);
        blob->is_dropped = true;
    }
    pthread_mutex_unlock(&txn->mutex);
}

void hf_txn_discard_unused(struct hf_txn *txn)
{
    struct hf_view view;

    hf_catalog_view_tail(&txn->store->catalog, &view);
    for (size_t i = 0; i < txn->staged_count; i++) {
        struct hf_staged_place place = {0};
        int rc = hf_view_staged(&view, &txn->staged[i].digest, &place, NULL);
        bool unused = rc == HF_ERR_NOT_FOUND || (rc == 0 && place.txn != txn->id);
        if (unused)
            hf_txn_drop_staged(txn, &txn->staged[i].digest);
    }
    hf_view_release(&view);
}
