#include "support/order.h"

#include <string.h>

const struct hf_test_load hf_test_order_load = {"app:1", "one", {"layer a", "layer b"}};

/* Whose calls are looked at. */
static struct hf_test_watch *watch;

struct hf_store *hf_test_order_setup(struct hf_test_watch *fixture_watch, char *path)
{
    watch = fixture_watch;
    hf_test_make_dir(path);
    hf_test_watch_init(watch, path);
    watch->skips_sync = true;
    struct hf_store *store = hf_test_must_open(&watch->io, path, HF_OPEN_CREATE);
    hf_test_watch_restart(watch);
    return store;
}

void hf_test_order_teardown(struct hf_store *store, struct hf_test_watch *fixture_watch,
                            const char *path)
{
    if (store)
        hf_test_must_close(store);
    hf_test_watch_release(fixture_watch);
    hf_test_remove_dir(path);
    watch = NULL;
}

void hf_test_order_print(void)
{
    hf_test_watch_print(watch);
}

size_t hf_test_next(size_t from, enum hf_test_op op, const char *what)
{
    size_t i = hf_test_watch_find(watch, from, op, what);

    return i == watch->event_count ? HF_TEST_NONE : i;
}

size_t hf_test_need(size_t from, enum hf_test_op op, const char *what)
{
    size_t i = hf_test_next(from, op, what);

    if (i == HF_TEST_NONE)
        hf_test_order_print();
    ck_assert_msg(i != HF_TEST_NONE, "no %s of \"%s\"", hf_test_op_name(op), what);
    return i;
}

size_t hf_test_need_exact(size_t from, enum hf_test_op op, const char *what)
{
    for (size_t i = from; i < watch->event_count; i++)
        if (watch->events[i].op == op && strcmp(watch->events[i].path, what) == 0)
            return i;
    hf_test_order_print();
    ck_abort_msg("no %s of \"%s\" after call %zu", hf_test_op_name(op), what, from);
    return HF_TEST_NONE;
}

size_t hf_test_need_sync(size_t from, const char *what)
{
    return hf_test_need_exact(from, HF_TEST_FSYNC, what);
}

size_t hf_test_last(enum hf_test_op op, const char *what)
{
    size_t found = HF_TEST_NONE;

    for (size_t i = 0; (i = hf_test_next(i, op, what)) != HF_TEST_NONE; i++)
        found = i;
    ck_assert_msg(found != HF_TEST_NONE, "no %s of \"%s\"", hf_test_op_name(op), what);
    return found;
}

size_t hf_test_need_record(size_t from, enum hf_wal_type type)
{
    for (size_t i = from; (i = hf_test_next(i, HF_TEST_WRITE, ".seg")) != HF_TEST_NONE; i++)
        if (watch->events[i].off >= HF_WAL_HEADERS && watch->events[i].head[12] == type)
            return i;
    hf_test_order_print();
    ck_abort_msg("no record of type %d after call %zu", type, from);
    return HF_TEST_NONE;
}

uint64_t hf_test_number(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

size_t hf_test_need_state(size_t from, uint64_t state)
{
    for (size_t i = from; (i = hf_test_next(i, HF_TEST_WRITE, "shared")) != HF_TEST_NONE; i++)
        if (watch->events[i].off == HF_WAL_SHARED_SYNC_OFF &&
            hf_test_number(watch->events[i].head + 48) == state)
            return i;
    hf_test_order_print();
    ck_abort_msg("shared is not told state %d after call %zu", (int)state, from);
    return HF_TEST_NONE;
}

size_t hf_test_need_tail(size_t from, bool under_way)
{
    for (size_t i = from; (i = hf_test_next(i, HF_TEST_WRITE, "shared")) != HF_TEST_NONE; i++)
        if (watch->events[i].off == HF_WAL_SHARED_TAIL_OFF &&
            (hf_test_number(watch->events[i].head + 56) !=
             hf_test_number(watch->events[i].head + 64)) == under_way)
            return i;
    hf_test_order_print();
    ck_abort_msg("shared is not told a tail after call %zu", from);
    return HF_TEST_NONE;
}

size_t hf_test_need_lock(size_t from, enum hf_test_op op, uint64_t byte)
{
    for (size_t i = from; (i = hf_test_next(i, op, "lock")) != HF_TEST_NONE; i++)
        if (watch->events[i].off == byte)
            return i;
    hf_test_order_print();
    ck_abort_msg("no %s of byte %d after call %zu", hf_test_op_name(op), (int)byte, from);
    return HF_TEST_NONE;
}

bool hf_test_is_locked_at(size_t index, uint64_t byte)
{
    bool locked = false;

    for (size_t i = 0; i < index; i++) {
        const struct hf_test_event *event = &watch->events[i];
        if (event->off != byte || strcmp(event->path, "lock") != 0)
            continue;
        if (event->op == HF_TEST_LOCK)
            locked = true;
        else if (event->op == HF_TEST_UNLOCK)
            locked = false;
    }
    return locked;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

void hf_test_assert_appends_are_orderly(void)
{
    size_t count = 0;

    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_WRITE, ".seg")) != HF_TEST_NONE; i++) {
        if (watch->events[i].off < HF_WAL_HEADERS || ends_with(watch->events[i].path, "spare"))
            continue;
        ck_assert(hf_test_is_locked_at(i, HF_WAL_LOCK_APPEND));
        size_t told = HF_TEST_NONE;
        for (size_t j = 0; (j = hf_test_next(j, HF_TEST_WRITE, "shared")) != HF_TEST_NONE && j < i;
             j++)
            if (watch->events[j].off == HF_WAL_SHARED_TAIL_OFF)
                told = j;
        ck_assert_uint_ne(told, HF_TEST_NONE);
        ck_assert_uint_eq(hf_test_number(watch->events[told].head + 64) -
                              hf_test_number(watch->events[told].head + 56),
                          watch->events[i].len);
        size_t after = hf_test_need_tail(i, false);
        ck_assert_uint_eq(hf_test_number(watch->events[after].head + 56),
                          hf_test_number(watch->events[told].head + 64));
        size_t released = hf_test_need_lock(i, HF_TEST_UNLOCK, HF_WAL_LOCK_APPEND);
        hf_test_assert_order(after, released);
        count++;
    }
    ck_assert_uint_gt(count, 0);
}

void hf_test_assert_syncs_are_orderly(void)
{
    for (size_t i = 0; (i = hf_test_next(i, HF_TEST_FDATASYNC, ".seg")) != HF_TEST_NONE; i++) {
        ck_assert(hf_test_is_locked_at(i, HF_WAL_LOCK_SYNC));
        ck_assert(!hf_test_is_locked_at(i, HF_WAL_LOCK_APPEND));
        hf_test_assert_order(hf_test_need_state(0, 1), i);
        size_t idle = hf_test_need_state(i, 0);
        hf_test_assert_order(idle, hf_test_need_lock(i, HF_TEST_UNLOCK, HF_WAL_LOCK_SYNC));
    }
}

void hf_test_assert_none(size_t from, size_t to, enum hf_test_op op, const char *what)
{
    size_t i = hf_test_next(from, op, what);

    ck_assert_msg(i == HF_TEST_NONE || i >= to, "%s of %s (call %zu) between calls %zu and %zu",
                  hf_test_op_name(op), what, i, from, to);
}
