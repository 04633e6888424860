/* catalog/apply.h - carries out what a log record says in a delta: for the catalog and for its
 * fallback. */
#ifndef HF_CATALOG_APPLY_H
#define HF_CATALOG_APPLY_H

#include "catalog/delta.h"
#include "wal/wal.h"

/* CORRUPT: its payload is malformed, and nothing was changed. */
HF_MUST_USE int hf_delta_apply_record(struct hf_delta **delta, const struct hf_wal_record *record,
                                      struct hf_error *err);

#endif
