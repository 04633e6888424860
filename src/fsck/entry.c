/*
 * fsck/entry.c - one entry of the catalog against the others. Rules: FORMAT.md 2.5.
 */
#include "fsck/entry.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct look {
    const struct hf_view *view;
    const struct hf_buf *key, *value;
    enum hf_entry_depth depth;
    hf_flaw_fn *fn;
    void *arg;
    struct hf_error *err;
    struct hf_flaw flaw; /* reused */
};

static int tell(struct look *look, enum hf_flaw_fix fix, const struct hf_digest *digest,
                const char *message)
{
    look->flaw.fix = fix;
    look->flaw.key = look->key;
    look->flaw.digest = digest != NULL ? *digest : (struct hf_digest){0};
    look->flaw.message = message;
    return look->fn(look->arg, &look->flaw, look->err);
}

/* Turns NOT_FOUND into *out_has. */
static int has(int rc, bool *out_has)
{
    *out_has = rc == 0;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int has_key(struct look *look, const struct hf_buf *key, bool *out_has)
{
    int rc = hf_buf_check(key, look->err);

    return rc != 0 ? rc
                   : has(hf_view_get(look->view, key->data, key->len, NULL, look->err), out_has);
}

/* What is malformed elsewhere is told there. */
static int has_object(struct look *look, const struct hf_digest *digest, bool *out_has)
{
    return has(hf_view_object(look->view, digest, NULL, look->err), out_has);
}

static int has_prefix(struct look *look, const struct hf_buf *prefix, bool *out_has)
{
    int rc = hf_buf_check(prefix, look->err);

    return rc != 0 ? rc
                   : has(hf_view_any(look->view, prefix->data, prefix->len, look->err), out_has);
}

/* The entry back for an edge; its key is in flaw.missing_key. */
static int check_backref(struct look *look, const struct hf_digest *digest, const char *message)
{
    bool found = false;

    int rc = has_key(look, &look->flaw.missing_key, &found);
    return rc == 0 && !found ? tell(look, HF_FIX_BACKREF, digest, message) : rc;
}

static int check_refs(struct look *look, const struct hf_object *object)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < object->ref_count; i++) {
        bool found = false;
        rc = has_object(look, &object->refs[i], &found);
        if (rc == 0 && !found)
            rc = tell(look, HF_FIX_OBJECT, &object->refs[i],
                      "an object that another refers to is not in the catalog");
        hf_key_backref_object(&look->flaw.missing_key, &object->refs[i], &object->digest);
        if (rc == 0)
            rc = check_backref(look, &object->refs[i],
                               "the entry back of a reference between objects is missing");
    }
    return rc;
}

static int check_object(struct look *look)
{
    struct hf_object object = {0};
    struct hf_digest digest;
    struct hf_error why;
    struct hf_buf prefix = {0};
    bool reached = false;

    if (!hf_key_read_digest(look->key, &digest))
        return tell(look, HF_FIX_DELETE, NULL, "the key of an object is malformed");
    int rc = hf_object_decode(look->value, &digest, &object, &why);
    if (rc == HF_ERR_CORRUPT)
        return tell(look, HF_FIX_NONE, &digest, "the entry of an object is malformed");
    if (rc == 0)
        rc = check_refs(look, &object);
    hf_object_release(&object);
    hf_key_digest(&prefix, HF_KEY_BACKREF, &digest);
    if (rc == 0)
        rc = has_prefix(look, &prefix, &reached);
    hf_buf_release(&prefix);
    if (rc == 0 && !reached)
        rc = tell(look, HF_FIX_UNREACHABLE, &digest, "nothing refers to an object");
    return rc;
}

static int compare_digests(const void *a, const void *b)
{
    return hf_digest_compare(a, b);
}

static int check_back_to_object(struct look *look, const struct hf_digest *target,
                                const struct hf_digest *referrer)
{
    struct hf_object object = {0};
    struct hf_error why;

    int rc = hf_view_object(look->view, referrer, &object, &why);
    bool refers = rc == 0 && object.ref_count > 0 &&
                  bsearch(target, object.refs, object.ref_count, sizeof(*object.refs),
                          compare_digests) != NULL;
    hf_object_release(&object);
    if (rc == HF_ERR_CORRUPT) /* nobody knows */
        return 0;
    if (rc != 0 && rc != HF_ERR_NOT_FOUND) {
        if (look->err != NULL)
            *look->err = why;
        return rc;
    }
    return refers ? 0
                  : tell(look, HF_FIX_DELETE, target,
                         "an object is said to be referred to by one that does not");
}

static int check_back_to_name(struct look *look, const struct hf_digest *target, const char *name,
                              size_t len)
{
    struct hf_buf key = {0}, value = {0};
    struct hf_name entry;

    hf_buf_put_u8(&key, HF_KEY_NAME);
    hf_buf_put(&key, name, len);
    int rc = hf_buf_check(&key, look->err);
    if (rc == 0)
        rc = hf_view_get(look->view, key.data, key.len, &value, look->err);
    bool points = rc == 0 && hf_name_decode(&value, &entry, NULL) == 0 &&
                  hf_digest_compare(&entry.target, target) == 0;
    hf_buf_release(&key);
    hf_buf_release(&value);
    if (rc != 0 && rc != HF_ERR_NOT_FOUND)
        return rc;
    return points ? 0
                  : tell(look, HF_FIX_DELETE, target,
                         "a name is said to point to an object and does not");
}

static int check_back(struct look *look)
{
    struct hf_digest target, object;
    const char *name = NULL;
    size_t len = 0;

    if (!hf_key_read_backref(look->key, &target, &object, &name, &len))
        return tell(look, HF_FIX_DELETE, NULL, "the key of a reference back is malformed");
    if (look->depth == HF_ENTRY_COUNTED)
        return 0;
    return name != NULL ? check_back_to_name(look, &target, name, len)
                        : check_back_to_object(look, &target, &object);
}

static int check_name(struct look *look)
{
    struct hf_object object = {0};
    struct hf_name name;
    struct hf_error why;
    struct hf_buf text = {0};

    if (hf_name_decode(look->value, &name, NULL) != 0)
        return tell(look, HF_FIX_NONE, NULL, "the entry of a name is malformed");
    int rc = hf_view_object(look->view, &name.target, &object, &why);
    bool fits = rc == HF_ERR_CORRUPT || (rc == 0 && object.state != HF_OBJECT_ABSENT);
    hf_object_release(&object);
    if (rc == HF_ERR_NO_MEMORY || rc == HF_ERR_IO)
        return hf_fail(look->err, rc, "%s", why.message);
    rc = fits ? 0 : tell(look, HF_FIX_OBJECT, &name.target, "a name points to what is not there");
    hf_buf_put(&text, look->key->data + 1, look->key->len - 1);
    const char *chars = hf_buf_text(&text);
    if (rc == 0 && chars == NULL)
        rc = hf_fail_memory(look->err);
    if (rc == 0) {
        hf_key_backref_name(&look->flaw.missing_key, &name.target, chars);
        rc = check_backref(look, &name.target, "the entry back of a name is missing");
    }
    hf_buf_release(&text);
    return rc;
}

static int check_hold(struct look *look)
{
    struct hf_digest digest;
    struct hf_hold_entry entry = {0};
    struct hf_buf prefix = {0};
    uint64_t id = 0;
    bool found = false, named = false;

    if (!hf_key_read_digest_number(look->key, &digest, &id))
        return tell(look, HF_FIX_DELETE, NULL, "the key of a hold is malformed");
    bool fits = hf_hold_decode(look->key, look->value, &entry, NULL) == 0;
    hf_hold_entry_release(&entry);
    if (!fits)
        return tell(look, HF_FIX_NONE, &digest, "the entry of a hold is malformed");
    int rc = has_object(look, &digest, &found);
    if (rc != 0 || !found)
        return rc != 0 ? rc : tell(look, HF_FIX_DELETE, NULL, "a hold is on what is not there");
    hf_key_digest(&prefix, HF_KEY_BACKREF, &digest);
    hf_buf_put_u8(&prefix, 'N');
    rc = has_prefix(look, &prefix, &named);
    hf_buf_release(&prefix);
    return rc != 0 || named
               ? rc
               : tell(look, HF_FIX_NAMELESS, &digest, "a hold is on an image without a name");
}

/* An object known by its descriptor alone may stand beside a removal of what it once was. */
static int check_pending(struct look *look)
{
    struct hf_object object = {0};
    struct hf_digest digest;
    struct hf_error why;
    uint64_t txn = 0;

    if (!hf_key_read_digest(look->key, &digest) || hf_pending_decode(look->value, &txn, NULL) != 0)
        return tell(look, HF_FIX_DELETE, NULL, "the entry of a removal is malformed");
    int rc = hf_view_object(look->view, &digest, &object, &why);
    bool has_bytes = rc == 0 && object.state != HF_OBJECT_ABSENT;
    hf_object_release(&object);
    if (rc == HF_ERR_NO_MEMORY || rc == HF_ERR_IO)
        return hf_fail(look->err, rc, "%s", why.message);
    return has_bytes ? tell(look, HF_FIX_DELETE, &digest,
                            "the bytes of an object that is there may be removed")
                     : 0;
}

/* *out_state 0: it has no entry. */
static int txn_state(struct look *look, uint64_t txn, int *out_state)
{
    struct hf_buf key = {0}, value = {0};
    struct hf_txn_entry entry;

    *out_state = 0;
    hf_key_txn(&key, txn);
    int rc = hf_buf_check(&key, look->err);
    if (rc == 0)
        rc = hf_view_get(look->view, key.data, key.len, &value, look->err);
    if (rc == 0)
        *out_state = hf_txn_decode(&key, &value, &entry, NULL) == 0 ? (int)entry.state : -1;
    hf_buf_release(&key);
    hf_buf_release(&value);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int check_staged(struct look *look)
{
    struct hf_digest digest;
    int state = 0;

    if (!hf_key_read_digest(look->key, &digest) ||
        hf_staged_decode(look->value, &look->flaw.place, NULL) != 0)
        return tell(look, HF_FIX_NONE, NULL, "the entry of a staged blob is malformed");
    int rc = txn_state(look, look->flaw.place.txn, &state);
    return rc != 0 || state == HF_TXN_COMMITTED
               ? rc
               : tell(look, HF_FIX_UNFINISHED, &digest,
                      "a blob is staged by a transaction that has not committed");
}

static int check_claim(struct look *look)
{
    struct hf_digest digest;
    uint64_t txn = 0;
    int state = 0;

    if (!hf_key_read_digest_number(look->key, &digest, &txn))
        return tell(look, HF_FIX_DELETE, NULL, "the key of a claim is malformed");
    int rc = txn_state(look, txn, &state);
    return rc != 0 || state != 0
               ? rc
               : tell(look, HF_FIX_DELETE, &digest, "a claim's transaction has ended");
}

static int check_txn(struct look *look)
{
    struct hf_txn_entry entry;

    return hf_txn_decode(look->key, look->value, &entry, NULL) == 0
               ? 0
               : tell(look, HF_FIX_NONE, NULL, "the entry of a transaction is malformed");
}

static int check_kind(struct look *look)
{
    switch (look->key->len > 0 ? look->key->data[0] : 0) {
    case HF_KEY_BACKREF:
        return check_back(look);
    case HF_KEY_CLAIM:
        return check_claim(look);
    case HF_KEY_HOLD:
        return check_hold(look);
    case HF_KEY_SETTING:
        return 0;
    case HF_KEY_NAME:
        return check_name(look);
    case HF_KEY_OBJECT:
        return check_object(look);
    case HF_KEY_STAGED:
        return check_staged(look);
    case HF_KEY_TXN:
        return check_txn(look);
    case HF_KEY_PENDING:
        return check_pending(look);
    default:
        return tell(look, HF_FIX_NONE, NULL, "an entry is of no kind that we know");
    }
}

int hf_entry_check(const struct hf_view *view, const struct hf_buf *key, const struct hf_buf *value,
                   enum hf_entry_depth depth, hf_flaw_fn *fn, void *arg, struct hf_error *err)
{
    struct look look = {
        .view = view, .key = key, .value = value, .depth = depth, .fn = fn, .arg = arg, .err = err};

    int rc = check_kind(&look);
    hf_buf_release(&look.flaw.missing_key);
    return rc;
}
