/*
 * image/derive.h - makes what lets the kernel mount a layer, while the layer's plain bytes pass by:
 * its index (erofs/erofs.h), and the plain tar of a layer that is kept compressed.
 *
 * What is derived is staged in the transaction as blobs like others. It becomes part of the store
 * by edges (src/store/FORMAT.md 2): a compressed layer refers to its tar, a tar to its index. So it
 * is synced before it is believed, counted, checked and removed as everything else, and an index
 * that several layers have in common is one file.
 *
 * Deriving never fails an operation: what can't be derived is left to the first mount, or can't be
 * mounted, and the problem says why.
 */
#ifndef HF_IMAGE_DERIVE_H
#define HF_IMAGE_DERIVE_H

#include <holdfast/store.h>

#include "erofs/erofs.h"

/* What came of it; the digests are not set for what was not made. */
struct hf_derived {
    struct hf_digest index, tar;
    uint64_t index_bytes, tar_bytes;
    int problem; /* HF_ERR_*; 0: none */
    char why[256];
};

struct hf_derive_options {
    bool leaves_compressed; /* derive nothing from layers that are kept compressed */
    enum hf_erofs_form form;
    size_t memory_max_bytes; /* as of struct hf_erofs_options */
};

struct hf_derive;
/* `txn` is borrowed until free. */
HF_MUST_USE int hf_derive_new(struct hf_store *store, struct hf_txn *txn,
                              const struct hf_derive_options *options, struct hf_derive **out,
                              struct hf_error *err);
/* Before the first push: the layer is kept compressed, so its plain bytes are staged too. */
void hf_derive_from_compressed(struct hf_derive *derive);
/* The next plain bytes; from any one thread at a time. */
void hf_derive_push(struct hf_derive *derive, const void *data, size_t len);
/* That were all. diff_id: the digest of the plain bytes, which the transaction has staged, here or
 * elsewhere, or the store has. */
void hf_derive_end(struct hf_derive *derive, const struct hf_digest *diff_id,
                   struct hf_derived *out);
void hf_derive_free(struct hf_derive *derive); /* at any time; NULL does nothing */

/* What the store has derived from a layer; not set: nothing. */
struct hf_derived_parts {
    struct hf_digest tar;   /* its plain tar: the layer itself when it is kept plain */
    struct hf_digest index; /* 512-byte blocks, refers to the tar */
    struct hf_digest full;  /* 4096-byte blocks */
};
/* By the catalog's edges. NOT_FOUND: there is no such layer. */
HF_MUST_USE int hf_derived_find(const struct hf_snapshot *snapshot, const struct hf_digest *layer,
                                const struct hf_digest *diff_id, struct hf_derived_parts *out,
                                struct hf_error *err);

/* Is the object there for layers only: an index, or a tar that nothing but its compressed form
 * refers to? */
HF_MUST_USE int hf_derived_is(const struct hf_snapshot *snapshot, const struct hf_object *object,
                              bool *out, struct hf_error *err);

typedef int hf_derived_edge_fn(void *arg, const struct hf_digest *layer,
                               const struct hf_object *part, struct hf_error *err);
/* Every edge from a layer to what was derived from it, but those of images under a hold. */
HF_MUST_USE int hf_derived_each_edge(const struct hf_snapshot *snapshot, hf_derived_edge_fn *fn,
                                     void *arg, struct hf_error *err);

#endif
