/*
 * Proves that an error tells code, errno, place and sentence whatever their lengths, and that a
 * caller who wants no details gets the code all the same.
 */
#include "base/error.h"

#include "support/suite.h"

#include <errno.h>
#include <string.h>

START_TEST(error_codes_have_the_names_of_the_table)
{
    ck_assert_str_eq(hf_error_name(HF_OK), "OK");
    ck_assert_str_eq(hf_error_name(HF_ERR_IO), "IO");
    ck_assert_str_eq(hf_error_name(HF_ERR_OUTCOME_UNKNOWN), "OUTCOME_UNKNOWN");
    ck_assert_str_eq(hf_error_name(HF_END), "UNKNOWN");
    ck_assert_str_eq(hf_error_name(-1000), "UNKNOWN");
}
END_TEST

START_TEST(error_without_place_has_no_file_and_no_offset)
{
    struct hf_error err = {.sys_errno = EIO, .offset = 5, .file = "old"};

    ck_assert_int_eq(hf_fail(&err, HF_ERR_USAGE, "%d is too many", 7), HF_ERR_USAGE);
    ck_assert_int_eq(err.code, HF_ERR_USAGE);
    ck_assert_int_eq(err.sys_errno, 0);
    ck_assert(err.offset == HF_ERROR_NO_OFFSET);
    ck_assert_str_eq(err.file, "");
    ck_assert_str_eq(err.message, "7 is too many");
}
END_TEST

START_TEST(error_sentence_may_be_made_from_the_old_one)
{
    struct hf_error err = {0};

    hf_fail(&err, HF_ERR_IO, "first");
    hf_fail(&err, HF_ERR_IO, "not the %s", err.message);
    ck_assert_str_eq(err.message, "not the first");
}
END_TEST

START_TEST(error_sentence_is_cut_at_its_end)
{
    struct hf_error err = {0};

    hf_fail(&err, HF_ERR_IO, "begin %01000d", 0);
    ck_assert_uint_eq(strlen(err.message), sizeof(err.message) - 1);
    ck_assert_int_eq(strncmp(err.message, "begin 0", 7), 0);
}
END_TEST

START_TEST(errno_picks_the_code)
{
    static const struct {
        int sys_errno;
        int code;
    } pairs[] = {
        {ENOSPC, HF_ERR_NO_SPACE},  {EDQUOT, HF_ERR_NO_SPACE}, {ENOMEM, HF_ERR_NO_MEMORY},
        {ENOENT, HF_ERR_NOT_FOUND}, {EEXIST, HF_ERR_EXISTS},   {EIO, HF_ERR_IO},
        {EACCES, HF_ERR_IO},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct hf_error err = {0};
        int rc = hf_fail_errno(&err, -pairs[i].sys_errno, "open", "there");
        ck_assert_int_eq(rc, pairs[i].code);
        ck_assert_int_eq(err.code, pairs[i].code);
        ck_assert_int_eq(err.sys_errno, pairs[i].sys_errno);
    }
}
END_TEST

START_TEST(errno_sentence_names_verb_file_and_reason)
{
    struct hf_error err = {0};

    hf_fail_errno(&err, -EACCES, "open", "blobs/sha256");
    ck_assert_str_eq(err.file, "blobs/sha256");
    ck_assert_str_eq(err.message, "cannot open blobs/sha256: Permission denied");
    ck_assert(err.offset == HF_ERROR_NO_OFFSET);
}
END_TEST

START_TEST(long_file_is_cut_at_its_front)
{
    struct hf_error err = {0};
    char path[1000];

    memset(path, 'a', sizeof(path));
    memcpy(path + sizeof(path) - 5, "/end", 5);
    hf_fail_at(&err, HF_ERR_CORRUPT, path, 4096, "rotten");
    ck_assert_uint_eq(strlen(err.file), sizeof(err.file) - 1);
    ck_assert_int_eq(strncmp(err.file, "...aaa", 6), 0);
    ck_assert_str_eq(err.file + sizeof(err.file) - 5, "/end");
    ck_assert(err.offset == 4096);
}
END_TEST

START_TEST(file_that_just_fits_is_not_cut)
{
    struct hf_error err = {0};
    char path[sizeof(err.file)];

    memset(path, 'b', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    hf_fail_at(&err, HF_ERR_CORRUPT, path, 0, "rotten");
    ck_assert_str_eq(err.file, path);
}
END_TEST

START_TEST(prefix_keeps_code_and_place)
{
    struct hf_error err = {0};

    hf_fail_at(&err, HF_ERR_CORRUPT, "wal/1", 77, "bad checksum");
    ck_assert_int_eq(hf_fail_prefix(&err, HF_ERR_CORRUPT, "loading %s", "app"), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.message, "loading app: bad checksum");
    ck_assert_str_eq(err.file, "wal/1");
    ck_assert(err.offset == 77);
}
END_TEST

START_TEST(prefix_of_nothing_is_the_sentence)
{
    struct hf_error err = {0};

    ck_assert_int_eq(hf_fail_prefix(&err, HF_ERR_LIMIT, "loading"), HF_ERR_LIMIT);
    ck_assert_int_eq(err.code, HF_ERR_LIMIT);
    ck_assert_str_eq(err.message, "loading");
    ck_assert(err.offset == HF_ERROR_NO_OFFSET);
}
END_TEST

START_TEST(prefixes_without_end_are_cut)
{
    struct hf_error err = {0};

    hf_fail(&err, HF_ERR_IO, "cause");
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(hf_fail_prefix(&err, HF_ERR_IO, "layer %d", i), HF_ERR_IO);
    ck_assert_int_eq(strncmp(err.message, "layer 999: layer 998: ", 22), 0);
    ck_assert_uint_eq(strlen(err.message), sizeof(err.message) - 1);
}
END_TEST

START_TEST(caller_without_error_gets_the_code)
{
    ck_assert_int_eq(hf_fail(NULL, HF_ERR_USAGE, "x"), HF_ERR_USAGE);
    ck_assert_int_eq(hf_fail_errno(NULL, -ENOSPC, "write", "f"), HF_ERR_NO_SPACE);
    ck_assert_int_eq(hf_fail_at(NULL, HF_ERR_CORRUPT, "f", 0, "x"), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_fail_memory(NULL), HF_ERR_NO_MEMORY);
    ck_assert_int_eq(hf_fail_prefix(NULL, HF_ERR_IO, "x"), HF_ERR_IO);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("error");

    tcase_add_test(tests, error_codes_have_the_names_of_the_table);
    tcase_add_test(tests, error_without_place_has_no_file_and_no_offset);
    tcase_add_test(tests, error_sentence_may_be_made_from_the_old_one);
    tcase_add_test(tests, error_sentence_is_cut_at_its_end);
    tcase_add_test(tests, errno_picks_the_code);
    tcase_add_test(tests, errno_sentence_names_verb_file_and_reason);
    tcase_add_test(tests, long_file_is_cut_at_its_front);
    tcase_add_test(tests, file_that_just_fits_is_not_cut);
    tcase_add_test(tests, prefix_keeps_code_and_place);
    tcase_add_test(tests, prefix_of_nothing_is_the_sentence);
    tcase_add_test(tests, prefixes_without_end_are_cut);
    tcase_add_test(tests, caller_without_error_gets_the_code);
    return hf_test_run("error", tests);
}
