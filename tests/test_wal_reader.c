/*
 * Proves how a log is read (wal/FORMAT.md 1.2 and 2): that every byte changed, and every tail torn,
 * gives the same records, or fewer with an error that names file and offset, or fewer that nothing
 * had called durable; never wrong ones. That a COMMIT is read from its COPY. Several segments:
 * test_wal_reader_segments.c. Files that were stored: test_wal_reader_golden.c.
 */
#include "wal/reader.h"

#include "support/log_sample.h"
#include "support/random.h"
#include "support/suite.h"

#include <fcntl.h>
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

/* --- every byte ------------------------------------------------------------------------------- */

/* A part of the file: a record, PAD or COPY, as it was written. */
struct part {
    uint64_t position, end, durable;
    bool is_commit; /* with a COPY */
};

static size_t list_parts(struct part *parts, const uint8_t *data, size_t len)
{
    struct hf_wal_header header;
    struct hf_wal_frame frame;
    uint32_t version = 0;
    size_t count = 0;

    ck_assert(hf_wal_header_decode(data, &header, &version));
    for (uint64_t at = header.first;; at = frame.position + frame.length) {
        uint64_t off = hf_wal_segment_offset(&header, at);
        if (off >= len ||
            !hf_wal_record_decode(data + off, len - (size_t)off, at, header.salt, &frame))
            return count;
        parts[count++] = (struct part){
            .position = at,
            .end = at + frame.length,
            .durable = frame.durable,
            .is_commit = frame.type == HF_WAL_COMMIT && !frame.is_copy,
        };
    }
}

/* One part is damaged. What may a reader say? `known`: what `shared` calls durable. */
static void judge(const struct part *parts, size_t count, size_t damaged, uint64_t known)
{
    const struct part *part = &parts[damaged];
    uint64_t called = known;

    for (size_t i = damaged + 1; i < count; i++)
        called = parts[i].durable > called ? parts[i].durable : called;
    hf_test_log_expect_same(&log_, &sample);
    hf_test_require(log_.count <= sample.count);
    if (part->is_commit) { /* its COPY is read */
        hf_test_require(log_.count == sample.count && !log_.opened.corrupt);
        return;
    }
    /* All before it is there, and nothing behind it. */
    size_t before = 0;
    while (before < sample.count && sample.records[before].position < part->position)
        before++;
    hf_test_require(log_.count == before);
    hf_test_require(log_.opened.corrupt == (called > part->position));
    if (!log_.opened.corrupt)
        return;
    hf_test_require(log_.opened.damage.code == HF_ERR_CORRUPT);
    hf_test_require(strcmp(log_.opened.damage.file, HF_TEST_SAMPLE_NAME) == 0);
    hf_test_require(log_.opened.damage.offset == hf_test_sample_offset(part->position));
}

static void change_every_byte(uint64_t known)
{
    struct part parts[64];
    size_t len = 0, part = 0;
    uint8_t *data = hf_test_read_file(path, HF_TEST_SAMPLE, &len);
    size_t count = list_parts(parts, data, len);
    char full[512];

    ck_assert_uint_gt(count, 12);
    snprintf(full, sizeof(full), "%s/" HF_TEST_SAMPLE, path);
    int fd = open(full, O_RDWR);
    for (size_t off = 0; off < len; off++) {
        uint8_t byte = data[off] ^ (uint8_t)(1 << (off % 8));
        hf_test_require(pwrite(fd, &byte, 1, (off_t)off) == 1);
        hf_test_require(hf_test_log_read(&log_, &watch.io, path, &err) == 0);
        while (part < count && off >= hf_test_sample_offset(parts[part].end))
            part++;
        if (off < HF_WAL_HEADERS || part == count) { /* the other header; nothing */
            hf_test_require(log_.count == sample.count && !log_.opened.corrupt);
            hf_test_log_expect_same(&log_, &sample);
        } else {
            judge(parts, count, part, known);
        }
        hf_test_require(pwrite(fd, data + off, 1, (off_t)off) == 1);
    }
    close(fd);
    free(data);
}

START_TEST(no_byte_changed_gives_wrong_records_after_a_boot)
{
    hf_test_sample_make(&sample, &watch.io, path);
    hf_test_log_shorten(path, HF_TEST_SAMPLE);
    hf_test_log_forget_shared(path);
    change_every_byte(0);
}
END_TEST

/* `shared` of this boot says how far the log is durable; the reader stops there. */
START_TEST(no_byte_changed_gives_wrong_records_in_a_running_system)
{
    uint64_t durable = hf_test_sample_make(&sample, &watch.io, path);
    while (sample.count > 0 && sample.records[sample.count - 1].end > durable)
        sample.count--;
    hf_test_log_shorten(path, HF_TEST_SAMPLE);
    change_every_byte(durable);
}
END_TEST

/* --- torn tails ------------------------------------------------------------------------------- */

/* Records of the sample that must be there when the file ends (in zeros or dirt) at `off`. */
static size_t whole_before(size_t off)
{
    size_t count = 0;

    for (; count < sample.count; count++) {
        const struct hf_test_record *record = &sample.records[count];
        uint64_t first_end = record->position + 64 + (record->payload_len + 7) / 8 * 8;
        if (hf_test_sample_offset(first_end) > off)
            break;
    }
    return count;
}

START_TEST(a_log_torn_at_any_length_ends_before_the_first_record_that_is_not_whole)
{
    bool with_dirt = _i == 1;
    size_t len = 0;

    hf_test_sample_make(&sample, &watch.io, path);
    hf_test_log_shorten(path, HF_TEST_SAMPLE);
    hf_test_log_forget_shared(path);
    uint8_t *data = hf_test_read_file(path, HF_TEST_SAMPLE, &len);
    uint8_t *torn = malloc(len);
    for (size_t off = HF_WAL_HEADERS; off < len; off += 8 + (off / 8) % 3) {
        memcpy(torn, data, len);
        memset(torn + off, with_dirt ? 0xd1 : 0, len - off);
        hf_test_write_file(path, HF_TEST_SAMPLE, torn, len);
        hf_test_require(hf_test_log_read(&log_, &watch.io, path, &err) == 0);
        hf_test_require(!log_.opened.corrupt);
        /* Zeros may be what the record ended in. */
        size_t count = whole_before(off);
        hf_test_require(log_.count == count || (!with_dirt && log_.count == count + 1));
        hf_test_log_expect_same(&log_, &sample);
        if (with_dirt)
            hf_test_require(log_.opened.torn_bytes > 0);
    }
    free(torn);
    free(data);
}
END_TEST

/* Whatever sectors beyond the durable position did not reach the disk, in whatever order. */
START_TEST(what_was_durable_is_read_whichever_sectors_behind_it_are_lost)
{
    struct hf_test_random random;
    size_t len = 0, must = 0;

    hf_test_random_init(&random, "what_was_durable_is_read_whichever_sectors_behind_it_are_lost");
    uint64_t durable = hf_test_sample_make(&sample, &watch.io, path);
    while (must < sample.count && sample.records[must].end <= durable)
        must++;
    hf_test_log_shorten(path, HF_TEST_SAMPLE);
    hf_test_log_forget_shared(path);
    uint8_t *data = hf_test_read_file(path, HF_TEST_SAMPLE, &len);
    uint8_t *cut = malloc(len);
    for (int round = 0; round < 1000; round++) {
        memcpy(cut, data, len);
        uint64_t chance = hf_test_random_next(&random);
        for (size_t off = 0; off < len; off += 512) {
            size_t from =
                off < hf_test_sample_offset(durable) ? (size_t)hf_test_sample_offset(durable) : off;
            if (from < off + 512 && hf_test_random_next(&random) < chance)
                memset(cut + from, 0, off + 512 - from);
        }
        hf_test_write_file(path, HF_TEST_SAMPLE, cut, len);
        hf_test_require(hf_test_log_read(&log_, &watch.io, path, &err) == 0);
        hf_test_require(!log_.opened.corrupt);
        hf_test_require(log_.count >= must);
        hf_test_log_expect_same(&log_, &sample);
    }
    free(cut);
    free(data);
}
END_TEST

/* The same, opened for writing: what is read moves on, once, and can be appended to. */
START_TEST(a_torn_log_is_taken_over_with_each_record_once)
{
    static struct hf_test_log writer, reader;
    size_t len = 0;

    hf_test_sample_make(&sample, &watch.io, path);
    uint8_t *data = hf_test_read_file(path, HF_TEST_SAMPLE, &len);
    uint8_t *torn = malloc(len);
    size_t used = (size_t)hf_test_sample_offset(sample.records[sample.count - 1].end);
    for (size_t off = HF_WAL_HEADERS; off < used + 200; off += 328) {
        char last[32];
        memcpy(torn, data, len);
        memset(torn + off, 0, len - off);
        hf_test_write_file(path, HF_TEST_SAMPLE, torn, len);
        hf_test_log_forget_shared(path);
        hf_test_log_open(&writer, &watch.io, path);
        ck_assert(!writer.opened.corrupt && !writer.opened.regular && !writer.opened.this_boot);
        hf_test_log_expect_same(&writer, &sample);
        ck_assert_uint_ge(writer.count, whole_before(off));
        ck_assert_uint_eq(hf_wal_durable(writer.wal), hf_wal_tail(writer.wal));
        snprintf(last, sizeof(last), "after %zu", off);
        hf_test_log_commit(&writer, last);
        hf_test_log_close(&writer);

        hf_test_log_forget_shared(path);
        reader.read_only = true;
        hf_test_log_open(&reader, &watch.io, path);
        ck_assert(!reader.opened.corrupt);
        ck_assert_uint_eq(reader.count, writer.count);
        hf_test_log_expect_same(&reader, &writer);
        ck_assert_str_eq(reader.records[reader.count - 1].text, last);
        hf_test_log_close(&reader);
        ck_assert(hf_test_has_file(path, HF_TEST_SAMPLE_NEXT));
        char second[512];
        snprintf(second, sizeof(second), "%s/" HF_TEST_SAMPLE_NEXT, path);
        ck_assert_int_eq(unlink(second), 0);
    }
    free(torn);
    free(data);
}
END_TEST

/* --- COPY ------------------------------------------------------------------------------------- */

/* Its whole block is lost, as by a bad sector. */
START_TEST(a_commit_whose_block_is_lost_is_read_from_its_copy)
{
    hf_test_sample_make(&sample, &watch.io, path);
    hf_test_log_forget_shared(path);
    const struct hf_test_record *commit = hf_test_log_find(&sample, "commit a");
    uint64_t off = hf_test_sample_offset(commit->position);
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, off, (size_t)(4096 - off % 4096), 0);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(!log_.opened.corrupt);
    ck_assert_uint_eq(log_.count, sample.count);
    hf_test_log_expect_same(&log_, &sample);
}
END_TEST

START_TEST(a_commit_is_taken_over_from_its_copy)
{
    static struct hf_test_log writer;

    hf_test_sample_make(&sample, &watch.io, path);
    const struct hf_test_record *commit = hf_test_log_find(&sample, "commit c");
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, hf_test_sample_offset(commit->position) + 20, 1,
                          0x55);
    hf_test_log_forget_shared(path);
    hf_test_log_open(&writer, &watch.io, path);
    ck_assert(!writer.opened.corrupt);
    ck_assert_uint_eq(writer.count, sample.count);
    hf_test_log_close(&writer);
    hf_test_log_forget_shared(path);
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, hf_test_sample_offset(sample.records[3].position),
                          4096, 0); /* not needed any more? */
    log_.from = commit->position;
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    log_.from = 0;
}
END_TEST

START_TEST(a_copy_of_another_commit_is_not_taken)
{
    hf_test_sample_make(&sample, &watch.io, path);
    hf_test_log_forget_shared(path);
    const struct hf_test_record *done = hf_test_log_find(&sample, "done a");
    hf_test_log_overwrite(path, HF_TEST_SAMPLE, hf_test_sample_offset(done->position) + 20, 1,
                          0x55);
    ck_assert_int_eq(hf_test_log_read(&log_, &watch.io, path, &err), 0);
    ck_assert(log_.opened.corrupt);
    ck_assert_str_eq(log_.records[log_.count - 1].text, "commit a");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wal_reader");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, no_byte_changed_gives_wrong_records_after_a_boot);
    tcase_add_test(tests, no_byte_changed_gives_wrong_records_in_a_running_system);
    tcase_add_loop_test(
        tests, a_log_torn_at_any_length_ends_before_the_first_record_that_is_not_whole, 0, 2);
    tcase_add_test(tests, what_was_durable_is_read_whichever_sectors_behind_it_are_lost);
    tcase_add_test(tests, a_torn_log_is_taken_over_with_each_record_once);
    tcase_add_test(tests, a_commit_whose_block_is_lost_is_read_from_its_copy);
    tcase_add_test(tests, a_commit_is_taken_over_from_its_copy);
    tcase_add_test(tests, a_copy_of_another_commit_is_not_taken);
    return hf_test_run("wal_reader", tests);
}
