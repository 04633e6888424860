/*
 * fsck/heal.c - what becomes of objects whose bytes are wrong or missing. Steps:
 * FORMAT.md 8.
 *
 *   found right after all --------------------------------> PRESENT
 *   a good copy, in quarantine/ or from the caller -------> staged, committed, linked: PRESENT
 *   none -------------------------------------------------> DAMAGED, its file in quarantine/
 *
 * Always true: what is put in place of damaged bytes was hashed while it was staged, and is read
 * again before it is called repaired.
 */
#include "fsck/check.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/blob.h"
#include "store/change.h"
#include "fsck/survey_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BYTES (1u << 20)

/* --- is it good by now? ----------------------------------------------------------------------- */

static int is_good_now(struct hf_check *check, const struct hf_digest *digest, bool *out_good,
                       struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_object object = {0};
    struct hf_io_stat stat;
    struct hf_measured measured;
    char path[HF_PATH_MAX], why[200];

    *out_good = false;
    int rc = hf_snapshot_take(check->store, &snapshot, err);
    if (rc == 0)
        rc = hf_view_object(&snapshot->view, digest, &object, err);
    if (rc == 0)
        rc = hf_check_find_file(check, &snapshot->view, digest, path, &stat, err);
    if (rc == 0)
        rc = hf_check_measure(check, path, digest->algorithm, HF_LOOK_DISK, NULL, NULL, &measured,
                              err);
    if (rc == 0)
        *out_good = hf_check_is_good(&object, &measured, why);
    hf_object_release(&object);
    hf_snapshot_release(snapshot);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

struct state_change {
    const struct hf_digest *digest;
    enum hf_object_state from, to;
};

static int decide_state(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct state_change *state = arg;
    struct hf_object object = {0};

    int rc = hf_view_object(&change->snapshot.view, state->digest, &object, err);
    bool applies = rc == 0 && object.state == state->from;
    hf_object_release(&object);
    if (applies)
        rc = hf_change_set_state(change, state->digest, state->to, err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int log_state(struct hf_check *check, const struct hf_digest *digest,
                     enum hf_object_state from, enum hf_object_state to, struct hf_error *err)
{
    struct state_change state = {.digest = digest, .from = from, .to = to};
    struct hf_buf note = {0};
    char text[HF_DIGEST_TEXT_MAX];

    hf_buf_put(&note, "fsck\0--repair", sizeof("fsck\0--repair"));
    hf_buf_printf(&note, "%s %s", hf_digest_text(digest, text),
                  to == HF_OBJECT_DAMAGED ? "is damaged" : "is good again");
    hf_buf_put_u8(&note, 0);
    int rc = hf_buf_check(&note, err);
    if (rc == 0)
        rc = hf_store_change(check->store, (const char *)note.data, note.len, decide_state, &state,
                             err);
    hf_buf_release(&note);
    return rc;
}

/* *out_good: and the catalog says so. */
static int accept_if_good(struct hf_check *check, const struct hf_digest *digest, bool *out_good,
                          struct hf_error *err)
{
    int rc = is_good_now(check, digest, out_good, err);

    if (rc == 0 && *out_good)
        rc = log_state(check, digest, HF_OBJECT_DAMAGED, HF_OBJECT_PRESENT, err);
    return rc;
}

/* --- copies in quarantine/ -------------------------------------------------------------------- */

struct copy_search {
    const struct hf_check *check;
    const struct hf_digest *wanted;
    size_t wanted_count;
    struct copy {
        struct hf_digest digest;
        char path[HF_PATH_MAX];
    } * copies;
    size_t count, capacity;
    struct hf_error *err;
};

static int see_copy(void *arg, const char *name, enum hf_io_kind kind)
{
    struct copy_search *search = arg;
    struct hf_survey_file file = {0};
    char path[HF_PATH_MAX];
    bool is_folder = false;
    int rc = 0;

    (void)kind;
    (void)snprintf(path, sizeof(path), HF_DIR_QUARANTINE "/%.200s", name);
    hf_survey_name(path, &file, &is_folder);
    for (size_t i = 0; rc == 0 && i < search->wanted_count; i++) {
        if (file.class != HF_FILE_QUARANTINE ||
            hf_digest_compare(&file.digest, &search->wanted[i]) != 0)
            continue;
        rc = hf_array_grow(&search->copies, &search->capacity, search->count,
                           sizeof(*search->copies), search->err);
        if (rc != 0)
            break;
        search->copies[search->count].digest = file.digest;
        memcpy(search->copies[search->count++].path, path, sizeof(path));
    }
    return rc;
}

static int copy_bytes(struct hf_blob *from, struct hf_staged *to, struct hf_error *err)
{
    uint8_t *chunk = malloc(COPY_BYTES);
    size_t len = COPY_BYTES;
    int rc = chunk == NULL ? hf_fail_memory(err) : 0;

    for (uint64_t off = 0; rc == 0 && len == COPY_BYTES; off += len) {
        rc = hf_blob_read(from, chunk, COPY_BYTES, off, &len, err);
        if (rc == 0)
            rc = hf_staged_write(to, chunk, len, err);
    }
    free(chunk);
    return rc;
}

int hf_check_stage_copy(struct hf_txn *txn, struct hf_blob *from, const struct hf_digest *digest,
                        struct hf_error *err)
{
    struct hf_staged *staged = NULL;
    struct hf_object object = {0};

    int rc = hf_txn_claim(txn, digest, &object, err);
    hf_object_release(&object);
    if (rc == 0)
        rc = hf_txn_stage(txn, &staged, err);
    if (rc != 0)
        return rc;
    rc = copy_bytes(from, staged, err);
    if (rc != 0) {
        hf_staged_drop(staged);
        return rc;
    }
    rc = hf_staged_finish(staged, digest, NULL, NULL, err);
    if (rc == 0)
        hf_txn_heal(txn, digest);
    return rc;
}

int hf_check_decide_heal(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct hf_healing *healing = arg;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < healing->count; i++) {
        const struct hf_digest *digest = &healing->wanted[i];
        if (!hf_txn_has_staged(healing->txn, digest, NULL))
            continue;
        rc = hf_view_object(&change->snapshot.view, digest, NULL, err);
        if (rc == 0)
            rc = hf_change_put_object(change, digest, NULL, 0, NULL, 0, err);
        else if (rc == HF_ERR_NOT_FOUND)
            rc = 0; /* it left meanwhile */
    }
    return rc;
}

static int stage_copies(struct hf_check *check, struct hf_txn *txn,
                        const struct copy_search *search, struct hf_error *err)
{
    struct hf_store *store = check->store;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < search->count; i++) {
        const struct copy *copy = &search->copies[i];
        struct hf_blob *blob = NULL;
        int fd = -1;
        if (hf_txn_has_staged(txn, &copy->digest, NULL))
            continue;
        if (hf_io_open(store->io, store->layout.root, copy->path, HF_IO_READ, 0, &fd, NULL) != 0)
            continue;
        rc = hf_blob_wrap(store->io, fd, copy->path, &blob, err);
        if (rc == 0)
            rc = hf_check_stage_copy(txn, blob, &copy->digest, err);
        hf_blob_close(blob);
        if (rc == HF_ERR_DIGEST || rc == HF_ERR_NOT_FOUND || rc == HF_ERR_IO)
            rc = 0; /* it was put there because it is damaged, after all */
    }
    return rc;
}

/* What was set aside may have been good: a controller that failed, a record that was lost. */
static int heal_from_quarantine(struct hf_check *check, const struct hf_digest *wanted,
                                size_t count, struct hf_error *err)
{
    static const char note[] = "fsck\0--repair\0from quarantine";
    struct copy_search search = {
        .check = check, .wanted = wanted, .wanted_count = count, .err = err};
    struct hf_healing healing = {.wanted = wanted, .count = count};

    int rc =
        hf_io_list(check->io, check->store->layout.root, HF_DIR_QUARANTINE, see_copy, &search, err);
    rc = rc == HF_ERR_NOT_FOUND ? 0 : rc;
    if (rc == 0 && search.count > 0) {
        rc = hf_txn_begin(check->store, note, sizeof(note), &healing.txn, err);
        if (rc == 0) {
            rc = stage_copies(check, healing.txn, &search, err);
            if (rc == 0)
                rc = hf_txn_commit(healing.txn, hf_check_decide_heal, &healing, err);
            else
                hf_txn_abort(healing.txn, "the copies could not be staged");
        }
    }
    free(search.copies);
    return rc;
}

static int quarantine(struct hf_check *check, const struct hf_digest *digest, struct hf_error *err)
{
    int rc = log_state(check, digest, HF_OBJECT_PRESENT, HF_OBJECT_DAMAGED, err);

    return rc == 0 ? hf_check_quarantine(check, digest, err) : rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void tell(struct hf_check *check, const struct hf_check_bad *bad, bool repaired)
{
    char path[HF_PATH_MAX], message[1200];
    bool set_aside = check->fsck->repair && !repaired;

    hf_path_blob(&bad->digest, path);
    (void)snprintf(message, sizeof(message), "%s%s%s%s", bad->message,
                   set_aside ? "; there is no good copy: the object is marked as damaged, and what "
                               "is left of it is in quarantine/"
                             : "",
                   set_aside && check->heal.code != 0 ? "; " : "",
                   set_aside && check->heal.code != 0 ? check->heal.message : "");
    hf_check_tell(check, bad->kind, path, &bad->digest, repaired, message);
}

/* Those that are still bad, into `wanted`. */
static int sort_out(struct hf_check *check, bool *is_good, struct hf_digest *wanted,
                    size_t *out_count, struct hf_error *err)
{
    int rc = 0;

    *out_count = 0;
    for (size_t i = 0; rc == 0 && i < check->bad_count; i++) {
        if (!is_good[i])
            rc = accept_if_good(check, &check->bad[i].digest, &is_good[i], err);
        if (rc == 0 && !is_good[i])
            wanted[(*out_count)++] = check->bad[i].digest;
    }
    return rc;
}

static int repair(struct hf_check *check, bool *is_good, struct hf_digest *wanted,
                  struct hf_error *err)
{
    const struct hf_check_options *options = check->options;
    size_t count = 0;

    int rc = sort_out(check, is_good, wanted, &count, err);
    if (rc == 0 && count > 0)
        rc = heal_from_quarantine(check, wanted, count, err);
    if (rc == 0 && count > 0)
        rc = sort_out(check, is_good, wanted, &count, err);
    if (rc == 0 && count > 0 && options->heal != NULL) {
        rc = options->heal(options->heal_arg, check->store, wanted, count, &check->heal);
        if (rc == HF_ERR_FAILED || rc == HF_ERR_OUTCOME_UNKNOWN || rc == HF_ERR_CANCELLED) {
            if (err != NULL)
                *err = check->heal;
            return rc;
        }
        rc = sort_out(check, is_good, wanted, &count, err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = quarantine(check, &wanted[i], err);
    return rc;
}

int hf_check_bad_objects(struct hf_check *check, struct hf_error *err)
{
    size_t count = check->bad_count;
    bool *is_good = NULL;
    struct hf_digest *wanted = NULL;
    int rc = 0;

    if (count == 0)
        return 0;
    is_good = calloc(count, sizeof(*is_good));
    wanted = calloc(count, sizeof(*wanted));
    if (is_good == NULL || wanted == NULL)
        rc = hf_fail_memory(err);
    if (rc == 0 && check->fsck->repair)
        rc = repair(check, is_good, wanted, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        tell(check, &check->bad[i], is_good[i]);
    free(is_good);
    free(wanted);
    return rc;
}
