/*
 * catalog/view.h - the catalog at one position: a checkpoint with the changes since on top.
 *
 * A view never changes. When a block of its checkpoint turns out to be damaged, the view asks
 * its base for the same contents made from the older checkpoint and the log (base.h) and goes on.
 *
 * Threads: a view may be read from any threads.
 */
#ifndef HF_CATALOG_VIEW_H
#define HF_CATALOG_VIEW_H

#include "catalog/checkpoint.h"
#include "catalog/delta.h"

/*
 * What lies below the changes: the catalog at the position of a checkpoint. Counted, shared by
 * views. `checkpoint` may be NULL (the empty catalog). `below` holds changes between the checkpoint
 * and the base's position; it is NULL unless the base had to fall back to an older checkpoint.
 */
struct hf_base;

/* Make *out_checkpoint and *out_below (may be NULL: empty) anew after damage, for the same
 * position. Called with the base's lock held, and no more once it succeeded or met damage. */
typedef int hf_base_fallback_fn(void *arg, uint64_t position, struct hf_checkpoint **out_checkpoint,
                                struct hf_delta **out_below, struct hf_error *err);

/* Consumes the reference to `checkpoint` and to `below`, also on failure. */
HF_MUST_USE int hf_base_new(struct hf_checkpoint *checkpoint, struct hf_delta *below,
                            uint64_t position, hf_base_fallback_fn *fallback, void *arg,
                            struct hf_base **out, struct hf_error *err);
struct hf_base *hf_base_ref(struct hf_base *base);
void hf_base_unref(struct hf_base *base);
uint64_t hf_base_position(const struct hf_base *base);
/* Size of its checkpoint's file; 0 without one. */
uint64_t hf_base_size_bytes(struct hf_base *base);
/* Was a damaged block met? Then *out_damage (may be NULL) tells which. */
bool hf_base_is_damaged(struct hf_base *base, struct hf_error *out_damage);

/* A value, copied freely only through init/release. */
struct hf_view {
    struct hf_base *base;
    struct hf_delta *delta;
    uint64_t position; /* every record that ends at or before it is applied */
};

void hf_view_init(struct hf_view *view, struct hf_base *base, struct hf_delta *delta,
                  uint64_t position); /* takes references of its own */
void hf_view_release(struct hf_view *view);

/* Value into `value` (cleared first; may be NULL to ask for existence). NOT_FOUND without touching
 * err. */
HF_MUST_USE int hf_view_get(const struct hf_view *view, const void *key, size_t key_len,
                            struct hf_buf *value, struct hf_error *err);

/* All entries whose key begins with a prefix, ascending. */
struct hf_view_iter {
    const struct hf_view *view; /* borrowed */
    struct hf_buf prefix;
    struct hf_buf key;                    /* of the current entry */
    struct hf_buf value;                  /* of the current entry */
    struct hf_buf below_key, below_value; /* the checkpoint's next entry, read ahead */
    int below_state;                      /* 0 none read, 1 read, 2 at its end */
    bool started;
};

HF_MUST_USE int hf_view_iter_init(struct hf_view_iter *iter, const struct hf_view *view,
                                  const void *prefix, size_t prefix_len, struct hf_error *err);
/* 0: iter->key and iter->value are the next entry; HF_END; or an error, and then only release is
 * left.
 */
HF_MUST_USE int hf_view_iter_next(struct hf_view_iter *iter, struct hf_error *err);
void hf_view_iter_release(struct hf_view_iter *iter);

/* Is there any entry with this prefix? 0 yes, NOT_FOUND no (err untouched), else an error. */
HF_MUST_USE int hf_view_any(const struct hf_view *view, const void *prefix, size_t prefix_len,
                            struct hf_error *err);

/* Write a checkpoint of the view at its position. */
HF_MUST_USE int hf_view_checkpoint(const struct hf_view *view, struct hf_io *io, int catalog_dir,
                                   const uint8_t uuid[16], struct hf_error *err);

#endif
