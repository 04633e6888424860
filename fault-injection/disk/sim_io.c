/* fault-injection/disk/sim_io.c - the table, and its operations on files: POSIX calls on inodes. */
#include "disk/sim_inside.h"

#include "disk/sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_BASE 100 /* none that the process itself has */

const char *const sim_op_names[SIM_OP_COUNT] = {
    "open", "write", "truncate", "sync", "sync-dir", "link", "rename", "unlink", "mkdir", "end",
};

struct sim *sim_of(struct hf_io *io)
{
    return (struct sim *)io; /* its first member */
}

void sim_enter(struct sim *sim)
{
    pthread_mutex_lock(&sim->mutex);
    if (sim->around != NULL)
        sim->around(true);
}

void sim_leave(struct sim *sim)
{
    if (sim->around != NULL)
        sim->around(false);
    pthread_mutex_unlock(&sim->mutex);
}

const char *sim_before(struct sim *sim, enum sim_op op, const char *path, uint32_t inode,
                       uint64_t off)
{
    /* Who notes no site leaves what an earlier call noted that came to nothing. */
    bool is_noted = op != SIM_OPEN && op != SIM_WRITE && op != SIM_MKDIR;
    const char *site = sites_take();

    if (sim->tells)
        printf("  %s %s inode %u at %llu\n", sim_op_names[op], path, inode,
               (unsigned long long)off);
    if (sim->before != NULL)
        sim->before(sim->before_arg, op, is_noted ? site : NULL);
    disk_step(sim->disk);
    return site;
}

struct sim_file *sim_file_of(struct sim *sim, int fd)
{
    if (fd < FD_BASE || fd >= FD_BASE + (int)(sizeof(sim->files) / sizeof(*sim->files)) ||
        sim->files[fd - FD_BASE].inode == 0)
        abort(); /* a descriptor that is not open: a mistake of the store */
    return &sim->files[fd - FD_BASE];
}

/* --- files ------------------------------------------------------------------------------------ */

static int open_inode(struct sim *sim, uint32_t inode)
{
    for (size_t i = 0; i < sizeof(sim->files) / sizeof(*sim->files); i++) {
        if (sim->files[i].inode == 0) {
            sim->files[i] = (struct sim_file){.inode = inode};
            return FD_BASE + (int)i;
        }
    }
    return -EMFILE;
}

static int open_at(struct sim *sim, int dir, const char *path, unsigned flags)
{
    struct sim_place place;
    int rc = sim_walk(sim, dir, path, &place);

    if (rc != 0)
        return rc;
    uint32_t inode = sim_inode_at(sim, &place);
    if (inode == 0 && !(flags & HF_IO_CREATE))
        return -ENOENT;
    if (inode != 0 && (flags & HF_IO_CREATE) && (flags & HF_IO_EXCLUSIVE))
        return -EEXIST;
    if (inode != 0 && (flags & HF_IO_DIRECTORY) && !disk_is_dir(sim->disk, inode))
        return -ENOTDIR;
    if (inode != 0 && (flags & HF_IO_WRITE) && disk_is_dir(sim->disk, inode))
        return -EISDIR;
    if (inode == 0) {
        (void)sim_before(sim, SIM_OPEN, path, (uint32_t)0, 0);
        inode = disk_make(sim->disk, false);
        disk_enter(sim->disk, place.dir, place.name, place.len, inode);
        /* Of an earlier boot it says nothing, whatever it is: FORMAT 3.1. */
        if (place.len == 6 && memcmp(place.name, "shared", 6) == 0)
            disk_mark_coarse(sim->disk, inode);
    } else if (flags & HF_IO_TRUNCATE) {
        (void)sim_before(sim, SIM_OPEN, path, inode, 0);
        disk_resize(sim->disk, inode, 0);
    }
    return open_inode(sim, inode);
}

int sim_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    int fd = open_at(sim, dir, path, flags);
    sim_leave(sim);
    return fd;
}

int sim_close(struct hf_io *io, int fd)
{
    struct sim *sim = sim_of(io);
    size_t kept = 0;

    sim_enter(sim);
    sim_file_of(sim, fd)->inode = 0;
    for (size_t i = 0; i < sim->lock_count; i++) {
        if (sim->locks[i].fd != fd)
            sim->locks[kept++] = sim->locks[i];
    }
    sim->lock_count = kept;
    sim_leave(sim);
    return 0;
}

static int64_t sim_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    size_t got = disk_read(sim->disk, sim_file_of(sim, fd)->inode, data, len, off);
    sim_leave(sim);
    return (int64_t)got;
}

static int64_t sim_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    (void)sim_before(sim, SIM_WRITE, "", sim_file_of(sim, fd)->inode, off);
    disk_write(sim->disk, sim_file_of(sim, fd)->inode, data, len, off);
    sim_leave(sim);
    return (int64_t)len;
}

static int64_t sim_read(struct hf_io *io, int fd, void *data, size_t len)
{
    struct sim_file *file = sim_file_of(sim_of(io), fd);
    int64_t got = sim_pread(io, fd, data, len, file->off);

    file->off += (uint64_t)got;
    return got;
}

static int64_t sim_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    struct sim_file *file = sim_file_of(sim_of(io), fd);
    int64_t done = sim_pwrite(io, fd, data, len, file->off);

    file->off += (uint64_t)done;
    return done;
}

static int sim_ftruncate(struct hf_io *io, int fd, uint64_t len)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    (void)sim_before(sim, SIM_TRUNCATE, "", sim_file_of(sim, fd)->inode, len);
    disk_resize(sim->disk, sim_file_of(sim, fd)->inode, len);
    sim_leave(sim);
    return 0;
}

static int sync_by(struct hf_io *io, int fd, void (*sync)(struct disk *disk, uint32_t inode))
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    uint32_t inode = sim_file_of(sim, fd)->inode;
    enum sim_op op = disk_is_dir(sim->disk, inode) ? SIM_SYNC_DIR : SIM_SYNC;
    const char *site = sim_before(sim, op, "", inode, 0);
    if (sim->on_sync != NULL && site != NULL)
        sim->on_sync(sim->on_sync_arg, site);
    bool is_lost = site != NULL && sim->lost_site != NULL && strcmp(site, sim->lost_site) == 0;
    if (++sim->syncs != sim->lost_sync && !is_lost)
        sync(sim->disk, inode);
    sim_leave(sim);
    return 0;
}

static int sim_fsync(struct hf_io *io, int fd)
{
    return sync_by(io, fd, disk_sync);
}

static int sim_fdatasync(struct hf_io *io, int fd)
{
    return sync_by(io, fd, disk_sync_data);
}

static void sim_start_writeback(struct hf_io *io, int fd, uint64_t off, uint64_t len)
{
}

static void sim_drop_cache(struct hf_io *io, int fd)
{
}

static const struct hf_io_ops ops = {
    .openat = sim_openat,
    .close = sim_close,
    .read = sim_read,
    .write = sim_write,
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .ftruncate = sim_ftruncate,
    .fsync = sim_fsync,
    .fdatasync = sim_fdatasync,
    .start_writeback = sim_start_writeback,
    .drop_cache = sim_drop_cache,
    .linkat = sim_linkat,
    .renameat = sim_renameat,
    .unlinkat = sim_unlinkat,
    .mkdirat = sim_mkdirat,
    .fstat = sim_fstat,
    .fstatat = sim_fstatat,
    .list = sim_list,
    .lock = sim_lock,
    .lock_test = sim_lock_test,
    .fs_name = sim_fs_name,
    .free_bytes = sim_free_bytes,
    .now_ns = sim_now_ns,
    .random = sim_random,
    .boot_id = sim_boot_id,
};

void sim_boot(struct sim *sim, struct disk *disk, uint64_t boot)
{
    *sim = (struct sim){
        .io = {.ops = &ops},
        .disk = disk,
        .boot = boot,
        .now_ns = UINT64_C(1700000000000000000) + boot * UINT64_C(1000000000000),
        .chance = boot * UINT64_C(7919) + 1,
    };
    pthread_mutex_init(&sim->mutex, NULL);
}

void sim_kill(struct sim *sim)
{
    memset(sim->files, 0, sizeof(sim->files));
    sim->lock_count = 0;
}

void sim_lose(struct hf_io *io, int fd)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    disk_lose(sim->disk, sim_file_of(sim, fd)->inode);
    sim_leave(sim);
}

void sim_off(struct sim *sim)
{
    pthread_mutex_destroy(&sim->mutex);
}
