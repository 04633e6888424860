/*
 * Proves that whatever call or allocation fails in an operation on images, once or for good: there
 * is a clear error, nothing half visible (no name without its image, no archive that is cut short),
 * and a store that opens again, is clean by its own check and by the checker, and does it the next
 * time.
 */
#include "support/archives.h"
#include "support/checker.h"
#include "support/copy.h"
#include "support/failing_malloc.h"
#include "support/images.h"
#include "support/suite.h"
#include "support/watch_io.h"

#include "base/error.h"
#include "store/handle.h"
#include <holdfast/check.h>
#include <holdfast/rootfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[256], root[300], kept[300], archive[512], layer[512], saved[300], upper[300],
    out[300];
static char layer_in_upper[400], app_id[HF_DIGEST_TEXT_MAX];
static struct hf_test_watch watch;
static struct hf_error err;
static bool shows_less; /* what was read, though reading succeeded */

static void copy(const char *from, const char *to)
{
    (void)unlink(saved);
    if (access(out, F_OK) == 0)
        hf_test_remove_dir(out);
    hf_test_replace_dir(from, to);
}

static struct hf_store *open_with(struct hf_io *io, enum hf_open_mode mode)
{
    const struct hf_store_options options = {.mode = mode};
    struct hf_store *store = NULL;
    int rc = hf_store_open_io(io, root, &options, &store, &err);

    ck_assert_msg(rc == 0, "cannot open: %s %s", hf_error_name(rc), err.message);
    return store;
}

/* An archive with one image whose layer is compressed, so that a tar and an index are derived. */
static void write_archive(const char *name, const char *content, uint32_t seed, char path[512])
{
    struct hf_test_blob plain = {0}, packed = {0}, config = {0}, manifest = {0};
    struct hf_buf tar = {0};

    hf_test_layer(&plain, content, 30000, seed);
    hf_test_gzip(&packed, &plain.data);
    hf_test_config(&config, "linux/amd64", &plain, 1);
    hf_test_manifest(&manifest, &config, &packed, 1, "");
    hf_test_tar_index(&tar, &manifest, name);
    hf_test_tar_blob(&tar, &manifest);
    hf_test_tar_blob(&tar, &config);
    hf_test_tar_blob(&tar, &packed);
    hf_test_tar_end(&tar);
    hf_test_write_file(dir, "archive.tar", &tar, path);
    hf_test_write_file(dir, "layer.tar", &plain.data, layer);
    hf_buf_release(&tar);
    hf_test_blob_release(&plain);
    hf_test_blob_release(&packed);
    hf_test_blob_release(&config);
    hf_test_blob_release(&manifest);
}

static int do_load(struct hf_store *store)
{
    const struct hf_load_options options = {0};

    return hf_image_load(store, archive, -1, &options, &err);
}

static void setup(void)
{
    struct hf_image image = {0};

    hf_test_make_dir(dir);
    (void)snprintf(root, sizeof(root), "%s/store", dir);
    (void)snprintf(kept, sizeof(kept), "%s/kept", dir);
    (void)snprintf(saved, sizeof(saved), "%s/saved.tar", dir);
    (void)snprintf(upper, sizeof(upper), "%s/upper", dir);
    (void)snprintf(out, sizeof(out), "%s/out", dir);
    ck_assert_int_eq(mkdir(upper, 0755), 0);
    hf_test_watch_init(&watch, root);
    watch.skips_sync = true;
    watch.forgets = true;
    struct hf_store *store = open_with(&watch.io, HF_OPEN_CREATE);
    write_archive("other:1", "etc/other", 2, archive);
    ck_assert_int_eq(do_load(store), 0);
    write_archive("app:1", "etc/app", 1, archive);
    ck_assert_int_eq(do_load(store), 0);
    ck_assert_int_eq(hf_image_find(store, "app:1", NULL, &image, &err), 0);
    hf_digest_text(&image.id, app_id);
    ck_assert_int_eq(hf_store_checkpoint(store, &err), 0); /* lookups read the disk */
    ck_assert_int_eq(hf_store_close(store, &err), 0);
    write_archive("new:1", "etc/new", 3, archive);
    hf_test_copy_file(layer, strcat(strcpy(layer_in_upper, upper), "/layer"));
    copy(root, kept);
    err = (struct hf_error){0};
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(dir);
}

/* --- operations ------------------------------------------------------------------------------- */

static const char *const app[] = {"app:1"};

static int do_import(struct hf_store *store)
{
    const struct hf_import_options options = {0};

    return hf_image_import(store, layer, -1, "imported:1", &options, NULL, &err);
}

static int do_commit(struct hf_store *store)
{
    const struct hf_commit_options options = {.parent = app[0]};

    return hf_image_commit_diff(store, layer, -1, "committed:1", &options, NULL, &err);
}

static int do_commit_upper(struct hf_store *store)
{
    const struct hf_commit_options options = {.parent = app[0]};

    return hf_image_commit_upper(store, upper, "committed:1", &options, NULL, &err);
}

static int do_prepare(struct hf_store *store)
{
    return hf_workspace_prepare(store, "work", app[0], NULL, &err);
}

/* Its parts are lacking, and made. */
static int do_plan_mount(struct hf_store *store)
{
    const struct hf_prune_options prune = {.derived = true};
    const struct hf_mount_options options = {.how = HF_MOUNT_DIRECT};
    struct hf_mount_plan plan = {0};

    int rc = hf_image_prune(store, &prune, NULL, &err);
    if (rc == 0)
        rc = hf_mount_plan_make(store, app[0], &options, &plan, &err);
    hf_mount_plan_release(&plan);
    return rc;
}

static int do_unpack(struct hf_store *store)
{
    const struct hf_unpack_options options = {0};

    return hf_image_unpack(store, app[0], out, &options, &err);
}

static int count_image(void *arg, const struct hf_image *image)
{
    (*(unsigned *)arg)++;
    return 0;
}

/* By its ID, which is looked for when no name fits: what can't be read is not "none". */
static int do_list(struct hf_store *store)
{
    const struct hf_list_options options = {.pattern = app_id};
    unsigned count = 0;

    int rc = hf_image_list(store, &options, count_image, &count, &err);
    shows_less = rc == 0 && count != 1;
    return rc;
}

static int do_inspect(struct hf_store *store)
{
    char *json = NULL;
    int rc = hf_image_inspect(store, app[0], NULL, &json, &err);

    shows_less = rc == 0 && strstr(json, "app:1") == NULL;
    free(json);
    return rc;
}

static int do_save(struct hf_store *store)
{
    const struct hf_save_options options = {0};

    return hf_image_save(store, app, 1, saved, -1, &options, &err);
}

static int do_tag(struct hf_store *store)
{
    const struct hf_name_options options = {.force = true};

    return hf_image_tag(store, "app:1", "other:1", &options, &err);
}

static int do_remove(struct hf_store *store)
{
    const struct hf_name_options options = {0};

    return hf_image_remove(store, app, 1, &options, &err);
}

static int do_prune(struct hf_store *store)
{
    const struct hf_prune_options options = {.all = true};

    return hf_image_prune(store, &options, NULL, &err);
}

static int do_prune_derived(struct hf_store *store)
{
    const struct hf_prune_options options = {.derived = true};

    return hf_image_prune(store, &options, NULL, &err);
}

static const struct op {
    const char *name;
    int (*run)(struct hf_store *store);
    bool only_reads;
} ops[] = {
    {"load", do_load, false},
    {"import", do_import, false},
    {"commit", do_commit, false},
    {"commit --upper", do_commit_upper, false},
    {"save", do_save, false},
    {"tag", do_tag, false},
    {"remove", do_remove, false},
    {"prune", do_prune, false},
    {"prune --derived", do_prune_derived, false},
    {"prepare", do_prepare, false},
    {"plan a mount", do_plan_mount, false},
    {"unpack", do_unpack, false},
    {"list", do_list, true},
    {"inspect", do_inspect, true},
};
#define OP_COUNT (int)(sizeof(ops) / sizeof(ops[0]))

/* --- faults ----------------------------------------------------------------------------------- */

#define CHANGES                                                                                    \
    (HF_TEST_SYNCS | HF_TEST_OP_BIT(HF_TEST_WRITE) | HF_TEST_OP_BIT(HF_TEST_TRUNCATE) |            \
     HF_TEST_OP_BIT(HF_TEST_LINK) | HF_TEST_OP_BIT(HF_TEST_RENAME) |                               \
     HF_TEST_OP_BIT(HF_TEST_MKDIR))

static const struct fault {
    const char *name;
    uint32_t ops; /* 0: allocations */
    int fail_errno;
    bool for_good;
    unsigned step; /* every which is tried; HOLDFAST_TEST_LONG tries all */
} faults[] = {
    {"EIO", HF_TEST_ANY_OP, -EIO, false, 9},
    {"ENOSPC for good", CHANGES, -ENOSPC, true, 7},
    {"EMFILE for good", HF_TEST_OP_BIT(HF_TEST_OPEN) | HF_TEST_OP_BIT(HF_TEST_LIST), -EMFILE, true,
     7},
    {"allocation", 0, 0, false, 41},
    {"allocations for good", 0, 0, true, 59},
};
#define FAULT_COUNT (int)(sizeof(faults) / sizeof(faults[0]))

static void begin_fault(const struct fault *fault, unsigned n)
{
    if (fault->ops != 0) {
        hf_test_watch_match(&watch, fault->ops, "");
        hf_test_watch_fail(&watch, n, HF_TEST_FAILS, fault->fail_errno, fault->for_good);
    } else if (fault->for_good) {
        hf_test_malloc_fail_from(n);
    } else {
        hf_test_malloc_fail_at(n);
    }
}

static bool end_fault(const struct fault *fault)
{
    bool has_failed = fault->ops != 0 ? watch.failed > 0 : hf_test_malloc_has_failed();

    hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    return has_failed;
}

/* --- judging ---------------------------------------------------------------------------------- */

static char what[200];

/* Names, and what is in the way of removing them. What is derived may be lacking: it is made again.
 */
static char *state_of(struct hf_store *store)
{
    return strdup(hf_test_names(store));
}

static void check(void)
{
    struct hf_checker_store found = {0};
    int fd = open(root, O_RDONLY | O_DIRECTORY);

    ck_assert_int_ge(fd, 0);
    int rc = hf_checker_read(hf_io_posix(), fd, HF_CHECKER_RECOVERED, &found, &err);
    close(fd);
    ck_assert_msg(rc == 0, "%s: %s", what, err.message);
    if (found.violation_count > 0)
        ck_abort_msg("%s: %s", what, found.violations[0]);
    hf_checker_release(&found);
}

static void judge_saved(int rc, bool for_good)
{
    struct hf_test_store fresh = {0};
    const struct hf_load_options options = {0};

    if (rc == 0) {
        hf_test_store_make(&fresh);
        ck_assert_msg(hf_image_load(fresh.store, saved, -1, &options, &err) == 0, "%s: %s", what,
                      err.message);
        hf_test_store_remove(&fresh);
    } else if (!for_good) {
        ck_assert_msg(access(saved, F_OK) != 0, "%s: there is an archive, though it failed", what);
    }
}

/* The folder is as it was, or has all of the layer. */
static void judge_unpacked(int rc)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/etc/app", out);
    if (rc != HF_ERR_OUTCOME_UNKNOWN)
        ck_assert_msg((access(path, F_OK) == 0) == (rc == 0), "%s: %d and %s", what, rc, path);
    ck_assert_msg(rc == 0 || rc == HF_ERR_OUTCOME_UNKNOWN || access(out, F_OK) != 0,
                  "%s: a folder is left", what);
}

static void judge(const struct op *op, const struct fault *fault, int rc, const char *before,
                  const char *after)
{
    const struct hf_fsck_options full = {.full = true};
    struct hf_fsck_report report = {0};

    struct hf_store *store = open_with(hf_io_posix(), HF_OPEN_READ_WRITE);
    char *state = state_of(store);
    bool is_before = strcmp(state, before) == 0, is_after = strcmp(state, after) == 0;
    ck_assert_msg(is_before || is_after, "%s: half of it is there: %s", what, state);
    if (rc == 0)
        ck_assert_msg(is_after, "%s: lost: %s", what, state);
    else if (rc != HF_ERR_OUTCOME_UNKNOWN)
        ck_assert_msg(is_before, "%s: it is there, though it was refused: %s", what, state);
    free(state);
    ck_assert_int_eq(hf_store_close(store, &err), 0);
    ck_assert_int_eq(hf_fsck(root, &full, &report, &err), 0);
    ck_assert_msg(report.findings == 0, "%s: %llu findings", what,
                  (unsigned long long)report.findings);
    check();
    if (op->run == do_save)
        judge_saved(rc, fault->for_good);
    if (op->run == do_unpack)
        judge_unpacked(rc);
}

/* Opened again, it does what it could not do. */
static void do_again(const struct op *op, int rc, const char *after)
{
    struct hf_store *store = open_with(hf_io_posix(), HF_OPEN_READ_WRITE);

    if (rc != 0 && rc != HF_ERR_OUTCOME_UNKNOWN)
        ck_assert_msg(op->run(store) == 0, "%s: again: %s", what, err.message);
    char *state = state_of(store);
    if (rc != HF_ERR_OUTCOME_UNKNOWN)
        ck_assert_str_eq(state, after);
    free(state);
    ck_assert_int_eq(hf_store_close(store, &err), 0);
}

static void learn(const struct op *op, char **before, char **after)
{
    struct hf_store *store = open_with(&watch.io, HF_OPEN_READ_WRITE);

    *before = state_of(store);
    ck_assert_msg(op->run(store) == 0, "%s: %s", op->name, err.message);
    *after = state_of(store);
    ck_assert_int_eq(hf_store_close(store, &err), 0);
}

START_TEST(an_operation_on_images_that_fails_anywhere_is_refused_or_done)
{
    const struct op *op = &ops[_i / FAULT_COUNT];
    const struct fault *fault = &faults[_i % FAULT_COUNT];
    unsigned step = getenv("HOLDFAST_TEST_LONG") ? 1 : fault->step;
    char *before = NULL, *after = NULL;
    bool failed = true;
    unsigned tried = 0;

    learn(op, &before, &after);
    for (unsigned n = 1; failed; n += step) {
        copy(kept, root);
        struct hf_store *store = open_with(&watch.io, HF_OPEN_READ_WRITE);
        (void)snprintf(what, sizeof(what), "%s, %s, %u", op->name, fault->name, n);
        err = (struct hf_error){0};
        begin_fault(fault, n);
        int rc = op->run(store);
        failed = end_fault(fault);
        ck_assert_msg(!shows_less, "%s: less than there is", what);
        tried += failed;
        if (!failed)
            ck_assert_msg(rc == 0, "%s: %s", what, err.message);
        if (rc != 0)
            ck_assert_msg(err.message[0] != 0 && err.code == rc, "%s: no word", what);
        hf_tolerate(hf_store_close(store, NULL));
        judge(op, fault, rc, before, after);
        if (n % 3 == 0)
            do_again(op, rc, after);
        ck_assert_uint_lt(n, 100000);
    }
    ck_assert(tried > 0 || (op->only_reads && fault->ops != 0 && fault->ops != HF_TEST_ANY_OP));
    free(before);
    free(after);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("image_faults");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 1200);
    tcase_add_loop_test(tests, an_operation_on_images_that_fails_anywhere_is_refused_or_done, 0,
                        OP_COUNT * FAULT_COUNT);
    return hf_test_run("image_faults", tests);
}
