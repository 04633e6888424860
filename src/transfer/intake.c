/*
 * transfer/intake.c - takes in one member's bytes in one pass, before anybody knows what it is.
 *
 * Where they go is decided with the first piece:
 *
 *   small, or JSON --------------------------> MEMORY     while there is room for it
 *   its name (or a hint) tells a digest that
 *   the store has, whole by its own account -> COMPARING  stream and stored copy, side by side
 *   else ------------------------------------> STAGING
 *
 *   COMPARING --all equal--> nothing to write: the stored copy is as good as the archive's
 *   COMPARING --first difference, or the copy can't be read--> STAGING, which begins with the part
 *       that was equal; the stored copy is damaged and gets replaced
 *
 * Always true:
 *  (1) every byte of the stream is hashed, also while comparing: two copies may be wrong alike;
 *  (2) what was compared equal is not written, so loading an image again costs reading;
 *  (3) what a path under blobs/ claims is checked here, before any document is looked at.
 */
#include "transfer/load.h"

#include "base/digest.h"
#include "base/error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct intake {
    struct hf_load *load;
    struct hf_member *member;
    hf_piece_fn *read;
    void *arg;
    const void *piece; /* the current one; len 0: the stream has ended */
    size_t len;
    uint64_t off;          /* bytes taken in */
    struct hf_digest hint; /* not set: the name tells nothing */
    bool is_strict;
    bool is_damaged;            /* the store's copy */
    bool knows_plain;           /* from the store's summary */
    struct hf_hasher *hasher;   /* COMPARING: of the blob */
    struct hf_hasher *sha256;   /* of the blob, when its name is of another algorithm */
    struct hf_measure *measure; /* NULL while not needed */
    struct hf_derive *derive;   /* STAGING */
    struct hf_staged *staged;
    struct hf_blob *blob;
    uint8_t *buffer; /* COMPARING: a piece of the stored copy */
};

static int next_piece(struct intake *in, struct hf_error *err)
{
    int rc;

    do {
        in->len = 0;
        rc = in->read(in->arg, &in->piece, &in->len, err);
    } while (rc == 0 && in->len == 0);
    return rc == HF_END ? 0 : rc;
}

static int wrong_digest(const struct intake *in, const struct hf_digest *actual,
                        struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];

    return hf_fail(err, HF_ERR_DIGEST, "%s: its bytes hash to %s, not to its name",
                   in->member->path, hf_digest_text(actual, text));
}

/* --- memory ----------------------------------------------------------------------------------- */

static bool looks_like_json(const struct intake *in)
{
    const char *text = in->piece;

    for (size_t i = 0; i < in->len; i++)
        if (!isspace((unsigned char)text[i]))
            return text[i] == '{' || text[i] == '[';
    return false;
}

static bool belongs_in_memory(const struct intake *in)
{
    uint64_t size = in->member->size_bytes;

    if (size > HF_LOAD_MEMORY_BYTES - in->load->members.memory_bytes)
        return false;
    return size <= HF_LOAD_SMALL_BYTES || (size <= HF_DOCUMENT_MAX && looks_like_json(in));
}

static int hash_memory(struct intake *in, struct hf_error *err)
{
    struct hf_member *member = in->member;
    bool is_known = hf_digest_is_set(&in->hint);
    uint8_t algorithm = is_known ? in->hint.algorithm : HF_DIGEST_SHA256;
    struct hf_hasher *hasher = hf_hasher_new(algorithm);

    if (!hasher)
        return hf_fail_memory(err);
    hf_hasher_update(hasher, member->data, member->size_bytes);
    hf_hasher_final(hasher, &member->digest);
    hf_hasher_free(hasher);
    if (in->is_strict && hf_digest_compare(&member->digest, &in->hint) != 0)
        return wrong_digest(in, &member->digest, err);
    return 0;
}

static int take_into_memory(struct intake *in, struct hf_error *err)
{
    struct hf_member *member = in->member;
    size_t size = (size_t)member->size_bytes;
    int rc = 0;

    member->data = malloc(size + 1); /* never of 0 bytes */
    if (!member->data)
        return hf_fail_memory(err);
    member->place = HF_MEMBER_MEMORY;
    in->load->members.memory_bytes += size;
    while (rc == 0 && in->len > 0) {
        if (in->len > size - in->off)
            return hf_fail(err, HF_ERR_INPUT, "%s: it is longer than its header says",
                           member->path);
        memcpy(member->data + in->off, in->piece, in->len);
        in->off += in->len;
        rc = next_piece(in, err);
    }
    if (rc == 0 && in->off != size)
        rc = hf_fail(err, HF_ERR_INPUT, "%s: it is cut short", member->path);
    return rc == 0 ? hash_memory(in, err) : rc;
}

/* --- staging ---------------------------------------------------------------------------------- */

static int stage_piece(struct intake *in, const void *data, size_t len, struct hf_error *err)
{
    int rc = hf_staged_write(in->staged, data, len, err);

    if (rc == 0)
        rc = hf_measure_push(in->measure, data, len, err);
    if (rc == 0 && in->sha256)
        hf_hasher_update(in->sha256, data, len);
    return rc;
}

static int begin_staging(struct intake *in, struct hf_error *err)
{
    int rc = hf_txn_stage(in->load->txn, &in->staged, err);

    if (rc == 0)
        rc = hf_load_begin_deriving(in->load, &in->derive, err);
    if (rc == 0)
        rc = hf_measure_new(in->derive, &in->measure, err);
    if (rc == 0 && hf_digest_is_set(&in->hint) && in->hint.algorithm != HF_DIGEST_SHA256) {
        in->sha256 = hf_hasher_new(HF_DIGEST_SHA256);
        if (!in->sha256)
            rc = hf_fail_memory(err);
    }
    return rc;
}

static int finish_measuring(struct intake *in, struct hf_error *err)
{
    struct hf_member *member = in->member;
    int rc = hf_measure_end(in->measure, &member->plain, err);

    member->is_measured = rc == 0;
    if (rc == 0 && member->plain.compression == HF_COMPRESSION_PLAIN) {
        if (in->sha256)
            hf_hasher_final(in->sha256, &member->plain.diff_id);
        else
            member->plain.diff_id = member->digest;
    }
    if (rc == 0 && in->derive && member->plain.problem[0] == '\0') {
        hf_derive_end(in->derive, &member->plain.diff_id, &member->derived);
        member->is_derived = true;
    }
    return rc;
}

static int finish_staging(struct intake *in, struct hf_error *err)
{
    struct hf_member *member = in->member;
    bool is_other = hf_digest_is_set(&in->hint) && in->hint.algorithm != HF_DIGEST_SHA256;
    struct hf_staged *staged = in->staged;

    in->staged = NULL; /* gone on every path */
    int rc = hf_staged_finish(staged, is_other ? &in->hint : NULL, &member->digest,
                              &member->size_bytes, err);
    if (rc != 0)
        return rc == HF_ERR_DIGEST ? hf_fail_prefix(err, rc, "%s", member->path) : rc;
    member->place = HF_MEMBER_STAGED;
    if (in->is_strict && hf_digest_compare(&member->digest, &in->hint) != 0)
        return wrong_digest(in, &member->digest, err);
    if (in->is_damaged && hf_digest_compare(&member->digest, &in->hint) == 0) {
        hf_txn_heal(in->load->txn, &member->digest);
        rc = hf_plan_heal(&in->load->plan, &member->digest, member->size_bytes, err);
    }
    return rc == 0 ? finish_measuring(in, err) : rc;
}

static int take_into_staging(struct intake *in, struct hf_error *err)
{
    int rc = 0;

    while (rc == 0 && in->len > 0) {
        rc = stage_piece(in, in->piece, in->len, err);
        in->off += in->len;
        if (rc == 0)
            rc = next_piece(in, err);
    }
    if (rc == 0 && in->off != in->member->size_bytes)
        rc = hf_fail(err, HF_ERR_INPUT, "%s: it is cut short", in->member->path);
    return rc == 0 ? finish_staging(in, err) : rc;
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Keeps the store's copy for us and tells whether it is worth comparing. */
static int claim_stored(struct intake *in, bool *out_comparable, struct hf_error *err)
{
    struct hf_object object = {0};
    struct hf_summary summary;

    *out_comparable = false;
    if (!hf_digest_is_set(&in->hint))
        return 0;
    int rc = hf_txn_claim(in->load->txn, &in->hint, &object, err);
    if (rc != 0)
        return rc == HF_ERR_NOT_FOUND ? 0 : rc;
    in->is_damaged = object.state == HF_OBJECT_DAMAGED;
    if (object.state == HF_OBJECT_PRESENT && object.size_bytes == in->member->size_bytes) {
        hf_summary_decode(object.summary, object.summary_len, &summary);
        in->knows_plain = summary.kind == HF_KIND_LAYER;
        in->member->plain.diff_id = summary.diff_id;
        in->member->plain.size_bytes = summary.size_bytes;
        if (hf_blob_open(in->load->store, &in->hint, &in->blob, NULL) == 0)
            *out_comparable = true;
        else
            in->is_damaged = true; /* in the catalog, and missing or of another size */
    }
    hf_object_release(&object);
    return 0;
}

static int begin_comparing(struct intake *in, struct hf_error *err)
{
    in->buffer = malloc(HF_SOURCE_BLOCK);
    in->hasher = hf_hasher_new(in->hint.algorithm);
    if (!in->buffer || !in->hasher)
        return hf_fail_memory(err);
    in->member->plain.compression = hf_compression_of(in->piece, in->len);
    return in->knows_plain ? 0 : hf_measure_new(NULL, &in->measure, err);
}

/* Does the store's copy go on with this piece? A copy that can't be read does not. */
static bool is_equal(struct intake *in)
{
    const uint8_t *bytes = in->piece;
    size_t len = 0;

    for (size_t done = 0; done < in->len; done += len) {
        size_t want = in->len - done < HF_SOURCE_BLOCK ? in->len - done : HF_SOURCE_BLOCK;
        if (hf_blob_read(in->blob, in->buffer, want, in->off + done, &len, NULL) != 0 ||
            len != want || memcmp(in->buffer, bytes + done, len) != 0)
            return false;
    }
    return true;
}

/* The stored copy went wrong at `off`: what is before it was equal, and is taken from there. */
static int switch_to_staging(struct intake *in, struct hf_error *err)
{
    uint64_t done = 0;
    size_t len = 0;

    in->is_damaged = true;
    hf_measure_free(in->measure);
    in->measure = NULL;
    int rc = begin_staging(in, err);
    for (; rc == 0 && done < in->off; done += len) {
        uint64_t left = in->off - done;
        size_t want = left < HF_SOURCE_BLOCK ? (size_t)left : HF_SOURCE_BLOCK;
        rc = hf_blob_read(in->blob, in->buffer, want, done, &len, err);
        if (rc == 0 && len != want)
            rc = hf_fail(err, HF_ERR_CORRUPT, "%s: the stored copy changed while it was read",
                         in->member->path);
        if (rc == 0)
            rc = stage_piece(in, in->buffer, len, err);
    }
    return rc == 0 ? take_into_staging(in, err) : rc;
}

static int finish_comparing(struct intake *in, struct hf_error *err)
{
    struct hf_member *member = in->member;

    if (in->off != member->size_bytes)
        return hf_fail(err, HF_ERR_INPUT, "%s: it is cut short", member->path);
    hf_hasher_final(in->hasher, &member->digest); /* (1) */
    if (hf_digest_compare(&member->digest, &in->hint) != 0)
        return wrong_digest(in, &member->digest, err);
    member->place = HF_MEMBER_STORED;
    member->is_settled = true;
    member->is_measured = true;
    if (in->knows_plain)
        return 0;
    if (in->hint.algorithm != HF_DIGEST_SHA256)
        member->is_measured = false; /* left to hf_load_measure */
    else
        return finish_measuring(in, err);
    return 0;
}

static int compare_all(struct intake *in, struct hf_error *err)
{
    int rc = begin_comparing(in, err);

    while (rc == 0 && in->len > 0) {
        if (!is_equal(in))
            return switch_to_staging(in, err);
        hf_hasher_update(in->hasher, in->piece, in->len);
        if (in->measure)
            rc = hf_measure_push(in->measure, in->piece, in->len, err);
        in->off += in->len;
        if (rc == 0)
            rc = next_piece(in, err);
    }
    return rc == 0 ? finish_comparing(in, err) : rc;
}

/* ---------------------------------------------------------------------------------------------- */

static void release(struct intake *in)
{
    hf_staged_drop(in->staged);
    hf_measure_free(in->measure);
    hf_derive_free(in->derive);
    hf_blob_close(in->blob);
    hf_hasher_free(in->hasher);
    hf_hasher_free(in->sha256);
    free(in->buffer);
}

int hf_load_take(struct hf_load *load, struct hf_member *member, hf_piece_fn *read, void *arg,
                 struct hf_error *err)
{
    struct intake in = {.load = load, .member = member, .read = read, .arg = arg};
    bool is_comparable = false;

    if (!hf_member_digest_of_path(member->path, &in.hint, &in.is_strict) &&
        !hf_hints_get(&load->hints, member->path, &in.hint))
        in.hint = (struct hf_digest){0};
    int rc = next_piece(&in, err);
    if (rc == 0 && belongs_in_memory(&in))
        return take_into_memory(&in, err);
    if (rc == 0)
        rc = claim_stored(&in, &is_comparable, err);
    if (rc == 0 && is_comparable)
        rc = compare_all(&in, err);
    else if (rc == 0 && (rc = begin_staging(&in, err)) == 0)
        rc = take_into_staging(&in, err);
    release(&in);
    return rc;
}
