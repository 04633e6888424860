/*
 * fault-injection/cuts.c - epochs, the cuts in them, and a choice among the cuts.
 *
 * Few writes: every subset. Many: each prefix, whole and with its last write torn; each write alone
 * lost and alone kept; and seeded ones, in which a write is lost more or less often, or torn.
 */
#include "cuts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASK_WRITES_MAX 6  /* up to so many writes all subsets are tried */
#define CHANCES         24 /* seeded subsets of a longer epoch */

static void *grown(void *memory, size_t size)
{
    void *more = realloc(memory, size);

    if (more == NULL) {
        fputs("no memory\n", stderr);
        exit(3);
    }
    return more;
}

/* splitmix64, so that a number draws a number. */
static uint64_t mixed(uint64_t z)
{
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* --- epochs ----------------------------------------------------------------------------------- */

static struct epoch *new_epoch(struct epochs *epochs)
{
    epochs->epochs = grown(epochs->epochs, (epochs->count + 1) * sizeof(*epochs->epochs));
    epochs->epochs[epochs->count] = (struct epoch){0};
    return &epochs->epochs[epochs->count++];
}

static void add_write(struct epoch *epoch, const struct crash_entry *entry)
{
    epoch->writes = grown(epoch->writes, (epoch->write_count + 1) * sizeof(*epoch->writes));
    epoch->writes[epoch->write_count++] = entry;
}

void epochs_of(const struct crash_log *log, struct epochs *out)
{
    struct epoch *epoch = NULL;

    *out = (struct epochs){0};
    epoch = new_epoch(out);
    for (size_t i = 0; i < log->entry_count; i++) {
        const struct crash_entry *entry = &log->entries[i];
        if (entry->kind == CRASH_WRITE)
            add_write(epoch, entry);
        if (entry->kind != CRASH_FLUSH && entry->kind != CRASH_LOST)
            continue;
        epoch->end = i;
        epoch->is_lost = entry->kind == CRASH_LOST;
        epoch = new_epoch(out);
    }
    epoch->end = log->entry_count;
}

void epochs_release(struct epochs *epochs)
{
    for (size_t i = 0; i < epochs->count; i++)
        free(epochs->epochs[i].writes);
    free(epochs->epochs);
    *epochs = (struct epochs){0};
}

/* --- cuts ------------------------------------------------------------------------------------- */

static void add(struct cuts *cuts, size_t *capacity, struct cut cut)
{
    if (cuts->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 1024;
        cuts->cuts = grown(cuts->cuts, *capacity * sizeof(*cuts->cuts));
    }
    cuts->cuts[cuts->count++] = cut;
}

static void add_epoch(struct cuts *cuts, size_t *capacity, uint32_t number,
                      const struct epoch *epoch, uint64_t seed)
{
    uint32_t writes = (uint32_t)epoch->write_count;
    uint64_t chance = mixed(seed ^ ((uint64_t)number << 20));

    add(cuts, capacity, (struct cut){.epoch = number, .kind = CUT_ALL});
    if (writes <= MASK_WRITES_MAX)
        for (uint32_t mask = 0; mask + 1 < 1u << writes; mask++)
            add(cuts, capacity, (struct cut){number, CUT_MASK, mask, 0});
    for (uint32_t i = 0; i < writes; i++) {
        add(cuts, capacity, (struct cut){number, CUT_TORN_PREFIX, i, mixed(chance + i)});
        if (writes <= MASK_WRITES_MAX)
            continue;
        add(cuts, capacity, (struct cut){number, CUT_PREFIX, i, 0});
        add(cuts, capacity, (struct cut){number, CUT_DROP, i, 0});
        add(cuts, capacity, (struct cut){number, CUT_KEEP, i, 0});
    }
    for (uint32_t i = 0; writes > 1 && i < CHANCES; i++)
        add(cuts, capacity, (struct cut){number, CUT_CHANCE, i, mixed(chance - 1 - i)});
}

static uint64_t rank_of(const struct cut *cut, uint64_t seed)
{
    if (cut->kind == CUT_ALL)
        return 0;
    return mixed(mixed(seed + cut->epoch) ^ mixed(((uint64_t)cut->kind << 32) + cut->number));
}

static int compare_ranks(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Those with the lowest ranks. */
static void limit_to(struct cuts *cuts, uint64_t limit, uint64_t seed)
{
    uint64_t *ranks = grown(NULL, cuts->count * sizeof(*ranks));
    size_t kept = 0;

    for (size_t i = 0; i < cuts->count; i++)
        ranks[i] = rank_of(&cuts->cuts[i], seed);
    qsort(ranks, cuts->count, sizeof(*ranks), compare_ranks);
    uint64_t highest = ranks[limit - 1];
    free(ranks);
    for (size_t i = 0; i < cuts->count; i++)
        if (rank_of(&cuts->cuts[i], seed) <= highest)
            cuts->cuts[kept++] = cuts->cuts[i];
    cuts->count = kept;
}

void cuts_choose(const struct epochs *epochs, const struct cuts_options *options, struct cuts *out)
{
    size_t capacity = 0;

    *out = (struct cuts){0};
    for (size_t i = 0; i < epochs->count; i++)
        add_epoch(out, &capacity, (uint32_t)i, &epochs->epochs[i], options->seed);
    out->total = out->count;
    if (options->limit > 0 && options->limit < out->count)
        limit_to(out, options->limit, options->seed);
}

void cuts_release(struct cuts *cuts)
{
    free(cuts->cuts);
    *cuts = (struct cuts){0};
}

/* --- what is left ----------------------------------------------------------------------------- */

/* A beginning, an end or a middle of the write, in whole units. */
static struct cut_kept torn(const struct crash_entry *write, uint32_t unit, uint64_t chance)
{
    uint64_t units = (write->len + unit - 1) / unit;
    uint64_t from = 0, to = mixed(chance) % (units + 1);

    if (chance % 3 == 0)
        from = mixed(chance + 1) % (to + 1);
    else if (chance % 3 == 1) {
        from = to;
        to = units;
    }
    uint64_t end = to * unit < write->len ? to * unit : write->len;
    return (struct cut_kept){.begin = from * unit < end ? from * unit : end, .end = end};
}

static struct cut_kept by_chance(const struct crash_entry *write, const struct cut *cut, size_t i,
                                 uint32_t unit)
{
    static const unsigned lost_of_16[] = {8, 2, 14, 1};
    uint64_t drawn = mixed(cut->chance ^ mixed(i));
    unsigned lost = lost_of_16[cut->number % 4];

    if (drawn % 16 < lost)
        return (struct cut_kept){0, 0};
    if (drawn / 16 % 8 == 0)
        return torn(write, unit, mixed(drawn));
    return (struct cut_kept){0, write->len};
}

static bool is_kept(const struct cut *cut, size_t i)
{
    switch (cut->kind) {
    case CUT_ALL:
        return true;
    case CUT_MASK:
        return (cut->number >> i & 1) != 0;
    case CUT_PREFIX:
    case CUT_TORN_PREFIX:
        return i < cut->number;
    case CUT_DROP:
        return i != cut->number;
    case CUT_KEEP:
        return i == cut->number;
    case CUT_CHANCE:
        break;
    }
    return false;
}

void cut_apply(const struct epoch *epoch, const struct cut *cut, uint32_t unit,
               struct cut_kept *kept)
{
    for (size_t i = 0; i < epoch->write_count; i++) {
        const struct crash_entry *write = epoch->writes[i];
        if (cut->kind == CUT_CHANCE)
            kept[i] = by_chance(write, cut, i, unit);
        else if (cut->kind == CUT_TORN_PREFIX && i == cut->number)
            kept[i] = torn(write, unit, cut->chance);
        else
            kept[i] = (struct cut_kept){0, is_kept(cut, i) ? write->len : 0};
    }
}
