/*
 * Proves that a delta agrees with a sorted array under random operations; that versions kept from
 * before stay what they were, also while another thread puts; that a put without memory changes
 * nothing; and that a large version goes away on a small stack.
 */
#include "catalog/delta.h"

#include "support/failing_malloc.h"
#include "support/model.h"
#include "support/random.h"
#include "support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hf_delta_entry entry_of(const char *key, const char *value, uint64_t position)
{
    return (struct hf_delta_entry){
        .key = (const uint8_t *)key,
        .key_len = strlen(key),
        .value = (const uint8_t *)value,
        .value_len = value ? strlen(value) : 0,
        .deleted = value == NULL,
        .position = position,
    };
}

static void put(struct hf_delta **version, const char *key, const char *value, uint64_t position)
{
    struct hf_delta_entry entry = entry_of(key, value, position);

    hf_test_require(hf_delta_put(version, &entry, NULL) == 0);
}

static void assert_value(const struct hf_delta *version, const char *key, const char *value)
{
    struct hf_delta_entry found;

    ck_assert_msg(hf_delta_get(version, key, strlen(key), &found), "no %s", key);
    ck_assert_uint_eq(found.value_len, strlen(value));
    ck_assert_mem_eq(found.value, value, found.value_len);
    ck_assert(!found.deleted);
}

START_TEST(delta_starts_empty)
{
    struct hf_delta_entry found;
    struct hf_delta *since;

    ck_assert(!hf_delta_get(NULL, "a", 1, &found));
    ck_assert(!hf_delta_seek(NULL, NULL, 0, false, &found));
    ck_assert_uint_eq(hf_delta_count(NULL), 0);
    ck_assert_ptr_null(hf_delta_ref(NULL));
    ck_assert_int_eq(hf_delta_since(NULL, 0, &since, NULL), 0);
    ck_assert_ptr_null(since);
    hf_delta_unref(NULL);
}
END_TEST

START_TEST(delta_put_replaces_what_a_key_had)
{
    struct hf_delta *version = NULL;
    struct hf_delta_entry found;

    put(&version, "a", "one", 1);
    put(&version, "a", "two", 2);
    assert_value(version, "a", "two");
    ck_assert_uint_eq(hf_delta_count(version), 1);
    ck_assert(hf_delta_get(version, "a", 1, &found));
    ck_assert_uint_eq(found.position, 2);
    hf_delta_unref(version);
}
END_TEST

START_TEST(delta_tells_a_tombstone_from_an_empty_value)
{
    struct hf_delta *version = NULL;
    struct hf_delta_entry found;

    put(&version, "deleted", NULL, 1);
    put(&version, "empty", "", 1);
    ck_assert(hf_delta_get(version, "deleted", 7, &found));
    ck_assert(found.deleted);
    ck_assert_ptr_null(found.value);
    ck_assert(hf_delta_get(version, "empty", 5, &found));
    ck_assert(!found.deleted);
    ck_assert_ptr_nonnull(found.value);
    ck_assert_uint_eq(found.value_len, 0);
    ck_assert_uint_eq(hf_delta_count(version), 2);
    hf_delta_unref(version);
}
END_TEST

START_TEST(delta_orders_a_prefix_before_what_it_begins)
{
    struct hf_delta *version = NULL;
    struct hf_delta_entry found;

    put(&version, "ab", "", 1);
    put(&version, "a", "", 1);
    put(&version, "b", "", 1);
    ck_assert(hf_delta_seek(version, "", 0, false, &found));
    ck_assert_uint_eq(found.key_len, 1);
    ck_assert(hf_delta_seek(version, "a", 1, true, &found));
    ck_assert_uint_eq(found.key_len, 2);
    ck_assert(hf_delta_seek(version, "ab", 2, false, &found));
    ck_assert_uint_eq(found.key_len, 2);
    ck_assert(hf_delta_seek(version, "ab", 2, true, &found));
    ck_assert_int_eq(found.key[0], 'b');
    ck_assert(!hf_delta_seek(version, "b", 1, true, &found));
    hf_delta_unref(version);
}
END_TEST

START_TEST(delta_put_may_borrow_from_the_version_it_changes)
{
    struct hf_delta *version = NULL;
    struct hf_delta_entry found;

    put(&version, "key", "value", 1);
    ck_assert(hf_delta_get(version, "key", 3, &found));
    found.value_len = 2;
    found.position = 2;
    ck_assert_int_eq(hf_delta_put(&version, &found, NULL), 0);
    assert_value(version, "key", "va");
    hf_delta_unref(version);
}
END_TEST

/* --- against the model ------------------------------------------------------------------------ */

static void assert_entry(const struct hf_delta_entry *found,
                         const struct hf_test_model_entry *expected)
{
    hf_test_require(found->key_len == expected->key_len);
    hf_test_require(memcmp(found->key, expected->key, expected->key_len) == 0);
    hf_test_require(found->deleted == expected->deleted);
    hf_test_require(found->position == expected->position);
    hf_test_require(found->value_len == expected->value_len);
    if (!expected->deleted)
        hf_test_require(memcmp(found->value, expected->value, expected->value_len) == 0);
}

/* By walking it, and by asking for each key. */
static void assert_equals(const struct hf_delta *version, const struct hf_test_model *model)
{
    struct hf_delta_entry found = {0};
    bool after = false;

    hf_test_require(hf_delta_count(version) == model->count);
    for (size_t i = 0; i < model->count; i++) {
        hf_test_require(hf_delta_seek(version, found.key, found.key_len, after, &found));
        assert_entry(&found, &model->entries[i]);
        after = true;
        hf_test_require(hf_delta_get(version, found.key, found.key_len, &found));
        assert_entry(&found, &model->entries[i]);
    }
    hf_test_require(!hf_delta_seek(version, found.key, found.key_len, after, &found));
}

static size_t random_key(struct hf_test_random *random, uint8_t key[8])
{
    size_t len = 1 + hf_test_random_below(random, 3);

    /* Few letters, so that keys meet again and begin each other; and bytes above 127. */
    for (size_t i = 0; i < len; i++)
        key[i] = (uint8_t)(hf_test_random_below(random, 12) * 23);
    return len;
}

static void random_put(struct hf_test_random *random, struct hf_delta **version,
                       struct hf_test_model *model, uint64_t position)
{
    uint8_t key[8];
    uint8_t value[16];
    size_t key_len = random_key(random, key);
    size_t value_len = hf_test_random_below(random, sizeof(value));
    bool deleted = hf_test_random_below(random, 4) == 0;

    memset(value, (int)position, sizeof(value));
    struct hf_delta_entry entry = {
        .key = key,
        .key_len = key_len,
        .value = deleted ? NULL : value,
        .value_len = deleted ? 0 : value_len,
        .deleted = deleted,
        .position = position,
    };
    hf_test_require(hf_delta_put(version, &entry, NULL) == 0);
    hf_test_model_put(model, key, key_len, entry.value, entry.value_len, position);
}

START_TEST(delta_and_its_older_versions_agree_with_sorted_arrays)
{
    enum { KEPT = 8 };
    struct hf_test_random random;
    struct hf_delta *version = NULL;
    struct hf_test_model model = {0};
    struct hf_delta *kept[KEPT] = {0};
    struct hf_test_model kept_models[KEPT] = {0};

    hf_test_random_init(&random, "delta");
    for (uint64_t position = 1; position <= 6000; position++) {
        random_put(&random, &version, &model, position);
        if (hf_test_random_below(&random, 50) == 0) {
            size_t i = hf_test_random_below(&random, KEPT);

            assert_equals(kept[i], &kept_models[i]);
            hf_delta_unref(kept[i]);
            hf_test_model_release(&kept_models[i]);
            kept[i] = hf_delta_ref(version);
            hf_test_model_copy(&kept_models[i], &model);
        }
        if (hf_test_random_below(&random, 100) == 0)
            assert_equals(version, &model);
        uint8_t key[8];
        size_t key_len = random_key(&random, key);
        bool after = hf_test_random_below(&random, 2) == 0;
        size_t i = hf_test_model_seek(&model, key, key_len, after);
        struct hf_delta_entry found;
        hf_test_require(hf_delta_seek(version, key, key_len, after, &found) == (i < model.count));
        if (i < model.count)
            assert_entry(&found, &model.entries[i]);
        hf_test_require(hf_delta_get(version, key, key_len, &found) ==
                        (hf_test_model_get(&model, key, key_len) != NULL));
    }
    ck_assert_uint_gt(model.count, 500);
    hf_delta_unref(version); /* first: the older ones must not need it */
    for (size_t i = 0; i < KEPT; i++) {
        assert_equals(kept[i], &kept_models[i]);
        hf_delta_unref(kept[i]);
        hf_test_model_release(&kept_models[i]);
    }
    hf_test_model_release(&model);
}
END_TEST

START_TEST(delta_since_has_the_later_entries_only)
{
    struct hf_test_random random;
    struct hf_delta *version = NULL;
    struct hf_test_model model = {0};

    hf_test_random_init(&random, "delta since");
    for (uint64_t position = 1; position <= 1000; position++)
        random_put(&random, &version, &model, position);
    for (uint64_t from = 0; from <= 1001; from += 77) {
        struct hf_test_model later = {0};
        struct hf_delta *since;

        for (size_t i = 0; i < model.count; i++) {
            const struct hf_test_model_entry *entry = &model.entries[i];
            if (entry->position >= from)
                hf_test_model_put(&later, entry->key, entry->key_len,
                                  entry->deleted ? NULL : entry->value, entry->value_len,
                                  entry->position);
        }
        ck_assert_int_eq(hf_delta_since(version, from, &since, NULL), 0);
        assert_equals(since, &later);
        /* It is a version like any other. */
        random_put(&random, &since, &later, 2000);
        assert_equals(since, &later);
        hf_delta_unref(since);
        hf_test_model_release(&later);
    }
    assert_equals(version, &model);
    hf_delta_unref(version);
    hf_test_model_release(&model);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

static void *drop_version(void *version)
{
    hf_delta_unref(version);
    return NULL;
}

START_TEST(delta_of_ascending_keys_goes_away_on_a_small_stack)
{
    struct hf_delta *version = NULL;
    pthread_attr_t attr;
    pthread_t thread;
    char key[16];

    for (int i = 0; i < 300000; i++) {
        snprintf(key, sizeof(key), "%08d", i);
        put(&version, key, "", 1);
    }
    ck_assert_uint_eq(hf_delta_count(version), 300000);
    ck_assert_int_eq(pthread_attr_init(&attr), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attr, 64 * 1024), 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, drop_version, version), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
}
END_TEST

START_TEST(delta_put_without_memory_changes_nothing)
{
    struct hf_test_random random;
    struct hf_delta *version = NULL;
    struct hf_test_model model = {0};
    struct hf_error err = {0};
    unsigned n = 0;
    int rc;

    hf_test_random_init(&random, "delta without memory");
    for (uint64_t position = 1; position <= 300; position++)
        random_put(&random, &version, &model, position);
    struct hf_delta *kept = hf_delta_ref(version); /* so that a path is copied */
    struct hf_delta_entry entry = entry_of("added", "value", 1000);
    do {
        hf_test_malloc_fail_at(++n);
        rc = hf_delta_put(&version, &entry, &err);
        if (!hf_test_malloc_has_failed())
            break;
        ck_assert_int_eq(rc, HF_ERR_NO_MEMORY);
        ck_assert_int_eq(err.code, HF_ERR_NO_MEMORY);
        assert_equals(version, &model);
        assert_equals(kept, &model);
    } while (true);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_gt(n, 2);
    assert_value(version, "added", "value");
    assert_equals(kept, &model);

    n = 0;
    do {
        struct hf_delta *since = NULL;

        hf_test_malloc_fail_at(++n);
        rc = hf_delta_since(kept, 100, &since, &err);
        hf_delta_unref(since);
        ck_assert_int_eq(rc, hf_test_malloc_has_failed() ? HF_ERR_NO_MEMORY : 0);
    } while (rc != 0);
    ck_assert_uint_gt(n, 2);
    hf_delta_unref(kept);
    hf_delta_unref(version);
    hf_test_model_release(&model);
}
END_TEST

/* --- threads ---------------------------------------------------------------------------------- */

/* In every published version all keys have the same value. */
struct published {
    pthread_mutex_t lock;
    struct hf_delta *version;
    atomic_bool is_over;
};

static struct hf_delta *take(struct published *published)
{
    pthread_mutex_lock(&published->lock);
    struct hf_delta *version = hf_delta_ref(published->version);
    pthread_mutex_unlock(&published->lock);
    return version;
}

static void *read_versions(void *arg)
{
    struct published *published = arg;
    uintptr_t torn = 0;

    while (!atomic_load(&published->is_over)) {
        struct hf_delta *version = take(published);
        struct hf_delta_entry first = {0};
        bool more = hf_delta_seek(version, NULL, 0, false, &first);
        struct hf_delta_entry found = first;

        while (more) {
            torn += found.value[0] != first.value[0];
            more = hf_delta_seek(version, found.key, found.key_len, true, &found);
        }
        hf_delta_unref(version);
    }
    return (void *)torn;
}

START_TEST(delta_versions_are_read_while_a_writer_goes_on)
{
    enum { READERS = 3, ROUNDS = 200, KEYS = 40 };
    struct published published = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t readers[READERS];

    for (size_t i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_versions, &published), 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct hf_delta *next = take(&published);
        char key[8];
        char value[2] = {(char)('a' + round % 26), 0};

        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof(key), "%d", i);
            put(&next, key, value, 1);
        }
        pthread_mutex_lock(&published.lock);
        struct hf_delta *old = published.version;
        published.version = next;
        pthread_mutex_unlock(&published.lock);
        hf_delta_unref(old);
    }
    atomic_store(&published.is_over, true);
    for (size_t i = 0; i < READERS; i++) {
        void *torn;

        ck_assert_int_eq(pthread_join(readers[i], &torn), 0);
        ck_assert_ptr_null(torn);
    }
    hf_delta_unref(published.version);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("delta");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, delta_starts_empty);
    tcase_add_test(tests, delta_put_replaces_what_a_key_had);
    tcase_add_test(tests, delta_tells_a_tombstone_from_an_empty_value);
    tcase_add_test(tests, delta_orders_a_prefix_before_what_it_begins);
    tcase_add_test(tests, delta_put_may_borrow_from_the_version_it_changes);
    tcase_add_test(tests, delta_and_its_older_versions_agree_with_sorted_arrays);
    tcase_add_test(tests, delta_since_has_the_later_entries_only);
    tcase_add_test(tests, delta_of_ascending_keys_goes_away_on_a_small_stack);
    tcase_add_test(tests, delta_put_without_memory_changes_nothing);
    tcase_add_test(tests, delta_versions_are_read_while_a_writer_goes_on);
    return hf_test_run("delta", tests);
}
