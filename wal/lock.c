/*
 * wal/lock.c - the append lock. Protocol: FORMAT.md 3.2, steps 1 and 2.
 *
 * Always true: who holds it has seen every record up to the tail, and the log is regular: nothing
 * that a dead process left, nothing that a failed sync made doubtful, nothing behind the tail.
 */
#include "wal/log.h"

#include "base/error.h"

/* State SYNCING or SWITCHING: its holder lives if the sync lock is taken. */
static int holder_is_dead(struct hf_wal *wal, bool *out_dead, struct hf_error *err)
{
    *out_dead = false;
    if (pthread_mutex_trylock(&wal->sync_mutex) != 0)
        return 0; /* a thread of ours */
    int rc = hf_io_try_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_SYNC,
                            1, out_dead, "lock", err);
    if (rc == 0 && *out_dead) {
        struct hf_wal_shared shared;
        /* It may have finished in good order between our look and our lock. */
        rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
        *out_dead = rc == 0 && (!shared.sync_known || shared.state != HF_WAL_IDLE);
        hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_SYNC, 1);
    }
    pthread_mutex_unlock(&wal->sync_mutex);
    return rc;
}

/* With the append lock. */
static int is_irregular(struct hf_wal *wal, const struct hf_wal_shared *shared, bool *out,
                        struct hf_error *err)
{
    *out = !shared->tail_known || !shared->sync_known || shared->appending != shared->tail ||
           shared->state == HF_WAL_SYNC_FAILED;
    if (*out || shared->state == HF_WAL_IDLE)
        return 0;
    return holder_is_dead(wal, out, err);
}

/*
 * With the append lock: is there a record beyond the durable position whose owner died? An owner
 * who ends publishes `durable` first and frees its byte then, so a free byte counts only against a
 * look after it.
 */
static int has_dead_tail(struct hf_wal *wal, bool *out_dead, struct hf_error *err)
{
    struct hf_wal_shared shared;

    int rc = hf_wal_find_dead_tail(wal, out_dead, err);
    if (rc != 0 || !*out_dead)
        return rc;
    rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&wal->state);
    hf_wal_note_durable(wal, shared.durable);
    pthread_mutex_unlock(&wal->state);
    return hf_wal_find_dead_tail(wal, out_dead, err);
}

/*
 * With the append lock and `state`: see every record up to the tail. *out_lost: what was not
 * durable is gone. *out_more: the log goes on behind the tail. Both mean that the disk lost power,
 * or was copied, while the machine ran, and brought `shared` and the log back from different
 * moments.
 */
static int read_to_tail(struct hf_wal *wal, const struct hf_wal_shared *shared, bool *out_lost,
                        bool *out_more, struct hf_error *err)
{
    struct hf_error why = {0};
    int rc = 0;

    *out_lost = *out_more = false;
    hf_wal_note_durable(wal, shared->durable);
    if (shared->tail != wal->reader.position ||
        shared->tail_sequence != wal->current.header.sequence)
        rc = hf_wal_follow(wal, shared->tail_sequence, shared->tail, &why);
    if (rc == HF_ERR_CORRUPT && wal->reader.position >= shared->durable) {
        *out_lost = true;
        return 0;
    }
    if (rc == HF_ERR_CORRUPT)
        hf_wal_note_corrupt(wal, &why);
    if (rc != 0 && err != NULL)
        *err = why;
    /* Once is enough: while this handle is open the disk can't come back as another. */
    if (rc == 0 && !wal->has_seen_end)
        rc = hf_wal_is_more_behind(wal, out_more, err);
    wal->has_seen_end = wal->has_seen_end || rc == 0;
    return rc;
}

/* With the append lock: repair what the dead have left, then see every record up to the tail. */
static int catch_up(struct hf_wal *wal, struct hf_error *err)
{
    struct hf_wal_shared shared;
    bool irregular = false, lost = false, more = false;

    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc == 0)
        rc = is_irregular(wal, &shared, &irregular, err);
    if (rc == 0 && !irregular) {
        pthread_mutex_lock(&wal->state);
        rc = read_to_tail(wal, &shared, &lost, &more, err);
        pthread_mutex_unlock(&wal->state);
        irregular = lost || more;
        if (rc == 0 && !irregular)
            rc = has_dead_tail(wal, &irregular, err);
    }
    if (rc == 0 && irregular)
        rc = hf_wal_take_over(wal, HF_WAL_REASON_TAKEN_OVER, err);
    if (rc == 0)
        rc = hf_wal_check_usable(wal, err);
    return rc;
}

int hf_wal_lock(struct hf_wal *wal, struct hf_error *err)
{
    int rc = hf_wal_check_usable(wal, err);

    if (rc != 0)
        return rc;
    pthread_mutex_lock(&wal->append_mutex);
    rc = hf_io_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_APPEND, 1,
                    "lock", err);
    if (rc == 0) {
        rc = catch_up(wal, err);
        if (rc != 0)
            hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_APPEND, 1);
    }
    if (rc != 0)
        pthread_mutex_unlock(&wal->append_mutex);
    return rc;
}

void hf_wal_unlock(struct hf_wal *wal)
{
    hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_APPEND, 1);
    pthread_mutex_unlock(&wal->append_mutex);
}
