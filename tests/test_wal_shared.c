/*
 * Proves that `shared`, which is never synced, is believed only where it can be true (wal/FORMAT.md
 * 3.1): not after a boot, not in a copy, and not when the disk lost power while the machine ran, so
 * that `shared` and the log came back from different moments.
 */
#include "wal/wal.h"

#include "support/log.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_test_log a, b;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    hf_test_log_create(&watch.io, path);
    hf_test_log_open(&a, &watch.io, path);
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

START_TEST(after_a_boot_or_in_a_copy_the_log_is_taken_over)
{
    hf_test_log_commit(&a, "before");
    hf_test_log_close(&a);
    if (_i == 0) {
        watch.boot[3] = 7;
    } else {
        size_t len = 0;
        uint8_t *shared = hf_test_read_file(path, "shared", &len);
        char old[512], name[512];
        snprintf(name, sizeof(name), "%s/shared", path);
        snprintf(old, sizeof(old), "%s/old", path);
        ck_assert_int_eq(rename(name, old), 0); /* its inode stays in use */
        hf_test_write_file(path, "shared", shared, len);
        free(shared);
    }
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(!b.opened.this_boot && !b.opened.regular && !b.opened.corrupt);
    ck_assert_uint_eq(hf_test_segment_count(path), 3);
    hf_test_log_expect(&b, "before", NULL);
    hf_test_log_open(&a, &watch.io, path);
    ck_assert(a.opened.this_boot && a.opened.regular);
    hf_test_log_expect(&a, "before", NULL);
    hf_test_log_close(&a);
    hf_test_log_close(&b);
}
END_TEST

/* --- a disk that lost power while the machine ran ----------------------------------------------
 */

/* Overwrites the segment from `position` on. */
static void fill(uint64_t position, uint8_t byte, size_t count)
{
    static const char name[] = "wal/0000000000000002.seg";
    size_t len = 0;
    uint8_t *data = hf_test_read_file(path, name, &len);

    memset(data + 8192 + (position - 4096), byte, count);
    hf_test_write_file(path, name, data, len);
    free(data);
}

/* Closes `a`; brings `shared` to what it held before, in the same file. */
static void go_back_to(const uint8_t *shared, size_t len)
{
    hf_test_log_close(&a);
    hf_test_write_file(path, "shared", shared, len);
}

/* `shared` was written back before "late" was acknowledged, and not again. */
START_TEST(shared_that_is_older_than_the_log_is_not_believed)
{
    size_t len = 0;
    char filler[4000] = {0};

    memset(filler, 'x', sizeof(filler) - 1);
    hf_test_log_commit(&a, "early");
    uint8_t *shared = hf_test_read_file(path, "shared", &len);
    if (_i == 0)
        hf_test_log_commit(&a, "late");
    while (_i == 1 && hf_test_segment_count(path) < 3) /* in the next segment */
        hf_test_log_commit(&a, filler);
    size_t count = a.count;
    go_back_to(shared, len);
    free(shared);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(!b.opened.regular && !b.opened.corrupt);
    ck_assert_uint_eq(b.count, count);
    hf_test_log_commit(&b, "new");
    hf_test_log_open(&a, &watch.io, path);
    ck_assert(a.opened.regular);
    ck_assert_uint_eq(a.count, count + 1);
    hf_test_log_expect_same(&a, &b);
    hf_test_log_close(&a);
    hf_test_log_close(&b);
}
END_TEST

/* `shared` was written back with a tail that was never synced, and the record there is lost. */
START_TEST(shared_that_is_newer_than_the_log_is_no_damage)
{
    size_t len = 0;

    hf_test_log_commit(&a, "durable");
    uint64_t durable = hf_wal_durable(a.wal);
    hf_test_log_append(&a, HF_WAL_INTENT, "lost");
    uint8_t *shared = hf_test_read_file(path, "shared", &len);
    fill(durable, 0, 4096);
    go_back_to(shared, len);
    free(shared);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(!b.opened.regular && !b.opened.corrupt);
    hf_test_log_expect(&b, "durable", NULL);
    hf_test_log_commit(&b, "new");
    hf_test_log_expect(&b, "durable", "new", NULL);
    hf_test_log_close(&b);
}
END_TEST

/* A byte behind the tail that nobody wrote: no record is ever written over it. */
START_TEST(bytes_behind_the_tail_end_a_segment)
{
    hf_test_log_commit(&a, "one");
    fill(hf_wal_tail(a.wal) + 16 * 1024, 'x', 1);
    hf_test_log_close(&a);
    unsigned count = hf_test_segment_count(path);
    hf_test_log_open(&b, &watch.io, path);
    ck_assert(!b.opened.regular && !b.opened.corrupt);
    ck_assert_uint_eq(hf_test_segment_count(path), count + 1);
    hf_test_log_expect(&b, "one", NULL);
    hf_test_log_close(&b);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_shared");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, after_a_boot_or_in_a_copy_the_log_is_taken_over, 0, 2);
    tcase_add_loop_test(tests, shared_that_is_older_than_the_log_is_not_believed, 0, 2);
    tcase_add_test(tests, shared_that_is_newer_than_the_log_is_no_damage);
    tcase_add_test(tests, bytes_behind_the_tail_end_a_segment);
    return hf_test_run("wal_shared", tests);
}
