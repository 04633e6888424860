/*
 * fsck/check.c - the check of a store: what is looked at, in which order, and when repair comes.
 *
 * From the ground up, since each part is judged by those before it: FORMAT, the log, the
 * checkpoints, the entries of the catalog, the bytes of the objects, and at last the files that
 * nothing accounts for.
 *
 * It runs beside everything else that uses the store and takes no lock that a writer waits for,
 * unless it has something to repair. A healthy store gives no finding: whatever seems wrong is
 * looked at again, with a newer snapshot or past the page cache.
 */
#include "fsck/check.h"

#include "base/error.h"

#include <stdlib.h>

static void release(struct hf_check *check)
{
    for (size_t i = 0; i < check->damage_count; i++) {
        free(check->damage[i].path);
        free(check->damage[i].message);
    }
    free(check->damage);
    free(check->bad);
}

/* Log and checkpoints of a store that can't even be opened. */
static int check_closed(struct hf_check *check, struct hf_error *err)
{
    struct hf_check_damage *told = check->damage;
    size_t count = check->damage_count;
    struct hf_layout layout;

    /* Why it can't be opened is told last, and only if nothing else is found. */
    check->damage = NULL;
    check->damage_count = check->damage_capacity = 0;
    int rc = hf_layout_open(check->io, check->root, true, &layout, err);
    if (rc == 0) {
        rc = hf_check_log(check, &layout, err);
        if (rc == 0)
            rc = hf_check_checkpoints(check, &layout, err);
        hf_layout_close(&layout);
    }
    bool found = check->damage_count > 0;
    for (size_t i = 0; i < count; i++) {
        if (rc == 0 && !found)
            rc = hf_check_note_damage(check, told[i].kind, told[i].path, told[i].message, err);
        free(told[i].path);
        free(told[i].message);
    }
    free(told);
    if (rc == HF_ERR_CORRUPT) /* not even its folders are there, which was told */
        rc = 0;
    hf_check_tell_damage(check, false);
    return rc;
}

/* What lies below the catalog. */
static int check_ground(struct hf_check *check, struct hf_error *err)
{
    const struct hf_layout *layout = &check->store->layout;
    bool repaired = false;

    /* With the log begun anew, what was damaged in it is told and about to go. */
    int rc = check->is_repairing ? 0 : hf_check_log(check, layout, err);
    if (rc == 0)
        rc = hf_check_checkpoints(check, layout, err);
    if (rc == 0 && check->fsck->repair && check->damage_count > 0) {
        rc = hf_check_replace_damaged(check, err);
        repaired = rc == 0;
    }
    if (rc == 0)
        hf_check_tell_damage(check, repaired);
    return rc;
}

static int decide_end(void *arg, struct hf_change *change, struct hf_error *err)
{
    (void)arg;
    return hf_change_setting(change, HF_SETTING_LOST_RECORDS, NULL, err);
}

/* All that may belong to a record that was lost is in safety: from here on residue is residue. */
static int end_repair(struct hf_check *check, struct hf_error *err)
{
    static const char note[] = "fsck\0--repair\0finished";

    return check->fsck->repair && check->lost_records && !check->residue_left
               ? hf_store_change(check->store, note, sizeof(note), decide_end, NULL, err)
               : 0;
}

static int check_contents(struct hf_check *check, struct hf_error *err)
{
    int rc = hf_check_catalog(check, err);

    /* Else the older checkpoint, or the log since, would still say what was wrong. */
    if (rc == 0 && check->is_mended)
        rc = hf_check_replace_damaged(check, err);
    if (rc == 0)
        rc = hf_check_objects(check, err);
    if (rc == 0)
        rc = hf_check_bad_objects(check, err);
    /* What the unread end of a damaged log tells of would seem to belong to nobody. */
    if (rc == 0 && !check->is_cut_short)
        rc = hf_check_unfinished(check, err);
    if (rc == 0 && !check->is_cut_short)
        rc = hf_check_residue(check, err);
    if (rc == 0)
        rc = end_repair(check, err);
    return rc;
}

/* Both checkpoints are damaged in a block that was met only now: there is no catalog to go by. */
static int end_without_catalog(struct hf_check *check, int rc, const struct hf_error *why,
                               struct hf_error *err)
{
    if (rc == HF_ERR_CORRUPT && check->report.findings > 0) {
        hf_check_tell(check, HF_FINDING_CATALOG, why->file[0] != '\0' ? why->file : NULL, NULL,
                      false, why->message);
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = *why;
    return rc;
}

static int run(struct hf_check *check, struct hf_error *err)
{
    struct hf_error why = {0};
    bool is_usable = false;

    int rc = hf_check_format(check, &is_usable, err);
    if (rc != 0 || !is_usable)
        return rc;
    rc = hf_check_open(check, err);
    if (rc != 0)
        return rc;
    if (check->store == NULL)
        return check_closed(check, err);
    rc = check_ground(check, &why);
    if (rc == 0)
        rc = check_contents(check, &why);
    int closed = hf_store_close(check->store, rc == 0 ? &why : NULL);
    check->store = NULL;
    return end_without_catalog(check, rc != 0 ? rc : closed, &why, err);
}

int hf_store_check(struct hf_io *io, const char *root, const struct hf_check_options *options,
                   struct hf_fsck_report *out, struct hf_error *err)
{
    struct hf_check check = {.io = io, .root = root, .options = options, .fsck = options->fsck};

    int rc = run(&check, err);
    release(&check);
    if (rc == 0)
        *out = check.report;
    return rc;
}
