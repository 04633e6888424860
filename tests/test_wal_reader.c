/*
 * Proves how a log is read (wal/FORMAT.md 1.2 and 2), on whole files: that every byte changed, and
 * every tail torn, gives the same records, or fewer with an error that names file and offset, or
 * fewer that nothing had called durable; never wrong ones. That a COMMIT is read from its COPY.
 * That segments of version 1 stay readable and are still written the same, and that damaged ones
 * are refused for the right reason.
 */
#include "wal/reader.h"

#include "support/log.h"
#include "support/random.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first open of a new log takes over, as after a boot: the sample is in the second segment. */
#define FIRST       "wal/0000000000000001.seg"
#define SAMPLE      "wal/0000000000000002.seg"
#define SAMPLE_NAME "0000000000000002.seg"
#define NEXT        "wal/0000000000000003.seg"

static char path[256];
static struct hf_test_watch watch;
static struct hf_test_log log_;
static struct hf_error err;

static void setup(void)
{
    hf_test_make_dir(path);
    hf_test_watch_init(&watch, path);
    watch.skips_sync = true;
    watch.fixes_chance = true;
    watch.forgets = true;
    err = (struct hf_error){0};
}

static void teardown(void)
{
    hf_test_watch_release(&watch);
    hf_test_remove_dir(path);
}

/* --- a log with a bit of everything ----------------------------------------------------------- */

static void sync_all(struct hf_test_log *log)
{
    ck_assert_int_eq(hf_wal_sync(log->wal, hf_wal_tail(log->wal), &err), 0);
}

static uint64_t append(struct hf_test_log *log, enum hf_wal_type type, uint64_t txn,
                       const char *text, size_t len)
{
    uint8_t payload[9000] = {0};
    uint64_t end = 0, begun = 0;

    snprintf((char *)payload, sizeof(payload), "%s", text);
    if (len < strlen(text))
        len = strlen(text);
    ck_assert_int_eq(hf_test_log_try_append(log, type, txn, payload, len, &begun, &end, &err), 0);
    return begun;
}

/* How long a COMMIT's payload is that ends `gap` bytes before a block's end. */
static size_t len_for_gap(struct hf_test_log *log, size_t gap)
{
    size_t into = (size_t)(hf_wal_tail(log->wal) % 4096);
    size_t want = (2 * 4096 - gap - into - 64) % 4096;

    return want < 16 ? want + 4096 : want;
}

/* Every kind of record; COMMITs with a PAD, without one, and with a long one; synced now and then,
 * and not at the end. */
static void fill(struct hf_test_log *log)
{
    uint64_t a = append(log, HF_WAL_INTENT, 0, "intent a", 0);
    append(log, HF_WAL_CLAIM, a, "claim a", 13);
    append(log, HF_WAL_COMMIT, a, "commit a", 100);
    sync_all(log);
    append(log, HF_WAL_DONE, a, "done a", 0);
    append(log, HF_WAL_COMMIT, 0, "no pad", len_for_gap(log, 0));
    sync_all(log);
    append(log, HF_WAL_COMMIT, 0, "long pad", len_for_gap(log, 8));
    uint64_t b = append(log, HF_WAL_INTENT, 0, "intent b", 0);
    sync_all(log);
    append(log, HF_WAL_ABORT, b, "abort b", 0);
    append(log, HF_WAL_COMMIT, 0, "commit c", 5000);
    append(log, HF_WAL_INTENT, 0, "intent d", 0);
}

/* The same log in a file that is just long enough, so that many of it can be read. */
static void shorten(const char *name)
{
    struct hf_wal_header header;
    struct hf_buf bytes = {0};
    size_t len = 0;
    uint32_t version = 0;
    uint8_t *data = hf_test_read_file(path, name, &len);

    ck_assert(hf_wal_header_decode(data, &header, &version));
    size_t used = len;
    while (used > HF_WAL_HEADERS && data[used - 1] == 0)
        used--;
    header.size = (used / 4096 + 2) * 4096;
    hf_wal_header_encode(&bytes, &header);
    hf_buf_put(&bytes, data + HF_WAL_HEADERS, (size_t)header.size - HF_WAL_HEADERS);
    hf_test_write_file(path, name, bytes.data, bytes.len);
    hf_buf_release(&bytes);
    free(data);
}

/* Also what its handle was handed, into `expected`, and where the log is durable. */
static uint64_t make_sample(struct hf_test_log *expected)
{
    hf_test_log_create(&watch.io, path);
    hf_test_log_open(expected, &watch.io, path);
    fill(expected);
    uint64_t durable = hf_wal_durable(expected->wal);
    hf_test_log_close(expected);
    return durable;
}

/* As after a boot: `shared` says nothing. */
static void forget_shared(void)
{
    hf_test_write_file(path, "shared", "", 0);
}

static struct hf_test_log sample;

static const struct hf_test_record *find(const struct hf_test_log *log, const char *text)
{
    for (size_t i = 0; i < log->count; i++)
        if (strcmp(log->records[i].text, text) == 0)
            return &log->records[i];
    ck_abort_msg("no record \"%s\"", text);
    return NULL;
}

static int read_again(void)
{
    log_.read_only = true;
    int rc = hf_test_log_try_open(&log_, &watch.io, path, &err);

    hf_test_log_close(&log_);
    return rc;
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

static uint64_t offset_of(uint64_t position)
{
    struct hf_wal_header header = {.first = 4096};

    return hf_wal_segment_offset(&header, position);
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
    hf_test_require(strcmp(log_.opened.damage.file, SAMPLE_NAME) == 0);
    hf_test_require(log_.opened.damage.offset == offset_of(part->position));
}

static void change_every_byte(uint64_t known)
{
    struct part parts[64];
    size_t len = 0, part = 0;
    uint8_t *data = hf_test_read_file(path, SAMPLE, &len);
    size_t count = list_parts(parts, data, len);
    char full[512];

    ck_assert_uint_gt(count, 12);
    snprintf(full, sizeof(full), "%s/" SAMPLE, path);
    int fd = open(full, O_RDWR);
    for (size_t off = 0; off < len; off++) {
        uint8_t byte = data[off] ^ (uint8_t)(1 << (off % 8));
        hf_test_require(pwrite(fd, &byte, 1, (off_t)off) == 1);
        hf_test_require(read_again() == 0);
        while (part < count && off >= offset_of(parts[part].end))
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
    make_sample(&sample);
    shorten(SAMPLE);
    forget_shared();
    change_every_byte(0);
}
END_TEST

/* `shared` of this boot says how far the log is durable; the reader stops there. */
START_TEST(no_byte_changed_gives_wrong_records_in_a_running_system)
{
    uint64_t durable = make_sample(&sample);
    while (sample.count > 0 && sample.records[sample.count - 1].end > durable)
        sample.count--;
    shorten(SAMPLE);
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
        if (offset_of(first_end) > off)
            break;
    }
    return count;
}

START_TEST(a_log_torn_at_any_length_ends_before_the_first_record_that_is_not_whole)
{
    bool with_dirt = _i == 1;
    size_t len = 0;

    make_sample(&sample);
    shorten(SAMPLE);
    forget_shared();
    uint8_t *data = hf_test_read_file(path, SAMPLE, &len);
    uint8_t *torn = malloc(len);
    for (size_t off = HF_WAL_HEADERS; off < len; off += 8 + (off / 8) % 3) {
        memcpy(torn, data, len);
        memset(torn + off, with_dirt ? 0xd1 : 0, len - off);
        hf_test_write_file(path, SAMPLE, torn, len);
        hf_test_require(read_again() == 0);
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
    uint64_t durable = make_sample(&sample);
    while (must < sample.count && sample.records[must].end <= durable)
        must++;
    shorten(SAMPLE);
    forget_shared();
    uint8_t *data = hf_test_read_file(path, SAMPLE, &len);
    uint8_t *cut = malloc(len);
    for (int round = 0; round < 1000; round++) {
        memcpy(cut, data, len);
        uint64_t chance = hf_test_random_next(&random);
        for (size_t off = 0; off < len; off += 512) {
            size_t from = off < offset_of(durable) ? (size_t)offset_of(durable) : off;
            if (from < off + 512 && hf_test_random_next(&random) < chance)
                memset(cut + from, 0, off + 512 - from);
        }
        hf_test_write_file(path, SAMPLE, cut, len);
        hf_test_require(read_again() == 0);
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

    make_sample(&sample);
    uint8_t *data = hf_test_read_file(path, SAMPLE, &len);
    uint8_t *torn = malloc(len);
    size_t used = (size_t)offset_of(sample.records[sample.count - 1].end);
    for (size_t off = HF_WAL_HEADERS; off < used + 200; off += 328) {
        char last[32];
        memcpy(torn, data, len);
        memset(torn + off, 0, len - off);
        hf_test_write_file(path, SAMPLE, torn, len);
        forget_shared();
        hf_test_log_open(&writer, &watch.io, path);
        ck_assert(!writer.opened.corrupt && !writer.opened.regular && !writer.opened.this_boot);
        hf_test_log_expect_same(&writer, &sample);
        ck_assert_uint_ge(writer.count, whole_before(off));
        ck_assert_uint_eq(hf_wal_durable(writer.wal), hf_wal_tail(writer.wal));
        snprintf(last, sizeof(last), "after %zu", off);
        hf_test_log_commit(&writer, last);
        hf_test_log_close(&writer);

        forget_shared();
        reader.read_only = true;
        hf_test_log_open(&reader, &watch.io, path);
        ck_assert(!reader.opened.corrupt);
        ck_assert_uint_eq(reader.count, writer.count);
        hf_test_log_expect_same(&reader, &writer);
        ck_assert_str_eq(reader.records[reader.count - 1].text, last);
        hf_test_log_close(&reader);
        ck_assert(hf_test_has_file(path, NEXT));
        char second[512];
        snprintf(second, sizeof(second), "%s/" NEXT, path);
        ck_assert_int_eq(unlink(second), 0);
    }
    free(torn);
    free(data);
}
END_TEST

/* --- COPY ------------------------------------------------------------------------------------- */

static void overwrite(const char *name, uint64_t off, size_t len, uint8_t byte)
{
    size_t file_len = 0;
    uint8_t *data = hf_test_read_file(path, name, &file_len);

    memset(data + off, byte, len);
    hf_test_write_file(path, name, data, file_len);
    free(data);
}

/* Its whole block is lost, as by a bad sector. */
START_TEST(a_commit_whose_block_is_lost_is_read_from_its_copy)
{
    make_sample(&sample);
    forget_shared();
    const struct hf_test_record *commit = find(&sample, "commit a");
    uint64_t off = offset_of(commit->position);
    overwrite(SAMPLE, off, (size_t)(4096 - off % 4096), 0);
    ck_assert_int_eq(read_again(), 0);
    ck_assert(!log_.opened.corrupt);
    ck_assert_uint_eq(log_.count, sample.count);
    hf_test_log_expect_same(&log_, &sample);
}
END_TEST

START_TEST(a_commit_is_taken_over_from_its_copy)
{
    static struct hf_test_log writer;

    make_sample(&sample);
    const struct hf_test_record *commit = find(&sample, "commit c");
    overwrite(SAMPLE, offset_of(commit->position) + 20, 1, 0x55);
    forget_shared();
    hf_test_log_open(&writer, &watch.io, path);
    ck_assert(!writer.opened.corrupt);
    ck_assert_uint_eq(writer.count, sample.count);
    hf_test_log_close(&writer);
    forget_shared();
    overwrite(SAMPLE, offset_of(sample.records[3].position), 4096, 0); /* not needed any more? */
    log_.from = commit->position;
    ck_assert_int_eq(read_again(), 0);
    log_.from = 0;
}
END_TEST

START_TEST(a_copy_of_another_commit_is_not_taken)
{
    make_sample(&sample);
    forget_shared();
    const struct hf_test_record *done = find(&sample, "done a");
    overwrite(SAMPLE, offset_of(done->position) + 20, 1, 0x55);
    ck_assert_int_eq(read_again(), 0);
    ck_assert(log_.opened.corrupt);
    ck_assert_str_eq(log_.records[log_.count - 1].text, "commit a");
}
END_TEST

/* --- from segment to segment ------------------------------------------------------------------ */

static void make_three_segments(void)
{
    make_sample(&sample);
    for (int i = 0; i < 2; i++) {
        forget_shared();
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
    forget_shared();
    snprintf(name, sizeof(name), "%s/" NEXT, path);
    ck_assert_int_eq(unlink(name), 0);
    int rc = read_again();
    ck_assert(rc == HF_ERR_CORRUPT || (rc == 0 && log_.opened.corrupt));
    snprintf(name, sizeof(name), "%s/" FIRST, path);
    ck_assert_int_eq(unlink(name), 0);
    snprintf(name, sizeof(name), "%s/" SAMPLE, path);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(read_again(), HF_ERR_CORRUPT); /* needed from its beginning */
    snprintf(name, sizeof(name), "%s/wal/0000000000000004.seg", path);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(read_again(), HF_ERR_CORRUPT); /* no segment at all */
}
END_TEST

START_TEST(damage_before_a_later_segment_is_named_and_the_log_read_up_to_it)
{
    make_three_segments();
    forget_shared();
    const struct hf_test_record *record = find(&sample, "abort b");
    overwrite(SAMPLE, offset_of(record->position), 8, 0x99);
    /* It moved to the second segment, since it was not durable in the first. */
    ck_assert_int_eq(read_again(), 0);
    ck_assert(!log_.opened.corrupt);
    ck_assert_uint_eq(log_.count, sample.count);

    record = find(&sample, "claim a");
    overwrite(SAMPLE, offset_of(record->position), 8, 0x99);
    ck_assert_int_eq(read_again(), 0);
    ck_assert(log_.opened.corrupt);
    ck_assert_uint_eq(log_.count, 1);
    ck_assert_str_eq(log_.opened.damage.file, SAMPLE_NAME);
    ck_assert_uint_eq(log_.opened.damage.offset, offset_of(record->position));
}
END_TEST

START_TEST(a_damaged_log_opens_for_writing_read_only_and_stays_as_it_is)
{
    bool after_boot = _i == 0;
    static struct hf_test_log writer;
    size_t len = 0, len_after = 0;
    uint64_t end = 0;

    make_sample(&sample);
    const struct hf_test_record *record = find(&sample, "claim a");
    overwrite(SAMPLE, offset_of(record->position), 8, 0x99);
    if (after_boot)
        forget_shared();
    uint8_t *before = hf_test_read_file(path, SAMPLE, &len);
    hf_test_log_open(&writer, &watch.io, path);
    ck_assert(writer.opened.corrupt);
    ck_assert_str_eq(writer.opened.damage.file, SAMPLE_NAME);
    ck_assert_uint_eq(writer.opened.damage.offset, offset_of(record->position));
    hf_test_log_expect(&writer, "intent a", NULL);
    ck_assert_int_eq(hf_wal_lock(writer.wal, &err), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_wal_append(writer.wal, HF_WAL_COMMIT, 0, "x", 1, &end, &err),
                     HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_wal_refresh(writer.wal, &err), 0);
    hf_test_log_close(&writer);
    uint8_t *after = hf_test_read_file(path, SAMPLE, &len_after);
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
    overwrite(SAMPLE, offset_of(find(&one, "third")->position), 60, 0x99);
    overwrite(SAMPLE, offset_of(hf_wal_copy_position(find(&one, "third")->position, 72)), 60, 0x99);
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

    make_sample(&sample);
    uint64_t end = sample.records[sample.count - 1].end;
    for (int same = 0; same < 2; same++) {
        forget_shared();
        log_.must_reach = writer.must_reach = end + 4096;
        log_.from = writer.from = same ? end + 4096 : 0;
        ck_assert_int_eq(read_again(), 0);
        ck_assert(log_.opened.corrupt);
        hf_test_log_open(&writer, &watch.io, path);
        ck_assert(writer.opened.corrupt);
        ck_assert_int_eq(hf_wal_lock(writer.wal, &err), HF_ERR_CORRUPT);
        hf_test_log_close(&writer);
    }
    log_.must_reach = end;
    log_.from = 0;
    ck_assert_int_eq(read_again(), 0);
    ck_assert(!log_.opened.corrupt);
    log_.must_reach = 0;
}
END_TEST

START_TEST(reading_begins_where_it_is_asked_to)
{
    make_three_segments();
    forget_shared();
    for (size_t i = 0; i < sample.count; i++) {
        log_.from = sample.records[i].position;
        ck_assert_int_eq(read_again(), 0);
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
    forget_shared();
    overwrite("wal/0000000000000004.seg", 0, 8192, 0);
    ck_assert_int_eq(read_again(), 0);
    ck_assert(log_.opened.corrupt);
    ck_assert_str_eq(log_.opened.damage.file, "0000000000000004.seg");
    ck_assert_str_eq(log_.records[log_.count - 1].text, "second");
}
END_TEST

/* --- files ------------------------------------------------------------------------------------ */

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

    make_sample(&sample);
    forget_shared();
    hf_test_log_open(&sample, &watch.io, path);
    hf_test_log_commit(&sample, "after taking over");
    hf_test_log_close(&sample);
    store_or_compare(HF_TEST_GOLDEN_DIR, names[0], SAMPLE);
    store_or_compare(HF_TEST_GOLDEN_DIR, names[1], NEXT);

    /* From the stored files alone. */
    for (size_t i = 0; i < 2; i++) {
        uint8_t *golden = read_stored(HF_TEST_GOLDEN_DIR, names[i], &len);
        assert_encodes_the_same(golden, len);
        hf_test_write_file(path, i == 0 ? SAMPLE : NEXT, golden, len);
        free(golden);
    }
    forget_shared();
    ck_assert_int_eq(read_again(), 0);
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

    make_sample(&sample);
    uint8_t *data = read_stored(CORRUPT_DIR, corrupt[_i].name, &len);
    hf_test_write_file(path, SAMPLE, data, len);
    free(data);
    forget_shared();
    int rc = read_again();
    ck_assert_msg(rc == corrupt[_i].rc, "%s: %d %s", corrupt[_i].name, rc, err.message);
    ck_assert_uint_eq(log_.count, corrupt[_i].count);
    if (rc == 0) {
        ck_assert(log_.opened.corrupt);
        err = log_.opened.damage;
    }
    ck_assert_str_eq(err.file, SAMPLE_NAME);
    ck_assert_uint_eq(err.offset, corrupt[_i].offset);
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
    tcase_add_test(tests, a_missing_segment_is_damage);
    tcase_add_test(tests, damage_before_a_later_segment_is_named_and_the_log_read_up_to_it);
    tcase_add_loop_test(tests, a_damaged_log_opens_for_writing_read_only_and_stays_as_it_is, 0, 2);
    tcase_add_test(tests, damage_that_comes_under_an_open_handle_makes_it_read_only);
    tcase_add_test(tests, a_log_that_ends_before_the_newest_checkpoint_is_damaged);
    tcase_add_test(tests, reading_begins_where_it_is_asked_to);
    tcase_add_test(tests, a_segment_without_a_header_ends_the_log_there);
    tcase_add_test(tests, segments_of_version_1_are_read_and_written_the_same);
    tcase_add_loop_test(tests, a_damaged_segment_is_refused_for_the_right_reason, 0,
                        (int)(sizeof(corrupt) / sizeof(corrupt[0])));
    return hf_test_run("wal_reader", tests);
}
