/* fault-injection/explore.c - depth first, by running again. */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>

void explore_begin(struct explore *explore)
{
    explore->depth = 0;
}

static void tell(const struct disk_cell *cell, size_t chosen, size_t count)
{
    char what[300] = "length";

    if (cell->entry != NULL)
        snprintf(what, sizeof(what), "entry %s", cell->entry);
    else if (cell->chunk >= 0)
        snprintf(what, sizeof(what), "chunk %lld", (long long)cell->chunk);
    printf("    %s of inode %u: value %zu of %zu\n", what, cell->inode, chosen, count);
}

size_t explore_choose(void *arg, size_t count, const struct disk_cell *cell)
{
    struct explore *explore = arg;
    size_t depth = explore->depth++;

    if (depth >= EXPLORE_CHOICES_MAX)
        abort();
    if (depth >= explore->known) {
        explore->chosen[depth] = 0;
        explore->counts[depth] = count;
        explore->known = depth + 1;
    }
    if (explore->counts[depth] != count)
        abort(); /* the run is not the same each time: nothing that it says is worth anything */
    if (explore->tells)
        tell(cell, explore->chosen[depth], count);
    return explore->chosen[depth];
}

bool explore_next(struct explore *explore)
{
    while (explore->known > 0) {
        size_t last = explore->known - 1;
        if (++explore->chosen[last] < explore->counts[last])
            return true;
        explore->known--;
    }
    return false;
}
