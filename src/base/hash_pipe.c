/*
 * base/hash_pipe.c - a ring of buffers between the thread that writes and the one that hashes.
 *
 * Always true:
 *  (1) `pushed` and `hashed` count buffers since the pipe was made and change under the mutex;
 *      buffer n is slot n mod SLOTS;
 *  (2) the user fills slot pushed mod SLOTS and the thread reads slot hashed mod SLOTS, which are
 *      never the same slot at once: pushed - hashed < SLOTS while one is being filled;
 *  (3) the hasher belongs to the thread while hashed < pushed, and to the user while they are
 *      equal.
 */
#include "base/hash_pipe.h"

#include "base/digest.h"
#include "base/error.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4

struct hf_hash_pipe {
    uint8_t *slots[SLOTS];
    size_t lens[SLOTS];
    size_t filled; /* bytes of the next buffer that hf_hash_pipe_update has copied */
    uint64_t pushed;
    uint64_t hashed;
    bool closed;
    struct hf_hasher *hasher;
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

static bool wait_for_work(struct hf_hash_pipe *pipe)
{
    pthread_mutex_lock(&pipe->mutex);
    while (pipe->hashed == pipe->pushed && !pipe->closed)
        pthread_cond_wait(&pipe->changed, &pipe->mutex);
    bool more = pipe->hashed < pipe->pushed;
    pthread_mutex_unlock(&pipe->mutex);
    return more;
}

static void *run(void *arg)
{
    struct hf_hash_pipe *pipe = arg;

    while (wait_for_work(pipe)) {
        size_t slot = pipe->hashed % SLOTS; /* only this thread changes it */
        hf_hasher_update(pipe->hasher, pipe->slots[slot], pipe->lens[slot]);
        pthread_mutex_lock(&pipe->mutex);
        pipe->hashed++;
        pthread_cond_broadcast(&pipe->changed);
        pthread_mutex_unlock(&pipe->mutex);
    }
    return NULL;
}

/* Signals are for the threads of who calls the library. */
static int start_thread(struct hf_hash_pipe *pipe, struct hf_error *err)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&pipe->thread, NULL, run, pipe);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pipe->has_thread = rc == 0;
    return rc == 0 ? 0 : hf_fail(err, HF_ERR_NO_MEMORY, "cannot start a thread: %s", strerror(rc));
}

int hf_hash_pipe_new(struct hf_hash_pipe **out, struct hf_error *err)
{
    struct hf_hash_pipe *pipe = calloc(1, sizeof(*pipe));
    int rc = 0;

    if (!pipe)
        return hf_fail_memory(err);
    pthread_mutex_init(&pipe->mutex, NULL); /* neither can fail on Linux with NULL */
    pthread_cond_init(&pipe->changed, NULL);
    for (size_t i = 0; rc == 0 && i < SLOTS; i++) {
        pipe->slots[i] = malloc(HF_HASH_PIPE_BUFFER);
        if (!pipe->slots[i])
            rc = hf_fail_memory(err);
    }
    if (rc == 0)
        rc = start_thread(pipe, err);
    if (rc == 0)
        *out = pipe;
    else
        hf_hash_pipe_free(pipe);
    return rc;
}

void hf_hash_pipe_free(struct hf_hash_pipe *pipe)
{
    if (!pipe)
        return;
    if (pipe->has_thread) {
        pthread_mutex_lock(&pipe->mutex);
        pipe->closed = true;
        pthread_cond_broadcast(&pipe->changed);
        pthread_mutex_unlock(&pipe->mutex);
        pthread_join(pipe->thread, NULL);
    }
    hf_hasher_free(pipe->hasher);
    for (size_t i = 0; i < SLOTS; i++)
        free(pipe->slots[i]);
    pthread_cond_destroy(&pipe->changed);
    pthread_mutex_destroy(&pipe->mutex);
    free(pipe);
}

/* Until fewer than `most` buffers wait. */
static void wait_until(struct hf_hash_pipe *pipe, uint64_t most)
{
    pthread_mutex_lock(&pipe->mutex);
    while (pipe->pushed - pipe->hashed >= most)
        pthread_cond_wait(&pipe->changed, &pipe->mutex);
    pthread_mutex_unlock(&pipe->mutex);
}

int hf_hash_pipe_begin(struct hf_hash_pipe *pipe, uint8_t algorithm, struct hf_error *err)
{
    struct hf_hasher *hasher = hf_hasher_new(algorithm);

    hf_hash_pipe_adopt(pipe, hasher);
    return hasher ? 0 : hf_fail_memory(err);
}

void hf_hash_pipe_adopt(struct hf_hash_pipe *pipe, struct hf_hasher *hasher)
{
    wait_until(pipe, 1); /* (3) */
    hf_hasher_free(pipe->hasher);
    pipe->hasher = hasher;
    pipe->filled = 0;
}

uint8_t *hf_hash_pipe_buffer(struct hf_hash_pipe *pipe)
{
    wait_until(pipe, SLOTS);
    return pipe->slots[pipe->pushed % SLOTS];
}

void hf_hash_pipe_push(struct hf_hash_pipe *pipe, size_t len)
{
    pthread_mutex_lock(&pipe->mutex);
    pipe->lens[pipe->pushed % SLOTS] = len;
    pipe->pushed++;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
}

void hf_hash_pipe_update(struct hf_hash_pipe *pipe, const void *data, size_t len)
{
    const uint8_t *from = data;

    while (len > 0) {
        uint8_t *buffer = hf_hash_pipe_buffer(pipe);
        size_t room = HF_HASH_PIPE_BUFFER - pipe->filled;
        size_t part = len < room ? len : room;
        memcpy(buffer + pipe->filled, from, part);
        pipe->filled += part;
        from += part;
        len -= part;
        if (pipe->filled < HF_HASH_PIPE_BUFFER)
            return;
        pipe->filled = 0;
        hf_hash_pipe_push(pipe, HF_HASH_PIPE_BUFFER);
    }
}

void hf_hash_pipe_end(struct hf_hash_pipe *pipe, struct hf_digest *out)
{
    if (pipe->filled > 0)
        hf_hash_pipe_push(pipe, pipe->filled);
    pipe->filled = 0;
    wait_until(pipe, 1); /* (3) */
    hf_hasher_final(pipe->hasher, out);
}
