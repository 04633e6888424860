/*
 * transfer/load_blob.c - makes the bytes of members the transaction's own, and looks into them.
 *
 * An object may be put only for a settled member. Settling looks at the copy that the store may
 * have: one that is equal is used, one that is damaged is replaced by the archive's bytes.
 */
#include "transfer/load.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* --- files of a folder ------------------------------------------------------------------------ */

struct file {
    struct hf_source *source;
    int fd;
    const char *path;
    uint8_t *block;
};

static int read_file(void *arg, const void **out_data, size_t *out_len, struct hf_error *err)
{
    struct file *file = arg;
    size_t len = 0;
    int rc =
        hf_io_read(file->source->io, file->fd, file->block, HF_SOURCE_BLOCK, &len, file->path, err);

    if (rc == 0)
        rc = hf_source_count(file->source, len, err);
    if (rc != 0)
        return rc;
    *out_data = file->block;
    *out_len = len;
    return len > 0 ? 0 : HF_END;
}

int hf_load_fetch(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    struct file file = {.source = &load->source, .fd = -1, .path = member->path};
    struct hf_io_stat stat;

    if (member->place != HF_MEMBER_UNREAD)
        return 0;
    file.block = malloc(HF_SOURCE_BLOCK);
    if (!file.block)
        return hf_fail_memory(err);
    int rc =
        hf_io_open(load->source.io, load->source.fd, member->path, HF_IO_READ, 0, &file.fd, err);
    if (rc == 0)
        rc = hf_io_fstat(load->source.io, file.fd, &stat, member->path, err);
    if (rc == 0) {
        member->size_bytes = stat.size_bytes;
        rc = hf_load_take(load, member, read_file, &file, err);
    }
    if (rc == 0)
        rc = hf_digest_map_put(&load->members.by_digest, &member->digest,
                               (size_t)(member - load->members.items), err);
    hf_io_close(load->source.io, &file.fd);
    free(file.block);
    return rc;
}

/* --- reading members again -------------------------------------------------------------------- */

static int open_blob(struct hf_load *load, const struct hf_member *member, struct hf_blob **out,
                     struct hf_error *err)
{
    /* Settling drops the staged copy when the store's is good. */
    if (member->place == HF_MEMBER_STAGED && hf_txn_has_staged(load->txn, &member->digest, NULL))
        return hf_txn_staged_open(load->txn, &member->digest, out, err);
    return hf_blob_open(load->store, &member->digest, out, err);
}

typedef int blob_fn(void *arg, const void *data, size_t len, struct hf_error *err);

/* All bytes of a member through `fn`. The observer may cancel. */
static int each_piece(struct hf_load *load, const struct hf_member *member, blob_fn *fn, void *arg,
                      struct hf_error *err)
{
    struct hf_blob *blob = NULL;
    uint8_t *block = NULL;
    size_t len = HF_SOURCE_BLOCK;

    if (member->place == HF_MEMBER_MEMORY)
        return fn(arg, member->data, (size_t)member->size_bytes, err);
    int rc = open_blob(load, member, &blob, err);
    if (rc == 0 && !(block = malloc(HF_SOURCE_BLOCK)))
        rc = hf_fail_memory(err);
    for (uint64_t off = 0; rc == 0 && len == HF_SOURCE_BLOCK; off += len) {
        rc = hf_blob_read(blob, block, HF_SOURCE_BLOCK, off, &len, err);
        if (rc == 0)
            rc = fn(arg, block, len, err);
        if (rc == 0)
            rc = hf_source_count(&load->source, 0, err);
    }
    hf_blob_close(blob);
    free(block);
    return rc;
}

static int append_piece(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct hf_buf *buf = arg;

    hf_buf_put(buf, data, len);
    return hf_buf_check(buf, err);
}

int hf_load_document(struct hf_load *load, struct hf_member *member, hf_load_parse_fn *parse,
                     void *out, struct hf_error *err)
{
    struct hf_buf buf = {.max_bytes = HF_DOCUMENT_MAX};
    int rc = hf_load_fetch(load, member, err);

    if (rc != 0)
        return rc;
    if (member->size_bytes > HF_DOCUMENT_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "%s: it has more than %u bytes", member->path,
                       HF_DOCUMENT_MAX);
    if (member->place == HF_MEMBER_MEMORY) {
        rc = parse(out, member->data, (size_t)member->size_bytes, err);
        return rc == 0 ? 0 : hf_fail_prefix(err, rc, "%s", member->path);
    }
    rc = each_piece(load, member, append_piece, &buf, err);
    if (rc == 0) {
        rc = parse(out, buf.data, buf.len, err);
        if (rc != 0)
            hf_fail_prefix(err, rc, "%s", member->path);
    }
    hf_buf_release(&buf);
    return rc;
}

/* --- settling --------------------------------------------------------------------------------- */

static int stage(struct hf_load *load, const void *data, size_t len,
                 const struct hf_digest *expected, struct hf_digest *out_digest,
                 struct hf_error *err)
{
    struct hf_staged *staged = NULL;
    uint64_t size;
    int rc = hf_txn_stage(load->txn, &staged, err);

    if (rc != 0)
        return rc;
    rc = hf_staged_write(staged, data, len, err);
    if (rc != 0) {
        hf_staged_drop(staged);
        return rc;
    }
    return hf_staged_finish(staged, expected, out_digest, &size, err);
}

struct comparison {
    struct hf_blob *blob;
    const uint8_t *data;
    size_t len;
};

static bool is_equal(const struct comparison *with)
{
    uint8_t block[16384];
    size_t len = 0;

    for (size_t off = 0; off < with->len; off += len) {
        if (hf_blob_read(with->blob, block, sizeof(block), off, &len, NULL) != 0 || len == 0 ||
            len > with->len - off || memcmp(block, with->data + off, len) != 0)
            return false;
    }
    return true;
}

/* Has the store these bytes, as they are in memory? */
static bool is_stored(struct hf_load *load, const struct hf_member *member)
{
    struct comparison with = {.data = member->data, .len = (size_t)member->size_bytes};

    if (hf_blob_open(load->store, &member->digest, &with.blob, NULL) != 0)
        return false;
    bool equal = hf_blob_size(with.blob) == member->size_bytes && is_equal(&with);
    hf_blob_close(with.blob);
    return equal;
}

/* What the store has of this digest, now kept for us: 0 when nothing. */
static int claim(struct hf_load *load, const struct hf_digest *digest, int *out_state,
                 struct hf_error *err)
{
    struct hf_object object = {0};
    int rc = hf_txn_claim(load->txn, digest, &object, err);

    *out_state = rc == 0 ? (int)object.state : 0;
    hf_object_release(&object);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int heal(struct hf_load *load, const struct hf_digest *digest, uint64_t size_bytes,
                struct hf_error *err)
{
    hf_txn_heal(load->txn, digest);
    return hf_plan_heal(&load->plan, digest, size_bytes, err);
}

static int settle_memory(struct hf_load *load, struct hf_member *member, int state,
                         struct hf_error *err)
{
    struct hf_digest digest;

    if (state == HF_OBJECT_PRESENT && is_stored(load, member))
        return 0;
    int rc = stage(load, member->data, (size_t)member->size_bytes, &member->digest, &digest, err);
    if (rc == 0 && (state == HF_OBJECT_PRESENT || state == HF_OBJECT_DAMAGED))
        rc = heal(load, &member->digest, member->size_bytes, err);
    return rc;
}

static int settle_staged(struct hf_load *load, struct hf_member *member, int state,
                         struct hf_error *err)
{
    bool is_good = true;
    int rc = 0;

    if (hf_digest_map_get(&load->plan.healed, &member->digest, NULL))
        return 0; /* seen while it was taken in */
    if (state == HF_OBJECT_PRESENT)
        rc = hf_txn_verify_present(load->txn, &member->digest, &is_good, err);
    if (rc == 0 && (!is_good || state == HF_OBJECT_DAMAGED))
        rc = heal(load, &member->digest, member->size_bytes, err);
    return rc;
}

int hf_load_settle(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    int state;
    int rc = hf_load_fetch(load, member, err);

    if (rc != 0 || member->is_settled)
        return rc;
    rc = claim(load, &member->digest, &state, err);
    if (rc == 0 && member->place == HF_MEMBER_MEMORY)
        rc = settle_memory(load, member, state, err);
    else if (rc == 0)
        rc = settle_staged(load, member, state, err);
    member->is_settled = rc == 0;
    return rc;
}

int hf_load_stage_bytes(struct hf_load *load, const void *data, size_t len,
                        struct hf_digest *out_digest, struct hf_error *err)
{
    struct hf_member member = {.place = HF_MEMBER_MEMORY, .size_bytes = len};

    hf_digest_of(data, len, &member.digest);
    member.data = (uint8_t *)data;
    int rc = hf_load_settle(load, &member, err);
    if (rc == 0)
        *out_digest = member.digest;
    return rc;
}

/* --- as a layer ------------------------------------------------------------------------------- */

struct measuring {
    struct hf_measure *measure;
    struct hf_hasher *sha256;
};

static int measure_piece(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct measuring *to = arg;

    hf_hasher_update(to->sha256, data, len);
    return hf_measure_push(to->measure, data, len, err);
}

static int measure_again(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    struct measuring to = {.sha256 = hf_hasher_new(HF_DIGEST_SHA256)};
    int rc = to.sha256 ? hf_measure_new(NULL, &to.measure, err) : hf_fail_memory(err);

    if (rc == 0)
        rc = each_piece(load, member, measure_piece, &to, err);
    if (rc == 0)
        rc = hf_measure_end(to.measure, &member->plain, err);
    if (rc == 0 && member->plain.compression == HF_COMPRESSION_PLAIN)
        hf_hasher_final(to.sha256, &member->plain.diff_id);
    member->is_measured = rc == 0;
    hf_measure_free(to.measure);
    hf_hasher_free(to.sha256);
    return rc;
}

int hf_load_measure(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    int rc = hf_load_fetch(load, member, err);

    if (rc == 0 && !member->is_measured)
        rc = measure_again(load, member, err);
    if (rc == 0 && member->plain.problem[0] != '\0')
        rc = hf_fail(err, HF_ERR_INPUT, "%s: %s", member->path, member->plain.problem);
    return rc;
}

static int push_piece(void *arg, const void *data, size_t len, struct hf_error *err)
{
    return hf_measure_push(arg, data, len, err);
}

int hf_load_derive_again(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    struct hf_derive *derive = NULL;
    struct hf_measure *measure = NULL;
    struct hf_plain plain;
    int rc = hf_load_begin_deriving(load, &derive, err);

    if (rc == 0)
        rc = hf_measure_new(derive, &measure, err);
    if (rc == 0)
        rc = each_piece(load, member, push_piece, measure, err);
    if (rc == 0)
        rc = hf_measure_end(measure, &plain, err);
    if (rc == 0)
        hf_derive_end(derive, &member->plain.diff_id, &member->derived);
    hf_measure_free(measure);
    hf_derive_free(derive);
    return rc;
}

static int stage_plain(void *arg, const void *data, size_t len, struct hf_error *err)
{
    return hf_staged_write(arg, data, len, err);
}

static int inflate_piece(void *arg, const void *data, size_t len, struct hf_error *err)
{
    return hf_inflater_push(arg, data, len, err);
}

static int inflate_into(struct hf_load *load, struct hf_member *member, struct hf_staged *staged,
                        struct hf_error *err)
{
    struct hf_inflater *inflater = NULL;
    int rc = hf_inflater_new(member->plain.compression, stage_plain, staged, &inflater, err);

    if (rc == 0)
        rc = each_piece(load, member, inflate_piece, inflater, err);
    if (rc == 0)
        rc = hf_inflater_end(inflater, err);
    hf_inflater_free(inflater);
    return rc;
}

static int stage_inflated(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    struct hf_staged *staged = NULL;
    int rc = hf_txn_stage(load->txn, &staged, err);

    if (rc != 0)
        return rc;
    rc = inflate_into(load, member, staged, err);
    if (rc != 0) {
        hf_staged_drop(staged);
        return rc;
    }
    return hf_staged_finish(staged, &member->plain.diff_id, NULL, NULL, err);
}

int hf_load_inflate(struct hf_load *load, struct hf_member *member, struct hf_error *err)
{
    const struct hf_digest *diff_id = &member->plain.diff_id;
    bool is_good = false;
    int state;

    if (member->is_inflated)
        return 0;
    int rc = claim(load, diff_id, &state, err);
    if (rc == 0 && state == HF_OBJECT_PRESENT)
        rc = hf_txn_verify_present(load->txn, diff_id, &is_good, err);
    /* Deriving may have staged it already. */
    if (rc == 0 && !is_good && !hf_txn_has_staged(load->txn, diff_id, NULL))
        rc = stage_inflated(load, member, err);
    if (rc == 0 && !is_good && (state == HF_OBJECT_PRESENT || state == HF_OBJECT_DAMAGED))
        rc = heal(load, diff_id, member->plain.size_bytes, err);
    member->is_inflated = rc == 0;
    return rc;
}
