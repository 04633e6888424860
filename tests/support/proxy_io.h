/*
 * tests/support/proxy_io.h - the system's files with something in between: it notes what is done,
 * lets the n-th call fail, stops the clock and chance, and can show other bytes than those on disk.
 *
 * Only operations that may fail are noted and counted.
 */
#ifndef HF_TESTS_SUPPORT_PROXY_IO_H
#define HF_TESTS_SUPPORT_PROXY_IO_H

#include "io/io.h"

#define HF_TEST_PROXY_NOW_NS      UINT64_C(1700000000123456789)
#define HF_TEST_PROXY_RANDOM_BYTE 0xa7

struct hf_test_proxy {
    struct hf_io io; /* what the tested code is given */
    struct hf_io_ops ops;
    char names[256][64]; /* of open descriptors */
    /* What was done, a word and a name each: "fsync new;" */
    char trace[8192];
    size_t trace_len;
    int calls;
    /* Faults: the call of this number (from 1) returns `fail_errno`; 0: none. */
    int fail_at;
    bool fails_from_there_on;
    int fail_errno; /* negative */
    /* When set, every file reads as these bytes. */
    const uint8_t *image;
    size_t image_len;
};

void hf_test_proxy_init(struct hf_test_proxy *proxy);

#endif
