/* fault-injection/disk/sim_machine.c - the machine around the disk: locks, clock, chance, and the
 * number of the boot. */
#include "disk/sim_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int sim_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len, bool wait)
{
    struct sim *sim = sim_of(io);
    int rc = 0;

    sim_enter(sim);
    uint32_t inode = sim_file_of(sim, fd)->inode;
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
    sim_leave(sim);
    return rc;
}

int sim_lock_test(struct hf_io *io, int fd, uint64_t off)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    bool held = is_held(sim, fd, sim_file_of(sim, fd)->inode, HF_IO_LOCK_EXCLUSIVE, off, 1);
    sim_leave(sim);
    return held ? -EAGAIN : 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

int sim_fs_name(struct hf_io *io, int fd, char name[32])
{
    strcpy(name, "ext4");
    return 0;
}

int sim_free_bytes(struct hf_io *io, int fd, uint64_t *out_free)
{
    *out_free = UINT64_C(1) << 40;
    return 0;
}

uint64_t sim_now_ns(struct hf_io *io)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    uint64_t now = sim->now_ns += 1000;
    sim_leave(sim);
    return now;
}

int sim_random(struct hf_io *io, void *data, size_t len)
{
    struct sim *sim = sim_of(io);

    sim_enter(sim);
    for (size_t i = 0; i < len; i++) {
        sim->chance = sim->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ((uint8_t *)data)[i] = (uint8_t)(sim->chance >> 56);
    }
    sim_leave(sim);
    return 0;
}

int sim_boot_id(struct hf_io *io, uint8_t id[16])
{
    uint64_t boot = sim_of(io)->boot;

    memset(id, 0x42, 16);
    memcpy(id, &boot, sizeof(boot));
    return 0;
}
