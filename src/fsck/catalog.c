/*
 * fsck/catalog.c - finds entries of the catalog that contradict each other, and makes them
 * agree in a logged COMMIT. What is a contradiction: entry.c. How each is mended:
 * mend.c.
 *
 * A snapshot is one moment of the log, so whatever contradicts itself there does so for certain.
 */
#include "fsck/flaws.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"
#include "catalog/describe_change.h"

#include <stdlib.h>
#include <string.h>

/* Mending one may show another: a reference back that was missing, then what it refers to. */
#define ROUNDS_MAX 16

/* One pass over all entries. */
struct pass {
    struct hf_flaws *flaws;
    uint64_t refs, names;           /* references forth */
    uint64_t back_refs, back_names; /* and back */
};

void hf_flaws_release(struct hf_flaws *flaws)
{
    for (size_t i = 0; i < flaws->count; i++)
        hf_buf_release(&flaws->items[i].key);
    free(flaws->items);
    *flaws = (struct hf_flaws){0};
}

static int keep_flaw(void *arg, const struct hf_flaw *flaw, struct hf_error *err)
{
    struct hf_flaws *flaws = arg;

    flaws->is_more = flaws->count == HF_FLAWS_MAX;
    if (flaws->is_more)
        return 0;
    int rc =
        hf_array_grow(&flaws->items, &flaws->capacity, flaws->count, sizeof(*flaws->items), err);
    if (rc != 0)
        return rc;
    struct hf_kept_flaw kept = {
        .fix = flaw->fix, .digest = flaw->digest, .place = flaw->place, .message = flaw->message};
    hf_buf_put(&kept.key, flaw->key->data, flaw->key->len);
    rc = hf_buf_check(&kept.key, err);
    if (rc != 0)
        return rc;
    flaws->items[flaws->count++] = kept;
    return 0;
}

static void count_edges(struct pass *pass, const struct hf_buf *key, const struct hf_buf *value)
{
    struct hf_object object = {0};
    struct hf_digest target, referrer;
    const char *name = NULL;
    size_t len = 0;

    switch (key->data[0]) {
    case HF_KEY_OBJECT:
        if (hf_key_read_digest(key, &target) &&
            hf_object_decode(value, &target, &object, NULL) == 0)
            pass->refs += object.ref_count;
        hf_object_release(&object);
        break;
    case HF_KEY_NAME:
        pass->names++;
        break;
    case HF_KEY_BACKREF:
        if (!hf_key_read_backref(key, &target, &referrer, &name, &len))
            break;
        pass->back_names += name != NULL;
        pass->back_refs += name == NULL;
        break;
    default:
        break;
    }
}

static int check_entries(const struct hf_view *view, const void *prefix, size_t prefix_len,
                         enum hf_entry_depth depth, struct pass *pass, struct hf_error *err)
{
    struct hf_view_iter iter = {0};

    int rc = hf_view_iter_init(&iter, view, prefix, prefix_len, err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
        if (iter.key.len > 0)
            count_edges(pass, &iter.key, &iter.value);
        rc = hf_entry_check(view, &iter.key, &iter.value, depth, keep_flaw, pass->flaws, err);
    }
    hf_view_iter_release(&iter);
    return rc == HF_END ? 0 : rc;
}

/*
 * Every reference forth is looked up backwards. If there are as many back as forth and none of them
 * was missing, then none is too many, and looking those up forwards, which is dear, is spared.
 */
static int find_flaws(const struct hf_view *view, struct hf_flaws *out, struct hf_error *err)
{
    static const uint8_t back[] = {HF_KEY_BACKREF};
    struct pass pass = {.flaws = out}, again = {.flaws = out};

    int rc = check_entries(view, NULL, 0, HF_ENTRY_COUNTED, &pass, err);
    if (rc == 0 && (out->count > 0 || pass.refs != pass.back_refs || pass.names != pass.back_names))
        rc = check_entries(view, back, sizeof(back), HF_ENTRY_EDGES, &again, err);
    return rc;
}

static void tell(struct hf_check *check, const struct hf_kept_flaw *flaw, bool repaired)
{
    const struct hf_payload_change entry = {
        .is_delete = true, .key = flaw->key.data, .key_len = flaw->key.len};
    struct hf_buf message = {0};

    hf_buf_printf(&message, "%s (", flaw->message);
    size_t at = message.len;
    if (flaw->key.len > 0)
        hf_describe_change(&entry, &message);
    if (message.len > at + 2) /* without its sign */
        memmove(message.data + at, message.data + at + 2, message.len - at - 2);
    message.len -= message.len > at + 2 ? 2 : 0;
    hf_buf_put_text(&message, ")");
    const char *text = hf_buf_text(&message);
    hf_check_tell(check, HF_FINDING_CATALOG, NULL, &flaw->digest, repaired,
                  text != NULL ? text : flaw->message);
    hf_buf_release(&message);
}

static size_t count_mendable(const struct hf_flaws *flaws)
{
    size_t count = 0;

    for (size_t i = 0; i < flaws->count; i++)
        count += flaws->items[i].fix != HF_FIX_NONE;
    return count;
}

/* One round. *out_again: something was mended, so look again. */
static int run_round(struct hf_check *check, bool is_last, bool *out_again, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_flaws flaws = {0};

    int rc = hf_snapshot_take(check->store, &snapshot, err);
    if (rc == 0)
        rc = find_flaws(&snapshot->view, &flaws, err);
    hf_snapshot_release(snapshot);
    *out_again = rc == 0 && check->fsck->repair && !is_last && count_mendable(&flaws) > 0;
    if (*out_again)
        rc = hf_flaws_mend(check, &flaws, err);
    check->is_mended = check->is_mended || *out_again;
    for (size_t i = 0; rc == 0 && i < flaws.count; i++)
        if (!*out_again || flaws.items[i].fix != HF_FIX_NONE)
            tell(check, &flaws.items[i], *out_again);
    hf_flaws_release(&flaws);
    return rc;
}

int hf_check_catalog(struct hf_check *check, struct hf_error *err)
{
    bool again = true;
    int rc = 0;

    for (int i = 0; rc == 0 && again; i++)
        rc = run_round(check, i + 1 == ROUNDS_MAX, &again, err);
    return rc;
}
