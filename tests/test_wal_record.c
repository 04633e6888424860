/*
 * Proves that a record of the log is read as it was written; that bytes which break any rule of
 * wal/FORMAT.md 1.2, their checksum right or not, are no record; that a COMMIT and its COPY share
 * no block wherever they stand; and that the worked example on that page is a record.
 */
#include "wal/record.h"

#include "base/checksum.h"
#include "support/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SALT     UINT64_C(0x5a17)
#define POSITION UINT64_C(81920)
#define PAGE     HF_TEST_GOLDEN_DIR "/../../wal/FORMAT.md"

static struct hf_wal_frame frame_of(enum hf_wal_type type, const void *payload, size_t len)
{
    return (struct hf_wal_frame){
        .type = type,
        .position = POSITION,
        .previous = 0x1122334455667788,
        .durable = POSITION - 64,
        .txn = type == HF_WAL_PAD ? 0 : 4096,
        .time_ns = 1700000000000000000,
        .payload = payload,
        .payload_len = len,
        .length = 64 + 16, /* of a PAD */
    };
}

static struct hf_buf encode(struct hf_wal_frame frame)
{
    struct hf_buf bytes = {0};

    hf_wal_record_encode(&bytes, &frame, SALT);
    hf_test_require(!bytes.failed);
    return bytes;
}

static bool decodes(const struct hf_buf *bytes)
{
    struct hf_wal_frame out;

    return hf_wal_record_decode(bytes->data, bytes->len, POSITION, SALT, &out);
}

/* Make the checksum right again after a byte was changed. */
static void seal(struct hf_buf *bytes)
{
    uint64_t sum = hf_checksum(bytes->data + 8, bytes->len - 8, SALT);

    for (int i = 0; i < 8; i++)
        bytes->data[i] = (uint8_t)(sum >> (8 * i));
}

START_TEST(a_record_of_every_type_and_length_is_read_as_it_was_written)
{
    uint8_t payload[300];

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + 1);
    for (int type = HF_WAL_INTENT; type <= HF_WAL_CLAIM; type++) {
        for (size_t len = 0; len < sizeof(payload); len++) {
            struct hf_wal_frame frame = frame_of((enum hf_wal_type)type, payload, len), out;
            struct hf_buf bytes = {0};
            hf_wal_record_encode(&bytes, &frame, SALT);
            hf_test_require(bytes.len == frame.length && bytes.len % 8 == 0);
            hf_test_require(bytes.len == hf_wal_record_length(len));
            hf_test_require(hf_wal_record_probe(bytes.data, POSITION) == bytes.len);
            hf_test_require(hf_wal_record_decode(bytes.data, bytes.len, POSITION, SALT, &out));
            hf_test_require(out.checksum == frame.checksum && out.length == frame.length);
            hf_test_require(out.type == frame.type && !out.is_copy && out.original == 0);
            hf_test_require(out.position == POSITION && out.previous == frame.previous);
            hf_test_require(out.durable == frame.durable && out.txn == frame.txn);
            hf_test_require(out.time_ns == frame.time_ns && out.payload_len == len);
            hf_test_require(memcmp(out.payload, payload, len) == 0);
            hf_buf_release(&bytes);
        }
    }
}
END_TEST

START_TEST(a_record_with_any_bit_changed_is_none)
{
    struct hf_buf bytes = encode(frame_of(HF_WAL_INTENT, "thirteen byte", 13));

    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        ck_assert_msg(!decodes(&bytes), "bit %zu", bit);
        bytes.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    ck_assert(decodes(&bytes));
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_record_cut_at_any_length_is_none)
{
    struct hf_buf bytes = encode(frame_of(HF_WAL_INTENT, "thirteen byte", 13));

    for (size_t len = 0; len < bytes.len; len++) {
        /* In memory of just that size, so that a read behind it is seen. */
        uint8_t *cut = malloc(len + 1);
        struct hf_wal_frame out;
        memcpy(cut, bytes.data, len);
        hf_test_require(!hf_wal_record_decode(cut, len, POSITION, SALT, &out));
        free(cut);
    }
    hf_buf_release(&bytes);
}
END_TEST

/* What to change in which record; its checksum is made right again. */
static const struct {
    const char *what;
    enum hf_wal_type type;
    size_t off;
    uint8_t value;
} malformed[] = {
    {"length no multiple of 8", HF_WAL_INTENT, 8, 84},
    {"length beyond the bytes", HF_WAL_INTENT, 8, 88},
    {"length above the limit", HF_WAL_INTENT, 11, 0x05},
    {"length below a header", HF_WAL_INTENT, 8, 56},
    {"type 0", HF_WAL_INTENT, 12, 0},
    {"type 7", HF_WAL_INTENT, 12, 7},
    {"an unknown flag", HF_WAL_INTENT, 13, 2},
    {"an unknown flag beside COPY", HF_WAL_COMMIT, 13, 3},
    {"COPY without an original", HF_WAL_COMMIT, 13, 1},
    {"an original without COPY", HF_WAL_COMMIT, 57, 16},
    {"slack 8", HF_WAL_INTENT, 14, 8},
    {"slack 256", HF_WAL_INTENT, 15, 1},
    {"slack over bytes that are not zero", HF_WAL_INTENT, 14, 4},
    {"a byte behind the payload", HF_WAL_INTENT, 79, 1},
    {"another position", HF_WAL_INTENT, 16, 8},
    {"durable behind the record", HF_WAL_INTENT, 35, 1},
    {"a PAD with a transaction", HF_WAL_PAD, 41, 16},
    {"a PAD with slack", HF_WAL_PAD, 14, 1},
    {"a PAD with a byte in it", HF_WAL_PAD, 70, 1},
};

START_TEST(a_record_that_breaks_a_rule_is_none_though_its_checksum_fits)
{
    bool is_pad = malformed[_i].type == HF_WAL_PAD;
    struct hf_buf bytes =
        encode(frame_of(malformed[_i].type, is_pad ? NULL : "thirteen byte", is_pad ? 0 : 13));

    ck_assert(decodes(&bytes));
    ck_assert_uint_ne(bytes.data[malformed[_i].off], malformed[_i].value);
    bytes.data[malformed[_i].off] = malformed[_i].value;
    seal(&bytes);
    ck_assert_msg(!decodes(&bytes), "%s", malformed[_i].what);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(slack_without_room_for_it_is_no_record)
{
    struct hf_buf bytes = encode(frame_of(HF_WAL_DONE, NULL, 0));

    bytes.data[14] = 1;
    seal(&bytes);
    ck_assert(!decodes(&bytes));
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_copy_of_anything_but_an_earlier_commit_is_no_record)
{
    struct hf_wal_frame frame = frame_of(HF_WAL_COMMIT, "x", 1);
    frame.is_copy = true;
    frame.original = POSITION - 4096;
    struct hf_buf bytes = encode(frame);

    ck_assert(decodes(&bytes));
    bytes.data[12] = HF_WAL_INTENT;
    seal(&bytes);
    ck_assert(!decodes(&bytes));
    bytes.data[12] = HF_WAL_COMMIT;
    for (int i = 0; i < 8; i++) /* it repeats itself */
        bytes.data[56 + i] = (uint8_t)(POSITION >> (8 * i));
    seal(&bytes);
    ck_assert(!decodes(&bytes));
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_record_of_another_position_or_segment_is_none)
{
    struct hf_buf bytes = encode(frame_of(HF_WAL_COMMIT, "x", 1));
    struct hf_wal_frame out;

    ck_assert(!hf_wal_record_decode(bytes.data, bytes.len, POSITION + 8, SALT, &out));
    ck_assert(!hf_wal_record_decode(bytes.data, bytes.len, POSITION, SALT + 1, &out));
    ck_assert(hf_wal_record_decode(bytes.data, bytes.len, POSITION, SALT, &out));
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(random_bytes_are_no_record_and_harm_nobody)
{
    struct hf_test_random random;

    hf_test_random_init(&random, "random_bytes_are_no_record_and_harm_nobody");
    for (int i = 0; i < 20000; i++) {
        size_t len = hf_test_random_below(&random, 400);
        uint8_t *data = malloc(len + 1);
        struct hf_wal_frame out;
        for (size_t j = 0; j < len; j++)
            data[j] = (uint8_t)hf_test_random_next(&random);
        if (len >= 24) { /* past the cheap checks */
            memcpy(data + 8, "\x40\0\0\0", 4);
            memcpy(data + 16, "\0\x40\x01\0\0\0\0", 8);
        }
        hf_test_require(!hf_wal_record_decode(data, len, POSITION, SALT, &out));
        free(data);
    }
}
END_TEST

/* Wherever a COMMIT stands and however long it is. */
START_TEST(a_commit_and_its_copy_share_no_block)
{
    static uint8_t payload[9000];

    for (uint64_t start = POSITION; start < POSITION + 4096; start += 8) {
        size_t len = (size_t)(start * 31 % 9000);
        struct hf_wal_frame frame = frame_of(HF_WAL_COMMIT, payload, len), first, pad, copy;
        struct hf_buf bytes = {0};
        frame.position = start;
        uint64_t end = hf_wal_record_encode_whole(&bytes, &frame, SALT);

        hf_test_require(end == start + bytes.len);
        hf_test_require(hf_wal_record_decode(bytes.data, bytes.len, start, SALT, &first));
        uint64_t at = start + first.length, previous = first.checksum;
        if (at % 4096 != 0) {
            hf_test_require(
                hf_wal_record_decode(bytes.data + (at - start), bytes.len, at, SALT, &pad));
            hf_test_require(pad.type == HF_WAL_PAD && pad.previous == previous);
            at += pad.length;
            previous = pad.checksum;
        }
        hf_test_require(at == hf_wal_copy_position(start, first.length));
        hf_test_require(at % 4096 == 0 && at - (start + first.length) < 4096 + 64);
        hf_test_require(hf_wal_record_decode(bytes.data + (at - start),
                                             bytes.len - (size_t)(at - start), at, SALT, &copy));
        hf_test_require(copy.is_copy && copy.original == start && copy.previous == previous);
        hf_test_require(copy.type == HF_WAL_COMMIT && copy.payload_len == len);
        hf_test_require(copy.txn == first.txn && copy.time_ns == first.time_ns &&
                        copy.durable == first.durable);
        hf_test_require(memcmp(copy.payload, first.payload, len) == 0);
        hf_test_require(frame.checksum == copy.checksum && end == at + copy.length);
        hf_buf_release(&bytes);
    }
}
END_TEST

/* The lines of hexadecimal digits in section 5 of the page. */
static size_t read_worked_example(uint8_t *out, size_t max)
{
    char line[512];
    size_t len = 0;
    bool in_section = false;
    FILE *page = fopen(PAGE, "r");

    ck_assert_msg(page != NULL, "cannot open %s", PAGE);
    while (fgets(line, sizeof(line), page)) {
        unsigned off = 0;
        int used = 0;
        if (strncmp(line, "## ", 3) == 0)
            in_section = strstr(line, "Worked example") != NULL;
        if (!in_section || sscanf(line, "%4x  %n", &off, &used) != 1 || used == 0 || off != len)
            continue;
        for (int i = 0; i < 16; i++) {
            unsigned byte = 0;
            int n = 0;
            ck_assert_int_eq(sscanf(line + used, "%2x%n", &byte, &n), 1);
            used += n;
            ck_assert_uint_lt(len, max);
            out[len++] = (uint8_t)byte;
        }
    }
    fclose(page);
    return len;
}

START_TEST(the_worked_example_of_the_page_is_a_record)
{
    uint8_t bytes[256];
    size_t len = read_worked_example(bytes, sizeof(bytes));
    struct hf_wal_frame frame = {
        .type = HF_WAL_DONE, .position = 4096, .durable = 4096, .txn = 4096};
    struct hf_wal_frame out;
    struct hf_buf expected = {0};

    hf_wal_record_encode(&expected, &frame, 0);
    ck_assert_uint_eq(len, 64);
    ck_assert_uint_eq(expected.len, 64);
    ck_assert_mem_eq(bytes, expected.data, 64);
    ck_assert(hf_wal_record_decode(bytes, len, 4096, 0, &out));
    ck_assert_int_eq(out.type, HF_WAL_DONE);
    ck_assert_uint_eq(out.txn, 4096);
    ck_assert_uint_eq(out.payload_len, 0);
    hf_buf_release(&expected);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_record");

    tcase_add_test(tests, a_record_of_every_type_and_length_is_read_as_it_was_written);
    tcase_add_test(tests, a_record_with_any_bit_changed_is_none);
    tcase_add_test(tests, a_record_cut_at_any_length_is_none);
    tcase_add_loop_test(tests, a_record_that_breaks_a_rule_is_none_though_its_checksum_fits, 0,
                        (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(tests, slack_without_room_for_it_is_no_record);
    tcase_add_test(tests, a_copy_of_anything_but_an_earlier_commit_is_no_record);
    tcase_add_test(tests, a_record_of_another_position_or_segment_is_none);
    tcase_add_test(tests, random_bytes_are_no_record_and_harm_nobody);
    tcase_add_test(tests, a_commit_and_its_copy_share_no_block);
    tcase_add_test(tests, the_worked_example_of_the_page_is_a_record);
    return hf_test_run("wal_record", tests);
}
