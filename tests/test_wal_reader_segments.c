/*
 * Proves how a log of several segments is read (wal/FORMAT.md 2): where a segment is missing or
 * damaged the log ends, with an error that names file and offset; it opens read-only and stays as
 * it is. Reading begins where it is asked to, and must reach the newest checkpoint.
 */
#include "wal/reader.h"

#include "support/log_sample.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
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

static void make_three_segments(void)
{
    hf_test_sample_make(&sample, &watch.io, path);
    for (int i = 0; i < 2; i++) {
        hf_test_log_forget_shared(path);
        hf_test_log_open(&sample, &watch.io, path);
        hf_test_log_commit(&sample, i == 0 ? "second" : "third");
        hf_test_log_close(&sample);
    }
    ck_assert_uint_eq(hf_test_segment_count(path), 4);
}

START_TEST(a_missing_segment_is_damage)
{
    char name[512];

    make_three_segments();
    hf_test_log_forget_shared(path);
    snprintf(name, sizeof(name), "%s/" HF_TEST_SAMPLE_NEXT, path);
    ck_assert_int_eq(unlink(name), 0);
    int rc = hf_test_log_read(&log_, &watch.io, path, &err);
    ck_assert(rc == HF_ERR_CORRUPT || (rc == 0 && log_.opened.corrupt));
    snprintf(name, sizeof(name), "%s/" HF_TEST_SAMPLE_FIRST, path);
    ck_assert_int_eq(unlink(name), 0);
    snprintf(name, sizeof(name), "%s/" HF_TEST_SAMPLE, path);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err),
                     HF_ERR_CORRUPT); /* needed from its beginning */
    snprintf(name, sizeof(name), "%s/wal/0000000000000004.seg", path);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err),
                     HF_ERR_CORRUPT); /* no segment at all */
}
END_TEST

START_TEST(damage_before_a_later_segment_is_named_and_the_log_read_up_to_it)
{
    make_three_segments();
    hf_test_log_forget_shared(path);
    const struct hf_test_record *record = hf_test_log_find(&sample, "abort b");
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, hf_test_sample_offset(record->position), 8, 0x99);
    /* It moved to the second segment, since it was not durable in the first. */
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(!log_.opened.corrupt);
    ck_assert_uint_eq(log_.count, sample.count);

    record = hf_test_log_find(&sample, "claim a");
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, hf_test_sample_offset(record->position), 8, 0x99);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(log_.opened.corrupt);
    ck_assert_uint_eq(log_.count, 1);
    ck_assert_str_eq(log_.opened.damage.file, HF_TEST_SAMPLE_NAME);
    ck_assert_uint_eq(log_.opened.damage.offset, hf_test_sample_offset(record->position));
}
END_TEST

START_TEST(a_damaged_log_opens_for_writing_read_only_and_stays_as_it_is)
{
    bool after_boot = _i == 0;
    static struct hf_test_log writer;
    size_t len = 0, len_after = 0;
    uint64_t end = 0;

    hf_test_sample_make(&sample, &watch.io, path);
    const struct hf_test_record *record = hf_test_log_find(&sample, "claim a");
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, hf_test_sample_offset(record->position), 8, 0x99);
    if (after_boot)
        hf_test_log_forget_shared(path);
    uint8_t *before = hf_test_read_file(path, HF_TEST_SAMPLE, &len);
    hf_test_log_open(&writer, &watch.io, path);
    ck_assert(writer.opened.corrupt);
    ck_assert_str_eq(writer.opened.damage.file, HF_TEST_SAMPLE_NAME);
    ck_assert_uint_eq(writer.opened.damage.offset, hf_test_sample_offset(record->position));
    hf_test_log_expect(&writer, "intent a", NULL);
    ck_assert_int_eq(hf_wal_lock(writer.wal, &err), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_wal_append(writer.wal, HF_WAL_COMMIT, 0, "x", 1, &end, &err),
                     HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_wal_refresh(writer.wal, &err), 0);
    hf_test_log_close(&writer);
    uint8_t *after = hf_test_read_file(path, HF_TEST_SAMPLE, &len_after);
    ck_assert_uint_eq(len, len_after);
    ck_assert_mem_eq(before, after, len);
    ck_assert_uint_eq(hf_test_segment_count(path), 2);
    free(before);
    free(after);
}
END_TEST

/* A handle that is open when the damage comes: it can still be read, not written. */
START_TEST(damage_that_comes_under_an_open_handle_makes_it_read_only)
{
    static struct hf_test_log one, two;

    hf_test_log_create(&watch.io, path);
    hf_test_log_open(&one, &watch.io, path);
    hf_test_log_open(&two, &watch.io, path);
    hf_test_log_commit(&one, "first");
    ck_assert_int_eq(hf_wal_refresh(two.wal, &err), 0);
    hf_test_log_commit(&one, "second");
    hf_test_log_commit(&one, "third");
    hf_test_log_overwrite(path, HF_TEST_SAMPLE,
                          hf_test_sample_offset(hf_test_log_find(&one, "third")->position), 60,
                          0x99);
    hf_test_log_overwrite(
        path, HF_TEST_SAMPLE,
        hf_test_sample_offset(hf_wal_copy_position(hf_test_log_find(&one, "third")->position, 72)),
        60, 0x99);
    ck_assert_int_eq(hf_wal_refresh(two.wal, &err), 0);
    hf_test_log_expect(&two, "first", "second", NULL);
    ck_assert_int_eq(hf_wal_lock(two.wal, &err), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_wal_refresh(two.wal, &err), 0);
    hf_test_log_expect(&two, "first", "second", NULL);
    hf_test_log_close(&one);
    hf_test_log_close(&two);
}
END_TEST

START_TEST(a_log_that_ends_before_the_newest_checkpoint_is_damaged)
{
    static struct hf_test_log writer;

    hf_test_sample_make(&sample, &watch.io, path);
    uint64_t end = sample.records[sample.count - 1].end;
    for (int same = 0; same < 2; same++) {
        hf_test_log_forget_shared(path);
        log_.must_reach = writer.must_reach = end + 4096;
        log_.from = writer.from = same ? end + 4096 : 0;
        ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
        ck_assert(log_.opened.corrupt);
        hf_test_log_open(&writer, &watch.io, path);
        ck_assert(writer.opened.corrupt);
        ck_assert_int_eq(hf_wal_lock(writer.wal, &err), HF_ERR_CORRUPT);
        hf_test_log_close(&writer);
    }
    log_.must_reach = end;
    log_.from = 0;
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(!log_.opened.corrupt);
    log_.must_reach = 0;
}
END_TEST

START_TEST(reading_begins_where_it_is_asked_to)
{
    make_three_segments();
    hf_test_log_forget_shared(path);
    for (size_t i = 0; i < sample.count; i++) {
        log_.from = sample.records[i].position;
        ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
        ck_assert_uint_eq(log_.count, sample.count - i);
        ck_assert_uint_eq(log_.records[0].position, sample.records[i].position);
    }
    log_.from = 0;
}
END_TEST

/* The newest header rots: what is before it stays readable. */
START_TEST(a_segment_without_a_header_ends_the_log_there)
{
    make_three_segments();
    hf_test_log_forget_shared(path);
    hf_test_log_overwrite(path, "wal/0000000000000004.seg", 0, 8192, 0);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(log_.opened.corrupt);
    ck_assert_str_eq(log_.opened.damage.file, "0000000000000004.seg");
    ck_assert_str_eq(log_.records[log_.count - 1].text, "second");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_reader_segments");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_missing_segment_is_damage);
    tcase_add_test(tests, damage_before_a_later_segment_is_named_and_the_log_read_up_to_it);
    tcase_add_loop_test(tests, a_damaged_log_opens_for_writing_read_only_and_stays_as_it_is, 0, 2);
    tcase_add_test(tests, damage_that_comes_under_an_open_handle_makes_it_read_only);
    tcase_add_test(tests, a_log_that_ends_before_the_newest_checkpoint_is_damaged);
    tcase_add_test(tests, reading_begins_where_it_is_asked_to);
    tcase_add_test(tests, a_segment_without_a_header_ends_the_log_there);
    return hf_test_run("wal_reader_segments", tests);
}
