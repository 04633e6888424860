/*
 * rootfs/remove.c - takes entries away, with or without what this layer made.
 *
 * Whoever holds a directory of the tree must look for it again: parent_is_stale.
 */
#include "rootfs/tree.h"

#include "base/error.h"
#include "rootfs/walk.h"

#include <errno.h>

struct removal {
    struct hf_tree *tree; /* NULL: no tree that is being written */
    bool only_lower;      /* what this layer made stays */
};

static int fail(struct hf_error *err, int rc, const char *name)
{
    return hf_fail_errno(err, rc, "remove", name);
}

static bool stays(const struct removal *removal, uint64_t dir_ino, const char *name)
{
    return removal->only_lower && hf_tree_is_made(removal->tree, dir_ino, name);
}

/* A tree that was finished may have directories that its owner may not change; root never needs
 * this. */
static int make_writable(void *arg, int fd, struct hf_error *err)
{
    if (!hf_sys_is_root())
        hf_tolerate(hf_sys_set_mode(fd, NULL, 0700)); /* the removal says what is wrong */
    return 0;
}

static int remove_leaf(void *arg, const struct hf_walk_place *place, struct hf_error *err)
{
    if (stays(arg, place->dir_ino, place->name))
        return 0;
    int rc = hf_sys_unlink(place->dir, place->name);
    return rc == 0 ? 0 : fail(err, rc, place->name);
}

static int remove_empty(const struct removal *removal, int dir, const char *name,
                        struct hf_error *err)
{
    int rc = hf_sys_remove_dir(dir, name);

    /* Something of this layer is in it. */
    if (removal->only_lower && (rc == -ENOTEMPTY || rc == -EEXIST))
        return 0;
    return rc == 0 ? 0 : fail(err, rc, name);
}

static int remove_directory(void *arg, const struct hf_walk_place *place, int fd, uint64_t ino,
                            struct hf_error *err)
{
    if (stays(arg, place->dir_ino, place->name))
        return 0;
    return remove_empty(arg, place->dir, place->name, err);
}

static int walk(int fd, struct removal *removal, struct hf_error *err)
{
    const struct hf_walk_visitor visitor = {.arg = removal,
                                            .enter = removal->tree ? NULL : make_writable,
                                            .leaf = remove_leaf,
                                            .leave = remove_directory};
    return hf_walk(fd, &visitor, err);
}

static int take_directory(struct removal *removal, struct hf_tree_place place, const char *name,
                          struct hf_error *err)
{
    int fd = -1;
    int rc = hf_sys_open_dir(place.dir, name, &fd);

    if (rc == 0) {
        rc = walk(fd, removal, err);
        if (rc == 0 && !stays(removal, place.ino, name))
            rc = remove_empty(removal, place.dir, name, err);
    } else {
        rc = fail(err, rc, name);
    }
    hf_sys_drop(&fd);
    return rc;
}

static int take(struct removal *removal, struct hf_tree_place place, const char *name,
                struct hf_error *err)
{
    struct stat stat;
    int rc = hf_sys_stat(place.dir, name, &stat);

    removal->tree->parent_is_stale = true;
    if (rc == -ENOENT)
        return 0;
    if (rc != 0)
        return fail(err, rc, name);
    if (S_ISDIR(stat.st_mode))
        return take_directory(removal, place, name, err);
    if (stays(removal, place.ino, name))
        return 0;
    rc = hf_sys_unlink(place.dir, name);
    return rc == 0 ? 0 : fail(err, rc, name);
}

int hf_tree_remove(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                   struct hf_error *err)
{
    struct removal removal = {.tree = tree};

    return take(&removal, place, name, err);
}

int hf_tree_prune(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                  struct hf_error *err)
{
    struct removal removal = {.tree = tree, .only_lower = true};

    return tree->layer <= 1 ? 0 : take(&removal, place, name, err);
}

int hf_tree_prune_below(struct hf_tree *tree, struct hf_tree_place place, struct hf_error *err)
{
    struct removal removal = {.tree = tree, .only_lower = true};

    if (tree->layer <= 1)
        return 0;
    tree->parent_is_stale = true;
    return walk(place.dir, &removal, err);
}

int hf_tree_clear(int fd, struct hf_error *err)
{
    struct removal removal = {0};

    return walk(fd, &removal, err);
}
