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

#define SLOTS      4
#define SLOT_BYTES (1024u * 1024u)

struct hf_hash_pipe {
    uint8_t *slots[SLOTS];
    size_t lens[SLOTS];
    size_t filled; /* bytes of slot `pushed`, which is not pushed yet */
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

int hf_hash_pipe_new(struct hf_hasher *hasher, struct hf_hash_pipe **out, struct hf_error *err)
{
    struct hf_hash_pipe *pipe = calloc(1, sizeof(*pipe));
    int rc = 0;

    if (!pipe)
        return hf_fail_memory(err);
    pthread_mutex_init(&pipe->mutex, NULL); /* neither can fail on Linux with NULL */
    pthread_cond_init(&pipe->changed, NULL);
    for (size_t i = 0; rc == 0 && i < SLOTS; i++) {
        pipe->slots[i] = malloc(SLOT_BYTES);
        if (!pipe->slots[i])
            rc = hf_fail_memory(err);
    }
    pipe->hasher = hasher;
    if (rc == 0)
        rc = start_thread(pipe, err);
    if (rc == 0) {
        *out = pipe;
    } else {
        pipe->hasher = NULL;
        hf_hash_pipe_free(pipe);
    }
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

static void push(struct hf_hash_pipe *pipe)
{
    pthread_mutex_lock(&pipe->mutex);
    pipe->lens[pipe->pushed % SLOTS] = pipe->filled;
    pipe->pushed++;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
    pipe->filled = 0;
}

void hf_hash_pipe_update(struct hf_hash_pipe *pipe, const void *data, size_t len)
{
    const uint8_t *from = data;

    while (len > 0) {
        size_t room = SLOT_BYTES - pipe->filled;
        size_t part = len < room ? len : room;
        wait_until(pipe, SLOTS); /* (2) */
        memcpy(pipe->slots[pipe->pushed % SLOTS] + pipe->filled, from, part);
        pipe->filled += part;
        from += part;
        len -= part;
        if (pipe->filled == SLOT_BYTES)
            push(pipe);
    }
}

void hf_hash_pipe_end(struct hf_hash_pipe *pipe, struct hf_digest *out)
{
    if (pipe->filled > 0)
        push(pipe);
    wait_until(pipe, 1); /* (3) */
    hf_hasher_final(pipe->hasher, out);
}
