/*
 * Proves that a segment's header is read as it was written and refused when any bit of it changed;
 * that one damaged copy of it loses nothing and two are damage that names the file; that a segment
 * has its name only when it is whole and synced; and that a making which fails at any call leaves
 * either a whole segment or none.
 */
#include "wal/segment.h"

#include "base/checksum.h"
#include "support/log.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char path[256];
static int dir;
static struct hf_test_watch watch;
static struct hf_error err;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    err = (struct hf_error){0};
    ck_assert_int_eq(
        hf_io_open(&watch.io, HF_IO_CWD, path, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err), 0);
}

static void teardown(void)
{
    hf_io_close(&watch.io, &dir);
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

static struct hf_wal_header header_of(uint64_t sequence)
{
    struct hf_wal_header header = {
        .sequence = sequence,
        .salt = 0x1234567890abcdef,
        .first = 4096,
        .previous = 77,
        .size = HF_WAL_SEGMENT_BYTES,
        .created_ns = 5,
        .reason = HF_WAL_REASON_NEW_STORE,
    };
    memcpy(header.uuid, hf_test_log_uuid, 16);
    return header;
}

static int make(uint64_t sequence, uint64_t room)
{
    struct hf_wal_header header = header_of(sequence);
    struct hf_wal_segment segment;
    int rc = hf_wal_segment_make(&watch.io, dir, &header, NULL, room, &segment, &err);

    if (rc == 0)
        hf_wal_segment_close(&watch.io, &segment);
    return rc;
}

static int open_it(uint64_t sequence)
{
    struct hf_wal_segment segment;

    err = (struct hf_error){0};
    int rc = hf_wal_segment_open(&watch.io, dir, sequence, hf_test_log_uuid, false, &segment, &err);
    if (rc == 0)
        hf_wal_segment_close(&watch.io, &segment);
    return rc;
}

static bool decodes(const uint8_t *block)
{
    struct hf_wal_header out;
    uint32_t version = 0;

    return hf_wal_header_decode(block, &out, &version);
}

static void seal(uint8_t *block)
{
    uint64_t sum = hf_checksum(block, 4088, 0);

    for (int i = 0; i < 8; i++)
        block[4088 + i] = (uint8_t)(sum >> (8 * i));
}

START_TEST(a_header_is_read_as_it_was_written)
{
    struct hf_wal_header header = header_of(9), out;
    struct hf_buf bytes = {0};
    uint32_t version = 0;

    hf_wal_header_encode(&bytes, &header);
    ck_assert_uint_eq(bytes.len, HF_WAL_HEADERS);
    ck_assert_mem_eq(bytes.data, bytes.data + HF_WAL_BLOCK, HF_WAL_BLOCK);
    ck_assert(hf_wal_header_decode(bytes.data, &out, &version));
    ck_assert_uint_eq(version, 1);
    ck_assert_mem_eq(out.uuid, header.uuid, 16);
    ck_assert_uint_eq(out.sequence, 9);
    ck_assert_uint_eq(out.salt, header.salt);
    ck_assert_uint_eq(out.first, header.first);
    ck_assert_uint_eq(out.previous, header.previous);
    ck_assert_uint_eq(out.size, header.size);
    ck_assert_uint_eq(out.created_ns, header.created_ns);
    ck_assert_int_eq(out.reason, header.reason);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_header_with_any_bit_changed_is_none)
{
    struct hf_wal_header header = header_of(9);
    struct hf_buf bytes = {0};

    hf_wal_header_encode(&bytes, &header);
    for (size_t bit = 0; bit < 8 * HF_WAL_BLOCK; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        hf_test_require(!decodes(bytes.data));
        bytes.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    hf_buf_release(&bytes);
}
END_TEST

/* Their checksum is made right again. */
static const struct {
    const char *what;
    size_t off;
    uint8_t value;
} malformed[] = {
    {"another magic", 0, 'X'},
    {"reason 0", 20, 0},
    {"reason 5", 20, 5},
    {"first no multiple of 8", 56, 4},
    {"first below 4096", 57, 0},
    {"first beyond 2^62", 63, 0x40},
    {"size no multiple of 4096", 72, 8},
    {"a size without room for two headers", 74, 0},
    {"a reserved byte", 88, 1},
    {"the last reserved byte", 4087, 1},
};

START_TEST(a_header_that_breaks_a_rule_is_none_though_its_checksum_fits)
{
    struct hf_wal_header header = header_of(9);
    struct hf_buf bytes = {0};

    hf_wal_header_encode(&bytes, &header);
    ck_assert_uint_ne(bytes.data[malformed[_i].off], malformed[_i].value);
    bytes.data[malformed[_i].off] = malformed[_i].value;
    seal(bytes.data);
    ck_assert_msg(!decodes(bytes.data), "%s", malformed[_i].what);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_position_and_its_offset_agree_modulo_a_block)
{
    for (uint64_t first = 4096; first < 4096 * 3; first += 8) {
        struct hf_wal_header header = {.first = first};
        hf_test_require(hf_wal_segment_offset(&header, first) == 8192 + first % 4096);
        hf_test_require(hf_wal_segment_offset(&header, first + 12345 * 8) % 4096 ==
                        (first + 12345 * 8) % 4096);
    }
}
END_TEST

static void damage(const char *name, size_t off)
{
    size_t len = 0;
    uint8_t *data = hf_test_read_file(path, name, &len);

    data[off] ^= 0x10;
    hf_test_write_file(path, name, data, len);
    free(data);
}

START_TEST(one_damaged_copy_of_the_header_loses_nothing)
{
    ck_assert_int_eq(make(1, 0), 0);
    damage("0000000000000001.seg", 60);
    ck_assert_int_eq(open_it(1), 0);
    damage("0000000000000001.seg", 60);
    damage("0000000000000001.seg", 4096 + 60);
    ck_assert_int_eq(open_it(1), 0);
}
END_TEST

START_TEST(two_damaged_copies_of_the_header_are_damage_that_names_the_file)
{
    ck_assert_int_eq(make(1, 0), 0);
    damage("0000000000000001.seg", 60);
    damage("0000000000000001.seg", 4096 + 60);
    ck_assert_int_eq(open_it(1), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "0000000000000001.seg");
    ck_assert_uint_eq(err.offset, 0);
}
END_TEST

START_TEST(a_segment_of_another_number_or_store_is_damage)
{
    size_t len = 0;

    ck_assert_int_eq(make(1, 0), 0);
    uint8_t *data = hf_test_read_file(path, "0000000000000001.seg", &len);
    hf_test_write_file(path, "0000000000000002.seg", data, len);
    ck_assert_int_eq(open_it(2), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "0000000000000002.seg");
    for (int copy = 0; copy < 2; copy++) {
        data[copy * 4096 + 24] ^= 1;
        seal(data + copy * 4096);
    }
    hf_test_write_file(path, "0000000000000001.seg", data, len);
    ck_assert_int_eq(open_it(1), HF_ERR_CORRUPT);
    ck_assert_int_eq(open_it(3), HF_ERR_NOT_FOUND);
    free(data);
}
END_TEST

START_TEST(a_segment_that_lost_its_end_is_damage)
{
    size_t len = 0;

    ck_assert_int_eq(make(1, 0), 0);
    uint8_t *data = hf_test_read_file(path, "0000000000000001.seg", &len);
    hf_test_write_file(path, "0000000000000001.seg", data, len - 4096);
    ck_assert_int_eq(open_it(1), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "0000000000000001.seg");
    hf_test_write_file(path, "0000000000000001.seg", data, 100);
    ck_assert_int_eq(open_it(1), HF_ERR_CORRUPT);
    free(data);
}
END_TEST

START_TEST(a_newer_version_or_an_unknown_feature_is_refused_as_such)
{
    size_t len = 0;

    ck_assert_int_eq(make(1, 0), 0);
    uint8_t *data = hf_test_read_file(path, "0000000000000001.seg", &len);
    for (int copy = 0; copy < 2; copy++) {
        data[copy * 4096 + 8] = 2;
        seal(data + copy * 4096);
    }
    hf_test_write_file(path, "0000000000000001.seg", data, len);
    ck_assert_int_eq(open_it(1), HF_ERR_VERSION);
    for (int copy = 0; copy < 2; copy++) {
        data[copy * 4096 + 8] = 1;
        data[copy * 4096 + 12] = 0x80;
        seal(data + copy * 4096);
    }
    hf_test_write_file(path, "0000000000000001.seg", data, len);
    ck_assert_int_eq(open_it(1), HF_ERR_VERSION);
    for (int copy = 0; copy < 2; copy++) {
        data[copy * 4096 + 12] = 0;
        data[copy * 4096 + 16] = 0x80; /* this one may be ignored */
        seal(data + copy * 4096);
    }
    hf_test_write_file(path, "0000000000000001.seg", data, len);
    ck_assert_int_eq(open_it(1), 0);
    free(data);
}
END_TEST

START_TEST(segments_are_found_by_name_and_a_gap_is_damage)
{
    uint64_t lowest = 1, highest = 1;

    ck_assert_int_eq(hf_wal_segments_find(&watch.io, dir, &lowest, &highest, &err), 0);
    ck_assert_uint_eq(lowest, 0);
    ck_assert_uint_eq(highest, 0);
    for (uint64_t i = 9; i <= 0x12; i++) {
        char name[32];
        hf_wal_segment_name(i, name);
        hf_test_write_file(path, name, "", 0);
    }
    hf_test_write_file(path, "spare", "", 0);
    hf_test_write_file(path, "new", "", 0);
    hf_test_write_file(path, "0000000000000014.SEG", "", 0);
    hf_test_write_file(path, "00000000000000AA.seg", "", 0);
    hf_test_write_file(path, "14.seg", "", 0);
    hf_test_write_file(path, "0000000000000000.seg", "", 0);
    ck_assert_int_eq(hf_wal_segments_find(&watch.io, dir, &lowest, &highest, &err), 0);
    ck_assert_uint_eq(lowest, 9);
    ck_assert_uint_eq(highest, 0x12);
    hf_test_write_file(path, "0000000000000014.seg", "", 0);
    ck_assert_int_eq(hf_wal_segments_find(&watch.io, dir, &lowest, &highest, &err), HF_ERR_CORRUPT);
}
END_TEST

/* Index of the call, which must be there. */
static size_t at(size_t from, enum hf_test_op op, const char *what)
{
    size_t i = hf_test_watch_find(&watch, from, op, what);

    ck_assert_msg(i < watch.event_count, "no %s of %s", hf_test_op_name(op), what);
    return i;
}

static void assert_made_durably(const char *file, const char *name)
{
    size_t last_write = 0;

    for (size_t i = 0; i < watch.event_count; i++)
        if (watch.events[i].op == HF_TEST_WRITE)
            last_write = i;
    size_t synced = at(last_write, HF_TEST_FSYNC, file);
    size_t named = at(0, HF_TEST_RENAME, name);
    ck_assert_str_eq(watch.events[named].from, file);
    ck_assert_uint_lt(last_write, synced);
    ck_assert_uint_lt(synced, named);
    ck_assert_str_eq(watch.events[at(named, HF_TEST_FSYNC, "")].path, ".");
}

START_TEST(a_segment_is_synced_then_named_then_its_folder_synced)
{
    hf_test_watch_restart(&watch);
    ck_assert_int_eq(make(1, 0), 0);
    assert_made_durably("new", "0000000000000001.seg");

    hf_test_watch_restart(&watch);
    ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
    assert_made_durably("new", "spare");

    hf_test_watch_restart(&watch);
    ck_assert_int_eq(make(2, 0), 0);
    assert_made_durably("spare", "0000000000000002.seg");
    ck_assert(!hf_test_has_file(path, "spare"));
}
END_TEST

/* Who took it died before the renaming; or it is a segment by its other name. */
START_TEST(a_spare_in_which_something_was_written_is_made_anew)
{
    uint8_t block[HF_WAL_BLOCK];
    size_t len = 0;
    int fd = -1;

    ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
    ck_assert_int_eq(hf_io_open(&watch.io, dir, "spare", HF_IO_READ | HF_IO_WRITE, 0, &fd, &err),
                     0);
    ck_assert_int_eq(hf_io_pwrite(&watch.io, fd, "x", 1, 0, "spare", &err), 0);
    hf_io_close(&watch.io, &fd);
    ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
    ck_assert_int_eq(hf_io_open(&watch.io, dir, "spare", HF_IO_READ, 0, &fd, &err), 0);
    ck_assert_int_eq(hf_io_pread(&watch.io, fd, block, sizeof(block), 0, &len, "spare", &err), 0);
    ck_assert_uint_eq(block[0], 0);
    hf_io_close(&watch.io, &fd);
}
END_TEST

START_TEST(a_spare_that_is_too_short_is_left_for_others)
{
    ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
    ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
    ck_assert_int_eq(make(1, HF_WAL_SEGMENT_BYTES), 0);
    ck_assert(hf_test_has_file(path, "spare"));
    ck_assert_int_eq(open_it(1), 0);
    ck_assert_int_eq(make(2, 100), 0);
    ck_assert(!hf_test_has_file(path, "spare"));
    ck_assert_int_eq(open_it(2), 0);
}
END_TEST

/* Every call fails once, and for good; afterwards it works again. */
START_TEST(making_a_segment_that_fails_at_any_call_leaves_a_whole_one_or_none)
{
    static const int errors[] = {-EIO, -ENOSPC};
    bool with_spare = _i & 1, for_good = _i & 2;
    bool is_done = false;

    for (unsigned n = 1; !is_done; n++) {
        uint64_t number = n;
        char name[32];
        hf_wal_segment_name(number, name);
        if (with_spare)
            ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
        hf_test_watch_fail(&watch, n, HF_TEST_FAILS, errors[n % 2], for_good);
        int rc = make(number, 0);
        is_done = watch.failed == 0;
        hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
        ck_assert_msg(rc == 0 || err.message[0] != '\0', "call %u", n);
        if (is_done)
            ck_assert_int_eq(rc, 0);
        if (hf_test_has_file(path, name))
            ck_assert_int_eq(open_it(number), 0);
        else
            ck_assert_int_ne(rc, 0);
        if (rc != 0 && rc != HF_ERR_FAILED)
            ck_assert(!hf_test_has_file(path, name));
        if (rc == HF_ERR_FAILED)
            ck_assert(hf_test_has_file(path, name));
        ck_assert_uint_lt(n, 100);
    }
}
END_TEST

START_TEST(making_a_spare_that_fails_at_any_call_succeeds_when_done_again)
{
    bool is_done = false;

    for (unsigned n = 1; !is_done; n++) {
        hf_test_watch_fail(&watch, n, HF_TEST_FAILS, -ENOSPC, _i);
        int rc = hf_wal_spare_make(&watch.io, dir, &err);
        is_done = watch.failed == 0;
        hf_test_watch_fail(&watch, 0, HF_TEST_FAILS, 0, false);
        if (rc != 0)
            ck_assert_int_eq(rc, HF_ERR_NO_SPACE);
        ck_assert_int_eq(hf_wal_spare_make(&watch.io, dir, &err), 0);
        ck_assert(hf_test_has_file(path, "spare"));
        ck_assert(!hf_test_has_file(path, "new"));
        ck_assert_int_eq(hf_io_unlink(&watch.io, dir, "spare", &err), 0);
        ck_assert_uint_lt(n, 100);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_segment");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_header_is_read_as_it_was_written);
    tcase_add_test(tests, a_header_with_any_bit_changed_is_none);
    tcase_add_loop_test(tests, a_header_that_breaks_a_rule_is_none_though_its_checksum_fits, 0,
                        (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(tests, a_position_and_its_offset_agree_modulo_a_block);
    tcase_add_test(tests, one_damaged_copy_of_the_header_loses_nothing);
    tcase_add_test(tests, two_damaged_copies_of_the_header_are_damage_that_names_the_file);
    tcase_add_test(tests, a_segment_of_another_number_or_store_is_damage);
    tcase_add_test(tests, a_segment_that_lost_its_end_is_damage);
    tcase_add_test(tests, a_newer_version_or_an_unknown_feature_is_refused_as_such);
    tcase_add_test(tests, segments_are_found_by_name_and_a_gap_is_damage);
    tcase_add_test(tests, a_segment_is_synced_then_named_then_its_folder_synced);
    tcase_add_test(tests, a_spare_in_which_something_was_written_is_made_anew);
    tcase_add_test(tests, a_spare_that_is_too_short_is_left_for_others);
    tcase_add_loop_test(tests, making_a_segment_that_fails_at_any_call_leaves_a_whole_one_or_none,
                        0, 4);
    tcase_add_loop_test(tests, making_a_spare_that_fails_at_any_call_succeeds_when_done_again, 0,
                        2);
    return hf_test_run("wal_segment", tests);
}
