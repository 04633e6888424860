/*
 * rootfs/walk.c - walks a tree without recursion.
 *
 * Always true:
 *  (1) `levels` has one element for each directory from the root to the open one, `names` the names
 *      of directories that were found on these levels and are still to be entered, the deepest
 *      level's last; the name of the open directory is on top of those of its parent;
 *  (2) the way up is "..", and what it led to is the directory that the walk came from, by its
 *      device and inode: a directory that somebody moves meanwhile leads nowhere else.
 */
#include "rootfs/walk.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "rootfs/sys.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_BYTES 32768u

struct level {
    dev_t dev;
    ino_t ino;
    size_t names_off; /* where the names of this level begin */
};

struct walk {
    const struct hf_walk_visitor *visitor;
    int fd; /* the directory of the last level */
    struct level *levels;
    size_t count;
    size_t capacity;
    struct hf_buf names; /* each ended by NUL */
    char *space;
};

static int fail(struct hf_error *err, int rc, const char *verb, const char *name)
{
    return hf_fail_errno(err, rc, verb, name);
}

/* The last one, without taking it away; NULL when the level has none left. */
static const char *top_name(const struct walk *walk, size_t level)
{
    const char *names = (const char *)walk->names.data;
    size_t begin = walk->names.len;

    if (begin == walk->levels[level].names_off)
        return NULL;
    begin--;
    while (begin > walk->levels[level].names_off && names[begin - 1] != '\0')
        begin--;
    return names + begin;
}

static int is_directory(int dir, const struct dirent64 *entry, bool *out)
{
    struct stat stat;
    int rc = 0;

    *out = entry->d_type == DT_DIR;
    if (entry->d_type != DT_UNKNOWN)
        return 0;
    rc = hf_sys_stat(dir, entry->d_name, &stat);
    *out = rc == 0 && S_ISDIR(stat.st_mode);
    return rc;
}

static int see(struct walk *walk, const struct dirent64 *entry, struct hf_error *err)
{
    const struct hf_walk_place place = {
        .dir = walk->fd, .dir_ino = walk->levels[walk->count - 1].ino, .name = entry->d_name};
    bool is_dir = false;

    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    int rc = is_directory(walk->fd, entry, &is_dir);
    if (rc != 0)
        return fail(err, rc, "look at", entry->d_name);
    if (is_dir) {
        hf_buf_put(&walk->names, entry->d_name, strlen(entry->d_name) + 1);
        return hf_buf_check(&walk->names, err);
    }
    return walk->visitor->leaf ? walk->visitor->leaf(walk->visitor->arg, &place, err) : 0;
}

static int read_level(struct walk *walk, struct hf_error *err)
{
    size_t len = 1;
    int rc = 0;

    while (rc == 0 && len > 0) {
        rc = hf_sys_read_dir(walk->fd, walk->space, SPACE_BYTES, &len);
        if (rc != 0)
            return fail(err, rc, "read", "a folder");
        for (size_t off = 0; rc == 0 && off < len;) {
            /* The kernel aligns them. */
            const struct dirent64 *entry = (const void *)(walk->space + off);
            rc = see(walk, entry, err);
            off += entry->d_reclen;
        }
    }
    return rc;
}

/* `fd` becomes the open directory and is owned on every path. */
static int enter(struct walk *walk, int fd, struct hf_error *err)
{
    struct stat stat;
    int rc = hf_sys_stat_fd(fd, &stat);

    if (walk->fd >= 0)
        hf_sys_drop(&walk->fd);
    walk->fd = fd;
    if (rc != 0)
        return fail(err, rc, "look at", "a folder");
    rc = hf_array_grow(&walk->levels, &walk->capacity, walk->count, sizeof(*walk->levels), err);
    if (rc != 0)
        return rc;
    walk->levels[walk->count++] =
        (struct level){.dev = stat.st_dev, .ino = stat.st_ino, .names_off = walk->names.len};
    if (walk->visitor->enter)
        rc = walk->visitor->enter(walk->visitor->arg, fd, err);
    return rc == 0 ? read_level(walk, err) : rc;
}

/* A directory that its owner may not read is opened all the same; root never comes here. */
static int open_child(int dir, const char *name, int *out_fd)
{
    int rc = hf_sys_open_dir(dir, name, out_fd);
    struct stat stat;

    if (rc != -EACCES || hf_sys_stat(dir, name, &stat) != 0 || !S_ISDIR(stat.st_mode))
        return rc;
    rc = hf_sys_set_mode(dir, name, 0700);
    return rc == 0 ? hf_sys_open_dir(dir, name, out_fd) : rc;
}

static int go_up(struct walk *walk, struct hf_error *err)
{
    const struct level *above = &walk->levels[walk->count - 2];
    struct hf_walk_place place = {.dir = -1, .dir_ino = above->ino};
    uint64_t ino = walk->levels[walk->count - 1].ino;
    struct stat stat;
    int rc = hf_sys_open_above(walk->fd, &place.dir);

    if (rc == 0)
        rc = hf_sys_stat_fd(place.dir, &stat);
    if (rc == 0 && (stat.st_dev != above->dev || stat.st_ino != above->ino)) /* (2) */
        rc = -ESTALE;
    place.name = top_name(walk, walk->count - 2);
    if (rc == 0)
        rc = walk->visitor->leave(walk->visitor->arg, &place, walk->fd, ino, err);
    else
        rc = fail(err, rc, "leave", place.name);
    walk->names.len -= strlen(place.name) + 1;
    hf_sys_drop(&walk->fd);
    walk->fd = place.dir;
    walk->count--;
    return rc;
}

static int step(struct walk *walk, struct hf_error *err)
{
    const char *name = top_name(walk, walk->count - 1);
    int fd = -1;

    if (!name)
        return go_up(walk, err);
    int rc = open_child(walk->fd, name, &fd);
    return rc == 0 ? enter(walk, fd, err) : fail(err, rc, "open", name);
}

int hf_walk(int root, const struct hf_walk_visitor *visitor, struct hf_error *err)
{
    struct walk walk = {.visitor = visitor, .fd = -1, .space = malloc(SPACE_BYTES)};
    int fd = -1;
    int rc = walk.space ? 0 : hf_fail_memory(err);

    if (rc == 0) {
        rc = hf_sys_open_dir(root, ".", &fd);
        rc = rc == 0 ? enter(&walk, fd, err) : fail(err, rc, "open", "a folder");
    }
    while (rc == 0 && (walk.count > 1 || top_name(&walk, 0)))
        rc = step(&walk, err);
    hf_sys_drop(&walk.fd);
    hf_buf_release(&walk.names);
    free(walk.levels);
    free(walk.space);
    return rc;
}
