/* erofs/walk.c - from a path to its place in the tree. */
#include "erofs/walk.h"

#include "base/error.h"

#include <string.h>

/* On the way to one entry. The bytes are of all targets: short entries must not cost long walks. */
#define MAX_LINKS      40
#define MAX_LINK_BYTES 4096

struct hf_erofs_part hf_erofs_next_part(struct hf_erofs_part *path)
{
    while (path->len > 0 && path->text[0] == '/') {
        path->text++;
        path->len--;
    }
    const char *slash = path->len > 0 ? memchr(path->text, '/', path->len) : NULL;
    struct hf_erofs_part part = {path->text, slash ? (size_t)(slash - path->text) : path->len};
    path->text += part.len;
    path->len -= part.len;
    return part;
}

uint32_t hf_erofs_look_up(const struct hf_erofs_tree *tree, struct hf_erofs_place place)
{
    uint32_t name = hf_erofs_tree_find(tree, place.directory, place.name.text, place.name.len);

    if (name == HF_EROFS_NONE || tree->inodes[tree->names[name].inode].is_whiteout)
        return HF_EROFS_NONE;
    return tree->names[name].inode;
}

int hf_erofs_set_name(struct hf_erofs_tree *tree, struct hf_erofs_place place, uint32_t inode,
                      struct hf_error *err)
{
    uint32_t name = hf_erofs_tree_find(tree, place.directory, place.name.text, place.name.len);

    if (name == HF_EROFS_NONE)
        return hf_erofs_tree_add_name(tree, place.directory, place.name.text, place.name.len, inode,
                                      &name, err);
    tree->names[name].inode = inode;
    if (hf_erofs_is(&tree->inodes[inode], S_IFDIR))
        tree->inodes[inode].name = name;
    return 0;
}

static int make_directory(struct hf_erofs_tree *tree, struct hf_erofs_place place, uint32_t *out,
                          struct hf_error *err)
{
    struct hf_erofs_inode directory = hf_erofs_plain_directory();
    int rc = hf_erofs_tree_add_inode(tree, &directory, out, err);

    return rc < 0 ? rc : hf_erofs_set_name(tree, place, *out, err);
}

/* From now on `way` leads through the target of a symlink. */
static int follow(struct hf_erofs_tree *tree, uint32_t symlink, struct hf_erofs_part *way,
                  size_t *walked, uint32_t *directory, struct hf_error *err)
{
    const struct hf_erofs_inode *inode = &tree->inodes[symlink];
    const uint8_t *target = hf_erofs_tree_bytes(tree, inode->data);
    struct hf_buf longer = {0};

    *walked += inode->size;
    if (*walked > MAX_LINK_BYTES)
        return hf_fail(err, HF_ERR_INPUT, "its path leads through too many symlinks");
    if (target[0] == '/')
        *directory = 0;
    hf_buf_put(&longer, target, inode->size);
    hf_buf_put_u8(&longer, '/');
    hf_buf_put(&longer, way->text, way->len); /* may lie in tree->way */
    int rc = hf_buf_check(&longer, err);
    hf_buf_release(&tree->way);
    tree->way = longer;
    *way = (struct hf_erofs_part){(const char *)longer.data, longer.len};
    return rc;
}

/* One step down from `place` into what has its name. */
static int enter(struct hf_erofs_tree *tree, struct hf_erofs_place place,
                 enum hf_erofs_missing missing, uint32_t *out, struct hf_error *err)
{
    uint32_t inode = hf_erofs_look_up(tree, place);

    if (inode != HF_EROFS_NONE) {
        *out = inode;
        return 0;
    }
    return missing == HF_EROFS_MAKE_DIRECTORIES ? make_directory(tree, place, out, err)
                                                : HF_ERR_NOT_FOUND;
}

int hf_erofs_walk(struct hf_erofs_tree *tree, enum hf_erofs_missing missing,
                  struct hf_erofs_place *out, struct hf_error *err)
{
    struct hf_erofs_part way = {(const char *)tree->path.data, tree->path.len};
    struct hf_erofs_place place = {.directory = 0};
    size_t walked = 0;
    int links = 0;

    for (;;) {
        uint32_t inode = 0;
        place.name = hf_erofs_next_part(&way);
        if (way.len == 0)
            break;
        if (place.name.len == 1 && place.name.text[0] == '.')
            continue;
        if (place.name.len == 2 && memcmp(place.name.text, "..", 2) == 0) {
            place.directory = tree->names[tree->inodes[place.directory].name].parent;
            continue;
        }
        int rc = enter(tree, place, missing, &inode, err);
        if (rc < 0)
            return rc;
        if (hf_erofs_is(&tree->inodes[inode], S_IFLNK)) {
            if (++links > MAX_LINKS)
                return hf_fail(err, HF_ERR_INPUT, "its path leads through too many symlinks");
            rc = follow(tree, inode, &way, &walked, &place.directory, err);
            if (rc < 0)
                return rc;
        } else if (hf_erofs_is(&tree->inodes[inode], S_IFDIR)) {
            place.directory = inode;
        } else {
            return hf_fail(err, HF_ERR_INPUT, "its path leads through %.*s, which is no directory",
                           (int)place.name.len, place.name.text);
        }
    }
    *out = place;
    return 0;
}
