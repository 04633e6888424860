/* fault-injection/disk/sim_io.c - POSIX calls on inodes and entries. */
#include "disk/sim_io.h"

#include "disk/sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_BASE 100 /* none that the process itself has */

const char *const sim_op_names[SIM_OP_COUNT] = {
    "open", "write", "truncate", "sync", "sync-dir", "link", "rename", "unlink", "mkdir", "end",
};

static struct sim *sim_of(struct hf_io *io)
{
    return (struct sim *)io; /* its first member */
}

static void enter(struct sim *sim)
{
    pthread_mutex_lock(&sim->mutex);
    if (sim->around != NULL)
        sim->around(true);
}

static void leave(struct sim *sim)
{
    if (sim->around != NULL)
        sim->around(false);
    pthread_mutex_unlock(&sim->mutex);
}

/* The call in the sources, if it is known. */
static const char *before(struct sim *sim, enum sim_op op, const char *path, uint32_t inode,
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

static struct sim_file *file_of(struct sim *sim, int fd)
{
    if (fd < FD_BASE || fd >= FD_BASE + (int)(sizeof(sim->files) / sizeof(*sim->files)) ||
        sim->files[fd - FD_BASE].inode == 0)
        abort(); /* a descriptor that is not open: a mistake of the store */
    return &sim->files[fd - FD_BASE];
}

/* --- paths ------------------------------------------------------------------------------------ */

struct place {
    uint32_t dir;
    const char *name; /* its last component; "" for the directory itself */
    size_t len;
};

/* Walks to the last component's directory. */
static int walk(struct sim *sim, int dir, const char *path, struct place *out)
{
    uint32_t at = dir == HF_IO_CWD || path[0] == '/' ? DISK_ROOT : file_of(sim, dir)->inode;

    for (;;) {
        while (*path == '/')
            path++;
        size_t len = strcspn(path, "/");
        const char *rest = path + len + strspn(path + len, "/");
        if (!disk_is_dir(sim->disk, at))
            return -ENOTDIR;
        if (*rest == '\0') {
            bool is_dot = len == 1 && path[0] == '.';
            *out = (struct place){.dir = at, .name = path, .len = is_dot ? 0 : len};
            return 0;
        }
        if (len != 1 || path[0] != '.')
            at = disk_lookup(sim->disk, at, path, len);
        if (at == 0)
            return -ENOENT;
        path = rest;
    }
}

static uint32_t inode_at(struct sim *sim, const struct place *place)
{
    return place->len == 0 ? place->dir
                           : disk_lookup(sim->disk, place->dir, place->name, place->len);
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
    struct place place;
    int rc = walk(sim, dir, path, &place);

    if (rc != 0)
        return rc;
    uint32_t inode = inode_at(sim, &place);
    if (inode == 0 && !(flags & HF_IO_CREATE))
        return -ENOENT;
    if (inode != 0 && (flags & HF_IO_CREATE) && (flags & HF_IO_EXCLUSIVE))
        return -EEXIST;
    if (inode != 0 && (flags & HF_IO_DIRECTORY) && !disk_is_dir(sim->disk, inode))
        return -ENOTDIR;
    if (inode != 0 && (flags & HF_IO_WRITE) && disk_is_dir(sim->disk, inode))
        return -EISDIR;
    if (inode == 0) {
        (void)before(sim, SIM_OPEN, path, (uint32_t)0, 0);
        inode = disk_make(sim->disk, false);
        disk_enter(sim->disk, place.dir, place.name, place.len, inode);
        /* Of an earlier boot it says nothing, whatever it is: FORMAT 3.1. */
        if (place.len == 6 && memcmp(place.name, "shared", 6) == 0)
            disk_mark_coarse(sim->disk, inode);
    } else if (flags & HF_IO_TRUNCATE) {
        (void)before(sim, SIM_OPEN, path, inode, 0);
        disk_resize(sim->disk, inode, 0);
    }
    return open_inode(sim, inode);
}

static int sim_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    int fd = open_at(sim, dir, path, flags);
    leave(sim);
    return fd;
}

static int sim_close(struct hf_io *io, int fd)
{
    struct sim *sim = sim_of(io);
    size_t kept = 0;

    enter(sim);
    file_of(sim, fd)->inode = 0;
    for (size_t i = 0; i < sim->lock_count; i++) {
        if (sim->locks[i].fd != fd)
            sim->locks[kept++] = sim->locks[i];
    }
    sim->lock_count = kept;
    leave(sim);
    return 0;
}

static int64_t sim_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    size_t got = disk_read(sim->disk, file_of(sim, fd)->inode, data, len, off);
    leave(sim);
    return (int64_t)got;
}

static int64_t sim_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    (void)before(sim, SIM_WRITE, "", file_of(sim, fd)->inode, off);
    disk_write(sim->disk, file_of(sim, fd)->inode, data, len, off);
    leave(sim);
    return (int64_t)len;
}

static int64_t sim_read(struct hf_io *io, int fd, void *data, size_t len)
{
    struct sim_file *file = file_of(sim_of(io), fd);
    int64_t got = sim_pread(io, fd, data, len, file->off);

    file->off += (uint64_t)got;
    return got;
}

static int64_t sim_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    struct sim_file *file = file_of(sim_of(io), fd);
    int64_t done = sim_pwrite(io, fd, data, len, file->off);

    file->off += (uint64_t)done;
    return done;
}

static int sim_ftruncate(struct hf_io *io, int fd, uint64_t len)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    (void)before(sim, SIM_TRUNCATE, "", file_of(sim, fd)->inode, len);
    disk_resize(sim->disk, file_of(sim, fd)->inode, len);
    leave(sim);
    return 0;
}

static int sync_by(struct hf_io *io, int fd, void (*sync)(struct disk *disk, uint32_t inode))
{
    struct sim *sim = sim_of(io);

    enter(sim);
    uint32_t inode = file_of(sim, fd)->inode;
    enum sim_op op = disk_is_dir(sim->disk, inode) ? SIM_SYNC_DIR : SIM_SYNC;
    const char *site = before(sim, op, "", inode, 0);
    if (sim->on_sync != NULL && site != NULL)
        sim->on_sync(sim->on_sync_arg, site);
    bool is_lost = site != NULL && sim->lost_site != NULL && strcmp(site, sim->lost_site) == 0;
    if (++sim->syncs != sim->lost_sync && !is_lost)
        sync(sim->disk, inode);
    leave(sim);
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

/* --- entries ---------------------------------------------------------------------------------- */

static int walk_both(struct sim *sim, int from_dir, const char *from, int to_dir, const char *to,
                     struct place places[2], uint32_t *out_inode)
{
    int rc = walk(sim, from_dir, from, &places[0]);

    if (rc == 0)
        rc = walk(sim, to_dir, to, &places[1]);
    if (rc != 0)
        return rc;
    *out_inode = inode_at(sim, &places[0]);
    return *out_inode == 0 ? -ENOENT : 0;
}

static int sim_linkat(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to)
{
    struct sim *sim = sim_of(io);
    struct place places[2];
    uint32_t inode = 0;

    enter(sim);
    int rc = walk_both(sim, from_dir, from, to_dir, to, places, &inode);
    if (rc == 0 && inode_at(sim, &places[1]) != 0)
        rc = -EEXIST;
    if (rc == 0) {
        (void)before(sim, SIM_LINK, to, inode, 0);
        disk_enter(sim->disk, places[1].dir, places[1].name, places[1].len, inode);
    }
    leave(sim);
    return rc;
}

static int sim_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                        const char *to)
{
    struct sim *sim = sim_of(io);
    struct place places[2];
    uint32_t inode = 0;

    enter(sim);
    int rc = walk_both(sim, from_dir, from, to_dir, to, places, &inode);
    if (rc == 0 && inode_at(sim, &places[1]) != inode) { /* of one file: nothing is done */
        (void)before(sim, SIM_RENAME, to, inode, 0);
        disk_enter(sim->disk, places[1].dir, places[1].name, places[1].len, inode);
        disk_enter(sim->disk, places[0].dir, places[0].name, places[0].len, 0);
    }
    leave(sim);
    return rc;
}

static bool is_empty(struct sim *sim, uint32_t dir)
{
    const char *name = NULL;
    uint32_t inode = 0;

    for (size_t n = 0; disk_entry(sim->disk, dir, n, &name, &inode); n++) {
        if (inode != 0)
            return false;
    }
    return true;
}

static int unlink_at(struct sim *sim, int dir, const char *path, bool is_dir)
{
    struct place place;
    int rc = walk(sim, dir, path, &place);

    if (rc != 0)
        return rc;
    uint32_t inode = inode_at(sim, &place);
    if (inode == 0)
        return -ENOENT;
    if (disk_is_dir(sim->disk, inode) != is_dir)
        return is_dir ? -ENOTDIR : -EISDIR;
    if (is_dir && !is_empty(sim, inode))
        return -ENOTEMPTY;
    (void)before(sim, SIM_UNLINK, path, inode, 0);
    disk_enter(sim->disk, place.dir, place.name, place.len, 0);
    return 0;
}

static int sim_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    int rc = unlink_at(sim, dir, path, is_dir);
    leave(sim);
    return rc;
}

static int sim_mkdirat(struct hf_io *io, int dir, const char *path, uint32_t mode)
{
    struct sim *sim = sim_of(io);
    struct place place;

    enter(sim);
    int rc = walk(sim, dir, path, &place);
    if (rc == 0 && inode_at(sim, &place) != 0)
        rc = -EEXIST;
    if (rc == 0) {
        (void)before(sim, SIM_MKDIR, path, (uint32_t)0, 0);
        disk_enter(sim->disk, place.dir, place.name, place.len, disk_make(sim->disk, true));
    }
    leave(sim);
    return rc;
}

static void tell(struct sim *sim, uint32_t inode, struct hf_io_stat *out)
{
    bool is_dir = disk_is_dir(sim->disk, inode);

    *out = (struct hf_io_stat){
        .kind = is_dir ? HF_IO_DIR : HF_IO_FILE,
        .size_bytes = is_dir ? 0 : disk_size(sim->disk, inode),
        .device = 1,
        .inode = inode,
        .link_count = 1,
        .mode = is_dir ? 0700 : 0600,
    };
    out->allocated_bytes = out->size_bytes;
}

static int sim_fstat(struct hf_io *io, int fd, struct hf_io_stat *out)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    tell(sim, file_of(sim, fd)->inode, out);
    leave(sim);
    return 0;
}

static int sim_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    struct sim *sim = sim_of(io);
    struct place place;

    enter(sim);
    int rc = walk(sim, dir, path, &place);
    uint32_t inode = rc == 0 ? inode_at(sim, &place) : 0;
    if (rc == 0 && inode == 0)
        rc = -ENOENT;
    if (rc == 0)
        tell(sim, inode, out);
    leave(sim);
    return rc;
}

/* Without the mutex while `fn` runs: it may call back. */
static int sim_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg)
{
    int fd = sim_openat(io, dir, path, HF_IO_READ | HF_IO_DIRECTORY, 0);
    struct sim *sim = sim_of(io);
    int rc = 0;
    bool more = true;

    if (fd < 0)
        return fd;
    for (size_t n = 0; rc == 0 && more; n++) {
        const char *entry = NULL;
        char name[256] = "";
        uint32_t inode = 0;
        enter(sim);
        more = disk_entry(sim->disk, file_of(sim, fd)->inode, n, &entry, &inode);
        bool is_dir = more && inode != 0 && disk_is_dir(sim->disk, inode);
        if (more)
            strncpy(name, entry, sizeof(name) - 1);
        leave(sim);
        if (more && inode != 0)
            rc = fn(arg, name, is_dir ? HF_IO_DIR : HF_IO_FILE);
    }
    (void)sim_close(io, fd);
    return rc;
}

/* --- locks ------------------------------------------------------------------------------------ */

static bool overlaps(const struct sim_lock *lock, uint64_t off, uint64_t len)
{
    return off < lock->off + lock->len && lock->off < off + len;
}

static bool is_held(const struct sim *sim, int fd, uint32_t inode, enum hf_io_lock kind,
                    uint64_t off, uint64_t len)
{
    for (size_t i = 0; i < sim->lock_count; i++) {
        const struct sim_lock *lock = &sim->locks[i];
        if (lock->inode == inode && lock->fd != fd && overlaps(lock, off, len) &&
            (kind == HF_IO_LOCK_EXCLUSIVE || lock->kind == HF_IO_LOCK_EXCLUSIVE))
            return true;
    }
    return false;
}

/* The store locks and unlocks the same ranges. */
static void unlock(struct sim *sim, int fd, uint64_t off, uint64_t len)
{
    size_t kept = 0;

    for (size_t i = 0; i < sim->lock_count; i++) {
        if (sim->locks[i].fd != fd || !overlaps(&sim->locks[i], off, len))
            sim->locks[kept++] = sim->locks[i];
    }
    sim->lock_count = kept;
}

static int sim_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                    bool wait)
{
    struct sim *sim = sim_of(io);
    int rc = 0;

    enter(sim);
    uint32_t inode = file_of(sim, fd)->inode;
    if (kind != HF_IO_UNLOCK && is_held(sim, fd, inode, kind, off, len)) {
        if (wait)
            abort();
        rc = -EAGAIN;
    } else {
        unlock(sim, fd, off, len);
        if (kind != HF_IO_UNLOCK) {
            if (sim->lock_count == sizeof(sim->locks) / sizeof(*sim->locks))
                abort();
            sim->locks[sim->lock_count++] = (struct sim_lock){fd, inode, kind, off, len};
        }
    }
    leave(sim);
    return rc;
}

static int sim_lock_test(struct hf_io *io, int fd, uint64_t off)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    bool held = is_held(sim, fd, file_of(sim, fd)->inode, HF_IO_LOCK_EXCLUSIVE, off, 1);
    leave(sim);
    return held ? -EAGAIN : 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

static int sim_fs_name(struct hf_io *io, int fd, char name[32])
{
    strcpy(name, "ext4");
    return 0;
}

static int sim_free_bytes(struct hf_io *io, int fd, uint64_t *out_free)
{
    *out_free = UINT64_C(1) << 40;
    return 0;
}

static uint64_t sim_now_ns(struct hf_io *io)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    uint64_t now = sim->now_ns += 1000;
    leave(sim);
    return now;
}

static int sim_random(struct hf_io *io, void *data, size_t len)
{
    struct sim *sim = sim_of(io);

    enter(sim);
    for (size_t i = 0; i < len; i++) {
        sim->chance = sim->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ((uint8_t *)data)[i] = (uint8_t)(sim->chance >> 56);
    }
    leave(sim);
    return 0;
}

static int sim_boot_id(struct hf_io *io, uint8_t id[16])
{
    uint64_t boot = sim_of(io)->boot;

    memset(id, 0x42, 16);
    memcpy(id, &boot, sizeof(boot));
    return 0;
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

    enter(sim);
    disk_lose(sim->disk, file_of(sim, fd)->inode);
    leave(sim);
}

void sim_off(struct sim *sim)
{
    pthread_mutex_destroy(&sim->mutex);
}
