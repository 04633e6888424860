/* wal/repair.h - begins a damaged log anew behind its damage. Steps: FORMAT.md 3.6. */
#ifndef HF_WAL_REPAIR_H
#define HF_WAL_REPAIR_H

#include "wal/scan.h"
#include "wal/wal.h"

/*
 * As hf_wal_open for writing, of a log that is damaged: options->fn gets every record that is still
 * valid, `gap` is told what is not, and the log goes on in a new segment, which is durable and
 * empty on return. Until the caller has a durable checkpoint at hf_wal_tail, what it was told is
 * not.
 *
 * options  `from` is the checkpoint's position, or the very first for a log without one
 *
 * Errors   CORRUPT: nothing is left that could be gone on with; nothing was changed.
 */
HF_MUST_USE int hf_wal_open_past_damage(const struct hf_wal_options *options, hf_wal_gap_fn *gap,
                                        void *gap_arg, struct hf_wal **out_wal,
                                        struct hf_error *err);

/* With the append lock: go on in a new segment, so that a checkpoint can make all others needless.
 */
HF_MUST_USE int hf_wal_begin_segment(struct hf_wal *wal, struct hf_error *err);

#endif
