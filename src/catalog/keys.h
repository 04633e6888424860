/*
 * catalog/keys.h - the entries of the catalog as bytes: keys and values. Format: FORMAT.md 2.
 * Encoding appends to a buffer that is cleared first; decoding is CORRUPT for bytes that are not of
 * the form, and names the key.
 */
#ifndef HF_CATALOG_KEYS_H
#define HF_CATALOG_KEYS_H

#include <holdfast/store.h>

#include "base/buf.h"
#include "base/cursor.h"

#define HF_KEY_MAX     1024u
#define HF_NAME_MAX    512u
#define HF_VALUE_MAX   (16u * 1024u * 1024u)
#define HF_NOTE_MAX    (64u * 1024u)
#define HF_SUMMARY_MAX (64u * 1024u)
#define HF_REFS_MAX    100000u
#define HF_SLOT_NONE   UINT32_MAX

enum hf_key_kind {
    HF_KEY_BACKREF = 'B',
    HF_KEY_CLAIM = 'C',
    HF_KEY_HOLD = 'H',
    HF_KEY_SETTING = 'M',
    HF_KEY_NAME = 'N',
    HF_KEY_OBJECT = 'O',
    HF_KEY_STAGED = 'S',
    HF_KEY_TXN = 'T',
    HF_KEY_PENDING = 'X',
};

/* A key of a kind and a digest: OBJECT, STAGED, PENDING; also the prefix of BACKREF, CLAIM, HOLD.
 */
void hf_key_digest(struct hf_buf *key, enum hf_key_kind kind, const struct hf_digest *digest);
/* CLAIM and HOLD: digest and number. */
void hf_key_digest_number(struct hf_buf *key, enum hf_key_kind kind, const struct hf_digest *digest,
                          uint64_t number);
void hf_key_backref_object(struct hf_buf *key, const struct hf_digest *target,
                           const struct hf_digest *referrer);
void hf_key_backref_name(struct hf_buf *key, const struct hf_digest *target, const char *name);
/* NAME and SETTING; also a prefix of them. */
void hf_key_text(struct hf_buf *key, enum hf_key_kind kind, const char *text);
void hf_key_txn(struct hf_buf *key, uint64_t txn);

/* What a key of the kinds above says. False: malformed. */
bool hf_key_read_digest(const struct hf_buf *key, struct hf_digest *out_digest);
bool hf_key_read_digest_number(const struct hf_buf *key, struct hf_digest *out_digest,
                               uint64_t *out_number);
bool hf_key_read_txn(const struct hf_buf *key, uint64_t *out_txn);
/* One of *out_object (algorithm set) and *out_name (borrowed, with length) is given. */
bool hf_key_read_backref(const struct hf_buf *key, struct hf_digest *out_target,
                         struct hf_digest *out_object, const char **out_name, size_t *out_name_len);

void hf_object_encode(struct hf_buf *value, const struct hf_object *object);
/* Memory of `out` is the caller's; object->digest comes from the key. */
HF_MUST_USE int hf_object_decode(const struct hf_buf *value, const struct hf_digest *digest,
                                 struct hf_object *out, struct hf_error *err);
/* Sort and deduplicate references in place; returns how many are left. */
size_t hf_refs_normalize(struct hf_digest *refs, size_t count);

void hf_name_encode(struct hf_buf *value, const struct hf_name *name);
HF_MUST_USE int hf_name_decode(const struct hf_buf *value, struct hf_name *out,
                               struct hf_error *err);

/* A hold's texts, owned: hold.owner and the others point into `text`. */
struct hf_hold_entry {
    struct hf_hold hold;
    struct hf_buf text;
};
void hf_hold_encode(struct hf_buf *value, const struct hf_hold *hold);
HF_MUST_USE int hf_hold_decode(const struct hf_buf *key, const struct hf_buf *value,
                               struct hf_hold_entry *out, struct hf_error *err);
void hf_hold_entry_release(struct hf_hold_entry *entry);

/* Where a staged blob is: staging/SLOT/TXN-NUMBER. */
struct hf_staged_place {
    uint64_t txn;
    uint32_t slot;
    uint32_t number;
};
void hf_staged_encode(struct hf_buf *value, const struct hf_staged_place *place);
HF_MUST_USE int hf_staged_decode(const struct hf_buf *value, struct hf_staged_place *out,
                                 struct hf_error *err);

void hf_pending_encode(struct hf_buf *value, uint64_t txn);
HF_MUST_USE int hf_pending_decode(const struct hf_buf *value, uint64_t *out_txn,
                                  struct hf_error *err);

enum hf_txn_state { HF_TXN_OPEN = 1, HF_TXN_COMMITTED = 2 };
struct hf_txn_entry {
    uint64_t txn;
    enum hf_txn_state state;
    uint32_t slot;
    uint64_t time_ns;
    const uint8_t *note; /* borrowed from the value */
    size_t note_len;
};
void hf_txn_encode(struct hf_buf *value, const struct hf_txn_entry *entry);
HF_MUST_USE int hf_txn_decode(const struct hf_buf *key, const struct hf_buf *value,
                              struct hf_txn_entry *out, struct hf_error *err);

/* A note for people: zero bytes between arguments become blanks, control characters '?'. */
void hf_note_readable(const uint8_t *note, size_t len, struct hf_buf *out);

#endif
