/*
 * catalog/catalog.h - the catalog as this handle sees it: a checkpoint, the changes of the log
 * since, and which of them are durable. Format: FORMAT.md 2 and 4.
 *
 * Two states matter: at the tail of the log (for who decides under the append lock) and at the
 * durable position (for who looks). Both are versions of one delta, so neither copies anything.
 *
 * Threads: every function may be called from any thread, but hf_catalog_apply, which the log calls
 * one record after the other.
 */
#ifndef HF_CATALOG_CATALOG_H
#define HF_CATALOG_CATALOG_H

#include "catalog/layout.h"
#include "catalog/view.h"
#include "wal/wal.h"

#include <pthread.h>

/* A version that waits to become durable. */
struct hf_catalog_version {
    uint64_t end;
    struct hf_delta *delta;
};

struct hf_catalog {
    const struct hf_layout *layout; /* borrowed */
    pthread_mutex_t mutex;
    struct hf_base *base;
    struct hf_delta *tail; /* every record applied */
    uint64_t tail_position;
    struct hf_delta *durable;
    uint64_t durable_position;
    struct hf_catalog_version *waiting; /* ascending */
    size_t waiting_count, waiting_capacity;
    uint64_t last_time_ns; /* the largest of any record seen */
    bool is_shown;         /* opening is over: `durable` may be looked at */
};

/*
 * Find the newest usable checkpoint. *out_from: the position to read the log from; *out_must_reach:
 * the log must reach this, else it has lost its end. CORRUPT: there are checkpoints, and none is
 * usable.
 */
HF_MUST_USE int hf_catalog_open(struct hf_catalog *catalog, const struct hf_layout *layout,
                                uint64_t *out_from, uint64_t *out_must_reach, struct hf_error *err);
void hf_catalog_close(struct hf_catalog *catalog);

/* A hf_wal_record_fn; arg is the catalog. */
int hf_catalog_apply(void *arg, const struct hf_wal_record *record, struct hf_error *err);
/* The log is durable up to `durable`: looking sees it. */
void hf_catalog_publish(struct hf_catalog *catalog, uint64_t durable);

/* The log goes on at `position`, which lies behind every record: it was damaged before. */
void hf_catalog_advance(struct hf_catalog *catalog, uint64_t position);

/* References of their own; hf_view_release. */
void hf_catalog_view_durable(struct hf_catalog *catalog, struct hf_view *out);
void hf_catalog_view_tail(struct hf_catalog *catalog, struct hf_view *out);

/* The largest time of any record seen. */
uint64_t hf_catalog_last_time_ns(struct hf_catalog *catalog);

/* Is it time for a checkpoint? */
/* `segments`: how many the log has begun since the last one. */
bool hf_catalog_wants_checkpoint(struct hf_catalog *catalog, uint64_t segments);
/* Take one at the durable position, delete what is older than the second newest, trim the log.
 * Under lock byte CHECKPOINT. */
HF_MUST_USE int hf_catalog_checkpoint(struct hf_catalog *catalog, struct hf_wal *wal,
                                      struct hf_error *err);
/* Begin again from the newest checkpoint, since the log we stood at is deleted (hf_wal_refresh). */
HF_MUST_USE int hf_catalog_reload(struct hf_catalog *catalog, struct hf_wal *wal,
                                  struct hf_error *err);

/* Did a checkpoint in use turn out damaged? (The older one serves.) */
bool hf_catalog_is_damaged(struct hf_catalog *catalog, struct hf_error *out_damage);

#endif
