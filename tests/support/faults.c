#include "support/faults.h"

#include "base/error.h"
#include "disk/sim_io.h"
#include "support/failing_malloc.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char hf_test_faults_path[256];
struct hf_test_watch hf_test_faults_watch;
struct hf_error hf_test_faults_err;

static char *const path = hf_test_faults_path;
static struct hf_test_watch *const watch = &hf_test_faults_watch;
static struct hf_error *const err = &hf_test_faults_err;

/* In memory: a machine with a disk; on files: no disk. */
static struct sim machine;
static struct disk *disk;

static void set_up(void)
{
    hf_test_watch_init(watch, path);
    watch->forgets = true;
    *err = (struct hf_error){0};
}

static void set_up_on_files(void)
{
    hf_test_make_dir(path);
    set_up();
    watch->skips_sync = true;
}

static void tear_down_files(void)
{
    hf_test_watch_release(watch);
    hf_test_remove_dir(path);
}

static void switch_off(void)
{
    if (disk)
        sim_off(&machine);
    disk_free(disk);
    disk = NULL;
}

static void set_up_in_memory(void)
{
    (void)snprintf(path, sizeof(hf_test_faults_path), "store");
    set_up();
    watch->inner = &machine.io;
    watch->lose = sim_lose;
    hf_test_faults_make_folder();
}

static void tear_down_memory(void)
{
    hf_test_watch_release(watch);
    switch_off();
}

void hf_test_faults_make_folder(void)
{
    if (watch->inner == &machine.io) {
        switch_off();
        disk = disk_new(4096, DISK_STRICT);
        sim_boot(&machine, disk, 1);
        machine.around = hf_test_malloc_leave_alone;
    } else {
        hf_test_remove_dir(path);
    }
    ck_assert_int_eq(hf_io_mkdir(watch->inner, HF_IO_CWD, path, 0700, NULL, err), 0);
}

/* --- operations ------------------------------------------------------------------------------- */

static const struct hf_test_load app = {"app:1", "one", {"layer a", "layer b"}};
static const struct hf_test_load other = {"other:1", "two", {"layer b", "layer c"}};
static const struct hf_test_load third = {"third:1", "three", {"layer b", "layer d", "layer e"}};
static const struct hf_test_load moving = {"app:1", "newer", {"layer a", "layer f"}};

static int do_load(struct hf_store *store)
{
    return hf_test_load(store, &third, err);
}

static int do_load_over_a_name(struct hf_store *store)
{
    return hf_test_load(store, &moving, err);
}

static int do_tag(struct hf_store *store)
{
    struct hf_digest top = hf_test_top_of(&app);

    return hf_test_tag(store, "also:1", &top, err);
}

static int do_remove(struct hf_store *store)
{
    return hf_test_untag(store, "app:1", err);
}

static int do_hold(struct hf_store *store)
{
    struct hf_digest top = hf_test_top_of(&app);
    uint64_t id = 0;

    return hf_test_hold(store, &top, &id, err);
}

static int find_hold(void *arg, const struct hf_hold *hold)
{
    *(uint64_t *)arg = hold->id;
    return 0;
}

/* Of a store that was booted: hf_test_faults_begin holds something then. */
static int do_drop_hold(struct hf_store *store)
{
    struct hf_snapshot *snapshot = NULL;
    uint64_t id = 0;

    int rc = hf_snapshot_take(store, &snapshot, err);
    if (rc == 0)
        rc = hf_snapshot_each_hold(snapshot, NULL, find_hold, &id, err);
    hf_snapshot_release(snapshot);
    return rc == 0 ? hf_test_drop_hold(store, id, err) : rc;
}

static int do_checkpoint(struct hf_store *store)
{
    return hf_store_checkpoint(store, err);
}

static int do_abort(struct hf_store *store)
{
    struct hf_txn *txn = NULL;
    struct hf_digest digest = hf_test_digest_of("layer a");

    int rc = hf_txn_begin(store, "x", 1, &txn, err);
    if (rc != 0)
        return rc;
    rc = hf_txn_claim(txn, &digest, NULL, err);
    if (rc == 0)
        rc = hf_test_stage(txn, "never seen", err);
    hf_txn_abort(txn, "as planned");
    return rc;
}

static int do_recover(struct hf_store *store)
{
    return hf_store_recover(store, err);
}

const struct hf_test_operation hf_test_operations[HF_TEST_OPERATIONS] = {
    {"load", do_load, 0},
    {"load over a name", do_load_over_a_name, 0},
    {"tag", do_tag, 0},
    {"remove", do_remove, 0},
    {"hold", do_hold, 0},
    {"drop hold", do_drop_hold, 1},
    {"checkpoint", do_checkpoint, 3},
    {"abort", do_abort, 0},
    {"recover", do_recover, 0},
};

/* --- stores to begin with --------------------------------------------------------------------- */

struct hf_store *hf_test_faults_begin(const struct hf_test_operation *op)
{
    hf_test_faults_make_folder();
    memset(watch->boot, 0, sizeof(watch->boot));
    struct hf_store *store = hf_test_must_open(&watch->io, path, HF_OPEN_CREATE);
    ck_assert_int_eq(hf_test_load(store, &app, err), 0);
    ck_assert_int_eq(hf_test_load(store, &other, err), 0);
    for (unsigned i = 0; i < op->boots; i++) {
        ck_assert_int_eq(hf_store_checkpoint(store, err), 0);
        hf_test_must_close(store);
        watch->boot[0]++;
        store = hf_test_must_open(&watch->io, path, HF_OPEN_READ_WRITE);
        ck_assert_int_eq(do_hold(store), 0);
    }
    *err = (struct hf_error){0};
    return store;
}

void hf_test_faults_learn(const struct hf_test_operation *op, char **before, char **after)
{
    struct hf_store *store = hf_test_faults_begin(op);

    *before = strdup(hf_test_state(store));
    ck_assert_msg(op->run(store) == 0, "%s: %s", op->name, err->message);
    *after = strdup(hf_test_state(store));
    hf_test_must_close(store);
    hf_test_check_in(watch->inner, path, HF_CHECKER_RECOVERED, op->name);
}

static void fail_for_good(uint32_t ops)
{
    hf_test_watch_match(watch, ops, "");
    hf_test_watch_fail(watch, ops != 0, HF_TEST_FAILS, -EIO, true);
}

void hf_test_faults_leave_unfinished(void)
{
    struct hf_store *store = hf_test_faults_begin(HF_TEST_LOADS);
    struct hf_txn *txn = NULL;

    fail_for_good(HF_TEST_OP_BIT(HF_TEST_LINK) | HF_TEST_OP_BIT(HF_TEST_RENAME));
    ck_assert_int_eq(do_load(store), 0);
    ck_assert_int_eq(hf_test_untag(store, "other:1", err), 0);
    fail_for_good(0);
    ck_assert_int_eq(hf_txn_begin(store, "open", 4, &txn, err), 0);
    ck_assert_int_eq(hf_test_stage(txn, "half", err), 0);
    /* As if it died: its locks go, its files stay. */
    fail_for_good(HF_TEST_OP_BIT(HF_TEST_UNLINK) | HF_TEST_OP_BIT(HF_TEST_WRITE));
    hf_txn_abort(txn, "");
    hf_tolerate(hf_store_close(store, NULL));
    fail_for_good(0);
}

char *hf_test_faults_learn_recovery(void)
{
    hf_test_faults_leave_unfinished();
    struct hf_store *store = hf_test_must_open(&watch->io, path, HF_OPEN_READ_WRITE);
    ck_assert_uint_ge(hf_store_recovery(store)->entry_count, 2);
    char *state = strdup(hf_test_state(store));
    hf_test_must_close(store);
    return state;
}

/* --- faults ----------------------------------------------------------------------------------- */

#define ANY     HF_TEST_ANY_OP
#define BIT(op) HF_TEST_OP_BIT(HF_TEST_##op)
/* What takes room, what changes anything, what takes a descriptor. */
#define ROOM        (BIT(WRITE) | BIT(TRUNCATE) | BIT(LINK) | BIT(RENAME) | BIT(MKDIR) | HF_TEST_SYNCS)
#define CHANGES     (ROOM | BIT(UNLINK))
#define DESCRIPTORS (BIT(OPEN) | BIT(LIST))
#define WAITS       (ANY & ~(HF_TEST_SYNCS | BIT(CLOSE)))

const struct hf_test_fault hf_test_faults[HF_TEST_FAULTS] = {
    {"EIO", HF_TEST_FAILS, -EIO, false, ANY},
    {"EIO for good", HF_TEST_FAILS, -EIO, true, ANY},
    {"EIO of changes for good", HF_TEST_FAILS, -EIO, true, CHANGES},
    {"EIO of reads for good", HF_TEST_FAILS, -EIO, true, BIT(READ)},
    {"EIO of syncs for good", HF_TEST_FAILS, -EIO, true, HF_TEST_SYNCS},
    {"EIO, the bytes gone", HF_TEST_LOSES, -EIO, false, HF_TEST_SYNCS},
    {"EIO, the bytes gone, for good", HF_TEST_LOSES, -EIO, true, HF_TEST_SYNCS},
    {"EIO of what was done", HF_TEST_LIES, -EIO, false, ANY},
    {"EIO of what was done, for good", HF_TEST_LIES, -EIO, true, ANY},
    {"ENOSPC", HF_TEST_FAILS, -ENOSPC, false, ANY},
    {"ENOSPC for good", HF_TEST_FAILS, -ENOSPC, true, ROOM},
    {"EDQUOT", HF_TEST_FAILS, -EDQUOT, false, ROOM},
    {"EDQUOT for good", HF_TEST_FAILS, -EDQUOT, true, ROOM},
    {"EROFS", HF_TEST_FAILS, -EROFS, false, CHANGES},
    {"EROFS for good", HF_TEST_FAILS, -EROFS, true, CHANGES},
    {"EMFILE", HF_TEST_FAILS, -EMFILE, false, DESCRIPTORS},
    {"EMFILE for good", HF_TEST_FAILS, -EMFILE, true, DESCRIPTORS},
    {"ENOMEM", HF_TEST_FAILS, -ENOMEM, false, ANY},
    {"ENOMEM for good", HF_TEST_FAILS, -ENOMEM, true, ANY},
    {"EINTR", HF_TEST_FAILS, -EINTR, false, WAITS},
    {"EINTR of every other call", HF_TEST_ALTERNATES, -EINTR, true, WAITS},
    {"EINTR of syncs", HF_TEST_FAILS, -EINTR, false, HF_TEST_SYNCS | BIT(CLOSE)},
    {"a short count", HF_TEST_SHORT, 0, false, BIT(READ) | BIT(WRITE)},
    {"short counts", HF_TEST_SHORT, 0, true, ANY},
};

const struct hf_test_fault *hf_test_fault_named(const char *name)
{
    size_t i = 0;

    while (i < HF_TEST_FAULTS && strcmp(hf_test_faults[i].name, name) != 0)
        i++;
    ck_assert_msg(i < HF_TEST_FAULTS, "there is no fault \"%s\"", name);
    return &hf_test_faults[i];
}

bool hf_test_fault_is_harmless(const struct hf_test_fault *fault)
{
    bool is_interrupt = fault->fail_errno == -EINTR && (fault->ops & HF_TEST_SYNCS) == 0;

    return fault->failure == HF_TEST_SHORT || is_interrupt;
}

void hf_test_fault_begin(const struct hf_test_fault *fault, unsigned n)
{
    ck_assert_msg(n < 3000, "%s never ends", fault->name);
    hf_test_watch_match(watch, fault->ops, "");
    hf_test_watch_fail(watch, n, fault->failure, fault->fail_errno, fault->for_good);
}

unsigned hf_test_fault_end(void)
{
    unsigned failed = watch->failed;

    hf_test_watch_match(watch, HF_TEST_ANY_OP, "");
    hf_test_watch_fail(watch, 0, HF_TEST_FAILS, 0, false);
    return failed;
}

/* --- judging ---------------------------------------------------------------------------------- */

enum hf_test_outcome hf_test_outcome_of(int rc)
{
    return rc == 0                        ? HF_TEST_ACKNOWLEDGED
           : rc == HF_ERR_OUTCOME_UNKNOWN ? HF_TEST_UNKNOWN
                                          : HF_TEST_REFUSED;
}

/* Opening again finds nothing to do, and the store works. */
static void judge_again(const char *when)
{
    struct hf_store *store = hf_test_must_open(&watch->io, path, HF_OPEN_READ_WRITE);
    struct hf_digest none = hf_test_digest_of("nobody has this");

    ck_assert_msg(hf_store_recovery(store)->clean, "%s: recovering twice does something twice",
                  when);
    ck_assert_int_eq(hf_test_tag(store, "goes:on", &none, err), HF_ERR_NOT_FOUND);
    hf_test_must_close(store);
}

static void judge_state(const char *when, enum hf_test_outcome outcome, const char *before,
                        const char *state, const char *after)
{
    bool is_before = strcmp(state, before) == 0, is_after = strcmp(state, after) == 0;

    ck_assert_msg(is_before || is_after, "%s: half of it is there\n%s\n%s\n%s", when, before, state,
                  after);
    if (outcome == HF_TEST_ACKNOWLEDGED)
        ck_assert_msg(is_after, "%s: lost", when);
    if (outcome == HF_TEST_REFUSED)
        ck_assert_msg(is_before, "%s: it is there, though it was refused (%s)", when, err->message);
}

void hf_test_faults_judge(const char *what, unsigned n, enum hf_test_outcome outcome,
                          const char *before, const char *after)
{
    struct hf_store *store = NULL;
    char when[200];

    (void)snprintf(when, sizeof(when), "%s, call %u, %s", what, n,
                   outcome == HF_TEST_ACKNOWLEDGED ? "acknowledged"
                   : outcome == HF_TEST_REFUSED    ? "refused"
                                                   : "unknown");
    if (n % 3 == 0)
        watch->boot[0] += 100;
    int rc = hf_test_open(&watch->io, path, HF_OPEN_READ_WRITE, &store, err);
    ck_assert_msg(rc == 0, "%s: cannot open: %s %s", when, hf_error_name(rc), err->message);
    ck_assert_msg(hf_store_damage(store, err) == 0, "%s: damaged: %s", when, err->message);
    judge_state(when, outcome, before, hf_test_state(store), after);
    hf_test_read_all(store);
    hf_test_must_close(store);
    hf_test_check_in(watch->inner, path, HF_CHECKER_RECOVERED, when);
    if (n % 4 == 1)
        judge_again(when);
}

/* --- suites ----------------------------------------------------------------------------------- */

static TCase *new_case(const char *name, void (*set_up_it)(void), void (*tear_down_it)(void))
{
    TCase *tests = tcase_create(name);

    tcase_set_timeout(tests, 1200);
    tcase_add_checked_fixture(tests, set_up_it, tear_down_it);
    return tests;
}

TCase *hf_test_faults_case(const char *name)
{
    return new_case(name, set_up_in_memory, tear_down_memory);
}

TCase *hf_test_faults_case_on_files(const char *name)
{
    return new_case(name, set_up_on_files, tear_down_files);
}
