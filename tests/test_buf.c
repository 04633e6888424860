/*
 * Proves that a buffer holds exactly what was put, that its maximum holds at every length, and that
 * after a failure it neither changes nor forgets.
 */
#include "base/buf.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

START_TEST(integers_are_little_endian)
{
    static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
                                       0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08};
    struct hf_buf buf = {0};

    hf_buf_put_u8(&buf, 0x01);
    hf_buf_put_u16(&buf, 0x0203);
    hf_buf_put_u32(&buf, 0x04050607);
    hf_buf_put_u64(&buf, 0x08090a0b0c0d0e0f);
    ck_assert_uint_eq(buf.len, sizeof(expected));
    ck_assert_mem_eq(buf.data, expected, sizeof(expected));
    ck_assert_int_eq(hf_buf_check(&buf, NULL), 0);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(blob_is_length_and_bytes)
{
    static const uint8_t expected[] = {3, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0};
    struct hf_buf buf = {0};

    hf_buf_put_blob(&buf, "abc", 3);
    hf_buf_put_blob(&buf, NULL, 0);
    ck_assert_uint_eq(buf.len, sizeof(expected));
    ck_assert_mem_eq(buf.data, expected, sizeof(expected));
    hf_buf_release(&buf);
}
END_TEST

START_TEST(maximum_can_be_filled_and_not_passed)
{
    struct hf_buf buf = {.max_bytes = 100};
    struct hf_error err = {0};

    hf_buf_put_zeros(&buf, 100);
    ck_assert_int_eq(hf_buf_check(&buf, &err), 0);
    ck_assert_uint_eq(buf.len, 100);
    hf_buf_put_u8(&buf, 1);
    ck_assert_int_eq(hf_buf_check(&buf, &err), HF_ERR_LIMIT);
    ck_assert_int_eq(err.code, HF_ERR_LIMIT);
    ck_assert_uint_eq(buf.len, 100);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(text_of_a_full_buffer_has_its_nul)
{
    struct hf_buf buf = {.max_bytes = 5};

    hf_buf_printf(&buf, "%s%d", "abc", 12);
    ck_assert_str_eq(hf_buf_text(&buf), "abc12");
    ck_assert_uint_eq(buf.len, 5);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(nothing_is_appended_after_a_failure)
{
    struct hf_buf buf = {.max_bytes = 10};

    hf_buf_put_text(&buf, "12345");
    hf_buf_put_text(&buf, "too long");
    hf_buf_put_text(&buf, "6");
    hf_buf_printf(&buf, "7");
    hf_buf_put_blob(&buf, "", 0);
    ck_assert_uint_eq(buf.len, 5);
    ck_assert_ptr_null(hf_buf_reserve(&buf, 0));
    ck_assert_ptr_null(hf_buf_text(&buf));
    ck_assert_int_eq(hf_buf_check(&buf, NULL), HF_ERR_LIMIT);
    hf_buf_clear(&buf);
    hf_buf_put_text(&buf, "again");
    ck_assert_int_eq(hf_buf_check(&buf, NULL), 0);
    ck_assert_str_eq(hf_buf_text(&buf), "again");
    hf_buf_release(&buf);
}
END_TEST

START_TEST(blob_that_does_not_fit_leaves_no_length)
{
    struct hf_buf buf = {.max_bytes = 6};

    hf_buf_put_blob(&buf, "abc", 3);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_int_eq(hf_buf_check(&buf, NULL), HF_ERR_LIMIT);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(huge_lengths_are_limits_and_not_overflows)
{
    struct hf_buf buf = {0};

    hf_buf_put_u8(&buf, 1);
    ck_assert_ptr_null(hf_buf_reserve(&buf, SIZE_MAX));
    ck_assert_int_eq(hf_buf_check(&buf, NULL), HF_ERR_LIMIT);
    hf_buf_clear(&buf);
    hf_buf_put_blob(&buf, "", SIZE_MAX);
    ck_assert_int_eq(hf_buf_check(&buf, NULL), HF_ERR_LIMIT);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(empty_buffer_is_an_empty_text)
{
    struct hf_buf buf = {0};

    hf_buf_put(&buf, NULL, 0);
    ck_assert_ptr_nonnull(hf_buf_reserve(&buf, 0));
    ck_assert_str_eq(hf_buf_text(&buf), "");
    hf_buf_release(&buf);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(release_keeps_the_maximum)
{
    struct hf_buf buf = {.max_bytes = 3};

    hf_buf_put_text(&buf, "abc");
    hf_buf_release(&buf);
    ck_assert_ptr_null(buf.data);
    hf_buf_put_text(&buf, "abcd");
    ck_assert_int_eq(hf_buf_check(&buf, NULL), HF_ERR_LIMIT);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(many_small_puts_keep_every_byte)
{
    struct hf_buf buf = {.max_bytes = 100001};

    for (int i = 0; i < 100001; i++)
        hf_buf_put_u8(&buf, (uint8_t)i);
    ck_assert_int_eq(hf_buf_check(&buf, NULL), 0);
    for (int i = 0; i < 100001; i++)
        ck_assert_uint_eq(buf.data[i], (uint8_t)i);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(detached_text_belongs_to_the_caller)
{
    struct hf_buf buf = {0};

    hf_buf_put_text(&buf, "mine");
    char *text = hf_buf_detach(&buf);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_str_eq(text, "mine");
    free(text);
}
END_TEST

START_TEST(failed_buffer_detaches_nothing_and_still_tells_why)
{
    struct hf_buf buf = {.max_bytes = 2};

    hf_buf_put_text(&buf, "ab");
    hf_buf_put_text(&buf, "c");
    ck_assert_ptr_null(hf_buf_detach(&buf));
    ck_assert_ptr_null(buf.data);
    ck_assert_int_eq(hf_buf_check(&buf, NULL), HF_ERR_LIMIT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("buf");

    tcase_add_test(tests, integers_are_little_endian);
    tcase_add_test(tests, blob_is_length_and_bytes);
    tcase_add_test(tests, maximum_can_be_filled_and_not_passed);
    tcase_add_test(tests, text_of_a_full_buffer_has_its_nul);
    tcase_add_test(tests, nothing_is_appended_after_a_failure);
    tcase_add_test(tests, blob_that_does_not_fit_leaves_no_length);
    tcase_add_test(tests, huge_lengths_are_limits_and_not_overflows);
    tcase_add_test(tests, empty_buffer_is_an_empty_text);
    tcase_add_test(tests, release_keeps_the_maximum);
    tcase_add_test(tests, many_small_puts_keep_every_byte);
    tcase_add_test(tests, detached_text_belongs_to_the_caller);
    tcase_add_test(tests, failed_buffer_detaches_nothing_and_still_tells_why);
    return hf_test_run("buf", tests);
}
