/*
 * fault-injection/replay.c - mounts every state that a recorded disk may be in after a power cut.
 *
 *     disk-replay [OPTIONS] LOG          all cuts of a recording
 *       --states N         at most N of them: each flush, the others by chance
 *       --seed S           which
 *       --unit BYTES       what the disk writes at once (4096)
 *       --keep FOLDER      reproducers of violations go there
 *       --stop             end at the first violation
 *       --tsv FILE         adds a line for each epoch (write_row)
 *       --command COMMAND  judges the mounted disk instead of Holdfast's checker (verdict.h)
 *     disk-replay --replay LOG           only the state at its end, as of a reproducer
 *     disk-replay --list LOG             what is in it
 *
 * Exit code 0: no violation; 1: some; 2: wrong usage; 3: the machine failed.
 */
#include "judge_io.h"
#include "replay.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

struct options {
    struct cuts_options cuts;
    const char *log;
    const char *tsv;
    bool stop;
    bool only_end;
    bool list;
};

/* States that were mounted: the same bytes are always found to hold the same. */
struct known {
    uint64_t hash;
    const struct verdict *verdict;
};

static struct {
    struct known *states;
    size_t capacity, count; /* a power of two */
    struct verdict **verdicts;
    size_t verdict_count;
} memory;

/* --- what was seen before --------------------------------------------------------------------- */

static void *cleared(size_t count, size_t size)
{
    void *made = calloc(count, size);

    if (made == NULL)
        exit(3);
    return made;
}

static struct known *slot_of(uint64_t hash)
{
    size_t at = hash & (memory.capacity - 1);

    while (memory.states[at].verdict != NULL && memory.states[at].hash != hash)
        at = (at + 1) & (memory.capacity - 1);
    return &memory.states[at];
}

static void grow(void)
{
    struct known *old = memory.states;
    size_t old_capacity = memory.capacity;

    memory.capacity = old_capacity ? old_capacity * 2 : 4096;
    memory.states = cleared(memory.capacity, sizeof(*old));
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].verdict != NULL)
            *slot_of(old[i].hash) = old[i];
    free(old);
}

/* Few verdicts are different. Takes over what *verdict has. */
static const struct verdict *one_of(struct verdict *verdict)
{
    for (size_t i = 0; i < memory.verdict_count; i++)
        if (verdict_equal(memory.verdicts[i], verdict)) {
            verdict_release(verdict);
            return memory.verdicts[i];
        }
    memory.verdicts =
        realloc(memory.verdicts, (memory.verdict_count + 1) * sizeof(*memory.verdicts));
    if (memory.verdicts == NULL)
        exit(3);
    struct verdict *kept = cleared(1, sizeof(*kept));
    *kept = *verdict;
    memory.verdicts[memory.verdict_count++] = kept;
    return kept;
}

static const struct verdict *verdict_of(struct replay *replay)
{
    if (memory.count * 2 >= memory.capacity)
        grow();
    struct known *known = slot_of(replay->medium.hash);
    if (known->verdict != NULL)
        return known->verdict;
    struct verdict verdict;
    if (verdict_find(&replay->medium, &replay->way, &verdict) != 0)
        exit(3);
    replay->unmountable += verdict.mount_errno != 0;
    if (verdict.mount_errno != 0)
        printf("can't be mounted: %s\n", strerror(verdict.mount_errno));
    *known = (struct known){.hash = replay->medium.hash, .verdict = one_of(&verdict)};
    memory.count++;
    return known->verdict;
}

static void forget_all(void)
{
    for (size_t i = 0; i < memory.verdict_count; i++) {
        verdict_release(memory.verdicts[i]);
        free(memory.verdicts[i]);
    }
    free(memory.verdicts);
    free(memory.states);
}

/* --- playing ---------------------------------------------------------------------------------- */

static bool try_cut(struct replay *replay, const struct epoch *epoch, const struct cut *cut,
                    const struct options *options)
{
    char why[VERDICT_BROKEN_MAX];

    cut_apply(epoch, cut, options->cuts.unit, replay->kept);
    replay_write(&replay->medium, epoch, replay->kept);
    const struct verdict *verdict = verdict_of(replay);
    snprintf(why, sizeof(why), "%s", verdict->broken);
    bool fine =
        verdict->mount_errno != 0 ||
        (why[0] == '\0' && account_allows(&replay->account, &verdict->found, why, sizeof(why)));
    if (!fine)
        replay_confirm(replay, epoch, why);
    medium_take_back(&replay->medium);
    return fine || !options->stop;
}

/* The writes that come before an epoch, and the marks up to its end. */
static void enter(struct replay *replay, size_t number, size_t *at)
{
    const struct epoch *before = number > 0 ? &replay->epochs.epochs[number - 1] : NULL;

    for (size_t i = 0; before != NULL && !before->is_lost && i < before->write_count; i++)
        medium_write(&replay->medium, before->writes[i]->off, before->writes[i]->data,
                     before->writes[i]->len);
    for (; *at < replay->epochs.epochs[number].end; (*at)++) {
        const struct crash_entry *entry = &replay->log.entries[*at];
        if (entry->kind == CRASH_BASE)
            medium_write(&replay->medium, entry->off, entry->data, entry->len);
        if (entry->kind == CRASH_MARK)
            account_mark(&replay->account, entry->data, entry->len);
    }
    medium_keep(&replay->medium);
    replay->way.fs_type = replay->account.fs_type;
    replay->way.fs_options = replay->account.fs_options;
    free(replay->kept);
    replay->kept = cleared(replay->epochs.epochs[number].write_count + 1, sizeof(*replay->kept));
}

static size_t count_acks(const struct crash_log *log, size_t begin, size_t end)
{
    size_t count = 0;

    for (size_t i = begin; i < end; i++)
        count += log->entries[i].kind == CRASH_MARK && log->entries[i].len > 4 &&
                 memcmp(log->entries[i].data, "ack ", 4) == 0;
    return count;
}

/* epoch NUMBER WRITES ACKS CUTS STATES VIOLATIONS, of which the last three since `before`. */
static void write_row(FILE *tsv, const struct replay *replay, size_t number, size_t acks,
                      const size_t before[3], size_t cuts)
{
    if (tsv != NULL)
        fprintf(tsv, "epoch\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\n", number,
                replay->epochs.epochs[number].write_count, acks, cuts - before[0],
                memory.count - before[1], (size_t)replay->confirmed - before[2]);
}

static void play(struct replay *replay, const struct cuts *cuts, const struct options *options)
{
    FILE *tsv = options->tsv != NULL ? fopen(options->tsv, "ae") : NULL;
    size_t at = 0, next = 0;
    bool go_on = true;

    for (size_t number = 0; go_on && number < replay->epochs.count; number++) {
        const struct epoch *epoch = &replay->epochs.epochs[number];
        const size_t before[3] = {next, memory.count, (size_t)replay->confirmed};
        bool is_last = number + 1 == replay->epochs.count;
        size_t acks = count_acks(&replay->log, at, epoch->end);
        enter(replay, number, &at);
        for (; go_on && next < cuts->count && cuts->cuts[next].epoch == number; next++)
            if (!options->only_end || (is_last && cuts->cuts[next].kind == CUT_ALL))
                go_on = try_cut(replay, epoch, &cuts->cuts[next], options);
        write_row(tsv, replay, number, acks, before, next);
    }
    if (tsv != NULL && fclose(tsv) != 0)
        perror(options->tsv);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int replay_log(struct replay *replay, const struct options *options)
{
    struct cuts cuts;
    double began = seconds();

    epochs_of(&replay->log, &replay->epochs);
    cuts_choose(&replay->epochs, &options->cuts, &cuts);
    int rc = medium_open(&replay->medium, replay->log.size_bytes) != 0 ? 3 : 0;
    if (rc == 0) {
        play(replay, &cuts, options);
        double took = seconds() - began;
        printf("%s %s: flushes %zu cuts %zu of %" PRIu64 " states %zu unmountable %" PRIu64
               " violations %" PRIu64 " unconfirmed %" PRIu64 " seconds %.1f rate %.0f\n",
               replay->account.fs_type, replay->account.fs_options, replay->epochs.count - 1,
               cuts.count, cuts.total, memory.count, replay->unmountable, replay->confirmed,
               replay->unconfirmed, took, (double)memory.count / took);
        rc = replay->confirmed > 0 ? 1 : 0;
    }
    cuts_release(&cuts);
    return rc;
}

static int list(const struct crash_log *log)
{
    for (size_t i = 0; i < log->entry_count; i++) {
        const struct crash_entry *entry = &log->entries[i];
        if (entry->kind == CRASH_MARK)
            printf("M %.*s\n", (int)entry->len, (const char *)entry->data);
        else if (entry->kind != CRASH_BASE)
            printf("%c %" PRIu64 "+%" PRIu64 "\n", (int)entry->kind, entry->off, entry->len);
    }
    return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

static bool parse(int argc, char **argv, struct options *options, struct replay *replay)
{
    static const struct option names[] = {
        {"states", required_argument, NULL, 'n'},  {"seed", required_argument, NULL, 's'},
        {"unit", required_argument, NULL, 'u'},    {"keep", required_argument, NULL, 'k'},
        {"command", required_argument, NULL, 'c'}, {"tsv", required_argument, NULL, 't'},
        {"stop", no_argument, NULL, 'x'},          {"replay", no_argument, NULL, 'r'},
        {"list", no_argument, NULL, 'l'},          {NULL, 0, NULL, 0},
    };

    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (c == 'n')
            options->cuts.limit = strtoull(optarg, NULL, 0);
        else if (c == 's')
            options->cuts.seed = strtoull(optarg, NULL, 0);
        else if (c == 'u')
            options->cuts.unit = (uint32_t)strtoul(optarg, NULL, 0);
        else if (c == 'k')
            replay->keep = optarg;
        else if (c == 'c')
            replay->way.command = optarg;
        else if (c == 't')
            options->tsv = optarg;
        else if (c == 'x')
            options->stop = true;
        else if (c == 'r')
            options->only_end = true;
        else if (c == 'l')
            options->list = true;
        else
            return false;
    }
    options->log = optind + 1 == argc ? argv[optind] : NULL;
    return options->log != NULL && options->cuts.unit >= 512;
}

/* Another process with a mount namespace of its own would keep our mounts, and the file systems
 * under them would write on into the next state. */
static int be_alone(void)
{
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return judge_io_begin();
    perror("a mount namespace");
    return -1;
}

int main(int argc, char **argv)
{
    struct options options = {.cuts = {.seed = 1, .unit = 4096}};
    struct replay replay = {0};
    int rc = 2;

    setlinebuf(stdout);
    /* The checker reads segments as a whole: their memory is kept, not given back and cleared anew.
     */
    mallopt(M_MMAP_THRESHOLD, 1 << 28);
    mallopt(M_TRIM_THRESHOLD, 1 << 28);
    if (!parse(argc, argv, &options, &replay)) {
        fputs("usage: disk-replay [OPTIONS] LOG; the top of replay.c says which\n", stderr);
        return 2;
    }
    if (crash_log_read(options.log, &replay.log) != 0)
        rc = 3;
    else if (options.list)
        rc = list(&replay.log);
    else if (be_alone() != 0)
        rc = 3;
    else
        rc = replay_log(&replay, &options);
    medium_close(&replay.medium);
    epochs_release(&replay.epochs);
    account_release(&replay.account);
    free(replay.kept);
    forget_all();
    crash_log_release(&replay.log);
    return rc;
}
