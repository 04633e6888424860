#include "support/suite.h"

#include <ftw.h>
#include <stdio.h>
#include <malloc.h>
#include <stdlib.h>

int hf_test_run_cases(const char *name, TCase **cases, size_t count)
{
    Suite *suite = suite_create(name);

    for (size_t i = 0; i < count; i++)
        suite_add_tcase(suite, cases[i]);
    SRunner *runner = srunner_create(suite);
    /* Buffers of a segment each are kept: taking them from the kernel again costs more than the
     * rest of a run of the checker. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int hf_test_run(const char *name, TCase *tests)
{
    return hf_test_run_cases(name, &tests, 1);
}

const char *hf_test_make_dir(char *path)
{
    const char *parent = getenv("TMPDIR");

    snprintf(path, 256, "%s/holdfast-test-XXXXXX", parent ? parent : "/tmp");
    ck_assert_msg(mkdtemp(path) != NULL, "cannot make %s", path);
    return path;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    return remove(path);
}

void hf_test_remove_dir(const char *path)
{
    ck_assert_int_eq(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}
