/*
 * image/note.h - the note that an operation leaves in the log: its name and arguments, each ended
 * by a zero byte.
 */
#ifndef HF_IMAGE_NOTE_H
#define HF_IMAGE_NOTE_H

#include <holdfast/store.h>

#include "base/buf.h"

void hf_note_begin(struct hf_buf *note, const char *operation);
/* NULL adds nothing. What does not fit into the log's limit is told as "...". */
void hf_note_add(struct hf_buf *note, const char *argument);

/* hf_store_change and hf_txn_begin with the note, which is released on every path. */
HF_MUST_USE int hf_note_change(struct hf_store *store, struct hf_buf *note, hf_decide_fn *decide,
                               void *arg, struct hf_error *err);
HF_MUST_USE int hf_note_txn(struct hf_store *store, struct hf_buf *note, struct hf_txn **out_txn,
                            struct hf_error *err);

#endif
