/*
 * transfer/hints.h - what the files of a docker archive probably are, told by its manifest.json
 * before the pass that reads everything.
 *
 * Paths such as ID/layer.tar tell no digest. With one, a layer that the store has is compared and
 * not written, so loading an archive again costs reading, and needs no room on a full disk. A hint
 * is never believed: every byte is hashed all the same. Only a plain tar that is a file can be
 * looked into ahead; for a pipe there are no hints.
 */
#ifndef HF_TRANSFER_HINTS_H
#define HF_TRANSFER_HINTS_H

#include <holdfast/digest.h>

#include "archive/source.h"

struct hf_hint {
    char *path; /* canonical */
    struct hf_digest digest;
};

struct hf_hints {
    struct hf_hint *items; /* sorted by path */
    size_t count;
    size_t capacity;
};

/* What can't be read or understood gives no hints; the pass that follows will say why. */
void hf_hints_scan(struct hf_source *source, struct hf_hints *out);
bool hf_hints_get(const struct hf_hints *hints, const char *path, struct hf_digest *out);
void hf_hints_release(struct hf_hints *hints);

#endif
