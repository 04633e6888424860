/*
 * store/change.h - a decision in the making: changes of the catalog against the state at the log's
 * end. Public part: store.h ("what a decision can ask for"). Rules it keeps: FORMAT.md 2.5.
 */
#ifndef HF_STORE_CHANGE_H
#define HF_STORE_CHANGE_H

#include "store/txn.h"

struct hf_change {
    struct hf_store *store;
    struct hf_txn *txn; /* NULL: a change without content */
    uint64_t txn_id;    /* its position if there is no txn */
    uint64_t time_ns;
    struct hf_snapshot snapshot; /* the tail with the changes so far */
    struct hf_payload payload;
    struct hf_digest
        *suspects; /* objects that may have lost their last reference, or never had one */
    size_t suspect_count, suspect_capacity;
    uint32_t hold_count;
    size_t staged_used; /* staged blobs that `S` entries were put for */
    size_t removed;     /* objects that `X` entries were put for */
    bool adds;          /* a name, a hold, a setting: what a full disk may refuse */
    hf_removed_fn *on_removed;
    void *on_removed_arg;
    struct hf_buf key, value; /* scratch */
};

/* Under the append lock, which is held until release. */
void hf_change_init(struct hf_change *change, struct hf_store *store, struct hf_txn *txn);
void hf_change_release(struct hf_change *change);

/* Nothing may refer to this object any more, or yet: hf_change_collect will see. */
HF_MUST_USE int hf_change_suspect(struct hf_change *change, const struct hf_digest *digest,
                                  struct hf_error *err);
/* What no name reaches leaves. BUSY: a hold stands against it. */
HF_MUST_USE int hf_change_collect(struct hf_change *change, struct hf_error *err);

/* Put change->value at change->key, or delete the key: in the record and in the snapshot. */
HF_MUST_USE int hf_change_put(struct hf_change *change, struct hf_error *err);
HF_MUST_USE int hf_change_delete(struct hf_change *change, struct hf_error *err);

#endif
