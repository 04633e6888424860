/*
 * image/derive.c - feeds the bytes of a layer to the writer of its index, and stages what comes
 * out.
 *
 * Always true:
 *  (1) with the first problem everything staged here is dropped, so that a full disk is not kept
 *      full by what the image does not need;
 *  (2) the tar is whole and hashes to the diff ID before anything refers to it.
 */
#include "image/derive.h"

#include "base/digest.h"
#include "base/error.h"
#include "image/graph.h"

#include <stdio.h>
#include <stdlib.h>

struct hf_derive {
    struct hf_store *store;
    struct hf_txn *txn;
    enum hf_erofs_form form;
    bool leaves_compressed;
    struct hf_erofs *erofs;
    struct hf_staged *tar;   /* NULL: not wanted, or ended */
    struct hf_staged *index; /* while it is written */
    struct hf_blob *plain;   /* the tar, read back for sparse files */
    struct hf_digest diff_id;
    struct hf_error problem; /* code 0: none */
};

int hf_derive_new(struct hf_store *store, struct hf_txn *txn,
                  const struct hf_derive_options *options, struct hf_derive **out,
                  struct hf_error *err)
{
    const struct hf_erofs_options erofs = {.memory_max_bytes = options->memory_max_bytes};
    struct hf_derive *derive = calloc(1, sizeof(*derive));

    if (!derive)
        return hf_fail_memory(err);
    derive->store = store;
    derive->txn = txn;
    derive->form = options->form;
    derive->leaves_compressed = options->leaves_compressed;
    int rc = hf_erofs_new(&erofs, &derive->erofs, err);
    if (rc != 0) {
        hf_derive_free(derive);
        return rc;
    }
    *out = derive;
    return 0;
}

void hf_derive_free(struct hf_derive *derive)
{
    if (!derive)
        return;
    hf_erofs_free(derive->erofs);
    hf_staged_drop(derive->tar);
    hf_staged_drop(derive->index);
    hf_blob_close(derive->plain);
    free(derive);
}

/* (1) */
static void give_up(struct hf_derive *derive)
{
    hf_staged_drop(derive->tar);
    hf_staged_drop(derive->index);
    derive->tar = derive->index = NULL;
    hf_erofs_free(derive->erofs);
    derive->erofs = NULL;
}

void hf_derive_from_compressed(struct hf_derive *derive)
{
    int rc = derive->leaves_compressed
                 ? hf_fail(&derive->problem, HF_ERR_CANCELLED, "it is left to the first mount")
                 : hf_txn_stage(derive->txn, &derive->tar, &derive->problem);

    if (rc != 0)
        give_up(derive);
}

void hf_derive_push(struct hf_derive *derive, const void *data, size_t len)
{
    if (derive->problem.code != 0)
        return;
    int rc = hf_erofs_feed(derive->erofs, data, len, &derive->problem);
    if (rc == 0 && derive->tar)
        rc = hf_staged_write(derive->tar, data, len, &derive->problem);
    if (rc != 0)
        give_up(derive);
}

/* --- the end ---------------------------------------------------------------------------------- */

static int write_index(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct hf_derive *derive = arg;

    return hf_staged_write(derive->index, data, len, err);
}

static int read_tar(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err)
{
    struct hf_derive *derive = arg;
    size_t got = 0;
    int rc = 0;

    if (!derive->plain) {
        rc = hf_txn_staged_open(derive->txn, &derive->diff_id, &derive->plain, NULL);
        if (rc != 0)
            rc = hf_blob_open(derive->store, &derive->diff_id, &derive->plain, err);
    }
    if (rc == 0)
        rc = hf_blob_read(derive->plain, data, len, tar_off, &got, err);
    if (rc == 0 && got != len)
        rc = hf_fail(err, HF_ERR_CORRUPT, "the layer's tar is shorter than it was");
    return rc;
}

static int end_tar(struct hf_derive *derive, struct hf_derived *out, struct hf_error *err)
{
    struct hf_staged *tar = derive->tar;

    if (!tar)
        return 0;
    derive->tar = NULL; /* gone on every path */
    return hf_staged_finish(tar, &derive->diff_id, &out->tar, &out->tar_bytes, err);
}

static int end_index(struct hf_derive *derive, struct hf_derived *out, struct hf_error *err)
{
    char hex[HF_DIGEST_TEXT_MAX];
    const bool has_tag = derive->diff_id.algorithm == HF_DIGEST_SHA256;
    const struct hf_erofs_output output = {
        .form = derive->form,
        .tag = has_tag ? hf_digest_hex(&derive->diff_id, hex) : NULL,
        .arg = derive,
        .write = write_index,
        .read = read_tar,
    };
    int rc = hf_txn_stage(derive->txn, &derive->index, err);

    if (rc == 0)
        rc = hf_erofs_finish(derive->erofs, &output, err);
    if (rc != 0)
        return rc;
    struct hf_staged *index = derive->index;
    derive->index = NULL;
    return hf_staged_finish(index, NULL, &out->index, &out->index_bytes, err);
}

void hf_derive_end(struct hf_derive *derive, const struct hf_digest *diff_id,
                   struct hf_derived *out)
{
    struct hf_derived derived = {0};

    derive->diff_id = *diff_id;
    int rc = derive->problem.code;
    if (rc == 0)
        rc = end_tar(derive, &derived, &derive->problem);
    if (rc == 0)
        rc = end_index(derive, &derived, &derive->problem);
    if (rc != 0) {
        give_up(derive);
        derived = (struct hf_derived){.problem = rc};
        snprintf(derived.why, sizeof(derived.why), "%.255s", derive->problem.message);
    }
    *out = derived;
}

/* --- what there is ---------------------------------------------------------------------------- */

static int see_parts(const struct hf_snapshot *snapshot, const struct hf_object *tar,
                     struct hf_derived_parts *out, struct hf_error *err)
{
    int rc = 0;

    out->tar = tar->digest;
    for (size_t i = 0; rc == 0 && i < tar->ref_count; i++) {
        struct hf_object part = {0};
        struct hf_summary summary;
        rc = hf_snapshot_object(snapshot, &tar->refs[i], &part, err);
        hf_summary_decode(part.summary, part.summary_len, &summary);
        if (rc == 0 && summary.kind == HF_KIND_LAYER_INDEX && part.state == HF_OBJECT_PRESENT)
            *(summary.block_bytes == 512 ? &out->index : &out->full) = part.digest;
        hf_object_release(&part);
    }
    return rc;
}

int hf_derived_find(const struct hf_snapshot *snapshot, const struct hf_digest *layer,
                    const struct hf_digest *diff_id, struct hf_derived_parts *out,
                    struct hf_error *err)
{
    struct hf_object object = {0}, tar = {0};

    *out = (struct hf_derived_parts){0};
    int rc = hf_snapshot_object(snapshot, layer, &object, err);
    if (rc == 0 && hf_digest_compare(layer, diff_id) == 0) {
        rc = see_parts(snapshot, &object, out, err);
    } else if (rc == 0) {
        /* Another image may have brought the same tar; but only our own edge keeps it for us. */
        for (size_t i = 0; rc == 0 && i < object.ref_count; i++) {
            if (hf_digest_compare(&object.refs[i], diff_id) != 0)
                continue;
            rc = hf_snapshot_object(snapshot, diff_id, &tar, err);
            if (rc == 0 && tar.state == HF_OBJECT_PRESENT)
                rc = see_parts(snapshot, &tar, out, err);
        }
    }
    hf_object_release(&tar);
    hf_object_release(&object);
    return rc;
}
