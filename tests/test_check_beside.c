/*
 * Proves that the check finds nothing in a healthy store, however busy: 200 checks beside processes
 * that load images, take names away, hold and abort, with every kind of entry and file in flight;
 * and that repair beside them harms nobody.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECKS  200
#define WORKERS 3

static char root[256];
static volatile sig_atomic_t is_over;

static void setup(void)
{
    hf_test_damage_setup(root);
}

static void teardown(void)
{
    hf_test_remove_dir(root);
}

static void end_work(int number)
{
    (void)number;
    is_over = 1;
}

static void must(int rc, const struct hf_error *err, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s %s\n", what, hf_error_name(rc), err->message);
    _exit(1);
}

/* A part that all workers share, one of its own, one that is staged and never used. */
static void work_once(struct hf_store *store, unsigned worker, unsigned round)
{
    char name[32], own[64];
    struct hf_test_load load = {.name = name, .text = own, .parts = {own, "shared by all"}};
    struct hf_error err = {0};
    struct hf_txn *txn = NULL;

    snprintf(name, sizeof(name), "w%u:%u", worker, round % 4);
    snprintf(own, sizeof(own), "only in %u of %u", round % 8, worker);
    must(hf_test_load(store, &load, &err), &err, "load");
    if (round % 3 == 0) {
        must(hf_txn_begin(store, "load", 5, &txn, &err), &err, "begin");
        must(hf_test_stage(txn, own, &err), &err, "stage");
        hf_txn_abort(txn, "not wanted");
    }
    if (round % 2 == 0)
        must(hf_test_untag(store, name, &err), &err, "untag");
}

static void work(unsigned worker)
{
    struct hf_error err = {0};
    struct hf_store *store = NULL;
    unsigned round = 0;

    signal(SIGTERM, end_work);
    while (!is_over) {
        must(hf_test_open(hf_io_posix(), root, HF_OPEN_READ_WRITE, &store, &err), &err, "open");
        for (int i = 0; i < 20 && !is_over; i++)
            work_once(store, worker, round++);
        if (round % 3 == 0)
            must(hf_store_checkpoint(store, &err), &err, "checkpoint");
        must(hf_store_close(store, &err), &err, "close");
    }
    _exit(0);
}

static void start(pid_t *workers)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        ck_assert_int_ge(workers[i], 0);
        if (workers[i] == 0)
            work(i);
    }
}

static void end(const pid_t *workers)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        int status = 0;
        kill(workers[i], SIGTERM);
        ck_assert_int_eq(waitpid(workers[i], &status, 0), workers[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a worker failed");
    }
}

static void expect_nothing(const struct hf_test_findings *found, int round)
{
    ck_assert_msg(found->rc == 0, "check %d: %s %s", round, hf_error_name(found->rc),
                  found->err.message);
    if (found->count > 0)
        ck_abort_msg("check %d: kind %d, %s: %s", round, found->items[0].kind, found->items[0].path,
                     found->items[0].message);
}

START_TEST(busy_store_gives_no_finding)
{
    const struct hf_fsck_options options[] = {{.full = false}, {.full = true}};
    pid_t workers[WORKERS];

    start(workers);
    for (int i = 0; i < CHECKS; i++)
        expect_nothing(hf_test_try_fsck(root, &options[i % 2]), i);
    end(workers);
    hf_test_expect_clean(root, "at rest again");
}
END_TEST

START_TEST(repair_of_a_busy_store_finds_nothing_and_harms_nobody)
{
    const struct hf_fsck_options options = {.full = true, .repair = true};
    pid_t workers[WORKERS];

    start(workers);
    for (int i = 0; i < CHECKS / 4; i++)
        expect_nothing(hf_test_try_fsck(root, &options), i);
    end(workers);
    hf_test_expect_clean(root, "at rest again");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

/* What a repair writes and removes is beside the others too. */
START_TEST(damage_is_repaired_beside_writers)
{
    const struct hf_fsck_options options = {.full = true, .repair = true};
    pid_t workers[WORKERS];

    start(workers);
    for (int i = 0; i < 10; i++) {
        hf_test_add_file(root, "blobs/sha256/stray", "stray");
        const struct hf_test_findings *found = hf_test_try_fsck(root, &options);
        ck_assert_int_eq(found->rc, 0);
        hf_test_expect_found(found, HF_FINDING_RESIDUE, 0);
        hf_test_expect_all_repaired(found);
    }
    hf_test_flip(root, hf_test_blob_of("only in a"), 2);
    hf_test_expect_found(hf_test_try_fsck(root, &options), HF_FINDING_CONTENT, 0);
    end(workers);
    hf_test_expect_found(hf_test_fsck(root, HF_TEST_FULL), HF_FINDING_KNOWN_DAMAGE, 0);
    hf_test_check(root, HF_CHECKER_RECOVERED, "at rest again");
    hf_test_expect_whole(root, &hf_test_image_b);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_beside");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 500);
    tcase_add_test(tests, busy_store_gives_no_finding);
    tcase_add_test(tests, repair_of_a_busy_store_finds_nothing_and_harms_nobody);
    tcase_add_test(tests, damage_is_repaired_beside_writers);
    return hf_test_run("check_beside", tests);
}
