/* fault-injection/confirm.c - a violation is tried again, made smaller, and kept. */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES         3
#define CONFIRMED_MAX 20 /* of one recording; more are only counted */

void replay_write(struct medium *medium, const struct epoch *epoch, const struct cut_kept *kept)
{
    for (size_t i = 0; i < epoch->write_count; i++) {
        const struct crash_entry *write = epoch->writes[i];
        if (kept[i].end > kept[i].begin)
            medium_write(medium, write->off + kept[i].begin, write->data + kept[i].begin,
                         kept[i].end - kept[i].begin);
    }
}

static bool is_broken(struct replay *replay, struct medium *medium, char *why, size_t size)
{
    struct verdict verdict;

    if (verdict_find(medium, &replay->way, &verdict) != 0)
        exit(3);
    snprintf(why, size, "%s", verdict.broken);
    bool broken = verdict.mount_errno == 0 &&
                  (why[0] != '\0' || !account_allows(&replay->account, &verdict.found, why, size));
    verdict_release(&verdict);
    return broken;
}

static bool is_broken_elsewhere(struct replay *replay)
{
    struct medium other;
    char why[VERDICT_BROKEN_MAX];

    if (medium_open(&other, replay->medium.size_bytes) != 0)
        exit(3);
    for (uint64_t page = 0; page < other.size_bytes / MEDIUM_PAGE; page++)
        if (replay->medium.used[page])
            medium_write(&other, page * MEDIUM_PAGE, replay->medium.want + page * MEDIUM_PAGE,
                         MEDIUM_PAGE);
    bool broken = is_broken(replay, &other, why, sizeof(why));
    medium_close(&other);
    return broken;
}

/* Gives the disk back one lost write after the other, as long as the promise stays broken. */
static void shrink(struct replay *replay, const struct epoch *epoch)
{
    char why[VERDICT_BROKEN_MAX];

    for (size_t i = 0; i < epoch->write_count; i++) {
        struct cut_kept was = replay->kept[i];
        replay->kept[i] = (struct cut_kept){0, epoch->writes[i]->len};
        medium_take_back(&replay->medium);
        replay_write(&replay->medium, epoch, replay->kept);
        if (!is_broken(replay, &replay->medium, why, sizeof(why)))
            replay->kept[i] = was;
    }
    medium_take_back(&replay->medium);
}

/* --- reproducers ------------------------------------------------------------------------------ */

static void write_record(FILE *file, enum crash_log_kind kind, uint64_t off, const void *data,
                         uint64_t len)
{
    struct crash_log_record record = {.kind = kind, .off = off, .len = len};

    fwrite(&record, sizeof(record), 1, file);
    fwrite(data, 1, len, file);
}

static void write_mark(void *arg, const char *text)
{
    write_record(arg, CRASH_MARK, 0, text, strlen(text));
}

static void write_epoch(FILE *file, const struct epoch *epoch, const struct cut_kept *kept)
{
    for (size_t i = 0; i < epoch->write_count; i++) {
        const struct crash_entry *write = epoch->writes[i];
        struct cut_kept part = kept[i];
        write_record(file, CRASH_GONE, write->off, write->data, part.begin);
        write_record(file, CRASH_WRITE, write->off + part.begin, write->data + part.begin,
                     part.end - part.begin);
        write_record(file, CRASH_GONE, write->off + part.end, write->data + part.end,
                     write->len - part.end);
    }
}

static void keep_reproducer(struct replay *replay, const struct epoch *epoch)
{
    struct crash_log_header header = {.size_bytes = replay->medium.size_bytes};
    char path[512];

    snprintf(path, sizeof(path), "%s/violation-%016llx", replay->keep,
             (unsigned long long)(replay->medium.hash + replay->confirmed));
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return;
    }
    memcpy(header.magic, CRASH_LOG_MAGIC, sizeof(header.magic));
    fwrite(&header, sizeof(header), 1, file);
    for (uint64_t page = 0; page < replay->medium.size_bytes / MEDIUM_PAGE; page++)
        if (replay->medium.used[page])
            write_record(file, CRASH_BASE, page * MEDIUM_PAGE,
                         replay->medium.want + page * MEDIUM_PAGE, MEDIUM_PAGE);
    account_write(&replay->account, write_mark, file);
    write_epoch(file, epoch, replay->kept);
    if (fclose(file) != 0)
        perror(path);
    printf("  kept as %s\n", path);
}

/* ---------------------------------------------------------------------------------------------- */

static void print_lost(const struct epoch *epoch, const struct cut_kept *kept)
{
    size_t lost = 0;

    for (size_t i = 0; i < epoch->write_count; i++)
        lost += kept[i].end - kept[i].begin < epoch->writes[i]->len;
    printf("  of %zu writes since the last flush %zu must be lost for it:", epoch->write_count,
           lost);
    for (size_t i = 0; i < epoch->write_count && lost <= 16; i++)
        if (kept[i].end - kept[i].begin < epoch->writes[i]->len)
            printf(" %llu+%llu", (unsigned long long)epoch->writes[i]->off,
                   (unsigned long long)epoch->writes[i]->len);
    printf("\n");
}

void replay_confirm(struct replay *replay, const struct epoch *epoch, const char *why)
{
    int broken = 0;

    if (replay->confirmed >= CONFIRMED_MAX) {
        replay->confirmed++;
        return;
    }
    for (int i = 0; i < TIMES; i++)
        broken += is_broken_elsewhere(replay);
    printf("%s (%d of %d times again): %s\n", broken == TIMES ? "VIOLATION" : "not confirmed",
           broken, TIMES, why);
    if (broken < TIMES) {
        replay->unconfirmed++;
        return;
    }
    replay->confirmed++;
    if (replay->confirmed > 3 || replay->keep == NULL)
        return;
    shrink(replay, epoch);
    print_lost(epoch, replay->kept);
    keep_reproducer(replay, epoch);
    fflush(stdout);
}
