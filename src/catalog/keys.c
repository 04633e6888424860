/*
 * catalog/keys.c - the entries of the catalog as bytes: keys and values. Format: FORMAT.md 2.
 *
 * Numbers in keys are big-endian, so that they sort; all others are little-endian. Each decoder
 * reads back exactly what its encoder wrote and refuses anything else, as the bytes come from a
 * disk.
 */
#include "catalog/keys.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static void put_number_be(struct hf_buf *key, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        hf_buf_put_u8(key, (uint8_t)(number >> shift));
}

static uint64_t get_number_be(struct hf_cursor *cursor)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | hf_cursor_u8(cursor);
    return number;
}

void hf_key_digest(struct hf_buf *key, enum hf_key_kind kind, const struct hf_digest *digest)
{
    hf_buf_clear(key);
    hf_buf_put_u8(key, (uint8_t)kind);
    hf_digest_encode(key, digest);
}

void hf_key_digest_number(struct hf_buf *key, enum hf_key_kind kind, const struct hf_digest *digest,
                          uint64_t number)
{
    hf_key_digest(key, kind, digest);
    put_number_be(key, number);
}

void hf_key_backref_object(struct hf_buf *key, const struct hf_digest *target,
                           const struct hf_digest *referrer)
{
    hf_key_digest(key, HF_KEY_BACKREF, target);
    hf_buf_put_u8(key, 'O');
    hf_digest_encode(key, referrer);
}

void hf_key_backref_name(struct hf_buf *key, const struct hf_digest *target, const char *name)
{
    hf_key_digest(key, HF_KEY_BACKREF, target);
    hf_buf_put_u8(key, 'N');
    hf_buf_put_text(key, name);
}

void hf_key_text(struct hf_buf *key, enum hf_key_kind kind, const char *text)
{
    hf_buf_clear(key);
    hf_buf_put_u8(key, (uint8_t)kind);
    hf_buf_put_text(key, text);
}

void hf_key_txn(struct hf_buf *key, uint64_t txn)
{
    hf_buf_clear(key);
    hf_buf_put_u8(key, HF_KEY_TXN);
    put_number_be(key, txn);
}

bool hf_key_read_digest(const struct hf_buf *key, struct hf_digest *out_digest)
{
    struct hf_cursor cursor = hf_cursor_of(key->data, key->len);

    (void)hf_cursor_u8(&cursor);
    hf_digest_decode(&cursor, out_digest);
    return hf_cursor_done(&cursor);
}

bool hf_key_read_digest_number(const struct hf_buf *key, struct hf_digest *out_digest,
                               uint64_t *out_number)
{
    struct hf_cursor cursor = hf_cursor_of(key->data, key->len);

    (void)hf_cursor_u8(&cursor);
    hf_digest_decode(&cursor, out_digest);
    *out_number = get_number_be(&cursor);
    return hf_cursor_done(&cursor);
}

bool hf_key_read_txn(const struct hf_buf *key, uint64_t *out_txn)
{
    struct hf_cursor cursor = hf_cursor_of(key->data, key->len);

    (void)hf_cursor_u8(&cursor);
    *out_txn = get_number_be(&cursor);
    return hf_cursor_done(&cursor);
}

bool hf_key_read_backref(const struct hf_buf *key, struct hf_digest *out_target,
                         struct hf_digest *out_object, const char **out_name, size_t *out_name_len)
{
    struct hf_cursor cursor = hf_cursor_of(key->data, key->len);

    *out_object = (struct hf_digest){0};
    *out_name = NULL;
    *out_name_len = 0;
    (void)hf_cursor_u8(&cursor);
    hf_digest_decode(&cursor, out_target);
    uint8_t kind = hf_cursor_u8(&cursor);
    if (kind == 'O') {
        hf_digest_decode(&cursor, out_object);
        return hf_cursor_done(&cursor);
    }
    *out_name_len = hf_cursor_left(&cursor);
    *out_name = (const char *)hf_cursor_bytes(&cursor, *out_name_len);
    return kind == 'N' && *out_name_len > 0 && hf_cursor_done(&cursor);
}

void hf_object_encode(struct hf_buf *value, const struct hf_object *object)
{
    hf_buf_clear(value);
    hf_buf_put_u8(value, (uint8_t)object->state);
    hf_buf_put_u8(value, 0);
    hf_buf_put_u64(value, object->size_bytes);
    hf_buf_put_u64(value, object->checksum);
    hf_buf_put_u32(value, (uint32_t)object->ref_count);
    for (size_t i = 0; i < object->ref_count; i++)
        hf_digest_encode(value, &object->refs[i]);
    hf_buf_put_blob(value, object->summary, object->summary_len);
}

static int bad_object(const struct hf_digest *digest, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];

    return hf_fail(err, HF_ERR_CORRUPT, "the catalog's entry of object %s is malformed",
                   hf_digest_text(digest, text));
}

static int decode_refs(struct hf_cursor *cursor, struct hf_object *object, struct hf_error *err)
{
    uint32_t count = hf_cursor_u32(cursor);

    /* Each takes 33 bytes at least, so a count that lies cannot make us allocate much. */
    if (count > HF_REFS_MAX || count > hf_cursor_left(cursor) / 33)
        return bad_object(&object->digest, err);
    object->refs = calloc(count > 0 ? count : 1, sizeof(*object->refs));
    if (object->refs == NULL)
        return hf_fail_memory(err);
    object->ref_count = count;
    for (uint32_t i = 0; i < count; i++) {
        hf_digest_decode(cursor, &object->refs[i]);
        if (i > 0 && hf_digest_compare(&object->refs[i - 1], &object->refs[i]) >= 0)
            return bad_object(&object->digest, err);
    }
    return 0;
}

int hf_object_decode(const struct hf_buf *value, const struct hf_digest *digest,
                     struct hf_object *out, struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(value->data, value->len);
    struct hf_object object = {.digest = *digest};
    size_t summary_len = 0;

    uint8_t state = hf_cursor_u8(&cursor);
    bool fits =
        hf_cursor_zeros(&cursor, 1) && state >= HF_OBJECT_PRESENT && state <= HF_OBJECT_DAMAGED;
    object.state = (enum hf_object_state)state;
    object.size_bytes = hf_cursor_u64(&cursor);
    object.checksum = hf_cursor_u64(&cursor);
    int rc = decode_refs(&cursor, &object, err);
    const uint8_t *summary = hf_cursor_blob(&cursor, &summary_len);
    if (rc == 0 && (!fits || !hf_cursor_done(&cursor) || summary_len > HF_SUMMARY_MAX))
        rc = bad_object(digest, err);
    if (rc == 0 && summary_len > 0) {
        object.summary = malloc(summary_len);
        if (object.summary == NULL)
            rc = hf_fail_memory(err);
        else
            memcpy(object.summary, summary, summary_len);
        object.summary_len = summary_len;
    }
    if (rc != 0) {
        hf_object_release(&object);
        return rc;
    }
    hf_object_release(out);
    *out = object;
    return 0;
}

void hf_object_release(struct hf_object *object)
{
    free(object->refs);
    free(object->summary);
    *object = (struct hf_object){0};
}

static int compare_refs(const void *a, const void *b)
{
    return hf_digest_compare(a, b);
}

size_t hf_refs_normalize(struct hf_digest *refs, size_t count)
{
    size_t kept = 0;

    if (count > 1)
        qsort(refs, count, sizeof(*refs), compare_refs);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || hf_digest_compare(&refs[kept - 1], &refs[i]) != 0)
            refs[kept++] = refs[i];
    return kept;
}

void hf_name_encode(struct hf_buf *value, const struct hf_name *name)
{
    hf_buf_clear(value);
    hf_digest_encode(value, &name->target);
    hf_buf_put_u32(value, name->flags);
    hf_buf_put_u64(value, name->time_ns);
}

int hf_name_decode(const struct hf_buf *value, struct hf_name *out, struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(value->data, value->len);
    struct hf_name name = {0};

    hf_digest_decode(&cursor, &name.target);
    name.flags = hf_cursor_u32(&cursor);
    name.time_ns = hf_cursor_u64(&cursor);
    if (!hf_cursor_done(&cursor))
        return hf_fail(err, HF_ERR_CORRUPT, "the catalog's entry of a name is malformed");
    *out = name;
    return 0;
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void put_text(struct hf_buf *value, const char *text)
{
    hf_buf_put_blob(value, text_or_empty(text), strlen(text_or_empty(text)));
}

void hf_hold_encode(struct hf_buf *value, const struct hf_hold *hold)
{
    hf_buf_clear(value);
    hf_buf_put_u64(value, hold->time_ns);
    hf_buf_put_u64(value, hold->expiry_ns);
    put_text(value, hold->owner);
    put_text(value, hold->reason);
    put_text(value, hold->name);
}

/* Copies the next text into entry->text with a zero byte behind; *out_off is where. */
static void take_text(struct hf_cursor *cursor, struct hf_buf *text, size_t *out_off)
{
    size_t len = 0;
    const uint8_t *bytes = hf_cursor_blob(cursor, &len);

    *out_off = text->len;
    if (bytes != NULL && len > 0)
        hf_buf_put(text, bytes, len);
    hf_buf_put_u8(text, 0);
}

int hf_hold_decode(const struct hf_buf *key, const struct hf_buf *value, struct hf_hold_entry *out,
                   struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(value->data, value->len);
    size_t owner = 0, reason = 0, name = 0;

    hf_buf_clear(&out->text);
    out->hold.time_ns = hf_cursor_u64(&cursor);
    out->hold.expiry_ns = hf_cursor_u64(&cursor);
    take_text(&cursor, &out->text, &owner);
    take_text(&cursor, &out->text, &reason);
    take_text(&cursor, &out->text, &name);
    if (!hf_key_read_digest_number(key, &out->hold.target, &out->hold.id) ||
        !hf_cursor_done(&cursor))
        return hf_fail(err, HF_ERR_CORRUPT, "the catalog's entry of a hold is malformed");
    int rc = hf_buf_check(&out->text, err);
    if (rc != 0)
        return rc;
    out->hold.owner = (const char *)out->text.data + owner;
    out->hold.reason = (const char *)out->text.data + reason;
    out->hold.name = (const char *)out->text.data + name;
    return 0;
}

void hf_hold_entry_release(struct hf_hold_entry *entry)
{
    hf_buf_release(&entry->text);
}

void hf_staged_encode(struct hf_buf *value, const struct hf_staged_place *place)
{
    hf_buf_clear(value);
    hf_buf_put_u64(value, place->txn);
    hf_buf_put_u32(value, place->slot);
    hf_buf_put_u32(value, place->number);
}

int hf_staged_decode(const struct hf_buf *value, struct hf_staged_place *out, struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(value->data, value->len);
    struct hf_staged_place place = {0};

    place.txn = hf_cursor_u64(&cursor);
    place.slot = hf_cursor_u32(&cursor);
    place.number = hf_cursor_u32(&cursor);
    if (!hf_cursor_done(&cursor))
        return hf_fail(err, HF_ERR_CORRUPT, "the catalog's entry of a staged blob is malformed");
    *out = place;
    return 0;
}

void hf_pending_encode(struct hf_buf *value, uint64_t txn)
{
    hf_buf_clear(value);
    hf_buf_put_u64(value, txn);
}

int hf_pending_decode(const struct hf_buf *value, uint64_t *out_txn, struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(value->data, value->len);
    uint64_t txn = hf_cursor_u64(&cursor);

    if (!hf_cursor_done(&cursor))
        return hf_fail(err, HF_ERR_CORRUPT, "the catalog's entry of a removal is malformed");
    *out_txn = txn;
    return 0;
}

void hf_txn_encode(struct hf_buf *value, const struct hf_txn_entry *entry)
{
    hf_buf_clear(value);
    hf_buf_put_u8(value, (uint8_t)entry->state);
    hf_buf_put_zeros(value, 3);
    hf_buf_put_u32(value, entry->slot);
    hf_buf_put_u64(value, entry->time_ns);
    hf_buf_put_blob(value, entry->note, entry->note_len);
}

int hf_txn_decode(const struct hf_buf *key, const struct hf_buf *value, struct hf_txn_entry *out,
                  struct hf_error *err)
{
    struct hf_cursor cursor = hf_cursor_of(value->data, value->len);
    struct hf_txn_entry entry = {0};

    uint8_t state = hf_cursor_u8(&cursor);
    bool fits = hf_cursor_zeros(&cursor, 3) && (state == HF_TXN_OPEN || state == HF_TXN_COMMITTED);
    entry.state = (enum hf_txn_state)state;
    entry.slot = hf_cursor_u32(&cursor);
    entry.time_ns = hf_cursor_u64(&cursor);
    entry.note = hf_cursor_blob(&cursor, &entry.note_len);
    if (!fits || !hf_cursor_done(&cursor) || !hf_key_read_txn(key, &entry.txn))
        return hf_fail(err, HF_ERR_CORRUPT, "the catalog's entry of a transaction is malformed");
    *out = entry;
    return 0;
}

void hf_note_readable(const uint8_t *note, size_t len, struct hf_buf *out)
{
    while (len > 0 && note[len - 1] == 0)
        len--;
    for (size_t i = 0; i < len; i++) {
        if (note[i] == 0)
            hf_buf_put_u8(out, ' ');
        else
            hf_buf_put_u8(out, note[i] < 32 || note[i] == 127 ? '?' : note[i]);
    }
}
