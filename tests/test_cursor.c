/*
 * Proves that a cursor never reads past its bytes, that a failed get moves nothing, and that
 * nothing succeeds after it.
 */
#include "base/cursor.h"

#include "support/suite.h"

#include <string.h>

START_TEST(integers_are_read_little_endian)
{
    static const uint8_t bytes[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
                                    0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x88};
    struct hf_cursor cursor = hf_cursor_of(bytes, sizeof(bytes));

    ck_assert_uint_eq(hf_cursor_u8(&cursor), 0x01);
    ck_assert_uint_eq(hf_cursor_u16(&cursor), 0x0203);
    ck_assert_uint_eq(hf_cursor_u32(&cursor), 0x04050607);
    ck_assert(!hf_cursor_done(&cursor));
    ck_assert(hf_cursor_u64(&cursor) == 0x88090a0b0c0d0e0f);
    ck_assert(hf_cursor_done(&cursor));
}
END_TEST

START_TEST(get_past_the_end_fails_and_moves_nothing)
{
    struct hf_cursor cursor = hf_cursor_of("abc", 3);

    ck_assert_uint_eq(hf_cursor_u32(&cursor), 0);
    ck_assert(!hf_cursor_ok(&cursor));
    ck_assert_uint_eq(cursor.off, 0);
}
END_TEST

START_TEST(get_after_a_failure_fails_too)
{
    struct hf_cursor cursor = hf_cursor_of("abc", 3);
    size_t len = 99;

    ck_assert_ptr_null(hf_cursor_bytes(&cursor, 4));
    ck_assert_uint_eq(hf_cursor_u8(&cursor), 0);
    ck_assert_ptr_null(hf_cursor_bytes(&cursor, 0));
    ck_assert_ptr_null(hf_cursor_blob(&cursor, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert(!hf_cursor_zeros(&cursor, 0));
    ck_assert_uint_eq(hf_cursor_left(&cursor), 0);
    ck_assert(!hf_cursor_done(&cursor));
}
END_TEST

START_TEST(length_near_the_largest_does_not_overflow)
{
    struct hf_cursor cursor = hf_cursor_of("abc", 3);

    ck_assert_uint_eq(hf_cursor_u8(&cursor), 'a');
    ck_assert_ptr_null(hf_cursor_bytes(&cursor, SIZE_MAX));
    ck_assert(!hf_cursor_ok(&cursor));
}
END_TEST

START_TEST(blob_is_borrowed_from_the_data)
{
    static const uint8_t bytes[] = {2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0};
    struct hf_cursor cursor = hf_cursor_of(bytes, sizeof(bytes));
    size_t len = 0;

    ck_assert_ptr_eq(hf_cursor_blob(&cursor, &len), bytes + 4);
    ck_assert_uint_eq(len, 2);
    ck_assert_ptr_nonnull(hf_cursor_blob(&cursor, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert(hf_cursor_done(&cursor));
}
END_TEST

START_TEST(blob_longer_than_the_data_moves_nothing)
{
    static const uint8_t bytes[] = {9, 3, 0, 0, 0, 'h', 'i'};
    struct hf_cursor cursor = hf_cursor_of(bytes, sizeof(bytes));
    size_t len = 99;

    ck_assert_uint_eq(hf_cursor_u8(&cursor), 9);
    ck_assert_ptr_null(hf_cursor_blob(&cursor, &len));
    ck_assert_uint_eq(cursor.off, 1);
    ck_assert(!hf_cursor_ok(&cursor));
}
END_TEST

START_TEST(reserved_bytes_must_be_zero)
{
    static const uint8_t bytes[] = {0, 0, 0, 1};
    struct hf_cursor cursor = hf_cursor_of(bytes, sizeof(bytes));

    ck_assert(hf_cursor_zeros(&cursor, 3));
    ck_assert_uint_eq(hf_cursor_left(&cursor), 1);
    ck_assert(!hf_cursor_zeros(&cursor, 1));
    ck_assert(!hf_cursor_ok(&cursor));
    ck_assert_uint_eq(cursor.off, 3);
}
END_TEST

START_TEST(no_bytes_at_all_are_done)
{
    struct hf_cursor cursor = hf_cursor_of(NULL, 0);

    ck_assert_ptr_nonnull(hf_cursor_bytes(&cursor, 0));
    ck_assert(hf_cursor_done(&cursor));
    ck_assert_uint_eq(hf_cursor_u8(&cursor), 0);
    ck_assert(!hf_cursor_ok(&cursor));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cursor");

    tcase_add_test(tests, integers_are_read_little_endian);
    tcase_add_test(tests, get_past_the_end_fails_and_moves_nothing);
    tcase_add_test(tests, get_after_a_failure_fails_too);
    tcase_add_test(tests, length_near_the_largest_does_not_overflow);
    tcase_add_test(tests, blob_is_borrowed_from_the_data);
    tcase_add_test(tests, blob_longer_than_the_data_moves_nothing);
    tcase_add_test(tests, reserved_bytes_must_be_zero);
    tcase_add_test(tests, no_bytes_at_all_are_done);
    return hf_test_run("cursor", tests);
}
