/*
 * store/finish.h - what follows a COMMIT, as its three parts share it: files move to where readers
 * look (publish.c), what is permitted to go goes (removal.c), DONE is logged (finish.c).
 * FORMAT.md 5.1 steps 8 to 10, and 5.2. The same code finishes what the dead have left (recover.c).
 */
#ifndef HF_STORE_FINISH_H
#define HF_STORE_FINISH_H

#include "store/handle.h"

/* What one finishing has done, to be told by DONE. */
struct hf_finish {
    struct hf_store *store;
    uint64_t txn;
    struct hf_digest *published;
    size_t published_count, published_capacity;
    struct hf_removal {
        struct hf_digest digest;
        uint64_t permitted_by; /* `X`'s transaction: another one's permission is not ours to end */
        bool in_trash;
    } * removed;
    size_t removed_count, removed_capacity;
    bool touched[HF_DIGEST_SHA512 + 1]; /* folders of blobs/ to be synced, by algorithm */
    uint64_t files, bytes;
    struct hf_error *err;
};

void hf_finish_release(struct hf_finish *finish);

/* Steps 8 and 9 of 5.1. */
HF_MUST_USE int hf_finish_publish(struct hf_finish *finish);
/* Steps 1 and 2 of 5.2, for every permission that nothing stands against. */
HF_MUST_USE int hf_finish_remove(struct hf_finish *finish);
/* Step 4 of 5.2. */
void hf_finish_empty_trash(struct hf_finish *finish);
bool hf_finish_has_pending(struct hf_store *store);

/* Sync the folders of blobs/ that were changed. */
HF_MUST_USE int hf_finish_sync_folders(struct hf_finish *finish);
#endif
