/*
 * transfer/plan.h - what a load or import will ask of the catalog: objects in the order in which
 * they can be put, edges from subjects to artifacts, and names. Made before the commit, so that the
 * decision under the append lock is a walk through lists.
 */
#ifndef HF_TRANSFER_PLAN_H
#define HF_TRANSFER_PLAN_H

#include <holdfast/image.h>

#include "base/digest_map.h"
#include "image/events.h"
#include "image/names.h"
#include "image/summary.h"

#define HF_PLAN_OBJECTS_MAX 500000u

struct hf_plan_object {
    struct hf_digest digest;
    enum hf_kind kind;
    bool is_absent;
    uint64_t size_bytes;
    struct hf_digest *refs;
    size_t ref_count;
    uint8_t *summary;
    size_t summary_len;
};

struct hf_plan_edge {
    struct hf_digest subject, artifact;
};

struct hf_plan {
    struct hf_plan_object *objects;
    size_t object_count, object_capacity;
    struct hf_digest_map by_digest; /* the newest of a digest */
    struct hf_plan_edge *edges;
    size_t edge_count, edge_capacity;
    struct hf_name_point *points; /* full_name is owned */
    size_t point_count, point_capacity;
    struct hf_digest_map by_name; /* SHA-256 of the name: its point */
    struct hf_digest_map healed;  /* value: size; told as HEALED */
    bool keep_old;
    struct hf_events events; /* filled by the decision */
};

/* An object whose bytes the transaction has. What it refers to was put before. Put twice, the kind
 * that says more counts (a blob of an artifact can be a layer of an image as well). */
HF_MUST_USE int hf_plan_put(struct hf_plan *plan, const struct hf_digest *digest,
                            uint64_t size_bytes, const struct hf_summary *summary,
                            const struct hf_digest *refs, size_t ref_count, struct hf_error *err);
/* An object known by its descriptor only. */
HF_MUST_USE int hf_plan_put_absent(struct hf_plan *plan, const struct hf_digest *digest,
                                   uint64_t size_bytes, const struct hf_summary *summary,
                                   struct hf_error *err);
/* NULL when it was not put. Borrowed until the next put. */
const struct hf_plan_object *hf_plan_find(const struct hf_plan *plan,
                                          const struct hf_digest *digest);
/* The artifact is kept by its subject, which is in the plan or in the store by then. */
HF_MUST_USE int hf_plan_attach(struct hf_plan *plan, const struct hf_digest *subject,
                               const struct hf_digest *artifact, struct hf_error *err);
/* The same name for the same target twice is one. INPUT: for two targets. */
HF_MUST_USE int hf_plan_name(struct hf_plan *plan, const char *full_name,
                             const struct hf_digest *target, struct hf_error *err);
/* The stored copy was found wrong and is replaced. */
HF_MUST_USE int hf_plan_heal(struct hf_plan *plan, const struct hf_digest *digest,
                             uint64_t size_bytes, struct hf_error *err);

/* A hf_decide_fn; `arg` is the plan. Queues the events to be told after the commit. */
HF_MUST_USE int hf_plan_decide(void *arg, struct hf_change *change, struct hf_error *err);
void hf_plan_release(struct hf_plan *plan);

#endif
