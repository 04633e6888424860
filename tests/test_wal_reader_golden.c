/*
 * Proves with stored files that segments of version 1 stay readable and are still written the same,
 * and that damaged ones (tests/corrupt) are refused for the right reason.
 */
#include "wal/reader.h"

#include "support/log_sample.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_test_log log_, sample;
static struct hf_error err;

static void setup(void)
{
    hf_test_sample_setup(&watch, path);
    err = (struct hf_error){0};
}

static void teardown(void)
{
    hf_test_sample_teardown(&watch, path);
}

/* Bytes of a stored file, with the zeros that were left away at its end. */
static uint8_t *read_stored(const char *folder, const char *name, size_t *out_len)
{
    char dir[512];

    snprintf(dir, sizeof(dir), "%s", folder);
    uint8_t *data = hf_test_read_file(dir, name, out_len);
    uint8_t *whole = calloc(1, HF_WAL_SEGMENT_BYTES);
    ck_assert_uint_le(*out_len, HF_WAL_SEGMENT_BYTES);
    memcpy(whole, data, *out_len);
    *out_len = HF_WAL_SEGMENT_BYTES;
    free(data);
    return whole;
}

/* HF_TEST_STORE in the environment stores files that are not there yet. */
static void store_or_compare(const char *folder, const char *name, const char *segment)
{
    size_t len = 0, golden_len = 0;
    char full[600];
    uint8_t *data = hf_test_read_file(path, segment, &len);

    snprintf(full, sizeof(full), "%s/%s", folder, name);
    if (getenv("HF_TEST_STORE") && access(full, F_OK) != 0) {
        size_t used = len;
        while (used > HF_WAL_HEADERS && data[used - 1] == 0)
            used--;
        hf_test_write_file(folder, name, data, (used + 4095) / 4096 * 4096);
    }
    uint8_t *golden = read_stored(folder, name, &golden_len);
    ck_assert_uint_eq(len, golden_len);
    ck_assert_mem_eq(data, golden, len);
    free(golden);
    free(data);
}

/* Each part decoded and encoded again gives the same bytes. */
static void assert_encodes_the_same(const uint8_t *data, size_t len)
{
    struct hf_wal_header header;
    struct hf_wal_frame frame;
    struct hf_buf bytes = {0};
    uint32_t version = 0;

    ck_assert(hf_wal_header_decode(data, &header, &version));
    hf_wal_header_encode(&bytes, &header);
    ck_assert_mem_eq(bytes.data, data, HF_WAL_HEADERS);
    size_t count = 0;
    for (uint64_t at = header.first;; at += frame.length, count++) {
        uint64_t off = hf_wal_segment_offset(&header, at);
        if (!hf_wal_record_decode(data + off, len - (size_t)off, at, header.salt, &frame))
            break;
        hf_buf_clear(&bytes);
        hf_wal_record_encode(&bytes, &frame, header.salt);
        ck_assert_uint_eq(bytes.len, frame.length);
        ck_assert_mem_eq(bytes.data, data + off, bytes.len);
    }
    ck_assert_uint_gt(count, 3);
    hf_buf_release(&bytes);
}

START_TEST(segments_of_version_1_are_read_and_written_the_same)
{
    static const char *const names[] = {"wal-v1-first.bin", "wal-v1-taken-over.bin"};
    size_t len = 0;

    hf_test_sample_make(&sample, &watch.io, path);
    hf_test_log_forget_shared(path);
    hf_test_log_open(&sample, &watch.io, path);
    hf_test_log_commit(&sample, "after taking over");
    hf_test_log_close(&sample);
    store_or_compare(HF_TEST_GOLDEN_DIR, names[0], HF_TEST_SAMPLE);
    store_or_compare(HF_TEST_GOLDEN_DIR, names[1], HF_TEST_SAMPLE_NEXT);

    /* From the stored files alone. */
    for (size_t i = 0; i < 2; i++) {
        uint8_t *golden = read_stored(HF_TEST_GOLDEN_DIR, names[i], &len);
        assert_encodes_the_same(golden, len);
        hf_test_write_file(path, i == 0 ? HF_TEST_SAMPLE : HF_TEST_SAMPLE_NEXT, golden, len);
        free(golden);
    }
    hf_test_log_forget_shared(path);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(!log_.opened.corrupt);
    hf_test_log_expect(&log_, "intent a", "claim a", "commit a", "done a", "no pad", "long pad",
                       "intent b", "abort b", "commit c", "intent d", "after taking over", NULL);
}
END_TEST

/* Each was made from wal-v1-first.bin by the one change that its name tells. */
static const struct {
    const char *name;
    int rc;          /* of opening */
    size_t count;    /* records read before */
    uint64_t offset; /* that the damage names */
} corrupt[] = {
    {"wal-no-magic.bin", 0, 0, 0},
    {"wal-both-headers-damaged.bin", 0, 0, 0},
    {"wal-other-uuid.bin", 0, 0, 24},
    {"wal-other-sequence.bin", 0, 0, 24},
    {"wal-newer-version.bin", HF_ERR_VERSION, 0, 8},
    {"wal-unknown-feature.bin", HF_ERR_VERSION, 0, 8},
    {"wal-other-size.bin", 0, 0, 72},
    {"wal-claim-damaged.bin", 0, 1, 8192 + 72},
    {"wal-record-of-other-segment.bin", 0, 1, 8192 + 72},
    {"wal-commit-and-copy-damaged.bin", 0, 2, 8192 + 72 + 80},
    /* The first record was replaced by another one that is valid: the next does not follow it. */
    {"wal-record-replaced.bin", 0, 1, 8192 + 72},
};

#define CORRUPT_DIR HF_TEST_GOLDEN_DIR "/../corrupt"

START_TEST(a_damaged_segment_is_refused_for_the_right_reason)
{
    size_t len = 0;

    hf_test_sample_make(&sample, &watch.io, path);
    uint8_t *data = read_stored(CORRUPT_DIR, corrupt[_i].name, &len);
    hf_test_write_file(path, HF_TEST_SAMPLE, data, len);
    free(data);
    hf_test_log_forget_shared(path);
    int rc = hf_test_log_read(&log_, &watch.io, path, &err);
    ck_assert_msg(rc == corrupt[_i].rc, "%s: %d %s", corrupt[_i].name, rc, err.message);
    ck_assert_uint_eq(log_.count, corrupt[_i].count);
    if (rc == 0) {
        ck_assert(log_.opened.corrupt);
        err = log_.opened.damage;
    }
    ck_assert_str_eq(err.file, HF_TEST_SAMPLE_NAME);
    ck_assert_uint_eq(err.offset, corrupt[_i].offset);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_reader_golden");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, segments_of_version_1_are_read_and_written_the_same);
    tcase_add_loop_test(tests, a_damaged_segment_is_refused_for_the_right_reason, 0,
                        (int)(sizeof(corrupt) / sizeof(corrupt[0])));
    return hf_test_run("wal_reader_golden", tests);
}
