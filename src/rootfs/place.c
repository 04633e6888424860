/*
 * rootfs/place.c - from the path of an entry to the directory where it belongs.
 *
 * Most directories are there and are reached in one system call that follows no symlink. Else the
 * way is walked by component.
 *
 * Always true, while it is: `resolved` is the path of the open directory from the root, made of
 * real directories alone; `way` is what is left to walk. So ".." of a symlink's target takes back
 * the last component of `resolved`, stops at the root, and is never given to the kernel.
 */
#include "rootfs/tree.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

#define PATH_BYTES     4000u /* of a path for the kernel, which takes 4095 */
#define MAX_LINKS      40    /* symlinks on the way to one entry, as in Linux */
#define MAX_LINK_BYTES 4096u /* of their targets together */

enum missing { MAKE, FAIL };

struct walker {
    struct hf_tree *tree;
    enum missing missing;
    struct hf_tree_place at; /* owned */
    size_t way_off;
    int links;
    size_t link_bytes;
};

/* --- directories that are there --------------------------------------------------------------- */

static size_t piece_of(const char *path, size_t len)
{
    /* An empty path may be NULL; gcc does not see that it is short, too. */
    if (!path || len <= PATH_BYTES)
        return len;
    const char *slash = memrchr(path, '/', PATH_BYTES);
    return slash ? (size_t)(slash - path) : len;
}

/* `path` of real directories, however long. -errno. */
static int find(int root, const char *path, size_t len, int *out_fd)
{
    int fd = -1;
    int rc = hf_sys_find_dir(root, ".", &fd);

    while (rc == 0 && len > 0) {
        char piece[PATH_BYTES + 256];
        size_t part = piece_of(path, len);
        int next = -1;
        memcpy(piece, path, part);
        piece[part] = '\0';
        rc = hf_sys_find_dir(fd, piece, &next);
        hf_sys_drop(&fd);
        fd = next;
        part += part < len; /* the slash */
        path += part;
        len -= part;
    }
    if (rc == 0)
        *out_fd = fd;
    return rc;
}

static int set_ino(struct hf_tree_place *place, struct hf_error *err)
{
    struct stat stat;
    int rc = hf_sys_stat_fd(place->dir, &stat);

    if (rc != 0)
        return hf_fail_errno(err, rc, "look at", "a folder of the tree");
    place->ino = stat.st_ino;
    return 0;
}

/* --- by component ----------------------------------------------------------------------------- */

/* Takes the next component off; false at the end. */
static bool next_part(struct walker *walker, char name[256], struct hf_error *err, int *out_rc)
{
    const struct hf_buf *way = &walker->tree->way;
    size_t begin = walker->way_off;

    *out_rc = 0;
    while (begin < way->len && way->data[begin] == '/')
        begin++;
    size_t end = begin;
    while (end < way->len && way->data[end] != '/')
        end++;
    walker->way_off = end;
    if (end - begin > 255)
        *out_rc = hf_fail(err, HF_ERR_INPUT, "a symlink on its path has a name too long");
    if (begin == end || *out_rc != 0)
        return false;
    memcpy(name, way->data + begin, end - begin);
    name[end - begin] = '\0';
    return true;
}

/* Owns `dir`. */
static int move_to(struct walker *walker, int dir, struct hf_error *err)
{
    hf_sys_drop(&walker->at.dir);
    walker->at.dir = dir;
    return set_ino(&walker->at, err);
}

static int go_to_resolved(struct walker *walker, struct hf_error *err)
{
    const struct hf_buf *resolved = &walker->tree->resolved;
    int fd = -1;
    int rc = find(walker->tree->root, (const char *)resolved->data, resolved->len, &fd);

    if (rc != 0)
        return hf_fail_errno(err, rc, "open", "a folder of the tree");
    return move_to(walker, fd, err);
}

static int go_up(struct walker *walker, struct hf_error *err)
{
    struct hf_buf *resolved = &walker->tree->resolved;
    const uint8_t *slash = resolved->len > 0 ? memrchr(resolved->data, '/', resolved->len) : NULL;

    resolved->len = slash ? (size_t)(slash - resolved->data) : 0;
    return go_to_resolved(walker, err);
}

static int follow(struct walker *walker, const char *name, struct hf_error *err)
{
    struct hf_tree *tree = walker->tree;
    char target[MAX_LINK_BYTES];
    struct hf_buf longer = {0};
    size_t len = 0;
    int rc = hf_sys_read_link(walker->at.dir, name, target, sizeof(target), &len);

    if (rc != 0)
        return hf_fail_errno(err, rc, "read", name);
    walker->link_bytes += len;
    if (++walker->links > MAX_LINKS || walker->link_bytes > MAX_LINK_BYTES)
        return hf_fail(err, HF_ERR_INPUT, "its path leads through too many symlinks");
    hf_buf_put(&longer, target, len);
    hf_buf_put_u8(&longer, '/');
    hf_buf_put(&longer, tree->way.data + walker->way_off, tree->way.len - walker->way_off);
    rc = hf_buf_check(&longer, err);
    hf_buf_release(&tree->way);
    tree->way = longer;
    walker->way_off = 0;
    if (rc != 0 || target[0] != '/')
        return rc;
    tree->resolved.len = 0;
    return go_to_resolved(walker, err);
}

static int make(struct walker *walker, const char *name, struct hf_error *err)
{
    struct hf_tree *tree = walker->tree;
    static const struct hf_tree_attrs plain = {.mode = 0755};
    struct hf_tree_place made = {.dir = -1};
    int rc = hf_sys_make_dir(walker->at.dir, name);

    if (rc == 0)
        rc = hf_sys_find_dir(walker->at.dir, name, &made.dir);
    if (rc != 0)
        return hf_fail_errno(err, rc, "make the folder", name);
    rc = hf_tree_note_made(tree, walker->at, name, err);
    if (rc == 0)
        rc = set_ino(&made, err);
    if (rc == 0)
        rc = hf_tree_note_dir(tree, made.ino, &plain, err);
    if (rc != 0) {
        hf_sys_drop(&made.dir);
        return rc;
    }
    return move_to(walker, made.dir, err);
}

/* What is there is no directory. *out_followed: it was a symlink to follow. */
static int pass(struct walker *walker, const char *name, bool *out_followed, struct hf_error *err)
{
    struct stat stat;
    int rc = hf_sys_stat(walker->at.dir, name, &stat);

    *out_followed = false;
    if (rc == -ENOENT && walker->missing == FAIL)
        return HF_ERR_NOT_FOUND;
    if (rc != 0 && rc != -ENOENT)
        return hf_fail_errno(err, rc, "look at", name);
    bool is_made = rc == 0 && hf_tree_is_made(walker->tree, walker->at.ino, name);
    if (is_made && S_ISLNK(stat.st_mode)) {
        *out_followed = true;
        return follow(walker, name, err);
    }
    if (is_made)
        return hf_fail(err, HF_ERR_INPUT, "its path leads through %s, which is no directory", name);
    if (walker->missing == FAIL)
        return HF_ERR_NOT_FOUND;
    /* Of a lower layer, which this one hides. */
    if (rc == 0)
        rc = hf_tree_remove(walker->tree, walker->at, name, err);
    else
        rc = 0;
    return rc == 0 ? make(walker, name, err) : rc;
}

static int enter(struct walker *walker, const char *name, struct hf_error *err)
{
    struct hf_buf *resolved = &walker->tree->resolved;
    bool is_followed = false;
    int fd = -1;
    int rc = hf_sys_find_dir(walker->at.dir, name, &fd);

    if (rc == 0)
        rc = move_to(walker, fd, err);
    else if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP)
        rc = pass(walker, name, &is_followed, err);
    else
        rc = hf_fail_errno(err, rc, "open", name);
    if (rc != 0 || is_followed)
        return rc;
    if (resolved->len > 0)
        hf_buf_put_u8(resolved, '/');
    hf_buf_put_text(resolved, name);
    return hf_buf_check(resolved, err);
}

static int walk(struct hf_tree *tree, const char *path, size_t len, enum missing missing,
                struct hf_tree_place *out, struct hf_error *err)
{
    struct walker walker = {.tree = tree, .missing = missing, .at = {.dir = -1}};
    char name[256];

    hf_buf_clear(&tree->way);
    hf_buf_put(&tree->way, path, len);
    hf_buf_clear(&tree->resolved);
    int rc = hf_buf_check(&tree->way, err);
    if (rc == 0)
        rc = go_to_resolved(&walker, err);
    while (rc == 0 && next_part(&walker, name, err, &rc)) {
        if (strcmp(name, ".") == 0)
            continue;
        rc = strcmp(name, "..") == 0 ? go_up(&walker, err) : enter(&walker, name, err);
    }
    if (rc == 0)
        *out = walker.at;
    else
        hf_sys_drop(&walker.at.dir);
    return rc;
}

/* --- the two that are asked for --------------------------------------------------------------- */

/* `path` gets its NUL; the length of what is before the name, and the name. */
static int split(struct hf_buf *path, size_t *out_len, const char **out_name, struct hf_error *err)
{
    const char *text = hf_buf_text(path);

    if (!text)
        return hf_buf_check(path, err);
    const char *slash = memrchr(text, '/', path->len);
    *out_len = slash ? (size_t)(slash - text) : 0;
    *out_name = slash ? slash + 1 : text;
    return 0;
}

static int reach(struct hf_tree *tree, const char *path, size_t len, enum missing missing,
                 struct hf_tree_place *out, struct hf_error *err)
{
    struct hf_tree_place place = {.dir = -1};

    if (find(tree->root, path, len, &place.dir) != 0)
        return walk(tree, path, len, missing, out, err);
    int rc = set_ino(&place, err);
    if (rc == 0)
        *out = place;
    else
        hf_sys_drop(&place.dir);
    return rc;
}

int hf_tree_parent(struct hf_tree *tree, struct hf_tree_place *out, const char **out_name,
                   struct hf_error *err)
{
    size_t len = 0;
    int rc = split(&tree->path, &len, out_name, err);

    if (rc != 0)
        return rc;
    bool is_same = tree->parent.dir >= 0 && !tree->parent_is_stale &&
                   tree->parent_path.len == len &&
                   (len == 0 || memcmp(tree->parent_path.data, tree->path.data, len) == 0);
    if (!is_same) {
        hf_sys_drop(&tree->parent.dir);
        rc = reach(tree, (const char *)tree->path.data, len, MAKE, &tree->parent, err);
        hf_buf_clear(&tree->parent_path);
        hf_buf_put(&tree->parent_path, tree->path.data, len);
        if (rc == 0)
            rc = hf_buf_check(&tree->parent_path, err);
        tree->parent_is_stale = false;
    }
    *out = tree->parent;
    return rc;
}

int hf_tree_find(struct hf_tree *tree, struct hf_tree_place *out, const char **out_name,
                 struct hf_error *err)
{
    size_t len = 0;
    int rc = split(&tree->link, &len, out_name, err);

    return rc == 0 ? reach(tree, (const char *)tree->link.data, len, FAIL, out, err) : rc;
}
