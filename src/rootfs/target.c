/* rootfs/target.c - see target.h. */
#include "rootfs/target.h"

#include "base/error.h"
#include "rootfs/sys.h"
#include "rootfs/tree.h"
#include "rootfs/walk.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIDDLE    ".holdfast-"
#define DIGITS    16u
#define NAME_MAX_ 255u
/* Of DIR's name in that of the temporary folder; a longer one is cut. */
#define NAME_BYTES (NAME_MAX_ - 1 - (sizeof(MIDDLE) - 1) - DIGITS)
#define LIST_BYTES 32768u

/* --- DIR's own name --------------------------------------------------------------------------- */

static int open_parent(struct hf_target *target, struct hf_error *err)
{
    char parent[PATH_MAX];
    size_t end = strlen(target->path);

    if (end >= sizeof(parent))
        return hf_fail(err, HF_ERR_USAGE, "the path of the folder is too long");
    while (end > 0 && target->path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && target->path[begin - 1] != '/')
        begin--;
    if (end - begin > NAME_MAX_)
        return hf_fail(err, HF_ERR_USAGE, "the name of the folder is too long");
    memcpy(target->name, target->path + begin, end - begin);
    target->name[end - begin] = '\0';
    if (begin == end || strcmp(target->name, ".") == 0 || strcmp(target->name, "..") == 0)
        return hf_fail(err, HF_ERR_USAGE, "'%s' names no folder that could be made", target->path);
    memcpy(parent, begin > 0 ? target->path : ".", begin > 0 ? begin : 1);
    parent[begin > 0 ? begin : 1] = '\0';
    int rc = hf_sys_open_path(parent, &target->parent);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "open the folder", parent);
}

static int count_entry(void *arg, const struct hf_walk_place *place, struct hf_error *err)
{
    return hf_fail(err, HF_ERR_EXISTS, "the folder %s is not empty", (const char *)arg);
}

static int count_directory(void *arg, const struct hf_walk_place *place, int fd, uint64_t ino,
                           struct hf_error *err)
{
    return count_entry(arg, place, err);
}

/* A rename replaces an empty folder, but no mount point: better told before the work. */
static int check_old(const struct hf_target *target, struct hf_error *err)
{
    const struct hf_walk_visitor visitor = {
        .arg = (void *)target->path, .leaf = count_entry, .leave = count_directory};
    struct stat stat, parent;
    int fd = -1;
    int rc = hf_sys_stat(target->parent, target->name, &stat);

    if (rc == -ENOENT)
        return 0;
    if (rc == 0)
        rc = hf_sys_stat_fd(target->parent, &parent);
    if (rc != 0)
        return hf_fail_errno(err, rc, "look at", target->path);
    if (!S_ISDIR(stat.st_mode))
        return hf_fail(err, HF_ERR_EXISTS, "%s is there and is no folder", target->path);
    if (stat.st_dev != parent.st_dev)
        return hf_fail(err, HF_ERR_USAGE, "%s is a mount point: name a folder in it", target->path);
    rc = hf_sys_open_dir(target->parent, target->name, &fd);
    if (rc != 0)
        return hf_fail_errno(err, rc, "open the folder", target->path);
    rc = hf_walk(fd, &visitor, err);
    hf_sys_drop(&fd);
    return rc;
}

/* --- folders of those who were killed --------------------------------------------------------- */

static size_t prefix_of(const struct hf_target *target, char prefix[256])
{
    return (size_t)snprintf(prefix, 256, ".%.*s" MIDDLE, (int)NAME_BYTES, target->name);
}

static bool is_temporary(const char *name, const char *prefix, size_t prefix_len)
{
    return strlen(name) == prefix_len + DIGITS && memcmp(name, prefix, prefix_len) == 0 &&
           strspn(name + prefix_len, "0123456789abcdef") == DIGITS;
}

/* Best effort: it may be in use, or somebody else's, and harms nobody. */
static void remove_tree(int parent, const char *name, bool is_ours)
{
    int fd = -1;

    if (hf_sys_open_dir(parent, name, &fd) == 0 && (is_ours || hf_sys_lock(fd) == 0) &&
        hf_tree_clear(fd, NULL) == 0)
        hf_tolerate(hf_sys_remove_dir(parent, name));
    hf_sys_drop(&fd);
}

static void remove_leftovers(const struct hf_target *target)
{
    char *space = malloc(LIST_BYTES);
    char prefix[256];
    size_t prefix_len = prefix_of(target, prefix);
    size_t len = 1;
    int fd = -1;

    if (space && hf_sys_open_dir(target->parent, ".", &fd) == 0)
        while (len > 0 && hf_sys_read_dir(fd, space, LIST_BYTES, &len) == 0)
            for (size_t off = 0; off < len;) {
                const struct dirent64 *entry = (const void *)(space + off);
                if (is_temporary(entry->d_name, prefix, prefix_len))
                    remove_tree(target->parent, entry->d_name, false);
                off += entry->d_reclen;
            }
    hf_sys_drop(&fd);
    free(space);
}

/* --- ours ------------------------------------------------------------------------------------- */

/* Between its making and its lock another process may take it for a leftover: then it is gone, or
 * locked, and another name is tried. */
static int make_temporary(struct hf_target *target, bool *out_again, struct hf_error *err)
{
    char prefix[256];
    struct stat made, opened;
    uint64_t number = 0;

    *out_again = false;
    int rc = hf_sys_random(&number);
    if (rc != 0)
        return hf_fail_errno(err, rc, "choose a name beside", target->path);
    size_t len = prefix_of(target, prefix);
    memcpy(target->temporary, prefix, len);
    snprintf(target->temporary + len, sizeof(target->temporary) - len, "%016llx",
             (unsigned long long)number);
    rc = hf_sys_make_dir(target->parent, target->temporary);
    if (rc != 0) {
        target->temporary[0] = '\0';
        return hf_fail_errno(err, rc, "make a folder beside", target->path);
    }
    if (hf_sys_open_dir(target->parent, target->temporary, &target->fd) == 0 &&
        hf_sys_lock(target->fd) == 0 && hf_sys_stat_fd(target->fd, &opened) == 0 &&
        hf_sys_stat(target->parent, target->temporary, &made) == 0 && made.st_ino == opened.st_ino)
        return 0;
    hf_sys_drop(&target->fd);
    *out_again = true;
    return hf_fail(err, HF_ERR_BUSY, "cannot lock a folder beside %s", target->path);
}

int hf_target_open(const char *path, struct hf_target *out, struct hf_error *err)
{
    struct hf_error reason = {0};
    bool again = true;

    *out = (struct hf_target){.path = path, .parent = -1, .fd = -1};
    int rc = open_parent(out, err);
    if (rc == 0)
        rc = check_old(out, err);
    if (rc != 0)
        return rc;
    remove_leftovers(out);
    for (int i = 0; again && i < 10; i++)
        rc = make_temporary(out, &again, &reason);
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

int hf_target_keep(struct hf_target *target, struct hf_error *err)
{
    int rc = hf_sys_sync_all(target->fd);

    if (rc != 0)
        return hf_fail_errno(err, rc, "sync", target->path);
    rc = hf_sys_rename(target->parent, target->temporary, target->name);
    if (rc == -ENOTEMPTY || rc == -EEXIST || rc == -ENOTDIR)
        return hf_fail(err, HF_ERR_EXISTS, "%s was made by somebody else meanwhile", target->path);
    if (rc != 0)
        return hf_fail_errno(err, rc, "rename a folder to", target->path);
    target->temporary[0] = '\0';
    rc = hf_sys_sync(target->parent);
    if (rc == 0)
        return 0;
    hf_tolerate(hf_fail_errno(err, rc, "sync the folder of", target->path));
    return hf_fail_as(err, HF_ERR_OUTCOME_UNKNOWN, "%s is complete, but its name may be lost",
                      target->path);
}

void hf_target_drop(struct hf_target *target)
{
    if (target->parent >= 0 && target->temporary[0] != '\0')
        remove_tree(target->parent, target->temporary, true);
    hf_sys_drop(&target->fd);
    hf_sys_drop(&target->parent);
}
