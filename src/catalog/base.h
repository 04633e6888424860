/*
 * catalog/base.h - lookups in what lies below the changes of a view, for view.c.
 * The rest of struct hf_base: view.h.
 *
 * A damaged block is met here and nowhere above: the first one makes the base fall back, and the
 * lookup is answered from what the fallback made.
 */
#ifndef HF_CATALOG_BASE_H
#define HF_CATALOG_BASE_H

#include "catalog/view.h"

/* As hf_checkpoint_get; `value` may be NULL. */
HF_MUST_USE int hf_base_get(struct hf_base *base, const void *key, size_t key_len,
                            struct hf_buf *value, struct hf_error *err);
/* As hf_checkpoint_seek. */
HF_MUST_USE int hf_base_seek(struct hf_base *base, const void *key, size_t key_len, bool after,
                             struct hf_buf *out_key, struct hf_buf *value, struct hf_error *err);

#endif
