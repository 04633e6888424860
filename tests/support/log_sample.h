/*
 * tests/support/log_sample.h - a log with a bit of everything, which is always the same, its files
 * changed by hand, and what a reader says of them: for test_wal_reader*.c.
 */
#ifndef HF_TESTS_SUPPORT_LOG_SAMPLE_H
#define HF_TESTS_SUPPORT_LOG_SAMPLE_H

#include "support/log.h"

/* The first open of a new log takes over, as after a boot: the sample is in the second segment. */
#define HF_TEST_SAMPLE_FIRST "wal/0000000000000001.seg"
#define HF_TEST_SAMPLE       "wal/0000000000000002.seg"
#define HF_TEST_SAMPLE_NAME  "0000000000000002.seg"
#define HF_TEST_SAMPLE_NEXT  "wal/0000000000000003.seg"

/* A fixture: a new folder, whose name goes into the 256 bytes of `path`; syncs are not made, and
 * chance and the clock are fixed. */
void hf_test_sample_setup(struct hf_test_watch *watch, char *path);
void hf_test_sample_teardown(struct hf_test_watch *watch, const char *path);

/*
 * Makes the log. What its handle was handed goes into `expected`, which is closed; returns where
 * the log is durable. Its records, by text: "intent a", "claim a", "commit a", "done a", "no pad",
 * "long pad", "intent b", "abort b", "commit c", "intent d".
 */
uint64_t hf_test_sample_make(struct hf_test_log *expected, struct hf_io *io, const char *path);
/* Where in the file of the sample's segment that position is. */
uint64_t hf_test_sample_offset(uint64_t position);

/* The record with that text; it must be there. */
const struct hf_test_record *hf_test_log_find(const struct hf_test_log *log, const char *text);
/* Opens the log read-only and closes it: the result of opening, and what `log` was handed. */
int hf_test_log_read(struct hf_test_log *log, struct hf_io *io, const char *path,
                     struct hf_error *err);

/* The same log in a segment that is just long enough, so that many of it can be read. */
void hf_test_log_shorten(const char *path, const char *name);
/* As after a boot: `shared` says nothing. */
void hf_test_log_forget_shared(const char *path);
/* `len` bytes of the file `name` from `off` on become `byte`. */
void hf_test_log_overwrite(const char *path, const char *name, uint64_t off, size_t len,
                           uint8_t byte);

#endif
