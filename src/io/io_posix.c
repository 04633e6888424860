/*
 * io/io_posix.c - the table of operations as Linux system calls: files, folders and locks. A store
 * makes none but these and those of posix_system.c.
 *
 * Always true:
 *  (1) a path under a directory descriptor lies in a store, whose entries are untrusted: its last
 *      component is never followed when it is a symbolic link, and opening it never waits for the
 *      other end of a pipe. A path from the working directory is the user's own and is followed;
 *  (2) no descriptor survives exec;
 *  (3) locks belong to the open file description, not to the process: closing another descriptor of
 *      the same file drops nothing, and threads exclude each other.
 */
#include "io/io.h"
#include "io/posix_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <assert.h>

static_assert(HF_IO_CWD == AT_FDCWD, "descriptors of directories go to the system as they are");
static_assert(sizeof(off_t) == 8, "large files");

static int result_of(int rc)
{
    return rc < 0 ? -errno : rc;
}

static bool fits_off_t(uint64_t value)
{
    return value <= INT64_MAX;
}

static int flags_of(int dir, unsigned flags)
{
    int system_flags = O_CLOEXEC | O_NOCTTY; /* (2) */

    if ((flags & HF_IO_READ) && (flags & HF_IO_WRITE))
        system_flags |= O_RDWR;
    else if (flags & HF_IO_WRITE)
        system_flags |= O_WRONLY;
    else
        system_flags |= O_RDONLY;
    if (flags & HF_IO_CREATE)
        system_flags |= O_CREAT;
    if (flags & HF_IO_EXCLUSIVE)
        system_flags |= O_EXCL;
    if (flags & HF_IO_DIRECTORY)
        system_flags |= O_DIRECTORY;
    if (flags & HF_IO_TRUNCATE)
        system_flags |= O_TRUNC;
    if (flags & HF_IO_APPEND)
        system_flags |= O_APPEND;
    if (dir != HF_IO_CWD)
        system_flags |= O_NOFOLLOW | O_NONBLOCK; /* (1); regular files ignore O_NONBLOCK */
    return system_flags;
}

/*
 * Not by O_DIRECT in open: where a file system refuses that, the file may have been made already,
 * and a second open without it would meet EEXIST.
 */
static void try_direct(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_DIRECT);
}

static int posix_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    int fd = openat(dir, path, flags_of(dir, flags), (mode_t)mode);

    if (fd < 0)
        return -errno;
    if (flags & HF_IO_DIRECT)
        try_direct(fd);
    return fd;
}

static int posix_close(struct hf_io *io, int fd)
{
    return result_of(close(fd));
}

static int64_t posix_read(struct hf_io *io, int fd, void *data, size_t len)
{
    ssize_t got = read(fd, data, len);

    return got < 0 ? -errno : got;
}

static int64_t posix_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    ssize_t put = write(fd, data, len);

    return put < 0 ? -errno : put;
}

static int64_t posix_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    if (!fits_off_t(off))
        return -EOVERFLOW;
    ssize_t got = pread(fd, data, len, (off_t)off);

    return got < 0 ? -errno : got;
}

static int64_t posix_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off)
{
    if (!fits_off_t(off))
        return -EFBIG;
    ssize_t put = pwrite(fd, data, len, (off_t)off);

    return put < 0 ? -errno : put;
}

static int posix_ftruncate(struct hf_io *io, int fd, uint64_t len)
{
    if (!fits_off_t(len))
        return -EFBIG;
    return result_of(ftruncate(fd, (off_t)len));
}

static int posix_fsync(struct hf_io *io, int fd)
{
    return result_of(fsync(fd));
}

static int posix_fdatasync(struct hf_io *io, int fd)
{
    return result_of(fdatasync(fd));
}

static void posix_start_writeback(struct hf_io *io, int fd, uint64_t off, uint64_t len)
{
    /* Without the WAIT flags this neither reports nor consumes an error of write-back: the sync
     * that follows still sees it. */
    if (fits_off_t(off) && fits_off_t(len))
        (void)sync_file_range(fd, (off_t)off, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

static void posix_drop_cache(struct hf_io *io, int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int posix_linkat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                        const char *to)
{
    return result_of(linkat(from_dir, from, to_dir, to, 0));
}

static int posix_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                          const char *to)
{
    return result_of(renameat(from_dir, from, to_dir, to));
}

static int posix_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir)
{
    return result_of(unlinkat(dir, path, is_dir ? AT_REMOVEDIR : 0));
}

static int posix_mkdirat(struct hf_io *io, int dir, const char *path, uint32_t mode)
{
    return result_of(mkdirat(dir, path, (mode_t)mode));
}

static enum hf_io_kind kind_of_mode(mode_t mode)
{
    if (S_ISREG(mode))
        return HF_IO_FILE;
    if (S_ISDIR(mode))
        return HF_IO_DIR;
    if (S_ISLNK(mode))
        return HF_IO_SYMLINK;
    if (S_ISFIFO(mode))
        return HF_IO_PIPE;
    return HF_IO_OTHER;
}

static void convert_stat(const struct stat *from, struct hf_io_stat *out)
{
    *out = (struct hf_io_stat){
        .kind = kind_of_mode(from->st_mode),
        .size_bytes = (uint64_t)from->st_size,
        .allocated_bytes = (uint64_t)from->st_blocks * 512,
        .device = from->st_dev,
        .inode = from->st_ino,
        .link_count = from->st_nlink,
        .mode = from->st_mode & 07777,
        .uid = from->st_uid,
    };
}

static int posix_fstat(struct hf_io *io, int fd, struct hf_io_stat *out)
{
    struct stat found;

    if (fstat(fd, &found) < 0)
        return -errno;
    convert_stat(&found, out);
    return 0;
}

static int posix_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    struct stat found;

    if (fstatat(dir, path, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    convert_stat(&found, out);
    return 0;
}

/* Some file systems do not tell the kind in the listing, and then the entry itself is asked. */
static int kind_of_entry(DIR *stream, const struct dirent *entry, enum hf_io_kind *out_kind)
{
    struct stat found;

    switch (entry->d_type) {
    case DT_REG:
        *out_kind = HF_IO_FILE;
        return 0;
    case DT_DIR:
        *out_kind = HF_IO_DIR;
        return 0;
    case DT_LNK:
        *out_kind = HF_IO_SYMLINK;
        return 0;
    case DT_FIFO:
        *out_kind = HF_IO_PIPE;
        return 0;
    case DT_UNKNOWN:
        if (fstatat(dirfd(stream), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        *out_kind = kind_of_mode(found.st_mode);
        return 0;
    default:
        *out_kind = HF_IO_OTHER;
        return 0;
    }
}

static int list_stream(DIR *stream, hf_io_entry_fn *fn, void *arg)
{
    for (;;) {
        enum hf_io_kind kind = HF_IO_OTHER;
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return -errno;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int rc = kind_of_entry(stream, entry, &kind);
        if (rc == -ENOENT)
            continue; /* removed since it was listed */
        if (rc == 0)
            rc = fn(arg, entry->d_name, kind);
        if (rc != 0)
            return rc;
    }
}

static int posix_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg)
{
    int fd = posix_openat(io, dir, path, HF_IO_READ | HF_IO_DIRECTORY, 0);

    if (fd < 0)
        return fd;
    DIR *stream = fdopendir(fd);
    if (!stream) {
        int rc = -errno;
        (void)close(fd); /* only read */
        return rc;
    }
    int rc = list_stream(stream, fn, arg);
    (void)closedir(stream); /* only read */
    return rc;
}

static int posix_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                      bool wait)
{
    static const short types[] = {
        [HF_IO_UNLOCK] = F_UNLCK,
        [HF_IO_LOCK_SHARED] = F_RDLCK,
        [HF_IO_LOCK_EXCLUSIVE] = F_WRLCK,
    };

    if (!fits_off_t(off) || !fits_off_t(len))
        return -EOVERFLOW;
    struct flock range = {
        .l_type = types[kind],
        .l_whence = SEEK_SET,
        .l_start = (off_t)off,
        .l_len = (off_t)len,
    };
    if (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno; /* POSIX allows both for "held elsewhere" */
}

static int posix_lock_test(struct hf_io *io, int fd, uint64_t off)
{
    if (!fits_off_t(off))
        return -EOVERFLOW;
    struct flock range = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)off,
        .l_len = 1,
    };
    if (fcntl(fd, F_OFD_GETLK, &range) < 0)
        return -errno;
    return range.l_type == F_UNLCK ? 0 : -EAGAIN;
}

static const struct hf_io_ops posix_ops = {
    .openat = posix_openat,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .pread = posix_pread,
    .pwrite = posix_pwrite,
    .ftruncate = posix_ftruncate,
    .fsync = posix_fsync,
    .fdatasync = posix_fdatasync,
    .start_writeback = posix_start_writeback,
    .drop_cache = posix_drop_cache,
    .linkat = posix_linkat,
    .renameat = posix_renameat,
    .unlinkat = posix_unlinkat,
    .mkdirat = posix_mkdirat,
    .fstat = posix_fstat,
    .fstatat = posix_fstatat,
    .list = posix_list,
    .lock = posix_lock,
    .lock_test = posix_lock_test,
    .fs_name = hf_posix_fs_name,
    .free_bytes = hf_posix_free_bytes,
    .now_ns = hf_posix_now_ns,
    .random = hf_posix_random,
    .boot_id = hf_posix_boot_id,
};

struct hf_io *hf_io_posix(void)
{
    static struct hf_io posix = {.ops = &posix_ops};

    return &posix;
}
