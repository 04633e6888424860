/*
 * rootfs/sys.c - every system call on files outside of the store that unpacking makes.
 *
 * io/io.h is for the store: plain files and directories, a simulator behind it. A root file system
 * has devices, links, owners and attributes, and what it must never do is leave its folder. So it
 * has calls of its own, and they are all here.
 *
 * Always true:
 *  (1) a path is opened by openat2(2), which stops at a symlink and at the border of the directory
 *      it begins in (hf_sys_open_in_root: follows, and cannot leave). Linux 5.6 has it; there is no
 *      way around it for older ones;
 *  (2) everything else takes a directory and one component, and acts on that entry itself.
 */
#include "rootfs/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define INSIDE  (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
/* The kernel gives up a walk with ".." when something is renamed anywhere meanwhile. */
#define TRIES 1000

static int result(long rc)
{
    return rc < 0 ? -errno : 0;
}

static int open_at(int dir, const char *path, uint64_t flags, uint64_t resolve, int *out_fd)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    long fd = -1;

    if (flags & O_CREAT)
        how.mode = 0600;
    for (int i = 0; i < TRIES && fd < 0; i++) {
        fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    if (fd >= 0)
        *out_fd = (int)fd;
    return result(fd);
}

/* --- directories ------------------------------------------------------------------------------ */

int hf_sys_find_dir(int dir, const char *path, int *out_fd)
{
    return open_at(dir, path, O_PATH | O_DIRECTORY, INSIDE, out_fd);
}

int hf_sys_open_dir(int dir, const char *path, int *out_fd)
{
    return open_at(dir, path, O_RDONLY | O_DIRECTORY, INSIDE, out_fd);
}

int hf_sys_open_above(int dir, int *out_fd)
{
    int fd = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        *out_fd = fd;
    return result(fd);
}

int hf_sys_open_path(const char *path, int *out_fd)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        *out_fd = fd;
    return result(fd);
}

int hf_sys_make_dir(int dir, const char *name)
{
    return result(mkdirat(dir, name, 0700));
}

int hf_sys_remove_dir(int dir, const char *name)
{
    return result(unlinkat(dir, name, AT_REMOVEDIR));
}

int hf_sys_read_dir(int dir, void *space, size_t size, size_t *out_len)
{
    long len = syscall(SYS_getdents64, dir, space, size);

    if (len >= 0)
        *out_len = (size_t)len;
    return result(len);
}

/* --- files ------------------------------------------------------------------------------------ */

int hf_sys_create(int dir, const char *name, int *out_fd)
{
    return open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, INSIDE, out_fd);
}

int hf_sys_write(int fd, const void *data, size_t len, uint64_t off)
{
    const char *bytes = data;

    while (len > 0) {
        ssize_t done = pwrite(fd, bytes, len, (off_t)off);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        bytes += done;
        off += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

int hf_sys_set_size(int fd, uint64_t size)
{
    return result(ftruncate(fd, (off_t)size));
}

int hf_sys_close(int fd)
{
    return result(close(fd));
}

void hf_sys_drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int hf_sys_open_in_root(int root, const char *path, int *out_fd)
{
    struct stat stat;
    int fd = -1;
    int rc = open_at(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, IN_ROOT, &fd);

    if (rc == 0)
        rc = result(fstat(fd, &stat));
    if (rc == 0 && !S_ISREG(stat.st_mode))
        rc = -ENOENT;
    if (rc == 0)
        *out_fd = fd;
    else
        hf_sys_drop(&fd);
    return rc;
}

int hf_sys_read(int fd, void *data, size_t size, uint64_t off, size_t *out_len)
{
    ssize_t len;

    do {
        len = pread(fd, data, size, (off_t)off);
    } while (len < 0 && errno == EINTR);
    if (len >= 0)
        *out_len = (size_t)len;
    return result(len);
}

int hf_sys_link(int from_dir, const char *from, int dir, const char *name)
{
    return result(linkat(from_dir, from, dir, name, 0));
}

int hf_sys_symlink(const char *target, int dir, const char *name)
{
    return result(symlinkat(target, dir, name));
}

int hf_sys_read_link(int dir, const char *name, char *target, size_t size, size_t *out_len)
{
    ssize_t len = readlinkat(dir, name, target, size);

    if (len >= 0)
        *out_len = (size_t)len;
    return result(len);
}

int hf_sys_make_node(int dir, const char *name, uint32_t type, uint32_t major, uint32_t minor)
{
    return result(mknodat(dir, name, type | 0600, makedev(major, minor)));
}

int hf_sys_unlink(int dir, const char *name)
{
    return result(unlinkat(dir, name, 0));
}

/* --- what is known of a file ------------------------------------------------------------------ */

int hf_sys_stat(int dir, const char *name, struct stat *out)
{
    return result(fstatat(dir, name, out, AT_SYMLINK_NOFOLLOW));
}

int hf_sys_stat_fd(int fd, struct stat *out)
{
    return result(fstat(fd, out));
}

int hf_sys_set_owner(int dir, const char *name, uint32_t uid, uint32_t gid)
{
    return result(name ? fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW)
                       : fchown(dir, uid, gid));
}

int hf_sys_set_times(int dir, const char *name, struct hf_sys_times mtime)
{
    const struct timespec time = {.tv_sec = mtime.sec, .tv_nsec = mtime.nsec};
    const struct timespec times[2] = {time, time};

    return result(name ? utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) : futimens(dir, times));
}

/* fchmodat follows; callers have just made what they name, and it is no symlink. */
int hf_sys_set_mode(int dir, const char *name, uint32_t mode)
{
    return result(name ? fchmodat(dir, name, mode, 0) : fchmod(dir, mode));
}

/* Linux has no lsetxattrat before 6.13; the directory's descriptor leads there by /proc. */
int hf_sys_set_xattr(int dir, const char *name, const char *key, const void *value, size_t len)
{
    char path[32 + 256];

    if (!name)
        return result(fsetxattr(dir, key, value, len, 0));
    snprintf(path, sizeof(path), "/proc/self/fd/%d/%.255s", dir, name);
    return result(lsetxattr(path, key, value, len, 0));
}

int hf_sys_list_xattrs(int fd, char *names, size_t size, size_t *out_len)
{
    ssize_t len = flistxattr(fd, names, size);

    if (len >= 0)
        *out_len = (size_t)len;
    return result(len);
}

int hf_sys_drop_xattr(int fd, const char *key)
{
    return result(fremovexattr(fd, key));
}

bool hf_sys_is_own(uint32_t uid, uint32_t gid)
{
    return uid == geteuid() && gid == getegid();
}

bool hf_sys_is_root(void)
{
    return geteuid() == 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

int hf_sys_lock(int fd)
{
    return result(flock(fd, LOCK_EX | LOCK_NB));
}

int hf_sys_random(uint64_t *out)
{
    return getrandom(out, sizeof(*out), 0) == sizeof(*out) ? 0 : -EIO;
}

int hf_sys_sync_all(int fd)
{
    return result(syncfs(fd));
}

int hf_sys_sync(int fd)
{
    return result(fsync(fd));
}

int hf_sys_rename(int dir, const char *from, const char *to)
{
    return result(renameat(dir, from, dir, to));
}
