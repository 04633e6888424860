/*
 * Proves that entries of the catalog which contradict each other (FORMAT.md 2.5) are found, and
 * that repair makes them agree without dropping a name. Only a mistake in the program makes such
 * entries, so they are logged here by hand.
 */
#include "support/damage.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char root[256];
static struct hf_buf key, value;

static void setup(void)
{
    hf_test_damage_setup(root);
}

static void teardown(void)
{
    hf_buf_release(&key);
    hf_buf_release(&value);
    hf_test_remove_dir(root);
}

/* A COMMIT that does nothing but what `key` and `value` say; value NULL: delete. */
static void log_raw(const struct hf_buf *with)
{
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    struct hf_payload payload = {0};
    uint64_t txn, end = 0;

    if (with)
        hf_payload_put(&payload, &key, with);
    else
        hf_payload_delete(&payload, &key);
    ck_assert_int_eq(hf_store_lock(store, NULL), 0);
    txn = hf_wal_tail(store->wal);
    ck_assert_int_eq(hf_wal_own(store->wal, txn, NULL), 0);
    ck_assert_int_eq(
        hf_store_append(store, HF_WAL_COMMIT, txn, &payload, "a mistake", 9, &end, NULL), 0);
    hf_store_unlock(store);
    ck_assert_int_eq(hf_store_sync(store, end, NULL), 0);
    hf_wal_disown(store->wal, txn);
    hf_payload_release(&payload);
    hf_test_must_close(store);
}

static void expect_catalog_findings(const char *text)
{
    const struct hf_test_findings *found = hf_test_fsck(root, HF_TEST_QUICK);
    bool told = false;

    ck_assert_uint_gt(found->count, 0);
    for (size_t i = 0; i < found->count; i++)
        told = told || (found->items[i].kind == HF_FINDING_CATALOG &&
                        strstr(found->items[i].message, text) != NULL);
    ck_assert_msg(told, "not told: \"%s\", but: %s", text, found->items[0].message);
}

static void expect_mended(const char *text)
{
    expect_catalog_findings(text);
    hf_test_expect_all_repaired(hf_test_repair(root, HF_TEST_QUICK, NULL));
    hf_test_expect_clean(root, "mended");
    hf_test_expect_whole(root, &hf_test_image_b);
    hf_test_expect_whole(root, &hf_test_image_c);
}

START_TEST(missing_reference_back_of_a_name_is_put)
{
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);

    hf_key_backref_name(&key, &a, "a:1");
    log_raw(NULL);
    expect_mended("the entry back of a name is missing");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(missing_reference_back_of_an_object_is_put)
{
    struct hf_digest a = hf_test_top_of(&hf_test_image_a), part = hf_test_digest_of("only in a");

    hf_key_backref_object(&key, &part, &a);
    log_raw(NULL);
    expect_mended("the entry back of a reference between objects is missing");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(reference_back_too_many_is_deleted)
{
    struct hf_digest a = hf_test_top_of(&hf_test_image_a), part = hf_test_digest_of("only in c");

    hf_key_backref_object(&key, &part, &a);
    log_raw(&value);
    expect_mended("is said to be referred to by one that does not");
    hf_key_backref_object(&key, &part, &part);
    log_raw(&value);
    expect_mended("is said to be referred to by one that does not");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(reference_back_from_no_name_is_deleted)
{
    struct hf_digest a = hf_test_top_of(&hf_test_image_a);

    hf_key_backref_name(&key, &a, "nobody:1");
    log_raw(&value);
    expect_mended("a name is said to point to an object and does not");
    hf_key_backref_name(&key, &a, "b:1");
    log_raw(&value);
    expect_mended("a name is said to point to an object and does not");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

/* One more and one less: counting them is not enough. */
START_TEST(reference_back_in_the_place_of_another_is_found)
{
    struct hf_digest a = hf_test_top_of(&hf_test_image_a), part = hf_test_digest_of("only in a"),
                     other = hf_test_digest_of("only in c");

    hf_key_backref_object(&key, &part, &a);
    log_raw(NULL);
    hf_key_backref_object(&key, &other, &a);
    log_raw(&value);
    expect_mended("is said to be referred to by one that does not");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(object_that_is_referred_to_is_put_again_from_its_file)
{
    struct hf_digest part = hf_test_digest_of("only in a");

    hf_key_digest(&key, HF_KEY_OBJECT, &part);
    log_raw(NULL);
    expect_mended("an object that another refers to is not in the catalog");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(object_that_is_referred_to_and_has_no_file_is_put_as_damaged)
{
    struct hf_digest part = hf_test_digest_of("only in a");

    hf_key_digest(&key, HF_KEY_OBJECT, &part);
    log_raw(NULL);
    ck_assert_int_eq(unlink(hf_test_in(root, hf_test_blob_of("only in a"))), 0);
    expect_catalog_findings("an object that another refers to is not in the catalog");
    hf_test_repair(root, HF_TEST_QUICK, NULL);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_KNOWN_DAMAGE, 0);
    ck_assert_str_eq(finding->names, "a:1");
    hf_test_check(root, HF_CHECKER_RECOVERED, "contained");
    hf_test_expect_whole(root, &hf_test_image_b);
}
END_TEST

START_TEST(name_that_points_to_nothing_is_kept)
{
    struct hf_digest nothing = hf_test_digest_of("nothing");
    struct hf_name name = {.target = nothing};

    hf_key_text(&key, HF_KEY_NAME, "nothing:1");
    hf_name_encode(&value, &name);
    log_raw(&value);
    expect_catalog_findings("a name points to what is not there");
    hf_test_repair(root, HF_TEST_QUICK, NULL);
    const struct hf_test_finding *finding =
        hf_test_expect_found(hf_test_fsck(root, HF_TEST_QUICK), HF_FINDING_KNOWN_DAMAGE, 0);
    ck_assert_str_eq(finding->names, "nothing:1");
    hf_test_check(root, HF_CHECKER_RECOVERED, "contained");
}
END_TEST

START_TEST(object_that_nothing_refers_to_leaves)
{
    struct hf_digest orphan = hf_test_digest_of("orphan");
    struct hf_object object = {
        .digest = orphan, .state = HF_OBJECT_PRESENT, .size_bytes = 6, .checksum = 1};

    hf_test_add_file(root, hf_test_blob_of("orphan"), "orphan");
    hf_key_digest(&key, HF_KEY_OBJECT, &orphan);
    hf_object_encode(&value, &object);
    log_raw(&value);
    expect_mended("nothing refers to an object");
    ck_assert(!hf_test_exists(root, hf_test_blob_of("orphan")));
}
END_TEST

START_TEST(hold_on_what_is_not_there_is_deleted)
{
    struct hf_digest nothing = hf_test_digest_of("nothing");
    struct hf_hold hold = {.owner = "somebody"};

    hf_key_digest_number(&key, HF_KEY_HOLD, &nothing, 77);
    hf_hold_encode(&value, &hold);
    log_raw(&value);
    expect_mended("a hold is on what is not there");
}
END_TEST

START_TEST(held_image_without_a_name_gets_one)
{
    struct hf_digest part = hf_test_digest_of("only in a");
    struct hf_hold hold = {.owner = "somebody"};
    char text[HF_DIGEST_TEXT_MAX], name[300];

    hf_key_digest_number(&key, HF_KEY_HOLD, &part, 77);
    hf_hold_encode(&value, &hold);
    log_raw(&value);
    expect_mended("a hold is on an image without a name");
    snprintf(name, sizeof(name), "localhost/recovered@%s", hf_digest_text(&part, text));
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    ck_assert(hf_test_has_name(store, name, &part));
    hf_test_must_close(store);
}
END_TEST

START_TEST(permission_to_remove_what_is_there_is_withdrawn)
{
    struct hf_digest part = hf_test_digest_of("only in a");

    hf_key_digest(&key, HF_KEY_PENDING, &part);
    hf_pending_encode(&value, 4096);
    log_raw(&value);
    expect_mended("the bytes of an object that is there may be removed");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(claim_of_an_ended_transaction_is_deleted)
{
    struct hf_digest part = hf_test_digest_of("only in a");

    hf_key_digest_number(&key, HF_KEY_CLAIM, &part, 4096);
    log_raw(&value);
    expect_mended("a claim's transaction has ended");
}
END_TEST

START_TEST(staged_entry_without_its_transaction_is_finished)
{
    struct hf_digest part = hf_test_digest_of("only in a");
    struct hf_staged_place place = {.txn = 4096, .slot = 0, .number = 7};

    hf_key_digest(&key, HF_KEY_STAGED, &part);
    hf_staged_encode(&value, &place);
    log_raw(&value);
    expect_mended("a blob is staged by a transaction that has not committed");
    hf_test_expect_whole(root, &hf_test_image_a);
}
END_TEST

START_TEST(malformed_keys_are_deleted)
{
    static const char kinds[] = "BCH";

    for (size_t i = 0; i < strlen(kinds); i++) {
        hf_buf_clear(&key);
        hf_buf_put_u8(&key, (uint8_t)kinds[i]);
        hf_buf_put_text(&key, "\7what is this");
        log_raw(&value);
        expect_mended("malformed");
    }
}
END_TEST

START_TEST(what_cannot_be_understood_is_left_and_told)
{
    struct hf_digest part = hf_test_digest_of("only in a");

    hf_key_digest(&key, HF_KEY_OBJECT, &part);
    hf_buf_clear(&value);
    hf_buf_put_text(&value, "no object");
    log_raw(&value);
    expect_catalog_findings("the entry of an object is malformed");
    ck_assert_uint_gt(hf_test_repair(root, HF_TEST_FULL, NULL)->report.left, 0);
    expect_catalog_findings("the entry of an object is malformed");
    ck_assert(hf_test_exists(root, hf_test_blob_of("only in a")));
    hf_test_expect_whole(root, &hf_test_image_b);

    hf_buf_clear(&key);
    hf_buf_put_text(&key, "Zwhat is this");
    log_raw(&value);
    expect_catalog_findings("an entry is of no kind that we know");
    ck_assert_uint_gt(hf_test_repair(root, HF_TEST_FULL, NULL)->report.left, 0);
    expect_catalog_findings("an entry is of no kind that we know");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_catalog");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, missing_reference_back_of_a_name_is_put);
    tcase_add_test(tests, missing_reference_back_of_an_object_is_put);
    tcase_add_test(tests, reference_back_too_many_is_deleted);
    tcase_add_test(tests, reference_back_from_no_name_is_deleted);
    tcase_add_test(tests, reference_back_in_the_place_of_another_is_found);
    tcase_add_test(tests, object_that_is_referred_to_is_put_again_from_its_file);
    tcase_add_test(tests, object_that_is_referred_to_and_has_no_file_is_put_as_damaged);
    tcase_add_test(tests, name_that_points_to_nothing_is_kept);
    tcase_add_test(tests, object_that_nothing_refers_to_leaves);
    tcase_add_test(tests, hold_on_what_is_not_there_is_deleted);
    tcase_add_test(tests, held_image_without_a_name_gets_one);
    tcase_add_test(tests, permission_to_remove_what_is_there_is_withdrawn);
    tcase_add_test(tests, claim_of_an_ended_transaction_is_deleted);
    tcase_add_test(tests, staged_entry_without_its_transaction_is_finished);
    tcase_add_test(tests, malformed_keys_are_deleted);
    tcase_add_test(tests, what_cannot_be_understood_is_left_and_told);
    return hf_test_run("check_catalog", tests);
}
