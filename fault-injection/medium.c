/*
 * fault-injection/medium.c - a memfd behind a loop device.
 *
 * Always true outside of medium_mount and medium_unmount:
 *  (1) `used` is set for every page of `want` that is not zeros;
 *  (2) `hash` is the exclusive-or of the hashes of all pages that are not zeros, each with its
 * place as seed. So a change costs the pages that it touches.
 */
#include "medium.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define LOOP_MAJOR 7
#define TRIES      200

struct medium_undo {
    struct medium_undo *older;
    uint64_t off;
    size_t len;
    uint8_t bytes[];
};

static const uint8_t zeros[MEDIUM_PAGE];

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};

    nanosleep(&time, NULL);
}

/* --- `want` ----------------------------------------------------------------------------------- */

static uint64_t page_hash(const struct medium *medium, uint64_t page)
{
    const uint8_t *bytes = medium->want + page * MEDIUM_PAGE;

    if (!medium->used[page] || memcmp(bytes, zeros, MEDIUM_PAGE) == 0)
        return 0;
    return XXH3_64bits_withSeed(bytes, MEDIUM_PAGE, page + 1);
}

static void set_bytes(struct medium *medium, uint64_t off, const uint8_t *data, size_t len)
{
    uint64_t first = off / MEDIUM_PAGE, end = (off + len + MEDIUM_PAGE - 1) / MEDIUM_PAGE;

    for (uint64_t page = first; page < end; page++) {
        medium->hash ^= page_hash(medium, page);
        medium->used[page] = 1;
    }
    memcpy(medium->want + off, data, len);
    for (uint64_t page = first; page < end; page++)
        medium->hash ^= page_hash(medium, page);
}

void medium_write(struct medium *medium, uint64_t off, const uint8_t *data, size_t len)
{
    struct medium_undo *undo = malloc(sizeof(*undo) + len);

    if (undo == NULL || off > medium->size_bytes || len > medium->size_bytes - off) {
        fputs("no memory, or a write behind the disk's end\n", stderr);
        exit(3);
    }
    *undo = (struct medium_undo){.older = medium->undo, .off = off, .len = len};
    memcpy(undo->bytes, medium->want + off, len);
    medium->undo = undo;
    set_bytes(medium, off, data, len);
}

static void end_undo(struct medium *medium, bool take_back)
{
    while (medium->undo != NULL) {
        struct medium_undo *undo = medium->undo;
        if (take_back)
            set_bytes(medium, undo->off, undo->bytes, undo->len);
        medium->undo = undo->older;
        free(undo);
    }
}

void medium_keep(struct medium *medium)
{
    end_undo(medium, false);
}

void medium_take_back(struct medium *medium)
{
    end_undo(medium, true);
}

/* --- the device ------------------------------------------------------------------------------- */

static void carry_over_page(struct medium *medium, uint64_t page)
{
    uint8_t *device = medium->device + page * MEDIUM_PAGE;
    const uint8_t *want = medium->used[page] ? medium->want + page * MEDIUM_PAGE : zeros;

    medium->seen[page] = medium->mounts;
    if (memcmp(device, want, MEDIUM_PAGE) != 0)
        memcpy(device, want, MEDIUM_PAGE);
}

/* Where the device has something, then where it should have. */
static void carry_over(struct medium *medium)
{
    uint64_t pages = medium->size_bytes / MEDIUM_PAGE;
    off_t at = 0, end;

    medium->mounts++;
    while ((at = lseek(medium->memory_fd, at, SEEK_DATA)) >= 0) {
        end = lseek(medium->memory_fd, at, SEEK_HOLE);
        for (; at < end; at += MEDIUM_PAGE)
            carry_over_page(medium, (uint64_t)at / MEDIUM_PAGE);
    }
    for (uint64_t page = 0; page < pages; page++)
        if (medium->used[page] && medium->seen[page] != medium->mounts)
            carry_over_page(medium, page);
}

/* The nodes in /dev may be fewer than the devices. */
static int open_loop(struct medium *medium, int number)
{
    snprintf(medium->loop, sizeof(medium->loop), "/dev/loop%d", number);
    if (access(medium->loop, F_OK) != 0 &&
        mknod(medium->loop, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number)) != 0 &&
        errno != EEXIST)
        return -1;
    return open(medium->loop, O_RDWR | O_CLOEXEC);
}

/* Detached by the kernel when the last one who has it open is gone, however that happens. */
static int attach(struct medium *medium)
{
    struct loop_config config = {.fd = (uint32_t)medium->memory_fd, .block_size = 512};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    for (int i = 0; control >= 0 && i < TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        medium->loop_fd = number >= 0 ? open_loop(medium, number) : -1;
        if (medium->loop_fd >= 0 && ioctl(medium->loop_fd, LOOP_CONFIGURE, &config) == 0)
            break;
        /* Somebody else was faster. */
        if (medium->loop_fd >= 0)
            close(medium->loop_fd);
        medium->loop_fd = -1;
        pause_ms(5);
    }
    if (control >= 0)
        close(control);
    return medium->loop_fd >= 0 ? 0 : failed("a loop device");
}

static int make_memory(struct medium *medium)
{
    size_t size = (size_t)medium->size_bytes, pages = size / MEDIUM_PAGE;

    medium->memory_fd = memfd_create("medium", MFD_CLOEXEC);
    if (medium->memory_fd < 0 || ftruncate(medium->memory_fd, (off_t)size) != 0)
        return failed("memfd");
    medium->want = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    medium->device = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, medium->memory_fd, 0);
    medium->used = calloc(pages, 1);
    medium->seen = calloc(pages, sizeof(*medium->seen));
    if (medium->want == MAP_FAILED || medium->device == MAP_FAILED || medium->used == NULL ||
        medium->seen == NULL)
        return failed("memory");
    return 0;
}

int medium_open(struct medium *medium, uint64_t size_bytes)
{
    memset(medium, 0, sizeof(*medium));
    medium->size_bytes = size_bytes;
    medium->memory_fd = medium->loop_fd = -1;
    if (make_memory(medium) != 0 || attach(medium) != 0)
        return -1;
    strcpy(medium->mount_point, "/tmp/holdfast-medium-XXXXXX");
    if (mkdtemp(medium->mount_point) == NULL) {
        medium->mount_point[0] = '\0';
        return failed("/tmp");
    }
    return 0;
}

void medium_close(struct medium *medium)
{
    if (medium->want == NULL)
        return;
    medium_keep(medium);
    if (medium->mount_point[0] != '\0') {
        umount2(medium->mount_point, MNT_DETACH);
        rmdir(medium->mount_point);
    }
    if (medium->loop_fd >= 0)
        close(medium->loop_fd);
    if (medium->memory_fd >= 0)
        close(medium->memory_fd);
    munmap(medium->want, medium->size_bytes);
    munmap(medium->device, medium->size_bytes);
    free(medium->used);
    free(medium->seen);
    memset(medium, 0, sizeof(*medium));
}

/* --- mounting --------------------------------------------------------------------------------- */

/* btrfs remembers devices it has seen, and which state was the newest. */
static void forget_device(const struct medium *medium)
{
    struct btrfs_ioctl_vol_args args = {0};
    int control = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);

    if (control < 0)
        return;
    memcpy(args.name, medium->loop, sizeof(medium->loop));
    (void)ioctl(control, BTRFS_IOC_FORGET_DEV, &args); /* not known is as good */
    close(control);
}

int medium_mount(struct medium *medium, const char *type, const char *options)
{
    carry_over(medium);
    if (ioctl(medium->loop_fd, BLKFLSBUF) != 0)
        return errno;
    return mount(medium->loop, medium->mount_point, type, MS_NOATIME, options) == 0 ? 0 : errno;
}

/* As long as a file system has the device, nobody else can have it for himself alone. */
static bool is_free(const struct medium *medium)
{
    int fd = open(medium->loop, O_RDONLY | O_EXCL | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int medium_unmount(struct medium *medium)
{
    int tries = 0;

    while (umount2(medium->mount_point, 0) != 0) {
        if (errno != EBUSY || ++tries > TRIES)
            return failed("umount");
        pause_ms(5);
    }
    while (!is_free(medium)) {
        if (++tries > TRIES)
            return failed("the file system does not let go of its device");
        pause_ms(1);
    }
    forget_device(medium);
    return 0;
}
