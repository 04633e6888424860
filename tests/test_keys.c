/*
 * Proves that the entries of the catalog (src/store/FORMAT.md 2) are read as they were written, in
 * an order that sorts, and that a value cut or lengthened, or that breaks a rule, is CORRUPT.
 */
#include "catalog/keys.h"

#include "base/digest.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

static struct hf_digest digest_of(uint8_t algorithm, uint8_t byte)
{
    struct hf_digest digest = {.algorithm = algorithm};

    memset(digest.bytes, byte, hf_digest_size(algorithm));
    return digest;
}

static struct hf_object make_object(void)
{
    struct hf_object object = {
        .digest = digest_of(HF_DIGEST_SHA256, 9),
        .state = HF_OBJECT_PRESENT,
        .size_bytes = 0x123456789a,
        .checksum = 0xfedcba9876543210,
        .ref_count = 2,
        .summary_len = 5,
    };

    object.refs = calloc(2, sizeof(*object.refs));
    object.refs[0] = digest_of(HF_DIGEST_SHA256, 1);
    object.refs[1] = digest_of(HF_DIGEST_SHA512, 0);
    object.summary = malloc(5);
    memcpy(object.summary, "s\0mme", 5);
    return object;
}

START_TEST(an_object_is_read_as_it_was_written)
{
    struct hf_object object = make_object(), out = {0};
    struct hf_buf value = {0};

    hf_object_encode(&value, &object);
    ck_assert_int_eq(hf_object_decode(&value, &object.digest, &out, NULL), 0);
    ck_assert_int_eq(hf_digest_compare(&out.digest, &object.digest), 0);
    ck_assert_int_eq(out.state, HF_OBJECT_PRESENT);
    ck_assert_uint_eq(out.size_bytes, object.size_bytes);
    ck_assert_uint_eq(out.checksum, object.checksum);
    ck_assert_uint_eq(out.ref_count, 2);
    ck_assert_int_eq(hf_digest_compare(&out.refs[0], &object.refs[0]), 0);
    ck_assert_int_eq(hf_digest_compare(&out.refs[1], &object.refs[1]), 0);
    ck_assert_uint_eq(out.summary_len, 5);
    ck_assert_mem_eq(out.summary, "s\0mme", 5);
    hf_object_release(&out);
    hf_object_release(&object);
    hf_buf_release(&value);
}
END_TEST

/* Decodes a value of each kind; in memory of just its size. */
typedef int decode_fn(const struct hf_buf *value);

static int decode_object(const struct hf_buf *value)
{
    struct hf_digest digest = digest_of(HF_DIGEST_SHA256, 9);
    struct hf_object out = {0};
    int rc = hf_object_decode(value, &digest, &out, NULL);

    hf_object_release(&out);
    return rc;
}

static int decode_name(const struct hf_buf *value)
{
    struct hf_name out;

    return hf_name_decode(value, &out, NULL);
}

static int decode_hold(const struct hf_buf *value)
{
    struct hf_digest digest = digest_of(HF_DIGEST_SHA256, 9);
    struct hf_hold_entry out = {0};
    struct hf_buf key = {0};

    hf_key_digest_number(&key, HF_KEY_HOLD, &digest, 77);
    int rc = hf_hold_decode(&key, value, &out, NULL);
    if (rc == 0)
        ck_assert(out.hold.id == 77 && strcmp(out.hold.owner, "me") == 0 &&
                  strcmp(out.hold.reason, "why") == 0 && strcmp(out.hold.name, "") == 0 &&
                  out.hold.time_ns == 1 && out.hold.expiry_ns == 2);
    hf_hold_entry_release(&out);
    hf_buf_release(&key);
    return rc;
}

static int decode_staged(const struct hf_buf *value)
{
    struct hf_staged_place out;
    int rc = hf_staged_decode(value, &out, NULL);

    if (rc == 0)
        ck_assert(out.txn == 5 && out.slot == 6 && out.number == 7);
    return rc;
}

static int decode_pending(const struct hf_buf *value)
{
    uint64_t txn = 0;
    int rc = hf_pending_decode(value, &txn, NULL);

    if (rc == 0)
        ck_assert_uint_eq(txn, 99);
    return rc;
}

static int decode_txn(const struct hf_buf *value)
{
    struct hf_txn_entry out;
    struct hf_buf key = {0};

    hf_key_txn(&key, 4096);
    int rc = hf_txn_decode(&key, value, &out, NULL);
    if (rc == 0)
        ck_assert(out.txn == 4096 && out.state == HF_TXN_COMMITTED && out.slot == 3 &&
                  out.time_ns == 8 && out.note_len == 4 && memcmp(out.note, "note", 4) == 0);
    hf_buf_release(&key);
    return rc;
}

static struct hf_buf value_of(int kind)
{
    struct hf_buf value = {0};
    struct hf_object object = make_object();
    struct hf_name name = {.target = digest_of(HF_DIGEST_SHA512, 3), .flags = 1, .time_ns = 4};
    struct hf_hold hold = {.time_ns = 1, .expiry_ns = 2, .owner = "me", .reason = "why"};
    struct hf_staged_place place = {5, 6, 7};
    struct hf_txn_entry txn = {.state = HF_TXN_COMMITTED,
                               .slot = 3,
                               .time_ns = 8,
                               .note = (const uint8_t *)"note",
                               .note_len = 4};

    switch (kind) {
    case 0:
        hf_object_encode(&value, &object);
        break;
    case 1:
        hf_name_encode(&value, &name);
        break;
    case 2:
        hf_hold_encode(&value, &hold);
        break;
    case 3:
        hf_staged_encode(&value, &place);
        break;
    case 4:
        hf_pending_encode(&value, 99);
        break;
    default:
        hf_txn_encode(&value, &txn);
        break;
    }
    hf_object_release(&object);
    return value;
}

static decode_fn *const decoders[] = {decode_object, decode_name,    decode_hold,
                                      decode_staged, decode_pending, decode_txn};

START_TEST(a_value_of_every_kind_is_read_and_is_corrupt_at_every_other_length)
{
    struct hf_buf value = value_of(_i);

    ck_assert_int_eq(decoders[_i](&value), 0);
    for (size_t len = 0; len < value.len; len++) {
        struct hf_buf cut = {.data = malloc(len + 1), .len = len};
        memcpy(cut.data, value.data, len);
        ck_assert_msg(decoders[_i](&cut) == HF_ERR_CORRUPT, "kind %d, length %zu", _i, len);
        free(cut.data);
    }
    hf_buf_put_u8(&value, 0);
    ck_assert_int_eq(decoders[_i](&value), HF_ERR_CORRUPT);
    hf_buf_release(&value);
}
END_TEST

static const struct {
    const char *what;
    int kind;
    size_t off;
    uint8_t value;
} malformed[] = {
    {"an object of state 0", 0, 0, 0},
    {"an object of state 4", 0, 0, 4},
    {"an object's reserved byte", 0, 1, 1},
    {"a count of references that lies", 0, 21, 0x7f},
    {"a reference of no algorithm", 0, 22, 0},
    {"a reference of an unknown algorithm", 0, 22, 3},
    {"references that do not ascend", 0, 22 + 33, 1},
    {"a name that points to no algorithm", 1, 0, 0},
    {"a transaction of state 0", 5, 0, 0},
    {"a transaction of state 3", 5, 0, 3},
    {"a transaction's reserved byte", 5, 3, 1},
};

START_TEST(a_value_that_breaks_a_rule_is_corrupt)
{
    struct hf_buf value = value_of(malformed[_i].kind);

    ck_assert_uint_ne(value.data[malformed[_i].off], malformed[_i].value);
    value.data[malformed[_i].off] = malformed[_i].value;
    ck_assert_msg(decoders[malformed[_i].kind](&value) == HF_ERR_CORRUPT, "%s", malformed[_i].what);
    hf_buf_release(&value);
}
END_TEST

START_TEST(references_are_sorted_and_each_kept_once)
{
    struct hf_digest refs[6] = {digest_of(2, 1), digest_of(1, 7), digest_of(1, 2),
                                digest_of(2, 1), digest_of(1, 7), digest_of(1, 2)};

    ck_assert_uint_eq(hf_refs_normalize(refs, 6), 3);
    ck_assert_uint_eq(refs[0].bytes[0], 2);
    ck_assert_uint_eq(refs[1].bytes[0], 7);
    ck_assert_uint_eq(refs[2].algorithm, 2);
    ck_assert_uint_eq(hf_refs_normalize(refs, 0), 0);
}
END_TEST

START_TEST(keys_are_read_as_they_were_written)
{
    struct hf_digest a = digest_of(1, 0xaa), b = digest_of(2, 0xbb), out, object;
    struct hf_buf key = {0};
    uint64_t number = 0;
    const char *name = NULL;
    size_t name_len = 0;

    hf_key_digest(&key, HF_KEY_OBJECT, &b);
    ck_assert(hf_key_read_digest(&key, &out) && hf_digest_compare(&out, &b) == 0);
    ck_assert(!hf_key_read_digest_number(&key, &out, &number));
    hf_key_digest_number(&key, HF_KEY_CLAIM, &a, 0x0102030405060708);
    ck_assert(hf_key_read_digest_number(&key, &out, &number));
    ck_assert_uint_eq(number, 0x0102030405060708);
    ck_assert(!hf_key_read_digest(&key, &out));
    ck_assert_uint_eq(key.data[key.len - 8], 1); /* big-endian: they sort */
    hf_key_txn(&key, 4096);
    ck_assert(hf_key_read_txn(&key, &number) && number == 4096);
    hf_key_backref_object(&key, &a, &b);
    ck_assert(hf_key_read_backref(&key, &out, &object, &name, &name_len));
    ck_assert(hf_digest_compare(&out, &a) == 0 && hf_digest_compare(&object, &b) == 0 && !name);
    hf_key_backref_name(&key, &a, "app:1");
    ck_assert(hf_key_read_backref(&key, &out, &object, &name, &name_len));
    ck_assert(object.algorithm == 0 && name_len == 5 && memcmp(name, "app:1", 5) == 0);
    hf_key_backref_name(&key, &a, "");
    ck_assert(!hf_key_read_backref(&key, &out, &object, &name, &name_len));
    for (size_t len = 0; len < 34; len++) {
        struct hf_buf cut = {.data = key.data, .len = len};
        ck_assert(!hf_key_read_backref(&cut, &out, &object, &name, &name_len));
        ck_assert(!hf_key_read_digest_number(&cut, &out, &number));
        ck_assert(!hf_key_read_digest(&cut, &out));
    }
    hf_buf_release(&key);
}
END_TEST

START_TEST(a_note_is_made_readable)
{
    struct hf_buf out = {0};

    hf_note_readable((const uint8_t *)"load\0a\tb\x7f\0\0", 11, &out);
    ck_assert_str_eq(hf_buf_text(&out), "load a?b?");
    hf_buf_clear(&out);
    hf_note_readable(NULL, 0, &out);
    ck_assert_str_eq(hf_buf_text(&out), "");
    hf_buf_release(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("keys");

    tcase_add_test(tests, an_object_is_read_as_it_was_written);
    tcase_add_loop_test(tests, a_value_of_every_kind_is_read_and_is_corrupt_at_every_other_length,
                        0, (int)(sizeof(decoders) / sizeof(decoders[0])));
    tcase_add_loop_test(tests, a_value_that_breaks_a_rule_is_corrupt, 0,
                        (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(tests, references_are_sorted_and_each_kept_once);
    tcase_add_test(tests, keys_are_read_as_they_were_written);
    tcase_add_test(tests, a_note_is_made_readable);
    return hf_test_run("keys", tests);
}
