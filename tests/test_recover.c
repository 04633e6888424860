/*
 * Proves what recovery tells and does (src/store/FORMAT.md 6): it ends what the dead have left and
 * nothing of the living; it leaves no file that nobody owns; it says what it did, and a dry run
 * says the same and changes nothing; who only reads writes nothing at all.
 */
#include "support/objects.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;
static const struct hf_test_load app = {"app:1", "one", {"layer a"}};

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    err = (struct hf_error){0};
    store = hf_test_must_open(&watch.io, path, HF_OPEN_CREATE);
    ck_assert_int_eq(hf_test_load(store, &app, &err), 0);
}

static void teardown(void)
{
    if (store)
        hf_test_must_close(store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "at the end");
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

static const char *in(const char *name)
{
    static char full[4][600];
    static unsigned next;
    char *out = full[next++ % 4];

    snprintf(out, 600, "%s/%s", path, name);
    return out;
}

static void make_file(const char *name)
{
    int fd = open(in(name), O_CREAT | O_WRONLY, 0600);

    ck_assert_msg(fd >= 0, "cannot make %s", name);
    ck_assert_int_eq(write(fd, "seven b", 7), 7);
    close(fd);
}

static bool is_there(const char *name)
{
    return access(in(name), F_OK) == 0;
}

/* A process begins a load, stages, and dies. Returns its transaction. */
static uint64_t die_while_staging_when(bool is_synced)
{
    int tell[2], status = 0;
    uint64_t id = 0;

    ck_assert_int_eq(pipe(tell), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct hf_store *own = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        struct hf_txn *txn = NULL;
        if (hf_txn_begin(own, "load\0big.tar", 12, &txn, &err) != 0 ||
            hf_test_stage(txn, "half of it", &err) != 0)
            _exit(1);
        id = hf_txn_id(txn);
        if (is_synced && hf_store_sync(own, hf_wal_tail(own->wal), &err) != 0)
            _exit(1);
        _exit(write(tell[1], &id, sizeof(id)) == sizeof(id) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(tell[0], &id, sizeof(id)), sizeof(id));
    close(tell[0]);
    close(tell[1]);
    return id;
}

static uint64_t die_while_staging(void)
{
    return die_while_staging_when(true);
}

static void reopen(void)
{
    hf_test_must_close(store);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
}

START_TEST(a_store_left_in_order_has_nothing_to_recover)
{
    reopen();
    const struct hf_recovery_report *report = hf_store_recovery(store);
    ck_assert(report->clean && !report->rebooted);
    ck_assert_uint_eq(report->entry_count, 0);
    ck_assert_uint_eq(report->torn_bytes, 0);
    hf_test_must_close(store);
    watch.boot[0] = 1;
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert(hf_store_recovery(store)->clean && hf_store_recovery(store)->rebooted);
}
END_TEST

START_TEST(what_a_dead_process_had_not_committed_is_rolled_back_and_told)
{
    uint64_t id = die_while_staging();
    char before[4096];

    snprintf(before, sizeof(before), "%s", hf_test_state(store));
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    const struct hf_recovery_report *report = hf_store_recovery(store);
    ck_assert(!report->clean);
    ck_assert_uint_eq(report->entry_count, 1);
    ck_assert_uint_eq(report->entries[0].txn, id);
    ck_assert_int_eq(report->entries[0].outcome, HF_RECOVERY_ROLLED_BACK);
    ck_assert_str_eq(report->entries[0].note, "load big.tar");
    ck_assert_uint_eq(report->entries[0].files, 1);
    ck_assert_uint_eq(report->entries[0].bytes, 10);
    ck_assert_uint_gt(report->entries[0].time_ns, 0);
    ck_assert_str_eq(hf_test_state(store), before);
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    ck_assert(hf_store_recovery(store)->clean);
}
END_TEST

START_TEST(a_dry_run_tells_the_same_and_changes_nothing)
{
    uint64_t id = die_while_staging();

    make_file("trash/0000");
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_store_recover_dry_run(store, &err), 0);
    for (size_t i = 0; i < watch.event_count; i++) {
        enum hf_test_op op = watch.events[i].op;
        ck_assert_msg(op != HF_TEST_WRITE && op != HF_TEST_UNLINK && op != HF_TEST_RENAME &&
                          op != HF_TEST_LINK && op != HF_TEST_MKDIR,
                      "%s %s", hf_test_op_name(op), watch.events[i].path);
    }
    const struct hf_recovery_report *report = hf_store_recovery(store);
    ck_assert_uint_eq(report->entry_count, 2);
    ck_assert_uint_eq(report->entries[0].txn, id);
    ck_assert_uint_eq(report->entries[0].files, 1);
    ck_assert_int_eq(report->entries[1].outcome, HF_RECOVERY_SWEPT);
    ck_assert(is_there("trash/0000"));
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    ck_assert(!is_there("trash/0000"));
}
END_TEST

START_TEST(a_living_transaction_is_left_alone)
{
    struct hf_store *other = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    struct hf_txn *mine = NULL, *theirs = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "mine", 4, &mine, &err), 0);
    ck_assert_int_eq(hf_test_stage(mine, "my bytes", &err), 0);
    ck_assert_int_eq(hf_txn_begin(other, "theirs", 6, &theirs, &err), 0);
    ck_assert_int_eq(hf_test_stage(theirs, "their bytes", &err), 0);
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    ck_assert(hf_store_recovery(store)->clean);
    ck_assert_int_eq(hf_store_recover(other, &err), 0);
    ck_assert(hf_store_recovery(other)->clean);
    struct hf_store *third = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert(hf_store_recovery(third)->clean);
    hf_test_must_close(third);
    struct hf_blob *blob = NULL;
    struct hf_digest digest = hf_test_digest_of("my bytes");
    ck_assert_int_eq(hf_txn_staged_open(mine, &digest, &blob, &err), 0);
    ck_assert_uint_eq(hf_blob_size(blob), 8);
    hf_blob_close(blob);
    hf_txn_abort(mine, "");
    hf_txn_abort(theirs, "");
    hf_test_must_close(other);
}
END_TEST

/* Files of an intent that never reached the disk, what was in the making, and what is in trash. */
START_TEST(files_that_nobody_owns_are_swept)
{
    static const char *const files[] = {
        "staging/0/00000000000ff000-0", "trash/whatever", "wal/new", "catalog/new", "FORMAT.new",
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        make_file(files[i]);
    reopen();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        ck_assert_msg(!is_there(files[i]), "%s", files[i]);
    const struct hf_recovery_report *report = hf_store_recovery(store);
    ck_assert_uint_eq(report->entry_count, 1);
    ck_assert_int_eq(report->entries[0].outcome, HF_RECOVERY_SWEPT);
    ck_assert_uint_eq(report->entries[0].files, 2);
    ck_assert_uint_eq(report->entries[0].bytes, 14);
    ck_assert(is_there("wal/spare"));
}
END_TEST

/* --- what others do while it runs ------------------------------------------------------------- */

static struct hf_store *other_handle;
static struct hf_txn *others_txn;

static int decide_put(void *arg, struct hf_change *change, struct hf_error *why)
{
    struct hf_digest digest = hf_test_digest_of("their bytes");

    int rc = hf_change_put_object(change, &digest, NULL, 0, NULL, 0, why);
    return rc == 0 ? hf_change_set_name(change, "their:1", &digest, 0, why) : rc;
}

static void begin_theirs(void)
{
    ck_assert_int_eq(hf_txn_begin(other_handle, "theirs", 6, &others_txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(others_txn, "their bytes", &err), 0);
}

/* Committed, and then it gets no farther; its lock is free, as if it had died. */
static void commit_theirs_and_end(void)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LINK), "");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -5, true);
    ck_assert_int_eq(hf_txn_commit(others_txn, decide_put, NULL, &err), 0);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
}

static void begin_commit_and_end(void)
{
    begin_theirs();
    commit_theirs_and_end();
}

static void assert_theirs_is_whole(void)
{
    ck_assert(hf_test_has_name(store, "their:1", NULL));
    hf_test_read_all(store);
    hf_test_must_close(other_handle);
    reopen();
    ck_assert(hf_test_has_name(store, "their:1", NULL));
    hf_test_read_all(store);
}

START_TEST(who_commits_and_dies_while_recovery_looks_is_not_rolled_back)
{
    other_handle = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    begin_theirs();
    /* Recovery has seen it open, and is about to try its lock: bytes 0 and 1 come before. */
    watch.hook = commit_theirs_and_end;
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LOCK), "lock");
    hf_test_watch_restart(&watch);
    unsigned n = 0;
    ck_assert_int_eq(hf_store_recover(store, &err), 0); /* to learn which call it is */
    for (size_t i = 0; i < watch.event_count; i++) {
        n += watch.events[i].op == HF_TEST_LOCK;
        if (watch.events[i].op == HF_TEST_LOCK && watch.events[i].off >= 4096)
            break;
    }
    hf_test_watch_fail(&watch, n, HF_TEST_HOOKS, 0, false);
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    assert_theirs_is_whole();
}
END_TEST

START_TEST(who_begins_commits_and_dies_while_recovery_looks_is_not_swept)
{
    other_handle = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    watch.hook = begin_commit_and_end;
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LIST), "staging");
    hf_test_watch_fail(&watch, 1, HF_TEST_HOOKS, 0, false);
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    assert_theirs_is_whole();
}
END_TEST

/* A handle that has not looked for long. */
START_TEST(recovery_by_a_handle_that_is_behind_loses_nothing)
{
    other_handle = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    begin_commit_and_end();
    ck_assert_int_eq(hf_store_recover(store, &err), 0);
    ck_assert_uint_eq(hf_store_recovery(store)->entry_count, 1);
    ck_assert_int_eq(hf_store_recovery(store)->entries[0].outcome, HF_RECOVERY_REPLAYED);
    assert_theirs_is_whole();
}
END_TEST

/* Recovery was cut after it had made a link anew, before it removed the old one from trash. */
START_TEST(a_recovery_cut_between_a_new_link_and_the_old_one_is_repeated)
{
    struct hf_digest digest = hf_test_digest_of("their bytes");
    char hex[HF_DIGEST_TEXT_MAX], name[300] = "", staged[600], blob[300], trash[300];

    other_handle = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    hf_test_watch_restart(&watch);
    begin_commit_and_end();
    for (size_t i = 0; i < watch.event_count; i++) /* the link that failed */
        if (watch.events[i].op == HF_TEST_LINK)
            snprintf(name, sizeof(name), "%s", watch.events[i].from);
    ck_assert_str_ne(name, "");
    hf_test_must_close(other_handle);
    hf_test_must_close(store);
    unsigned long long id = strtoull(strrchr(name, '/') + 1, NULL, 16);
    snprintf(staged, sizeof(staged), "%s", in(name));
    snprintf(blob, sizeof(blob), "blobs/sha256/%s", hf_digest_hex(&digest, hex));
    snprintf(trash, sizeof(trash), "trash/%s.%016llx", hex, id);
    ck_assert_int_eq(link(staged, in(blob)), 0);
    ck_assert_int_eq(link(staged, in(trash)), 0);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert(hf_test_has_name(store, "their:1", &digest));
    ck_assert(!is_there(trash) && is_there(blob) && !is_there(name));
    hf_test_read_all(store);
}
END_TEST

/* --- reading, and damage ---------------------------------------------------------------------- */

/* The cost is that of what was in flight. */
START_TEST(recovery_does_not_list_the_blobs)
{
    die_while_staging();
    hf_test_must_close(store);
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert_uint_eq(hf_test_watch_find(&watch, 0, HF_TEST_LIST, "blobs"), watch.event_count);
    ck_assert_uint_eq(hf_store_recovery(store)->entry_count, 1);
}
END_TEST

START_TEST(who_only_reads_an_unclean_store_writes_nothing)
{
    uint64_t id = die_while_staging();

    hf_test_must_close(store);
    if (_i == 1)
        watch.boot[0] = 3;
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_ONLY);
    ck_assert(hf_store_is_read_only(store));
    ck_assert(hf_test_has_name(store, "app:1", NULL));
    hf_test_read_all(store);
    ck_assert_uint_eq(hf_store_recovery(store)->entry_count, 1);
    ck_assert_uint_eq(hf_store_recovery(store)->entries[0].txn, id);
    struct hf_txn *txn = NULL;
    struct hf_digest top = hf_test_top_of(&app);
    ck_assert_int_eq(hf_test_tag(store, "x:1", &top, &err), HF_ERR_REFUSED);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), HF_ERR_REFUSED);
    ck_assert_int_eq(hf_store_recover(store, &err), HF_ERR_REFUSED);
    hf_test_must_close(store);
    for (size_t i = 0; i < watch.event_count; i++) {
        enum hf_test_op op = watch.events[i].op;
        ck_assert_msg(op == HF_TEST_OPEN || op == HF_TEST_CLOSE || op == HF_TEST_READ ||
                          op == HF_TEST_STAT || op == HF_TEST_LIST || op == HF_TEST_OTHER ||
                          op == HF_TEST_LOCK_TEST,
                      "%s %s", hf_test_op_name(op), watch.events[i].path);
    }
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
}
END_TEST

/* A log that is damaged opens read-only, says where, and serves what it can. */
START_TEST(a_store_with_a_damaged_log_serves_what_is_before_it)
{
    struct hf_digest top = hf_test_top_of(&app);
    struct hf_store *damaged = NULL;

    ck_assert_int_eq(hf_test_tag(store, "before:1", &top, &err), 0);
    uint64_t position = 0;
    struct hf_snapshot *snapshot = NULL;
    ck_assert_int_eq(hf_snapshot_take(store, &snapshot, &err), 0);
    position = hf_snapshot_position(snapshot);
    hf_snapshot_release(snapshot);
    ck_assert_int_eq(hf_test_tag(store, "lost:1", &top, &err), 0);
    ck_assert_int_eq(hf_test_tag(store, "after:1", &top, &err), 0);
    hf_test_must_close(store);
    int fd = open(in("wal/0000000000000002.seg"), O_RDWR);
    off_t off = (off_t)(8192 + position - 4096);
    uint8_t old[9000], dirt[9000];
    memset(dirt, 0x5a, sizeof(dirt));
    ck_assert_int_eq(pread(fd, old, sizeof(old), off), sizeof(old));
    ck_assert_int_eq(pwrite(fd, dirt, 4096 + 200, off), 4096 + 200); /* COMMIT and COPY */
    if (_i == 1)
        watch.boot[0] = 3;
    damaged = NULL;
    ck_assert_int_eq(hf_test_open(&watch.io, path, HF_OPEN_READ_WRITE, &damaged, &err), 0);
    ck_assert(hf_store_is_read_only(damaged));
    ck_assert_int_eq(hf_store_damage(damaged, &err), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "0000000000000002.seg");
    ck_assert_uint_eq(err.offset, (uint64_t)off);
    ck_assert(hf_test_has_name(damaged, "before:1", &top));
    ck_assert(!hf_test_has_name(damaged, "lost:1", NULL));
    ck_assert(!hf_test_has_name(damaged, "after:1", NULL));
    hf_test_read_all(damaged);
    ck_assert_int_ne(hf_test_tag(damaged, "x:1", &top, &err), 0);
    hf_test_must_close(damaged);
    ck_assert_int_eq(pwrite(fd, old, sizeof(old), off), sizeof(old)); /* as it was */
    close(fd);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert(hf_test_has_name(store, "after:1", &top));
}
END_TEST

/* The newest checkpoint is damaged: the one before it and the log say the same. */
START_TEST(a_damaged_checkpoint_is_made_up_for_by_the_older_one)
{
    struct hf_digest top = hf_test_top_of(&app);
    char newest[64] = "", state[4096];

    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
        size_t named = hf_test_watch_find(&watch, 0, HF_TEST_RENAME, ".ckpt");
        ck_assert_uint_lt(named, watch.event_count);
        snprintf(newest, sizeof(newest), "%.60s", watch.events[named].path);
    }
    snprintf(state, sizeof(state), "%s", hf_test_state(store));
    hf_test_must_close(store);
    int fd = open(in(newest), O_RDWR);
    uint8_t byte = 0, wrong = 0;
    off_t off = _i == 0 ? 40 : 4096 + 30; /* header, leaf */
    ck_assert_int_eq(pread(fd, &byte, 1, off), 1);
    wrong = byte ^ 0x10;
    ck_assert_int_eq(pwrite(fd, &wrong, 1, off), 1);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    ck_assert_str_eq(hf_test_state(store), state);
    hf_test_read_all(store);
    ck_assert_int_eq(pwrite(fd, &byte, 1, off), 1);
    close(fd);
}
END_TEST

/* Others take checkpoints and delete the log where a handle stands; its threads go on. */
START_TEST(a_handle_that_was_left_behind_goes_on)
{
    struct hf_store *idle = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    struct hf_digest top = hf_test_top_of(&app);

    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        hf_test_must_close(store);
        /* A dead writer's record makes the next one begin a segment. */
        die_while_staging_when(false);
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
    }
    ck_assert(!is_there("wal/0000000000000002.seg"));
    if (_i == 0)
        ck_assert_str_eq(hf_test_state(idle), hf_test_state(store));
    ck_assert_int_eq(hf_test_tag(idle, "idle:1", &top, &err), 0);
    ck_assert_str_eq(hf_test_state(idle), hf_test_state(store));
    ck_assert(hf_test_has_name(store, "idle:1", &top));
    hf_test_must_close(idle);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("recover");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_store_left_in_order_has_nothing_to_recover);
    tcase_add_test(tests, what_a_dead_process_had_not_committed_is_rolled_back_and_told);
    tcase_add_test(tests, a_dry_run_tells_the_same_and_changes_nothing);
    tcase_add_test(tests, a_living_transaction_is_left_alone);
    tcase_add_test(tests, files_that_nobody_owns_are_swept);
    tcase_add_test(tests, who_commits_and_dies_while_recovery_looks_is_not_rolled_back);
    tcase_add_test(tests, who_begins_commits_and_dies_while_recovery_looks_is_not_swept);
    tcase_add_test(tests, a_recovery_cut_between_a_new_link_and_the_old_one_is_repeated);
    tcase_add_test(tests, recovery_by_a_handle_that_is_behind_loses_nothing);
    tcase_add_test(tests, recovery_does_not_list_the_blobs);
    tcase_add_loop_test(tests, who_only_reads_an_unclean_store_writes_nothing, 0, 2);
    tcase_add_loop_test(tests, a_store_with_a_damaged_log_serves_what_is_before_it, 0, 2);
    tcase_add_loop_test(tests, a_damaged_checkpoint_is_made_up_for_by_the_older_one, 0, 2);
    tcase_add_loop_test(tests, a_handle_that_was_left_behind_goes_on, 0, 2);
    return hf_test_run("recover", tests);
}
