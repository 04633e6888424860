/*
 * transfer/heal.c - good copies of damaged objects. From an archive they come as in a load, which
 * checks all it reads and makes again what archives do not have as it is stored (the plain form of
 * a compressed layer, the manifest of a docker archive); but only bytes are committed, no names.
 */
#include "transfer/heal.h"

#include "base/error.h"
#include "transfer/load.h"
#include "image/note.h"
#include "fsck/check.h"

#include <stdio.h>
#include <string.h>

struct heal {
    struct hf_store *store;
    struct hf_txn *txn;
    const struct hf_digest *wanted;
    size_t count;
};

static int begin(struct heal *heal, const char *path, struct hf_error *err)
{
    struct hf_buf note = {0};

    hf_note_begin(&note, "fsck");
    hf_note_add(&note, "--repair");
    hf_note_add(&note, path);
    return hf_note_txn(heal->store, &note, &heal->txn, err);
}

/* Commits what could be staged, also when `rc` tells that something went wrong on the way. */
static int end(struct heal *heal, int rc, struct hf_error *err)
{
    struct hf_healing healing = {heal->txn, heal->wanted, heal->count};
    bool found = false;

    for (size_t i = 0; i < heal->count; i++) {
        if (!hf_txn_has_staged(heal->txn, &heal->wanted[i], NULL))
            continue;
        hf_txn_heal(heal->txn, &heal->wanted[i]);
        found = true;
    }
    if (!found) {
        hf_txn_abort(heal->txn, "it has no good copy of what is damaged");
        return rc;
    }
    int committed = hf_txn_commit(heal->txn, hf_check_decide_heal, &healing, rc == 0 ? err : NULL);
    return committed != 0 && rc == 0 ? committed : rc;
}

/* --- another store ---------------------------------------------------------------------------- */

static int stage_from_store(struct heal *heal, struct hf_store *other, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < heal->count; i++) {
        struct hf_blob *blob = NULL;
        if (hf_blob_open(other, &heal->wanted[i], &blob, NULL) != 0)
            continue;
        rc = hf_check_stage_copy(heal->txn, blob, &heal->wanted[i], err);
        hf_blob_close(blob);
        if (rc == HF_ERR_DIGEST || rc == HF_ERR_NOT_FOUND || rc == HF_ERR_IO)
            rc = 0; /* it is damaged there as well */
    }
    return rc;
}

static int heal_from_store(struct hf_io *io, struct heal *heal, const char *path,
                           struct hf_error *err)
{
    const struct hf_store_options options = {.mode = HF_OPEN_READ_ONLY};
    struct hf_store *other = NULL;

    int rc = hf_store_open_io(io, path, &options, &other, err);
    if (rc == 0)
        rc = begin(heal, path, err);
    if (rc == 0)
        rc = end(heal, stage_from_store(heal, other, err), err);
    int closed = hf_store_close(other, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

/* --- an archive ------------------------------------------------------------------------------- */

/* Members that are blobs as they stand. */
static int settle_members(struct heal *heal, struct hf_load *load, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < heal->count; i++) {
        struct hf_member *member = hf_members_find(&load->members, &heal->wanted[i]);
        if (member)
            rc = hf_load_settle(load, member, err);
    }
    return rc;
}

static bool has_all(const struct heal *heal)
{
    for (size_t i = 0; i < heal->count; i++)
        if (!hf_txn_has_staged(heal->txn, &heal->wanted[i], NULL))
            return false;
    return true;
}

static int heal_from_archive(struct hf_io *io, struct heal *heal, const char *path,
                             struct hf_error *err)
{
    static const struct hf_load_options defaults = {0};
    struct hf_load load = {.store = heal->store, .options = &defaults};

    int rc = hf_source_open(io, path, -1, &defaults.observer, &load.source, err);
    if (rc == 0)
        rc = begin(heal, path, err);
    if (rc == 0) {
        load.txn = heal->txn;
        rc = hf_load_read(&load, err);
        if (rc == 0)
            rc = settle_members(heal, &load, err);
        if (rc == 0 && !has_all(heal))
            rc = hf_load_understand(&load, err);
        rc = end(heal, rc, err);
    }
    hf_load_release(&load);
    return rc;
}

int hf_heal_from(struct hf_io *io, struct hf_store *store, const char *path,
                 const struct hf_digest *wanted, size_t count, struct hf_error *err)
{
    struct heal heal = {.store = store, .wanted = wanted, .count = count};
    struct hf_buf format = {0};
    struct hf_io_stat stat;

    hf_buf_printf(&format, "%s/FORMAT", path);
    const char *text = hf_buf_text(&format);
    if (text == NULL)
        return hf_fail_memory(err);
    bool is_store = hf_io_stat_at(io, HF_IO_CWD, text, &stat, NULL) == 0;
    hf_buf_release(&format);
    return is_store ? heal_from_store(io, &heal, path, err)
                    : heal_from_archive(io, &heal, path, err);
}
