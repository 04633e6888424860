/*
 * catalog/payload.h - what a log record says: a note for people and changes of catalog entries.
 * Format: FORMAT.md 3.
 */
#ifndef HF_CATALOG_PAYLOAD_H
#define HF_CATALOG_PAYLOAD_H

#include "base/buf.h"

/* In the making. Zeroed is empty. */
struct hf_payload {
    struct hf_buf changes;
    uint32_t count;
};

void hf_payload_release(struct hf_payload *payload);
void hf_payload_put(struct hf_payload *payload, const struct hf_buf *key,
                    const struct hf_buf *value);
void hf_payload_delete(struct hf_payload *payload, const struct hf_buf *key);
/* The bytes of the record: note, count, changes. */
HF_MUST_USE int hf_payload_encode(const struct hf_payload *payload, const void *note,
                                  size_t note_len, struct hf_buf *out, struct hf_error *err);

struct hf_payload_change {
    bool is_delete;
    const uint8_t *key; /* borrowed from the record */
    size_t key_len;
    const uint8_t *value;
    size_t value_len;
};
typedef int hf_payload_change_fn(void *arg, const struct hf_payload_change *change,
                                 struct hf_error *err);
/* The note (borrowed; may be NULL), then each change in order. CORRUPT when it is not of the form;
 * then `fn` has not been called. */
HF_MUST_USE int hf_payload_decode(const void *data, size_t len, const uint8_t **out_note,
                                  size_t *out_note_len, hf_payload_change_fn *fn, void *arg,
                                  struct hf_error *err);

#endif
