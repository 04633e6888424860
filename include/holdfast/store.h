/*
 * holdfast/store.h - objects, names and holds in a folder that survives power loss.
 *
 * The store knows three things and parses no documents:
 *   object  immutable bytes named by digest, and the set of objects it refers to;
 *   name    a text that points to an object;
 *   hold    a durable promise to somebody that an object stays.
 * An object lives while a name reaches it. What no name reaches any more leaves in the very record
 * that took the last name, so a nameless image cannot be expressed.
 *
 * Calling sequence of a writer:
 *
 *     hf_store_open(root, &options, &store, &err)
 *     hf_txn_begin(store, "load\0app.tar", ..., &txn, &err)    an intent is in the log
 *     hf_txn_claim(txn, &digest, &object, &err)                what is there already is kept for us
 *     hf_txn_stage(txn, &staged, &err); hf_staged_write(...); hf_staged_finish(...)
 *     hf_txn_commit(txn, decide, arg, &err)                    all or nothing, durable
 *     hf_store_close(store, &err)
 *
 * `decide` is called when everybody else is held back, with the catalog as it is at that moment; it
 * says what shall change (hf_change_*) or refuses by returning an error.
 *
 * Names, summaries and notes are bytes to the store; the image layer gives them meaning (image.h).
 */
#ifndef HOLDFAST_STORE_H
#define HOLDFAST_STORE_H

#include <holdfast/digest.h>
#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_store;
struct hf_snapshot;
struct hf_txn;
struct hf_change;
struct hf_staged;
struct hf_blob;

/* --- opening --------------------------------------------------------------------------------- */

enum hf_open_mode {
    HF_OPEN_READ_WRITE = 0, /* recovers first what a dead process or a power cut left */
    HF_OPEN_CREATE = 1,     /* the same, and makes the store when there is none */
    HF_OPEN_READ_ONLY = 2,  /* writes nothing: an unclean log is applied in memory */
};

struct hf_store_options {
    enum hf_open_mode mode;
};

/*
 * Open the store in folder `root`.
 *
 * On 0 all that was acknowledged before is there. With HF_OPEN_CREATE a new store is durable, its
 * new ancestors too. A store whose log is damaged opens read-only: hf_store_damage tells.
 *
 * options  may be NULL: HF_OPEN_READ_WRITE
 *
 * Errors   NOT_FOUND: no store there. CORRUPT: there was one; nothing was changed.
 *          VERSION: made by a newer Holdfast. UNSUPPORTED: a file system that can't be trusted.
 * Threads  a store may be used from any threads; a child of fork must not use it.
 * Source   src/store/FORMAT.md, 1 and 6.
 */
HF_API HF_MUST_USE int hf_store_open(const char *root, const struct hf_store_options *options,
                                     struct hf_store **out_store, struct hf_error *err);
/*
 * Ends what is still unfinished and makes the log durable. The store is gone on every path; an
 * error tells that the last sync failed. No transaction, snapshot or blob of it may be open. NULL
 * is fine.
 */
HF_API int hf_store_close(struct hf_store *store, struct hf_error *err);

/* Was it opened read-only, or turned so by damage? */
HF_API bool hf_store_is_read_only(const struct hf_store *store);
/* 0, or HF_ERR_CORRUPT with the damage that made it read-only. */
HF_API int hf_store_damage(const struct hf_store *store, struct hf_error *err);
/* As given to hf_store_open. Borrowed. */
HF_API const char *hf_store_root(const struct hf_store *store);
/* "01234567-89ab-…" into text[37]. */
HF_API const char *hf_store_uuid(const struct hf_store *store, char text[37]);

/* --- recovery -------------------------------------------------------------------------------- */

enum hf_recovery_outcome {
    HF_RECOVERY_ROLLED_BACK = 1, /* it had not committed: its files are gone */
    HF_RECOVERY_REPLAYED = 2,    /* it had committed: its files are in place */
    HF_RECOVERY_SWEPT = 3, /* files that no record told of (its intent never reached the disk; in a
                              dry run: is not durable yet) */
};

struct hf_recovery_entry {
    uint64_t txn;
    enum hf_recovery_outcome outcome;
    const char *note; /* operation and arguments, separated by blanks; borrowed */
    uint64_t time_ns; /* of its first record; 0 when unknown */
    uint64_t files;   /* moved into place, or removed */
    uint64_t bytes;   /* of those files */
};

struct hf_recovery_report {
    bool clean;          /* there was nothing to do */
    bool rebooted;       /* the store had not been opened since the system booted */
    uint64_t torn_bytes; /* of a log record that a cut left half written; never acknowledged */
    size_t entry_count;
    const struct hf_recovery_entry *entries;
};

/* What opening this store recovered. Borrowed until close. */
HF_API const struct hf_recovery_report *hf_store_recovery(const struct hf_store *store);
/*
 * Recover again, in an open store: what processes that died since opening have left.
 * The report of hf_store_recovery is replaced: who reads one must not recover in another thread.
 */
HF_API HF_MUST_USE int hf_store_recover(struct hf_store *store, struct hf_error *err);
/* What recovery would do, without doing it; the store may be open read-only. The report of
 * hf_store_recovery is replaced. */
HF_API HF_MUST_USE int hf_store_recover_dry_run(struct hf_store *store, struct hf_error *err);

/* --- snapshots: what is there ---------------------------------------------------------------- */

/* A consistent moment. Never waits for writers, never delays them; keep it as long as you like. */
HF_API HF_MUST_USE int hf_snapshot_take(struct hf_store *store, struct hf_snapshot **out_snapshot,
                                        struct hf_error *err);
HF_API void hf_snapshot_release(struct hf_snapshot *snapshot); /* NULL does nothing */
HF_API uint64_t hf_snapshot_position(const struct hf_snapshot *snapshot);

enum hf_object_state {
    HF_OBJECT_PRESENT = 1,
    HF_OBJECT_ABSENT = 2, /* known by its descriptor, never fetched: another platform of an index */
    HF_OBJECT_DAMAGED = 3, /* a check found its bytes wrong or missing */
};

/* Filled by the store; memory inside is the caller's until hf_object_release. Zero it first. */
struct hf_object {
    struct hf_digest digest;
    enum hf_object_state state;
    uint64_t size_bytes;
    uint64_t checksum;      /* XXH3 of the bytes */
    struct hf_digest *refs; /* ascending, each once */
    size_t ref_count;
    uint8_t *summary; /* opaque to the store */
    size_t summary_len;
};
HF_API void hf_object_release(struct hf_object *object);

enum hf_name_flags {
    HF_NAME_DIGEST = 1 << 0, /* repo@sha256:… */
    HF_NAME_KEPT = 1 << 1,   /* made for an old image when its tag moved; goes with its last hold */
};

struct hf_name {
    const char *name; /* borrowed for the call, or from the struct's own memory (see the call) */
    struct hf_digest target;
    uint32_t flags;
    uint64_t time_ns;
};

struct hf_hold {
    uint64_t id; /* unique in the store */
    struct hf_digest target;
    uint64_t time_ns;
    uint64_t expiry_ns; /* 0: none */
    const char *owner;  /* who, e.g. "containerd" or "user:root" */
    const char *reason; /* why, e.g. "container 1234" */
    const char *name;   /* the name it was put on; "" for an ID */
};

/* Listings call back for each element, ascending. A non-zero result ends the listing and is
 * returned. What the elements point to is borrowed for the call. */
typedef int hf_name_fn(void *arg, const struct hf_name *name);
typedef int hf_object_fn(void *arg, const struct hf_object *object);
typedef int hf_hold_fn(void *arg, const struct hf_hold *hold);
/* One of `object` and `name` is NULL. */
typedef int hf_referrer_fn(void *arg, const struct hf_digest *object, const char *name);
typedef int hf_setting_fn(void *arg, const char *name, const char *value);

/* NOT_FOUND when there is none (err tells its name). out->name is NULL. */
HF_API HF_MUST_USE int hf_snapshot_name(const struct hf_snapshot *snapshot, const char *name,
                                        struct hf_name *out, struct hf_error *err);
HF_API HF_MUST_USE int hf_snapshot_object(const struct hf_snapshot *snapshot,
                                          const struct hf_digest *digest, struct hf_object *out,
                                          struct hf_error *err);
/* Names that begin with `prefix` ("" or NULL: all). */
HF_API HF_MUST_USE int hf_snapshot_each_name(const struct hf_snapshot *snapshot, const char *prefix,
                                             hf_name_fn *fn, void *arg, struct hf_error *err);
/* Objects of an algorithm whose hexadecimal digits begin with `hex` ("" or NULL: all; algorithm
 * HF_DIGEST_NONE: of every algorithm). USAGE when it is not hexadecimal. */
HF_API HF_MUST_USE int hf_snapshot_each_object(const struct hf_snapshot *snapshot,
                                               uint8_t algorithm, const char *hex, hf_object_fn *fn,
                                               void *arg, struct hf_error *err);
/* What refers to an object: other objects, then names. */
HF_API HF_MUST_USE int hf_snapshot_each_referrer(const struct hf_snapshot *snapshot,
                                                 const struct hf_digest *digest, hf_referrer_fn *fn,
                                                 void *arg, struct hf_error *err);
/* Holds on `digest` (NULL: all). */
HF_API HF_MUST_USE int hf_snapshot_each_hold(const struct hf_snapshot *snapshot,
                                             const struct hf_digest *digest, hf_hold_fn *fn,
                                             void *arg, struct hf_error *err);
/* A setting's value into `value` (cut to fit); NOT_FOUND when it is not set (err untouched). */
HF_API HF_MUST_USE int hf_snapshot_setting(const struct hf_snapshot *snapshot, const char *name,
                                           char *value, size_t value_size, struct hf_error *err);

/* --- bytes ----------------------------------------------------------------------------------- */

/*
 * Open an object's bytes. They are read as they are on disk: compare size, checksum or digest to
 * know that they are good.
 *
 * Errors   NOT_FOUND: the object was removed meanwhile. CORRUPT: it is in the catalog and its file
 * is missing or has another size.
 */
HF_API HF_MUST_USE int hf_blob_open(struct hf_store *store, const struct hf_digest *digest,
                                    struct hf_blob **out_blob, struct hf_error *err);
HF_API void hf_blob_close(struct hf_blob *blob); /* NULL does nothing */
HF_API uint64_t hf_blob_size(const struct hf_blob *blob);
/* Up to `len` bytes at `off`; *out_len < len only at the end. */
HF_API HF_MUST_USE int hf_blob_read(struct hf_blob *blob, void *data, size_t len, uint64_t off,
                                    size_t *out_len, struct hf_error *err);
/* The whole object into memory of the caller (free), at most `max_bytes` (LIMIT), its digest
 * checked (CORRUPT). A zero byte follows the data. */
HF_API HF_MUST_USE int hf_blob_read_all(struct hf_store *store, const struct hf_digest *digest,
                                        size_t max_bytes, uint8_t **out_data, size_t *out_len,
                                        struct hf_error *err);

/* --- transactions ---------------------------------------------------------------------------- */

/*
 * Begin an operation. Its intent is in the log, and it holds a slot in staging/ and a lock that
 * tells others it lives.
 *
 * note     operation and arguments, each ended by a zero byte, for `holdfast wal` and `recover`:
 *          "load\0app.tar\0"; at most 64 KiB
 *
 * Errors   NO_SPACE: no room for the log to go on. CORRUPT, FAILED: the store is read-only.
 */
HF_API HF_MUST_USE int hf_txn_begin(struct hf_store *store, const char *note, size_t note_len,
                                    struct hf_txn **out_txn, struct hf_error *err);
HF_API uint64_t hf_txn_id(const struct hf_txn *txn);

/*
 * Keep an object's bytes until this transaction ends, then look whether it is there: 0 and *out
 * (released by the caller; may be NULL), or NOT_FOUND (err untouched). Costs no sync.
 */
HF_API HF_MUST_USE int hf_txn_claim(struct hf_txn *txn, const struct hf_digest *digest,
                                    struct hf_object *out, struct hf_error *err);

/* A new blob. Written from one thread at a time; several may be staged at once. */
HF_API HF_MUST_USE int hf_txn_stage(struct hf_txn *txn, struct hf_staged **out_staged,
                                    struct hf_error *err);
/* Appends and hashes. */
HF_API HF_MUST_USE int hf_staged_write(struct hf_staged *staged, const void *data, size_t len,
                                       struct hf_error *err);
/*
 * The blob is whole. Its digest (SHA-256) and size are known; its sync begins beside the caller's
 * work.
 *
 * On 0 the transaction has the blob, and `staged` is gone; if a blob of that digest was staged
 * before in this transaction, this copy is dropped. On failure too `staged` is gone, and its file.
 *
 * expected  the digest it must have, or NULL: else DIGEST. A SHA-512 one decides the algorithm.
 */
HF_API HF_MUST_USE int hf_staged_finish(struct hf_staged *staged, const struct hf_digest *expected,
                                        struct hf_digest *out_digest, uint64_t *out_size_bytes,
                                        struct hf_error *err);
HF_API void hf_staged_drop(struct hf_staged *staged); /* removes its file; NULL does nothing */
/* Has this transaction staged a blob of that digest? Then *out_size_bytes (may be NULL) is set. */
HF_API bool hf_txn_has_staged(const struct hf_txn *txn, const struct hf_digest *digest,
                              uint64_t *out_size_bytes);
/* Read staged bytes back, before commit. NOT_FOUND when this transaction has not staged it. */
HF_API HF_MUST_USE int hf_txn_staged_open(struct hf_txn *txn, const struct hf_digest *digest,
                                          struct hf_blob **out_blob, struct hf_error *err);
/*
 * Read an object of the store that may be damaged and, if its size, checksum or digest is wrong,
 * forget it: a blob of that digest staged in this transaction then replaces it at commit (it is
 * healed). *out_good tells. Called by who staged the same digest again and wants the old copy
 * checked.
 */
HF_API HF_MUST_USE int hf_txn_verify_present(struct hf_txn *txn, const struct hf_digest *digest,
                                             bool *out_good, struct hf_error *err);
/* The staged copy shall replace the present one at commit: its reader found that one damaged. */
HF_API void hf_txn_heal(struct hf_txn *txn, const struct hf_digest *digest);

/* Decides under the append lock; 0 or an error that refuses (nothing changes then). Must not call
 * the store but through `change`; must be quick. */
typedef int hf_decide_fn(void *arg, struct hf_change *change, struct hf_error *err);

/*
 * Make all that `decide` asks for permanent, all or none, and end the transaction. Staged blobs
 * that no object is put for are dropped. Blocks for the syncs of the blobs, of the slot, and of the
 * log.
 *
 * txn      consumed on every path
 *
 * Errors   what `decide` returned; NO_SPACE: nothing changed, an ABORT is logged.
 *          BUSY: an object under a durable hold would lose its last name.
 *          OUTCOME_UNKNOWN: a sync failed; reopen the store to learn the outcome.
 * Source   src/store/FORMAT.md 5.1.
 */
HF_API HF_MUST_USE int hf_txn_commit(struct hf_txn *txn, hf_decide_fn *decide, void *arg,
                                     struct hf_error *err);
/* End without a change; staged files are removed, `reason` is logged. NULL txn does nothing. */
HF_API void hf_txn_abort(struct hf_txn *txn, const char *reason);

/* A change without content (a tag, a removal, a hold): one record, no intent before it. Same
 * errors. */
HF_API HF_MUST_USE int hf_store_change(struct hf_store *store, const char *note, size_t note_len,
                                       hf_decide_fn *decide, void *arg, struct hf_error *err);

/* --- what a decision can ask for ------------------------------------------------------------- */

/* The catalog at this moment, with what this decision has changed so far. Borrowed. */
HF_API const struct hf_snapshot *hf_change_snapshot(struct hf_change *change);

/*
 * Put an object whose bytes are staged in this transaction, claimed by it, or in the store.
 * If it is there already, its references become the union, and a new summary (len > 0) replaces the
 * old. References must be put before, or be there.
 *
 * refs     the objects it keeps alive; duplicates are fine; at most 100,000
 * summary  at most 64 KiB
 *
 * Errors   NOT_FOUND: neither its bytes nor a reference are there.
 */
HF_API HF_MUST_USE int hf_change_put_object(struct hf_change *change,
                                            const struct hf_digest *digest,
                                            const struct hf_digest *refs, size_t ref_count,
                                            const void *summary, size_t summary_len,
                                            struct hf_error *err);
/* The object refers to these no longer, if it did; what nothing else refers to leaves. */
HF_API HF_MUST_USE int hf_change_drop_refs(struct hf_change *change, const struct hf_digest *digest,
                                           const struct hf_digest *refs, size_t ref_count,
                                           struct hf_error *err);
/* An object known by its descriptor only. If it is there already, nothing changes. */
HF_API HF_MUST_USE int hf_change_put_absent(struct hf_change *change,
                                            const struct hf_digest *digest, uint64_t size_bytes,
                                            const void *summary, size_t summary_len,
                                            struct hf_error *err);
/* Point a name to an object, from wherever it pointed. flags: HF_NAME_*. */
HF_API HF_MUST_USE int hf_change_set_name(struct hf_change *change, const char *name,
                                          const struct hf_digest *target, uint32_t flags,
                                          struct hf_error *err);
HF_API HF_MUST_USE int hf_change_drop_name(struct hf_change *change, const char *name,
                                           struct hf_error *err);
/* hold->id is chosen by the store: *out_id. hold->time_ns is now. */
HF_API HF_MUST_USE int hf_change_add_hold(struct hf_change *change, const struct hf_hold *hold,
                                          uint64_t *out_id, struct hf_error *err);
HF_API HF_MUST_USE int hf_change_drop_hold(struct hf_change *change, uint64_t id,
                                           struct hf_error *err);
/* An object's bytes were found wrong (DAMAGED) or right again (PRESENT). */
HF_API HF_MUST_USE int hf_change_set_state(struct hf_change *change, const struct hf_digest *digest,
                                           enum hf_object_state state, struct hf_error *err);
/* NULL or "" removes a setting. */
HF_API HF_MUST_USE int hf_change_setting(struct hf_change *change, const char *name,
                                         const char *value, struct hf_error *err);
/* The clock of this change, nanoseconds since 1970; never behind a record of the log. */
HF_API uint64_t hf_change_time_ns(const struct hf_change *change);

/*
 * After `decide` has returned, its caller may want to know what left. Called (once a removed
 * object) when the change is complete, before it is logged; set it from within `decide`.
 */
typedef void hf_removed_fn(void *arg, const struct hf_object *object);
HF_API void hf_change_on_removed(struct hf_change *change, hf_removed_fn *fn, void *arg);

#endif
