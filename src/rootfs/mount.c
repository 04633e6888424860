/*
 * rootfs/mount.c - mounts an image and keeps a record of it.
 *
 *   1. hold the image, with the record   durable before anything is mounted
 *   2. derive what layers lack
 *   3. mount
 *
 * Unmounting goes the other way round. So whatever ends a process on the way, an image that is
 * mounted is held. A hold too many is what `umount DIR` or the next boot's `recover` ends.
 */
#include "rootfs/space.h"

#include "base/error.h"
#include "rootfs/kernel.h"
#include "rootfs/mount_plan.h"
#include "rootfs/sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const how_names[] = {"any", "direct", "loop", "full"};

struct mounting {
    struct hf_store *store;
    const struct hf_mount_options *options;
    struct hf_image image;
    struct hf_mount_record record;
    char *space;     /* the workspace's folder, */
    int space_fd;    /* locked */
    bool made_space; /* it is new: it goes again if it can't be mounted */
};

/* --- where it is mounted ---------------------------------------------------------------------- */

/* As the kernel will show it, so that `umount` finds it however it is written. */
static int resolve_dir(const char *dir, char out[4096], struct hf_error *err)
{
    char *path = realpath(dir, NULL);

    if (!path)
        return hf_fail_errno(err, -errno, "find", dir);
    int len = snprintf(out, 4096, "%s", path);
    free(path);
    return len < 4096 ? 0 : hf_fail(err, HF_ERR_LIMIT, "the path of %.200s is too long", dir);
}

struct search {
    const char *dir;
    char boot[HF_BOOT_ID_MAX];
    struct hf_mount_record *out;
    bool found;
};

static int match_dir(void *arg, const struct hf_mount_record *record)
{
    struct search *search = arg;

    if (strcmp(record->dir, search->dir) != 0 || strcmp(record->boot, search->boot) != 0)
        return 0;
    *search->out = *record;
    search->found = true;
    return 0; /* the last one counts */
}

/* The newest record of this boot for `dir`. NOT_FOUND (err untouched). */
static int find_record(struct hf_store *store, const char *dir, struct hf_mount_record *out,
                       struct hf_error *err)
{
    struct search search = {.dir = dir, .out = out};
    int rc = hf_boot_id(search.boot, err);

    if (rc == 0)
        rc = hf_records_each_mount(store, match_dir, &search, err);
    return rc == 0 && !search.found ? HF_ERR_NOT_FOUND : rc;
}

static int refuse_mounted(struct mounting *mounting, struct hf_error *err)
{
    struct hf_mount_record other;
    int rc = find_record(mounting->store, mounting->record.dir, &other, err);

    if (rc == 0 && hf_kernel_is_mounted(mounting->record.dir))
        return hf_fail(err, HF_ERR_EXISTS, "%s is mounted on %s already",
                       other.name[0] != '\0' ? other.name : "an image", other.dir);
    if (rc == 0) /* left by who was killed, or mounted where we can't see it */
        return 0;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* --- its workspace ---------------------------------------------------------------------------- */

/* The workspace goes on on what it was made on, also of several platforms. */
static int check_image(struct mounting *mounting, const struct hf_space_record *record,
                       struct hf_error *err)
{
    const char *name = record->name[0] != '\0' ? record->name : "an image without a name";

    if (hf_digest_compare(&record->target, &mounting->image.target) != 0)
        return hf_fail(err, HF_ERR_REFUSED, "workspace %s was made on another image (%s)",
                       record->workspace, name);
    if (strcmp(record->platform, mounting->image.platform) == 0)
        return 0;
    if (mounting->options->platform)
        return hf_fail(err, HF_ERR_REFUSED, "workspace %s was made on %s for %s", record->workspace,
                       name, record->platform);
    return hf_space_image(mounting->store, record, &mounting->image, err);
}

/* Its record, made when there is none. */
static int find_or_prepare(struct mounting *mounting, struct hf_space_record *out,
                           struct hf_error *err)
{
    const char *workspace = mounting->options->workspace;
    const struct hf_image *image = &mounting->image;
    char id[HF_DIGEST_TEXT_MAX];
    struct hf_error why = {0};

    int rc = hf_record_find_space(mounting->store, workspace, out, &why);
    if (rc == HF_ERR_NOT_FOUND) {
        rc = hf_workspace_prepare(mounting->store, workspace,
                                  image->name[0] != '\0' ? image->name
                                                         : hf_digest_text(&image->target, id),
                                  image->platform[0] != '\0' ? image->platform : NULL, &why);
        mounting->made_space = rc == 0;
        if (rc == 0)
            rc = hf_record_find_space(mounting->store, workspace, out, &why);
    }
    if (rc != 0 && err)
        *err = why;
    return rc;
}

/* Locked until the mount has its record: overlayfs does not refuse an upper folder that is in use.
 */
static int take_workspace(struct mounting *mounting, struct hf_error *err)
{
    const char *workspace = mounting->options->workspace;
    struct hf_space_record record;
    struct hf_mount_record other;

    int rc = hf_space_check_name(workspace, err);
    if (rc == 0)
        rc = find_or_prepare(mounting, &record, err);
    if (rc == 0)
        rc = hf_space_folder(mounting->store, workspace, &mounting->space, err);
    if (rc == 0)
        rc = hf_space_lock(mounting->store, workspace, &mounting->space_fd, err);
    if (rc == 0) /* again: it may have been removed before we had the lock */
        rc = hf_record_find_space(mounting->store, workspace, &record, err);
    if (rc == 0)
        rc = check_image(mounting, &record, err);
    if (rc != 0)
        return rc;
    rc = hf_space_find_mount(mounting->store, workspace, &other, err);
    if (rc == 0)
        return hf_fail(err, HF_ERR_BUSY, "workspace %s is mounted on %s", workspace, other.dir);
    snprintf(mounting->record.workspace, sizeof(mounting->record.workspace), "%s", workspace);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

/* --- mounting --------------------------------------------------------------------------------- */

static int mount_as(struct mounting *mounting, enum hf_mount_how how, struct hf_error *err)
{
    struct hf_mount_plan plan = {0};
    int rc = hf_mount_plan_of(mounting->store, &mounting->image, how == HF_MOUNT_FULL,
                              mounting->space, &plan, err);

    if (rc == 0)
        rc = hf_kernel_mount(&plan, mounting->record.dir, how != HF_MOUNT_DIRECT, err);
    hf_mount_plan_release(&plan);
    return rc;
}

/* Hold, mount; or neither. */
static int hold_and_mount(struct mounting *mounting, enum hf_mount_how how, struct hf_error *err)
{
    struct hf_mount_record *record = &mounting->record;

    snprintf(record->how, sizeof(record->how), "%s", how_names[how]);
    int rc = hf_record_mount(mounting->store, record, err);
    if (rc != 0)
        return rc;
    rc = mount_as(mounting, how, err);
    if (rc != 0)
        hf_tolerate(hf_image_release_holds(mounting->store, &record->id, 1, NULL, NULL));
    return rc;
}

/* What this kernel can't do it says by EINVAL and the like, which other mistakes give as well: so
 * the reason that counts is the last one. */
static int mount_any(struct mounting *mounting, struct hf_error *err)
{
    int rc = HF_ERR_UNSUPPORTED;

    for (int how = HF_MOUNT_DIRECT; how <= HF_MOUNT_FULL && rc == HF_ERR_UNSUPPORTED; how++)
        rc = hold_and_mount(mounting, (enum hf_mount_how)how, err);
    return rc;
}

static int run(struct mounting *mounting, const char *dir, struct hf_error *err)
{
    int rc = hf_boot_id(mounting->record.boot, err);

    if (rc == 0)
        rc = resolve_dir(dir, mounting->record.dir, err);
    if (rc == 0)
        rc = refuse_mounted(mounting, err);
    if (rc == 0 && mounting->options->workspace)
        rc = take_workspace(mounting, err);
    if (rc != 0)
        return rc;
    mounting->record.target = mounting->image.target;
    snprintf(mounting->record.name, sizeof(mounting->record.name), "%s", mounting->image.name);
    return mounting->options->how == HF_MOUNT_ANY
               ? mount_any(mounting, err)
               : hold_and_mount(mounting, mounting->options->how, err);
}

int hf_image_mount(struct hf_store *store, const char *reference, const char *dir,
                   const struct hf_mount_options *options, struct hf_error *err)
{
    static const struct hf_mount_options defaults = {0};
    struct mounting mounting = {
        .store = store, .options = options ? options : &defaults, .space_fd = -1};

    if (mounting.options->how < HF_MOUNT_ANY || mounting.options->how > HF_MOUNT_FULL)
        return hf_fail(err, HF_ERR_USAGE, "there is no such way of mounting");
    int rc = hf_mounts_recover(store, NULL, err);
    if (rc == 0)
        rc = hf_image_find(store, reference, mounting.options->platform, &mounting.image, err);
    if (rc == 0)
        rc = run(&mounting, dir, err);
    hf_sys_drop(&mounting.space_fd);
    if (rc != 0 && mounting.made_space)
        hf_tolerate(hf_workspace_remove(store, mounting.options->workspace, NULL));
    free(mounting.space);
    return rc;
}

int hf_image_unmount(struct hf_store *store, const char *dir, struct hf_error *err)
{
    struct hf_mount_record record;
    char path[4096];

    int rc = resolve_dir(dir, path, err);
    if (rc == 0)
        rc = find_record(store, path, &record, err);
    if (rc == HF_ERR_NOT_FOUND)
        return hf_fail(err, rc, "no image of this store is mounted on %s", dir);
    if (rc == 0 && hf_kernel_is_mounted(path))
        rc = hf_kernel_unmount(path, err);
    return rc == 0 ? hf_image_release_holds(store, &record.id, 1, NULL, err) : rc;
}

int hf_mount_plan_make(struct hf_store *store, const char *reference,
                       const struct hf_mount_options *options, struct hf_mount_plan *out,
                       struct hf_error *err)
{
    static const struct hf_mount_options defaults = {0};
    const struct hf_mount_options *own = options ? options : &defaults;
    struct hf_space_record record;
    struct hf_image image;
    char *space = NULL;

    int rc = hf_image_find(store, reference, own->platform, &image, err);
    if (rc == 0 && own->workspace) {
        rc = hf_record_find_space(store, own->workspace, &record, err);
        if (rc == 0)
            rc = hf_space_image(store, &record, &image, err);
        if (rc == 0)
            rc = hf_space_folder(store, own->workspace, &space, err);
    }
    if (rc == 0)
        rc = hf_mount_plan_of(store, &image, own->how == HF_MOUNT_FULL, space, out, err);
    free(space);
    return rc;
}
