/*
 * rootfs/upper_entry.c - looks at one name, without following it anywhere.
 *
 * Files and folders are opened and looked at again through the descriptor, so that what is read is
 * what was judged. Links and devices are never opened.
 */
#include "rootfs/upper_entry.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int hf_upper_changed(const char *path, struct hf_error *err)
{
    return hf_fail(err, HF_ERR_BUSY,
                   "%s changed while it was read; nobody may write to a directory while it is "
                   "committed",
                   path);
}

/* What is read tells nothing by its time of access; all else moves the time of change. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

int hf_upper_check_same(int fd, const struct stat *before, const char *path, struct hf_error *err)
{
    struct stat now;

    if (fstat(fd, &now) != 0)
        return hf_fail_errno(err, -errno, "look at", path);
    return is_same(before, &now) ? 0 : hf_upper_changed(path, err);
}

static int open_entry(struct hf_upper_entry *entry, int dir, const char *name, const char *path,
                      struct hf_error *err)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
        return hf_upper_changed(path, err);
    if (fd < 0)
        return hf_fail_errno(err, -errno, "open", path);
    int rc = hf_upper_check_same(fd, &entry->stat, path, err);
    if (rc != 0) {
        close(fd); /* was only looked at */
        return rc;
    }
    entry->fd = fd;
    return 0;
}

static int read_target(struct hf_upper_entry *entry, int dir, const char *name, const char *path,
                       struct hf_error *err)
{
    ssize_t len = readlinkat(dir, name, entry->target, sizeof(entry->target));

    if (len < 0 && (errno == ENOENT || errno == EINVAL))
        return hf_upper_changed(path, err);
    if (len < 0)
        return hf_fail_errno(err, -errno, "read the link", path);
    if ((size_t)len != (size_t)entry->stat.st_size || (size_t)len >= sizeof(entry->target))
        return hf_upper_changed(path, err);
    entry->target[len] = '\0';
    return 0;
}

static bool is_device_0_0(const struct stat *stat)
{
    return S_ISCHR(stat->st_mode) && stat->st_rdev == makedev(0, 0);
}

int hf_upper_look(struct hf_upper_entry *entry, int dir, const char *name, const char *path,
                  struct hf_error *err)
{
    struct stat *stat = &entry->stat;
    int rc = 0;

    entry->kind = HF_UPPER_ORDINARY;
    if (fstatat(dir, name, stat, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? hf_upper_changed(path, err)
                               : hf_fail_errno(err, -errno, "look at", path);
    if (is_device_0_0(stat)) {
        entry->kind = HF_UPPER_WHITEOUT;
        return 0;
    }
    if (S_ISSOCK(stat->st_mode)) {
        entry->kind = HF_UPPER_SOCKET;
        return 0;
    }
    if (S_ISREG(stat->st_mode) || S_ISDIR(stat->st_mode))
        rc = open_entry(entry, dir, name, path, err);
    else if (S_ISLNK(stat->st_mode))
        rc = read_target(entry, dir, name, path, err);
    if (rc == 0)
        rc = hf_upper_xattrs_read(&entry->xattrs, entry->fd, dir, name, path, err);
    if (rc == 0 && entry->xattrs.is_whiteout && S_ISREG(stat->st_mode) && stat->st_size == 0)
        entry->kind = HF_UPPER_WHITEOUT;
    return rc;
}
