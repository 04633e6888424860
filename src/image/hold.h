/* image/hold.h - what holds and their end have in common. */
#ifndef HF_IMAGE_HOLD_H
#define HF_IMAGE_HOLD_H

#include <holdfast/image.h>

#include "image/events.h"
#include "image/lists.h"

/* Drop the names that were kept for old images (HF_NAME_KEPT) of those targets on which no hold is
 * left. Within `decide`, after the holds were dropped. */
HF_MUST_USE int hf_holds_drop_kept(struct hf_change *change, const struct hf_digest_set *targets,
                                   struct hf_events *events, struct hf_error *err);

#endif
