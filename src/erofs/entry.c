/*
 * erofs/entry.c - one entry of the tar takes its place in the tree: FORMAT.md, "From tar to tree".
 *
 * No entry is judged by what follows it, as when a tar is extracted: later ones replace.
 */
#include "base/error.h"
#include "erofs/format.h"
#include "erofs/tree.h"
#include "erofs/walk.h"

#include <string.h>

#define WHITEOUT                                                                                   \
    "."                                                                                            \
    "wh."
#define AUFS   WHITEOUT WHITEOUT
#define OPAQUE AUFS ".opq"

#define MAX_MAJOR 0xfffu
#define MAX_MINOR 0xfffffu

static bool begins_with(struct hf_erofs_part part, const char *prefix)
{
    size_t len = strlen(prefix);

    return part.len >= len && memcmp(part.text, prefix, len) == 0;
}

static uint16_t type_bits(enum hf_tar_type type)
{
    switch (type) {
    case HF_TAR_DIRECTORY:
        return S_IFDIR;
    case HF_TAR_SYMLINK:
        return S_IFLNK;
    case HF_TAR_CHAR_DEVICE:
        return S_IFCHR;
    case HF_TAR_BLOCK_DEVICE:
        return S_IFBLK;
    case HF_TAR_FIFO:
        return S_IFIFO;
    default:
        return S_IFREG;
    }
}

static int set_target(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                      struct hf_erofs_inode *inode, struct hf_error *err)
{
    uint32_t off = 0;

    if (entry->link_len == 0)
        return hf_fail(err, HF_ERR_INPUT, "it is a symlink without a target");
    if (entry->link_len > HF_EROFS_MAX_LINK)
        return hf_fail(err, HF_ERR_LIMIT,
                       "the target of this symlink has %zu bytes, at most %u are possible",
                       entry->link_len, HF_EROFS_MAX_LINK);
    int rc = hf_erofs_tree_keep(tree, entry->link, entry->link_len, &off, err);
    inode->data = off;
    inode->size = entry->link_len;
    return rc;
}

static int set_file(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                    struct hf_erofs_inode *inode, struct hf_error *err)
{
    uint32_t count = (uint32_t)entry->segment_count;
    uint32_t off = 0;
    uint32_t ignored = 0;
    int rc;

    inode->size = entry->size;
    inode->data = entry->data_off;
    if (entry->size == 0 || (count == 1 && entry->segments[0].len == entry->size))
        return 0;
    inode->is_sparse = true;
    if ((rc = hf_erofs_tree_keep(tree, &count, sizeof(count), &off, err)) < 0 ||
        (rc = hf_erofs_tree_keep(tree, entry->segments, count * sizeof(*entry->segments), &ignored,
                                 err)) < 0)
        return rc;
    inode->data = off;
    return 0;
}

static int set_device(const struct hf_tar_entry *entry, struct hf_erofs_inode *inode,
                      struct hf_error *err)
{
    if (entry->dev_major > MAX_MAJOR || entry->dev_minor > MAX_MINOR)
        return hf_fail(err, HF_ERR_LIMIT, "its device is a number that Linux does not have");
    inode->data =
        (entry->dev_minor & 0xff) | entry->dev_major << 8 | (entry->dev_minor & ~0xffu) << 12;
    return 0;
}

/* Of a symlink Linux knows no other, whatever the header says. */
static uint16_t permissions(const struct hf_tar_entry *entry)
{
    return entry->type == HF_TAR_SYMLINK ? 0777 : entry->mode;
}

static int inode_from(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                      struct hf_erofs_inode *out, struct hf_error *err)
{
    struct hf_erofs_inode inode = {.mode = type_bits(entry->type) | permissions(entry),
                                   .uid = entry->uid,
                                   .gid = entry->gid,
                                   .mtime_sec = entry->mtime_sec,
                                   .mtime_nsec = entry->mtime_nsec,
                                   .data = HF_EROFS_NONE};
    int rc = 0;

    if (entry->type == HF_TAR_SYMLINK)
        rc = set_target(tree, entry, &inode, err);
    else if (entry->type == HF_TAR_FILE)
        rc = set_file(tree, entry, &inode, err);
    else if (entry->type == HF_TAR_CHAR_DEVICE || entry->type == HF_TAR_BLOCK_DEVICE)
        rc = set_device(entry, &inode, err);
    if (rc < 0 || (rc = hf_erofs_tree_keep_xattrs(tree, entry, &inode.xattrs, err)) < 0)
        return rc;
    *out = inode;
    return 0;
}

/* A directory that is there keeps what is in it and becomes what the entry says. */
static void renew_directory(struct hf_erofs_tree *tree, uint32_t index,
                            const struct hf_erofs_inode *with)
{
    struct hf_erofs_inode *inode = &tree->inodes[index];
    uint64_t children = inode->data;
    uint32_t name = inode->name;

    *inode = *with;
    inode->data = children;
    inode->name = name;
}

static int put(struct hf_erofs_tree *tree, struct hf_erofs_place place,
               const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_erofs_inode inode;
    uint32_t index = 0;
    int rc = inode_from(tree, entry, &inode, err);

    if (rc < 0)
        return rc;
    if (entry->type == HF_TAR_DIRECTORY) {
        uint32_t old = hf_erofs_look_up(tree, place);
        if (old != HF_EROFS_NONE && hf_erofs_is(&tree->inodes[old], S_IFDIR)) {
            renew_directory(tree, old, &inode);
            return 0;
        }
    }
    if ((rc = hf_erofs_tree_add_inode(tree, &inode, &index, err)) < 0)
        return rc;
    return hf_erofs_set_name(tree, place, index, err);
}

static int no_target(const struct hf_tar_entry *entry, struct hf_error *err)
{
    return hf_fail(err, HF_ERR_UNSUPPORTED,
                   "it is a hard link to %.200s, which is not in this layer before it",
                   entry->link);
}

/* The inode that a hard link means; its target lies where its own path, cleaned, leads now. */
static int find_target(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry, uint32_t *out,
                       struct hf_error *err)
{
    struct hf_erofs_place place;
    int rc = hf_tar_clean_path(entry->link, entry->link_len, &tree->path, err);

    if (rc < 0)
        return rc;
    if (tree->path.len == 0)
        return hf_fail(err, HF_ERR_INPUT, "it is a hard link to the root");
    if ((rc = hf_erofs_walk(tree, HF_EROFS_FAIL_NOT_FOUND, &place, err)) < 0)
        return rc == HF_ERR_NOT_FOUND ? no_target(entry, err) : rc;
    *out = hf_erofs_look_up(tree, place);
    if (*out == HF_EROFS_NONE)
        return no_target(entry, err);
    if (hf_erofs_is(&tree->inodes[*out], S_IFDIR))
        return hf_fail(err, HF_ERR_INPUT, "it is a hard link to %.200s, which is a directory",
                       entry->link);
    return 0;
}

static int put_whiteout(struct hf_erofs_tree *tree, struct hf_erofs_place place,
                        struct hf_error *err)
{
    struct hf_erofs_inode whiteout = {
        .mode = S_IFCHR, .xattrs = HF_EROFS_NONE, .is_whiteout = true};
    uint32_t index = 0;
    uint32_t name = hf_erofs_tree_find(tree, place.directory, place.name.text, place.name.len);
    int rc = 0;

    if (name == HF_EROFS_NONE) {
        if ((rc = hf_erofs_tree_add_inode(tree, &whiteout, &index, err)) < 0 ||
            (rc = hf_erofs_tree_add_name(tree, place.directory, place.name.text, place.name.len,
                                         index, &name, err)) < 0)
            return rc;
    }
    tree->names[name].hides_lower = true;
    return 0;
}

/* The last component begins with ".wh.". */
static int take_whiteout(struct hf_erofs_tree *tree, struct hf_erofs_place place,
                         struct hf_error *err)
{
    if (begins_with(place.name, AUFS)) {
        tree->names[tree->inodes[place.directory].name].hides_lower = true;
        return 0;
    }
    place.name.text += strlen(WHITEOUT);
    place.name.len -= strlen(WHITEOUT);
    if (place.name.len == 0 || (place.name.len == 1 && place.name.text[0] == '.') ||
        (place.name.len == 2 && memcmp(place.name.text, "..", 2) == 0))
        return hf_fail(err, HF_ERR_INPUT, "it is a whiteout of nothing");
    return put_whiteout(tree, place, err);
}

enum kind {
    ORDINARY,
    MARK,    /* a whiteout, or what makes a directory opaque */
    IGNORED, /* what aufs keeps for itself */
};

/* What tree->path is, by its names. */
static int kind_of(const struct hf_erofs_tree *tree, enum kind *out, struct hf_error *err)
{
    struct hf_erofs_part way = {(const char *)tree->path.data, tree->path.len};

    *out = ORDINARY;
    while (way.len > 0) {
        struct hf_erofs_part part = hf_erofs_next_part(&way);
        bool is_last = way.len == 0;
        if (begins_with(part, AUFS) &&
            !(is_last && part.len == strlen(OPAQUE) && begins_with(part, OPAQUE))) {
            *out = IGNORED;
            return 0;
        }
        if (!begins_with(part, WHITEOUT))
            continue;
        if (!is_last)
            return hf_fail(err, HF_ERR_INPUT, "its path leads through a whiteout");
        *out = MARK;
    }
    return 0;
}

static int take_root(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                     struct hf_error *err)
{
    struct hf_erofs_inode inode;

    if (entry->type != HF_TAR_DIRECTORY)
        return hf_fail(err, HF_ERR_INPUT, "it takes the place of the root and is no directory");
    int rc = inode_from(tree, entry, &inode, err);
    if (rc < 0)
        return rc;
    renew_directory(tree, 0, &inode);
    return 0;
}

int hf_erofs_tree_take(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                       struct hf_error *err)
{
    struct hf_erofs_place place;
    enum kind kind = ORDINARY;
    uint32_t target = HF_EROFS_NONE;
    int rc;

    if ((rc = hf_tar_clean_path(entry->path, entry->path_len, &tree->path, err)) < 0 ||
        (rc = kind_of(tree, &kind, err)) < 0)
        return rc;
    if (kind == IGNORED)
        return 0;
    if (tree->path.len == 0)
        return take_root(tree, entry, err);
    if (entry->type == HF_TAR_HARDLINK && kind == ORDINARY) {
        if ((rc = find_target(tree, entry, &target, err)) < 0 ||
            (rc = hf_tar_clean_path(entry->path, entry->path_len, &tree->path, err)) < 0)
            return rc;
    }
    if ((rc = hf_erofs_walk(tree, HF_EROFS_MAKE_DIRECTORIES, &place, err)) < 0)
        return rc;
    if (kind == MARK)
        return take_whiteout(tree, place, err);
    if (target != HF_EROFS_NONE)
        return hf_erofs_set_name(tree, place, target, err);
    return put(tree, place, entry, err);
}
