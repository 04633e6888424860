/*
 * store/open.c - opens and closes a store. Order: FORMAT.md 6. Making one: layout.c.
 *
 * Opening for writing takes lock byte RECOVERY around reading the log and ending what the dead have
 * left, so that two openers do not both begin. A store whose log is damaged opens read-only and
 * says so.
 */
#include "store/handle.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static struct hf_store *new_store(struct hf_io *io, const char *root)
{
    struct hf_store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return NULL;
    store->io = io;
    store->layout = (struct hf_layout){
        .io = io, .root = -1, .wal = -1, .catalog = -1, .lock = -1, .shared = -1};
    store->root = strdup(root);
    if (store->root == NULL) {
        free(store);
        return NULL;
    }
    pthread_mutex_init(&store->recovery_mutex, NULL);
    return store;
}

static void free_store(struct hf_store *store)
{
    hf_wal_close(store->wal);
    hf_catalog_close(&store->catalog);
    hf_recovery_free(store->recovery);
    pthread_mutex_destroy(&store->recovery_mutex);
    hf_layout_close(&store->layout);
    free(store->root);
    free(store);
}

struct telling {
    struct hf_store *store;
    const struct hf_past_damage *past;
    bool lost_records;
};

static int tell_gap(void *arg, const struct hf_wal_gap *gap, struct hf_error *err)
{
    struct telling *telling = arg;

    (void)err;
    if (!gap->is_copy && gap->to > gap->from)
        telling->lost_records = true;
    telling->past->gap(telling->past->arg, telling->store, gap);
    return 0;
}

static int note_loss(void *arg, struct hf_change *change, struct hf_error *err)
{
    (void)arg;
    return hf_change_setting(change, HF_SETTING_LOST_RECORDS, "1", err);
}

/* wal/FORMAT.md 3.6: what was read counts only when a checkpoint has it. */
static int open_log_past_damage(struct hf_store *store, struct hf_wal_options *options,
                                const struct hf_past_damage *past, struct hf_error *err)
{
    static const char note[] = "fsck\0--repair\0records of the log are lost";
    struct telling telling = {.store = store, .past = past};

    int rc =
        hf_catalog_open(&store->catalog, &store->layout, &options->from, &options->must_reach, err);
    if (rc != 0)
        return rc;
    if (options->from == 0)
        options->from = HF_WAL_FIRST_POSITION;
    rc = hf_wal_open_past_damage(options, tell_gap, &telling, &store->wal, err);
    if (rc != 0)
        return rc;
    hf_catalog_advance(&store->catalog, hf_wal_tail(store->wal));
    /* Before the checkpoint: with it the log looks whole, and a repair that is cut then must know
     * that it is not. */
    if (telling.lost_records)
        rc = hf_store_change(store, note, sizeof(note), note_loss, NULL, err);
    return rc == 0 ? hf_store_checkpoint(store, err) : rc;
}

/* While we open it, others may take checkpoints and delete the log that ours needs. */
static int open_checkpoint_and_log(struct hf_store *store, struct hf_wal_options *options,
                                   struct hf_wal_opened *opened, struct hf_error *err)
{
    struct hf_error why = {0};
    uint64_t tried = UINT64_MAX;
    int failed = 0;

    for (;;) {
        int rc = hf_catalog_open(&store->catalog, &store->layout, &options->from,
                                 &options->must_reach, err);
        if (rc != 0)
            return rc;
        if (options->from != tried)
            failed = hf_wal_open(options, &store->wal, opened, &why);
        if (failed == 0)
            return 0;
        bool is_gone = failed == HF_ERR_NOT_FOUND || failed == HF_ERR_CORRUPT;
        if (!is_gone || options->from == tried) {
            if (err != NULL)
                *err = why;
            return failed == HF_ERR_NOT_FOUND
                       ? hf_fail_as(err, HF_ERR_CORRUPT, "a part of the log is missing")
                       : failed;
        }
        tried = options->from;
        hf_catalog_close(&store->catalog);
    }
}

/* The catalog: the newest checkpoint, then the log from there on. */
static int open_catalog(struct hf_store *store, const struct hf_past_damage *past,
                        struct hf_error *err)
{
    struct hf_wal_opened opened = {0};
    struct hf_wal_options options = {
        .io = store->io,
        .wal_dir = store->layout.wal,
        .lock_fd = store->layout.lock,
        .shared_fd = store->layout.shared,
        .read_only = store->read_only,
        .fn = hf_catalog_apply,
        .arg = &store->catalog,
    };

    memcpy(options.uuid, store->layout.uuid, sizeof(options.uuid));
    if (past != NULL)
        return open_log_past_damage(store, &options, past, err);
    int rc = open_checkpoint_and_log(store, &options, &opened, err);
    if (rc != 0)
        return rc;
    /* Who made the store may have died before FORMAT's name was durable; nothing is told yet. */
    if (!store->read_only && !opened.this_boot) {
        rc = hf_io_sync_dir(store->io, store->layout.root, ".", err);
        if (rc != 0)
            return rc;
    }
    store->rebooted = !opened.this_boot;
    store->torn_bytes = opened.torn_bytes;
    if (opened.corrupt) {
        store->damage = opened.damage;
        store->read_only = true;
    }
    /* Who only reads believes what is valid after a boot: it came from the disk. */
    hf_catalog_publish(&store->catalog, store->read_only ? UINT64_MAX : hf_wal_durable(store->wal));
    return 0;
}

/* While others recover, wait; the byte goes with the descriptor if we die. */
static int open_and_recover(struct hf_store *store, const struct hf_past_damage *past,
                            struct hf_error *err)
{
    bool locked = !store->read_only;
    int rc = 0;

    if (locked)
        rc = hf_io_lock(store->io, store->layout.lock, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_RECOVERY,
                        1, HF_FILE_LOCK, err);
    if (rc != 0)
        return rc;
    rc = open_catalog(store, past, err);
    if (rc == 0)
        rc = hf_store_run_recovery(store, store->read_only, err);
    if (locked)
        hf_io_unlock(store->io, store->layout.lock, HF_WAL_LOCK_RECOVERY, 1);
    if (rc == 0 && !store->read_only && past == NULL)
        hf_store_checkpoint_if_due(store);
    return rc;
}

static int open_existing(struct hf_io *io, const char *root, bool read_only,
                         const struct hf_past_damage *past, struct hf_store **out_store,
                         struct hf_error *err)
{
    struct hf_store *store = new_store(io, root);

    if (store == NULL)
        return hf_fail_memory(err);
    store->read_only = read_only;
    int rc = hf_layout_open(io, root, store->read_only, &store->layout, err);
    if (rc == 0)
        rc = open_and_recover(store, past, err);
    if (rc != 0) {
        free_store(store);
        return rc;
    }
    *out_store = store;
    return 0;
}

int hf_store_open_io(struct hf_io *io, const char *root, const struct hf_store_options *options,
                     struct hf_store **out_store, struct hf_error *err)
{
    enum hf_open_mode mode = options != NULL ? options->mode : HF_OPEN_READ_WRITE;
    int rc = 0;

    if (mode == HF_OPEN_CREATE)
        rc = hf_layout_create(io, root, err);
    if (rc != 0)
        return rc;
    return open_existing(io, root, mode == HF_OPEN_READ_ONLY, NULL, out_store, err);
}

int hf_store_open_past_damage(struct hf_io *io, const char *root, const struct hf_past_damage *past,
                              struct hf_store **out_store, struct hf_error *err)
{
    return open_existing(io, root, false, past, out_store, err);
}

int hf_store_open(const char *root, const struct hf_store_options *options,
                  struct hf_store **out_store, struct hf_error *err)
{
    return hf_store_open_io(hf_io_posix(), root, options, out_store, err);
}

int hf_store_close(struct hf_store *store, struct hf_error *err)
{
    int rc = 0;

    if (store == NULL)
        return 0;
    /* Else the next opener would find records of a dead process and begin a new segment for them.
     */
    if (!store->read_only)
        rc = hf_store_sync(store, hf_wal_tail(store->wal), err);
    free_store(store);
    return rc;
}

bool hf_store_is_read_only(const struct hf_store *store)
{
    return store->read_only;
}

int hf_store_damage(const struct hf_store *store, struct hf_error *err)
{
    if (store->damage.code == 0)
        return 0;
    if (err != NULL)
        *err = store->damage;
    return store->damage.code;
}

const char *hf_store_root(const struct hf_store *store)
{
    return store->root;
}

const char *hf_store_uuid(const struct hf_store *store, char text[37])
{
    hf_uuid_text(store->layout.uuid, text);
    return text;
}
