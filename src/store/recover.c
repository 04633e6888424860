/*
 * store/recover.c - ends what dead processes and power cuts have left. Steps: FORMAT.md 6.
 * Making the log believable is the log's own work (wal/takeover.c) and happens before any of this.
 *
 * Always true:
 *  (1) a transaction is dead only if its lock byte could be taken, and it stays taken while it is
 * ended; (2) what COMMIT made true is finished by the code that finishes it for the living
 * (publish.c); (3) its cost is that of what was in flight: `blobs/` is never listed.
 */
#include "store/handle.h"
#include "store/sweep.h"

#include "base/array.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct hf_recovery {
    struct hf_recovery_report report;
    struct hf_recovery_entry *entries;
    size_t capacity;
};

/* What one run works with. */
struct run {
    struct hf_store *store;
    struct hf_recovery *recovery;
    bool dry_run;
    struct hf_error *err;
};

void hf_recovery_free(struct hf_recovery *recovery)
{
    if (recovery == NULL)
        return;
    for (size_t i = 0; i < recovery->report.entry_count; i++) {
        union {
            const char *borrowed;
            char *owned;
        } note = {.borrowed = recovery->entries[i].note};
        free(note.owned);
    }
    free(recovery->entries);
    free(recovery);
}

/* Takes `note` over, also on failure. */
static int report(struct run *run, struct hf_recovery_entry *entry, char *note)
{
    struct hf_recovery *recovery = run->recovery;

    if (note == NULL)
        return hf_fail_memory(run->err);
    int rc = hf_array_grow(&recovery->entries, &recovery->capacity, recovery->report.entry_count,
                           sizeof(*recovery->entries), run->err);
    if (rc != 0) {
        free(note);
        return rc;
    }
    entry->note = note;
    recovery->entries[recovery->report.entry_count++] = *entry;
    recovery->report.entries = recovery->entries;
    return 0;
}

/* Files of one slot that belong to a transaction. */
struct slot_files {
    struct run *run;
    uint64_t txn;
    const char *slot_path;
    bool remove;
    uint64_t files, bytes;
};

static int take_slot_file(void *arg, const char *name, enum hf_io_kind kind)
{
    struct slot_files *slot = arg;
    struct hf_store *store = slot->run->store;
    struct hf_io_stat stat = {0};
    struct hf_buf path = {0};
    uint64_t txn = 0;
    uint32_t number = 0;

    (void)kind;
    if (!hf_path_staged_txn(name, &txn, &number) || txn != slot->txn)
        return 0;
    hf_buf_printf(&path, "%s/%s", slot->slot_path, name);
    const char *text = hf_buf_text(&path);
    int rc = text == NULL
                 ? HF_ERR_NO_MEMORY
                 : hf_io_stat_at(store->io, store->layout.root, text, &stat, slot->run->err);
    if (rc == 0 && slot->remove)
        rc = hf_io_unlink(store->io, store->layout.root, text, slot->run->err);
    hf_buf_release(&path);
    slot->files += rc == 0;
    slot->bytes += rc == 0 ? stat.size_bytes : 0;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int take_slot_files(struct slot_files *slot, uint32_t number)
{
    struct hf_store *store = slot->run->store;
    char path[HF_PATH_MAX];

    hf_path_slot(number, path);
    slot->slot_path = path;
    int rc = hf_io_list(store->io, store->layout.root, path, take_slot_file, slot, slot->run->err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* Delete `T` and the claims of a transaction, in an ABORT. */
static int log_rollback(struct run *run, uint64_t txn)
{
    static const uint8_t prefix[] = {HF_KEY_CLAIM};
    static const char reason[] = "rolled back by recovery";
    struct hf_store *store = run->store;
    struct hf_payload payload = {0};
    struct hf_view_iter iter = {0};
    struct hf_view view;
    struct hf_buf key = {0};
    uint64_t end = 0;

    int rc = hf_store_lock(store, run->err);
    if (rc != 0)
        return rc;
    hf_catalog_view_tail(&store->catalog, &view);
    rc = hf_view_iter_init(&iter, &view, prefix, sizeof(prefix), run->err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, run->err)) == 0) {
        struct hf_digest digest;
        uint64_t owner = 0;
        if (hf_key_read_digest_number(&iter.key, &digest, &owner) && owner == txn)
            hf_payload_delete(&payload, &iter.key);
    }
    hf_view_iter_release(&iter);
    hf_key_txn(&key, txn);
    hf_payload_delete(&payload, &key);
    if (rc == HF_END)
        rc = hf_store_append(store, HF_WAL_ABORT, txn, &payload, reason, strlen(reason), &end,
                             run->err);
    hf_view_release(&view);
    hf_store_unlock(store);
    hf_payload_release(&payload);
    hf_buf_release(&key);
    return rc;
}

static int roll_back(struct run *run, const struct hf_txn_entry *txn,
                     struct hf_recovery_entry *entry)
{
    struct slot_files slot = {.run = run, .txn = txn->txn, .remove = !run->dry_run};

    int rc = take_slot_files(&slot, txn->slot);
    if (rc == 0 && !run->dry_run)
        rc = log_rollback(run, txn->txn);
    entry->outcome = HF_RECOVERY_ROLLED_BACK;
    entry->files = slot.files;
    entry->bytes = slot.bytes;
    return rc;
}

static int replay(struct run *run, const struct hf_txn_entry *txn, struct hf_recovery_entry *entry)
{
    entry->outcome = HF_RECOVERY_REPLAYED;
    if (!run->dry_run)
        return hf_store_finish_txn(run->store, txn->txn, txn->slot, &entry->files, &entry->bytes,
                                   run->err);
    struct slot_files slot = {.run = run, .txn = txn->txn};
    int rc = txn->slot != HF_SLOT_NONE ? take_slot_files(&slot, txn->slot) : 0;
    entry->files = slot.files;
    entry->bytes = slot.bytes;
    return rc;
}

/* (1): *out_dead, and then we hold its byte, but in a dry run. */
static int claim_dead(struct run *run, uint64_t txn, bool *out_dead)
{
    struct hf_store *store = run->store;
    bool alive = false;

    if (!run->dry_run)
        return hf_wal_try_own(store->wal, txn, out_dead, run->err);
    int rc = hf_wal_is_alive(store->wal, txn, &alive, run->err);
    *out_dead = !alive;
    return rc;
}

/*
 * (1) is not enough: between our look at the catalog and our lock its owner may have committed, or
 * ended. With its byte in hand nobody changes it any more. NOT_FOUND: it has ended.
 */
static int look_again(struct run *run, uint64_t txn, struct hf_buf *value, struct hf_txn_entry *out)
{
    struct hf_view view;
    struct hf_buf key = {0};

    int rc = hf_store_catch_up(run->store, run->dry_run, run->err);
    if (rc != 0)
        return rc;
    hf_catalog_view_tail(&run->store->catalog, &view);
    hf_key_txn(&key, txn);
    rc = hf_buf_check(&key, run->err);
    if (rc == 0)
        rc = hf_view_get(&view, key.data, key.len, value, run->err);
    if (rc == 0)
        rc = hf_txn_decode(&key, value, out, run->err);
    hf_buf_release(&key);
    hf_view_release(&view);
    return rc;
}

static int end_dead_txn(struct run *run, const struct hf_txn_entry *txn)
{
    struct hf_recovery_entry entry = {.txn = txn->txn, .time_ns = txn->time_ns};
    struct hf_buf note = {0};

    int rc = txn->state == HF_TXN_OPEN ? roll_back(run, txn, &entry) : replay(run, txn, &entry);
    if (rc == 0) {
        hf_note_readable(txn->note, txn->note_len, &note);
        hf_buf_put_u8(&note, 0);
        rc = report(run, &entry, hf_buf_detach(&note));
    }
    hf_buf_release(&note);
    return rc;
}

static int end_txn(struct run *run, uint64_t txn)
{
    struct hf_txn_entry now;
    struct hf_buf value = {0};
    bool dead = false;

    int rc = claim_dead(run, txn, &dead);
    if (rc != 0 || !dead)
        return rc;
    rc = look_again(run, txn, &value, &now);
    if (rc == 0)
        rc = end_dead_txn(run, &now);
    if (!run->dry_run)
        hf_wal_disown(run->store->wal, txn);
    hf_buf_release(&value);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* Step 2. The view is one moment; what ends meanwhile is not dead then. */
static int end_dead_txns(struct run *run)
{
    static const uint8_t prefix[] = {HF_KEY_TXN};
    struct hf_view_iter iter = {0};
    struct hf_view view;

    int rc = hf_store_catch_up(run->store, run->dry_run, run->err);
    if (rc != 0)
        return rc;
    hf_catalog_view_tail(&run->store->catalog, &view);
    rc = hf_view_iter_init(&iter, &view, prefix, sizeof(prefix), run->err);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, run->err)) == 0) {
        struct hf_txn_entry txn;
        rc = hf_txn_decode(&iter.key, &iter.value, &txn, run->err);
        if (rc == 0)
            rc = end_txn(run, txn.txn);
    }
    hf_view_iter_release(&iter);
    hf_view_release(&view);
    return rc == HF_END ? 0 : rc;
}

static int report_swept(struct run *run, const struct hf_sweep *sweep)
{
    struct hf_recovery_entry entry = {
        .outcome = HF_RECOVERY_SWEPT, .files = sweep->files, .bytes = sweep->bytes};

    if (sweep->files == 0)
        return 0;
    return report(run, &entry,
                  strdup(run->dry_run ? "files that no durable transaction owns"
                                      : "files that no transaction owns"));
}

static int run_steps(struct run *run)
{
    struct hf_store *store = run->store;
    struct hf_sweep sweep = {.store = store, .dry_run = run->dry_run, .err = run->err};
    bool got = false;
    int rc = 0;

    if (!run->dry_run)
        rc = hf_wal_lock_job(store->wal, HF_WAL_LOCK_RECOVERY, true, &got, run->err);
    if (rc == 0)
        rc = hf_sweep_trash(&sweep);
    if (rc == 0)
        rc = end_dead_txns(run);
    if (rc == 0 && !run->dry_run)
        rc = hf_store_remove_pending(store, NULL, NULL, run->err);
    if (rc == 0)
        rc = hf_sweep_staging(&sweep);
    if (rc == 0 && !run->dry_run)
        rc = hf_sweep_new(&sweep);
    if (rc == 0)
        rc = report_swept(run, &sweep);
    if (rc == 0 && !run->dry_run)
        rc = hf_store_sync(store, hf_wal_tail(store->wal), run->err);
    if (got)
        hf_wal_unlock_job(store->wal, HF_WAL_LOCK_RECOVERY);
    return rc;
}

int hf_store_run_recovery(struct hf_store *store, bool dry_run, struct hf_error *err)
{
    struct hf_recovery *recovery = calloc(1, sizeof(*recovery));
    struct run run = {.store = store, .recovery = recovery, .dry_run = dry_run, .err = err};

    if (recovery == NULL)
        return hf_fail_memory(err);
    int rc = run_steps(&run);
    if (rc != 0) {
        hf_recovery_free(recovery);
        return rc;
    }
    recovery->report.clean = recovery->report.entry_count == 0;
    recovery->report.rebooted = store->rebooted;
    recovery->report.torn_bytes = store->torn_bytes;
    pthread_mutex_lock(&store->recovery_mutex);
    struct hf_recovery *old = store->recovery;
    store->recovery = recovery;
    pthread_mutex_unlock(&store->recovery_mutex);
    hf_recovery_free(old);
    return 0;
}

const struct hf_recovery_report *hf_store_recovery(const struct hf_store *store)
{
    return &store->recovery->report;
}

int hf_store_recover(struct hf_store *store, struct hf_error *err)
{
    if (store->read_only)
        return hf_fail(err, HF_ERR_REFUSED, "the store is open read-only");
    return hf_store_run_recovery(store, false, err);
}

int hf_store_recover_dry_run(struct hf_store *store, struct hf_error *err)
{
    return hf_store_run_recovery(store, true, err);
}
