/*
 * rootfs/file.c - a regular file, from its entry to its end.
 *
 * The owner is set before the data, everything else after it: writing takes capabilities and
 * set-ID bits away, and moves the time.
 */
#include "rootfs/tree.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

/* A new file; whatever has its name goes first. */
static int create(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                  struct hf_error *err)
{
    int rc = hf_sys_create(place.dir, name, &tree->fd);

    if (rc == -EEXIST) {
        rc = hf_tree_remove(tree, place, name, err);
        if (rc != 0)
            return rc;
        rc = hf_sys_create(place.dir, name, &tree->fd);
    }
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make", name);
}

/* The entry is gone when they can be set. */
static int keep_xattrs(struct hf_tree *tree, const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_buf *buf = &tree->file_xattrs;

    hf_buf_clear(buf);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct hf_tar_xattr *xattr = &entry->xattrs[i];
        uint64_t len = xattr->value_len;
        hf_buf_put(buf, xattr->name, xattr->name_len + 1);
        hf_buf_put(buf, &len, sizeof(len));
        hf_buf_put(buf, xattr->value, xattr->value_len);
    }
    return hf_buf_check(buf, err);
}

static int set_kept_xattrs(struct hf_tree *tree, struct hf_error *err)
{
    const struct hf_buf *buf = &tree->file_xattrs;
    int rc = 0;

    for (size_t off = 0; rc == 0 && off < buf->len;) {
        const char *name = (const char *)buf->data + off;
        uint64_t len;
        off += strlen(name) + 1;
        memcpy(&len, buf->data + off, sizeof(len));
        off += sizeof(len);
        rc = hf_tree_set_xattr(tree, tree->fd, NULL, name, buf->data + off, len, err);
        off += len;
    }
    return rc;
}

int hf_tree_begin_file(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                       const struct hf_tar_entry *entry, struct hf_error *err)
{
    int rc = create(tree, place, name, err);

    tree->file = (struct hf_tree_attrs){
        .mode = entry->mode, .mtime = {.sec = entry->mtime_sec, .nsec = entry->mtime_nsec}};
    tree->file_size = entry->size;
    tree->file_is_sparse = entry->is_sparse;
    if (rc == 0)
        rc = hf_tree_note_made(tree, place, name, err);
    if (rc == 0)
        rc = hf_tree_set_owner(tree, tree->fd, NULL, entry->uid, entry->gid, &tree->file.mode, err);
    return rc == 0 ? keep_xattrs(tree, entry, err) : rc;
}

int hf_tree_write_file(struct hf_tree *tree, uint64_t off, const void *data, size_t len,
                       struct hf_error *err)
{
    int rc = tree->fd < 0 ? 0 : hf_sys_write(tree->fd, data, len, off);

    return rc == 0 ? 0 : hf_fail_errno(err, rc, "write", "its data");
}

int hf_tree_end_file(struct hf_tree *tree, struct hf_error *err)
{
    int rc = 0;

    if (tree->fd < 0)
        return 0;
    /* A hole at the end, or nothing but holes. */
    if (tree->file_is_sparse)
        rc = hf_sys_set_size(tree->fd, tree->file_size);
    if (rc != 0)
        return hf_fail_errno(err, rc, "make the size of", "a sparse file");
    rc = set_kept_xattrs(tree, err);
    if (rc == 0)
        rc = hf_tree_set_attrs(tree->fd, NULL, &tree->file, true, err);
    if (rc != 0)
        return rc;
    rc = hf_sys_close(tree->fd);
    tree->fd = -1;
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "close", "a file");
}
