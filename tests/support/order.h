/*
 * tests/support/order.h - a store with a watcher below it, and which call came before which: for
 * test_order*.c.
 *
 * All of it looks at the calls of the watcher that the fixture was given. A call is its index in
 * watch.events; one that must be there and is not fails the test, with all calls on stdout.
 */
#ifndef HF_TESTS_SUPPORT_ORDER_H
#define HF_TESTS_SUPPORT_ORDER_H

#include "support/objects.h"
#include "support/suite.h"

#include "wal/format.h"

/* No such call. */
#define HF_TEST_NONE SIZE_MAX

/* What most of the tests load: the parts "layer a" and "layer b", as app:1. */
extern const struct hf_test_load hf_test_order_load;

/*
 * A fixture: a new store in a new folder, whose name goes into the 256 bytes of `path`. Syncs are
 * watched and not made, and the calls that made it are forgotten. At the end `store` may be NULL.
 */
struct hf_store *hf_test_order_setup(struct hf_test_watch *watch, char *path);
void hf_test_order_teardown(struct hf_store *store, struct hf_test_watch *watch, const char *path);

/* From `from` on, the first call of `op` on a path that holds `what`, or HF_TEST_NONE. */
size_t hf_test_next(size_t from, enum hf_test_op op, const char *what);
/* The same; it must be there. */
size_t hf_test_need(size_t from, enum hf_test_op op, const char *what);
/* Of exactly this path: the fsync. */
size_t hf_test_need_exact(size_t from, enum hf_test_op op, const char *what);
size_t hf_test_need_sync(size_t from, const char *what);
/* The last of all. */
size_t hf_test_last(enum hf_test_op op, const char *what);
/* The write of a record of this type. */
size_t hf_test_need_record(size_t from, enum hf_wal_type type);
/* The second half of `shared` is written with this state: 0 IDLE, 1 SYNCING, 2 SWITCHING. */
size_t hf_test_need_state(size_t from, uint64_t state);
/* The first half, with an append under way or not. */
size_t hf_test_need_tail(size_t from, bool under_way);
/* LOCK or UNLOCK of that byte of the file `lock`. */
size_t hf_test_need_lock(size_t from, enum hf_test_op op, uint64_t byte);
/* Is the byte locked just before this call? */
bool hf_test_is_locked_at(size_t index, uint64_t byte);

/* Eight bytes of what was written. */
uint64_t hf_test_number(const uint8_t *bytes);

/* All calls on stdout. */
void hf_test_order_print(void);
/* The call `a` came before `b`. */
#define hf_test_assert_order(a, b)                                                                 \
    do {                                                                                           \
        if ((a) >= (b)) {                                                                          \
            hf_test_order_print();                                                                 \
            ck_abort_msg("%s (call %zu) is not before %s (call %zu)", #a, (size_t)(a), #b,         \
                         (size_t)(b));                                                             \
        }                                                                                          \
    } while (0)
/* No call of `op` on `what` in [from, to). */
void hf_test_assert_none(size_t from, size_t to, enum hf_test_op op, const char *what);
/* Every record is written under the append lock, with `shared` told before and after. */
void hf_test_assert_appends_are_orderly(void);
/* Every sync of the log: SYNCING before, IDLE after, under the sync lock. Not under the append
 * lock. */
void hf_test_assert_syncs_are_orderly(void);

#endif
