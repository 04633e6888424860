/*
 * image/derive_layer.h - derives again what was left out, dropped or damaged: for layers that are
 * in the store already. While a layer is loaded: load_derive.c.
 */
#ifndef HF_IMAGE_DERIVE_LAYER_H
#define HF_IMAGE_DERIVE_LAYER_H

#include "image/derive.h"
#include "image/layers.h"

/*
 * The layer's parts, with the one of this form among them: made by a transaction of its own when it
 * is not there. Durable on return; the layer must be held or claimed meanwhile.
 *
 * Errors   CORRUPT: the layer's bytes are damaged. UNSUPPORTED, INPUT, LIMIT: it can't be mounted.
 */
HF_MUST_USE int hf_layer_derive(struct hf_store *store, const struct hf_layer *layer,
                                enum hf_erofs_form form, struct hf_derived_parts *out,
                                struct hf_error *err);

/* A hf_check_heal_fn without an argument of its own: what is derived is made again in place. */
HF_MUST_USE int hf_derive_heal(struct hf_store *store, const struct hf_digest *wanted, size_t count,
                               struct hf_error *err);

#endif
