/*
 * catalog/retention.h - which checkpoints there are, which is used, and which are kept. Format:
 * FORMAT.md 4.
 */
#ifndef HF_CATALOG_RETENTION_H
#define HF_CATALOG_RETENTION_H

#include "catalog/layout.h"
#include "catalog/view.h"

#include <stddef.h>

/* Positions of the checkpoints by file name, ascending. */
struct hf_checkpoint_list {
    uint64_t *positions;
    size_t count, capacity;
};
HF_MUST_USE int hf_checkpoint_list_read(const struct hf_layout *layout,
                                        struct hf_checkpoint_list *out, struct hf_error *err);
void hf_checkpoint_list_release(struct hf_checkpoint_list *list);

/*
 * The newest usable checkpoint below position `below`, as a base that falls back to an older one
 * when a block of it turns out damaged; without any checkpoint file the empty catalog at position
 * 0. *out_newest: the position that the newest file's name tells, usable or not. `layout` is
 * borrowed as long as the base lives.
 */
HF_MUST_USE int hf_retention_open_newest(const struct hf_layout *layout, uint64_t below,
                                         struct hf_base **out_base, uint64_t *out_newest,
                                         struct hf_error *err);

/*
 * Delete all but the newest two usable checkpoints; nothing, if one can't be read for another
 * reason than damage, or if fewer are usable. *out_trim_to: the log before it is not needed; 0: all
 * of it is.
 */
HF_MUST_USE int hf_retention_trim(const struct hf_layout *layout, uint64_t *out_trim_to,
                                  struct hf_error *err);

#endif
