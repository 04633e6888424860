/*
 * Proves that a damaged or missing copy of a blob is damage, blocks nothing else, and is healed by
 * who brings the bytes; and that a good copy is kept.
 */
#include "support/suite.h"
#include "support/txn.h"

#include "base/digest.h"
#include "base/error.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    err = (struct hf_error){0};
    store = hf_test_txn_setup(&watch, path);
}

static void teardown(void)
{
    hf_test_txn_teardown(store, &watch, path);
}

static void damage_blob(const char *text)
{
    struct hf_digest digest = hf_test_digest_of(text);
    char full[600], hex[HF_DIGEST_TEXT_MAX];

    snprintf(full, sizeof(full), "%s/blobs/sha256/%s", path, hf_digest_hex(&digest, hex));
    int fd = open(full, O_WRONLY);
    ck_assert_msg(fd >= 0, "no %s", full);
    ck_assert_int_eq(pwrite(fd, "#", 1, 1), 1);
    close(fd);
}

START_TEST(a_damaged_copy_is_healed_by_who_brings_the_bytes)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_txn *txn = NULL;
    uint8_t *data = NULL;
    size_t len = 0;
    bool good = true;

    hf_test_must_load(store, "app:1", "one", text, NULL);
    damage_blob(text);
    ck_assert_int_eq(hf_blob_read_all(store, &digest, 100, &data, &len, &err), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
    ck_assert_int_eq(hf_txn_verify_present(txn, &digest, &good, &err), 0);
    ck_assert(!good);
    ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_put, text, &err), 0);
    hf_test_read_all(store);
    hf_test_reopen(&store, &watch.io, path);
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_good_copy_is_kept_and_the_staged_one_dropped)
{
    char text[] = "layer a";
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_txn *txn = NULL;
    bool good = false;

    hf_test_must_load(store, "app:1", "one", text, NULL);
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
    ck_assert_int_eq(hf_txn_verify_present(txn, &digest, &good, &err), 0);
    ck_assert(good);
    ck_assert(!hf_txn_has_staged(txn, &digest, NULL));
    ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_put, text, &err), 0);
    hf_test_read_all(store);
}
END_TEST

START_TEST(a_missing_file_is_damage_and_not_absence)
{
    struct hf_digest digest = hf_test_digest_of("layer a");
    struct hf_blob *blob = NULL;
    char full[600], hex[HF_DIGEST_TEXT_MAX];

    hf_test_must_load(store, "app:1", "one", "layer a", NULL);
    snprintf(full, sizeof(full), "%s/blobs/sha256/%s", path, hf_digest_hex(&digest, hex));
    ck_assert_int_eq(unlink(full), 0);
    ck_assert_int_eq(hf_blob_open(store, &digest, &blob, &err), HF_ERR_CORRUPT);
    ck_assert_str_ne(err.message, "");
    hf_test_must_load(store, "other:1", "two", "layer z", NULL); /* blocks nothing else */
    /* Loading it again heals it. */
    char text[] = "layer a";
    struct hf_txn *txn = NULL;
    bool good = true;
    ck_assert_int_eq(hf_txn_begin(store, "x", 1, &txn, &err), 0);
    ck_assert_int_eq(hf_test_stage(txn, text, &err), 0);
    ck_assert_int_eq(hf_txn_verify_present(txn, &digest, &good, &err), 0);
    ck_assert(!good);
    ck_assert_int_eq(hf_txn_commit(txn, hf_test_decide_put, text, &err), 0);
    hf_test_read_all(store);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("txn_damage");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_damaged_copy_is_healed_by_who_brings_the_bytes);
    tcase_add_test(tests, a_good_copy_is_kept_and_the_staged_one_dropped);
    tcase_add_test(tests, a_missing_file_is_damage_and_not_absence);
    return hf_test_run("txn_damage", tests);
}
