/*
 * rootfs/tree.c - the entries of a layer take their places in the tree: see tree.h.
 *
 * What an entry is by its name follows src/erofs/FORMAT.md, "From tar to tree", so that an image
 * looks the same mounted and unpacked.
 */
#include "rootfs/tree.h"

#include "base/error.h"
#include "rootfs/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHITEOUT  ".wh."
#define AUFS      ".wh..wh."
#define OPAQUE    ".wh..wh..opq"
#define MAX_LINK  4095u
#define MAX_MAJOR 0xfffu
#define MAX_MINOR 0xfffffu

enum kind {
    ORDINARY,
    MARK,    /* a whiteout, or what makes a directory opaque */
    IGNORED, /* what aufs keeps for itself */
};

static struct hf_tree_attrs attrs_of(const struct hf_tar_entry *entry)
{
    return (struct hf_tree_attrs){.mode = entry->mode,
                                  .mtime = {.sec = entry->mtime_sec, .nsec = entry->mtime_nsec}};
}

/* --- by the name ------------------------------------------------------------------------------ */

static bool begins_with(const char *text, size_t len, const char *prefix)
{
    return len >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

/* What tree->path is, by all of its names. */
static int kind_of(const struct hf_tree *tree, enum kind *out, struct hf_error *err)
{
    const char *part = (const char *)tree->path.data;
    size_t left = tree->path.len;

    *out = ORDINARY;
    while (left > 0) {
        const char *slash = memchr(part, '/', left);
        size_t len = slash ? (size_t)(slash - part) : left;
        bool is_opaque = !slash && len == strlen(OPAQUE) && begins_with(part, len, OPAQUE);
        if (begins_with(part, len, AUFS) && !is_opaque) {
            *out = IGNORED;
            return 0;
        }
        if (begins_with(part, len, WHITEOUT) && slash)
            return hf_fail(err, HF_ERR_INPUT, "its path leads through a whiteout");
        if (begins_with(part, len, WHITEOUT))
            *out = MARK;
        len += slash ? 1 : 0;
        part += len;
        left -= len;
    }
    return 0;
}

static int take_mark(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                     struct hf_error *err)
{
    if (strcmp(name, OPAQUE) == 0)
        return hf_tree_prune_below(tree, place, err);
    name += strlen(WHITEOUT);
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return hf_fail(err, HF_ERR_INPUT, "it is a whiteout of nothing");
    return hf_tree_prune(tree, place, name, err);
}

/* --- directories ------------------------------------------------------------------------------ */

/* *out_is_old: it was there before, and keeps what is in it. */
static int make_directory(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                          bool *out_is_old, int *out_fd, struct hf_error *err)
{
    int rc = hf_sys_make_dir(place.dir, name);

    *out_is_old = false;
    if (rc == -EEXIST) {
        if (hf_sys_open_dir(place.dir, name, out_fd) == 0) {
            *out_is_old = true;
            return 0;
        }
        rc = hf_tree_remove(tree, place, name, err);
        if (rc != 0)
            return rc;
        rc = hf_sys_make_dir(place.dir, name);
    }
    if (rc == 0)
        rc = hf_sys_open_dir(place.dir, name, out_fd);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make the folder", name);
}

/* The directory becomes what the entry says. */
static int dress_directory(struct hf_tree *tree, int fd, bool is_old,
                           const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_tree_attrs attrs = attrs_of(entry);
    struct stat stat;
    int rc = hf_sys_stat_fd(fd, &stat);

    if (rc != 0)
        return hf_fail_errno(err, rc, "look at", "a folder");
    rc = hf_tree_set_owner(tree, fd, NULL, entry->uid, entry->gid, &attrs.mode, err);
    if (rc == 0 && is_old)
        rc = hf_tree_clear_xattrs(fd, err);
    if (rc == 0)
        rc = hf_tree_set_xattrs(tree, fd, NULL, entry, err);
    return rc == 0 ? hf_tree_note_dir(tree, stat.st_ino, &attrs, err) : rc;
}

static int take_directory(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                          const struct hf_tar_entry *entry, struct hf_error *err)
{
    bool is_old = false;
    int fd = -1;
    int rc = make_directory(tree, place, name, &is_old, &fd, err);

    if (rc == 0)
        rc = hf_tree_note_made(tree, place, name, err);
    if (rc == 0)
        rc = dress_directory(tree, fd, is_old, entry, err);
    hf_sys_drop(&fd);
    return rc;
}

static int take_root(struct hf_tree *tree, const struct hf_tar_entry *entry, struct hf_error *err)
{
    if (entry->type != HF_TAR_DIRECTORY)
        return hf_fail(err, HF_ERR_INPUT, "it takes the place of the root and is no directory");
    return dress_directory(tree, tree->root, true, entry, err);
}

/* --- links, devices and fifos ----------------------------------------------------------------- */

static int make_symlink(const struct hf_tar_entry *entry, int dir, const char *name,
                        struct hf_error *err)
{
    if (entry->link_len == 0)
        return hf_fail(err, HF_ERR_INPUT, "it is a symlink without a target");
    if (entry->link_len > MAX_LINK)
        return hf_fail(err, HF_ERR_LIMIT,
                       "the target of this symlink has %zu bytes, at most %u are possible",
                       entry->link_len, MAX_LINK);
    int rc = hf_sys_symlink(entry->link, dir, name);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make the symlink", name);
}

/* *out_made: false when this process may make no devices. */
static int make_node(struct hf_tree *tree, const struct hf_tar_entry *entry, int dir,
                     const char *name, bool *out_made, struct hf_error *err)
{
    uint32_t type = entry->type == HF_TAR_FIFO          ? S_IFIFO
                    : entry->type == HF_TAR_CHAR_DEVICE ? S_IFCHR
                                                        : S_IFBLK;

    if (entry->dev_major > MAX_MAJOR || entry->dev_minor > MAX_MINOR)
        return hf_fail(err, HF_ERR_LIMIT, "its device is a number that Linux does not have");
    int rc = hf_sys_make_node(dir, name, type, entry->dev_major, entry->dev_minor);
    *out_made = rc == 0;
    if (rc == -EPERM && type != S_IFIFO) {
        tree->lost.devices++;
        return 0;
    }
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make", name);
}

static int take_special(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                        const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_tree_attrs attrs = attrs_of(entry);
    bool is_symlink = entry->type == HF_TAR_SYMLINK;
    bool is_made = true;
    int rc = hf_tree_remove(tree, place, name, err);

    if (rc != 0 ||
        (entry->type == HF_TAR_CHAR_DEVICE && entry->dev_major == 0 && entry->dev_minor == 0))
        return rc;
    rc = is_symlink ? make_symlink(entry, place.dir, name, err)
                    : make_node(tree, entry, place.dir, name, &is_made, err);
    if (rc != 0 || !is_made)
        return rc;
    rc = hf_tree_note_made(tree, place, name, err);
    if (rc == 0)
        rc = hf_tree_set_owner(tree, place.dir, name, entry->uid, entry->gid, &attrs.mode, err);
    if (rc == 0)
        rc = hf_tree_set_xattrs(tree, place.dir, name, entry, err);
    return rc == 0 ? hf_tree_set_attrs(place.dir, name, &attrs, !is_symlink, err) : rc;
}

/* `from` is where its target is. */
static int link_to(struct hf_tree *tree, struct hf_tree_place from, const char *from_name,
                   struct hf_tree_place place, const char *name, struct hf_error *err)
{
    struct stat stat;
    int rc = hf_sys_stat(from.dir, from_name, &stat);

    if (rc == -ENOENT)
        return HF_ERR_NOT_FOUND;
    if (rc == 0 && S_ISDIR(stat.st_mode))
        return hf_fail(err, HF_ERR_INPUT, "it is a hard link to a directory");
    if (from.ino == place.ino && strcmp(from_name, name) == 0)
        return 0; /* to itself */
    if (rc == 0)
        rc = hf_sys_link(from.dir, from_name, place.dir, name);
    if (rc == -EEXIST) {
        rc = hf_tree_remove(tree, place, name, err);
        if (rc != 0)
            return rc;
        rc = hf_sys_link(from.dir, from_name, place.dir, name);
        if (rc == -ENOENT) /* it was below what gave way */
            return HF_ERR_NOT_FOUND;
    }
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make the hard link", name);
}

static int take_link(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                     const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_tree_place from = {.dir = -1};
    const char *from_name = NULL;
    int rc = hf_tar_clean_path(entry->link, entry->link_len, &tree->link, err);

    if (rc == 0 && tree->link.len == 0)
        return hf_fail(err, HF_ERR_INPUT, "it is a hard link to the root");
    if (rc == 0)
        rc = hf_tree_find(tree, &from, &from_name, err);
    if (rc == 0)
        rc = link_to(tree, from, from_name, place, name, err);
    hf_sys_drop(&from.dir);
    if (rc == HF_ERR_NOT_FOUND)
        return hf_fail(err, HF_ERR_INPUT,
                       "it is a hard link to %.200s, which is not there before it", entry->link);
    return rc == 0 ? hf_tree_note_made(tree, place, name, err) : rc;
}

/* --- the sink --------------------------------------------------------------------------------- */

static int take_entry(void *arg, const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_tree *tree = arg;
    struct hf_tree_place place;
    const char *name = NULL;
    enum kind kind = ORDINARY;
    int rc = hf_tar_clean_path(entry->path, entry->path_len, &tree->path, err);

    if (rc == 0)
        rc = kind_of(tree, &kind, err);
    if (rc != 0 || kind == IGNORED)
        return rc;
    if (tree->path.len == 0)
        return take_root(tree, entry, err);
    rc = hf_tree_parent(tree, &place, &name, err);
    if (rc != 0)
        return rc;
    if (kind == MARK)
        return take_mark(tree, place, name, err);
    switch (entry->type) {
    case HF_TAR_FILE:
        return hf_tree_begin_file(tree, place, name, entry, err);
    case HF_TAR_DIRECTORY:
        return take_directory(tree, place, name, entry, err);
    case HF_TAR_HARDLINK:
        return take_link(tree, place, name, entry, err);
    default:
        return take_special(tree, place, name, entry, err);
    }
}

static int take_data(void *arg, uint64_t file_off, const void *data, size_t len,
                     struct hf_error *err)
{
    return hf_tree_write_file(arg, file_off, data, len, err);
}

static int end_entry(void *arg, struct hf_error *err)
{
    return hf_tree_end_file(arg, err);
}

struct hf_tar_sink hf_tree_sink(struct hf_tree *tree)
{
    return (struct hf_tar_sink){
        .arg = tree, .entry = take_entry, .data = take_data, .end = end_entry};
}

/* --- the whole -------------------------------------------------------------------------------- */

int hf_tree_init(struct hf_tree *tree, int root, struct hf_error *err)
{
    static const struct hf_tree_attrs plain = {.mode = 0755};
    struct stat stat;

    *tree = (struct hf_tree){.root = root, .parent = {.dir = -1}, .fd = -1};
    int rc = hf_sys_random(&tree->seed);
    if (rc == 0)
        rc = hf_sys_stat_fd(root, &stat);
    if (rc != 0)
        return hf_fail_errno(err, rc, "begin", "the tree");
    tree->root_ino = stat.st_ino;
    return hf_tree_note_dir(tree, stat.st_ino, &plain, err);
}

void hf_tree_release(struct hf_tree *tree)
{
    hf_sys_drop(&tree->fd);
    hf_sys_drop(&tree->parent.dir);
    hf_numbers_release(&tree->made);
    hf_numbers_release(&tree->dirs);
    free(tree->attrs);
    hf_buf_release(&tree->parent_path);
    hf_buf_release(&tree->path);
    hf_buf_release(&tree->link);
    hf_buf_release(&tree->resolved);
    hf_buf_release(&tree->way);
    hf_buf_release(&tree->file_xattrs);
    *tree = (struct hf_tree){.parent = {.dir = -1}, .fd = -1};
}

void hf_tree_begin_layer(struct hf_tree *tree)
{
    tree->layer++;
    hf_numbers_release(&tree->made);
}

/* By descriptor: the way up is found before the directory may no longer be searched. */
static int finish_directory(void *arg, const struct hf_walk_place *place, int fd, uint64_t ino,
                            struct hf_error *err)
{
    const struct hf_tree_attrs *attrs = hf_tree_dir(arg, ino);

    return attrs ? hf_tree_set_attrs(fd, NULL, attrs, true, err) : 0;
}

int hf_tree_finish(struct hf_tree *tree, struct hf_error *err)
{
    const struct hf_walk_visitor visitor = {.arg = tree, .leave = finish_directory};
    int rc = hf_walk(tree->root, &visitor, err);

    return rc == 0
               ? hf_tree_set_attrs(tree->root, NULL, hf_tree_dir(tree, tree->root_ino), true, err)
               : rc;
}
