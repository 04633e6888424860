/*
 * io/posix_system.c - the system calls that ask the machine itself: what file system this is and
 * how much room it has, the time, chance, and which boot this is.
 */
#include "io/posix_system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* Numbers that <linux/magic.h> of Debian 12 doesn't have are written out. */
static const struct {
    uint32_t magic;
    const char *name;
} file_systems[] = {
    {EXT4_SUPER_MAGIC, "ext4"}, /* ext2 and ext3 have the same number */
    {XFS_SUPER_MAGIC, "xfs"},
    {BTRFS_SUPER_MAGIC, "btrfs"},
    {F2FS_SUPER_MAGIC, "f2fs"},
    {0x2fc12fc1, "zfs"},
    {0xca451a4e, "bcachefs"},
    {REISERFS_SUPER_MAGIC, "reiserfs"},
    {0x3153464a, "jfs"},
    {NILFS_SUPER_MAGIC, "nilfs2"},
    {TMPFS_MAGIC, "tmpfs"},
    {RAMFS_MAGIC, "ramfs"},
    {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
    {ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
    {NFS_SUPER_MAGIC, "nfs"},
    {V9FS_MAGIC, "9p"},
    {FUSE_SUPER_MAGIC, "fuse"},
    {CIFS_SUPER_MAGIC, "cifs"},
    {SMB_SUPER_MAGIC, "smbfs"},
    {SMB2_SUPER_MAGIC, "smb2"},
    {AFS_SUPER_MAGIC, "afs"},
    {CEPH_SUPER_MAGIC, "ceph"},
    {OCFS2_SUPER_MAGIC, "ocfs2"},
    {0x01161970, "gfs2"},
    {0x0bd00bd0, "lustre"},
    {0x786f4256, "vboxsf"},
    {MSDOS_SUPER_MAGIC, "vfat"},
    {EXFAT_SUPER_MAGIC, "exfat"},
    {0x7366746e, "ntfs3"},
    {ISOFS_SUPER_MAGIC, "iso9660"},
    {SQUASHFS_MAGIC, "squashfs"},
    {EROFS_SUPER_MAGIC_V1, "erofs"},
};

int hf_posix_fs_name(struct hf_io *io, int fd, char name[32])
{
    struct statfs found;

    if (fstatfs(fd, &found) < 0)
        return -errno;
    uint32_t magic = (uint32_t)found.f_type;
    for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++) {
        if (file_systems[i].magic == magic) {
            snprintf(name, 32, "%s", file_systems[i].name);
            return 0;
        }
    }
    snprintf(name, 32, "0x%" PRIx32, magic);
    return 0;
}

int hf_posix_free_bytes(struct hf_io *io, int fd, uint64_t *out_free)
{
    struct statvfs found;

    if (fstatvfs(fd, &found) < 0)
        return -errno;
    *out_free = (uint64_t)found.f_bavail * found.f_frsize;
    return 0;
}

uint64_t hf_posix_now_ns(struct hf_io *io)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now); /* this clock always exists */
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int hf_posix_random(struct hf_io *io, void *data, size_t len)
{
    uint8_t *bytes = data;
    size_t done = 0;

    while (done < len) {
        ssize_t got = getrandom(bytes + done, len - done, 0);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0)
            done += (size_t)got;
    }
    return 0;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

static int parse_boot_id(const char *text, size_t len, uint8_t id[16])
{
    uint8_t parsed[16] = {0};
    size_t digits = 0;

    for (size_t i = 0; i < len && text[i] != '\n'; i++) {
        if (text[i] == '-')
            continue;
        int value = hex_value(text[i]);
        if (value < 0 || digits == 32)
            return -EBADMSG;
        parsed[digits / 2] = (uint8_t)(parsed[digits / 2] << 4 | value);
        digits++;
    }
    if (digits != 32)
        return -EBADMSG;
    memcpy(id, parsed, sizeof(parsed));
    return 0;
}

int hf_posix_boot_id(struct hf_io *io, uint8_t id[16])
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    /* The kernel gives these few bytes whole or not at all. */
    ssize_t got = read(fd, text, sizeof(text));
    int rc = got < 0 ? -errno : parse_boot_id(text, (size_t)got, id);
    (void)close(fd); /* only read */
    return rc;
}
