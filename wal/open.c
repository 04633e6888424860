/*
 * wal/open.c - makes, opens, trims and closes the log. Format: FORMAT.md 1; what opening must do
 * before anything is believed: FORMAT.md 2 and 3.4.
 */
#include "wal/log.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int hf_wal_create(struct hf_io *io, int wal_dir, const uint8_t uuid[16], struct hf_error *err)
{
    struct hf_wal_segment segment;
    struct hf_wal_header header = {
        .sequence = 1,
        .reason = HF_WAL_REASON_NEW_STORE,
        .first = HF_WAL_FIRST_POSITION,
    };
    memcpy(header.uuid, uuid, sizeof(header.uuid));

    int rc = hf_io_random(io, &header.salt, sizeof(header.salt), err);
    if (rc == 0)
        rc = hf_wal_segment_make(io, wal_dir, &header, NULL, 0, &segment, err);
    if (rc != 0)
        return rc;
    hf_wal_segment_close(io, &segment);
    return hf_wal_spare_make(io, wal_dir, err);
}

/* Reading without locks: as far as `shared` calls it durable, or, after a boot, as far as it is
 * valid. */
static int open_read_only(struct hf_wal *wal, struct hf_wal_opened *opened, struct hf_error *err)
{
    struct hf_wal_shared shared;

    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc != 0)
        return rc;
    opened->this_boot = shared.sync_known && shared.tail_known;
    opened->regular = opened->this_boot && shared.state == HF_WAL_IDLE;
    if (!shared.sync_known)
        return hf_wal_follow_to_end(wal, 0, &opened->torn_bytes, err);
    if (shared.durable <= wal->reader.position)
        return 0;
    rc = hf_wal_follow_published(wal, shared.durable_sequence, shared.durable, err);
    return rc == HF_ERR_CORRUPT ? 0 : rc;
}

/* An irregular log is taken over as by any writer who takes the append lock. */
static int open_for_writing(struct hf_wal *wal, struct hf_wal_opened *opened, struct hf_error *err)
{
    struct hf_wal_shared shared;

    int rc = hf_wal_shared_read(wal->io, wal->options.shared_fd, &wal->id, &shared, err);
    if (rc != 0)
        return rc;
    opened->this_boot = shared.tail_known && shared.sync_known;
    rc = hf_wal_lock(wal, err);
    if (rc == 0)
        hf_wal_unlock(wal);
    opened->torn_bytes = wal->torn_bytes;
    opened->regular = opened->this_boot && !wal->took_over;
    return rc == HF_ERR_CORRUPT && wal->corrupt ? 0 : rc;
}

int hf_wal_new(const struct hf_wal_options *options, struct hf_wal **out_wal, struct hf_error *err)
{
    struct hf_wal *wal = calloc(1, sizeof(*wal));

    if (wal == NULL)
        return hf_fail_memory(err);
    wal->options = *options;
    wal->io = options->io;
    wal->read_only = options->read_only;
    wal->current.fd = -1;
    memcpy(wal->id.uuid, options->uuid, sizeof(wal->id.uuid));
    pthread_mutex_init(&wal->append_mutex, NULL);
    pthread_mutex_init(&wal->sync_mutex, NULL);
    pthread_mutex_init(&wal->state, NULL);
    for (size_t i = 0; i < HF_WAL_LOCK_JOBS; i++)
        pthread_mutex_init(&wal->job_mutex[i], NULL);
    int rc = hf_wal_shared_identify(wal->io, wal->options.shared_fd, &wal->id, err);
    if (rc != 0) {
        hf_wal_close(wal);
        return rc;
    }
    *out_wal = wal;
    return 0;
}

int hf_wal_open(const struct hf_wal_options *options, struct hf_wal **out_wal,
                struct hf_wal_opened *out_opened, struct hf_error *err)
{
    struct hf_wal_opened opened = {0};
    struct hf_wal *wal = NULL;

    int rc = hf_wal_new(options, &wal, err);
    if (rc == 0)
        rc = hf_wal_seek(wal, options->from, err);
    if (rc == 0 && wal->read_only)
        rc = open_read_only(wal, &opened, err);
    else if (rc == 0)
        rc = open_for_writing(wal, &opened, err);
    if (rc != 0) {
        hf_wal_close(wal);
        return rc;
    }
    opened.corrupt = wal->corrupt;
    opened.damage = wal->damage;
    *out_opened = opened;
    *out_wal = wal;
    return 0;
}

void hf_wal_close(struct hf_wal *wal)
{
    if (wal == NULL)
        return;
    for (size_t i = 0; i < wal->owned_count; i++)
        hf_io_unlock(wal->io, wal->options.lock_fd, HF_WAL_LOCK_TXN_BASE + wal->owned[i].txn, 1);
    hf_wal_reader_release(&wal->reader);
    hf_wal_segment_close(wal->io, &wal->current);
    pthread_mutex_destroy(&wal->append_mutex);
    pthread_mutex_destroy(&wal->sync_mutex);
    pthread_mutex_destroy(&wal->state);
    for (size_t i = 0; i < HF_WAL_LOCK_JOBS; i++)
        pthread_mutex_destroy(&wal->job_mutex[i]);
    free(wal->owned);
    free(wal->foreign);
    free(wal);
}

int hf_wal_lock_job(struct hf_wal *wal, uint64_t byte, bool wait, bool *out_got,
                    struct hf_error *err)
{
    /* The byte alone excludes other descriptors, not other threads with this one. */
    pthread_mutex_t *mutex = &wal->job_mutex[byte];
    bool got = true;
    int rc = 0;

    *out_got = false;
    if (wait)
        pthread_mutex_lock(mutex);
    else if (pthread_mutex_trylock(mutex) != 0)
        return 0;
    if (wait)
        rc = hf_io_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE, byte, 1, "lock", err);
    else
        rc = hf_io_try_lock(wal->io, wal->options.lock_fd, HF_IO_LOCK_EXCLUSIVE, byte, 1, &got,
                            "lock", err);
    if (rc != 0 || !got)
        pthread_mutex_unlock(mutex);
    *out_got = rc == 0 && got;
    return rc;
}

void hf_wal_unlock_job(struct hf_wal *wal, uint64_t byte)
{
    hf_io_unlock(wal->io, wal->options.lock_fd, byte, 1);
    pthread_mutex_unlock(&wal->job_mutex[byte]);
}

/* The newest segment that begins at or before `position`: those before it end there at the latest.
 * A damaged one does not tell where it begins, and goes with its older neighbours. */
static int find_needed(struct hf_wal *wal, const uint64_t *numbers, size_t count, uint64_t position,
                       size_t *out_index, struct hf_error *err)
{
    *out_index = 0;
    for (size_t i = count; i > 0; i--) {
        struct hf_wal_segment segment;
        struct hf_error why = {0};
        int rc = hf_wal_segment_open(wal->io, wal->options.wal_dir, numbers[i - 1],
                                     wal->options.uuid, false, &segment, &why);
        if (hf_error_is_damage(rc, &why))
            continue;
        if (rc == HF_ERR_NOT_FOUND)
            break; /* somebody else trims too */
        if (rc != 0) {
            if (err != NULL)
                *err = why;
            return rc;
        }
        bool is_needed = segment.header.first <= position;
        hf_wal_segment_close(wal->io, &segment);
        if (is_needed) {
            *out_index = i - 1;
            break;
        }
    }
    return 0;
}

int hf_wal_trim(struct hf_wal *wal, uint64_t position, struct hf_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0, needed = 0;

    int rc = hf_wal_segments_list(wal->io, wal->options.wal_dir, &numbers, &count, err);
    if (rc == 0)
        rc = find_needed(wal, numbers, count, position, &needed, err);
    for (size_t i = 0; rc == 0 && i < needed; i++) {
        char name[HF_WAL_NAME_MAX];
        hf_wal_segment_name(numbers[i], name);
        /* A cut must not bring a lower one back without this one, or there would be a gap: neither
         * the one before nor the last that an earlier trimming removed. */
        rc = hf_io_sync_dir(wal->io, wal->options.wal_dir, ".", err);
        if (rc == 0)
            rc = hf_io_unlink(wal->io, wal->options.wal_dir, name, err);
        if (rc == HF_ERR_NOT_FOUND)
            rc = 0;
    }
    free(numbers);
    return rc;
}
