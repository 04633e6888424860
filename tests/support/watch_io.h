/*
 * tests/support/watch_io.h - a table of operations with a watcher before it: it remembers every
 * call in order, lets the n-th one fail (or the process end there), and can fix chance and the
 * clock.
 *
 * Counted are all operations but hints, the clock, and unlocking, which cannot fail. May be used
 * from several threads.
 */
#ifndef HF_TESTS_SUPPORT_WATCH_IO_H
#define HF_TESTS_SUPPORT_WATCH_IO_H

#include "io/io.h"

#include <pthread.h>

enum hf_test_op {
    HF_TEST_OPEN,
    HF_TEST_CLOSE,
    HF_TEST_READ,
    HF_TEST_WRITE,
    HF_TEST_TRUNCATE,
    HF_TEST_FSYNC,
    HF_TEST_FDATASYNC,
    HF_TEST_LINK,
    HF_TEST_RENAME,
    HF_TEST_UNLINK,
    HF_TEST_MKDIR,
    HF_TEST_STAT,
    HF_TEST_LIST,
    HF_TEST_LOCK,
    HF_TEST_UNLOCK,
    HF_TEST_LOCK_TEST,
    HF_TEST_OTHER, /* random, boot_id, fs_name, free_bytes */
    HF_TEST_OP_COUNT
};

#define HF_TEST_ANY_OP     UINT32_MAX
#define HF_TEST_OP_BIT(op) (UINT32_C(1) << (op))
#define HF_TEST_SYNCS      (HF_TEST_OP_BIT(HF_TEST_FSYNC) | HF_TEST_OP_BIT(HF_TEST_FDATASYNC))

#define HF_TEST_WATCH_NOW_NS      UINT64_C(1700000000123456789)
#define HF_TEST_WATCH_RANDOM_BYTE 0xa7

struct hf_test_event {
    enum hf_test_op op;
    char path[120]; /* below the root; of a link or rename the new name */
    char from[120]; /* of a link or rename the old name */
    uint64_t off;   /* of READ and WRITE; the byte of LOCK, UNLOCK, LOCK_TEST */
    uint64_t len;
    uint8_t head[80]; /* the first bytes of a WRITE */
    int64_t result;
};

enum hf_test_failure {
    HF_TEST_FAILS, /* with `fail_errno` */
    HF_TEST_SHORT, /* a READ or WRITE does half of what was asked; other calls are made */
    HF_TEST_EXITS, /* the process ends before the call, as by SIGKILL */
    HF_TEST_LIES,  /* a READ or WRITE is made and then called failed */
    HF_TEST_LOSES, /* a sync fails, what was written to the file since the last one is gone, and
                      later syncs of it succeed: as file systems do */
    HF_TEST_ALTERNATES, /* for good: the call fails, and the one after it does not */
    HF_TEST_HOOKS,      /* `hook` is called once, then the call is made: what others do just then */
};

struct hf_test_watch {
    struct hf_io io; /* what the tested code is given */
    struct hf_io_ops ops;
    struct hf_io *inner; /* what is called then: the system's own, if it is not set */
    char root[256];      /* what paths are told below of */
    pthread_mutex_t mutex;
    pthread_mutex_t path_mutex;
    char paths[1024][120]; /* of open descriptors; under path_mutex */

    struct hf_test_event *events;
    size_t event_count, event_capacity;
    bool forgets; /* no events are kept */

    /* Only calls that match are counted, and may fail. */
    uint32_t match_ops;
    char match_path[120]; /* part of the path (or of the old name); "": every path */
    unsigned calls;
    unsigned fail_at; /* the call of this number (from 1); 0: none */
    bool for_good;    /* and all that match after it */
    enum hf_test_failure failure;
    int fail_errno;  /* negative */
    unsigned failed; /* how many have */
    void (*hook)(void);
    /* For HF_TEST_LOSES: drops what was written to a file of `inner` since its last sync. */
    void (*lose)(struct hf_io *inner, int fd);

    bool skips_sync;   /* syncs are remembered and not made: nothing cuts the power here */
    bool fixes_chance; /* random bytes, the clock and the boot ID are the same in every run */
    uint8_t boot[16];  /* the boot ID, if not all zero */
    uint64_t clock_ns; /* what time it is, if not 0 */
};

/* `root` may be NULL. Release frees the events. */
void hf_test_watch_init(struct hf_test_watch *watch, const char *root);
void hf_test_watch_release(struct hf_test_watch *watch);
/* Forget the events, and count from 0. */
void hf_test_watch_restart(struct hf_test_watch *watch);
/* Let the n-th call from now on fail; n = 0 ends it. */
void hf_test_watch_fail(struct hf_test_watch *watch, unsigned n, enum hf_test_failure failure,
                        int negative_errno, bool for_good);
/* Only calls of these operations (HF_TEST_OP_BIT) on paths that hold `path` count. */
void hf_test_watch_match(struct hf_test_watch *watch, uint32_t ops, const char *path);

/*
 * The first event from index `from` on of that operation whose path holds `path`; event_count if
 * there is none.
 */
size_t hf_test_watch_find(const struct hf_test_watch *watch, size_t from, enum hf_test_op op,
                          const char *path);
const char *hf_test_op_name(enum hf_test_op op);
/* All events as lines on stdout, to see why a test failed. */
void hf_test_watch_print(const struct hf_test_watch *watch);

#endif
