/*
 * io/io.c - finishes short counts, repeats what a signal interrupted, and words failures.
 * Questions to the machine itself: io_system.c. The operations: io_posix.c.
 *
 * Always true:
 *  (1) fsync, fdatasync and close are called once. A sync that failed has lost the error for
 * whoever asks next, so that a second one that succeeds proves nothing; a close that failed has
 * closed the descriptor, and the number may be somebody else's by now; (2) everything else is
 * repeated after EINTR; (3) outputs are written on success only.
 */
#include "io/io.h"

#include "base/error.h"

#include <assert.h>
#include <errno.h>

static int fail_at(struct hf_error *err, int64_t negative_errno, const char *verb, const char *name,
                   uint64_t off)
{
    int code = hf_fail_errno(err, (int)negative_errno, verb, name);

    if (err)
        err->offset = off;
    return code;
}

static int open_fd(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    int fd;

    do
        fd = io->ops->openat(io, dir, path, flags, mode);
    while (fd == -EINTR);
    return fd;
}

int hf_io_open(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode,
               int *out_fd, struct hf_error *err)
{
    int fd = open_fd(io, dir, path, flags, mode);

    if (fd < 0)
        return hf_fail_errno(err, fd, flags & HF_IO_CREATE ? "create" : "open", path);
    *out_fd = fd;
    return 0;
}

int hf_io_create(struct hf_io *io, int dir, const char *path, uint32_t mode, int *out_fd,
                 struct hf_error *err)
{
    struct hf_error why = {0};

    int rc = hf_io_unlink(io, dir, path, &why);
    if (rc != 0 && rc != HF_ERR_NOT_FOUND) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    return hf_io_open(io, dir, path, HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE | HF_IO_EXCLUSIVE,
                      mode, out_fd, err);
}

void hf_io_close(struct hf_io *io, int *fd)
{
    if (*fd < 0)
        return;
    /* A failure means lost writes, and the caller states that there are none to lose. (1) */
    (void)io->ops->close(io, *fd);
    *fd = -1;
}

int hf_io_close_checked(struct hf_io *io, int *fd, const char *name, struct hf_error *err)
{
    if (*fd < 0)
        return 0;
    int rc = io->ops->close(io, *fd); /* (1) */
    *fd = -1;
    return rc < 0 ? hf_fail_errno(err, rc, "close", name) : 0;
}

int hf_io_read(struct hf_io *io, int fd, void *data, size_t len, size_t *out_len, const char *name,
               struct hf_error *err)
{
    int64_t got;

    /* One read and no more: waiting for a full buffer would stall a reader of a slow pipe. */
    do
        got = io->ops->read(io, fd, data, len);
    while (got == -EINTR);
    if (got < 0)
        return hf_fail_errno(err, (int)got, "read", name);
    assert((uint64_t)got <= len);
    *out_len = (size_t)got;
    return 0;
}

int hf_io_write(struct hf_io *io, int fd, const void *data, size_t len, const char *name,
                struct hf_error *err)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    while (done < len) {
        int64_t put = io->ops->write(io, fd, bytes + done, len - done);
        if (put == -EINTR)
            continue;
        if (put == 0)
            put = -EIO; /* no progress and no reason: asking again might never end */
        if (put < 0)
            return hf_fail_errno(err, (int)put, "write", name);
        assert((uint64_t)put <= len - done);
        done += (size_t)put;
    }
    return 0;
}

int hf_io_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off, size_t *out_len,
                const char *name, struct hf_error *err)
{
    uint8_t *bytes = data;
    size_t done = 0;

    while (done < len) {
        int64_t got = io->ops->pread(io, fd, bytes + done, len - done, off + done);
        if (got == -EINTR)
            continue;
        if (got < 0)
            return fail_at(err, got, "read", name, off + done);
        if (got == 0)
            break;
        assert((uint64_t)got <= len - done);
        done += (size_t)got;
    }
    *out_len = done;
    return 0;
}

int hf_io_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off,
                 const char *name, struct hf_error *err)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    while (done < len) {
        int64_t put = io->ops->pwrite(io, fd, bytes + done, len - done, off + done);
        if (put == -EINTR)
            continue;
        if (put == 0)
            put = -EIO; /* as in hf_io_write */
        if (put < 0)
            return fail_at(err, put, "write", name, off + done);
        assert((uint64_t)put <= len - done);
        done += (size_t)put;
    }
    return 0;
}

int hf_io_truncate(struct hf_io *io, int fd, uint64_t len, const char *name, struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->ftruncate(io, fd, len);
    while (rc == -EINTR);
    return rc < 0 ? hf_fail_errno(err, rc, "truncate", name) : 0;
}

int hf_io_fsync(struct hf_io *io, int fd, const char *name, struct hf_error *err)
{
    int rc = io->ops->fsync(io, fd); /* (1) */

    return rc < 0 ? hf_fail_errno(err, rc, "sync", name) : 0;
}

int hf_io_fdatasync(struct hf_io *io, int fd, const char *name, struct hf_error *err)
{
    int rc = io->ops->fdatasync(io, fd); /* (1) */

    return rc < 0 ? hf_fail_errno(err, rc, "sync", name) : 0;
}

int hf_io_sync_dir(struct hf_io *io, int dir, const char *path, struct hf_error *err)
{
    int fd = -1;
    int rc = hf_io_open(io, dir, path, HF_IO_READ | HF_IO_DIRECTORY, 0, &fd, err);

    if (rc < 0)
        return rc;
    rc = hf_io_fsync(io, fd, path, err);
    hf_io_close(io, &fd);
    return rc;
}

int hf_io_link(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to,
               struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->linkat(io, from_dir, from, to_dir, to);
    while (rc == -EINTR);
    return rc < 0 ? hf_fail_errno(err, rc, "link to", to) : 0;
}

int hf_io_rename(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to,
                 struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->renameat(io, from_dir, from, to_dir, to);
    while (rc == -EINTR);
    return rc < 0 ? hf_fail_errno(err, rc, "rename to", to) : 0;
}

static int unlink_entry(struct hf_io *io, int dir, const char *path, bool is_dir,
                        struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->unlinkat(io, dir, path, is_dir);
    while (rc == -EINTR);
    return rc < 0 ? hf_fail_errno(err, rc, "remove", path) : 0;
}

int hf_io_unlink(struct hf_io *io, int dir, const char *path, struct hf_error *err)
{
    return unlink_entry(io, dir, path, false, err);
}

void hf_io_discard(struct hf_io *io, int dir, const char *path)
{
    hf_tolerate(
        hf_io_unlink(io, dir, path, NULL)); /* the failure that led here is the one to tell */
}

int hf_io_rmdir(struct hf_io *io, int dir, const char *path, struct hf_error *err)
{
    return unlink_entry(io, dir, path, true, err);
}

static int stat_at(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    int rc;

    do
        rc = io->ops->fstatat(io, dir, path, out);
    while (rc == -EINTR);
    return rc;
}

/* Something has the name already: 0 when it serves as a directory, else why not. */
static int existing_dir(struct hf_io *io, int dir, const char *path)
{
    struct hf_io_stat stat;
    int rc = stat_at(io, dir, path, &stat);

    if (rc < 0)
        return rc;
    if (stat.kind == HF_IO_DIR)
        return 0;
    if (stat.kind != HF_IO_SYMLINK)
        return -ENOTDIR;
    /* Opening decides where links may be followed: in a path the user gave, not in a store. */
    int fd = open_fd(io, dir, path, HF_IO_READ | HF_IO_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    hf_io_close(io, &fd);
    return 0;
}

int hf_io_mkdir(struct hf_io *io, int dir, const char *path, uint32_t mode, bool *out_made,
                struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->mkdirat(io, dir, path, mode);
    while (rc == -EINTR);
    bool made = rc == 0;
    if (rc == -EEXIST)
        rc = existing_dir(io, dir, path);
    if (rc < 0)
        return hf_fail_errno(err, rc, "make the directory", path);
    if (out_made)
        *out_made = made;
    return 0;
}

int hf_io_fstat(struct hf_io *io, int fd, struct hf_io_stat *out, const char *name,
                struct hf_error *err)
{
    struct hf_io_stat stat;
    int rc;

    do
        rc = io->ops->fstat(io, fd, &stat);
    while (rc == -EINTR);
    if (rc < 0)
        return hf_fail_errno(err, rc, "stat", name);
    *out = stat;
    return 0;
}

int hf_io_stat_at(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out,
                  struct hf_error *err)
{
    struct hf_io_stat stat;
    int rc = stat_at(io, dir, path, &stat);

    if (rc < 0)
        return hf_fail_errno(err, rc, "stat", path);
    *out = stat;
    return 0;
}

struct listing {
    hf_io_entry_fn *fn;
    void *arg;
    bool begun;
    int result;
};

static int list_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    struct listing *listing = arg;

    listing->begun = true;
    listing->result = listing->fn(listing->arg, name, kind);
    return listing->result;
}

int hf_io_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg,
               struct hf_error *err)
{
    struct listing listing = {.fn = fn, .arg = arg};
    int rc;

    /* Not again once an entry was told, or it would be told twice. */
    do
        rc = io->ops->list(io, dir, path, list_entry, &listing);
    while (rc == -EINTR && !listing.begun);
    /* The function's result comes from here: as a number it could be an errno too. */
    if (listing.result != 0)
        return listing.result;
    return rc < 0 ? hf_fail_errno(err, rc, "list", path) : 0;
}

static int lock_range(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                      bool wait)
{
    int rc;

    do
        rc = io->ops->lock(io, fd, kind, off, len, wait);
    while (rc == -EINTR);
    return rc;
}

int hf_io_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
               const char *name, struct hf_error *err)
{
    int rc = lock_range(io, fd, kind, off, len, true);

    return rc < 0 ? fail_at(err, rc, "lock", name, off) : 0;
}

int hf_io_try_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                   bool *out_got, const char *name, struct hf_error *err)
{
    int rc = lock_range(io, fd, kind, off, len, false);

    if (rc < 0 && rc != -EAGAIN)
        return fail_at(err, rc, "lock", name, off);
    *out_got = rc == 0;
    return 0;
}

void hf_io_unlock(struct hf_io *io, int fd, uint64_t off, uint64_t len)
{
    /* Fails for a wrong descriptor or range only. Closing the description unlocks in any case. */
    (void)lock_range(io, fd, HF_IO_UNLOCK, off, len, false);
}

int hf_io_is_locked(struct hf_io *io, int fd, uint64_t off, bool *out_locked, const char *name,
                    struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->lock_test(io, fd, off);
    while (rc == -EINTR);
    if (rc < 0 && rc != -EAGAIN)
        return fail_at(err, rc, "test the lock of", name, off);
    *out_locked = rc == -EAGAIN;
    return 0;
}

void hf_io_start_writeback(struct hf_io *io, int fd, uint64_t off, uint64_t len)
{
    io->ops->start_writeback(io, fd, off, len);
}

void hf_io_drop_cache(struct hf_io *io, int fd)
{
    io->ops->drop_cache(io, fd);
}
