/*
 * store/sweep.c - removes files that nobody owns any more: what a transaction staged that never
 * became durable, what was removed and not yet unlinked, what was in the making.
 */
#include "store/sweep.h"

#include "base/error.h"

/* One listing of a folder. */
struct listing {
    struct hf_sweep *sweep;
    const char *dir;
    bool is_staging;
};

static int has_txn(const struct hf_view *view, uint64_t txn, bool *out, struct hf_error *err)
{
    struct hf_buf key = {0};

    hf_key_txn(&key, txn);
    int rc = hf_buf_check(&key, err);
    if (rc == 0)
        rc = hf_view_get(view, key.data, key.len, NULL, err);
    hf_buf_release(&key);
    *out = rc == 0;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* 0: somebody needs it. NOT_FOUND: nobody. */
static int staged_is_needed(struct hf_sweep *sweep, uint64_t txn)
{
    static const uint8_t prefix[] = {HF_KEY_STAGED};
    struct hf_view_iter iter = {0};
    struct hf_view view;
    bool needed = false;

    int rc = hf_wal_is_alive(sweep->store->wal, txn, &needed, sweep->err);
    if (rc != 0 || needed)
        return rc;
    /* It may have begun and committed since we looked, and died then. */
    rc = hf_store_catch_up(sweep->store, sweep->dry_run, sweep->err);
    if (rc != 0)
        return rc;
    hf_catalog_view_tail(&sweep->store->catalog, &view);
    /* While its `T` is there it is for who ends it; `S` may outlive it. */
    rc = has_txn(&view, txn, &needed, sweep->err);
    if (rc == 0)
        rc = hf_view_iter_init(&iter, &view, prefix, sizeof(prefix), sweep->err);
    while (rc == 0 && !needed && (rc = hf_view_iter_next(&iter, sweep->err)) == 0) {
        struct hf_staged_place place;
        rc = hf_staged_decode(&iter.value, &place, sweep->err);
        needed = rc == 0 && place.txn == txn;
    }
    hf_view_iter_release(&iter);
    hf_view_release(&view);
    if (needed)
        return 0;
    return rc == HF_END ? HF_ERR_NOT_FOUND : rc;
}

static int sweep_file(void *arg, const char *name, enum hf_io_kind kind)
{
    struct listing *listing = arg;
    struct hf_sweep *sweep = listing->sweep;
    struct hf_store *store = sweep->store;
    struct hf_io_stat stat = {0};
    struct hf_buf path = {0};
    uint64_t txn = 0;
    uint32_t number = 0;

    (void)kind;
    if (listing->is_staging) {
        if (!hf_path_staged_txn(name, &txn, &number))
            return 0; /* not ours: `fsck` tells of it */
        int needed = staged_is_needed(sweep, txn);
        if (needed != HF_ERR_NOT_FOUND)
            return needed;
    }
    hf_buf_printf(&path, "%s/%s", listing->dir, name);
    const char *text = hf_buf_text(&path);
    int rc = text == NULL ? HF_ERR_NO_MEMORY
                          : hf_io_stat_at(store->io, store->layout.root, text, &stat, sweep->err);
    if (rc == 0 && !sweep->dry_run)
        rc = hf_io_unlink(store->io, store->layout.root, text, sweep->err);
    hf_buf_release(&path);
    sweep->files += rc == 0;
    sweep->bytes += rc == 0 ? stat.size_bytes : 0;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int sweep_dir(struct hf_sweep *sweep, const char *dir, bool is_staging)
{
    struct listing listing = {.sweep = sweep, .dir = dir, .is_staging = is_staging};

    int rc = hf_io_list(sweep->store->io, sweep->store->layout.root, dir, sweep_file, &listing,
                        sweep->err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int sweep_slot(void *arg, const char *name, enum hf_io_kind kind)
{
    struct hf_buf path = {0};

    if (kind != HF_IO_DIR)
        return 0;
    hf_buf_printf(&path, HF_DIR_STAGING "/%s", name);
    const char *text = hf_buf_text(&path);
    int rc = text == NULL ? HF_ERR_NO_MEMORY : sweep_dir(arg, text, true);
    hf_buf_release(&path);
    return rc;
}

int hf_sweep_staging(struct hf_sweep *sweep)
{
    return hf_io_list(sweep->store->io, sweep->store->layout.root, HF_DIR_STAGING, sweep_slot,
                      sweep, sweep->err);
}

int hf_sweep_trash(struct hf_sweep *sweep)
{
    return sweep_dir(sweep, HF_DIR_TRASH, false);
}

/* Under the locks of who makes it: the living keep theirs. */
int hf_sweep_new(struct hf_sweep *sweep)
{
    struct hf_store *store = sweep->store;
    struct hf_io_stat stat;
    bool got = false;

    hf_io_discard(store->io, store->layout.root, HF_FILE_FORMAT_NEW);
    int rc = hf_wal_lock_job(store->wal, HF_WAL_LOCK_CHECKPOINT, false, &got, sweep->err);
    if (rc == 0 && got) {
        hf_io_discard(store->io, store->layout.root, HF_DIR_CATALOG "/new");
        hf_wal_unlock_job(store->wal, HF_WAL_LOCK_CHECKPOINT);
    }
    if (rc != 0 ||
        hf_io_stat_at(store->io, store->layout.root, HF_DIR_WAL "/new", &stat, NULL) != 0)
        return rc;
    rc = hf_store_lock(store, sweep->err);
    if (rc != 0)
        return rc;
    hf_io_discard(store->io, store->layout.root, HF_DIR_WAL "/new");
    hf_store_unlock(store);
    return 0;
}
