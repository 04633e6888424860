/*
 * Proves the order of the durable steps: what is synced before what is written, named or removed,
 * for every operation of src/store/FORMAT.md (1, 4, 5.1, 5.2, 6) and wal/FORMAT.md (3.2 to 3.5), by
 * watching every call. A sync that is removed or moves behind what it guards fails here.
 */
#include "support/objects.h"
#include "support/suite.h"

#include "wal/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    err = (struct hf_error){0};
    store = hf_test_must_open(&watch.io, path, HF_OPEN_CREATE);
    hf_test_watch_restart(&watch);
}

static void teardown(void)
{
    if (store)
        hf_test_must_close(store);
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

/* --- finding calls ---------------------------------------------------------------------------- */

#define NONE SIZE_MAX

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static size_t next(size_t from, enum hf_test_op op, const char *what)
{
    size_t i = hf_test_watch_find(&watch, from, op, what);

    return i == watch.event_count ? NONE : i;
}

/* Must be there. */
static size_t need(size_t from, enum hf_test_op op, const char *what)
{
    size_t i = next(from, op, what);

    if (i == NONE)
        hf_test_watch_print(&watch);
    ck_assert_msg(i != NONE, "no %s of \"%s\"", hf_test_op_name(op), what);
    return i;
}

/* Of exactly this path. */
static size_t need_exact(size_t from, enum hf_test_op op, const char *what)
{
    for (size_t i = from; i < watch.event_count; i++)
        if (watch.events[i].op == op && strcmp(watch.events[i].path, what) == 0)
            return i;
    hf_test_watch_print(&watch);
    ck_abort_msg("no %s of \"%s\" after call %zu", hf_test_op_name(op), what, from);
    return NONE;
}

static size_t need_sync(size_t from, const char *what)
{
    return need_exact(from, HF_TEST_FSYNC, what);
}

static size_t last(enum hf_test_op op, const char *what)
{
    size_t found = NONE;

    for (size_t i = 0; (i = next(i, op, what)) != NONE; i++)
        found = i;
    ck_assert_msg(found != NONE, "no %s of \"%s\"", hf_test_op_name(op), what);
    return found;
}

static size_t need_record(size_t from, enum hf_wal_type type)
{
    for (size_t i = from; (i = next(i, HF_TEST_WRITE, ".seg")) != NONE; i++)
        if (watch.events[i].off >= HF_WAL_HEADERS && watch.events[i].head[12] == type)
            return i;
    hf_test_watch_print(&watch);
    ck_abort_msg("no record of type %d after call %zu", type, from);
    return NONE;
}

static uint64_t number(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* The second half of `shared` is written with this state: 0 IDLE, 1 SYNCING, 2 SWITCHING. */
static size_t need_state(size_t from, uint64_t state)
{
    for (size_t i = from; (i = next(i, HF_TEST_WRITE, "shared")) != NONE; i++)
        if (watch.events[i].off == HF_WAL_SHARED_SYNC_OFF &&
            number(watch.events[i].head + 48) == state)
            return i;
    hf_test_watch_print(&watch);
    ck_abort_msg("shared is not told state %d after call %zu", (int)state, from);
    return NONE;
}

/* The first half, with an append under way or not. */
static size_t need_tail(size_t from, bool under_way)
{
    for (size_t i = from; (i = next(i, HF_TEST_WRITE, "shared")) != NONE; i++)
        if (watch.events[i].off == HF_WAL_SHARED_TAIL_OFF &&
            (number(watch.events[i].head + 56) != number(watch.events[i].head + 64)) == under_way)
            return i;
    hf_test_watch_print(&watch);
    ck_abort_msg("shared is not told a tail after call %zu", from);
    return NONE;
}

static size_t need_lock(size_t from, enum hf_test_op op, uint64_t byte)
{
    for (size_t i = from; (i = next(i, op, "lock")) != NONE; i++)
        if (watch.events[i].off == byte)
            return i;
    hf_test_watch_print(&watch);
    ck_abort_msg("no %s of byte %d after call %zu", hf_test_op_name(op), (int)byte, from);
    return NONE;
}

/* Is the byte locked just before this call? */
static bool is_locked_at(size_t index, uint64_t byte)
{
    bool locked = false;

    for (size_t i = 0; i < index; i++) {
        const struct hf_test_event *event = &watch.events[i];
        if (event->off != byte || strcmp(event->path, "lock") != 0)
            continue;
        if (event->op == HF_TEST_LOCK)
            locked = true;
        else if (event->op == HF_TEST_UNLOCK)
            locked = false;
    }
    return locked;
}

#define ck_assert_order(a, b)                                                                      \
    do {                                                                                           \
        if ((a) >= (b)) {                                                                          \
            hf_test_watch_print(&watch);                                                           \
            ck_abort_msg("%s (call %zu) is not before %s (call %zu)", #a, (size_t)(a), #b,         \
                         (size_t)(b));                                                             \
        }                                                                                          \
    } while (0)

/* Every record is written under the append lock, with `shared` told before and after. */
static void assert_appends_are_orderly(void)
{
    size_t count = 0;

    for (size_t i = 0; (i = next(i, HF_TEST_WRITE, ".seg")) != NONE; i++) {
        if (watch.events[i].off < HF_WAL_HEADERS || ends_with(watch.events[i].path, "spare"))
            continue;
        ck_assert(is_locked_at(i, HF_WAL_LOCK_APPEND));
        size_t told = NONE;
        for (size_t j = 0; (j = next(j, HF_TEST_WRITE, "shared")) != NONE && j < i; j++)
            if (watch.events[j].off == HF_WAL_SHARED_TAIL_OFF)
                told = j;
        ck_assert_uint_ne(told, NONE);
        ck_assert_uint_eq(number(watch.events[told].head + 64) -
                              number(watch.events[told].head + 56),
                          watch.events[i].len);
        size_t after = need_tail(i, false);
        ck_assert_uint_eq(number(watch.events[after].head + 56),
                          number(watch.events[told].head + 64));
        size_t released = need_lock(i, HF_TEST_UNLOCK, HF_WAL_LOCK_APPEND);
        ck_assert_order(after, released);
        count++;
    }
    ck_assert_uint_gt(count, 0);
}

/* Every sync of the log: SYNCING before, IDLE after, under the sync lock. Not under the append
 * lock. */
static void assert_syncs_are_orderly(void)
{
    for (size_t i = 0; (i = next(i, HF_TEST_FDATASYNC, ".seg")) != NONE; i++) {
        ck_assert(is_locked_at(i, HF_WAL_LOCK_SYNC));
        ck_assert(!is_locked_at(i, HF_WAL_LOCK_APPEND));
        ck_assert_order(need_state(0, 1), i);
        size_t idle = need_state(i, 0);
        ck_assert_order(idle, need_lock(i, HF_TEST_UNLOCK, HF_WAL_LOCK_SYNC));
    }
}

/* No event of `op` on `what` in [from, to). */
static void assert_none(size_t from, size_t to, enum hf_test_op op, const char *what)
{
    size_t i = next(from, op, what);

    ck_assert_msg(i == NONE || i >= to, "%s of %s (call %zu) between calls %zu and %zu",
                  hf_test_op_name(op), what, i, from, to);
}

/* --- making a store --------------------------------------------------------------------------- */

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
    size_t made_a = need_exact(0, HF_TEST_MKDIR, "a");
    size_t made_b = need_exact(made_a, HF_TEST_MKDIR, "a/b");
    ck_assert_order(made_a, need_sync(made_a, "."));
    size_t synced_a = need_sync(made_b, "a/");
    size_t named = need(0, HF_TEST_RENAME, "a/b/FORMAT");
    ck_assert_str_eq(watch.events[named].from, "a/b/FORMAT.new");
    ck_assert_order(synced_a, named);

    size_t locked = need_lock(0, HF_TEST_LOCK, HF_WAL_LOCK_RECOVERY);
    size_t root_synced = NONE;
    for (size_t i = 0; i < named; i++)
        if (watch.events[i].op == HF_TEST_FSYNC && strcmp(watch.events[i].path, "a/b") == 0)
            root_synced = i;
    ck_assert_uint_ne(root_synced, NONE);
    size_t blobs_synced = need_sync(0, "a/b/blobs");
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char full[64];
        snprintf(full, sizeof(full), "a/b/%s", folders[i]);
        size_t made = need(0, HF_TEST_MKDIR, full);
        ck_assert_order(locked, made);
        ck_assert_order(made, strncmp(folders[i], "blobs/", 6) == 0 ? blobs_synced : root_synced);
    }
    ck_assert_order(need(0, HF_TEST_OPEN, "a/b/lock"), root_synced);
    ck_assert_order(need(0, HF_TEST_WRITE, "a/b/shared"), need_sync(0, "a/b/shared"));
    ck_assert_order(need_sync(0, "a/b/shared"), root_synced);
    size_t segment = need(0, HF_TEST_RENAME, "wal/0000000000000001.seg");
    size_t wal_synced = need_sync(segment, "a/b/wal");
    ck_assert_order(need(0, HF_TEST_FSYNC, "wal/new"), segment);
    size_t spare = need(0, HF_TEST_RENAME, "wal/spare");
    ck_assert_order(need(segment, HF_TEST_FSYNC, "wal/new"), spare);
    ck_assert_order(wal_synced, root_synced);
    ck_assert_order(need_sync(spare, "a/b/wal"), named);
    ck_assert_order(blobs_synced, named);
    size_t written = need(0, HF_TEST_WRITE, "a/b/FORMAT.new");
    size_t synced = need_sync(written, "a/b/FORMAT.new");
    ck_assert_order(root_synced, written);
    ck_assert_order(synced, named);
    size_t done = need_sync(named, "a/b");
    /* Nothing is told of the store before its name is durable. */
    ck_assert_order(done, need_state(0, 2));
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
    ck_assert_order(need_sync(0, "."), need(0, HF_TEST_RENAME, "x/FORMAT"));
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
            ck_assert_order(need_sync(0, "x"), watch.event_count);
            ck_assert_int_eq(hf_test_tag(made, "n", &(struct hf_digest){.algorithm = 1}, &err),
                             HF_ERR_NOT_FOUND);
            hf_test_must_close(made);
            break;
        }
    }
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
}
END_TEST

/* --- content ---------------------------------------------------------------------------------- */

static const struct hf_test_load first_load = {"app:1", "one", {"layer a", "layer b"}};

START_TEST(a_load_is_durable_step_by_step)
{
    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    size_t returned = watch.event_count;
    hf_test_must_close(store);
    store = NULL;

    size_t intent = need_record(0, HF_WAL_INTENT);
    size_t slot = need(0, HF_TEST_MKDIR, "staging/0");
    size_t slot_named = need_sync(slot, "staging");
    size_t commit = need_record(0, HF_WAL_COMMIT);
    size_t committed = need(commit, HF_TEST_FDATASYNC, ".seg");
    size_t done = need_record(0, HF_WAL_DONE);
    size_t slot_synced = need_sync(0, "staging/0");
    ck_assert_order(intent, slot);
    /* The transaction is known to live before its first record. */
    uint64_t txn = number(watch.events[intent].head + 40);
    ck_assert_uint_eq(txn, number(watch.events[intent].head + 16));
    ck_assert_order(need_lock(0, HF_TEST_LOCK, HF_WAL_LOCK_TXN_BASE + txn), intent);
    ck_assert_order(done, need_lock(0, HF_TEST_UNLOCK, HF_WAL_LOCK_TXN_BASE + txn));
    unsigned blobs = 0;
    for (size_t i = 0; (i = next(i, HF_TEST_WRITE, "staging/0/")) != NONE; i++, blobs++) {
        char staged[120];
        memcpy(staged, watch.events[i].path, sizeof(staged));
        size_t synced = need_sync(i, staged);
        ck_assert_order(slot_named, i);
        ck_assert_order(synced, slot_synced); /* all blobs, then their folder */
        ck_assert_order(last(HF_TEST_WRITE, staged), synced);
        size_t linked = NONE;
        for (size_t j = 0; (j = next(j, HF_TEST_LINK, "blobs/sha256/")) != NONE; j++)
            if (strcmp(watch.events[j].from, staged) == 0)
                linked = j;
        ck_assert_uint_ne(linked, NONE);
        ck_assert_order(committed, linked);
        size_t published = need_sync(linked, "blobs/sha256");
        ck_assert_order(last(HF_TEST_LINK, "blobs/sha256/"), published);
        ck_assert_order(published, done);
        ck_assert_order(published, need(0, HF_TEST_UNLINK, staged));
    }
    ck_assert_uint_eq(blobs, 3);
    ck_assert_order(slot_synced, commit);
    ck_assert_order(commit, committed);
    ck_assert_order(need_state(committed, 0), returned);
    assert_none(0, committed, HF_TEST_LINK, "");
    assert_none(0, committed, HF_TEST_RENAME, "blobs");
    /* DONE is synced when the store is closed. */
    ck_assert_order(returned, need(done, HF_TEST_FDATASYNC, ".seg"));
    assert_appends_are_orderly();
    assert_syncs_are_orderly();
}
END_TEST

/* What is claimed and found costs no file. */
START_TEST(a_load_of_known_parts_claims_before_it_looks)
{
    static const struct hf_test_load second = {"app:2", "two", {"layer a"}};

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_load(store, &second, &err), 0);
    size_t claim = need_record(0, HF_WAL_CLAIM);
    ck_assert_order(need_record(0, HF_WAL_INTENT), claim);
    ck_assert_order(claim, need_record(0, HF_WAL_COMMIT));
    unsigned staged = 0;
    for (size_t i = 0; (i = next(i, HF_TEST_WRITE, "staging/0/")) != NONE; i++)
        staged++;
    ck_assert_uint_eq(staged, 1);
    /* The folder of the slot was there; who made it may have died before it was synced. */
    ck_assert_order(need_sync(0, "staging"), need(0, HF_TEST_WRITE, "staging/0/"));
}
END_TEST

/* --- removal ---------------------------------------------------------------------------------- */

START_TEST(a_removal_is_durable_step_by_step)
{
    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    hf_test_must_close(store);
    store = NULL;

    size_t commit = need_record(0, HF_WAL_COMMIT);
    size_t committed = need(commit, HF_TEST_FDATASYNC, ".seg");
    size_t done = need_record(0, HF_WAL_DONE);
    unsigned moved = 0;
    for (size_t i = 0; (i = next(i, HF_TEST_RENAME, "trash/")) != NONE; i++, moved++) {
        ck_assert_order(committed, i);
        ck_assert(strncmp(watch.events[i].from, "blobs/sha256/", 13) == 0);
        ck_assert(is_locked_at(i, HF_WAL_LOCK_APPEND));
        size_t synced = need_sync(i, "blobs/sha256");
        ck_assert(!is_locked_at(synced, HF_WAL_LOCK_APPEND));
        ck_assert_order(synced, done);
        ck_assert_order(done, need(0, HF_TEST_UNLINK, watch.events[i].path));
    }
    ck_assert_uint_eq(moved, 3);
    assert_none(0, watch.event_count, HF_TEST_UNLINK, "blobs/");
    assert_appends_are_orderly();
    assert_syncs_are_orderly();
}
END_TEST

/* Under the append lock, with the log durable up to its end, and not only up to our COMMIT. */
START_TEST(nothing_is_removed_while_the_log_behind_it_is_not_durable)
{
    struct hf_digest layer = hf_test_digest_of("layer a");
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &layer, NULL, &err), 0);
    ck_assert_int_eq(hf_test_untag(store, "app:1", &err), 0);
    hf_test_watch_restart(&watch);
    hf_txn_abort(txn, "enough"); /* an unsynced ABORT, and then the layer may go */
    size_t moved = need(0, HF_TEST_RENAME, "trash/");
    uint64_t tail = 0, durable = 0;
    for (size_t i = 0; i < moved; i++) {
        const struct hf_test_event *event = &watch.events[i];
        if (event->op != HF_TEST_WRITE || strcmp(event->path, "shared") != 0)
            continue;
        if (event->off == HF_WAL_SHARED_TAIL_OFF)
            tail = number(event->head + 56);
        else
            durable = number(event->head + 40);
    }
    ck_assert_uint_gt(tail, 0);
    ck_assert_uint_eq(durable, tail);
}
END_TEST

START_TEST(a_tag_costs_one_record_and_one_sync)
{
    struct hf_digest top = hf_test_top_of(&first_load);

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    ck_assert_int_eq(hf_test_tag(store, "warm", &top, &err), 0);
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_tag(store, "app:2", &top, &err), 0);
    size_t commit = need_record(0, HF_WAL_COMMIT);
    size_t synced = need(commit, HF_TEST_FDATASYNC, ".seg");
    ck_assert_uint_eq(next(synced + 1, HF_TEST_FDATASYNC, ""), NONE);
    ck_assert_uint_eq(next(0, HF_TEST_FSYNC, ""), NONE);
    assert_appends_are_orderly();
    assert_syncs_are_orderly();
}
END_TEST

/* An answer that depends on a position is given when that is durable. */
START_TEST(a_refusal_is_told_when_what_it_rests_on_is_durable)
{
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0); /* an unsynced INTENT */
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_test_untag(store, "nothing", &err), HF_ERR_NOT_FOUND);
    need(0, HF_TEST_FDATASYNC, ".seg");
    hf_txn_abort(txn, "enough");
}
END_TEST

/* --- the log ---------------------------------------------------------------------------------- */

/* 3.4 or 3.5: the new segment is whole, synced, named, its folder synced, then told of. */
static void assert_new_segment(const char *name, const char *file)
{
    char full[64];

    snprintf(full, sizeof(full), "wal/%s", name);
    size_t named = need(0, HF_TEST_RENAME, full);
    ck_assert_str_eq(watch.events[named].from, file);
    size_t switching = need_state(0, 2);
    size_t written = next(switching, HF_TEST_WRITE, file);
    ck_assert_uint_ne(written, NONE);
    for (size_t i = switching; (i = next(i, HF_TEST_WRITE, file)) != NONE && i < named; i++)
        written = i;
    size_t synced = need_sync(written, file);
    size_t folder = need_sync(named, "wal");
    size_t told = need_tail(folder, false);
    size_t idle = need_state(folder, 0);
    ck_assert_order(written, synced);
    ck_assert_order(synced, named);
    ck_assert_order(folder, told);
    ck_assert_order(told, idle);
    ck_assert_uint_eq(number(watch.events[idle].head + 40), number(watch.events[told].head + 56));
    ck_assert(is_locked_at(named, HF_WAL_LOCK_APPEND));
    ck_assert(is_locked_at(named, HF_WAL_LOCK_SYNC));
    ck_assert(is_locked_at(idle, HF_WAL_LOCK_SYNC));
    assert_none(switching, folder, HF_TEST_UNLOCK, "lock");
    /* The next spare, whole and synced. */
    size_t spare = need(named, HF_TEST_RENAME, "wal/spare");
    ck_assert_order(need_sync(idle, "wal/new"), spare);
    ck_assert_order(last(HF_TEST_WRITE, "wal/new"), need_sync(idle, "wal/new"));
    ck_assert_order(spare, need_sync(spare, "wal"));
}

START_TEST(a_log_is_taken_over_step_by_step)
{
    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    hf_test_must_close(store);
    watch.boot[0] = 1;
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    assert_new_segment("0000000000000003.seg", "wal/spare");
    /* Nothing is done on what was read before it is durable. */
    size_t named = need(0, HF_TEST_RENAME, "wal/0000000000000003.seg");
    assert_none(0, named, HF_TEST_UNLINK, "staging");
    assert_none(0, named, HF_TEST_UNLINK, "trash");
    assert_none(0, named, HF_TEST_LINK, "");
    assert_none(0, named, HF_TEST_FDATASYNC, "");
}
END_TEST

START_TEST(a_full_segment_is_switched_step_by_step)
{
    struct hf_digest top = hf_test_top_of(&first_load);

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        if (next(0, HF_TEST_RENAME, "wal/0000000000000003.seg") != NONE)
            break;
    }
    assert_new_segment("0000000000000003.seg", "wal/spare");
    size_t full = need(0, HF_TEST_FDATASYNC, "wal/0000000000000002.seg");
    ck_assert_order(need_state(0, 2), full);
    ck_assert_order(full, need(0, HF_TEST_WRITE, "wal/spare"));
    size_t commit = need_record(0, HF_WAL_COMMIT);
    ck_assert_str_eq(watch.events[commit].path, "wal/0000000000000003.seg");
    ck_assert_order(need_sync(0, "wal"), commit);
}
END_TEST

/* A removal, that is: nothing else goes on without a spare. */
START_TEST(a_segment_without_a_spare_is_made_of_synced_zeros)
{
    char spare[300];
    struct hf_digest top = hf_test_top_of(&first_load);

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    snprintf(spare, sizeof(spare), "%s/wal/spare", path);
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        ck_assert_int_eq(unlink(spare), 0);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_test_untag(store, name, &err), 0);
        if (next(0, HF_TEST_RENAME, ".seg") != NONE)
            break;
    }
    size_t named = need(0, HF_TEST_RENAME, ".seg");
    ck_assert_str_eq(watch.events[named].from, "wal/new");
    ck_assert_order(need_sync(0, "wal/new"), named);
    ck_assert_order(named, need_sync(named, "wal"));
}
END_TEST

START_TEST(without_a_spare_nothing_is_added)
{
    struct hf_digest top = hf_test_top_of(&first_load);
    char spare[300];
    uint64_t id = 0;

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    ck_assert_int_eq(hf_test_tag(store, "there:1", &top, &err), 0);
    snprintf(spare, sizeof(spare), "%s/wal/spare", path);
    ck_assert_int_eq(unlink(spare), 0);
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_WRITE), "wal/new");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -ENOSPC, true);
    ck_assert_int_eq(hf_test_tag(store, "more:1", &top, &err), HF_ERR_NO_SPACE);
    ck_assert_int_eq(hf_test_hold(store, &top, &id, &err), HF_ERR_NO_SPACE);
    ck_assert_int_eq(hf_test_untag(store, "there:1", &err), 0);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    ck_assert_int_eq(hf_test_tag(store, "more:1", &top, &err), 0);
}
END_TEST

/* --- checkpoints ------------------------------------------------------------------------------ */

START_TEST(a_checkpoint_is_durable_before_what_it_replaces_goes)
{
    char name[32];
    struct hf_digest top = hf_test_top_of(&first_load);

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        ck_assert_int_eq(hf_test_tag(store, name, &top, &err), 0);
        hf_test_must_close(store); /* a new segment each time */
        watch.boot[0]++;
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
    }
    size_t named = need(0, HF_TEST_RENAME, ".ckpt");
    ck_assert_str_eq(watch.events[named].from, "catalog/new");
    ck_assert(is_locked_at(named, HF_WAL_LOCK_CHECKPOINT));
    size_t synced = need_sync(0, "catalog/new");
    ck_assert_order(last(HF_TEST_WRITE, "catalog/new"), synced);
    ck_assert_order(synced, named);
    size_t folder = need_sync(named, "catalog");
    ck_assert_order(folder, need(0, HF_TEST_UNLINK, ".ckpt"));
    ck_assert_order(folder, need(0, HF_TEST_UNLINK, ".seg"));
    assert_none(0, folder, HF_TEST_UNLINK, ".ckpt");
}
END_TEST

/* Else a cut could keep a lower one and lose a higher one: a gap, which reads as damage. */
START_TEST(segments_go_one_by_one)
{
    struct hf_digest top = hf_test_top_of(&first_load);

    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    for (int i = 0; i < 4; i++) {
        hf_test_must_close(store); /* a new segment each time */
        watch.boot[0]++;
        store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
        ck_assert_int_eq(hf_test_tag(store, i % 2 == 0 ? "x" : "y", &top, &err), 0);
    }
    for (int i = 0; i < 2; i++) { /* the older of two must cover them */
        ck_assert_int_eq(hf_test_tag(store, i % 2 == 0 ? "z" : "zz", &top, &err), 0);
        hf_test_watch_restart(&watch);
        ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
    }
    size_t lower = need(0, HF_TEST_UNLINK, ".seg");
    size_t higher = need(lower + 1, HF_TEST_UNLINK, ".seg");
    ck_assert_order(need_sync(lower, "wal"), higher);
}
END_TEST

/* --- recovery --------------------------------------------------------------------------------- */

START_TEST(recovery_publishes_step_by_step_what_was_committed)
{
    /* Every link fails: it stays committed and unfinished. */
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_LINK), "");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, true);
    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    hf_test_must_close(store);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    size_t published = need_sync(0, "blobs/sha256");
    ck_assert_order(last(HF_TEST_LINK, "blobs/sha256/"), published);
    size_t done = need_record(0, HF_WAL_DONE);
    ck_assert_order(published, done);
    for (size_t i = 0; (i = next(i, HF_TEST_UNLINK, "staging/0/")) != NONE; i++)
        ck_assert_order(published, i);
    /* The recovered state is durable when opening returns. */
    ck_assert_order(done, need(done, HF_TEST_FDATASYNC, ".seg"));
    ck_assert(is_locked_at(done, HF_WAL_LOCK_RECOVERY));
    ck_assert_uint_eq(hf_store_recovery(store)->entry_count, 1);
    ck_assert_int_eq(hf_store_recovery(store)->entries[0].outcome, HF_RECOVERY_REPLAYED);
    ck_assert_uint_eq(hf_store_recovery(store)->entries[0].files, 3);
}
END_TEST

/* A link that is there may come from a sync that failed: it is made anew, and synced. */
START_TEST(a_link_whose_folder_could_not_be_synced_is_made_anew)
{
    hf_test_watch_match(&watch, HF_TEST_OP_BIT(HF_TEST_FSYNC), "blobs/sha256");
    hf_test_watch_fail(&watch, 1, HF_TEST_FAILS, -EIO, false);
    ck_assert_int_eq(hf_test_load(store, &first_load, &err), 0);
    ck_assert_uint_eq(watch.failed, 1);
    hf_test_must_close(store);
    hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
    hf_test_watch_restart(&watch);
    store = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    unsigned made = 0;
    for (size_t i = 0; (i = next(i, HF_TEST_RENAME, "trash/")) != NONE; i++, made++)
        ck_assert_order(next(i, HF_TEST_LINK, "blobs/sha256/"), need_sync(0, "blobs/sha256"));
    ck_assert_uint_eq(made, 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("order");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_store_is_made_with_format_last_and_everything_synced);
    tcase_add_test(tests, a_folder_made_before_is_synced_into_its_parent_too);
    tcase_add_test(tests,
                   a_store_whose_making_ended_before_the_last_sync_is_synced_when_it_is_opened);
    tcase_add_test(tests, a_load_is_durable_step_by_step);
    tcase_add_test(tests, a_load_of_known_parts_claims_before_it_looks);
    tcase_add_test(tests, a_removal_is_durable_step_by_step);
    tcase_add_test(tests, nothing_is_removed_while_the_log_behind_it_is_not_durable);
    tcase_add_test(tests, a_tag_costs_one_record_and_one_sync);
    tcase_add_test(tests, a_refusal_is_told_when_what_it_rests_on_is_durable);
    tcase_add_test(tests, a_log_is_taken_over_step_by_step);
    tcase_add_test(tests, a_full_segment_is_switched_step_by_step);
    tcase_add_test(tests, a_segment_without_a_spare_is_made_of_synced_zeros);
    tcase_add_test(tests, without_a_spare_nothing_is_added);
    tcase_add_test(tests, a_checkpoint_is_durable_before_what_it_replaces_goes);
    tcase_add_test(tests, segments_go_one_by_one);
    tcase_add_test(tests, recovery_publishes_step_by_step_what_was_committed);
    tcase_add_test(tests, a_link_whose_folder_could_not_be_synced_is_made_anew);
    return hf_test_run("order", tests);
}
