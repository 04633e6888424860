/*
 * store/txn.h - a transaction in the making, as the files of this folder share it. Public part:
 * store.h. Steps: FORMAT.md 5.1.
 */
#ifndef HF_STORE_TXN_H
#define HF_STORE_TXN_H

#include "base/digest_map.h"
#include "store/handle.h"

#include <pthread.h>

/* A blob that this transaction wrote into its slot. */
struct hf_staged_blob {
    struct hf_digest digest;
    uint64_t size_bytes;
    uint64_t checksum;
    uint32_t number;
    int fd; /* open until synced, so that a failure of its write-back is seen; -1 then */
    bool is_dropped;
};

/* Values of claimed_by_digest that are no index. UNSURE: its record may be in the log, so it is
 * dropped at the end. */
#define HF_CLAIM_NOT_FOUND SIZE_MAX
#define HF_CLAIM_UNSURE    (SIZE_MAX - 1)

struct hf_txn {
    struct hf_store *store;
    uint64_t id;
    uint32_t slot;
    uint64_t time_ns;
    struct hf_buf note;

    pthread_mutex_t mutex; /* all below; staging may run in several threads */
    bool slot_is_made;
    int sync_failed; /* the error of a staged blob's sync: nothing can be committed any more */
    uint32_t next_number;
    struct hf_staged_blob *staged;
    size_t staged_count, staged_capacity, synced_count; /* those before synced_count are synced */
    struct hf_digest_map staged_by_digest;
    struct hf_object *claimed; /* what claims found; memory inside is ours */
    size_t claimed_count, claimed_capacity;
    struct hf_digest_map claimed_by_digest; /* to `claimed`, or one of HF_CLAIM_* */
    struct hf_digest_map healed;            /* present ones to be replaced by the staged copy */
};

/* NULL: not staged here (or dropped). Borrowed until the next staging. */
struct hf_staged_blob *hf_txn_find_staged(const struct hf_txn *txn, const struct hf_digest *digest);
/* Step 4 and 5: sync every staged blob, then the slot. */
HF_MUST_USE int hf_txn_sync_staged(struct hf_txn *txn, struct hf_error *err);
/* Unlink all staged files; what cannot be unlinked is left to recovery. */
void hf_txn_discard_staged(struct hf_txn *txn);
/* The same for those that the COMMIT just logged has no use for. */
void hf_txn_discard_unused(struct hf_txn *txn);
/* Forget one staged blob and its file: the present copy is good. */
void hf_txn_drop_staged(struct hf_txn *txn, const struct hf_digest *digest);

#endif
