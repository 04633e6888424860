/*
 * rootfs/workspace.c - writable layers that outlive mounts and boots: workspaces/NAME/ in the
 * store's folder, with `upper` and `work` for overlayfs.
 *
 * The hold comes before the folder and goes after it. So a folder always has a record, and a cut
 * leaves a workspace without a folder at most, which the next use makes.
 */
#include "rootfs/space.h"

#include "base/error.h"
#include "image/resolve.h"
#include "rootfs/mount_plan.h"
#include "rootfs/tree.h"
#include "rootfs/walk.h"
#include "store/handle.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hf_space_check_name(const char *workspace, struct hf_error *err)
{
    size_t len = strlen(workspace);
    bool is_good = len > 0 && len < HF_WORKSPACE_MAX && isalnum((unsigned char)workspace[0]);

    for (size_t i = 0; is_good && i < len; i++)
        is_good = isalnum((unsigned char)workspace[i]) || strchr("_.-", workspace[i]);
    return is_good ? 0
                   : hf_fail(err, HF_ERR_USAGE,
                             "\"%.130s\" is no name for a workspace: 1 to 128 letters, digits, "
                             "\"_\", \".\" and \"-\", a letter or digit first",
                             workspace);
}

/* --- its folder ------------------------------------------------------------------------------- */

static int make_folder(struct hf_store *store, const char *parent, const char *path,
                       struct hf_error *err)
{
    int rc = hf_io_mkdir(store->io, store->layout.root, path, 0700, NULL, err);

    /* Also when it was there: who made it may have died before this sync. */
    return rc == 0 ? hf_io_sync_dir(store->io, store->layout.root, parent, err) : rc;
}

int hf_space_folder(struct hf_store *store, const char *workspace, char **out, struct hf_error *err)
{
    char space[HF_WORKSPACE_MAX + 32], part[HF_WORKSPACE_MAX + 40];

    snprintf(space, sizeof(space), HF_DIR_WORKSPACES "/%s", workspace);
    int rc = make_folder(store, ".", HF_DIR_WORKSPACES, err);
    if (rc == 0)
        rc = make_folder(store, HF_DIR_WORKSPACES, space, err);
    snprintf(part, sizeof(part), "%s/work", space);
    if (rc == 0)
        rc = make_folder(store, space, part, err);
    snprintf(part, sizeof(part), "%s/upper", space);
    if (rc == 0)
        rc = hf_io_mkdir(store->io, store->layout.root, part, 0755, NULL, err);
    if (rc == 0)
        rc = hf_io_sync_dir(store->io, store->layout.root, space, err);
    return rc == 0 ? hf_store_path(store, space, out, err) : rc;
}

int hf_space_lock(struct hf_store *store, const char *workspace, int *out_fd, struct hf_error *err)
{
    char path[HF_WORKSPACE_MAX + 32];
    int fd = -1;

    snprintf(path, sizeof(path), HF_DIR_WORKSPACES "/%s", workspace);
    int rc = hf_sys_open_dir(store->layout.root, path, &fd);
    if (rc == -ENOENT)
        return HF_ERR_NOT_FOUND;
    if (rc != 0)
        return hf_fail_errno(err, rc, "open", path);
    rc = hf_sys_lock(fd);
    if (rc == 0) {
        *out_fd = fd;
        return 0;
    }
    hf_sys_drop(&fd);
    return rc == -EWOULDBLOCK
               ? hf_fail(err, HF_ERR_BUSY, "workspace %s is being mounted or removed", workspace)
               : hf_fail_errno(err, rc, "lock", path);
}

int hf_space_image(struct hf_store *store, const struct hf_space_record *record,
                   struct hf_image *out, struct hf_error *err)
{
    char id[HF_DIGEST_TEXT_MAX];

    return hf_image_find(store, hf_digest_text(&record->target, id),
                         record->platform[0] != '\0' ? record->platform : NULL, out, err);
}

/* --- mounted? --------------------------------------------------------------------------------- */

struct search {
    const char *workspace;
    char boot[HF_BOOT_ID_MAX];
    struct hf_mount_record *out;
    bool found;
};

static int match_mount(void *arg, const struct hf_mount_record *record)
{
    struct search *search = arg;

    if (strcmp(record->workspace, search->workspace) != 0 ||
        strcmp(record->boot, search->boot) != 0)
        return 0;
    *search->out = *record;
    search->found = true;
    return HF_END;
}

int hf_space_find_mount(struct hf_store *store, const char *workspace, struct hf_mount_record *out,
                        struct hf_error *err)
{
    struct search search = {.workspace = workspace, .out = out};
    int rc = hf_boot_id(search.boot, err);

    if (rc == 0)
        rc = hf_records_each_mount(store, match_mount, &search, err);
    if (rc != 0 && rc != HF_END)
        return rc;
    return search.found ? 0 : HF_ERR_NOT_FOUND;
}

static int refuse_mounted(struct hf_store *store, const char *workspace, struct hf_error *err)
{
    struct hf_mount_record mount;
    int rc = hf_space_find_mount(store, workspace, &mount, err);

    if (rc == 0)
        return hf_fail(err, HF_ERR_BUSY, "workspace %s is mounted on %s", workspace, mount.dir);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* --- operations ------------------------------------------------------------------------------- */

int hf_workspace_prepare(struct hf_store *store, const char *workspace, const char *reference,
                         const char *platform, struct hf_error *err)
{
    struct hf_space_record record = {0};
    struct hf_image image;
    char *folder = NULL;

    int rc = hf_space_check_name(workspace, err);
    if (rc == 0)
        rc = hf_image_find(store, reference, platform, &image, err);
    if (rc != 0)
        return rc;
    record.target = image.target;
    snprintf(record.workspace, sizeof(record.workspace), "%s", workspace);
    snprintf(record.name, sizeof(record.name), "%s", image.name);
    snprintf(record.platform, sizeof(record.platform), "%s", image.platform);
    rc = hf_record_space(store, &record, err);
    if (rc != 0)
        return rc;
    rc = hf_space_folder(store, workspace, &folder, err);
    free(folder);
    if (rc != 0 && hf_workspace_remove(store, workspace, NULL) != 0)
        rc = hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "workspace %s may be left, without its folder",
                        workspace);
    return rc;
}

static int remove_folder(struct hf_store *store, const char *workspace, int fd,
                         struct hf_error *err)
{
    char path[HF_WORKSPACE_MAX + 32];
    int rc = hf_tree_clear(fd, err);

    if (rc != 0)
        return rc;
    snprintf(path, sizeof(path), HF_DIR_WORKSPACES "/%s", workspace);
    rc = hf_sys_remove_dir(store->layout.root, path);
    if (rc != 0)
        return hf_fail_errno(err, rc, "remove", path);
    return hf_io_sync_dir(store->io, store->layout.root, HF_DIR_WORKSPACES, err);
}

int hf_workspace_remove(struct hf_store *store, const char *workspace, struct hf_error *err)
{
    struct hf_space_record record;
    int fd = -1;
    int locked = hf_space_lock(store, workspace, &fd, err);

    if (locked != 0 && locked != HF_ERR_NOT_FOUND)
        return locked;
    int rc = hf_record_find_space(store, workspace, &record, err);
    if (rc == 0)
        rc = refuse_mounted(store, workspace, err);
    if (rc == 0 && locked == 0) /* else a cut came before the folder, or after it */
        rc = remove_folder(store, workspace, fd, err);
    if (rc == 0)
        rc = hf_image_release_holds(store, &record.id, 1, NULL, err);
    hf_sys_drop(&fd);
    return rc;
}

int hf_workspace_upper(struct hf_store *store, const char *workspace, char **out_path,
                       struct hf_digest *out_image, struct hf_error *err)
{
    struct hf_space_record record;
    struct hf_image image;
    char path[HF_WORKSPACE_MAX + 40];
    char *folder = NULL;
    int rc = hf_record_find_space(store, workspace, &record, err);

    if (rc == 0)
        rc = hf_space_image(store, &record, &image, err);
    if (rc == 0)
        rc = hf_space_folder(store, workspace, &folder, err);
    free(folder);
    snprintf(path, sizeof(path), HF_DIR_WORKSPACES "/%s/upper", workspace);
    if (rc == 0)
        rc = hf_store_path(store, path, out_path, err);
    if (rc == 0)
        *out_image = image.manifest;
    return rc;
}

struct usage {
    uint64_t bytes, entries;
};

static int count_leaf(void *arg, const struct hf_walk_place *place, struct hf_error *err)
{
    struct usage *usage = arg;
    struct stat stat;

    usage->entries++;
    if (hf_sys_stat(place->dir, place->name, &stat) == 0)
        usage->bytes += (uint64_t)stat.st_blocks * 512;
    return 0;
}

static int count_folder(void *arg, const struct hf_walk_place *place, int fd, uint64_t ino,
                        struct hf_error *err)
{
    return count_leaf(arg, place, err);
}

int hf_workspace_usage(struct hf_store *store, const char *workspace, uint64_t *out_bytes,
                       uint64_t *out_entries, struct hf_error *err)
{
    struct usage usage = {0};
    const struct hf_walk_visitor visitor = {
        .arg = &usage, .leaf = count_leaf, .leave = count_folder};
    struct hf_space_record record;
    char path[HF_WORKSPACE_MAX + 40];
    int fd = -1;
    int rc = hf_record_find_space(store, workspace, &record, err);

    if (rc != 0)
        return rc;
    snprintf(path, sizeof(path), HF_DIR_WORKSPACES "/%s/upper", workspace);
    rc = hf_sys_open_dir(store->layout.root, path, &fd);
    if (rc == 0)
        rc = hf_walk(fd, &visitor, err);
    else if (rc != -ENOENT)
        rc = hf_fail_errno(err, rc, "open", path);
    else
        rc = 0; /* a cut before the folder was made */
    hf_sys_drop(&fd);
    if (rc == 0) {
        *out_bytes = usage.bytes;
        *out_entries = usage.entries;
    }
    return rc;
}

struct listing {
    hf_workspace_fn *fn;
    void *arg;
};

static int tell(void *arg, const struct hf_space_record *record)
{
    const struct listing *listing = arg;
    const struct hf_workspace workspace = {
        .workspace = record->workspace,
        .name = record->name,
        .target = record->target,
        .time_ns = record->time_ns,
    };

    return listing->fn(listing->arg, &workspace);
}

int hf_workspaces_each(struct hf_store *store, hf_workspace_fn *fn, void *arg, struct hf_error *err)
{
    struct listing listing = {.fn = fn, .arg = arg};

    return hf_records_each_space(store, tell, &listing, err);
}
