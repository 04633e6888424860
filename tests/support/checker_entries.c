/* tests/support/checker_entries.c - the keys and values of the catalog: src/store/FORMAT.md 2. */
#include "support/checker_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- keys --------------------------------------------------------------------------------------
 */

static void key_put(struct checker_key *key, const void *data, size_t len)
{
    if (len)
        memcpy(key->bytes + key->len, data, len);
    key->len += len;
}

static void key_put_digest(struct checker_key *key, const struct hf_digest *digest)
{
    key_put(key, &digest->algorithm, 1);
    key_put(key, digest->bytes, hf_digest_size(digest->algorithm));
}

struct checker_key checker_digest_key(char kind, const struct hf_digest *digest)
{
    struct checker_key key = {.len = 0};

    key_put(&key, &kind, 1);
    key_put_digest(&key, digest);
    return key;
}

struct checker_key checker_edge_key(const struct hf_digest *target, char kind, const void *rest,
                                    size_t rest_len)
{
    struct checker_key key = checker_digest_key('B', target);

    key_put(&key, &kind, 1);
    key_put(&key, rest, rest_len);
    return key;
}

struct checker_key checker_txn_key(uint64_t txn)
{
    struct checker_key key = {.bytes = {'T'}, .len = 1};

    for (int shift = 56; shift >= 0; shift -= 8)
        key.bytes[key.len++] = (uint8_t)(txn >> shift);
    return key;
}

static uint64_t get_big_u64(struct hf_cursor *cursor)
{
    const uint8_t *bytes = hf_cursor_bytes(cursor, 8);
    uint64_t value = 0;

    for (int i = 0; bytes && i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

static struct hf_cursor key_of(const struct checker_entry *entry, char kind)
{
    struct hf_cursor cursor = hf_cursor_of(entry->key, entry->key_len);

    if (hf_cursor_u8(&cursor) != (uint8_t)kind)
        cursor.failed = true;
    return cursor;
}

static struct hf_cursor value_of(const struct checker_entry *entry)
{
    return hf_cursor_of(entry->value, entry->value_len);
}

const char *checker_key_text(const void *key, size_t key_len, char text[512])
{
    struct hf_cursor cursor = hf_cursor_of(key, key_len);
    char hex[HF_DIGEST_TEXT_MAX];
    struct hf_digest digest = {0};
    size_t len = 0;
    uint8_t kind = hf_cursor_u8(&cursor);

    len += (size_t)snprintf(text, 512, "%c", kind >= ' ' && kind < 0x7f ? kind : '?');
    if (kind && strchr("BCHOSX", kind)) {
        hf_digest_decode(&cursor, &digest);
        if (hf_cursor_ok(&cursor))
            len += (size_t)snprintf(text + len, 512 - len, " %s", hf_digest_text(&digest, hex));
    }
    uint8_t edge = 0;
    if (kind == 'B' && hf_cursor_left(&cursor) > 0) {
        edge = hf_cursor_u8(&cursor);
        len += (size_t)snprintf(text + len, 512 - len, " %c", edge);
    }
    if (edge == 'O') {
        hf_digest_decode(&cursor, &digest);
        if (hf_cursor_ok(&cursor))
            len += (size_t)snprintf(text + len, 512 - len, " %s", hf_digest_text(&digest, hex));
    }
    if (kind == 'T' || kind == 'C' || kind == 'H')
        len += (size_t)snprintf(text + len, 512 - len, " %" PRIu64, get_big_u64(&cursor));
    size_t left = hf_cursor_left(&cursor);
    const uint8_t *rest = hf_cursor_bytes(&cursor, left);
    if (left > 0 && len < 500)
        len += (size_t)snprintf(text + len, 512 - len, " ");
    for (size_t i = 0; i < left && len + 5 < 512; i++) {
        bool plain = rest[i] > ' ' && rest[i] < 0x7f;
        len += (size_t)snprintf(text + len, 512 - len, plain ? "%c" : "\\x%02x", rest[i]);
    }
    return text;
}

/* --- values ------------------------------------------------------------------------------------
 */

void checker_object_release(struct hf_checker_object *object)
{
    free(object->references);
    object->references = NULL;
    object->reference_count = 0;
}

bool checker_decode_object(const struct checker_entry *entry, struct hf_checker_object *out)
{
    struct hf_checker_object object = {.state = 0};
    struct hf_cursor key = key_of(entry, 'O');
    struct hf_cursor value = value_of(entry);

    hf_digest_decode(&key, &object.digest);
    object.state = hf_cursor_u8(&value);
    uint8_t reserved = hf_cursor_u8(&value);
    object.size_bytes = hf_cursor_u64(&value);
    object.checksum = hf_cursor_u64(&value);
    uint32_t count = hf_cursor_u32(&value);
    if (!hf_cursor_done(&key) || !hf_cursor_ok(&value) || reserved != 0 ||
        object.state < CHECKER_PRESENT || object.state > CHECKER_DAMAGED ||
        (object.state == CHECKER_ABSENT && object.checksum != 0) || count > CHECKER_REFS_MAX ||
        count > hf_cursor_left(&value) / 33)
        return false;

    object.references = checker_alloc(count * sizeof(*object.references));
    object.reference_count = count;
    bool ascending = true;
    for (uint32_t i = 0; i < count; i++) {
        hf_digest_decode(&value, &object.references[i]);
        if (i > 0 && hf_digest_compare(&object.references[i - 1], &object.references[i]) >= 0)
            ascending = false;
    }
    object.summary = hf_cursor_blob(&value, &object.summary_len);
    if (!hf_cursor_done(&value) || !ascending || object.summary_len > CHECKER_SUMMARY_MAX) {
        checker_object_release(&object);
        return false;
    }
    *out = object;
    return true;
}

bool checker_decode_name(const struct checker_entry *entry, struct hf_checker_name *out)
{
    struct hf_checker_name name = {.flags = 0};
    struct hf_cursor key = key_of(entry, 'N');
    struct hf_cursor value = value_of(entry);

    name.name_len = hf_cursor_left(&key);
    name.name = hf_cursor_bytes(&key, name.name_len);
    hf_digest_decode(&value, &name.target);
    name.flags = hf_cursor_u32(&value);
    name.time_ns = hf_cursor_u64(&value);
    if (!hf_cursor_done(&key) || !hf_cursor_done(&value) || name.name_len == 0 ||
        name.name_len > CHECKER_NAME_MAX || name.flags > 3)
        return false;
    *out = name;
    return true;
}

bool checker_decode_hold(const struct checker_entry *entry, struct hf_checker_hold *out)
{
    struct hf_checker_hold hold = {.id = 0};
    struct hf_cursor key = key_of(entry, 'H');
    struct hf_cursor value = value_of(entry);

    hf_digest_decode(&key, &hold.target);
    hold.id = get_big_u64(&key);
    (void)hf_cursor_u64(&value); /* when it was made */
    hold.expiry_ns = hf_cursor_u64(&value);
    hold.owner = hf_cursor_blob(&value, &hold.owner_len);
    hold.reason = hf_cursor_blob(&value, &hold.reason_len);
    hold.name = hf_cursor_blob(&value, &hold.name_len);
    if (!hf_cursor_done(&key) || !hf_cursor_done(&value) || hold.name_len > CHECKER_NAME_MAX)
        return false;
    *out = hold;
    return true;
}

bool checker_decode_txn(const struct checker_entry *entry, struct hf_checker_transaction *out)
{
    struct hf_checker_transaction txn = {.id = 0};
    struct hf_cursor key = key_of(entry, 'T');
    struct hf_cursor value = value_of(entry);
    size_t note_len = 0;

    txn.id = get_big_u64(&key);
    txn.state = hf_cursor_u8(&value);
    bool reserved_is_zero = hf_cursor_zeros(&value, 3);
    txn.slot = hf_cursor_u32(&value);
    (void)hf_cursor_u64(&value); /* time of its first record */
    (void)hf_cursor_blob(&value, &note_len);
    if (!hf_cursor_done(&key) || !hf_cursor_done(&value) || !reserved_is_zero ||
        (txn.state != CHECKER_OPEN && txn.state != CHECKER_COMMITTED) ||
        note_len > CHECKER_NOTE_MAX || txn.id < CHECKER_FIRST_POSITION || txn.id % 8 != 0)
        return false;
    *out = txn;
    return true;
}

bool checker_decode_staged(const struct checker_entry *entry, struct hf_digest *out_digest,
                           uint64_t *out_txn, uint32_t *out_slot, uint32_t *out_number)
{
    struct hf_cursor key = key_of(entry, 'S');
    struct hf_cursor value = value_of(entry);

    hf_digest_decode(&key, out_digest);
    *out_txn = hf_cursor_u64(&value);
    *out_slot = hf_cursor_u32(&value);
    *out_number = hf_cursor_u32(&value);
    return hf_cursor_done(&key) && hf_cursor_done(&value) && *out_slot != CHECKER_NO_SLOT;
}

bool checker_decode_removal(const struct checker_entry *entry, struct hf_digest *out_digest,
                            uint64_t *out_txn)
{
    struct hf_cursor key = key_of(entry, 'X');
    struct hf_cursor value = value_of(entry);

    hf_digest_decode(&key, out_digest);
    *out_txn = hf_cursor_u64(&value);
    return hf_cursor_done(&key) && hf_cursor_done(&value);
}

static bool edge_is_formed(const struct checker_entry *entry)
{
    struct hf_cursor key = key_of(entry, 'B');
    struct hf_digest digest;

    hf_digest_decode(&key, &digest);
    uint8_t kind = hf_cursor_u8(&key);
    if (kind == 'O')
        hf_digest_decode(&key, &digest);
    else if (kind == 'N' && hf_cursor_left(&key) > 0 && hf_cursor_left(&key) <= CHECKER_NAME_MAX)
        (void)hf_cursor_bytes(&key, hf_cursor_left(&key));
    else
        return false;
    return hf_cursor_done(&key) && entry->value_len == 0;
}

static bool claim_is_formed(const struct checker_entry *entry)
{
    struct hf_cursor key = key_of(entry, 'C');
    struct hf_digest digest;

    hf_digest_decode(&key, &digest);
    uint64_t txn = get_big_u64(&key);
    return hf_cursor_done(&key) && entry->value_len == 0 && txn >= CHECKER_FIRST_POSITION &&
           txn % 8 == 0;
}

bool checker_entry_is_formed(const struct checker_entry *entry)
{
    struct hf_checker_object object;
    struct hf_checker_name name;
    struct hf_checker_hold hold;
    struct hf_checker_transaction txn;
    struct hf_digest digest;
    uint64_t id;
    uint32_t slot, number;

    switch (entry->key[0]) {
    case 'B':
        return edge_is_formed(entry);
    case 'C':
        return claim_is_formed(entry);
    case 'H':
        return checker_decode_hold(entry, &hold);
    case 'M':
        return entry->key_len > 1;
    case 'N':
        return checker_decode_name(entry, &name);
    case 'O':
        if (!checker_decode_object(entry, &object))
            return false;
        checker_object_release(&object);
        return true;
    case 'S':
        return checker_decode_staged(entry, &digest, &id, &slot, &number);
    case 'T':
        return checker_decode_txn(entry, &txn);
    case 'X':
        return checker_decode_removal(entry, &digest, &id);
    default:
        return false;
    }
}
