/*
 * Proves what the store keeps of mounts and workspaces, without mounting: the order of what makes
 * them durable, who may have a workspace, and what a boot ends. Mounting itself: cli/test_mount.py.
 */
#include "support/images.h"
#include "support/suite.h"
#include "support/watch_io.h"

#include "rootfs/space.h"
#include "rootfs/sys.h"
#include "store/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_test_store made;
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void set_up(void)
{
    const struct hf_test_spec image = {.names = "app:1"};
    const struct hf_store_options options = {.mode = HF_OPEN_READ_WRITE};
    struct hf_test_image put;

    hf_test_store_make(&made);
    hf_test_put_image(made.store, &image, &put);
    ck_assert_int_eq(hf_store_close(made.store, NULL), 0);
    made.store = NULL;
    hf_test_watch_init(&watch, made.root);
    ck_assert_int_eq(hf_store_open_io(&watch.io, made.root, &options, &store, &err), 0);
    hf_test_watch_restart(&watch);
}

static void tear_down(void)
{
    ck_assert_int_eq(hf_store_close(store, NULL), 0);
    hf_test_watch_release(&watch);
    hf_test_store_remove(&made);
}

static void prepare(const char *workspace)
{
    err = (struct hf_error){0};
    int rc = hf_workspace_prepare(store, workspace, "app:1", NULL, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
}

static void remove_folder(const char *path)
{
    static const char *const parts[] = {"/upper", "/work", ""};
    char whole[512];

    for (size_t i = 0; i < 3; i++) {
        snprintf(whole, sizeof(whole), "%s/%s%s", made.root, path, parts[i]);
        ck_assert_int_eq(rmdir(whole), 0);
    }
}

static int count_hold(void *arg, const struct hf_hold *hold)
{
    size_t *count = arg;

    (*count)++;
    return 0;
}

static size_t holds(void)
{
    size_t count = 0;
    struct hf_snapshot *snapshot = NULL;

    ck_assert_int_eq(hf_snapshot_take(store, &snapshot, &err), 0);
    ck_assert_int_eq(hf_snapshot_each_hold(snapshot, NULL, count_hold, &count, &err), 0);
    hf_snapshot_release(snapshot);
    return count;
}

/* The first event of this operation on exactly this path, from index `from` on. */
static size_t need(size_t from, enum hf_test_op op, const char *path)
{
    for (size_t i = from; i < watch.event_count; i++)
        if (watch.events[i].op == op && strcmp(watch.events[i].path, path) == 0)
            return i;
    hf_test_watch_print(&watch);
    ck_abort_msg("no %s of \"%s\" after call %zu", hf_test_op_name(op), path, from);
    return 0;
}

START_TEST(a_workspace_is_held_before_its_folders_are_made_and_each_is_synced)
{
    prepare("w");
    size_t hold = hf_test_watch_find(&watch, 0, HF_TEST_FDATASYNC, "wal/");
    size_t top = need(0, HF_TEST_MKDIR, "workspaces");
    ck_assert_uint_lt(hold, top);
    size_t space = need(need(top, HF_TEST_FSYNC, "."), HF_TEST_MKDIR, "workspaces/w");
    size_t work =
        need(need(space, HF_TEST_FSYNC, "workspaces"), HF_TEST_MKDIR, "workspaces/w/work");
    need(need(work, HF_TEST_MKDIR, "workspaces/w/upper"), HF_TEST_FSYNC, "workspaces/w");
}
END_TEST

START_TEST(a_removed_workspace_is_gone_before_its_hold)
{
    prepare("w");
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), 0);
    size_t gone = need(0, HF_TEST_FSYNC, "workspaces");
    ck_assert_uint_gt(hf_test_watch_find(&watch, 0, HF_TEST_WRITE, "wal/"), gone);
    ck_assert_uint_lt(hf_test_watch_find(&watch, gone, HF_TEST_FDATASYNC, "wal/"),
                      watch.event_count);
    ck_assert_uint_eq(holds(), 0);
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_cut_before_the_folder_leaves_a_workspace_that_can_be_used_and_removed)
{
    char *upper = NULL;
    struct hf_digest image;

    prepare("w");
    remove_folder("workspaces/w");
    ck_assert_int_eq(hf_workspace_prepare(store, "w", "app:1", NULL, &err), HF_ERR_EXISTS);
    if (_i == 1) {
        ck_assert_int_eq(hf_workspace_upper(store, "w", &upper, &image, &err), 0);
        ck_assert_int_eq(access(upper, W_OK), 0);
        free(upper);
    }
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), 0);
    ck_assert_uint_eq(holds(), 0);
}
END_TEST

START_TEST(a_workspace_whose_folder_cannot_be_made_is_not_there)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_MKDIR), "workspaces");
    hf_test_watch_fail(&watch, _i + 1, HF_TEST_FAILS, -28, true);
    ck_assert_int_eq(hf_workspace_prepare(store, "w", "app:1", NULL, &err), HF_ERR_NO_SPACE);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert_uint_eq(holds(), 0);
    prepare("w");
}
END_TEST

START_TEST(who_has_a_workspace_keeps_others_out)
{
    int fd = -1, second = -1;

    prepare("w");
    ck_assert_int_eq(hf_space_lock(store, "w", &fd, &err), 0);
    ck_assert_int_eq(hf_space_lock(store, "w", &second, &err), HF_ERR_BUSY);
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), HF_ERR_BUSY);
    hf_sys_drop(&fd);
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), 0);
}
END_TEST

START_TEST(names_that_lead_elsewhere_are_refused)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "../x", "-x", "a b", "\xc3\xa9"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(hf_workspace_prepare(store, bad[i], "app:1", NULL, &err), HF_ERR_USAGE);
    ck_assert_uint_eq(holds(), 0);
}
END_TEST

/* --- mounts ----------------------------------------------------------------------------------- */

static void record_mount(const char *boot)
{
    struct hf_image image;
    struct hf_mount_record record = {.how = "direct", .workspace = "w", .dir = "/some where/x=1"};

    ck_assert_int_eq(hf_image_find(store, "app:1", NULL, &image, &err), 0);
    record.target = image.target;
    snprintf(record.name, sizeof(record.name), "%s", image.name);
    if (boot)
        snprintf(record.boot, sizeof(record.boot), "%s", boot);
    else
        ck_assert_int_eq(hf_boot_id(record.boot, &err), 0);
    ck_assert_int_eq(hf_record_mount(store, &record, &err), 0);
}

START_TEST(a_boot_ends_mounts_and_leaves_workspaces)
{
    const char *name = "app:1";
    struct hf_mount_record record;
    size_t count = 9;

    prepare("w");
    record_mount("an-earlier-boot");
    ck_assert_int_eq(hf_space_find_mount(store, "w", &record, &err), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_mounts_recover(store, &count, &err), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(holds(), 1); /* the workspace's */
    ck_assert_int_eq(hf_image_remove(store, &name, 1, NULL, &err), HF_ERR_BUSY);
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), 0);
    ck_assert_int_eq(hf_image_remove(store, &name, 1, NULL, &err), 0);
}
END_TEST

/* It may be in another mount namespace. */
START_TEST(a_mount_of_this_boot_that_is_not_seen_is_kept)
{
    const char *name = "app:1";
    struct hf_mount_record record;
    size_t count = 9;

    prepare("w");
    record_mount(NULL);
    ck_assert_int_eq(hf_mounts_recover(store, &count, &err), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(hf_space_find_mount(store, "w", &record, &err), 0);
    ck_assert_str_eq(record.dir, "/some where/x=1");
    ck_assert_str_eq(record.how, "direct");
    ck_assert_int_eq(hf_workspace_remove(store, "w", &err), HF_ERR_BUSY);
    ck_assert_int_eq(hf_image_remove(store, &name, 1, NULL, &err), HF_ERR_BUSY);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("workspace");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_workspace_is_held_before_its_folders_are_made_and_each_is_synced);
    tcase_add_test(tests, a_removed_workspace_is_gone_before_its_hold);
    tcase_add_loop_test(
        tests, a_cut_before_the_folder_leaves_a_workspace_that_can_be_used_and_removed, 0, 2);
    /* Each of the four folders. */
    tcase_add_loop_test(tests, a_workspace_whose_folder_cannot_be_made_is_not_there, 0, 4);
    tcase_add_test(tests, who_has_a_workspace_keeps_others_out);
    tcase_add_test(tests, names_that_lead_elsewhere_are_refused);
    tcase_add_test(tests, a_boot_ends_mounts_and_leaves_workspaces);
    tcase_add_test(tests, a_mount_of_this_boot_that_is_not_seen_is_kept);
    return hf_test_run("workspace", tests);
}
