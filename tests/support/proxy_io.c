#include "support/proxy_io.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static struct hf_test_proxy *proxy_of(struct hf_io *io)
{
    return (struct hf_test_proxy *)io;
}

static const struct hf_io_ops *real(void)
{
    return hf_io_posix()->ops;
}

/* 0, or what the call returns in place of being made. */
static int enter(struct hf_io *io, const char *what, const char *name)
{
    struct hf_test_proxy *proxy = proxy_of(io);
    size_t room = sizeof(proxy->trace) - proxy->trace_len;
    int len = snprintf(proxy->trace + proxy->trace_len, room, "%s %s;", what, name);

    if (len > 0 && (size_t)len < room)
        proxy->trace_len += (size_t)len;
    else
        proxy->trace[proxy->trace_len] = '\0'; /* full: later calls are not noted */
    proxy->calls++;
    if (proxy->fail_at == 0)
        return 0;
    bool fails = proxy->fails_from_there_on ? proxy->calls >= proxy->fail_at
                                            : proxy->calls == proxy->fail_at;
    return fails ? proxy->fail_errno : 0;
}

static char *name_of(struct hf_io *io, int fd)
{
    hf_test_require(fd >= 0 && fd < 256);
    return proxy_of(io)->names[fd];
}

static int proxy_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    int rc = enter(io, "open", path);

    if (rc != 0)
        return rc;
    int fd = real()->openat(io, dir, path, flags, mode);
    if (fd >= 0)
        snprintf(name_of(io, fd), 64, "%s", path);
    return fd;
}

/* A failed close has closed all the same. */
static int proxy_close(struct hf_io *io, int fd)
{
    int rc = enter(io, "close", name_of(io, fd));
    int closed = real()->close(io, fd);

    return rc != 0 ? rc : closed;
}

static int64_t proxy_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    int rc = enter(io, "write", name_of(io, fd));

    return rc != 0 ? rc : real()->write(io, fd, data, len);
}

static int64_t proxy_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    struct hf_test_proxy *proxy = proxy_of(io);
    int rc = enter(io, "pread", name_of(io, fd));

    if (rc != 0)
        return rc;
    if (!proxy->image)
        return real()->pread(io, fd, data, len, off);
    if (off >= proxy->image_len)
        return 0;
    if (len > proxy->image_len - off)
        len = proxy->image_len - (size_t)off;
    memcpy(data, proxy->image + off, len);
    return (int64_t)len;
}

static int proxy_fsync(struct hf_io *io, int fd)
{
    int rc = enter(io, "fsync", name_of(io, fd));

    return rc != 0 ? rc : real()->fsync(io, fd);
}

static int proxy_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                          const char *to)
{
    int rc = enter(io, "rename", to);

    return rc != 0 ? rc : real()->renameat(io, from_dir, from, to_dir, to);
}

static int proxy_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir)
{
    int rc = enter(io, "unlink", path);

    return rc != 0 ? rc : real()->unlinkat(io, dir, path, is_dir);
}

static int proxy_fstat(struct hf_io *io, int fd, struct hf_io_stat *out)
{
    int rc = enter(io, "fstat", name_of(io, fd));

    if (rc != 0)
        return rc;
    rc = real()->fstat(io, fd, out);
    if (rc == 0 && proxy_of(io)->image)
        out->size_bytes = proxy_of(io)->image_len;
    return rc;
}

static int proxy_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    int rc = enter(io, "stat", path);

    return rc != 0 ? rc : real()->fstatat(io, dir, path, out);
}

static uint64_t proxy_now_ns(struct hf_io *io)
{
    return HF_TEST_PROXY_NOW_NS;
}

static int proxy_random(struct hf_io *io, void *data, size_t len)
{
    int rc = enter(io, "random", "");

    if (rc == 0)
        memset(data, HF_TEST_PROXY_RANDOM_BYTE, len);
    return rc;
}

void hf_test_proxy_init(struct hf_test_proxy *proxy)
{
    *proxy = (struct hf_test_proxy){.ops = *real()};
    proxy->io.ops = &proxy->ops;
    proxy->ops.openat = proxy_openat;
    proxy->ops.close = proxy_close;
    proxy->ops.write = proxy_write;
    proxy->ops.pread = proxy_pread;
    proxy->ops.fsync = proxy_fsync;
    proxy->ops.renameat = proxy_renameat;
    proxy->ops.unlinkat = proxy_unlinkat;
    proxy->ops.fstat = proxy_fstat;
    proxy->ops.fstatat = proxy_fstatat;
    proxy->ops.now_ns = proxy_now_ns;
    proxy->ops.random = proxy_random;
}
