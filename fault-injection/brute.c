/* fault-injection/brute.c - two lists of verdicts, and which of the one belongs to which of the
 * other.
 */
#include "brute.h"

#include "base/checksum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 64
#define NOT_READ  (-1)

/* The cells of a cut disk that are undecided, by the order of disk_decide_all. */
struct cells {
    uint64_t keys[CELLS_MAX];
    size_t count;
};

/* What was answered in one run, and what came of it. */
struct verdict {
    int answers[CELLS_MAX]; /* by the cell's number; NOT_READ: the cell was not asked about */
    bool ok;
    char *told; /* the state that came up, or what is broken */
};

struct verdicts {
    struct verdict *items;
    size_t count;
};

struct asking {
    struct explore explore;
    struct cells *cells;
    struct verdict *verdict;
    bool adds; /* a cell that is not known yet */
};

static uint64_t key_of(const struct disk_cell *cell)
{
    uint64_t key = hf_checksum(&cell->chunk, sizeof(cell->chunk), cell->inode);

    return cell->entry != NULL ? hf_checksum(cell->entry, strlen(cell->entry), key) : key;
}

static size_t number_of(struct asking *asking, const struct disk_cell *cell)
{
    struct cells *cells = asking->cells;
    uint64_t key = key_of(cell);
    size_t i = 0;

    while (i < cells->count && cells->keys[i] != key)
        i++;
    if (i == cells->count) {
        if (!asking->adds || i == CELLS_MAX)
            abort();
        cells->keys[cells->count++] = key;
    }
    return i;
}

static size_t ask(void *arg, size_t count, const struct disk_cell *cell)
{
    struct asking *asking = arg;
    size_t choice = explore_choose(&asking->explore, count, cell);

    asking->verdict->answers[number_of(asking, cell)] = (int)cell->numbers[choice];
    return choice;
}

static size_t refuse(void *arg, size_t count, const struct disk_cell *cell)
{
    abort(); /* a state that was listed has nothing left to ask */
}

/* Room for one more, of which nothing is known. */
static struct verdict *begin_verdict(struct verdicts *verdicts)
{
    verdicts->items = reallocarray(verdicts->items, verdicts->count + 1, sizeof(*verdicts->items));
    if (verdicts->items == NULL)
        abort();
    struct verdict *verdict = &verdicts->items[verdicts->count++];
    *verdict = (struct verdict){0};
    for (size_t i = 0; i < CELLS_MAX; i++)
        verdict->answers[i] = NOT_READ;
    return verdict;
}

static void pass_verdict(struct verdict *verdict, struct disk *disk, const char *const allowed[2])
{
    struct judge *judge = calloc(1, sizeof(*judge));

    if (judge == NULL)
        abort();
    *judge = (struct judge){.allowed = {allowed[0], allowed[1]}};
    verdict->ok = judge_recovery(judge, disk, 2);
    verdict->told = strdup(verdict->ok ? judge->state : judge->says);
    free(judge);
}

static void list_states(const struct cut *cut, const char *const allowed[2], struct cells *cells,
                        struct verdicts *out)
{
    struct asking asking = {.cells = cells, .adds = true};

    do {
        struct disk *disk = disk_copy(cut->disk);
        asking.verdict = begin_verdict(out);
        explore_begin(&asking.explore);
        disk_set_choose(disk, ask, &asking);
        disk_decide_all(disk);
        disk_set_choose(disk, refuse, NULL);
        pass_verdict(asking.verdict, disk, allowed);
        disk_free(disk);
    } while (explore_next(&asking.explore));
}

static void explore_lazily(const struct cut *cut, const char *const allowed[2], struct cells *cells,
                           struct verdicts *out)
{
    struct asking asking = {.cells = cells};

    do {
        struct disk *disk = disk_copy(cut->disk);
        asking.verdict = begin_verdict(out);
        explore_begin(&asking.explore);
        disk_set_choose(disk, ask, &asking);
        pass_verdict(asking.verdict, disk, allowed);
        disk_free(disk);
    } while (explore_next(&asking.explore));
}

/* --- the comparison --------------------------------------------------------------------------- */

static bool belongs(const struct verdict *path, const struct verdict *state)
{
    for (size_t i = 0; i < CELLS_MAX; i++) {
        if (path->answers[i] != NOT_READ && path->answers[i] != state->answers[i])
            return false;
    }
    return true;
}

static void differ(struct brute *brute, const char *sequence, const struct cut *cut,
                   const char *what, const struct verdict *one, const struct verdict *other)
{
    brute->differences++;
    printf("DIFFERENCE: %s: cut before %s: %s: \"%s\"%s%s%s\n", sequence, sim_op_names[cut->op],
           what, one->told, other != NULL ? " and \"" : "", other != NULL ? other->told : "",
           other != NULL ? "\"" : "");
}

/* Each state has one path, with the same verdict, and no path is without a state. */
static void compare(struct brute *brute, const char *sequence, const struct cut *cut,
                    const struct verdicts *states, const struct verdicts *paths)
{
    bool *has_state = calloc(paths->count, sizeof(*has_state));

    if (has_state == NULL)
        abort();
    for (size_t i = 0; i < states->count; i++) {
        const struct verdict *state = &states->items[i], *found = NULL;
        for (size_t j = 0; j < paths->count; j++) {
            if (!belongs(&paths->items[j], state))
                continue;
            has_state[j] = true;
            if (found != NULL)
                differ(brute, sequence, cut, "two paths to one state", found, &paths->items[j]);
            found = &paths->items[j];
        }
        if (found == NULL)
            differ(brute, sequence, cut, "a state without a path", state, NULL);
        else if (found->ok != state->ok || strcmp(found->told, state->told) != 0)
            differ(brute, sequence, cut, "a state and its path", state, found);
        brute->broken_states += !state->ok;
    }
    for (size_t j = 0; j < paths->count; j++) {
        if (!has_state[j])
            differ(brute, sequence, cut, "a path without a state", &paths->items[j], NULL);
        brute->broken_paths += !paths->items[j].ok;
    }
    free(has_state);
}

static void release(struct verdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->count; i++)
        free(verdicts->items[i].told);
    free(verdicts->items);
}

void brute_compare(struct brute *brute, const char *sequence, const struct cut *cut,
                   const char *const allowed[2], enum disk_profile profile)
{
    struct cells *cells = calloc(1, sizeof(*cells));
    struct verdicts states = {0}, paths = {0};
    uint64_t hash = 0;
    double log10_states = 0;

    if (cells == NULL)
        abort();
    disk_cut(cut->disk);
    hash = disk_hash(cut->disk);
    for (size_t i = 0; i < 2 && allowed[i] != NULL; i++)
        hash = hf_checksum(allowed[i], strlen(allowed[i]), hash);
    (void)disk_undecided(cut->disk, &log10_states);
    double expected = round(pow(10, log10_states));
    if (expected > (double)brute->states_max) {
        brute->left_out++;
    } else if (memory_add(&brute->tried, hash)) {
        brute->cuts++;
        list_states(cut, allowed, cells, &states);
        if ((double)states.count > expected ||
            (profile == DISK_STRICT && (double)states.count != expected))
            abort(); /* not all were listed */
        explore_lazily(cut, allowed, cells, &paths);
        brute->states += states.count;
        brute->paths += paths.count;
        compare(brute, sequence, cut, &states, &paths);
    }
    release(&states);
    release(&paths);
    free(cells);
}
