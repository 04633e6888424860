/*
 * wal/shared.h - the file that tells the processes of one boot where the log is. Format:
 * FORMAT.md 3.1. Never synced, worthless after a boot, made anew by whoever takes the log over.
 */
#ifndef HF_WAL_SHARED_H
#define HF_WAL_SHARED_H

#include "io/io.h"

enum hf_wal_sync_state {
    HF_WAL_IDLE = 0,
    HF_WAL_SYNCING = 1,
    HF_WAL_SWITCHING = 2,
    HF_WAL_SYNC_FAILED = 3,
};

struct hf_wal_shared {
    /* the append half */
    bool tail_known; /* it is of this boot, this file and this store */
    uint64_t tail_sequence;
    uint64_t tail;
    uint64_t appending;
    /* the sync half */
    bool sync_known;
    uint64_t durable_sequence;
    uint64_t durable;
    enum hf_wal_sync_state state;
};

/* Whose file it is; filled once a handle. */
struct hf_wal_shared_id {
    uint8_t boot[16];
    uint64_t inode;
    uint8_t uuid[16];
};

/* Sets boot and inode; fd -1: there is no such file. */
HF_MUST_USE int hf_wal_shared_identify(struct hf_io *io, int fd, struct hf_wal_shared_id *id,
                                       struct hf_error *err);

/* fd -1: nothing is known. */
HF_MUST_USE int hf_wal_shared_read(struct hf_io *io, int fd, const struct hf_wal_shared_id *id,
                                   struct hf_wal_shared *out, struct hf_error *err);
/* Under the append lock. */
HF_MUST_USE int hf_wal_shared_write_tail(struct hf_io *io, int fd,
                                         const struct hf_wal_shared_id *id, uint64_t sequence,
                                         uint64_t tail, uint64_t appending, struct hf_error *err);
/* Under the sync lock. */
HF_MUST_USE int hf_wal_shared_write_sync(struct hf_io *io, int fd,
                                         const struct hf_wal_shared_id *id, uint64_t sequence,
                                         uint64_t durable, enum hf_wal_sync_state state,
                                         struct hf_error *err);

#endif
