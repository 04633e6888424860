/*
 * fault-injection/verdict_rootfs.c - what a cut leaves of mounts and workspaces, and whether an
 * image can still be mounted.
 */
#include "judge_io.h"
#include "tree.h"
#include "verdict_inside.h"

#include "base/digest.h"
#include "store/handle.h"

#include <holdfast/rootfs.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPACE "workspace:"
#define UPPER "upper:"

/* --- holds ------------------------------------------------------------------------------------ */

static bool is_owner(const struct hf_checker_hold *hold, const char *owner)
{
    return hold->owner_len == strlen(owner) && memcmp(hold->owner, owner, hold->owner_len) == 0;
}

/* src/rootfs/record.h: a workspace by its name, a mount by the last part of its folder. */
static void add_hold(const struct hf_checker_hold *hold, struct account_lines *found)
{
    char reason[1024], digest[HF_DIGEST_TEXT_MAX], word[80] = "", name[ACCOUNT_TEXT_MAX];

    snprintf(reason, sizeof(reason), "%.*s", (int)hold->reason_len, (const char *)hold->reason);
    if (is_owner(hold, "workspace") && sscanf(reason, "workspace=%79s", word) == 1)
        snprintf(name, sizeof(name), SPACE "%s", word);
    else if (is_owner(hold, "mount") && strrchr(reason, '/') != NULL)
        snprintf(name, sizeof(name), VERDICT_MOUNT "%.79s", strrchr(reason, '/') + 1);
    else
        return;
    account_set(found, name, hf_digest_text(&hold->target, digest));
}

/* --- folders ---------------------------------------------------------------------------------- */

static bool is_folder(const char *space, const char *name)
{
    char path[640];
    struct stat stat;

    snprintf(path, sizeof(path), "%s/%s", space, name);
    return lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode);
}

/* Its file `synced` stands for what was written and synced through the mount. */
static void add_upper(const char *space, const char *name, struct account_lines *found)
{
    char path[640], line[ACCOUNT_TEXT_MAX], digest[HF_DIGEST_TEXT_MAX] = "empty";

    if (!is_folder(space, "upper") || !is_folder(space, "work"))
        return;
    snprintf(path, sizeof(path), "%s/upper/synced", space);
    if (access(path, F_OK) == 0)
        tree_digest_file(path, digest);
    snprintf(line, sizeof(line), UPPER "%.100s", name);
    account_set(found, line, digest);
}

void verdict_add_spaces(const struct hf_checker_store *store, const char *root,
                        struct verdict *verdict, struct account_lines *found)
{
    char path[512], name[ACCOUNT_TEXT_MAX];

    for (size_t i = 0; i < store->hold_count; i++)
        add_hold(&store->holds[i], found);
    snprintf(path, sizeof(path), "%s/workspaces", root);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), SPACE "%.100s", entry->d_name);
        if (account_get(found, name) == NULL)
            verdict_break(verdict, "the folder of workspace %s has no hold", entry->d_name);
        snprintf(path, sizeof(path), "%s/workspaces/%.100s", root, entry->d_name);
        add_upper(path, entry->d_name, found);
    }
    if (dir != NULL)
        closedir(dir);
}

/* --- an image --------------------------------------------------------------------------------- */

static const char *some_image(const struct account_lines *found, uint64_t chance)
{
    size_t count = 0;

    for (size_t i = 0; i < found->count; i++)
        count += account_is_image(found->lines[i].name);
    size_t wanted = count > 0 ? chance % count : 0;
    for (size_t i = 0; i < found->count; i++)
        if (account_is_image(found->lines[i].name) && wanted-- == 0)
            return found->lines[i].name;
    return NULL;
}

static int look_both_ways(struct hf_store *store, const char *image, const char *folder,
                          struct verdict *verdict, struct hf_error *err)
{
    char mounted[HF_DIGEST_TEXT_MAX], unpacked[HF_DIGEST_TEXT_MAX], tree[128];
    int rc = hf_image_mount(store, image, folder, NULL, err);

    if (rc != 0)
        return rc;
    tree_digest(folder, mounted);
    rc = hf_image_unmount(store, folder, err);
    snprintf(tree, sizeof(tree), "%s-tree", folder);
    if (rc == 0)
        rc = hf_image_unpack(store, image, tree, NULL, err);
    if (rc != 0)
        return rc;
    tree_digest(tree, unpacked);
    if (strcmp(mounted, unpacked) != 0)
        verdict_break(verdict, "%s has other files when it is mounted than unpacked", image);
    return 0;
}

void verdict_try_mount(const char *root, const struct medium *medium, struct verdict *verdict)
{
    const char *image = some_image(&verdict->found, medium->hash >> 8);
    struct hf_store_options options = {.mode = HF_OPEN_READ_WRITE};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    char folder[sizeof(medium->mount_point) + 8];

    if (image == NULL)
        return;
    snprintf(folder, sizeof(folder), "%s/view", medium->mount_point);
    int rc = mkdir(folder, 0700) == 0 ? 0 : HF_ERR_IO;
    if (rc == 0)
        rc = hf_store_open_io(judge_io(), root, &options, &store, &err);
    if (rc == 0)
        rc = look_both_ways(store, image, folder, verdict, &err);
    int closed = hf_store_close(store, rc == 0 ? &err : NULL);
    rc = rc != 0 ? rc : closed;
    if (rc != 0)
        verdict_break(verdict, "%s can't be mounted: %s: %s", image, hf_error_name(rc),
                      err.message);
}
