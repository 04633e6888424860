/*
 * transfer/measure.h - what a blob is as a layer: the digest (diff ID) and size of its plain tar.
 *
 * Pushed the bytes of a blob while they go elsewhere. For compressed ones inflating and hashing run
 * on a thread of their own, behind a queue of HF_MEASURE_QUEUE bytes, so that they cost no time
 * beside writing. Plain ones need no work: the blob's own digest and size are the answer.
 *
 * Any blob can be measured. That one is no layer is no error here: `problem` says why, for whoever
 * finds it named as a layer.
 */
#ifndef HF_TRANSFER_MEASURE_H
#define HF_TRANSFER_MEASURE_H

#include <holdfast/digest.h>

#include "image/derive.h"
#include "archive/inflate.h"

#define HF_MEASURE_QUEUE (1024u * 1024u)

struct hf_plain {
    enum hf_compression compression;
    struct hf_digest diff_id; /* not set for PLAIN: the blob's own; nor with a problem */
    uint64_t size_bytes;
    char problem[96]; /* why it can't be inflated ("its gzip data ..."); "" when it can */
};

struct hf_measure;
/* `derive` gets the plain bytes as well, compressed or not; borrowed until end or free. May be
 * NULL.
 */
HF_MUST_USE int hf_measure_new(struct hf_derive *derive, struct hf_measure **out,
                               struct hf_error *err);
/* Errors   NO_MEMORY only. */
HF_MUST_USE int hf_measure_push(struct hf_measure *measure, const void *data, size_t len,
                                struct hf_error *err);
/* Waits for the thread. */
HF_MUST_USE int hf_measure_end(struct hf_measure *measure, struct hf_plain *out,
                               struct hf_error *err);
void hf_measure_free(struct hf_measure *measure); /* at any time; NULL does nothing */

/* new, push and end for bytes in memory. */
HF_MUST_USE int hf_measure_bytes(const void *data, size_t len, struct hf_plain *out,
                                 struct hf_error *err);

#endif
