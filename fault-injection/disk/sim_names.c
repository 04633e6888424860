/* fault-injection/disk/sim_names.c - paths, and the operations on entries of folders. */
#include "disk/sim_inside.h"

#include <errno.h>
#include <string.h>

/* --- paths ------------------------------------------------------------------------------------ */

int sim_walk(struct sim *sim, int dir, const char *path, struct sim_place *out)
{
    uint32_t at = dir == HF_IO_CWD || path[0] == '/' ? DISK_ROOT : sim_file_of(sim, dir)->inode;

    for (;;) {
        while (*path == '/')
            path++;
        size_t len = strcspn(path, "/");
        const char *rest = path + len + strspn(path + len, "/");
        if (!disk_is_dir(sim->disk, at))
            return -ENOTDIR;
        if (*rest == '\0') {
            bool is_dot = len == 1 && path[0] == '.';
            *out = (struct sim_place){.dir = at, .name = path, .len = is_dot ? 0 : len};
            return 0;
        }
        if (len != 1 || path[0] != '.')
            at = disk_lookup(sim->disk, at, path, len);
        if (at == 0)
            return -ENOENT;
        path = rest;
    }
}

uint32_t sim_inode_at(struct sim *sim, const struct sim_place *place)
{
    return place->len == 0 ? place->dir
                           : disk_lookup(sim->disk, place->dir, place->name, place->len);
}

/* --- entries ---------------------------------------------------------------------------------- */

static int walk_both(struct sim *sim, int from_dir, const char *from, int to_dir, const char *to,
                     struct sim_place places[2], uint32_t *out_inode)
{
    int rc = sim_walk(sim, from_dir, from, &places[0]);

    if (rc == 0)
        rc = sim_walk(sim, to_dir, to, &places[1]);
    if (rc != 0)
        return rc;
    *out_inode = sim_inode_at(sim, &places[0]);
    return *out_inode == 0 ? -ENOENT : 0;
}

int sim_linkat(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to)
{
    struct sim *sim = sim_of(io);
    struct sim_place places[2];
    uint32_t inode = 0;

    sim_enter(sim);
    int rc = walk_both(sim, from_dir, from, to_dir, to, places, &inode);
    if (rc == 0 && sim_inode_at(sim, &places[1]) != 0)
        rc = -EEXIST;
    if (rc == 0) {
        (void)sim_before(sim, SIM_LINK, to, inode, 0);
        disk_enter(sim->disk, places[1].dir, places[1].name, places[1].len, inode);
    }
    sim_leave(sim);
    return rc;
}

int sim_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to)
{
    struct sim *sim = sim_of(io);
    struct sim_place places[2];
    uint32_t inode = 0;

    sim_enter(sim);
    int rc = walk_both(sim, from_dir, from, to_dir, to, places, &inode);
    if (rc == 0 && sim_inode_at(sim, &places[1]) != inode) { /* of one file: nothing is done */
        (void)sim_before(sim, SIM_RENAME, to, inode, 0);
        disk_enter(sim->disk, places[1].dir, places[1].name, places[1].len, inode);
        disk_enter(sim->disk, places[0].dir, places[0].name, places[0].len, 0);
    }
    sim_leave(sim);
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
    struct sim_place place;
    int rc = sim_walk(sim, dir, path, &place);

    if (rc != 0)
        return rc;
    uint32_t inode = sim_inode_at(sim, &place);
    if (inode == 0)
        return -ENOENT;
    if (disk_is_dir(sim->disk, inode) != is_dir)
        return is_dir ? -ENOTDIR : -EISDIR;
    if (is_dir && !is_empty(sim, inode))
        return -ENOTEMPTY;
    (void)sim_before(sim, SIM_UNLINK, path, inode, 0);
    disk_enter(sim->disk, place.dir, place.name, place.len, 0);
    return 0;
}

int sim_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    int rc = unlink_at(sim, dir, path, is_dir);
    sim_leave(sim);
    return rc;
}

int sim_mkdirat(struct hf_io *io, int dir, const char *path, uint32_t mode)
{
    struct sim *sim = sim_of(io);
    struct sim_place place;

    sim_enter(sim);
    int rc = sim_walk(sim, dir, path, &place);
    if (rc == 0 && sim_inode_at(sim, &place) != 0)
        rc = -EEXIST;
    if (rc == 0) {
        (void)sim_before(sim, SIM_MKDIR, path, (uint32_t)0, 0);
        disk_enter(sim->disk, place.dir, place.name, place.len, disk_make(sim->disk, true));
    }
    sim_leave(sim);
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

int sim_fstat(struct hf_io *io, int fd, struct hf_io_stat *out)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    tell(sim, sim_file_of(sim, fd)->inode, out);
    sim_leave(sim);
    return 0;
}

int sim_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    struct sim *sim = sim_of(io);
    struct sim_place place;

    sim_enter(sim);
    int rc = sim_walk(sim, dir, path, &place);
    uint32_t inode = rc == 0 ? sim_inode_at(sim, &place) : 0;
    if (rc == 0 && inode == 0)
        rc = -ENOENT;
    if (rc == 0)
        tell(sim, inode, out);
    sim_leave(sim);
    return rc;
}

/* Without the mutex while `fn` runs: it may call back. */
int sim_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg)
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
        sim_enter(sim);
        more = disk_entry(sim->disk, sim_file_of(sim, fd)->inode, n, &entry, &inode);
        bool is_dir = more && inode != 0 && disk_is_dir(sim->disk, inode);
        if (more)
            strncpy(name, entry, sizeof(name) - 1);
        sim_leave(sim);
        if (more && inode != 0)
            rc = fn(arg, name, is_dir ? HF_IO_DIR : HF_IO_FILE);
    }
    (void)sim_close(io, fd);
    return rc;
}
