/*
 * io/io_system.c - asks the machine itself, again when a signal interrupted, and words failures.
 * Outputs are written on success only.
 */
#include "io/io.h"

#include "base/error.h"

#include <errno.h>

/* What the system itself lacks: NOT_FOUND would be taken for a missing store or image. */
static int fail_system(struct hf_error *err, int negative_errno, const char *verb, const char *what)
{
    hf_fail_errno(err, negative_errno, verb, what);
    if (err)
        err->code = HF_ERR_IO;
    return HF_ERR_IO;
}

int hf_io_random(struct hf_io *io, void *data, size_t len, struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->random(io, data, len);
    while (rc == -EINTR);
    return rc < 0 ? fail_system(err, rc, "get", "random bytes") : 0;
}

int hf_io_boot_id(struct hf_io *io, uint8_t id[16], struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->boot_id(io, id);
    while (rc == -EINTR);
    return rc < 0 ? fail_system(err, rc, "read", "the boot ID") : 0;
}

uint64_t hf_io_now_ns(struct hf_io *io)
{
    return io->ops->now_ns(io);
}

int hf_io_fs_name(struct hf_io *io, int fd, char name[32], struct hf_error *err)
{
    int rc;

    do
        rc = io->ops->fs_name(io, fd, name);
    while (rc == -EINTR);
    return rc < 0 ? fail_system(err, rc, "identify", "the file system") : 0;
}

int hf_io_free_bytes(struct hf_io *io, int fd, uint64_t *out_free, struct hf_error *err)
{
    uint64_t free_bytes = 0;
    int rc;

    do
        rc = io->ops->free_bytes(io, fd, &free_bytes);
    while (rc == -EINTR);
    if (rc < 0)
        return fail_system(err, rc, "ask for the free space of", "the file system");
    *out_free = free_bytes;
    return 0;
}
