/* rootfs/record.c - writes and reads what record.h describes. */
#include "rootfs/record.h"

#include "base/digest.h"
#include "base/error.h"
#include "image/note.h"
#include "io/io.h"

#include <stdio.h>
#include <string.h>

/* --- writing ---------------------------------------------------------------------------------- */

struct writing {
    const char *owner, *reason, *name, *workspace;
    const struct hf_digest *target;
    uint64_t id;
};

struct looking {
    const char *workspace;
    struct hf_space_record *out;
    bool found;
};

static bool read_field(const char *reason, const char *key, char *out, size_t size);

static int see_space(void *arg, const struct hf_hold *hold)
{
    struct looking *looking = arg;
    char workspace[HF_WORKSPACE_MAX];

    if (strcmp(hold->owner, HF_OWNER_SPACE) == 0 &&
        read_field(hold->reason, "workspace=", workspace, sizeof(workspace)) &&
        strcmp(workspace, looking->workspace) == 0)
        looking->found = true;
    return looking->found ? HF_END : 0;
}

/* Under the append lock, so that two cannot make one workspace. */
static int decide(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct writing *writing = arg;
    const struct hf_hold hold = {
        .target = *writing->target,
        .owner = writing->owner,
        .reason = writing->reason,
        .name = writing->name,
    };
    struct looking looking = {.workspace = writing->workspace};
    int rc = 0;

    if (strcmp(writing->owner, HF_OWNER_SPACE) == 0)
        rc = hf_snapshot_each_hold(hf_change_snapshot(change), NULL, see_space, &looking, err);
    if (looking.found)
        return hf_fail(err, HF_ERR_EXISTS, "there is a workspace %s already", writing->workspace);
    return rc == 0 ? hf_change_add_hold(change, &hold, &writing->id, err) : rc;
}

static int write_hold(struct hf_store *store, struct writing *writing, struct hf_error *err)
{
    struct hf_buf note = {0};

    hf_note_begin(&note, writing->owner);
    hf_note_add(&note, writing->reason);
    return hf_note_change(store, &note, decide, writing, err);
}

int hf_record_mount(struct hf_store *store, struct hf_mount_record *record, struct hf_error *err)
{
    char reason[sizeof(record->dir) + 512];
    struct writing writing = {.owner = HF_OWNER_MOUNT,
                              .reason = reason,
                              .name = record->name,
                              .workspace = record->workspace,
                              .target = &record->target};

    snprintf(reason, sizeof(reason), "boot=%s how=%s workspace=%s dir=%s", record->boot,
             record->how, record->workspace[0] != '\0' ? record->workspace : "-", record->dir);
    int rc = write_hold(store, &writing, err);
    record->id = writing.id;
    return rc;
}

int hf_record_space(struct hf_store *store, struct hf_space_record *record, struct hf_error *err)
{
    char reason[512];
    struct writing writing = {.owner = HF_OWNER_SPACE,
                              .reason = reason,
                              .name = record->name,
                              .workspace = record->workspace,
                              .target = &record->target};

    snprintf(reason, sizeof(reason), "workspace=%s platform=%s", record->workspace,
             record->platform);
    int rc = write_hold(store, &writing, err);
    record->id = writing.id;
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The value behind "KEY=", up to a blank; of "dir=", which comes last, up to the end. */
static bool read_field(const char *reason, const char *key, char *out, size_t size)
{
    const char *at = strstr(reason, key);
    size_t len;

    if (!at || (at != reason && at[-1] != ' '))
        return false;
    at += strlen(key);
    len = strcmp(key, "dir=") == 0 ? strlen(at) : strcspn(at, " ");
    if (len >= size)
        return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* Holds that people gave the owner "mount" are none of ours. */
static bool read_mount(const struct hf_hold *hold, struct hf_mount_record *out)
{
    *out =
        (struct hf_mount_record){.id = hold->id, .time_ns = hold->time_ns, .target = hold->target};
    snprintf(out->name, sizeof(out->name), "%s", hold->name);
    if (strcmp(hold->owner, HF_OWNER_MOUNT) != 0 ||
        !read_field(hold->reason, "boot=", out->boot, sizeof(out->boot)) ||
        !read_field(hold->reason, "how=", out->how, sizeof(out->how)) ||
        !read_field(hold->reason, "workspace=", out->workspace, sizeof(out->workspace)) ||
        !read_field(hold->reason, "dir=", out->dir, sizeof(out->dir)))
        return false;
    if (strcmp(out->workspace, "-") == 0)
        out->workspace[0] = '\0';
    return true;
}

static bool read_space(const struct hf_hold *hold, struct hf_space_record *out)
{
    *out =
        (struct hf_space_record){.id = hold->id, .time_ns = hold->time_ns, .target = hold->target};
    snprintf(out->name, sizeof(out->name), "%s", hold->name);
    return strcmp(hold->owner, HF_OWNER_SPACE) == 0 &&
           read_field(hold->reason, "workspace=", out->workspace, sizeof(out->workspace)) &&
           read_field(hold->reason, "platform=", out->platform, sizeof(out->platform));
}

struct listing {
    hf_mount_record_fn *mount;
    hf_space_record_fn *space;
    void *arg;
};

static int see_hold(void *arg, const struct hf_hold *hold)
{
    const struct listing *listing = arg;
    struct hf_mount_record mount;
    struct hf_space_record space;

    if (listing->mount && read_mount(hold, &mount))
        return listing->mount(listing->arg, &mount);
    if (listing->space && read_space(hold, &space))
        return listing->space(listing->arg, &space);
    return 0;
}

static int each(struct hf_store *store, const struct listing *listing, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    struct listing own = *listing;
    int rc = hf_snapshot_take(store, &snapshot, err);

    if (rc == 0)
        rc = hf_snapshot_each_hold(snapshot, NULL, see_hold, &own, err);
    hf_snapshot_release(snapshot);
    return rc;
}

int hf_records_each_mount(struct hf_store *store, hf_mount_record_fn *fn, void *arg,
                          struct hf_error *err)
{
    return each(store, &(struct listing){.mount = fn, .arg = arg}, err);
}

int hf_records_each_space(struct hf_store *store, hf_space_record_fn *fn, void *arg,
                          struct hf_error *err)
{
    return each(store, &(struct listing){.space = fn, .arg = arg}, err);
}

static int match_space(void *arg, const struct hf_space_record *record)
{
    struct looking *looking = arg;

    if (strcmp(record->workspace, looking->workspace) != 0)
        return 0;
    *looking->out = *record;
    looking->found = true;
    return HF_END;
}

int hf_record_find_space(struct hf_store *store, const char *workspace, struct hf_space_record *out,
                         struct hf_error *err)
{
    struct looking looking = {.workspace = workspace, .out = out};
    int rc = hf_records_each_space(store, match_space, &looking, err);

    if (rc != 0 && rc != HF_END)
        return rc;
    return looking.found ? 0 : hf_fail(err, HF_ERR_NOT_FOUND, "no such workspace: %s", workspace);
}

int hf_boot_id(char out[HF_BOOT_ID_MAX], struct hf_error *err)
{
    struct hf_io *io = hf_io_posix();
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    size_t len = 0;
    int fd = -1;

    int rc = hf_io_open(io, HF_IO_CWD, path, HF_IO_READ, 0, &fd, err);
    if (rc == 0)
        rc = hf_io_read(io, fd, out, HF_BOOT_ID_MAX - 1, &len, path, err);
    hf_io_close(io, &fd);
    out[len] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (rc == 0 && out[0] == '\0')
        rc = hf_fail(err, HF_ERR_IO, "%s is empty", path);
    return rc;
}
