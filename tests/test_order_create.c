/*
 * Proves the order of the durable steps of making a store (src/store/FORMAT.md 1), by watching
 * every call: all is synced before FORMAT is named, and whoever opens a store syncs what its maker
 * may not have.
 */
#include "support/order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    err = (struct hf_error){0};
    store = hf_test_order_setup(&watch, path);
}

static void teardown(void)
{
    hf_test_order_teardown(store, &watch, path);
}

START_TEST(a_store_is_made_with_format_last_and_everything_synced)
{
    static const char *const folders[] = {"wal",          "catalog", "blobs", "blobs/sha256",
                                          "blobs/sha512", "staging", "trash", "quarantine"};
    char root[300];

    hf_test_must_close(store);
    store = NULL;
    hf_test_watch_release(&watch);
    snprintf(root, sizeof(root), "%s/a/b", path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    hf_test_must_close(hf_test_must_open(&watch.io, root, HF_OPEN_CREATE));

    /* Each new ancestor into its parent. */
    size_t made_a = hf_test_need_exact(0, HF_TEST_MKDIR, "a");
    size_t made_b = hf_test_need_exact(made_a, HF_TEST_MKDIR, "a/b");
    hf_test_assert_order(made_a, hf_test_need_sync(made_a, "."));
    size_t synced_a = hf_test_need_sync(made_b, "a/");
    size_t named = hf_test_need(0, HF_TEST_RENAME, "a/b/FORMAT");
    ck_assert_str_eq(watch.events[named].from, "a/b/FORMAT.new");
    hf_test_assert_order(synced_a, named);

    size_t locked = hf_test_need_lock(0, HF_TEST_LOCK, HF_WAL_LOCK_RECOVERY);
    size_t root_synced = HF_TEST_NONE;
    for (size_t i = 0; i < named; i++)
        if (watch.events[i].op == HF_TEST_FSYNC && strcmp(watch.events[i].path, "a/b") == 0)
            root_synced = i;
    ck_assert_uint_ne(root_synced, HF_TEST_NONE);
    size_t blobs_synced = hf_test_need_sync(0, "a/b/blobs");
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char full[64];
        snprintf(full, sizeof(full), "a/b/%s", folders[i]);
        size_t made = hf_test_need(0, HF_TEST_MKDIR, full);
        hf_test_assert_order(locked, made);
        hf_test_assert_order(made,
                             strncmp(folders[i], "blobs/", 6) == 0 ? blobs_synced : root_synced);
    }
    hf_test_assert_order(hf_test_need(0, HF_TEST_OPEN, "a/b/lock"), root_synced);
    hf_test_assert_order(hf_test_need(0, HF_TEST_WRITE, "a/b/shared"),
                         hf_test_need_sync(0, "a/b/shared"));
    hf_test_assert_order(hf_test_need_sync(0, "a/b/shared"), root_synced);
    size_t segment = hf_test_need(0, HF_TEST_RENAME, "wal/0000000000000001.seg");
    size_t wal_synced = hf_test_need_sync(segment, "a/b/wal");
    hf_test_assert_order(hf_test_need(0, HF_TEST_FSYNC, "wal/new"), segment);
    size_t spare = hf_test_need(0, HF_TEST_RENAME, "wal/spare");
    hf_test_assert_order(hf_test_need(segment, HF_TEST_FSYNC, "wal/new"), spare);
    hf_test_assert_order(wal_synced, root_synced);
    hf_test_assert_order(hf_test_need_sync(spare, "a/b/wal"), named);
    hf_test_assert_order(blobs_synced, named);
    size_t written = hf_test_need(0, HF_TEST_WRITE, "a/b/FORMAT.new");
    size_t synced = hf_test_need_sync(written, "a/b/FORMAT.new");
    hf_test_assert_order(root_synced, written);
    hf_test_assert_order(synced, named);
    size_t done = hf_test_need_sync(named, "a/b");
    /* Nothing is told of the store before its name is durable. */
    hf_test_assert_order(done, hf_test_need_state(0, 2));
}
END_TEST

/* Somebody died, or a sync failed, just before. */
START_TEST(a_folder_made_before_is_synced_into_its_parent_too)
{
    char root[300];

    snprintf(root, sizeof(root), "%s/x", path);
    ck_assert_int_eq(mkdir(root, 0700), 0);
    hf_test_watch_restart(&watch);
    hf_test_must_close(hf_test_must_open(&watch.io, root, HF_OPEN_CREATE));
    hf_test_assert_order(hf_test_need_sync(0, "."), hf_test_need(0, HF_TEST_RENAME, "x/FORMAT"));
}
END_TEST

START_TEST(a_store_whose_making_ended_before_the_last_sync_is_synced_when_it_is_opened)
{
    char root[300];
    struct hf_store *made = NULL;

    snprintf(root, sizeof(root), "%s/x", path);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FSYNC), "x");
    for (unsigned n = 1;; n++) {
        hf_test_watch_fail(&watch, n, HF_TEST_FAILS, -EIO, false);
        int rc = hf_test_open(&watch.io, root, HF_OPEN_CREATE, &made, &err);
        if (rc == 0) {
            hf_test_must_close(made);
            ck_assert_uint_gt(n, 5);
            break;
        }
        char format[400];
        snprintf(format, sizeof(format), "%s/FORMAT", root);
        if (access(format, F_OK) == 0) {
            hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
            hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
            hf_test_watch_restart(&watch);
            made = hf_test_must_open(&watch.io, root, HF_OPEN_CREATE);
            hf_test_assert_order(hf_test_need_sync(0, "x"), watch.event_count);
            ck_assert_int_eq(hf_test_tag(made, "n", &(struct hf_digest){.algorithm = 1}, &err),
                             HF_ERR_NOT_FOUND);
            hf_test_must_close(made);
            break;
        }
    }
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("order_create");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_store_is_made_with_format_last_and_everything_synced);
    tcase_add_test(tests, a_folder_made_before_is_synced_into_its_parent_too);
    tcase_add_test(tests,
                   a_store_whose_making_ended_before_the_last_sync_is_synced_when_it_is_opened);
    return hf_test_run("order_create", tests);
}
