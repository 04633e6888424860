/*
 * wal/owners.c - who is alive: the byte of each transaction, and whose records are not durable yet.
 * Protocol: FORMAT.md 3.1 and 3.2.
 *
 * Always true: the byte of one of our transactions stays locked until its last record is durable.
 * Else others would take our unsynced record for a dead one's and begin a new segment for nothing.
 */
#include "wal/log.h"

#include "base/error.h"

#include <stdlib.h>

static struct hf_wal_owned *find_owned(struct hf_wal *wal, uint64_t txn)
{
    for (size_t i = 0; i < wal->owned_count; i++)
        if (wal->owned[i].txn == txn)
            return &wal->owned[i];
    return NULL;
}

static int grow(void **array, size_t *capacity, size_t count, size_t size, struct hf_error *err)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = reallocarray(*array, wanted, size);
    if (grown == NULL)
        return hf_fail_memory(err);
    *array = grown;
    *capacity = wanted;
    return 0;
}

static int add_owned(struct hf_wal *wal, uint64_t txn, struct hf_error *err)
{
    int rc = grow((void **)&wal->owned, &wal->owned_capacity, wal->owned_count, sizeof(*wal->owned),
                  err);
    if (rc == 0)
        wal->owned[wal->owned_count++] = (struct hf_wal_owned){.txn = txn};
    return rc;
}

int hf_wal_try_own(struct hf_wal *wal, uint64_t txn, bool *out_got, struct hf_error *err)
{
    *out_got = false;
    pthread_mutex_lock(&wal->state);
    int rc = 0;
    /* A description's own lock never refuses it, so ask our list first. */
    if (find_owned(wal, txn) == NULL) {
        rc = hf_io_try_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE,
                            HF_WAL_LOCK_TXN_BASE + txn, 1, out_got, "lock", err);
        if (rc == 0 && *out_got) {
            rc = add_owned(wal, txn, err);
            if (rc != 0) {
                hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_TXN_BASE + txn, 1);
                *out_got = false;
            }
        }
    }
    pthread_mutex_unlock(&wal->state);
    return rc;
}

int hf_wal_own(struct hf_wal *wal, uint64_t txn, struct hf_error *err)
{
    bool got = false;

    int rc = hf_wal_try_own(wal, txn, &got, err);
    if (rc == 0 && !got)
        rc = hf_fail(err, HF_ERR_BUSY, "the lock byte of a new transaction is held by somebody");
    return rc;
}

static void release_at(struct hf_wal *wal, size_t index)
{
    hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_TXN_BASE + wal->owned[index].txn, 1);
    wal->owned[index] = wal->owned[--wal->owned_count];
}

void hf_wal_disown(struct hf_wal *wal, uint64_t txn)
{
    pthread_mutex_lock(&wal->state);
    for (size_t i = 0; i < wal->owned_count; i++) {
        if (wal->owned[i].txn != txn)
            continue;
        wal->owned[i].ended = true;
        if (wal->owned[i].last_end <= wal->durable)
            release_at(wal, i);
        break;
    }
    pthread_mutex_unlock(&wal->state);
}

int hf_wal_is_alive(struct hf_wal *wal, uint64_t txn, bool *out_alive, struct hf_error *err)
{
    pthread_mutex_lock(&wal->state);
    const struct hf_wal_owned *owned = find_owned(wal, txn);
    bool ours = owned != NULL && !owned->ended;
    pthread_mutex_unlock(&wal->state);
    *out_alive = ours;
    if (ours || owned != NULL || wal->options.lock_fd < 0)
        return 0;
    return hf_io_is_locked(wal->io, wal->options.lock_fd, HF_WAL_LOCK_TXN_BASE + txn, out_alive,
                           "lock", err);
}

int hf_wal_note_record(struct hf_wal *wal, uint64_t txn, uint64_t end, struct hf_error *err)
{
    if (end <= wal->durable)
        return 0;
    struct hf_wal_owned *owned = find_owned(wal, txn);
    if (owned != NULL) {
        owned->last_end = end;
        return 0;
    }
    int rc = grow((void **)&wal->foreign, &wal->foreign_capacity, wal->foreign_count,
                  sizeof(*wal->foreign), err);
    if (rc == 0)
        wal->foreign[wal->foreign_count++] = (struct hf_wal_foreign){.txn = txn, .end = end};
    return rc;
}

void hf_wal_note_durable(struct hf_wal *wal, uint64_t durable)
{
    size_t kept = 0;

    if (durable > wal->durable)
        wal->durable = durable;
    for (size_t i = 0; i < wal->foreign_count; i++)
        if (wal->foreign[i].end > wal->durable)
            wal->foreign[kept++] = wal->foreign[i];
    wal->foreign_count = kept;
    for (size_t i = wal->owned_count; i > 0; i--)
        if (wal->owned[i - 1].ended && wal->owned[i - 1].last_end <= wal->durable)
            release_at(wal, i - 1);
}

int hf_wal_find_dead_tail(struct hf_wal *wal, bool *out_dead, struct hf_error *err)
{
    int rc = 0;

    *out_dead = false;
    pthread_mutex_lock(&wal->state);
    for (size_t i = 0; rc == 0 && i < wal->foreign_count && !*out_dead; i++) {
        bool locked = false;
        if (find_owned(wal, wal->foreign[i].txn) != NULL)
            continue;
        rc = hf_io_is_locked(wal->io, wal->options.lock_fd,
                             HF_WAL_LOCK_TXN_BASE + wal->foreign[i].txn, &locked, "lock", err);
        *out_dead = !locked;
    }
    pthread_mutex_unlock(&wal->state);
    return rc;
}
