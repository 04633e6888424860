/*
 * Proves that digests are those of FIPS 180, however the bytes are cut, that their text is the OCI
 * one and no other is accepted, and that their encoding is unique.
 */
#include "base/digest.h"

#include "support/suite.h"

#include <string.h>

#define ABC256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                     \
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                      \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
#define NOTHING256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

START_TEST(one_shot_is_sha256)
{
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_digest digest;

    hf_digest_of("abc", 3, &digest);
    ck_assert_str_eq(hf_digest_text(&digest, text), ABC256);
    ck_assert_str_eq(hf_digest_hex(&digest, text), &ABC256[strlen("sha256:")]);
    hf_digest_of(NULL, 0, &digest);
    ck_assert_str_eq(hf_digest_text(&digest, text), NOTHING256);
}
END_TEST

static void expect_running(uint8_t algorithm, const char *expected)
{
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_digest digest;
    struct hf_hasher *hasher = hf_hasher_new(algorithm);

    ck_assert_ptr_nonnull(hasher);
    hf_hasher_update(hasher, "a", 1);
    hf_hasher_update(hasher, NULL, 0);
    hf_hasher_update(hasher, "bc", 2);
    hf_hasher_final(hasher, &digest);
    hf_hasher_free(hasher);
    ck_assert_str_eq(hf_digest_text(&digest, text), expected);
}

START_TEST(running_digest_is_that_of_all_pieces)
{
    expect_running(HF_DIGEST_SHA256, ABC256);
    expect_running(HF_DIGEST_SHA512, ABC512);
}
END_TEST

START_TEST(unknown_algorithm_has_no_hasher_name_or_size)
{
    struct hf_digest digest = {.algorithm = 77};
    char text[HF_DIGEST_TEXT_MAX];

    ck_assert_ptr_null(hf_hasher_new(77));
    ck_assert_ptr_null(hf_hasher_new(HF_DIGEST_NONE));
    ck_assert_ptr_null(hf_digest_algorithm_name(77));
    ck_assert_uint_eq(hf_digest_size(77), 0);
    ck_assert(!hf_digest_is_set(&digest));
    ck_assert_str_eq(hf_digest_text(&digest, text), "none");
    ck_assert_str_eq(hf_digest_hex(&digest, text), "");
    hf_hasher_free(NULL);
}
END_TEST

START_TEST(text_is_parsed_back_to_the_same_digest)
{
    static const char *const texts[] = {ABC256, ABC512, NOTHING256};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[HF_DIGEST_TEXT_MAX];
        struct hf_digest digest;
        ck_assert_int_eq(hf_digest_parse(texts[i], &digest, NULL), 0);
        ck_assert(hf_digest_is_set(&digest));
        ck_assert_str_eq(hf_digest_text(&digest, text), texts[i]);
    }
}
END_TEST

START_TEST(malformed_text_is_refused_and_gives_nothing)
{
    static const char *const texts[] = {
        "",
        "sha256",
        "sha256:",
        "sha256:ba7816",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        (ABC256 "0"),
        (ABC256 " "),
        (" " ABC256),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct hf_digest digest = {.algorithm = 42};
        struct hf_error err = {0};
        ck_assert_int_eq(hf_digest_parse(texts[i], &digest, &err), HF_ERR_USAGE);
        ck_assert_int_eq(err.code, HF_ERR_USAGE);
        ck_assert_uint_eq(digest.algorithm, 42);
    }
}
END_TEST

START_TEST(order_is_by_algorithm_then_bytes)
{
    struct hf_digest abc256;
    struct hf_digest abc512;
    struct hf_digest nothing256;

    ck_assert_int_eq(hf_digest_parse(ABC256, &abc256, NULL), 0);
    ck_assert_int_eq(hf_digest_parse(ABC512, &abc512, NULL), 0);
    ck_assert_int_eq(hf_digest_parse(NOTHING256, &nothing256, NULL), 0);
    ck_assert_int_eq(hf_digest_compare(&abc256, &abc256), 0);
    ck_assert_int_lt(hf_digest_compare(&abc256, &nothing256), 0);
    ck_assert_int_gt(hf_digest_compare(&nothing256, &abc256), 0);
    ck_assert_int_lt(hf_digest_compare(&nothing256, &abc512), 0);
}
END_TEST

START_TEST(encoding_is_algorithm_and_bytes)
{
    static const char *const texts[] = {ABC256, ABC512};
    struct hf_buf buf = {0};
    struct hf_digest digest;

    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(hf_digest_parse(texts[i], &digest, NULL), 0);
        hf_digest_encode(&buf, &digest);
    }
    ck_assert_uint_eq(buf.len, 33 + 65);
    ck_assert_uint_eq(buf.data[0], HF_DIGEST_SHA256);
    ck_assert_uint_eq(buf.data[1], 0xba);
    ck_assert_uint_eq(buf.data[33], HF_DIGEST_SHA512);

    struct hf_cursor cursor = hf_cursor_of(buf.data, buf.len);
    for (size_t i = 0; i < 2; i++) {
        char text[HF_DIGEST_TEXT_MAX];
        memset(&digest, 0xff, sizeof(digest));
        hf_digest_decode(&cursor, &digest);
        ck_assert_str_eq(hf_digest_text(&digest, text), texts[i]);
    }
    ck_assert(hf_cursor_done(&cursor));
    hf_buf_release(&buf);
}
END_TEST

START_TEST(decoding_fails_on_unknown_algorithm_and_short_bytes)
{
    uint8_t bytes[40] = {77};
    struct hf_digest digest = {.algorithm = 42};
    struct hf_cursor cursor = hf_cursor_of(bytes, sizeof(bytes));

    hf_digest_decode(&cursor, &digest);
    ck_assert(!hf_cursor_ok(&cursor));
    ck_assert(!hf_digest_is_set(&digest));
    ck_assert_uint_eq(cursor.off, 0);

    bytes[0] = HF_DIGEST_SHA256;
    cursor = hf_cursor_of(bytes, 32);
    hf_digest_decode(&cursor, &digest);
    ck_assert(!hf_cursor_ok(&cursor));

    bytes[0] = HF_DIGEST_NONE;
    cursor = hf_cursor_of(bytes, sizeof(bytes));
    hf_digest_decode(&cursor, &digest);
    ck_assert(!hf_cursor_ok(&cursor));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("digest");

    tcase_add_test(tests, one_shot_is_sha256);
    tcase_add_test(tests, running_digest_is_that_of_all_pieces);
    tcase_add_test(tests, unknown_algorithm_has_no_hasher_name_or_size);
    tcase_add_test(tests, text_is_parsed_back_to_the_same_digest);
    tcase_add_test(tests, malformed_text_is_refused_and_gives_nothing);
    tcase_add_test(tests, order_is_by_algorithm_then_bytes);
    tcase_add_test(tests, encoding_is_algorithm_and_bytes);
    tcase_add_test(tests, decoding_fails_on_unknown_algorithm_and_short_bytes);
    return hf_test_run("digest", tests);
}
