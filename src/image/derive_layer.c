/*
 * image/derive_layer.c - reads a layer of the store and derives from it, in a transaction.
 *
 * The writer of indexes gives the same bytes for the same tar, and inflating does so too. So a
 * damaged part is healed by making it again: it has the digest that is missing, or is not used.
 */
#include "image/derive_layer.h"

#include "base/digest.h"
#include "base/error.h"
#include "image/graph.h"
#include "image/note.h"
#include "fsck/check.h"

struct deriving {
    struct hf_store *store;
    struct hf_txn *txn;
    const struct hf_layer *layer;
    enum hf_erofs_form form;
    struct hf_derived made;
};

static int begin(struct deriving *deriving, const char *operation, const struct hf_digest *what,
                 struct hf_error *err)
{
    struct hf_buf note = {0};
    char text[HF_DIGEST_TEXT_MAX];

    hf_note_begin(&note, operation);
    hf_note_add(&note, what ? hf_digest_text(what, text) : "--repair");
    return hf_note_txn(deriving->store, &note, &deriving->txn, err);
}

static int push(void *arg, const void *data, size_t len, struct hf_error *err)
{
    hf_derive_push(arg, data, len);
    return 0;
}

/* With `with_tar`, the plain tar too. What can't be derived is in made.problem. */
static int derive(struct deriving *deriving, const struct hf_layer *layer, bool with_tar,
                  struct hf_error *err)
{
    const struct hf_derive_options options = {.form = deriving->form};
    struct hf_derive *derive = NULL;
    int rc = hf_derive_new(deriving->store, deriving->txn, &options, &derive, err);

    if (rc == 0 && with_tar)
        hf_derive_from_compressed(derive);
    if (rc == 0)
        rc = hf_layer_read(deriving->store, layer, push, derive, err);
    if (rc == 0)
        hf_derive_end(derive, &layer->diff_id, &deriving->made);
    hf_derive_free(derive);
    return rc;
}

/* --- what is missing -------------------------------------------------------------------------- */

static int put(struct hf_change *change, const struct hf_digest *digest,
               const struct hf_summary *summary, const struct hf_digest *ref, struct hf_error *err)
{
    struct hf_buf encoded = {0};

    if (summary)
        hf_summary_encode(summary, &encoded);
    int rc = hf_buf_check(&encoded, err);
    if (rc == 0)
        rc = hf_change_put_object(change, digest, ref, ref ? 1 : 0, encoded.data, encoded.len, err);
    hf_buf_release(&encoded);
    return rc;
}

static int decide(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct deriving *deriving = arg;
    const struct hf_layer *layer = deriving->layer;
    const struct hf_derived *made = &deriving->made;
    const struct hf_summary index = {.kind = HF_KIND_LAYER_INDEX,
                                     .block_bytes = deriving->form == HF_EROFS_INDEX ? 512 : 4096};
    const struct hf_summary tar = {.kind = HF_KIND_LAYER,
                                   .media_type = "application/vnd.oci.image.layer.v1.tar",
                                   .diff_id = layer->diff_id,
                                   .size_bytes = made->tar_bytes};

    int rc = put(change, &made->index, &index, NULL, err);
    if (rc == 0)
        rc = put(change, &layer->diff_id, hf_digest_is_set(&made->tar) ? &tar : NULL, &made->index,
                 err);
    if (rc == 0 && hf_digest_compare(&layer->blob, &layer->diff_id) != 0)
        rc = put(change, &layer->blob, NULL, &layer->diff_id, err);
    return rc;
}

static int run(struct deriving *deriving, struct hf_error *err)
{
    const struct hf_layer *layer = deriving->layer;
    bool is_plain = hf_digest_compare(&layer->blob, &layer->diff_id) == 0;
    struct hf_error why = {0};
    bool has_tar = is_plain;
    int rc = hf_txn_claim(deriving->txn, &layer->blob, NULL, &why);

    if (rc == 0 && !is_plain)
        rc = hf_txn_claim(deriving->txn, &layer->diff_id, NULL, &why);
    has_tar |= rc == 0;
    rc = rc == HF_ERR_NOT_FOUND ? 0 : rc;
    if (rc == 0)
        rc = derive(deriving, layer, !has_tar, &why);
    if (rc == 0 && deriving->made.problem != 0)
        rc = hf_fail(&why, deriving->made.problem, "%s", deriving->made.why);
    if (rc == 0)
        return hf_txn_commit(deriving->txn, decide, deriving, err);
    hf_txn_abort(deriving->txn, why.message);
    if (err)
        *err = why;
    return rc;
}

static int find(struct hf_store *store, const struct hf_layer *layer, struct hf_derived_parts *out,
                struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    if (rc == 0)
        rc = hf_derived_find(snapshot, &layer->blob, &layer->diff_id, out, err);
    hf_snapshot_release(snapshot);
    return rc;
}

static bool has_form(const struct hf_derived_parts *parts, enum hf_erofs_form form)
{
    return hf_digest_is_set(form == HF_EROFS_INDEX ? &parts->index : &parts->full);
}

int hf_layer_derive(struct hf_store *store, const struct hf_layer *layer, enum hf_erofs_form form,
                    struct hf_derived_parts *out, struct hf_error *err)
{
    struct deriving deriving = {.store = store, .layer = layer, .form = form};
    char text[HF_DIGEST_TEXT_MAX];
    int rc = find(store, layer, out, err);

    if (rc != 0 || has_form(out, form))
        return rc;
    rc = begin(&deriving, "derive", &layer->blob, err);
    if (rc == 0)
        rc = run(&deriving, err);
    if (rc != 0)
        return hf_fail_prefix(err, rc, "layer %s", hf_digest_text(&layer->blob, text));
    return find(store, layer, out, err);
}

/* --- what is damaged -------------------------------------------------------------------------- */

struct search {
    const struct hf_snapshot *snapshot;
    struct hf_digest found; /* a layer that refers to it */
    struct hf_error *err;
};

static int see_referrer(void *arg, const struct hf_digest *object, const char *name)
{
    struct search *search = arg;
    struct hf_summary summary;

    if (!object)
        return 0;
    int rc = hf_summary_of(search->snapshot, object, &summary, search->err);
    if (rc == 0 && summary.kind == HF_KIND_LAYER) {
        search->found = *object;
        return HF_END;
    }
    return rc;
}

static int find_layer_above(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                            struct hf_digest *out, struct hf_error *err)
{
    struct search search = {.snapshot = snapshot, .err = err};
    int rc = hf_snapshot_each_referrer(snapshot, digest, see_referrer, &search, err);

    *out = search.found;
    return rc == HF_END ? 0 : rc;
}

/* Where it can be made from: NOT_FOUND: it is no derived part, or nothing of that is left. */
static int find_source(const struct hf_snapshot *snapshot, const struct hf_digest *wanted,
                       struct hf_layer *out_layer, enum hf_erofs_form *out_form,
                       struct hf_error *err)
{
    struct hf_summary summary;
    struct hf_digest above;
    int rc = hf_summary_of(snapshot, wanted, &summary, err);

    if (rc == 0 && summary.kind != HF_KIND_LAYER_INDEX && summary.kind != HF_KIND_LAYER)
        return HF_ERR_NOT_FOUND;
    if (rc == 0)
        rc = find_layer_above(snapshot, wanted, &above, err);
    if (rc != 0 || !hf_digest_is_set(&above))
        return rc != 0 ? rc : HF_ERR_NOT_FOUND;
    *out_form = summary.kind == HF_KIND_LAYER_INDEX && summary.block_bytes != 512 ? HF_EROFS_FULL
                                                                                  : HF_EROFS_INDEX;
    rc = hf_summary_of(snapshot, &above, &summary, err);
    *out_layer = (struct hf_layer){.blob = above, .diff_id = summary.diff_id};
    return rc;
}

/* The layer is read from the very blob, never from its plain tar, which may be what is damaged. */
static int stage_again(struct deriving *deriving, struct hf_layer *layer, struct hf_error *err)
{
    bool is_plain = hf_digest_compare(&layer->blob, &layer->diff_id) == 0;
    struct hf_object object = {0};
    int rc = hf_txn_claim(deriving->txn, &layer->blob, &object, err);

    if (rc == 0)
        rc = hf_blob_open(deriving->store, &layer->blob, &layer->opened, err);
    layer->source = layer->blob;
    layer->checksum = object.checksum;
    hf_object_release(&object);
    if (rc == 0)
        rc = derive(deriving, layer, !is_plain, err);
    hf_blob_close(layer->opened);
    return rc;
}

static int stage_all(struct deriving *deriving, const struct hf_snapshot *snapshot,
                     const struct hf_digest *wanted, size_t count, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct hf_layer layer = {0};
        struct hf_error why = {0};
        if (hf_txn_has_staged(deriving->txn, &wanted[i], NULL))
            continue;
        rc = find_source(snapshot, &wanted[i], &layer, &deriving->form, &why);
        if (rc == 0)
            rc = stage_again(deriving, &layer, &why);
        /* Its layer is damaged as well, or it was not derived: somebody else has to help. */
        if (rc == HF_ERR_NOT_FOUND || rc == HF_ERR_CORRUPT)
            rc = 0;
        else if (rc != 0 && err)
            *err = why;
    }
    /* At the end: making a tar gives its index too, which could not be made before. */
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (hf_txn_has_staged(deriving->txn, &wanted[i], NULL))
            hf_txn_heal(deriving->txn, &wanted[i]);
    return rc;
}

static bool is_any_derived(const struct hf_snapshot *snapshot, const struct hf_digest *wanted,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct hf_layer layer;
        enum hf_erofs_form form;
        if (find_source(snapshot, &wanted[i], &layer, &form, NULL) == 0)
            return true;
    }
    return false;
}

int hf_derive_heal(struct hf_store *store, const struct hf_digest *wanted, size_t count,
                   struct hf_error *err)
{
    struct deriving deriving = {.store = store};
    struct hf_healing healing = {.wanted = wanted, .count = count};
    struct hf_snapshot *snapshot = NULL;
    int rc = hf_snapshot_take(store, &snapshot, err);

    if (rc == 0 && is_any_derived(snapshot, wanted, count)) {
        rc = begin(&deriving, "fsck", NULL, err);
        healing.txn = deriving.txn;
        if (rc == 0 && (rc = stage_all(&deriving, snapshot, wanted, count, err)) != 0)
            hf_txn_abort(deriving.txn, "the parts of a layer could not be derived again");
        else if (rc == 0)
            rc = hf_txn_commit(deriving.txn, hf_check_decide_heal, &healing, err);
    }
    hf_snapshot_release(snapshot);
    return rc;
}
