/*
 * fsck/open.c - opens the store that is checked: read-only, or for repair, then past the
 * damage of its log if need be.
 *
 * Opening without locks beside writers may meet a log that has just moved on; so what seems damaged
 * is opened again before it is believed to be.
 */
#include "fsck/check.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Transactions that had begun before a gap and not ended, as "4096 (load app.tar)". */
static void list_open_txns(struct hf_store *store, struct hf_buf *out)
{
    static const uint8_t prefix[] = {HF_KEY_TXN};
    struct hf_view_iter iter = {0};
    struct hf_view view;

    hf_catalog_view_tail(&store->catalog, &view);
    int rc = hf_view_iter_init(&iter, &view, prefix, sizeof(prefix), NULL);
    while (rc == 0 && (rc = hf_view_iter_next(&iter, NULL)) == 0) {
        struct hf_txn_entry entry;
        if (hf_txn_decode(&iter.key, &iter.value, &entry, NULL) != 0)
            continue;
        hf_buf_printf(out, "%s%" PRIu64 " (", out->len > 0 ? ", " : "", entry.txn);
        hf_note_readable(entry.note, entry.note_len, out);
        hf_buf_put_text(out, ")");
    }
    hf_view_iter_release(&iter);
    hf_view_release(&view);
}

static void describe_gap(struct hf_store *store, const struct hf_wal_gap *gap, struct hf_buf *out)
{
    struct hf_buf txns = {.max_bytes = 4096};

    hf_buf_put_text(out, gap->damage.message);
    if (gap->is_copy) {
        hf_buf_put_text(out,
                        "; it is the second writing of a record that is good: nothing is lost");
        return;
    }
    if (gap->to <= gap->from) {
        hf_buf_put_text(out, "; no record is lost");
        return;
    }
    hf_buf_printf(out, "; what was logged from position %" PRIu64 " to %" PRIu64 " is lost",
                  gap->from, gap->to);
    list_open_txns(store, &txns);
    if (txns.len > 0 && hf_buf_text(&txns) != NULL)
        hf_buf_printf(out, "; how these transactions ended is uncertain: %s", hf_buf_text(&txns));
    hf_buf_release(&txns);
}

static void note_gap(void *arg, struct hf_store *store, const struct hf_wal_gap *gap)
{
    struct hf_check *check = arg;
    struct hf_buf message = {0};
    char path[300];

    describe_gap(store, gap, &message);
    (void)snprintf(path, sizeof(path), "wal/%s", gap->damage.file);
    const char *text = hf_buf_text(&message);
    if (hf_check_note_damage(check, HF_FINDING_LOG, gap->damage.file[0] != '\0' ? path : HF_DIR_WAL,
                             text != NULL ? text : gap->damage.message, NULL) != 0) {
        /* Without memory a line is missing in what is told, and the repair goes on. */
    }
    hf_buf_release(&message);
}

/* Opened, but cut short at the last good position of the log? */
static bool is_damaged(const struct hf_store *store)
{
    return hf_store_damage(store, NULL) != 0;
}

static int open_normally(struct hf_check *check, struct hf_error *err)
{
    const struct hf_store_options options = {.mode = check->fsck->repair ? HF_OPEN_READ_WRITE
                                                                         : HF_OPEN_READ_ONLY};
    int rc = 0;

    for (int i = 0; i < HF_CHECK_LOOKS; i++) {
        *err = (struct hf_error){0};
        rc = hf_store_close(check->store, err);
        check->store = NULL;
        if (rc == 0)
            rc = hf_store_open_io(check->io, check->root, &options, &check->store, err);
        if (rc == 0 ? !is_damaged(check->store) : !hf_error_is_damage(rc, err))
            return rc;
    }
    return rc;
}

/* It can't be opened: what can be told without opening it is told, and this. */
static int give_up(struct hf_check *check, const struct hf_error *why, struct hf_error *err)
{
    bool is_checkpoint = strncmp(why->file, HF_DIR_CATALOG "/", strlen(HF_DIR_CATALOG) + 1) == 0;

    return hf_check_note_damage(check, is_checkpoint ? HF_FINDING_CHECKPOINT : HF_FINDING_LOG,
                                why->file[0] != '\0' ? why->file : NULL, why->message, err);
}

/* Did this repair or one that was cut lose records of the log? */
static int read_loss(struct hf_check *check, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    char value[8];

    int rc = hf_snapshot_take(check->store, &snapshot, err);
    if (rc == 0)
        rc = hf_snapshot_setting(snapshot, HF_SETTING_LOST_RECORDS, value, sizeof(value), err);
    hf_snapshot_release(snapshot);
    check->lost_records = rc == 0;
    if (rc == 0 && !check->is_repairing)
        return hf_check_note_damage(check, HF_FINDING_LOG, HF_DIR_WAL,
                                    "records were lost, and the repair after that was interrupted",
                                    err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

int hf_check_open(struct hf_check *check, struct hf_error *err)
{
    const struct hf_past_damage past = {.gap = note_gap, .arg = check};
    struct hf_error why = {0};

    int rc = open_normally(check, &why);
    if (check->fsck->repair &&
        (rc == 0 ? is_damaged(check->store) : hf_error_is_damage(rc, &why))) {
        rc = hf_store_close(check->store, &why);
        check->store = NULL;
        if (rc == 0)
            rc = hf_store_open_past_damage(check->io, check->root, &past, &check->store, &why);
        check->is_repairing = rc == 0;
    }
    if (hf_error_is_damage(rc, &why))
        return give_up(check, &why, err);
    if (rc != 0) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    check->is_cut_short = is_damaged(check->store);
    return read_loss(check, err);
}
