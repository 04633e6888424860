/*
 * store/handle.h - the open store, as the files of this folder share it. Callers see
 * holdfast/store.h.
 */
#ifndef HF_STORE_HANDLE_H
#define HF_STORE_HANDLE_H

#include <holdfast/store.h>

#include "catalog/catalog.h"
#include "catalog/keys.h"
#include "catalog/payload.h"
#include "wal/repair.h"

struct hf_recovery;

struct hf_store {
    struct hf_io *io;
    char *root;
    struct hf_layout layout;
    struct hf_catalog catalog;
    struct hf_wal *wal;
    bool read_only;
    bool rebooted;
    uint64_t torn_bytes;
    struct hf_error damage;         /* code 0: none */
    pthread_mutex_t recovery_mutex; /* of the pointer below */
    struct hf_recovery *recovery;
};

struct hf_snapshot {
    struct hf_view view;
    bool is_borrowed; /* of a change: not released by its user */
};

/* hf_store_open on another table of operations: for tests. */
HF_MUST_USE int hf_store_open_io(struct hf_io *io, const char *root,
                                 const struct hf_store_options *options,
                                 struct hf_store **out_store, struct hf_error *err);

/* A setting that is there while a repair of a log that lost records is not finished: what nothing
 * accounts for may be an image's. */
#define HF_SETTING_LOST_RECORDS "lost-records"

/* For repair. */
struct hf_past_damage {
    /* A part of the log is lost; the store's tail is the catalog before it. */
    void (*gap)(void *arg, struct hf_store *store, const struct hf_wal_gap *gap);
    void *arg;
};

/* Open a store whose log is damaged: the log is begun anew behind the damage, and all that is left
 * of it is in a checkpoint before recovery does anything (wal/FORMAT.md 3.6). */
HF_MUST_USE int hf_store_open_past_damage(struct hf_io *io, const char *root,
                                          const struct hf_past_damage *past,
                                          struct hf_store **out_store, struct hf_error *err);

/* --- log.c: the log, with the catalog kept in step
 * ------------------------------------------------ */

/* Take the append lock; the catalog's tail is the log's end then. */
HF_MUST_USE int hf_store_lock(struct hf_store *store, struct hf_error *err);
void hf_store_unlock(struct hf_store *store);
/* See what others have logged meanwhile; read_only: without the lock, as far as that goes. */
HF_MUST_USE int hf_store_catch_up(struct hf_store *store, bool read_only, struct hf_error *err);
/* Make the log durable up to `position`, and visible. */
HF_MUST_USE int hf_store_sync(struct hf_store *store, uint64_t position, struct hf_error *err);
/* Take the append lock with the log durable up to its end. */
HF_MUST_USE int hf_store_lock_durable(struct hf_store *store, struct hf_error *err);
/* With the append lock: append a record of changes. */
HF_MUST_USE int hf_store_append(struct hf_store *store, enum hf_wal_type type, uint64_t txn,
                                const struct hf_payload *payload, const void *note, size_t note_len,
                                uint64_t *out_end, struct hf_error *err);
/* After an operation: a checkpoint, if it is time. Its failure harms nobody and is not told. */
void hf_store_checkpoint_if_due(struct hf_store *store);
/* Take a checkpoint now. */
HF_MUST_USE int hf_store_checkpoint(struct hf_store *store, struct hf_error *err);

/* --- snapshot.c
 * ------------------------------------------------------------------------------------ */

/* An object or the place of its staged bytes in any view. NOT_FOUND leaves err untouched. */
HF_MUST_USE int hf_view_object(const struct hf_view *view, const struct hf_digest *digest,
                               struct hf_object *out, struct hf_error *err);
HF_MUST_USE int hf_view_staged(const struct hf_view *view, const struct hf_digest *digest,
                               struct hf_staged_place *out, struct hf_error *err);
HF_MUST_USE int hf_view_name(const struct hf_view *view, const char *name, struct hf_name *out,
                             struct hf_error *err);

/* --- finish.c: FORMAT.md 5.1 steps 8 to 10, 5.2 ----------------------------------------------- */

/*
 * End a committed transaction: link its staged files into blobs/, remove what is permitted, and log
 * DONE, not synced. Idempotent: recovery calls it as well. *out_files and *out_bytes (may be NULL)
 * count what was linked or removed.
 */
HF_MUST_USE int hf_store_finish_txn(struct hf_store *store, uint64_t txn, uint32_t slot,
                                    uint64_t *out_files, uint64_t *out_bytes, struct hf_error *err);
/* Remove what is permitted and nothing stands against any more. */
HF_MUST_USE int hf_store_remove_pending(struct hf_store *store, uint64_t *out_files,
                                        uint64_t *out_bytes, struct hf_error *err);

/* --- recover.c: FORMAT.md 6 ------------------------------------------------------------------- */

/* Steps 2 to 5, under lock byte RECOVERY; replaces the report. Also with `dry_run`, which changes
 * nothing. */
HF_MUST_USE int hf_store_run_recovery(struct hf_store *store, bool dry_run, struct hf_error *err);
void hf_recovery_free(struct hf_recovery *recovery); /* NULL does nothing */

#endif
