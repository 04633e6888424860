/*
 * Proves that whatever call of an operation fails, once or for good, whatever allocation fails, and
 * wherever its process dies, also while recovering from that: the store opens again and is whole by
 * the checker; what was acknowledged is there; what was refused has changed nothing; and what is of
 * unknown outcome is there wholly or not at all.
 */
#include "support/failing_malloc.h"
#include "support/objects.h"
#include "support/suite.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_error err;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    watch.forgets = true;
    err = (struct hf_error){0};
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

/* --- operations ------------------------------------------------------------------------------- */

static const struct hf_test_load app = {"app:1", "one", {"layer a", "layer b"}};
static const struct hf_test_load other = {"other:1", "two", {"layer b", "layer c"}};
static const struct hf_test_load third = {"third:1", "three", {"layer b", "layer d", "layer e"}};
static const struct hf_test_load moving = {"app:1", "newer", {"layer a", "layer f"}};

static int do_load(struct hf_store *store)
{
    return hf_test_load(store, &third, &err);
}

static int do_load_over_a_name(struct hf_store *store)
{
    return hf_test_load(store, &moving, &err);
}

static int do_tag(struct hf_store *store)
{
    struct hf_digest top = hf_test_top_of(&app);

    return hf_test_tag(store, "also:1", &top, &err);
}

static int do_remove(struct hf_store *store)
{
    return hf_test_untag(store, "app:1", &err);
}

static int do_hold(struct hf_store *store)
{
    struct hf_digest top = hf_test_top_of(&app);
    uint64_t id = 0;

    return hf_test_hold(store, &top, &id, &err);
}

static int do_checkpoint(struct hf_store *store)
{
    return hf_store_checkpoint(store, &err);
}

static int do_abort(struct hf_store *store)
{
    struct hf_txn *txn = NULL;
    struct hf_digest digest = hf_test_digest_of("layer a");

    int rc = hf_txn_begin(store, "x", 1, &txn, &err);
    if (rc != 0)
        return rc;
    rc = hf_txn_claim(txn, &digest, NULL, &err);
    if (rc == 0)
        rc = hf_test_stage(txn, "never seen", &err);
    hf_txn_abort(txn, "as planned");
    return rc;
}

static int do_recover(struct hf_store *store)
{
    return hf_store_recover(store, &err);
}

static const struct op {
    const char *name;
    int (*run)(struct hf_store *store);
    unsigned boots; /* how often the system boots before it, for more segments and checkpoints */
} ops[] = {
    {"load", do_load, 0},   {"load over a name", do_load_over_a_name, 0},
    {"tag", do_tag, 0},     {"remove", do_remove, 0},
    {"hold", do_hold, 0},   {"checkpoint", do_checkpoint, 3},
    {"abort", do_abort, 0}, {"recover", do_recover, 0},
};
#define OP_COUNT (int)(sizeof(ops) / sizeof(ops[0]))

/* --- a store to begin with -------------------------------------------------------------------- */

/* A folder with the files as they were, so that every run makes the same calls. */
static struct hf_store *begin(const struct op *op)
{
    hf_test_remove_dir(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    memset(watch.boot, 0, sizeof(watch.boot));
    struct hf_store *store = hf_test_must_open(&watch.io, path, HF_OPEN_CREATE);
    ck_assert_int_eq(hf_test_load(store, &app, &err), 0);
    ck_assert_int_eq(hf_test_load(store, &other, &err), 0);
    for (unsigned i = 0; i < op->boots; i++) {
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
        hf_test_must_close(store);
        watch.boot[0]++;
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        ck_assert_int_eq(do_hold(store), 0);
    }
    err = (struct hf_error){0};
    return store;
}

/* States before and after an operation that nothing disturbs. */
static void learn(const struct op *op, char **before, char **after)
{
    struct hf_store *store = begin(op);

    *before = strdup(hf_test_state(store));
    ck_assert_msg(op->run(store) == 0, "%s: %s", op->name, err.message);
    *after = strdup(hf_test_state(store));
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, op->name);
}

enum outcome { ACKNOWLEDGED, REFUSED, UNKNOWN };

/*
 * Every call counts for the first two faults. For the others, which mostly end as these do, every
 * third: HF_TEST_ALL in the environment asks for all.
 */
static unsigned step_of(int fault)
{
    return fault < 2 || getenv("HF_TEST_ALL") ? 1 : 3;
}

/* Open it again, now that nothing fails, and judge. */
static void judge(const struct op *op, unsigned n, enum outcome outcome, const char *before,
                  const char *after)
{
    char when[128];

    snprintf(when, sizeof(when), "%s, call %u, %s", op->name, n,
             outcome == ACKNOWLEDGED ? "acknowledged"
             : outcome == REFUSED    ? "refused"
                                     : "unknown");
    if (n % 3 == 0)
        watch.boot[0] += 100;
    struct hf_store *store = NULL;
    int rc = hf_test_open(&watch.io, path, HF_OPEN_READ_WRITE, &store, &err);
    ck_assert_msg(rc == 0, "%s: cannot open: %s %s", when, hf_error_name(rc), err.message);
    ck_assert_msg(hf_store_damage(store, &err) == 0, "%s: damaged: %s", when, err.message);
    const char *state = hf_test_state(store);
    bool is_before = strcmp(state, before) == 0, is_after = strcmp(state, after) == 0;
    ck_assert_msg(is_before || is_after, "%s: half of it is there\n%s\n%s\n%s", when, before, state,
                  after);
    if (outcome == ACKNOWLEDGED)
        ck_assert_msg(is_after, "%s: lost", when);
    if (outcome == REFUSED)
        ck_assert_msg(is_before, "%s: it is there, though it was refused (%s)", when, err.message);
    hf_test_read_all(store);
    hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, when);
    if (n % 4 != 1)
        return;
    /* Opening again finds nothing to do. */
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert_msg(hf_store_recovery(store)->clean, "%s: recovering twice does something twice",
                  when);
    struct hf_digest none = hf_test_digest_of("nobody has this");
    ck_assert_int_eq(hf_test_tag(store, "goes:on", &none, &err), HF_ERR_NOT_FOUND);
    hf_test_must_close(store);
}

static enum outcome outcome_of(int rc)
{
    return rc == 0 ? ACKNOWLEDGED : rc == HF_ERR_OUTCOME_UNKNOWN ? UNKNOWN : REFUSED;
}

/* --- calls ------------------------------------------------------------------------------------ */

static const struct fault {
    enum hf_test_failure failure;
    int fail_errno;
    bool for_good;
} faults[] = {
    {HF_TEST_FAILS, -EIO, false},   {HF_TEST_FAILS, -EIO, true},    {HF_TEST_FAILS, -ENOSPC, false},
    {HF_TEST_FAILS, -ENOSPC, true}, {HF_TEST_LIES, -EIO, false},    {HF_TEST_FAILS, -EMFILE, false},
    {HF_TEST_SHORT, 0, true},       {HF_TEST_FAILS, -EINTR, false},
};
#define FAULT_COUNT (int)(sizeof(faults) / sizeof(faults[0]))

static bool is_harmless(const struct fault *fault)
{
    return fault->failure == HF_TEST_SHORT || fault->fail_errno == -EINTR;
}

static void begin_fault(const struct fault *fault, unsigned n)
{
    uint32_t match = HF_TEST_ANY_OP;

    if (fault->fail_errno == -EINTR)
        match &= ~(HF_TEST_SYNCS | HF_TEST_OP_BIT(HF_TEST_CLOSE));
    hf_test_watch_match(&watch, match, "");
    hf_test_watch_fail(&watch, n, fault->failure, fault->fail_errno, fault->for_good);
}

static unsigned end_fault(void)
{
    unsigned failed = watch.failed;

    hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    return failed;
}

START_TEST(an_operation_whose_nth_call_fails_is_refused_or_done)
{
    const struct op *op = &ops[_i / FAULT_COUNT];
    const struct fault *fault = &faults[_i % FAULT_COUNT];
    char *before = NULL, *after = NULL;
    bool is_done = false;

    learn(op, &before, &after);
    for (unsigned n = 1; !is_done; n += step_of(_i % FAULT_COUNT)) {
        struct hf_store *store = begin(op);
        begin_fault(fault, n);
        int rc = op->run(store);
        is_done = end_fault() == 0;
        if (is_done || is_harmless(fault))
            ck_assert_msg(rc == 0, "%s, call %u: %s %s", op->name, n, hf_error_name(rc),
                          err.message);
        if (rc != 0)
            ck_assert_msg(err.message[0] != '\0' && err.code == rc, "%s, call %u: no word",
                          op->name, n);
        hf_tolerate(hf_store_close(store, NULL));
        judge(op, n, outcome_of(rc), before, after);
        ck_assert_uint_lt(n, 1000);
    }
    free(before);
    free(after);
}
END_TEST

/* The same handle goes on after a call that failed once, and closing it is as good. */
START_TEST(a_handle_goes_on_or_says_that_it_cannot_after_a_call_failed)
{
    const struct op *op = &ops[_i];
    bool is_done = false;

    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = begin(op);
        begin_fault(&faults[0], n);
        hf_tolerate(op->run(store));
        is_done = end_fault() == 0;
        struct hf_digest top = hf_test_top_of(&other);
        int rc = hf_test_tag(store, "later:1", &top, &err);
        ck_assert_msg(rc == 0 || rc == HF_ERR_FAILED, "%s, call %u: %s %s", op->name, n,
                      hf_error_name(rc), err.message);
        int closed = hf_store_close(store, &err);
        if (rc == 0)
            ck_assert_msg(closed == 0, "%s, call %u: %s", op->name, n, err.message);
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        ck_assert(hf_test_has_name(store, "later:1", NULL) == (rc == 0));
        hf_test_must_close(store);
        hf_test_check(path, HF_CHECKER_RECOVERED, op->name);
    }
}
END_TEST

START_TEST(closing_whose_nth_call_fails_loses_nothing_acknowledged)
{
    const struct op *op = &ops[0];
    const struct fault *fault = &faults[_i];
    char *before = NULL, *after = NULL;
    bool is_done = false;

    learn(op, &before, &after);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = begin(op);
        ck_assert_int_eq(op->run(store), 0);
        begin_fault(fault, n);
        int rc = hf_store_close(store, &err);
        is_done = end_fault() == 0;
        if (is_done || is_harmless(fault))
            ck_assert_int_eq(rc, 0);
        judge(op, n, ACKNOWLEDGED, before, after);
    }
    free(before);
    free(after);
}
END_TEST

/* A store left by a process that died after COMMIT, with another one open and files of a third. */
static void leave_unfinished(void)
{
    static const struct fault no_link = {HF_TEST_FAILS, -EIO, true};
    struct hf_store *store = begin(&ops[0]);
    struct hf_txn *txn = NULL;

    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LINK) | HF_TEST_OP_BIT(HF_TEST_RENAME), "");
    hf_test_watch_fail(&watch, 1, no_link.failure, no_link.fail_errno, true);
    ck_assert_int_eq(do_load(store), 0);
    ck_assert_int_eq(hf_test_untag(store, "other:1", &err), 0);
    hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert_int_eq(hf_txn_begin(store, "open", 4, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "half", &err), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) /* holds nothing: its descriptors go with it */
        _exit(0);
    waitpid(child, NULL, 0);
    /* As if it died: its locks go, its files stay. */
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_UNLINK) | HF_TEST_OP_BIT(HF_TEST_WRITE), "");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    hf_txn_abort(txn, "");
    hf_tolerate(hf_store_close(store, NULL));
    hf_test_watch_match(&watch, HF_TEST_ANY_OP, "");
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
}

START_TEST(opening_whose_nth_call_fails_while_it_recovers_loses_nothing)
{
    const struct fault *fault = &faults[_i];
    bool is_done = false;
    char *whole = NULL;

    leave_unfinished();
    struct hf_store *store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert_uint_ge(hf_store_recovery(store)->entry_count, 2);
    whole = strdup(hf_test_state(store));
    hf_test_must_close(store);
    for (unsigned n = 1; !is_done; n += step_of(_i)) {
        leave_unfinished();
        if (n % 2)
            watch.boot[0] = 9;
        begin_fault(fault, n);
        int rc = hf_test_open(&watch.io, path, HF_OPEN_READ_WRITE, &store, &err);
        is_done = end_fault() == 0;
        if (is_done || is_harmless(fault))
            ck_assert_msg(rc == 0, "call %u: %s %s", n, hf_error_name(rc), err.message);
        if (rc == 0) {
            ck_assert_msg(hf_store_damage(store, &err) == 0, "call %u: %s", n, err.message);
            ck_assert_str_eq(hf_test_state(store), whole);
            hf_test_must_close(store);
        }
        judge(&ops[0], n, ACKNOWLEDGED, whole, whole);
        ck_assert_uint_lt(n, 1000);
    }
    free(whole);
}
END_TEST

START_TEST(a_store_whose_making_fails_at_any_call_is_made_when_done_again)
{
    const struct fault *fault = &faults[_i];
    bool is_done = false;

    for (unsigned n = 1; !is_done; n += step_of(_i)) {
        struct hf_store *store = NULL;
        hf_test_remove_dir(path);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        char root[300];
        snprintf(root, sizeof(root), "%s/a/store", path);
        begin_fault(fault, n);
        int rc = hf_test_open(&watch.io, root, HF_OPEN_CREATE, &store, &err);
        is_done = end_fault() == 0;
        if (is_done || is_harmless(fault))
            ck_assert_msg(rc == 0, "call %u: %s %s", n, hf_error_name(rc), err.message);
        if (rc == 0)
            hf_test_must_close(store);
        store = hf_test_must_open(&watch.io, root, HF_OPEN_CREATE);
        ck_assert_int_eq(hf_test_load(store, &app, &err), 0);
        hf_test_must_close(store);
        hf_test_check(root, HF_CHECKER_RECOVERED, "made again");
        ck_assert_uint_lt(n, 1000);
    }
}
END_TEST

/* --- allocations ------------------------------------------------------------------------------ */

START_TEST(an_operation_whose_nth_allocation_fails_is_refused_or_done)
{
    const struct op *op = &ops[_i];
    char *before = NULL, *after = NULL;
    bool is_done = false;

    learn(op, &before, &after);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = begin(op);
        hf_test_malloc_fail_at(n);
        int rc = op->run(store);
        is_done = !hf_test_malloc_has_failed();
        if (is_done)
            ck_assert_int_eq(rc, 0);
        if (rc != 0)
            ck_assert_msg(rc == HF_ERR_NO_MEMORY || rc == HF_ERR_OUTCOME_UNKNOWN, "%s, %u: %s %s",
                          op->name, n, hf_error_name(rc), err.message);
        /* What this handle shows is a state that there was. */
        const char *shown = hf_test_state(store);
        ck_assert_msg(strcmp(shown, before) == 0 || strcmp(shown, after) == 0,
                      "%s, allocation %u: shows half\n%s\n%s\n%s", op->name, n, before, shown,
                      after);
        hf_tolerate(hf_store_close(store, NULL));
        judge(op, n, outcome_of(rc), before, after);
        ck_assert_uint_lt(n, 3000);
    }
    free(before);
    free(after);
}
END_TEST

START_TEST(opening_whose_nth_allocation_fails_loses_nothing)
{
    bool is_done = false;
    char *whole = NULL;

    leave_unfinished();
    struct hf_store *store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    whole = strdup(hf_test_state(store));
    hf_test_must_close(store);
    for (unsigned n = 1; !is_done; n++) {
        leave_unfinished();
        hf_test_malloc_fail_at(n);
        int rc = hf_test_open(&watch.io, path, HF_OPEN_READ_WRITE, &store, &err);
        is_done = !hf_test_malloc_has_failed();
        /* What recovery logged it may not have been able to take itself. */
        ck_assert_msg(rc == 0 || rc == HF_ERR_NO_MEMORY || rc == HF_ERR_OUTCOME_UNKNOWN,
                      "allocation %u: %s %s", n, hf_error_name(rc), err.message);
        if (rc == 0) {
            ck_assert_msg(hf_store_damage(store, &err) == 0, "allocation %u: %s", n, err.message);
            ck_assert_str_eq(hf_test_state(store), whole);
            hf_test_must_close(store);
        }
        judge(&ops[0], n, ACKNOWLEDGED, whole, whole);
    }
    free(whole);
}
END_TEST

/* Another handle reads on while memory fails. */
START_TEST(a_look_whose_nth_allocation_fails_shows_all_when_done_again)
{
    bool is_done = false;

    struct hf_store *writer = begin(&ops[0]);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *reader =
            hf_test_must_open(&watch.io, path, n % 2 ? HF_OPEN_READ_ONLY : HF_OPEN_READ_WRITE);
        char name[32];
        struct hf_snapshot *snapshot = NULL;
        struct hf_digest top = hf_test_top_of(&app);
        snprintf(name, sizeof(name), "n:%u", n);
        ck_assert_int_eq(hf_test_tag(writer, name, &top, &err), 0);
        ck_assert_int_eq(hf_test_tag(writer, "again:1", &top, &err), 0);
        char *shown = strdup(hf_test_state(writer));
        hf_test_malloc_fail_at(n);
        int rc = hf_snapshot_take(reader, &snapshot, &err);
        is_done = !hf_test_malloc_has_failed();
        if (rc == 0)
            hf_snapshot_release(snapshot);
        ck_assert(rc == 0 || rc == HF_ERR_NO_MEMORY);
        ck_assert_str_eq(hf_test_state(reader), shown);
        free(shown);
        hf_test_must_close(reader);
    }
    hf_test_must_close(writer);
}
END_TEST

/* --- deaths ----------------------------------------------------------------------------------- */

/* In a child: the operation, then closing, dying before the n-th call. Exits 77 then. */
static bool die_in(int (*run)(struct hf_store *store), struct hf_store *store, unsigned n,
                   bool *out_acknowledged)
{
    int tell[2], status = 0;
    char byte = 0;

    ck_assert_int_eq(pipe(tell), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct hf_store *own = store;
        hf_test_watch_fail(&watch, n, HF_TEST_EXITS, 0, false);
        if (!own && hf_test_open(&watch.io, path, HF_OPEN_READ_WRITE, &own, &err) != 0)
            _exit(1);
        if (run && run(own) != 0)
            _exit(1);
        if (write(tell[1], "x", 1) != 1)
            _exit(1);
        _exit(hf_store_close(own, &err) == 0 ? 0 : 1);
    }
    close(tell[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    *out_acknowledged = read(tell[0], &byte, 1) == 1;
    close(tell[0]);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0),
                  "call %u: status %x", n, (unsigned)status);
    return WEXITSTATUS(status) == 77;
}

START_TEST(a_process_that_dies_before_its_nth_call_loses_nothing_acknowledged)
{
    const struct op *op = &ops[_i];
    char *before = NULL, *after = NULL;
    bool dies = true;

    learn(op, &before, &after);
    for (unsigned n = 1; dies; n++) {
        bool acknowledged = false;
        hf_test_must_close(begin(op));
        dies = die_in(op->run, NULL, n, &acknowledged);
        hf_test_check(path, HF_CHECKER_LIVE, "as it was left");
        judge(op, n, acknowledged ? ACKNOWLEDGED : UNKNOWN, before, after);
        ck_assert_uint_lt(n, 1000);
    }
    free(before);
    free(after);
}
END_TEST

/* And who recovers dies too, and who recovers from that. */
START_TEST(recovery_may_die_anywhere_any_number_of_times)
{
    const struct op *op = &ops[_i];
    char *before = NULL, *after = NULL;
    bool dies = true;

    learn(op, &before, &after);
    for (unsigned n = 40; dies; n += 3) {
        bool acknowledged = false, ignored = false;
        hf_test_must_close(begin(op));
        dies = die_in(op->run, NULL, n, &acknowledged);
        /* Each gets a little farther than the one before. */
        for (unsigned m = 10 + n % 7; die_in(NULL, NULL, m, &ignored); m += 90) {
            if (m % 4 == 0)
                watch.boot[1]++;
            ck_assert_uint_lt(m, 2000);
        }
        judge(op, n, acknowledged ? ACKNOWLEDGED : UNKNOWN, before, after);
        ck_assert_uint_lt(n, 1000);
    }
    free(before);
    free(after);
}
END_TEST

/* The same death in the same place again and again, with a store that committed much. */
START_TEST(recovery_that_dies_before_the_same_call_is_harmless)
{
    bool dies = true;
    char *whole = NULL;

    leave_unfinished();
    struct hf_store *store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    whole = strdup(hf_test_state(store));
    hf_test_must_close(store);
    for (unsigned n = 1; dies; n++) {
        bool ignored = false;
        leave_unfinished();
        dies = die_in(NULL, NULL, n, &ignored);
        dies = die_in(NULL, NULL, n, &ignored) && dies;
        dies = die_in(NULL, NULL, n + 1, &ignored) && dies;
        judge(&ops[0], n, ACKNOWLEDGED, whole, whole);
        ck_assert_uint_lt(n, 1000);
    }
    free(whole);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_set_timeout(tests, 1200);
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    return tests;
}

/* CK_RUN_CASE in the environment chooses one. */
int main(void)
{
    Suite *suite = suite_create("faults");

    TCase *calls = add_case(suite, "calls");
    tcase_add_loop_test(calls, an_operation_whose_nth_call_fails_is_refused_or_done, 0,
                        OP_COUNT * FAULT_COUNT);
    TCase *handles = add_case(suite, "handles");
    tcase_add_loop_test(handles, a_handle_goes_on_or_says_that_it_cannot_after_a_call_failed, 0,
                        OP_COUNT);
    tcase_add_loop_test(handles, closing_whose_nth_call_fails_loses_nothing_acknowledged, 0,
                        FAULT_COUNT);
    TCase *opening = add_case(suite, "opening");
    tcase_add_loop_test(opening, opening_whose_nth_call_fails_while_it_recovers_loses_nothing, 0,
                        FAULT_COUNT);
    tcase_add_loop_test(opening, a_store_whose_making_fails_at_any_call_is_made_when_done_again, 0,
                        FAULT_COUNT);
    TCase *memory = add_case(suite, "memory");
    tcase_add_loop_test(memory, an_operation_whose_nth_allocation_fails_is_refused_or_done, 0,
                        OP_COUNT);
    tcase_add_test(memory, opening_whose_nth_allocation_fails_loses_nothing);
    tcase_add_test(memory, a_look_whose_nth_allocation_fails_shows_all_when_done_again);
    TCase *deaths = add_case(suite, "deaths");
    tcase_add_loop_test(deaths, a_process_that_dies_before_its_nth_call_loses_nothing_acknowledged,
                        0, OP_COUNT);
    tcase_add_loop_test(deaths, recovery_may_die_anywhere_any_number_of_times, 0, 4);
    tcase_add_test(deaths, recovery_that_dies_before_the_same_call_is_harmless);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
