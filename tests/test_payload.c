/*
 * Proves that the payload of a log record is read as it was written, in order, and that one which
 * is malformed anywhere is refused before any of it is carried out.
 */
#include "catalog/payload.h"

#include "catalog/keys.h"
#include "support/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hf_buf buf_of(const char *text)
{
    struct hf_buf buf = {0};

    hf_buf_put_text(&buf, text);
    return buf;
}

static void put(struct hf_payload *payload, const char *key_text, const char *value_text)
{
    struct hf_buf key = buf_of(key_text), value = buf_of(value_text ? value_text : "");

    if (value_text)
        hf_payload_put(payload, &key, &value);
    else
        hf_payload_delete(payload, &key);
    hf_buf_release(&key);
    hf_buf_release(&value);
}

static struct hf_buf sample(void)
{
    struct hf_payload payload = {0};
    struct hf_buf bytes = {0};

    put(&payload, "Nname", "value");
    put(&payload, "Nempty", "");
    put(&payload, "Ngone", NULL);
    ck_assert_int_eq(hf_payload_encode(&payload, "load\0x", 6, &bytes, NULL), 0);
    hf_payload_release(&payload);
    return bytes;
}

struct seen {
    char text[512];
    int fail_at;
    int count;
};

static int see(void *arg, const struct hf_payload_change *change, struct hf_error *err)
{
    struct seen *seen = arg;
    size_t len = strlen(seen->text);

    snprintf(seen->text + len, sizeof(seen->text) - len, "%s%.*s=%.*s;",
             change->is_delete ? "-" : "", (int)change->key_len, (const char *)change->key,
             (int)change->value_len, change->value ? (const char *)change->value : "");
    return ++seen->count == seen->fail_at ? HF_ERR_NO_MEMORY : 0;
}

START_TEST(changes_are_read_as_they_were_written)
{
    struct hf_buf bytes = sample();
    struct seen seen = {.text = ""};
    const uint8_t *note = NULL;
    size_t note_len = 0;

    ck_assert_int_eq(hf_payload_decode(bytes.data, bytes.len, &note, &note_len, see, &seen, NULL),
                     0);
    ck_assert_str_eq(seen.text, "Nname=value;Nempty=;-Ngone=;");
    ck_assert_uint_eq(note_len, 6);
    ck_assert_mem_eq(note, "load\0x", 6);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_failure_ends_the_reading)
{
    struct hf_buf bytes = sample();
    struct seen seen = {.fail_at = 2};

    ck_assert_int_eq(hf_payload_decode(bytes.data, bytes.len, NULL, NULL, see, &seen, NULL),
                     HF_ERR_NO_MEMORY);
    ck_assert_int_eq(seen.count, 2);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(a_payload_cut_at_any_length_does_nothing)
{
    struct hf_buf bytes = sample();

    for (size_t len = 0; len < bytes.len; len++) {
        struct seen seen = {.text = ""};
        struct hf_error err = {0};
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, bytes.data, len);
        ck_assert_int_eq(hf_payload_decode(cut, len, NULL, NULL, see, &seen, &err), HF_ERR_CORRUPT);
        ck_assert_int_eq(seen.count, 0);
        ck_assert_str_ne(err.message, "");
        free(cut);
    }
    hf_buf_release(&bytes);
}
END_TEST

static const struct {
    const char *what;
    size_t off;
    uint8_t value;
} malformed[] = {
    {"a note longer than the record", 1, 1},
    {"more changes than there are", 10, 4},
    {"fewer changes than there are", 10, 2},
    {"a count that lies", 13, 0xff},
    {"operation 0", 14, 0},
    {"operation 3", 14, 3},
    {"an empty key", 15, 0},
    {"a key above the limit", 16, 0x05},
    {"a value beyond the end", 19, 0xff},
    {"a delete with a value", 14, 2},
};

START_TEST(a_malformed_payload_does_nothing)
{
    struct hf_buf bytes = sample();
    struct seen seen = {.text = ""};

    ck_assert_uint_ne(bytes.data[malformed[_i].off], malformed[_i].value);
    bytes.data[malformed[_i].off] = malformed[_i].value;
    ck_assert_msg(hf_payload_decode(bytes.data, bytes.len, NULL, NULL, see, &seen, NULL) ==
                      HF_ERR_CORRUPT,
                  "%s", malformed[_i].what);
    ck_assert_int_eq(seen.count, 0);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(bytes_behind_the_changes_are_malformed)
{
    struct hf_buf bytes = sample();

    hf_buf_put_u8(&bytes, 0);
    ck_assert_int_eq(hf_payload_decode(bytes.data, bytes.len, NULL, NULL, NULL, NULL, NULL),
                     HF_ERR_CORRUPT);
    hf_buf_release(&bytes);
}
END_TEST

START_TEST(random_bytes_harm_nobody)
{
    struct hf_test_random random;

    hf_test_random_init(&random, "random_bytes_harm_nobody");
    for (int i = 0; i < 20000; i++) {
        struct seen seen = {.text = ""};
        size_t len = hf_test_random_below(&random, 80);
        uint8_t *data = malloc(len + 1);
        for (size_t j = 0; j < len; j++)
            data[j] = (uint8_t)hf_test_random_below(&random, 4);
        int rc = hf_payload_decode(data, len, NULL, NULL, see, &seen, NULL);
        hf_test_require(rc == 0 || (rc == HF_ERR_CORRUPT && seen.count == 0));
        free(data);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("payload");

    tcase_add_test(tests, changes_are_read_as_they_were_written);
    tcase_add_test(tests, a_failure_ends_the_reading);
    tcase_add_test(tests, a_payload_cut_at_any_length_does_nothing);
    tcase_add_loop_test(tests, a_malformed_payload_does_nothing, 0,
                        (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(tests, bytes_behind_the_changes_are_malformed);
    tcase_add_test(tests, random_bytes_harm_nobody);
    return hf_test_run("payload", tests);
}
