/*
 * tests/support/failing_malloc.h - lets the n-th allocation fail.
 *
 * For programs linked with --wrap (tests/meson.build, `wraps_malloc`). Only what is linked in
 * statically is met: the code under test and the test itself.
 */
#ifndef HF_TESTS_SUPPORT_FAILING_MALLOC_H
#define HF_TESTS_SUPPORT_FAILING_MALLOC_H

#include <stdbool.h>

/* The n-th allocation from now on (from 1) fails, once; 0: none. */
void hf_test_malloc_fail_at(unsigned n);
/* The n-th and all after it. */
void hf_test_malloc_fail_from(unsigned n);
/* Has it? Ends the waiting for it. */
bool hf_test_malloc_has_failed(void);

/* This thread's allocations neither count nor fail until it ends: the code under test is not it. */
void hf_test_malloc_leave_alone(bool begins);

#endif
