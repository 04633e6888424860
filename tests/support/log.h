/*
 * tests/support/log.h - a log in a folder of its own, and what a handle on it was handed: for tests
 * of wal/.
 */
#ifndef HF_TESTS_SUPPORT_LOG_H
#define HF_TESTS_SUPPORT_LOG_H

#include "support/watch_io.h"
#include "wal/wal.h"

#define HF_TEST_LOG_RECORDS_MAX 4096

struct hf_test_record {
    uint64_t position, end, txn, durable;
    enum hf_wal_type type;
    char text[64]; /* the payload, cut */
    size_t payload_len;
    uint64_t payload_sum;
};

/* One handle. A log may have several, in one process or many. */
struct hf_test_log {
    struct hf_io *io;
    int dir, wal_dir, lock_fd, shared_fd;
    struct hf_wal *wal;
    struct hf_wal_opened opened;
    uint64_t from, must_reach; /* for opening */
    bool read_only;
    int fail_fn_in; /* the n-th record from now on is refused with NO_MEMORY; 0: none */
    struct hf_test_record records[HF_TEST_LOG_RECORDS_MAX];
    size_t count;
};

extern const uint8_t hf_test_log_uuid[16];

/* Makes lock, shared and wal/ with first segment and spare in the empty folder `path`. */
void hf_test_log_create(struct hf_io *io, const char *path);
/* 0 or the error of hf_wal_open; the handle must be closed on either. */
int hf_test_log_try_open(struct hf_test_log *log, struct hf_io *io, const char *path,
                         struct hf_error *err);
void hf_test_log_open(struct hf_test_log *log, struct hf_io *io, const char *path);
void hf_test_log_close(struct hf_test_log *log);

/* lock, own, append, unlock. `txn` 0: begins a transaction, whose number is in *out_txn (may be
 * NULL). */
int hf_test_log_try_append(struct hf_test_log *log, enum hf_wal_type type, uint64_t txn,
                           const void *payload, size_t len, uint64_t *out_txn, uint64_t *out_end,
                           struct hf_error *err);
/* A transaction of one COMMIT with that text, synced and disowned. Returns the position behind. */
uint64_t hf_test_log_commit(struct hf_test_log *log, const char *text);
/* The same without a sync. */
uint64_t hf_test_log_append(struct hf_test_log *log, enum hf_wal_type type, const char *text);
/* A transaction of one COMMIT with these bytes, not synced, and disowned. */
int hf_test_log_append_bytes(struct hf_test_log *log, const void *payload, size_t len,
                             uint64_t *out_end, struct hf_error *err);
/* lock and unlock: sees all that others have appended. */
void hf_test_log_catch_up(struct hf_test_log *log);

/* Has the handle been handed exactly these texts, in order? NULL ends them. */
void hf_test_log_expect(const struct hf_test_log *log, ...);
/* Records that two handles were handed are the same, up to the shorter of the two. */
void hf_test_log_expect_same(const struct hf_test_log *a, const struct hf_test_log *b);

/*
 * A fixture: a log in a new folder, whose name goes into the 256 bytes of `path`. Syncs are watched
 * and not made; `log` is open, and may have been closed at the end.
 */
void hf_test_log_setup(struct hf_test_log *log, struct hf_test_watch *watch, char *path);
void hf_test_log_teardown(struct hf_test_log *log, struct hf_test_watch *watch, const char *path);
/* How often that operation was called on paths that hold `what`. */
unsigned hf_test_log_count_events(const struct hf_test_watch *watch, enum hf_test_op op,
                                  const char *what);

/* Whole files below the folder. Freed by the caller. */
uint8_t *hf_test_read_file(const char *path, const char *name, size_t *out_len);
void hf_test_write_file(const char *path, const char *name, const void *data, size_t len);
bool hf_test_has_file(const char *path, const char *name);
unsigned hf_test_segment_count(const char *path);

#endif
