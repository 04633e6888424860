/* transfer/heal.h - good copies of damaged objects, from an archive or another store. */
#ifndef HF_TRANSFER_HEAL_H
#define HF_TRANSFER_HEAL_H

#include <holdfast/image.h>

#include "io/io.h"

/*
 * Put the bytes that `path` (an archive, an OCI layout, or another store's folder) has of these
 * objects in their place, in one transaction. No name, no edge and no other object changes.
 */
HF_MUST_USE int hf_heal_from(struct hf_io *io, struct hf_store *store, const char *path,
                             const struct hf_digest *wanted, size_t count, struct hf_error *err);

#endif
