/* tests/support/suite.h - what every test program shares. */
#ifndef HF_TESTS_SUPPORT_SUITE_H
#define HF_TESTS_SUPPORT_SUITE_H

#include <check.h>

/* For inner loops: ck_assert_* writes to a file each time, this only when it fails. */
#define hf_test_require(condition)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("not so: %s", #condition);                                                \
    } while (0)

/* Runs the tests of one case and frees them. For `return` in main; having run no test is a failure.
 */
int hf_test_run(const char *name, TCase *tests);
int hf_test_run_cases(const char *name, TCase **cases, size_t count);

/* A new empty directory; `path` has room for 256 bytes. */
const char *hf_test_make_dir(char *path);
/* Removes it with all that it holds. */
void hf_test_remove_dir(const char *path);

#endif
