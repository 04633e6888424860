/* rootfs/loop.c - loop devices for kernels that mount EROFS from block devices alone. */
#include "rootfs/kernel.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Between "this one is free" and "it is mine" another process may take it. */
#define TRIES      64
#define LOOP_MAJOR 7

/* A container's /dev may lack the node. */
static int open_device(int number, char path[32])
{
    snprintf(path, 32, "/dev/loop%d", number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mknod(path, S_IFBLK | 0660, makedev(LOOP_MAJOR, (unsigned)number)) != 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int try_attach(int control, int file, const char *name, char path[32], int *out_fd)
{
    struct loop_config config = {
        .fd = (unsigned)file,
        .block_size = 512,
        .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR},
    };
    size_t len = strnlen(name, sizeof(config.info.lo_file_name) - 1);
    int number = ioctl(control, LOOP_CTL_GET_FREE);

    if (number < 0)
        return -errno;
    memcpy(config.info.lo_file_name, name, len);
    int device = open_device(number, path);
    if (device < 0)
        return -errno;
    if (ioctl(device, LOOP_CONFIGURE, &config) != 0) {
        int failed = -errno;
        close(device);
        return failed;
    }
    *out_fd = device;
    return 0;
}

int hf_loop_attach(const char *file, char path[32], int *out_fd, struct hf_error *err)
{
    int rc = -EBUSY;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return hf_fail_errno(err, -errno, "open", file);
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        rc = -errno;
        close(fd);
        return hf_fail_errno(err, rc, "open", "/dev/loop-control");
    }
    for (int i = 0; i < TRIES && rc == -EBUSY; i++)
        rc = try_attach(control, fd, file, path, out_fd);
    close(control);
    close(fd);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make a loop device for", file);
}
