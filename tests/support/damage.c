#include "support/damage.h"

#include "support/suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct hf_test_load hf_test_image_a = {
    .name = "a:1", .text = "a", .parts = {"only in a", "shared"}};
const struct hf_test_load hf_test_image_b = {
    .name = "b:1", .text = "b", .parts = {"only in b", "shared"}};
const struct hf_test_load hf_test_image_c = {.name = "c:1", .text = "c", .parts = {"only in c"}};

void hf_test_damage_setup(char *root)
{
    struct hf_store *store;

    hf_test_make_dir(root);
    store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_CREATE);
    ck_assert_int_eq(hf_test_load(store, &hf_test_image_a, NULL), 0);
    ck_assert_int_eq(hf_test_load(store, &hf_test_image_b, NULL), 0);
    ck_assert_int_eq(hf_test_load(store, &hf_test_image_c, NULL), 0);
    hf_test_must_close(store);
}

/* --- checking --------------------------------------------------------------------------------- */

static struct hf_test_findings findings;

static void on_finding(void *arg, const struct hf_finding *finding)
{
    (void)arg;
    ck_assert_uint_lt(findings.count, HF_TEST_FINDINGS_MAX);
    struct hf_test_finding *kept = &findings.items[findings.count++];

    kept->kind = finding->kind;
    kept->digest = finding->digest;
    kept->repaired = finding->repaired;
    snprintf(kept->path, sizeof(kept->path), "%s", finding->path ? finding->path : "");
    snprintf(kept->names, sizeof(kept->names), "%s", finding->names);
    snprintf(kept->message, sizeof(kept->message), "%s", finding->message);
}

const struct hf_test_findings *hf_test_try_fsck(const char *root,
                                                const struct hf_fsck_options *options)
{
    struct hf_fsck_options with = *options;

    findings = (struct hf_test_findings){0};
    with.finding = on_finding;
    findings.rc = hf_fsck(root, &with, &findings.report, &findings.err);
    if (findings.rc == 0) {
        ck_assert_uint_eq(findings.report.findings, findings.count);
        ck_assert_uint_eq(findings.report.repaired + findings.report.left, findings.count);
    }
    return &findings;
}

static const struct hf_test_findings *must(const char *root, const struct hf_fsck_options *options)
{
    const struct hf_test_findings *found = hf_test_try_fsck(root, options);

    ck_assert_msg(found->rc == 0, "cannot check: %s %s", hf_error_name(found->rc),
                  found->err.message);
    return found;
}

const struct hf_test_findings *hf_test_fsck(const char *root, enum hf_test_depth depth)
{
    const struct hf_fsck_options options = {.full = depth == HF_TEST_FULL};

    return must(root, &options);
}

const struct hf_test_findings *hf_test_repair(const char *root, enum hf_test_depth depth,
                                              const char *from)
{
    const struct hf_fsck_options options = {
        .full = depth == HF_TEST_FULL, .repair = true, .from = &from, .from_count = from != NULL};

    return must(root, &options);
}

static void expect_none(const struct hf_test_findings *found, const char *when)
{
    if (found->count > 0)
        ck_abort_msg("%s: kind %d, %s: %s", when, found->items[0].kind, found->items[0].path,
                     found->items[0].message);
}

void hf_test_expect_clean(const char *root, const char *when)
{
    expect_none(hf_test_fsck(root, HF_TEST_QUICK), when);
    expect_none(hf_test_fsck(root, HF_TEST_FULL), when);
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    hf_test_read_all(store);
    hf_test_must_close(store);
    hf_test_check(root, HF_CHECKER_RECOVERED, when);
}

const struct hf_test_finding *hf_test_expect_found(const struct hf_test_findings *found, ...)
{
    bool seen[HF_TEST_FINDINGS_MAX] = {false};
    size_t count = 0, first = 0;
    va_list kinds;

    va_start(kinds, found);
    for (int kind = va_arg(kinds, int); kind != 0; kind = va_arg(kinds, int)) {
        size_t i = 0;
        while (i < found->count && (seen[i] || (int)found->items[i].kind != kind))
            i++;
        ck_assert_msg(i < found->count, "no (further) finding of kind %d among %zu", kind,
                      found->count);
        seen[i] = true;
        first = count++ == 0 ? i : first;
    }
    va_end(kinds);
    for (size_t i = 0; i < found->count; i++)
        if (!seen[i])
            ck_abort_msg("one too many: kind %d, %s: %s", found->items[i].kind,
                         found->items[i].path, found->items[i].message);
    return &found->items[first];
}

void hf_test_expect_all_repaired(const struct hf_test_findings *found)
{
    for (size_t i = 0; i < found->count; i++)
        ck_assert_msg(found->items[i].repaired, "not repaired: %s: %s", found->items[i].path,
                      found->items[i].message);
}

void hf_test_expect_whole(const char *root, const struct hf_test_load *image)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest top = hf_test_top_of(image);
    struct hf_error err = {0};
    uint8_t *data = NULL;
    size_t len = 0;

    ck_assert_msg(hf_test_has_name(store, image->name, &top), "%s is not there", image->name);
    int rc = hf_blob_read_all(store, &top, 4096, &data, &len, &err);
    ck_assert_msg(rc == 0, "%s: %s", image->name, err.message);
    free(data);
    for (size_t i = 0; i < 4 && image->parts[i]; i++) {
        struct hf_digest part = hf_test_digest_of(image->parts[i]);
        rc = hf_blob_read_all(store, &part, 4096, &data, &len, &err);
        ck_assert_msg(rc == 0, "%s: %s: %s", image->name, image->parts[i], err.message);
        free(data);
    }
    hf_test_must_close(store);
}

void hf_test_expect_all_whole(const char *root)
{
    hf_test_expect_whole(root, &hf_test_image_a);
    hf_test_expect_whole(root, &hf_test_image_b);
    hf_test_expect_whole(root, &hf_test_image_c);
}

void hf_test_expect_takes_more(const char *root)
{
    static const struct hf_test_load more = {.name = "more:1", .text = "more", .parts = {"more"}};
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_error err = {0};
    int rc = hf_test_load(store, &more, &err);

    ck_assert_msg(rc == 0, "cannot load any more: %s", err.message);
    hf_test_must_close(store);
    hf_test_expect_whole(root, &more);
}

void hf_test_expect_mended_whole(const char *root)
{
    ck_assert_uint_gt(hf_test_fsck(root, HF_TEST_QUICK)->count, 0);
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "after repair");
    hf_test_expect_all_whole(root);
    hf_test_expect_takes_more(root);
}

void hf_test_make_checkpoints(const char *root, unsigned count)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest top = hf_test_top_of(&hf_test_image_a);

    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(hf_test_tag(store, "passing:1", &top, NULL), 0);
        ck_assert_int_eq(hf_test_untag(store, "passing:1", NULL), 0);
        ck_assert_int_eq(hf_store_checkpoint(store, NULL), 0);
    }
    hf_test_must_close(store);
}

/* --- damage ----------------------------------------------------------------------------------- */

const char *hf_test_in(const char *root, const char *path)
{
    static char full[1024];

    snprintf(full, sizeof(full), "%s/%s", root, path);
    return full;
}

const char *hf_test_blob_of(const char *text)
{
    static char path[HF_PATH_MAX];
    struct hf_digest digest = hf_test_digest_of(text);

    hf_path_blob(&digest, path);
    return path;
}

void hf_test_fill(const char *root, const char *path, uint64_t off, size_t len, int byte)
{
    int fd = open(hf_test_in(root, path), O_WRONLY);

    ck_assert_msg(fd >= 0, "cannot open %s", path);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)(off + i)), 1);
    close(fd);
}

void hf_test_flip(const char *root, const char *path, uint64_t off)
{
    unsigned char byte = 0;
    int fd = open(hf_test_in(root, path), O_RDWR);

    ck_assert_msg(fd >= 0, "cannot open %s", path);
    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)off), 1);
    byte ^= 0x20;
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)off), 1);
    close(fd);
}

void hf_test_cut(const char *root, const char *path, uint64_t len)
{
    ck_assert_int_eq(truncate(hf_test_in(root, path), (off_t)len), 0);
}

void hf_test_add_file(const char *root, const char *path, const char *text)
{
    FILE *file = fopen(hf_test_in(root, path), "w");

    ck_assert_msg(file != NULL, "cannot make %s", path);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

bool hf_test_exists(const char *root, const char *path)
{
    struct stat stat;

    return lstat(hf_test_in(root, path), &stat) == 0;
}

unsigned hf_test_count_files(const char *root, const char *folder)
{
    DIR *dir = opendir(hf_test_in(root, folder));
    unsigned count = 0;

    ck_assert_msg(dir != NULL, "cannot list %s", folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

const char *hf_test_newest(const char *root, const char *folder, const char *suffix)
{
    static char newest[300];
    DIR *dir = opendir(hf_test_in(root, folder));

    newest[0] = '\0';
    ck_assert_msg(dir != NULL, "cannot list %s", folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[300];
        size_t len = strlen(entry->d_name);
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (len > strlen(suffix) && strcmp(entry->d_name + len - strlen(suffix), suffix) == 0 &&
            strcmp(path, newest) > 0)
            strcpy(newest, path);
    }
    closedir(dir);
    return newest;
}

/* --- records ---------------------------------------------------------------------------------- */

struct search {
    const char *root, *type, *text;
    struct hf_test_place place;
};

static uint64_t first_position(const char *root, const char *path)
{
    uint8_t bytes[8];
    uint64_t first = 0;
    int fd = open(hf_test_in(root, path), O_RDONLY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, bytes, 8, 56), 8);
    close(fd);
    for (int i = 7; i >= 0; i--)
        first = first << 8 | bytes[i];
    return first;
}

static int match_record(void *arg, const struct hf_log_record *record)
{
    struct search *search = arg;
    bool found = strstr(record->note, search->text) != NULL;

    for (size_t i = 0; i < record->change_count; i++)
        found = found || strstr(record->changes[i], search->text) != NULL;
    if (!found || strcmp(record->type, search->type) != 0)
        return 0;
    snprintf(search->place.path, sizeof(search->place.path), "wal/%s", record->segment);
    uint64_t first = first_position(search->root, search->place.path);
    search->place.position = record->position;
    search->place.length = record->length;
    search->place.offset = 8192 + record->position - (first - first % 4096);
    return 0;
}

struct hf_test_place hf_test_find_record(const char *root, const char *type, const char *text)
{
    struct search search = {.root = root, .type = type, .text = text};
    struct hf_log_summary summary;

    ck_assert_int_eq(hf_log_read(root, match_record, &search, &summary, NULL), 0);
    ck_assert_msg(search.place.offset != 0, "there is no %s with \"%s\"", type, text);
    return search.place;
}
