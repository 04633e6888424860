/* fault-injection/wider.c - two lists of states. */
#include "wider.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const enum disk_profile weaker[DISK_PROFILE_COUNT] = {
    [DISK_STRICT] = DISK_STRICT,
    [DISK_EXT4] = DISK_XFS,
    [DISK_XFS] = DISK_STRICT,
    [DISK_BTRFS] = DISK_STRICT,
};

/* What has power no more, as a file system of that profile. */
static struct disk *cut_of(const struct cut *cut, enum disk_profile profile)
{
    struct disk *disk = disk_copy(cut->disk);

    disk_weaken(disk, profile);
    disk_cut(disk);
    return disk;
}

static double states_of(const struct disk *disk)
{
    double log10_states = 0;

    (void)disk_undecided(disk, &log10_states);
    return round(pow(10, log10_states));
}

/* Puts each into `known`; how many were not there. */
static uint64_t list_states(const struct disk *cut, struct memory *known)
{
    struct explore explore = {0};
    uint64_t found = 0;

    do {
        struct disk *disk = disk_copy(cut);
        explore_begin(&explore);
        disk_set_choose(disk, explore_choose, &explore);
        disk_decide_all(disk);
        found += memory_add(known, disk_hash(disk));
        disk_free(disk);
    } while (explore_next(&explore));
    return found;
}

void wider_compare(struct wider *wider, const char *sequence, const struct cut *cut,
                   enum disk_profile profile)
{
    struct disk *disk = cut_of(cut, profile), *other = cut_of(cut, weaker[profile]);
    struct memory own = {0}, known = {0};

    if (states_of(other) <= (double)wider->states_max) {
        wider->cuts++;
        wider->wider_states += list_states(other, &known);
        wider->states += list_states(disk, &own);
        uint64_t strangers = list_states(disk, &known);
        if (strangers > 0)
            printf("STRANGERS: %s: cut before %s: %" PRIu64 " states that %s does not have\n",
                   sequence, sim_op_names[cut->op], strangers, disk_profile_names[weaker[profile]]);
        wider->strangers += strangers;
    }
    memory_release(&own);
    memory_release(&known);
    disk_free(disk);
    disk_free(other);
}
