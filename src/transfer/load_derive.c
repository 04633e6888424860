/*
 * transfer/load_derive.c - a load makes its layers mountable: their indexes, and the plain tars of
 * compressed ones, come from the same pass that hashes them, and go into the same record.
 *
 * In one record because that costs one round of syncs instead of two, and an image that was
 * acknowledged can be started at once. A load still never fails because something can't be derived;
 * but a layer that would be mounted wrong is refused.
 */
#include "transfer/load.h"

#include "base/digest.h"
#include "base/error.h"

/* What the trees of one load may take; a layer with more entries (some 200,000) is derived at the
 * first mount. */
#define MEMORY_BYTES (32u * 1024u * 1024u)

int hf_load_begin_deriving(struct hf_load *load, struct hf_derive **out, struct hf_error *err)
{
    const struct hf_derive_options options = {
        .form = HF_EROFS_INDEX,
        .leaves_compressed = load->options->lazy,
        .memory_max_bytes = MEMORY_BYTES,
    };

    return hf_derive_new(load->store, load->txn, &options, out, err);
}

/* Has the store derived all there is to derive from a layer that it has? */
static int is_derived(struct hf_load *load, const struct hf_member *member, bool *out,
                      struct hf_error *err)
{
    struct hf_derived_parts parts;
    int rc = load->before ? 0 : hf_snapshot_take(load->store, &load->before, err);

    if (rc == 0)
        rc = hf_derived_find(load->before, &member->digest, &member->plain.diff_id, &parts, err);
    *out = rc == 0 && hf_digest_is_set(&parts.index);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* What was not derived while it was taken in: what is in memory, or was equal to the store's. */
static int derive(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    bool has = false;
    int rc = is_derived(load, member, &has, err);

    if (rc == 0 && !has)
        rc = hf_load_derive_again(load, member, err);
    member->is_derived = rc == 0;
    return rc;
}

static int judge(struct hf_load *load, const struct hf_member *member, struct hf_error *err)
{
    const struct hf_derived *derived = &member->derived;

    if (derived->problem == HF_ERR_UNSUPPORTED)
        return hf_fail(err, HF_ERR_UNSUPPORTED, "%s: %s", member->path, derived->why);
    if (derived->problem == HF_ERR_INPUT)
        hf_events_warn(&load->options->observer, "%s can't be mounted or unpacked: %s",
                       member->path, derived->why);
    return 0;
}

static int put_index(struct hf_load *load, const struct hf_derived *derived, struct hf_error *err)
{
    const struct hf_summary summary = {.kind = HF_KIND_LAYER_INDEX, .block_bytes = 512};

    return hf_plan_put(&load->plan, &derived->index, derived->index_bytes, &summary, NULL, 0, err);
}

static int put_tar(struct hf_load *load, const struct hf_member *member, struct hf_error *err)
{
    struct hf_summary summary = {.kind = HF_KIND_LAYER,
                                 .media_type = HF_MEDIA_OCI_LAYER,
                                 .diff_id = member->plain.diff_id,
                                 .size_bytes = member->plain.size_bytes};

    return hf_plan_put(&load->plan, &member->derived.tar, member->derived.tar_bytes, &summary,
                       &member->derived.index, 1, err);
}

int hf_load_put_derived(struct hf_load *load, struct hf_member *member, bool plain,
                        struct hf_digest *out_ref, struct hf_error *err)
{
    struct hf_derived *derived = &member->derived;
    bool was_judged = member->is_derived && member->is_judged;
    int rc = member->is_derived ? 0 : derive(load, member, err);

    *out_ref = (struct hf_digest){0};
    if (rc == 0 && !was_judged)
        rc = judge(load, member, err);
    member->is_judged = true;
    if (rc != 0 || !hf_digest_is_set(&derived->index))
        return rc;
    rc = put_index(load, derived, err);
    if (rc != 0 || plain) {
        *out_ref = derived->index;
        return rc;
    }
    if (!hf_digest_is_set(&derived->tar))
        return 0;
    *out_ref = derived->tar;
    return put_tar(load, member, err);
}
