/*
 * catalog/delta.h - an ordered map in memory whose versions never change.
 *
 * A version is a root; putting into it makes a new one that shares all it can with the old. So a
 * snapshot of a catalog is one reference, and a reader is never waited for nor made to wait. It
 * holds the changes since a checkpoint: a deleted key is an entry too (a tombstone), and every
 * entry knows the log position of the record that wrote it.
 *
 * Threads: a version may be read and referenced from any threads; nodes are counted atomically.
 */
#ifndef HF_CATALOG_DELTA_H
#define HF_CATALOG_DELTA_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>

struct hf_delta; /* a version; NULL is the empty one */

struct hf_delta_entry {
    const uint8_t *key;
    size_t key_len;
    const uint8_t *value; /* NULL with `deleted` */
    size_t value_len;
    bool deleted;
    uint64_t position;
};

struct hf_delta *hf_delta_ref(struct hf_delta *version); /* returns it; NULL gives NULL */
void hf_delta_unref(struct hf_delta *version);           /* NULL does nothing */

/*
 * Replace *version, which is consumed, by one that also has the entry (copied). On failure
 * *version stays what it was. Nodes that nobody else refers to are changed in place.
 */
HF_MUST_USE int hf_delta_put(struct hf_delta **version, const struct hf_delta_entry *entry,
                             struct hf_error *err);
/* Borrowed from the version. False: no entry, not even a tombstone. */
bool hf_delta_get(const struct hf_delta *version, const void *key, size_t key_len,
                  struct hf_delta_entry *out);
/* The first entry whose key is >= key (> key when `after`); false at the end. */
bool hf_delta_seek(const struct hf_delta *version, const void *key, size_t key_len, bool after,
                   struct hf_delta_entry *out);
/* A new version with the entries whose position is >= `from`. */
HF_MUST_USE int hf_delta_since(const struct hf_delta *version, uint64_t from, struct hf_delta **out,
                               struct hf_error *err);
size_t hf_delta_count(const struct hf_delta *version); /* entries, tombstones included */

#endif
