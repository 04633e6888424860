/*
 * transfer/measure.c - inflates and hashes on a thread while the caller writes the same bytes.
 *
 * Always true:
 *  (1) the caller fills slot (first + count) mod SLOTS and the worker empties slot `first`;
 * `first`, `count` and `closed` change under the mutex, a slot's bytes only by the side that owns
 * it; (2) `worker` (inflater, hasher, result) is touched by the thread alone until it was joined;
 *  (3) after a failure the worker goes on taking slots, so that the caller never waits for ever.
 *
 * SNIFFING --magic of a compressed stream--> RUNNING    the thread was started
 * SNIFFING --anything else, or the end--> PLAIN         nothing is left to do but count
 */
#include "transfer/measure.h"

#include "base/digest.h"
#include "base/error.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS      4
#define SLOT_BYTES (HF_MEASURE_QUEUE / SLOTS)

struct slot {
    size_t len;
    uint8_t data[SLOT_BYTES];
};

struct worker {
    struct hf_inflater *inflater;
    struct hf_hasher *hasher;
    struct hf_derive *derive; /* may be NULL */
    uint64_t size_bytes;
    int rc;
    struct hf_error err;
};

struct hf_measure {
    enum { SNIFFING, PLAIN, RUNNING } state;
    uint8_t head[HF_COMPRESSION_MAGIC];
    size_t head_len;
    uint64_t plain_bytes;
    enum hf_compression compression;
    struct worker worker;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct slot *slots;
    struct slot *filling; /* the caller's own, not handed over yet */
    size_t first;
    size_t count;
    bool closed;
};

/* --- the thread ------------------------------------------------------------------------------- */

static int take_plain(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct worker *worker = arg;

    hf_hasher_update(worker->hasher, data, len);
    if (worker->derive)
        hf_derive_push(worker->derive, data, len);
    worker->size_bytes += len;
    return 0;
}

/* NULL at the end. */
static struct slot *next_slot(struct hf_measure *measure)
{
    pthread_mutex_lock(&measure->mutex);
    while (measure->count == 0 && !measure->closed)
        pthread_cond_wait(&measure->changed, &measure->mutex);
    struct slot *slot = measure->count > 0 ? &measure->slots[measure->first] : NULL;
    pthread_mutex_unlock(&measure->mutex);
    return slot;
}

static void give_back_slot(struct hf_measure *measure)
{
    pthread_mutex_lock(&measure->mutex);
    measure->first = (measure->first + 1) % SLOTS;
    measure->count--;
    pthread_cond_signal(&measure->changed);
    pthread_mutex_unlock(&measure->mutex);
}

static void *run(void *arg)
{
    struct hf_measure *measure = arg;
    struct worker *worker = &measure->worker;
    struct slot *slot;

    while ((slot = next_slot(measure))) {
        if (worker->rc == 0) /* (3) */
            worker->rc = hf_inflater_push(worker->inflater, slot->data, slot->len, &worker->err);
        give_back_slot(measure);
    }
    if (worker->rc == 0)
        worker->rc = hf_inflater_end(worker->inflater, &worker->err);
    return NULL;
}

/* The thread belongs to a library: signals are for the threads of its caller. */
static int start_thread(struct hf_measure *measure, struct hf_error *err)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&measure->thread, NULL, run, measure);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : hf_fail(err, HF_ERR_NO_MEMORY, "cannot start a thread: %s", strerror(rc));
}

static void stop_thread(struct hf_measure *measure)
{
    pthread_mutex_lock(&measure->mutex);
    measure->closed = true;
    pthread_cond_signal(&measure->changed);
    pthread_mutex_unlock(&measure->mutex);
    pthread_join(measure->thread, NULL);
}

/* --- the caller ------------------------------------------------------------------------------- */

int hf_measure_new(struct hf_derive *derive, struct hf_measure **out, struct hf_error *err)
{
    struct hf_measure *measure = calloc(1, sizeof(*measure));

    if (!measure)
        return hf_fail_memory(err);
    pthread_mutex_init(&measure->mutex, NULL); /* neither can fail on Linux with NULL */
    pthread_cond_init(&measure->changed, NULL);
    measure->worker.derive = derive;
    *out = measure;
    return 0;
}

void hf_measure_free(struct hf_measure *measure)
{
    if (!measure)
        return;
    if (measure->state == RUNNING)
        stop_thread(measure);
    hf_inflater_free(measure->worker.inflater);
    hf_hasher_free(measure->worker.hasher);
    free(measure->slots);
    pthread_cond_destroy(&measure->changed);
    pthread_mutex_destroy(&measure->mutex);
    free(measure);
}

static struct slot *free_slot(struct hf_measure *measure)
{
    pthread_mutex_lock(&measure->mutex);
    while (measure->count == SLOTS)
        pthread_cond_wait(&measure->changed, &measure->mutex);
    struct slot *slot = &measure->slots[(measure->first + measure->count) % SLOTS];
    pthread_mutex_unlock(&measure->mutex);
    return slot;
}

static void hand_over_slot(struct hf_measure *measure)
{
    pthread_mutex_lock(&measure->mutex);
    measure->count++;
    measure->filling = NULL;
    pthread_cond_signal(&measure->changed);
    pthread_mutex_unlock(&measure->mutex);
}

/* Small pieces are gathered, so that the threads meet once a slot and not once a piece. */
static void queue(struct hf_measure *measure, const uint8_t *data, size_t len)
{
    while (len > 0) {
        if (!measure->filling) {
            measure->filling = free_slot(measure);
            measure->filling->len = 0;
        }
        struct slot *slot = measure->filling;
        size_t room = SLOT_BYTES - slot->len;
        size_t take = len < room ? len : room;
        memcpy(slot->data + slot->len, data, take);
        slot->len += take;
        data += take;
        len -= take;
        if (slot->len == SLOT_BYTES)
            hand_over_slot(measure);
    }
}

static void take_uncompressed(struct hf_measure *measure, const void *data, size_t len)
{
    measure->plain_bytes += len;
    if (measure->worker.derive && len > 0)
        hf_derive_push(measure->worker.derive, data, len);
}

/* The head is complete, or the blob has no more. */
static int decide(struct hf_measure *measure, struct hf_error *err)
{
    struct worker *worker = &measure->worker;

    measure->compression = hf_compression_of(measure->head, measure->head_len);
    if (measure->compression == HF_COMPRESSION_PLAIN) {
        measure->state = PLAIN;
        take_uncompressed(measure, measure->head, measure->head_len);
        return 0;
    }
    measure->slots = malloc(SLOTS * sizeof(*measure->slots));
    worker->hasher = hf_hasher_new(HF_DIGEST_SHA256);
    if (!measure->slots || !worker->hasher)
        return hf_fail_memory(err);
    if (worker->derive)
        hf_derive_from_compressed(worker->derive);
    int rc = hf_inflater_new(measure->compression, take_plain, worker, &worker->inflater, err);
    if (rc == 0)
        rc = start_thread(measure, err);
    if (rc != 0)
        return rc;
    measure->state = RUNNING;
    queue(measure, measure->head, measure->head_len);
    return 0;
}

int hf_measure_push(struct hf_measure *measure, const void *data, size_t len, struct hf_error *err)
{
    const uint8_t *bytes = data;

    if (measure->state == SNIFFING) {
        size_t want = HF_COMPRESSION_MAGIC - measure->head_len;
        size_t take = len < want ? len : want;
        if (take > 0)
            memcpy(measure->head + measure->head_len, bytes, take);
        measure->head_len += take;
        bytes += take;
        len -= take;
        int rc = measure->head_len == HF_COMPRESSION_MAGIC ? decide(measure, err) : 0;
        if (rc != 0)
            return rc;
    }
    if (measure->state == RUNNING)
        queue(measure, bytes, len);
    else if (measure->state == PLAIN)
        take_uncompressed(measure, bytes, len);
    return 0;
}

int hf_measure_end(struct hf_measure *measure, struct hf_plain *out, struct hf_error *err)
{
    struct worker *worker = &measure->worker;
    struct hf_plain plain = {0};
    int rc = measure->state == SNIFFING ? decide(measure, err) : 0;

    if (rc != 0)
        return rc;
    plain.compression = measure->compression;
    plain.size_bytes = measure->plain_bytes;
    if (measure->state == RUNNING) {
        if (measure->filling)
            hand_over_slot(measure);
        stop_thread(measure);
        measure->state = PLAIN;
        if (worker->rc == HF_ERR_NO_MEMORY)
            return hf_fail_memory(err);
        plain.size_bytes = worker->size_bytes;
        if (worker->rc == 0)
            hf_hasher_final(worker->hasher, &plain.diff_id);
        else
            snprintf(plain.problem, sizeof(plain.problem), "%.95s", worker->err.message);
    }
    *out = plain;
    return 0;
}

int hf_measure_bytes(const void *data, size_t len, struct hf_plain *out, struct hf_error *err)
{
    struct hf_measure *measure = NULL;
    int rc = hf_measure_new(NULL, &measure, err);

    if (rc == 0)
        rc = hf_measure_push(measure, data, len, err);
    if (rc == 0)
        rc = hf_measure_end(measure, out, err);
    hf_measure_free(measure);
    return rc;
}
