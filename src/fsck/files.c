/*
 * fsck/files.c - folders that must be there, transactions that nobody ends, and files that
 * nothing accounts for. Every file: survey.c.
 */
#include "fsck/check.h"

#include "base/digest.h"
#include "base/error.h"
#include "fsck/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- transactions ----------------------------------------------------------------------------- */

/* Its owner frees the byte after its last record was durable; so an entry that is there after the
 * byte was seen free is a dead one's. */
static int is_dead(struct hf_check *check, uint64_t txn, bool *out_dead, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_buf key = {0};
    bool alive = false;

    *out_dead = false;
    int rc = hf_wal_is_alive(check->store->wal, txn, &alive, err);
    if (rc != 0 || alive)
        return rc;
    rc = hf_snapshot_take(check->store, &snapshot, err);
    hf_key_txn(&key, txn);
    if (rc == 0)
        rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(&snapshot->view, key.data, key.len, NULL, err);
    *out_dead = rc == 0;
    hf_buf_release(&key);
    hf_snapshot_release(snapshot);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int check_txn(struct hf_check *check, const struct hf_txn_entry *txn, struct hf_error *err)
{
    struct hf_buf message = {0};
    bool dead = false;

    int rc = is_dead(check, txn->txn, &dead, err);
    if (rc != 0 || !dead)
        return rc;
    hf_buf_printf(&message, "transaction %" PRIu64 " (", txn->txn);
    hf_note_readable(txn->note, txn->note_len, &message);
    hf_buf_printf(&message, ") was interrupted; recovery will %s",
                  txn->state == HF_TXN_OPEN ? "roll it back" : "finish it");
    const char *text = hf_buf_text(&message);
    hf_check_tell(check, HF_FINDING_UNFINISHED, NULL, NULL, false,
                  text != NULL ? text : "a transaction was interrupted");
    hf_buf_release(&message);
    return 0;
}

static int check_txns(struct hf_check *check, struct hf_error *err)
{
    static const uint8_t prefix[] = {HF_KEY_TXN};
    struct hf_snapshot *snapshot = NULL;
    struct hf_view_iter iter = {0};

    int rc = hf_snapshot_take(check->store, &snapshot, err);
    if (rc == 0)
        rc = hf_view_iter_init(&iter, &snapshot->view, prefix, sizeof(prefix), err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, err)) == 0) {
        struct hf_txn_entry txn;
        if (hf_txn_decode(&iter.key, &iter.value, &txn, NULL) == 0)
            rc = check_txn(check, &txn, err);
    }
    hf_view_iter_release(&iter);
    hf_snapshot_release(snapshot);
    return rc == HF_END ? 0 : rc;
}

/* What opening for repair has ended already. Files in trash/ are nobody's fault. */
static void tell_recovered(struct hf_check *check)
{
    const struct hf_recovery_report *report = hf_store_recovery(check->store);

    for (size_t i = 0; i < report->entry_count; i++) {
        const struct hf_recovery_entry *entry = &report->entries[i];
        struct hf_buf message = {0};
        if (entry->outcome == HF_RECOVERY_SWEPT)
            continue;
        hf_buf_printf(&message, "transaction %" PRIu64 " (%s) was interrupted; it was %s",
                      entry->txn, entry->note,
                      entry->outcome == HF_RECOVERY_ROLLED_BACK ? "rolled back" : "finished");
        const char *text = hf_buf_text(&message);
        hf_check_tell(check, HF_FINDING_UNFINISHED, NULL, NULL, true,
                      text != NULL ? text : "a transaction was interrupted");
        hf_buf_release(&message);
    }
}

int hf_check_unfinished(struct hf_check *check, struct hf_error *err)
{
    if (check->fsck->repair) {
        tell_recovered(check);
        return 0;
    }
    /* Without the lock file nobody can say who is alive. */
    return check->store->layout.lock < 0 ? 0 : check_txns(check, err);
}

/* --- files ------------------------------------------------------------------------------------ */

/* A staged file whose transaction is dead, and has no entry: its intent never reached the disk. */
static int check_staged(struct hf_check *check, const struct hf_survey_file *file,
                        struct hf_error *err)
{
    struct hf_store *store = check->store;
    struct hf_snapshot *snapshot = NULL;
    struct hf_io_stat stat;
    struct hf_buf key = {0};
    bool alive = true;

    if (check->fsck->repair || store->layout.lock < 0)
        return 0;
    int rc = hf_wal_is_alive(store->wal, file->staged.txn, &alive, err);
    if (rc != 0 || alive)
        return rc;
    /* The living remove their files before they free their byte. */
    rc = hf_io_stat_at(store->io, store->layout.root, file->path, &stat, err);
    if (rc == 0)
        rc = hf_snapshot_take(store, &snapshot, err);
    hf_key_txn(&key, file->staged.txn);
    if (rc == 0)
        rc = hf_buf_check(&key, err);
    if (rc == 0) {
        rc = hf_view_get(&snapshot->view, key.data, key.len, NULL, err);
        if (rc == HF_ERR_NOT_FOUND) {
            hf_check_tell(check, HF_FINDING_UNFINISHED, file->path, NULL, false,
                          "it is of an operation that was cut before the log knew of it; recovery "
                          "will remove it");
            rc = 0;
        }
    }
    hf_buf_release(&key);
    hf_snapshot_release(snapshot);
    return rc;
}

/* A folder or a link that is named like a blob is none, whatever the catalog says. */
static int remove_file(struct hf_check *check, const struct hf_survey_file *file, bool *out_removed,
                       struct hf_error *err)
{
    struct hf_store *store = check->store;
    int rc;

    if (hf_digest_is_set(&file->digest) && file->stat.kind == HF_IO_FILE)
        return hf_check_remove_blob(check, &file->digest, out_removed, err);
    if (file->stat.kind == HF_IO_DIR)
        rc = hf_io_rmdir(store->io, store->layout.root, file->path, err);
    else
        rc = hf_io_unlink(store->io, store->layout.root, file->path, err);
    *out_removed = rc == 0;
    return rc;
}

static int see_file(void *arg, const struct hf_survey_file *file, struct hf_error *err)
{
    struct hf_check *check = arg;
    struct hf_error why = {0};
    char message[400];
    bool removed = false;

    (void)err;
    if (file->class == HF_FILE_STAGED)
        return check_staged(check, file, err);
    if (file->class != HF_FILE_UNKNOWN)
        return 0;
    int rc = check->fsck->repair ? remove_file(check, file, &removed, &why) : 0;
    if (rc == HF_ERR_NOT_FOUND || (rc == 0 && check->fsck->repair && !removed))
        return 0; /* it is gone, or needed by now */
    check->residue_left = check->residue_left || rc != 0;
    if (file->stat.kind == HF_IO_DIR)
        (void)snprintf(message, sizeof(message), "nothing accounts for this folder");
    else
        (void)snprintf(message, sizeof(message),
                       "nothing accounts for this file (%" PRIu64 " bytes)", file->stat.size_bytes);
    if (rc != 0)
        (void)snprintf(message + strlen(message), sizeof(message) - strlen(message),
                       "; it can't be removed: %.250s", why.message);
    hf_check_tell(check, HF_FINDING_RESIDUE, file->path, NULL, removed, message);
    return 0;
}

int hf_check_residue(struct hf_check *check, struct hf_error *err)
{
    return hf_survey(check->store, see_file, check, err);
}

/* --- folders ---------------------------------------------------------------------------------- */

/* Copying a store may have left out what was empty. */
int hf_check_folders(struct hf_check *check, int root, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && hf_layout_folders[i] != NULL; i++) {
        struct hf_io_stat stat;
        rc = hf_io_stat_at(check->io, root, hf_layout_folders[i], &stat, err);
        if (rc != HF_ERR_NOT_FOUND)
            continue;
        rc = 0;
        if (check->fsck->repair) {
            rc = hf_io_mkdir(check->io, root, hf_layout_folders[i], 0700, NULL, err);
            if (rc == 0)
                rc = hf_io_sync_dir(check->io, root, ".", err);
            if (rc == 0)
                rc = hf_io_sync_dir(check->io, root, HF_DIR_BLOBS, err);
        }
        if (rc == 0)
            hf_check_tell(check, HF_FINDING_MISSING, hf_layout_folders[i], NULL,
                          check->fsck->repair, "this folder is not there");
    }
    return rc;
}
