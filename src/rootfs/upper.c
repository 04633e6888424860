/*
 * rootfs/upper.c - the walk through an upper directory.
 *
 * A stack of open folders, the one that is read on top; each has its names, sorted, and where it
 * stands among them. Everything is reached from the folder above it by one component, so nothing
 * outside the directory is ever read, whatever somebody does to links meanwhile.
 *
 * Always true:
 *  (1) a folder and what is in it are read from the descriptor that was judged;
 *  (2) a file or folder whose times have moved between the first look and the last ends the walk:
 *      what was written of it may be half old, half new.
 */
#include "rootfs/upper.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/digest_map.h"
#include "base/error.h"
#include "image/lists.h"
#include "rootfs/layer_tar.h"
#include "rootfs/upper_entry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (1024u * 1024u)
#define MARK        ".wh."
#define MARK_OPAQUE ".wh..wh..opq"

struct folder {
    int fd;
    struct stat stat;
    struct hf_text_list names;
    size_t next;
    size_t path_len; /* of its own path, with the slash */
};

struct walk {
    struct hf_layer_tar *tar;
    struct hf_upper_report *report;
    struct folder *folders;
    size_t depth, capacity;
    struct hf_buf path; /* from the directory: "usr/bin/" or "usr/bin/sh" */
    struct hf_upper_entry entry;
    struct hf_digest_map inodes; /* SHA-256 of device and inode: place in first_paths */
    struct hf_text_list first_paths;
    uint8_t *piece;
};

/* --- folders ---------------------------------------------------------------------------------- */

static int add_name(struct folder *folder, const char *name, const char *path, struct hf_error *err)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (folder->names.count >= HF_UPPER_NAMES_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "%s has more than %u names", path, HF_UPPER_NAMES_MAX);
    return hf_text_list_add(&folder->names, name, err);
}

static int read_names(struct folder *folder, const char *path, struct hf_error *err)
{
    int copy = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *found;
    int rc = dir ? 0 : hf_fail_errno(err, -errno, "read the folder", path);

    if (!dir && copy >= 0)
        close(copy);
    while (rc == 0 && (errno = 0, found = readdir(dir)) != NULL)
        rc = add_name(folder, found->d_name, path, err);
    if (rc == 0 && errno != 0)
        rc = hf_fail_errno(err, -errno, "read the folder", path);
    if (dir)
        closedir(dir); /* was only read */
    hf_text_list_sort(&folder->names);
    return rc;
}

/* `fd` is taken on every path. */
static int enter(struct walk *walk, int fd, const struct stat *stat, const char *path,
                 struct hf_error *err)
{
    int rc = walk->depth <= HF_UPPER_DEPTH_MAX
                 ? hf_array_grow(&walk->folders, &walk->capacity, walk->depth,
                                 sizeof(*walk->folders), err)
                 : hf_fail(err, HF_ERR_LIMIT, "%.200s...: more than %u folders in one another",
                           path, HF_UPPER_DEPTH_MAX);

    if (rc != 0) {
        close(fd);
        return rc;
    }
    struct folder *folder = &walk->folders[walk->depth++];
    *folder = (struct folder){.fd = fd, .stat = *stat, .path_len = walk->path.len};
    return read_names(folder, path, err);
}

static void leave(struct walk *walk)
{
    struct folder *folder = &walk->folders[--walk->depth];

    close(folder->fd); /* was only read */
    hf_text_list_release(&folder->names);
}

/* --- entries ---------------------------------------------------------------------------------- */

/* The path of a name in the folder on top, for the tar and for messages. Borrowed. */
static const char *path_of(struct walk *walk, const char *prefix, const char *name)
{
    walk->path.len = walk->folders[walk->depth - 1].path_len;
    hf_buf_put_text(&walk->path, prefix);
    hf_buf_put_text(&walk->path, name);
    return hf_buf_text(&walk->path);
}

/* *out NULL: it has one name only, or this is the first that is met. */
static int find_first(struct walk *walk, const char *path, const char **out, struct hf_error *err)
{
    const struct stat *stat = &walk->entry.stat;
    const uint64_t inode[2] = {stat->st_dev, stat->st_ino};
    struct hf_digest key;
    size_t at;

    *out = NULL;
    if (stat->st_nlink < 2 || S_ISDIR(stat->st_mode))
        return 0;
    hf_digest_of(inode, sizeof(inode), &key);
    if (hf_digest_map_get(&walk->inodes, &key, &at)) {
        *out = walk->first_paths.items[at];
        return 0;
    }
    if (walk->first_paths.count >= HF_UPPER_NAMES_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "more than %u files have hard links", HF_UPPER_NAMES_MAX);
    int rc = hf_digest_map_put(&walk->inodes, &key, walk->first_paths.count, err);
    return rc == 0 ? hf_text_list_add(&walk->first_paths, path, err) : rc;
}

static int write_file(struct walk *walk, const char *path, struct hf_error *err)
{
    const struct hf_upper_entry *entry = &walk->entry;
    uint64_t left = (uint64_t)entry->stat.st_size;
    int rc = 0;

    while (rc == 0 && left > 0) {
        size_t want = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        ssize_t len = read(entry->fd, walk->piece, want);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return hf_fail_errno(err, -errno, "read", path);
        if (len == 0)
            return hf_upper_changed(path, err);
        rc = hf_layer_tar_write(walk->tar, walk->piece, (size_t)len, err);
        left -= (uint64_t)len;
    }
    return rc == 0 ? hf_upper_check_same(entry->fd, &entry->stat, path, err) : rc; /* (2) */
}

static int write_folder(struct walk *walk, const char *name, struct hf_error *err)
{
    const struct hf_upper_entry *entry = &walk->entry;
    const char *path = path_of(walk, name, "/");
    int fd = entry->fd;

    walk->entry.fd = -1; /* goes to the stack */
    int rc = path ? enter(walk, fd, &entry->stat, path, err) : hf_fail_memory(err);
    if (!path)
        close(fd);
    if (rc != 0 || !entry->xattrs.is_opaque)
        return rc;
    path = path_of(walk, MARK_OPAQUE, "");
    return path ? hf_layer_tar_mark(walk->tar, path, &entry->stat.st_mtim, err)
                : hf_fail_memory(err);
}

static int write_ordinary(struct walk *walk, const char *name, const char *path,
                          struct hf_error *err)
{
    const mode_t mode = walk->entry.stat.st_mode;
    const char *first = NULL;

    if (strncmp(name, MARK, strlen(MARK)) == 0)
        return hf_fail(err, HF_ERR_UNSUPPORTED,
                       "%s: in a layer, a name that begins with " MARK " deletes something", path);
    int rc = find_first(walk, path, &first, err);
    if (rc == 0)
        rc = hf_layer_tar_begin(walk->tar, path, &walk->entry, first, err);
    if (rc != 0 || first)
        return rc;
    if (S_ISDIR(mode))
        return write_folder(walk, name, err);
    return S_ISREG(mode) ? write_file(walk, path, err) : 0;
}

static int write_whiteout(struct walk *walk, const char *name, struct hf_error *err)
{
    const char *path = path_of(walk, MARK, name);

    return path ? hf_layer_tar_mark(walk->tar, path, &walk->entry.stat.st_mtim, err)
                : hf_fail_memory(err);
}

static void skip_socket(struct walk *walk, const char *path)
{
    struct hf_upper_report *report = walk->report;

    if (report->socket_count++ == 0)
        snprintf(report->first_socket, sizeof(report->first_socket), "%.255s", path);
}

static int write_entry(struct walk *walk, const char *name, struct hf_error *err)
{
    const char *path = path_of(walk, name, "");
    int dir = walk->folders[walk->depth - 1].fd;
    int rc = path ? hf_upper_look(&walk->entry, dir, name, path, err) : hf_fail_memory(err);

    if (rc == 0 && walk->entry.kind == HF_UPPER_ORDINARY)
        rc = write_ordinary(walk, name, path, err);
    else if (rc == 0 && walk->entry.kind == HF_UPPER_WHITEOUT)
        rc = write_whiteout(walk, name, err);
    else if (rc == 0)
        skip_socket(walk, path);
    if (walk->entry.fd >= 0)
        close(walk->entry.fd); /* was only read */
    walk->entry.fd = -1;
    return rc;
}

/* --- the walk --------------------------------------------------------------------------------- */

static int step(struct walk *walk, struct hf_error *err)
{
    struct folder *folder = &walk->folders[walk->depth - 1];

    if (folder->next < folder->names.count)
        return write_entry(walk, folder->names.items[folder->next++], err);
    walk->path.len = folder->path_len;
    const char *path = folder->path_len > 0 ? hf_buf_text(&walk->path) : "the directory";
    int rc = path ? hf_upper_check_same(folder->fd, &folder->stat, path, err) /* (2) */
                  : hf_fail_memory(err);
    leave(walk);
    return rc;
}

static int enter_root(struct walk *walk, const char *path, struct hf_error *err)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return hf_fail_errno(err, -errno, "open the folder", path);
    if (fstat(fd, &stat) != 0) {
        int rc = hf_fail_errno(err, -errno, "look at", path);
        close(fd);
        return rc;
    }
    return enter(walk, fd, &stat, path, err);
}

static void release(struct walk *walk)
{
    while (walk->depth > 0)
        leave(walk);
    free(walk->folders);
    free(walk->piece);
    hf_buf_release(&walk->path);
    hf_upper_xattrs_release(&walk->entry.xattrs);
    hf_digest_map_release(&walk->inodes);
    hf_text_list_release(&walk->first_paths);
    hf_layer_tar_free(walk->tar);
}

int hf_upper_read(const char *path, hf_upper_fn *fn, void *arg, struct hf_upper_report *out,
                  struct hf_error *err)
{
    struct walk walk = {.report = out, .entry.fd = -1, .piece = malloc(PIECE_BYTES)};
    int rc = walk.piece ? hf_layer_tar_new(fn, arg, &walk.tar, err) : hf_fail_memory(err);

    if (rc == 0)
        rc = enter_root(&walk, path, err);
    while (rc == 0 && walk.depth > 0)
        rc = step(&walk, err);
    if (rc == 0)
        rc = hf_layer_tar_finish(walk.tar, err);
    release(&walk);
    return rc;
}
