/*
 * store/snapshot.c - looks at the catalog at one moment. Entries as bytes: keys.c.
 *
 * Always true: everything a snapshot tells was durable when it was taken.
 */
#include "store/handle.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int hf_snapshot_take(struct hf_store *store, struct hf_snapshot **out_snapshot,
                     struct hf_error *err)
{
    struct hf_snapshot *snapshot = calloc(1, sizeof(*snapshot));

    if (snapshot == NULL)
        return hf_fail_memory(err);
    int rc = hf_wal_refresh(store->wal, err);
    while (rc ==
           HF_ERR_NOT_FOUND) { /* others took checkpoints and deleted the log where we stood */
        rc = hf_catalog_reload(&store->catalog, store->wal, err);
        if (rc == 0)
            rc = hf_wal_refresh(store->wal, err);
    }
    if (rc != 0) {
        free(snapshot);
        return rc;
    }
    hf_catalog_publish(&store->catalog, hf_wal_durable(store->wal));
    hf_catalog_view_durable(&store->catalog, &snapshot->view);
    *out_snapshot = snapshot;
    return 0;
}

void hf_snapshot_release(struct hf_snapshot *snapshot)
{
    if (snapshot == NULL || snapshot->is_borrowed)
        return;
    hf_view_release(&snapshot->view);
    free(snapshot);
}

uint64_t hf_snapshot_position(const struct hf_snapshot *snapshot)
{
    return snapshot->view.position;
}

int hf_view_name(const struct hf_view *view, const char *name, struct hf_name *out,
                 struct hf_error *err)
{
    struct hf_buf key = {0}, value = {0};

    hf_key_text(&key, HF_KEY_NAME, name);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(view, key.data, key.len, &value, err);
    if (rc == 0)
        rc = hf_name_decode(&value, out, err);
    hf_buf_release(&key);
    hf_buf_release(&value);
    return rc;
}

int hf_snapshot_name(const struct hf_snapshot *snapshot, const char *name, struct hf_name *out,
                     struct hf_error *err)
{
    int rc = hf_view_name(&snapshot->view, name, out, err);

    return rc == HF_ERR_NOT_FOUND ? hf_fail(err, rc, "no such name: %s", name) : rc;
}

int hf_view_object(const struct hf_view *view, const struct hf_digest *digest,
                   struct hf_object *out, struct hf_error *err)
{
    struct hf_buf key = {0}, value = {0};

    hf_key_digest(&key, HF_KEY_OBJECT, digest);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(view, key.data, key.len, &value, err);
    if (rc == 0 && out != NULL)
        rc = hf_object_decode(&value, digest, out, err);
    hf_buf_release(&key);
    hf_buf_release(&value);
    return rc;
}

int hf_snapshot_object(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                       struct hf_object *out, struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    int rc = hf_view_object(&snapshot->view, digest, out, err);

    return rc == HF_ERR_NOT_FOUND
               ? hf_fail(err, rc, "no such object: %s", hf_digest_text(digest, text))
               : rc;
}

int hf_view_staged(const struct hf_view *view, const struct hf_digest *digest,
                   struct hf_staged_place *out, struct hf_error *err)
{
    struct hf_buf key = {0}, value = {0};

    hf_key_digest(&key, HF_KEY_STAGED, digest);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(view, key.data, key.len, &value, err);
    if (rc == 0)
        rc = hf_staged_decode(&value, out, err);
    hf_buf_release(&key);
    hf_buf_release(&value);
    return rc;
}

int hf_snapshot_each_name(const struct hf_snapshot *snapshot, const char *prefix, hf_name_fn *fn,
                          void *arg, struct hf_error *err)
{
    struct hf_view_iter iter = {0};
    struct hf_buf key = {0}, text = {0};

    hf_key_text(&key, HF_KEY_NAME, prefix != NULL ? prefix : "");
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_iter_init(&iter, &snapshot->view, key.data, key.len, err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
        struct hf_name name = {0};
        hf_buf_clear(&text);
        hf_buf_put(&text, iter.key.data + 1, iter.key.len - 1);
        rc = hf_name_decode(&iter.value, &name, err);
        name.name = hf_buf_text(&text);
        if (rc == 0)
            rc = hf_buf_check(&text, err);
        if (rc == 0)
            rc = fn(arg, &name);
    }
    hf_view_iter_release(&iter);
    hf_buf_release(&key);
    hf_buf_release(&text);
    return rc == HF_END ? 0 : rc;
}

/* The bytes that all keys with these hexadecimal digits begin with; an odd digit is left over. */
static int hex_prefix(const char *hex, struct hf_buf *key, struct hf_error *err)
{
    size_t len = strlen(hex);

    if (strspn(hex, "0123456789abcdef") != len || len > 2 * HF_DIGEST_BYTES_MAX)
        return hf_fail(err, HF_ERR_USAGE, "\"%.80s\" is no hexadecimal prefix of a digest", hex);
    for (size_t i = 0; i + 1 < len; i += 2) {
        char pair[3] = {hex[i], hex[i + 1], 0};
        hf_buf_put_u8(key, (uint8_t)strtoul(pair, NULL, 16));
    }
    return hf_buf_check(key, err);
}

static int each_object_below(const struct hf_view *view, const struct hf_buf *prefix,
                             const char *hex, hf_object_fn *fn, void *arg, struct hf_error *err)
{
    struct hf_view_iter iter = {0};
    struct hf_object object = {0};

    int rc = hf_view_iter_init(&iter, view, prefix->data, prefix->len, err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
        struct hf_digest digest;
        char digits[HF_DIGEST_TEXT_MAX];
        if (!hf_key_read_digest(&iter.key, &digest)) {
            rc = hf_fail(err, HF_ERR_CORRUPT, "the catalog has a malformed key of an object");
            break;
        }
        if (strncmp(hf_digest_hex(&digest, digits), hex, strlen(hex)) != 0)
            continue;
        rc = hf_object_decode(&iter.value, &digest, &object, err);
        if (rc == 0)
            rc = fn(arg, &object);
    }
    hf_object_release(&object);
    hf_view_iter_release(&iter);
    return rc == HF_END ? 0 : rc;
}

int hf_snapshot_each_object(const struct hf_snapshot *snapshot, uint8_t algorithm, const char *hex,
                            hf_object_fn *fn, void *arg, struct hf_error *err)
{
    struct hf_buf prefix = {0};
    int rc = 0;

    if (hex == NULL)
        hex = "";
    for (uint8_t a = HF_DIGEST_SHA256; rc == 0 && a <= HF_DIGEST_SHA512; a++) {
        if (algorithm != HF_DIGEST_NONE && algorithm != a)
            continue;
        hf_buf_clear(&prefix);
        hf_buf_put_u8(&prefix, HF_KEY_OBJECT);
        hf_buf_put_u8(&prefix, a);
        rc = hex_prefix(hex, &prefix, err);
        if (rc == 0)
            rc = each_object_below(&snapshot->view, &prefix, hex, fn, arg, err);
    }
    hf_buf_release(&prefix);
    return rc;
}

int hf_snapshot_each_referrer(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                              hf_referrer_fn *fn, void *arg, struct hf_error *err)
{
    static const char kinds[] = {'O', 'N'}; /* objects first */
    struct hf_view_iter iter = {0};
    struct hf_buf key = {0}, text = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(kinds); i++) {
        hf_key_digest(&key, HF_KEY_BACKREF, digest);
        hf_buf_put_u8(&key, (uint8_t)kinds[i]);
        rc = hf_buf_check(&key, err);
        if (rc == 0)
            rc = hf_view_iter_init(&iter, &snapshot->view, key.data, key.len, err);
        while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
            struct hf_digest target, object;
            const char *name = NULL;
            size_t name_len = 0;
            if (!hf_key_read_backref(&iter.key, &target, &object, &name, &name_len)) {
                rc = hf_fail(err, HF_ERR_CORRUPT, "the catalog has a malformed reference");
                break;
            }
            hf_buf_clear(&text);
            if (name != NULL)
                hf_buf_put(&text, name, name_len);
            const char *name_text = name != NULL ? hf_buf_text(&text) : NULL;
            rc = hf_buf_check(&text, err);
            if (rc == 0)
                rc = fn(arg, name != NULL ? NULL : &object, name_text);
        }
        hf_view_iter_release(&iter);
        rc = rc == HF_END ? 0 : rc;
    }
    hf_buf_release(&key);
    hf_buf_release(&text);
    return rc;
}

int hf_snapshot_each_hold(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                          hf_hold_fn *fn, void *arg, struct hf_error *err)
{
    struct hf_view_iter iter = {0};
    struct hf_hold_entry entry = {0};
    struct hf_buf key = {0};

    if (digest != NULL)
        hf_key_digest(&key, HF_KEY_HOLD, digest);
    else
        hf_buf_put_u8(&key, HF_KEY_HOLD);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_iter_init(&iter, &snapshot->view, key.data, key.len, err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
        rc = hf_hold_decode(&iter.key, &iter.value, &entry, err);
        if (rc == 0)
            rc = fn(arg, &entry.hold);
    }
    hf_hold_entry_release(&entry);
    hf_view_iter_release(&iter);
    hf_buf_release(&key);
    return rc == HF_END ? 0 : rc;
}

int hf_snapshot_setting(const struct hf_snapshot *snapshot, const char *name, char *value,
                        size_t value_size, struct hf_error *err)
{
    struct hf_buf key = {0}, bytes = {0};

    hf_key_text(&key, HF_KEY_SETTING, name);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(&snapshot->view, key.data, key.len, &bytes, err);
    if (rc == 0 && value_size > 0) {
        size_t len = bytes.len < value_size - 1 ? bytes.len : value_size - 1;
        if (len > 0)
            memcpy(value, bytes.data, len);
        value[len] = '\0';
    }
    hf_buf_release(&key);
    hf_buf_release(&bytes);
    return rc;
}
