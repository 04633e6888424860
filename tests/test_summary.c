/*
 * Proves that every kind of summary is read as it was written, that version 1 stays what it is, and
 * that bytes which are no summary give OTHER.
 */
#include "image/summary.h"

#include "base/digest.h"

#include "support/suite.h"

#include <string.h>

static struct hf_digest digest_of(const char *text)
{
    struct hf_digest digest;

    hf_digest_of(text, strlen(text), &digest);
    return digest;
}

static struct hf_summary sample(enum hf_kind kind)
{
    struct hf_summary summary = {.kind = kind, .media_type = "application/x"};

    switch (kind) {
    case HF_KIND_MANIFEST:
        summary.id = digest_of("config");
        summary.created_ns = 0x0102030405060708;
        summary.size_bytes = 5u * 1024 * 1024;
        strcpy(summary.platform, "linux/arm64/v8");
        break;
    case HF_KIND_LAYER:
        summary.diff_id = digest_of("plain");
        summary.size_bytes = 77;
        break;
    case HF_KIND_ARTIFACT:
        summary.subject = digest_of("subject");
        strcpy(summary.artifact_type, "application/y");
        break;
    case HF_KIND_LAYER_INDEX:
        summary.block_bytes = 512;
        break;
    case HF_KIND_OTHER:
    case HF_KIND_INDEX:
    case HF_KIND_CONFIG:
        break;
    }
    return summary;
}

START_TEST(every_kind_is_read_as_written)
{
    struct hf_summary in = sample((enum hf_kind)_i);
    struct hf_summary out;
    struct hf_buf buf = {0};

    hf_summary_encode(&in, &buf);
    ck_assert_int_eq(hf_buf_check(&buf, NULL), 0);
    hf_summary_decode(buf.data, buf.len, &out);
    ck_assert_int_eq(out.kind, in.kind);
    ck_assert_str_eq(out.media_type, in.media_type);
    ck_assert_uint_eq(out.block_bytes, in.block_bytes);
    ck_assert_int_eq(hf_digest_compare(&out.id, &in.id), 0);
    ck_assert_int_eq(hf_digest_compare(&out.diff_id, &in.diff_id), 0);
    ck_assert_int_eq(hf_digest_compare(&out.subject, &in.subject), 0);
    ck_assert_uint_eq(out.created_ns, in.created_ns);
    ck_assert_uint_eq(out.size_bytes, in.size_bytes);
    ck_assert_str_eq(out.platform, in.platform);
    ck_assert_str_eq(out.artifact_type, in.artifact_type);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(cut_or_longer_bytes_are_other)
{
    struct hf_summary in = sample((enum hf_kind)_i);
    struct hf_summary out;
    struct hf_buf buf = {0};

    hf_summary_encode(&in, &buf);
    for (size_t len = 0; len < buf.len; len++) {
        hf_summary_decode(buf.data, len, &out);
        ck_assert_int_eq(out.kind, HF_KIND_OTHER);
        ck_assert_str_eq(out.media_type, "");
    }
    hf_buf_put_u8(&buf, 0);
    hf_summary_decode(buf.data, buf.len, &out);
    ck_assert_int_eq(out.kind, HF_KIND_OTHER);
    hf_buf_release(&buf);
}
END_TEST

START_TEST(artifact_without_subject_has_none)
{
    struct hf_summary in = {.kind = HF_KIND_ARTIFACT, .artifact_type = "t"};
    struct hf_summary out;
    struct hf_buf buf = {0};

    hf_summary_encode(&in, &buf);
    hf_summary_decode(buf.data, buf.len, &out);
    ck_assert_int_eq(out.kind, HF_KIND_ARTIFACT);
    ck_assert(!hf_digest_is_set(&out.subject));
    hf_buf_release(&buf);
}
END_TEST

START_TEST(absent_manifest_has_a_platform_and_no_id)
{
    struct hf_summary in = {.kind = HF_KIND_MANIFEST, .platform = "linux/s390x"};
    struct hf_summary out;
    struct hf_buf buf = {0};

    hf_summary_encode(&in, &buf);
    hf_summary_decode(buf.data, buf.len, &out);
    ck_assert_int_eq(out.kind, HF_KIND_MANIFEST);
    ck_assert(!hf_digest_is_set(&out.id));
    ck_assert_str_eq(out.platform, "linux/s390x");
    hf_buf_release(&buf);
}
END_TEST

START_TEST(version_one_is_frozen)
{
    static const uint8_t manifest[] = {
        1,  1,  1,  0,  0,   0,   'm', 1, /* version, kind, media type, algorithm of the id */
        0,  1,  2,  3,  4,   5,   6,   7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20,  21,  22,  23, 24, 25, 26, 27, 28, 29, 30, 31,
        5,  0,  0,  0,  0,   0,   0,   0,  6,  0,  0,  0,  0,  0,  0,  0, /* created, size */
        3,  0,  0,  0,  'a', '/', 'b'};
    struct hf_summary out;

    hf_summary_decode(manifest, sizeof(manifest), &out);
    ck_assert_int_eq(out.kind, HF_KIND_MANIFEST);
    ck_assert_str_eq(out.media_type, "m");
    ck_assert_int_eq(out.id.algorithm, HF_DIGEST_SHA256);
    ck_assert_uint_eq(out.id.bytes[31], 31);
    ck_assert_uint_eq(out.created_ns, 5);
    ck_assert_uint_eq(out.size_bytes, 6);
    ck_assert_str_eq(out.platform, "a/b");
}
END_TEST

START_TEST(unknown_version_or_kind_is_other)
{
    static const uint8_t version[] = {2, 2, 0, 0, 0, 0};
    static const uint8_t kind[] = {1, 200, 0, 0, 0, 0};
    struct hf_summary out;

    hf_summary_decode(version, sizeof(version), &out);
    ck_assert_int_eq(out.kind, HF_KIND_OTHER);
    hf_summary_decode(kind, sizeof(kind), &out);
    ck_assert_int_eq(out.kind, HF_KIND_OTHER);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("summary");

    tcase_add_loop_test(tests, every_kind_is_read_as_written, HF_KIND_OTHER,
                        HF_KIND_LAYER_INDEX + 1);
    tcase_add_loop_test(tests, cut_or_longer_bytes_are_other, HF_KIND_OTHER,
                        HF_KIND_LAYER_INDEX + 1);
    tcase_add_test(tests, artifact_without_subject_has_none);
    tcase_add_test(tests, absent_manifest_has_a_platform_and_no_id);
    tcase_add_test(tests, version_one_is_frozen);
    tcase_add_test(tests, unknown_version_or_kind_is_other);
    return hf_test_run("summary", tests);
}
