/*
 * catalog/describe_change.c - one change of a log record as a line for people. Entries as bytes:
 * keys.c.
 *
 * Records are verified before, but their writer may have been wrong, or newer: what can't be
 * understood is said to be so.
 */
#include "catalog/describe_change.h"

#include "base/digest.h"
#include "catalog/keys.h"

#include <inttypes.h>
#include <string.h>

struct line {
    const struct hf_buf *key, *value;
    bool is_delete;
    struct hf_buf *out;
};

static void put_digest(struct line *line, const char *before, const struct hf_digest *digest)
{
    char text[HF_DIGEST_TEXT_MAX];

    hf_buf_printf(line->out, "%s%s", before, hf_digest_text(digest, text));
}

/* Names are the caller's bytes, and a line stays one. */
static void put_bytes(struct line *line, const void *data, size_t len)
{
    if (len > 0)
        hf_note_readable(data, len, line->out);
}

static const char *state_name(enum hf_object_state state)
{
    switch (state) {
    case HF_OBJECT_PRESENT:
        return "present";
    case HF_OBJECT_ABSENT:
        return "absent";
    case HF_OBJECT_DAMAGED:
        return "damaged";
    }
    return "unknown";
}

static bool describe_object(struct line *line)
{
    struct hf_object object = {0};
    struct hf_digest digest;

    if (!hf_key_read_digest(line->key, &digest))
        return false;
    put_digest(line, "object ", &digest);
    if (line->is_delete)
        return true;
    if (hf_object_decode(line->value, &digest, &object, NULL) != 0)
        return false;
    hf_buf_printf(line->out, " %s, %" PRIu64 " bytes, %zu references", state_name(object.state),
                  object.size_bytes, object.ref_count);
    hf_object_release(&object);
    return true;
}

static bool describe_name(struct line *line)
{
    struct hf_name name = {0};

    hf_buf_put_text(line->out, "name ");
    put_bytes(line, line->key->data + 1, line->key->len - 1);
    if (line->is_delete)
        return true;
    if (hf_name_decode(line->value, &name, NULL) != 0)
        return false;
    put_digest(line, " -> ", &name.target);
    if (name.flags & HF_NAME_KEPT)
        hf_buf_put_text(line->out, " (kept)");
    return true;
}

static bool describe_backref(struct line *line)
{
    struct hf_digest target, object;
    const char *name = NULL;
    size_t name_len = 0;

    if (!hf_key_read_backref(line->key, &target, &object, &name, &name_len))
        return false;
    put_digest(line, "reference to ", &target);
    if (name == NULL) {
        put_digest(line, " from ", &object);
        return true;
    }
    hf_buf_put_text(line->out, " from name ");
    put_bytes(line, name, name_len);
    return true;
}

static bool describe_claim(struct line *line)
{
    struct hf_digest digest;
    uint64_t txn = 0;

    if (!hf_key_read_digest_number(line->key, &digest, &txn))
        return false;
    put_digest(line, "claim ", &digest);
    hf_buf_printf(line->out, " by %" PRIu64, txn);
    return true;
}

static bool describe_hold(struct line *line)
{
    struct hf_hold_entry entry = {0};
    struct hf_digest digest;
    uint64_t id = 0;

    if (!hf_key_read_digest_number(line->key, &digest, &id))
        return false;
    hf_buf_printf(line->out, "hold %" PRIu64, id);
    put_digest(line, " on ", &digest);
    if (line->is_delete)
        return true;
    bool fits = hf_hold_decode(line->key, line->value, &entry, NULL) == 0;
    if (fits) {
        hf_buf_put_text(line->out, " by ");
        put_bytes(line, entry.hold.owner, strlen(entry.hold.owner));
    }
    hf_hold_entry_release(&entry);
    return fits;
}

static bool describe_setting(struct line *line)
{
    hf_buf_put_text(line->out, "setting ");
    put_bytes(line, line->key->data + 1, line->key->len - 1);
    if (!line->is_delete) {
        hf_buf_put_text(line->out, " = ");
        put_bytes(line, line->value->data, line->value->len);
    }
    return true;
}

static bool describe_staged(struct line *line)
{
    struct hf_staged_place place;
    struct hf_digest digest;
    char path[HF_PATH_MAX];

    if (!hf_key_read_digest(line->key, &digest))
        return false;
    put_digest(line, "staged ", &digest);
    if (line->is_delete)
        return true;
    if (hf_staged_decode(line->value, &place, NULL) != 0)
        return false;
    hf_path_staged(place.slot, place.txn, place.number, path);
    hf_buf_printf(line->out, " in %s", path);
    return true;
}

static bool describe_txn(struct line *line)
{
    struct hf_txn_entry entry;
    uint64_t txn = 0;

    if (!hf_key_read_txn(line->key, &txn))
        return false;
    hf_buf_printf(line->out, "txn %" PRIu64, txn);
    if (line->is_delete)
        return true;
    if (hf_txn_decode(line->key, line->value, &entry, NULL) != 0)
        return false;
    hf_buf_put_text(line->out, entry.state == HF_TXN_OPEN ? " open" : " committed");
    if (entry.slot != HF_SLOT_NONE)
        hf_buf_printf(line->out, ", slot %" PRIu32, entry.slot);
    return true;
}

static bool describe_pending(struct line *line)
{
    struct hf_digest digest;
    uint64_t txn = 0;

    if (!hf_key_read_digest(line->key, &digest))
        return false;
    put_digest(line, "removal of ", &digest);
    if (line->is_delete)
        return true;
    if (hf_pending_decode(line->value, &txn, NULL) != 0)
        return false;
    hf_buf_printf(line->out, " by %" PRIu64, txn);
    return true;
}

static const struct {
    enum hf_key_kind kind;
    bool (*describe)(struct line *line);
} kinds[] = {
    {HF_KEY_BACKREF, describe_backref}, {HF_KEY_CLAIM, describe_claim},
    {HF_KEY_HOLD, describe_hold},       {HF_KEY_SETTING, describe_setting},
    {HF_KEY_NAME, describe_name},       {HF_KEY_OBJECT, describe_object},
    {HF_KEY_STAGED, describe_staged},   {HF_KEY_TXN, describe_txn},
    {HF_KEY_PENDING, describe_pending},
};

/* The decoders only read. */
static struct hf_buf borrow(const uint8_t *data, size_t len)
{
    union {
        const uint8_t *borrowed;
        uint8_t *data;
    } bytes = {.borrowed = data};

    return (struct hf_buf){.data = bytes.data, .len = len, .capacity = len};
}

void hf_describe_change(const struct hf_payload_change *change, struct hf_buf *out)
{
    struct hf_buf key = borrow(change->key, change->key_len);
    struct hf_buf value = borrow(change->value, change->value_len);
    struct line line = {.key = &key, .value = &value, .is_delete = change->is_delete, .out = out};
    bool is_understood = false;

    hf_buf_put_text(out, change->is_delete ? "- " : "+ ");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (change->key[0] == (uint8_t)kinds[i].kind)
            is_understood = kinds[i].describe(&line);
    if (!is_understood)
        hf_buf_printf(out, "%smalformed entry of kind 0x%02x, %zu + %zu bytes",
                      out->len > 2 ? " " : "", change->key[0], change->key_len, change->value_len);
}
