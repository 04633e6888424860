/*
 * Proves that the log can be read by people, whole, beside writers and past damage, and that
 * reading it changes nothing.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[256];
static struct hf_buf told; /* "TYPE NOTE\n" and "  CHANGE\n" */
static uint64_t last_end;

static void setup(void)
{
    hf_test_damage_setup(root);
}

static void teardown(void)
{
    hf_buf_release(&told);
    hf_test_remove_dir(root);
}

static int on_record(void *arg, const struct hf_log_record *record)
{
    (void)arg;
    ck_assert_uint_ge(record->position, last_end);
    ck_assert_uint_le(record->durable, record->position);
    last_end = record->position + record->length;
    hf_buf_printf(&told, "%s %s\n", record->type, record->note);
    for (size_t i = 0; i < record->change_count; i++)
        hf_buf_printf(&told, "  %s\n", record->changes[i]);
    return 0;
}

static struct hf_log_summary read_log(void)
{
    struct hf_log_summary summary = {0};
    struct hf_error err = {0};

    hf_buf_clear(&told);
    last_end = 0;
    int rc = hf_log_read(root, on_record, NULL, &summary, &err);
    ck_assert_msg(rc == 0, "%s: %s", hf_error_name(rc), err.message);
    return summary;
}

static void expect_told(const char *text)
{
    ck_assert_msg(strstr(hf_buf_text(&told), text) != NULL, "not told: \"%s\", but:\n%s", text,
                  hf_buf_text(&told));
}

START_TEST(every_record_is_told_with_its_changes)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest c = hf_test_top_of(&hf_test_image_c);
    char text[HF_DIGEST_TEXT_MAX], line[300];
    uint64_t hold = 0;

    ck_assert_int_eq(hf_test_hold(store, &c, &hold, NULL), 0);
    ck_assert_int_eq(hf_test_drop_hold(store, hold, NULL), 0);
    ck_assert_int_eq(hf_test_untag(store, "a:1", NULL), 0);
    hf_test_must_close(store);

    struct hf_log_summary summary = read_log();
    ck_assert(!summary.corrupt);
    ck_assert_uint_eq(summary.torn_bytes, 0);
    ck_assert_uint_eq(summary.first, 4096);
    ck_assert_uint_ge(summary.end, last_end);
    ck_assert_uint_gt(summary.records, 10);
    ck_assert_uint_ge(summary.segments, 1);
    expect_told("INTENT load file\n");
    snprintf(line, sizeof(line), "  + name c:1 -> %s\n", hf_digest_text(&c, text));
    expect_told(line);
    snprintf(line, sizeof(line), "  + object %s present, ", hf_digest_text(&c, text));
    expect_told(line);
    expect_told("  + staged sha256:");
    expect_told("  - staged sha256:");
    expect_told("  + txn 4096 open, slot 0\n");
    expect_told("  + txn 4096 committed, slot 0\n");
    expect_told("  - txn 4096\n");
    expect_told("  + claim sha256:");
    expect_told("  - name a:1\n");
    expect_told("  + removal of sha256:");
    expect_told("by a-test\n");
    snprintf(line, sizeof(line), "  - hold %llu on sha256:", (unsigned long long)hold);
    expect_told(line);
    expect_told("DONE ");
}
END_TEST

static int stop_at_once(void *arg, const struct hf_log_record *record)
{
    (void)arg;
    (void)record;
    return HF_ERR_CANCELLED;
}

START_TEST(reading_ends_when_the_caller_wants)
{
    struct hf_log_summary summary;

    ck_assert_int_eq(hf_log_read(root, stop_at_once, NULL, &summary, NULL), HF_ERR_CANCELLED);
    ck_assert_int_eq(hf_log_read("/nowhere/at/all", on_record, NULL, &summary, NULL),
                     HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(damage_is_told_and_gone_past)
{
    struct hf_test_place place = hf_test_find_record(root, "INTENT", "load");

    hf_test_flip(root, place.path, place.offset + 30);
    struct hf_log_summary summary = read_log();
    ck_assert(summary.corrupt);
    ck_assert_int_eq(summary.damage.code, HF_ERR_CORRUPT);
    ck_assert_uint_eq(summary.damage.offset, place.offset);
    expect_told("name a:1");
    expect_told("name c:1");
}
END_TEST

/* After a boot, or in a copy, nobody says up to where the log was durable. */
START_TEST(torn_tail_is_no_damage)
{
    struct hf_test_place last = hf_test_find_record(root, "DONE", "txn");

    hf_test_fill(root, "shared", 0, 4096, 0);
    hf_test_fill(root, last.path, last.offset + last.length, 100, 0x77);
    struct hf_log_summary summary = read_log();
    ck_assert(!summary.corrupt);
    ck_assert_uint_eq(summary.torn_bytes, 104); /* up to the end of the last eight that are not 0 */
    ck_assert_uint_eq(summary.end, last.position + last.length);
}
END_TEST

START_TEST(only_what_is_durable_is_told_beside_a_writer)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "not durable", 12, &txn, NULL), 0);
    read_log();
    ck_assert_ptr_null(strstr(hf_buf_text(&told), "not durable"));
    ck_assert_int_eq(hf_store_sync(store, hf_wal_tail(store->wal), NULL), 0);
    read_log();
    expect_told("INTENT not durable\n");
    hf_txn_abort(txn, "enough of it");
    hf_test_must_close(store);
    read_log();
    expect_told("ABORT enough of it\n");
}
END_TEST

static void write_much(void)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);

    for (int i = 0; i < 600; i++) {
        if (hf_test_tag(store, "tag:1", &a, NULL) != 0 ||
            hf_test_untag(store, "tag:1", NULL) != 0 ||
            (i % 100 == 99 && hf_store_checkpoint(store, NULL) != 0))
            _exit(1);
    }
    _exit(hf_store_close(store, NULL) == 0 ? 0 : 1);
}

START_TEST(log_that_grows_and_is_trimmed_meanwhile_is_read_without_false_damage)
{
    pid_t child = fork();
    int status = 0, reads = 0;

    if (child == 0)
        write_much();
    while (waitpid(child, &status, WNOHANG) == 0) {
        struct hf_log_summary summary = read_log();
        ck_assert_msg(!summary.corrupt, "%s", summary.damage.message);
        reads++;
    }
    ck_assert_int_eq(status, 0);
    ck_assert_int_gt(reads, 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log_read");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_record_is_told_with_its_changes);
    tcase_add_test(tests, reading_ends_when_the_caller_wants);
    tcase_add_test(tests, damage_is_told_and_gone_past);
    tcase_add_test(tests, torn_tail_is_no_damage);
    tcase_add_test(tests, only_what_is_durable_is_told_beside_a_writer);
    tcase_add_test(tests, log_that_grows_and_is_trimmed_meanwhile_is_read_without_false_damage);
    return hf_test_run("log_read", tests);
}
