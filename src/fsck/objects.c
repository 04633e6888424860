/*
 * fsck/objects.c - is every object's file there, as long as it should be, and (full check)
 * right in every byte?
 *
 * Always true:
 *  (1) an object is called bad only when it was there, and its bytes were not, at every one of
 *      several looks, each with a newer snapshot: it may be removed and loaded again meanwhile;
 *  (2) wrong bytes are read a second time past the page cache;
 *  (3) memory is bounded: objects wait in a short queue, and each thread reads piece by piece.
 */
#include "fsck/check.h"

#include "base/digest.h"
#include "base/error.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define THREADS      4
#define QUEUE_LENGTH 32
#define PROGRESS_MS  100

struct pool {
    struct hf_check *check;
    pthread_mutex_t mutex; /* of the queue, check->bad and err */
    pthread_cond_t changed;
    struct hf_digest queue[QUEUE_LENGTH];
    size_t first, count;
    size_t busy; /* threads with an object in hand */
    bool is_closed;
    int rc; /* of the first failure; then everybody stops */
    struct hf_error err;
    atomic_uint_fast64_t done_bytes;
    atomic_bool stop;
    uint64_t total_bytes;
};

/* --- one object ------------------------------------------------------------------------------- */

static int see_piece(void *arg, size_t len)
{
    struct pool *pool = arg;

    atomic_fetch_add(&pool->done_bytes, len);
    return atomic_load(&pool->stop) ? 1 : 0;
}

/* bad->kind 0: it is as it should be. */
static int look_at_bytes(struct pool *pool, const struct hf_object *object, const char *path,
                         enum hf_check_look look, struct hf_check_bad *bad, struct hf_error *err)
{
    struct hf_measured measured;

    int rc = hf_check_measure(pool->check, path, object->digest.algorithm, look,
                              look == HF_LOOK_CACHED ? see_piece : NULL, pool, &measured, err);
    if (rc == 0 && !hf_check_is_good(object, &measured, bad->message))
        bad->kind = HF_FINDING_CONTENT;
    if (rc == HF_ERR_NOT_FOUND ||
        (rc == 0 && measured.size_bytes != object->size_bytes && measured.unreadable.code == 0))
        bad->kind = HF_FINDING_SIZE; /* it has just changed: look again */
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int look_at_file(struct pool *pool, const struct hf_view *view,
                        const struct hf_object *object, enum hf_check_look look,
                        struct hf_check_bad *bad, struct hf_error *err)
{
    struct hf_io_stat stat;
    char path[HF_PATH_MAX];

    int rc = hf_check_find_file(pool->check, view, &object->digest, path, &stat, err);
    if (rc == HF_ERR_NOT_FOUND) {
        bad->kind = HF_FINDING_MISSING;
        (void)snprintf(bad->message, sizeof(bad->message), "the file is not there");
        return 0;
    }
    if (rc == 0 && stat.size_bytes != object->size_bytes) {
        bad->kind = HF_FINDING_SIZE;
        (void)snprintf(bad->message, sizeof(bad->message),
                       "it has %" PRIu64 " bytes instead of %" PRIu64, stat.size_bytes,
                       object->size_bytes);
        return 0;
    }
    return rc == 0 && pool->check->fsck->full ? look_at_bytes(pool, object, path, look, bad, err)
                                              : rc;
}

/* One look with a snapshot of its own. HF_END: nothing is suspicious any more. */
static int look_once(struct pool *pool, enum hf_check_look look, struct hf_check_bad *bad,
                     struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_object object = {0};

    bad->kind = 0;
    int rc = hf_snapshot_take(pool->check->store, &snapshot, err);
    if (rc == 0)
        rc = hf_view_object(&snapshot->view, &bad->digest, &object, err);
    if (rc == 0 && object.state == HF_OBJECT_DAMAGED) {
        bad->kind = HF_FINDING_KNOWN_DAMAGE;
        (void)snprintf(bad->message, sizeof(bad->message),
                       "an earlier check found its bytes wrong or missing");
    } else if (rc == 0 && object.state == HF_OBJECT_PRESENT) {
        rc = look_at_file(pool, &snapshot->view, &object, look, bad, err);
    }
    hf_object_release(&object);
    hf_snapshot_release(snapshot);
    if (rc == HF_ERR_NOT_FOUND || rc == HF_ERR_CORRUPT) /* it left; catalog.c tells of it */
        return HF_END;
    return rc == 0 && bad->kind == 0 ? HF_END : rc;
}

/* (1), (2) */
static int check_object(struct pool *pool, struct hf_check_bad *bad, struct hf_error *err)
{
    int rc = look_once(pool, HF_LOOK_CACHED, bad, err);

    for (int i = 1; rc == 0 && i < HF_CHECK_LOOKS; i++) {
        rc = look_once(pool, HF_LOOK_DISK, bad, err);
        if (bad->kind == HF_FINDING_CONTENT)
            break; /* read twice from a file that never changes */
    }
    if (rc == HF_END)
        bad->kind = 0;
    return rc == HF_END ? 0 : rc;
}

/* --- threads ---------------------------------------------------------------------------------- */

/* With the mutex. */
static void fail(struct pool *pool, int rc, const struct hf_error *err)
{
    if (pool->rc == 0) {
        pool->rc = rc;
        pool->err = *err;
    }
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->changed);
}

/* With the mutex, which is given back meanwhile. */
static void check_next(struct pool *pool)
{
    struct hf_check_bad bad = {.digest = pool->queue[pool->first]};
    struct hf_error err = {0};

    pool->first = (pool->first + 1) % QUEUE_LENGTH;
    pool->count--;
    pool->busy++;
    pthread_mutex_unlock(&pool->mutex);
    int rc = check_object(pool, &bad, &err);
    pthread_mutex_lock(&pool->mutex);
    pool->busy--;
    pool->check->report.objects_checked++;
    if (rc == 0 && bad.kind != 0)
        rc = hf_check_note_bad(pool->check, &bad, &err);
    if (rc != 0)
        fail(pool, rc, &err);
    pthread_cond_broadcast(&pool->changed);
}

static void *work(void *arg)
{
    struct pool *pool = arg;

    pthread_mutex_lock(&pool->mutex);
    while (pool->rc == 0 && !(pool->is_closed && pool->count == 0)) {
        if (pool->count > 0)
            check_next(pool);
        else
            pthread_cond_wait(&pool->changed, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* With the mutex: wait for the threads, but not so long that nobody is told how far they are. */
static void wait_a_while(struct pool *pool)
{
    const struct hf_fsck_options *fsck = pool->check->fsck;
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PROGRESS_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&pool->changed, &pool->mutex, &until);
    if (fsck->progress == NULL || !fsck->full || pool->rc != 0)
        return;
    uint64_t done = atomic_load(&pool->done_bytes);
    pthread_mutex_unlock(&pool->mutex);
    int cancel = fsck->progress(fsck->arg, done, pool->total_bytes);
    pthread_mutex_lock(&pool->mutex);
    if (cancel != 0) {
        struct hf_error err = {0};
        fail(pool, hf_fail(&err, HF_ERR_CANCELLED, "the check was cancelled"), &err);
    }
}

/* When there is room. */
static int queue_object(struct pool *pool, const struct hf_digest *digest)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->count == QUEUE_LENGTH && pool->rc == 0)
        wait_a_while(pool);
    if (pool->rc == 0)
        pool->queue[(pool->first + pool->count++) % QUEUE_LENGTH] = *digest;
    int rc = pool->rc;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
    return rc;
}

static int sum_size(struct pool *pool, const struct hf_object *object)
{
    pool->total_bytes += object->size_bytes;
    return 0;
}

static int queue_all(struct pool *pool, const struct hf_object *object)
{
    return queue_object(pool, &object->digest);
}

/* Every object that has bytes. A malformed entry has been told of, and stops nothing. */
static int each_object(struct pool *pool, const struct hf_snapshot *snapshot,
                       int (*fn)(struct pool *pool, const struct hf_object *object),
                       struct hf_error *err)
{
    static const uint8_t prefix[] = {HF_KEY_OBJECT};
    struct hf_view_iter iter = {0};
    struct hf_object object = {0};

    int rc = hf_view_iter_init(&iter, &snapshot->view, prefix, sizeof(prefix), err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
        struct hf_digest digest;
        if (hf_key_read_digest(&iter.key, &digest) &&
            hf_object_decode(&iter.value, &digest, &object, NULL) == 0 &&
            object.state != HF_OBJECT_ABSENT)
            rc = fn(pool, &object);
    }
    hf_object_release(&object);
    hf_view_iter_release(&iter);
    return rc == HF_END ? 0 : rc;
}

/* The calling thread reads the catalog and tells how far they are. */
static int run_pool(struct pool *pool, const struct hf_snapshot *snapshot, struct hf_error *err)
{
    pthread_t threads[THREADS];
    size_t started = 0;

    while (started < THREADS && pthread_create(&threads[started], NULL, work, pool) == 0)
        started++;
    if (started == 0)
        return hf_fail(err, HF_ERR_NO_MEMORY, "no thread could be started");
    struct hf_error why = {0};
    int rc = each_object(pool, snapshot, queue_all, &why);
    pthread_mutex_lock(&pool->mutex);
    pool->is_closed = true;
    if (rc != 0)
        fail(pool, rc, &why);
    pthread_cond_broadcast(&pool->changed);
    while (pool->rc == 0 && pool->count + pool->busy > 0)
        wait_a_while(pool);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (pool->rc != 0 && err != NULL)
        *err = pool->err;
    return pool->rc;
}

int hf_check_objects(struct hf_check *check, struct hf_error *err)
{
    struct pool pool = {.check = check};
    struct hf_snapshot *snapshot = NULL;

    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.changed, NULL);
    atomic_init(&pool.done_bytes, 0);
    atomic_init(&pool.stop, false);
    int rc = hf_snapshot_take(check->store, &snapshot, err);
    if (rc == 0 && check->fsck->full)
        rc = each_object(&pool, snapshot, sum_size, err);
    if (rc == 0)
        rc = run_pool(&pool, snapshot, err);
    check->report.bytes_checked = atomic_load(&pool.done_bytes);
    hf_snapshot_release(snapshot);
    pthread_cond_destroy(&pool.changed);
    pthread_mutex_destroy(&pool.mutex);
    return rc;
}
