/*
 * Proves that every byte of every file below the root is counted once and in the right class, at
 * rest and in flight, and what removing all images would free.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[256];

static void setup(void)
{
    hf_test_damage_setup(root);
}

static void teardown(void)
{
    hf_test_remove_dir(root);
}

static uint64_t found_bytes, found_blocks;

static int add_file(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    (void)path;
    (void)place;
    if (type != FTW_D) {
        found_bytes += (uint64_t)stat->st_size;
        found_blocks += (uint64_t)stat->st_blocks;
    }
    return 0;
}

/* The sum is right, and is what other people count. */
static struct hf_usage usage_of(struct hf_store *store)
{
    struct hf_usage usage;
    struct hf_error err = {0};
    int rc = hf_store_usage(store, &usage, &err);

    ck_assert_msg(rc == 0, "%s: %s", hf_error_name(rc), err.message);
    found_bytes = found_blocks = 0;
    ck_assert_int_eq(nftw(root, add_file, 16, FTW_PHYS), 0);
    ck_assert_uint_eq(usage.total_bytes, found_bytes);
    ck_assert_uint_eq(usage.allocated_bytes, found_blocks * 512);
    ck_assert_uint_eq(usage.total_bytes, usage.images_bytes + usage.staging_bytes +
                                             usage.removed_bytes + usage.quarantine_bytes +
                                             usage.log_bytes + usage.catalog_bytes +
                                             usage.other_bytes + usage.unknown_bytes);
    return usage;
}

static struct hf_usage usage_at_rest(void)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_ONLY);
    struct hf_usage usage = usage_of(store);

    hf_test_must_close(store);
    return usage;
}

static size_t image_bytes(const struct hf_test_load *image)
{
    size_t bytes = strlen("top ") + strlen(image->text);

    for (size_t i = 0; i < 4 && image->parts[i]; i++)
        bytes += 1 + strlen(image->parts[i]) * 2; /* in the top's text, and by itself */
    return bytes;
}

START_TEST(store_at_rest_is_images_log_and_little_else)
{
    struct hf_usage usage = usage_at_rest();

    ck_assert_uint_eq(usage.images_count, 3);
    ck_assert_uint_eq(usage.objects_count, 7);
    ck_assert_uint_eq(usage.images_bytes, image_bytes(&hf_test_image_a) +
                                              image_bytes(&hf_test_image_b) +
                                              image_bytes(&hf_test_image_c) - strlen("shared"));
    ck_assert_uint_eq(usage.staging_bytes + usage.removed_bytes + usage.quarantine_bytes +
                          usage.unknown_bytes + usage.catalog_bytes,
                      0);
    ck_assert_uint_ge(usage.log_bytes, 2u << 20);
    ck_assert_uint_gt(usage.other_bytes, 4096);
}
END_TEST

START_TEST(what_a_load_stages_is_in_flight)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_usage before = usage_of(store);
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "load", 5, &txn, NULL), 0);
    ck_assert_int_eq(hf_test_stage(txn, "staged", NULL), 0);
    struct hf_usage usage = usage_of(store);
    ck_assert_uint_eq(usage.staging_bytes, strlen("staged"));
    ck_assert_uint_eq(usage.images_bytes, before.images_bytes);
    ck_assert_uint_eq(usage.unknown_bytes, 0);
    hf_txn_abort(txn, "enough");
    usage = usage_of(store);
    ck_assert_uint_eq(usage.staging_bytes, 0);
    hf_test_must_close(store);
}
END_TEST

START_TEST(what_a_claim_keeps_is_being_removed)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_usage before = usage_of(store);
    struct hf_digest part = hf_test_digest_of("only in c");
    struct hf_txn *txn = NULL;

    ck_assert_int_eq(hf_txn_begin(store, "load", 5, &txn, NULL), 0);
    ck_assert_int_eq(hf_txn_claim(txn, &part, NULL, NULL), 0);
    ck_assert_int_eq(hf_test_untag(store, "c:1", NULL), 0);
    struct hf_usage usage = usage_of(store);
    ck_assert_uint_eq(usage.removed_bytes, strlen("only in c"));
    ck_assert_uint_eq(usage.images_bytes, before.images_bytes - image_bytes(&hf_test_image_c));
    ck_assert_uint_eq(usage.unknown_bytes, 0);
    hf_txn_abort(txn, "enough");
    ck_assert_uint_eq(usage_of(store).removed_bytes, 0);
    hf_test_must_close(store);
}
END_TEST

static void die_after_staging(void)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_txn *txn = NULL;

    if (hf_txn_begin(store, "load", 5, &txn, NULL) != 0 ||
        hf_test_stage(txn, "never committed", NULL) != 0)
        _exit(1);
    _exit(0);
}

START_TEST(what_the_dead_left_is_in_flight_until_recovery)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        die_after_staging();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(usage_at_rest().staging_bytes, strlen("never committed"));
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    ck_assert_uint_eq(usage_of(store).staging_bytes, 0);
    hf_test_must_close(store);
}
END_TEST

START_TEST(other_files_have_their_classes)
{
    static const struct {
        const char *path;
        size_t offset;
    } files[] = {
        {"trash/0000000000000000000000000000000000000000000000000000000000000000.0000000000001000",
         offsetof(struct hf_usage, removed_bytes)},
        {"quarantine/"
         "0000000000000000000000000000000000000000000000000000000000000000.0000000000001000",
         offsetof(struct hf_usage, quarantine_bytes)},
        {"wal/new", offsetof(struct hf_usage, log_bytes)},
        {"catalog/new", offsetof(struct hf_usage, catalog_bytes)},
        {"FORMAT.new", offsetof(struct hf_usage, other_bytes)},
        {"stray", offsetof(struct hf_usage, unknown_bytes)},
        {"blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000",
         offsetof(struct hf_usage, unknown_bytes)},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct hf_usage before = usage_at_rest(), after;
        uint64_t was, is;
        hf_test_add_file(root, files[i].path, "0123456789");
        after = usage_at_rest();
        memcpy(&was, (char *)&before + files[i].offset, sizeof(was));
        memcpy(&is, (char *)&after + files[i].offset, sizeof(is));
        ck_assert_msg(is == was + 10, "%s is in another class", files[i].path);
        ck_assert_int_eq(unlink(hf_test_in(root, files[i].path)), 0);
    }
}
END_TEST

START_TEST(file_with_two_names_is_counted_once)
{
    struct hf_usage before = usage_at_rest(), after;
    char from[1024];

    strcpy(from, hf_test_in(root, hf_test_blob_of("only in a")));
    ck_assert_int_eq(link(from, hf_test_in(root, "staging/0/0000000000001000-0")), 0);
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_ONLY);
    ck_assert_int_eq(hf_store_usage(store, &after, NULL), 0);
    hf_test_must_close(store);
    ck_assert_uint_eq(after.total_bytes, before.total_bytes);
    ck_assert_uint_eq(after.images_bytes, before.images_bytes);
    ck_assert_uint_eq(after.staging_bytes, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("usage");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, store_at_rest_is_images_log_and_little_else);
    tcase_add_test(tests, what_a_load_stages_is_in_flight);
    tcase_add_test(tests, what_a_claim_keeps_is_being_removed);
    tcase_add_test(tests, what_the_dead_left_is_in_flight_until_recovery);
    tcase_add_test(tests, other_files_have_their_classes);
    tcase_add_test(tests, file_with_two_names_is_counted_once);
    return hf_test_run("usage", tests);
}
