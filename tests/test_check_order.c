/*
 * Proves the order of the durable steps of a repair (src/store/FORMAT.md 8), by watching every
 * call: a damaged file is in quarantine/, durably, before it leaves blobs/; a folder that is made
 * again is durable.
 */
#include "fsck/check.h"
#include "support/damage.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[256];
static struct hf_test_watch watch;

static void setup(void)
{
    hf_test_damage_setup(root);
    hf_test_watch_init(&watch, root);
    watch.skips_sync = true;
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(root);
}

static void repair(void)
{
    const struct hf_fsck_options fsck = {.full = true, .repair = true};
    const struct hf_check_options options = {.fsck = &fsck, .rescue_prefix = "localhost/x@"};
    struct hf_fsck_report report;

    ck_assert_int_eq(hf_store_check(&watch.io, root, &options, &report, NULL), 0);
}

/* The first call of that kind on a path that begins so; it must be there. */
static size_t need(size_t from, enum hf_test_op op, const char *begin)
{
    for (size_t i = from; i < watch.event_count; i++) {
        if (watch.events[i].op == op && strncmp(watch.events[i].path, begin, strlen(begin)) == 0)
            return i;
    }
    hf_test_watch_print(&watch);
    ck_abort_msg("no %s of %s after call %zu", hf_test_op_name(op), begin, from);
    return 0;
}

/* A sync of exactly that folder. */
static size_t need_sync(size_t from, const char *folder)
{
    for (size_t i = from; i < watch.event_count; i++) {
        if (watch.events[i].op == HF_TEST_FSYNC && strcmp(watch.events[i].path, folder) == 0)
            return i;
    }
    hf_test_watch_print(&watch);
    ck_abort_msg("no sync of %s after call %zu", folder, from);
    return 0;
}

START_TEST(damaged_bytes_are_durable_in_quarantine_before_they_leave_blobs)
{
    hf_test_flip(root, hf_test_blob_of("shared"), 1);
    repair();
    size_t linked = need(0, HF_TEST_LINK, "quarantine/");
    size_t synced = need_sync(linked, "quarantine");
    size_t unlinked = need(0, HF_TEST_UNLINK, "blobs/sha256/");
    ck_assert_uint_lt(synced, unlinked);
    need_sync(unlinked, "blobs/sha256");
}
END_TEST

START_TEST(folders_that_are_made_again_are_durable)
{
    ck_assert_int_eq(rmdir(hf_test_in(root, "quarantine")), 0);
    ck_assert_int_eq(rmdir(hf_test_in(root, "blobs/sha512")), 0);
    repair();
    need_sync(need(0, HF_TEST_MKDIR, "quarantine"), ".");
    need_sync(need(0, HF_TEST_MKDIR, "blobs/sha512"), "blobs");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_order");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, damaged_bytes_are_durable_in_quarantine_before_they_leave_blobs);
    tcase_add_test(tests, folders_that_are_made_again_are_durable);
    return hf_test_run("check_order", tests);
}
