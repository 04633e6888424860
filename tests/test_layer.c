/*
 * Proves that the plain digest and size of a blob come out right for every way layers are
 * compressed and however their bytes are cut into pieces, that damage is told and not fatal, and
 * that magic bytes decide.
 */
#include "archive/inflate.h"
#include "transfer/measure.h"

#include "base/buf.h"
#include "base/digest.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Compressible, not repetitive. */
static void fill(struct hf_buf *buf, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        hf_buf_put_u8(buf, (uint8_t)(seed >> 29));
    }
    ck_assert_int_eq(hf_buf_check(buf, NULL), 0);
}

static void put_gzip(struct hf_buf *out, const void *data, size_t len)
{
    z_stream stream = {0};

    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, len) + 64;
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)len;
    stream.next_out = hf_buf_reserve(out, room);
    stream.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->len += room - stream.avail_out;
    deflateEnd(&stream);
}

static void put_zstd(struct hf_buf *out, const void *data, size_t len)
{
    size_t room = ZSTD_compressBound(len);
    size_t got = ZSTD_compress(hf_buf_reserve(out, room), room, data, len, 3);

    ck_assert(!ZSTD_isError(got));
    out->len += got;
}

static void put_skippable(struct hf_buf *out)
{
    hf_buf_put_u32(out, 0x184d2a53);
    hf_buf_put_u32(out, 5);
    hf_buf_put_text(out, "hello");
}

static struct hf_plain measure(const struct hf_buf *blob, size_t piece)
{
    struct hf_measure *work = NULL;
    struct hf_plain plain;

    ck_assert_int_eq(hf_measure_new(NULL, &work, NULL), 0);
    for (size_t off = 0; off < blob->len; off += piece) {
        size_t len = blob->len - off < piece ? blob->len - off : piece;
        ck_assert_int_eq(hf_measure_push(work, blob->data + off, len, NULL), 0);
    }
    ck_assert_int_eq(hf_measure_end(work, &plain, NULL), 0);
    hf_measure_free(work);
    return plain;
}

static void check_plain(const struct hf_buf *blob, const struct hf_buf *expected,
                        enum hf_compression compression)
{
    static const size_t pieces[] = {1, 3, 4, 511, 65536, 1 << 20, 1 << 30};
    struct hf_digest digest;

    hf_digest_of(expected->data, expected->len, &digest);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (pieces[i] < 511 && blob->len > 100000)
            continue;
        struct hf_plain plain = measure(blob, pieces[i]);
        ck_assert_str_eq(plain.problem, "");
        ck_assert_int_eq(plain.compression, compression);
        ck_assert_uint_eq(plain.size_bytes, expected->len);
        if (compression != HF_COMPRESSION_PLAIN)
            ck_assert_int_eq(hf_digest_compare(&plain.diff_id, &digest), 0);
    }
}

static const size_t SIZES[] = {0, 1, 1000, 131072, 131073, 3000000};

START_TEST(gzip_of_every_size)
{
    struct hf_buf plain = {0}, blob = {0};

    fill(&plain, SIZES[_i], 1);
    put_gzip(&blob, plain.data, plain.len);
    check_plain(&blob, &plain, HF_COMPRESSION_GZIP);
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

START_TEST(zstd_of_every_size)
{
    struct hf_buf plain = {0}, blob = {0};

    fill(&plain, SIZES[_i], 2);
    put_zstd(&blob, plain.data, plain.len);
    check_plain(&blob, &plain, HF_COMPRESSION_ZSTD);
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

START_TEST(plain_of_every_size)
{
    struct hf_buf plain = {0};

    fill(&plain, SIZES[_i], 3);
    check_plain(&plain, &plain, HF_COMPRESSION_PLAIN);
    hf_buf_release(&plain);
}
END_TEST

START_TEST(gzip_has_many_members_and_zero_padding)
{
    struct hf_buf plain = {0}, blob = {0};

    for (int i = 0; i < 20; i++) {
        size_t start = plain.len;
        fill(&plain, (size_t)(i % 3) * 1000, (uint32_t)i);
        put_gzip(&blob, plain.data + start, plain.len - start);
    }
    check_plain(&blob, &plain, HF_COMPRESSION_GZIP);
    hf_buf_put_zeros(&blob, 700);
    check_plain(&blob, &plain, HF_COMPRESSION_GZIP);
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

START_TEST(zstd_has_many_frames_and_skippable_ones)
{
    struct hf_buf plain = {0}, blob = {0};

    put_skippable(&blob);
    for (int i = 0; i < 20; i++) {
        size_t start = plain.len;
        fill(&plain, (size_t)(i % 3) * 1000, (uint32_t)i);
        put_zstd(&blob, plain.data + start, plain.len - start);
        put_skippable(&blob);
    }
    check_plain(&blob, &plain, HF_COMPRESSION_ZSTD);
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

/* One level deep: what comes out is not looked into. */
START_TEST(gzip_in_gzip_is_inflated_once)
{
    struct hf_buf plain = {0}, once = {0}, twice = {0};

    fill(&plain, 5000, 4);
    put_gzip(&once, plain.data, plain.len);
    put_gzip(&twice, once.data, once.len);
    check_plain(&twice, &once, HF_COMPRESSION_GZIP);
    hf_buf_release(&plain);
    hf_buf_release(&once);
    hf_buf_release(&twice);
}
END_TEST

static void check_problem(const struct hf_buf *blob, const char *problem)
{
    struct hf_plain whole = measure(blob, 1 << 20);
    struct hf_plain pieces = measure(blob, 7);

    ck_assert_msg(strncmp(whole.problem, problem, strlen(problem)) == 0, "\"%s\" is not \"%s\"",
                  whole.problem, problem);
    ck_assert_str_eq(pieces.problem, whole.problem);
    ck_assert(!hf_digest_is_set(&whole.diff_id));
}

START_TEST(cut_streams_end_in_the_middle)
{
    struct hf_buf plain = {0}, blob = {0};

    fill(&plain, 3000, 5);
    put_gzip(&blob, plain.data, plain.len);
    for (blob.len--; blob.len > 16; blob.len -= blob.len / 8 + 1)
        check_problem(&blob, "its gzip data ends in the middle");
    hf_buf_clear(&blob);
    put_zstd(&blob, plain.data, plain.len);
    for (blob.len--; blob.len > 16; blob.len -= blob.len / 8 + 1)
        check_problem(&blob, "its zstd data ends in the middle");
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

START_TEST(damaged_streams_are_told)
{
    struct hf_buf plain = {0}, blob = {0};

    fill(&plain, 300000, 6);
    put_gzip(&blob, plain.data, plain.len);
    blob.data[blob.len - 5] ^= 1; /* the checksum */
    check_problem(&blob, "its gzip data is damaged (incorrect data check)");
    blob.data[blob.len - 5] ^= 1;
    hf_buf_put_text(&blob, "more");
    check_problem(&blob, "its gzip data is followed by something else");
    blob.len -= 4;
    hf_buf_put_zeros(&blob, 3);
    hf_buf_put_text(&blob, "more");
    check_problem(&blob, "its gzip data is followed by something else");

    hf_buf_clear(&blob);
    put_zstd(&blob, plain.data, plain.len);
    hf_buf_put_text(&blob, "other bytes");
    check_problem(&blob, "its zstd data is followed by something else");
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

START_TEST(zstd_window_is_limited)
{
    /* Magic, a frame header without content size, and a window of 256 MiB. */
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3, 1, 0, 0};
    struct hf_buf blob = {0};

    hf_buf_put(&blob, frame, sizeof(frame));
    check_problem(&blob, "its zstd window is larger than 128 MiB");
    hf_buf_release(&blob);
}
END_TEST

START_TEST(magic_bytes_decide)
{
    ck_assert_int_eq(hf_compression_of("", 0), HF_COMPRESSION_PLAIN);
    ck_assert_int_eq(hf_compression_of("\x1f\x8b", 2), HF_COMPRESSION_PLAIN);
    ck_assert_int_eq(hf_compression_of("\x1f\x8b\x08", 3), HF_COMPRESSION_GZIP);
    ck_assert_int_eq(hf_compression_of("\x1f\x8b\x07x", 4), HF_COMPRESSION_PLAIN);
    ck_assert_int_eq(hf_compression_of("\x28\xb5\x2f\xfd", 4), HF_COMPRESSION_ZSTD);
    ck_assert_int_eq(hf_compression_of("\x5f\x2a\x4d\x18", 4), HF_COMPRESSION_ZSTD);
    ck_assert_int_eq(hf_compression_of("\x60\x2a\x4d\x18", 4), HF_COMPRESSION_PLAIN);
}
END_TEST

START_TEST(measuring_may_be_given_up_at_any_time)
{
    struct hf_buf plain = {0}, blob = {0};
    struct hf_measure *work = NULL;

    fill(&plain, 3000000, 7);
    put_gzip(&blob, plain.data, plain.len);
    for (size_t len = 0; len < blob.len; len += 100000) {
        ck_assert_int_eq(hf_measure_new(NULL, &work, NULL), 0);
        ck_assert_int_eq(hf_measure_push(work, blob.data, len, NULL), 0);
        hf_measure_free(work);
    }
    hf_buf_release(&plain);
    hf_buf_release(&blob);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("layer");

    tcase_set_timeout(tests, 120);
    int sizes = sizeof(SIZES) / sizeof(SIZES[0]);

    tcase_add_loop_test(tests, gzip_of_every_size, 0, sizes);
    tcase_add_loop_test(tests, zstd_of_every_size, 0, sizes);
    tcase_add_loop_test(tests, plain_of_every_size, 0, sizes);
    tcase_add_test(tests, gzip_has_many_members_and_zero_padding);
    tcase_add_test(tests, zstd_has_many_frames_and_skippable_ones);
    tcase_add_test(tests, gzip_in_gzip_is_inflated_once);
    tcase_add_test(tests, cut_streams_end_in_the_middle);
    tcase_add_test(tests, damaged_streams_are_told);
    tcase_add_test(tests, zstd_window_is_limited);
    tcase_add_test(tests, magic_bytes_decide);
    tcase_add_test(tests, measuring_may_be_given_up_at_any_time);
    return hf_test_run("layer", tests);
}
