/*
 * Proves that a checkpoint gives back what was written, for trees of every height and values of
 * every kind; that it is published in the order file, name, directory; that a write which fails at
 * any call, or without memory, leaves nothing behind; and that the file of version 1 stays readable
 * and is still written the same. Damage: test_checkpoint_damage.c.
 */
#include "support/checkpoint.h"

#include "support/failing_malloc.h"
#include "support/proxy_io.h"
#include "support/random.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define POSITION  UINT64_C(0x123456)
#define NAME      "0000000000123456.ckpt"
#define VALUE_MAX (16 * 1024 * 1024)

static char dir_path[256];
static int dir;
static struct hf_test_proxy proxy;

static void setup(void)
{
    hf_test_make_dir(dir_path);
    dir = open(dir_path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(dir, 0);
    hf_test_proxy_init(&proxy);
}

static void teardown(void)
{
    close(dir);
    hf_test_remove_dir(dir_path);
}

/* --- what was written is read ----------------------------------------------------------------- */

static struct hf_checkpoint *write_and_open(const struct hf_test_model *model)
{
    struct hf_checkpoint *checkpoint;
    struct hf_error err = {0};

    ck_assert_msg(hf_test_model_checkpoint(model, &proxy.io, dir, POSITION, &err) == 0, "%s",
                  err.message);
    ck_assert_msg(hf_test_checkpoint_open(&proxy.io, dir, POSITION, &checkpoint, &err) == 0, "%s",
                  err.message);
    ck_assert_int_eq(err.code, 0);
    return checkpoint;
}

static void assert_round_trip(const struct hf_test_model *model)
{
    struct hf_checkpoint *checkpoint = write_and_open(model);
    struct hf_checkpoint_info info;
    struct hf_error err = {0};
    struct stat stat;

    ck_assert_msg(hf_test_checkpoint_compare(checkpoint, model, &err) == 0, "%s", err.message);
    ck_assert_msg(hf_checkpoint_verify(checkpoint, &err) == 0, "%s", err.message);
    hf_checkpoint_info(checkpoint, &info);
    ck_assert_mem_eq(info.uuid, hf_test_uuid, sizeof(info.uuid));
    ck_assert_uint_eq(info.position, POSITION);
    ck_assert_uint_eq(info.time_ns, HF_TEST_PROXY_NOW_NS);
    ck_assert_uint_eq(info.entry_count, model->count);
    ck_assert_int_eq(fstatat(dir, NAME, &stat, 0), 0);
    ck_assert_uint_eq(info.size_bytes, stat.st_size);
    hf_checkpoint_unref(checkpoint);
}

static void fill_numbered(struct hf_test_model *model, size_t count, size_t key_len)
{
    char *key = malloc(key_len);

    for (size_t i = 0; i < count; i++) {
        memset(key, '0', key_len);
        for (size_t rest = i, at = key_len; rest > 0; rest /= 10)
            key[--at] = (char)('0' + rest % 10);
        hf_test_model_put(model, key, key_len, &i, i % sizeof(i), 1);
    }
    free(key);
}

START_TEST(checkpoint_is_named_after_its_position)
{
    char name[32];

    hf_checkpoint_name(0x1000, name);
    ck_assert_str_eq(name, "0000000000001000.ckpt");
    hf_checkpoint_name(UINT64_MAX, name);
    ck_assert_str_eq(name, "ffffffffffffffff.ckpt");
}
END_TEST

START_TEST(checkpoint_of_an_empty_catalog_is_header_and_footer)
{
    struct hf_test_model model = {0};
    struct hf_checkpoint *checkpoint = write_and_open(&model);
    struct hf_checkpoint_info info;
    struct hf_buf key = {0};

    hf_checkpoint_info(checkpoint, &info);
    ck_assert_uint_eq(info.size_bytes, 2 * 4096);
    ck_assert_uint_eq(info.entry_count, 0);
    ck_assert_int_eq(hf_checkpoint_get(checkpoint, "a", 1, NULL, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_checkpoint_seek(checkpoint, NULL, 0, false, &key, NULL, NULL), HF_END);
    ck_assert_int_eq(hf_checkpoint_verify(checkpoint, NULL), 0);
    hf_checkpoint_unref(checkpoint);
}
END_TEST

/* The numbers around which a leaf and an index block fill up, and keys so long that three make a
 * block, for a tree of many levels. */
START_TEST(checkpoint_gives_back_trees_of_every_height)
{
    static const size_t counts[] = {1, 2, 3, 4, 5, 9, 10, 27, 28, 100, 255, 256, 257, 700};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct hf_test_model short_keys = {0};
        struct hf_test_model long_keys = {0};

        fill_numbered(&short_keys, counts[i], 9);
        assert_round_trip(&short_keys);
        fill_numbered(&long_keys, counts[i], 1024);
        assert_round_trip(&long_keys);
        hf_test_model_release(&short_keys);
        hf_test_model_release(&long_keys);
    }
}
END_TEST

START_TEST(checkpoint_of_many_entries_is_read_through_a_small_cache)
{
    struct hf_test_model model = {0};

    fill_numbered(&model, 60000, 12);
    assert_round_trip(&model);
    hf_test_model_release(&model);
}
END_TEST

START_TEST(checkpoint_gives_back_values_of_every_length)
{
    static const size_t lengths[] = {0,    1,    1023, 1024,  1025,  4079,    4080,
                                     4081, 8160, 8161, 65535, 65536, 1000000, VALUE_MAX};
    size_t count = sizeof(lengths) / sizeof(lengths[0]);
    uint8_t *value = malloc(VALUE_MAX);
    struct hf_test_model model = {0};

    for (size_t i = 0; i < VALUE_MAX; i++)
        value[i] = (uint8_t)(i * 31 + i / 4080);
    for (size_t i = 0; i < count; i++) {
        uint8_t key = (uint8_t)(i * 17);
        hf_test_model_put(&model, &key, 1, value, lengths[i], 1);
    }
    assert_round_trip(&model);
    free(value);
    hf_test_model_release(&model);
}
END_TEST

static size_t random_key(struct hf_test_random *random, uint8_t key[1024])
{
    size_t len = 1 + hf_test_random_below(random, 4);

    if (hf_test_random_below(random, 8) == 0)
        len = 1 + hf_test_random_below(random, 1024);
    for (size_t i = 0; i < len; i++)
        key[i] = (uint8_t)(hf_test_random_below(random, 4) * 85);
    return len;
}

START_TEST(checkpoint_agrees_with_a_sorted_array)
{
    struct hf_test_random random;
    struct hf_buf key = {0};
    struct hf_buf value = {0};
    uint8_t bytes[6000] = {0};

    hf_test_random_init(&random, "checkpoint");
    for (int round = 0; round < 30; round++) {
        struct hf_test_model model = {0};
        size_t count = hf_test_random_below(&random, 600);
        uint8_t sought[1024];

        for (size_t i = 0; i < count; i++) {
            size_t key_len = random_key(&random, sought);
            size_t limit = hf_test_random_below(&random, 10) == 0 ? sizeof(bytes) : 60;
            memset(bytes, (int)i, 60);
            hf_test_model_put(&model, sought, key_len, bytes, hf_test_random_below(&random, limit),
                              1);
        }
        assert_round_trip(&model);
        struct hf_checkpoint *checkpoint = write_and_open(&model);
        for (int i = 0; i < 500; i++) {
            size_t key_len = random_key(&random, sought);
            bool after = hf_test_random_below(&random, 2) == 0;
            size_t at = hf_test_model_seek(&model, sought, key_len, after);
            bool is_there = hf_test_model_get(&model, sought, key_len) != NULL;
            int rc = hf_checkpoint_seek(checkpoint, sought, key_len, after, &key, &value, NULL);

            hf_test_require(rc == (at < model.count ? 0 : HF_END));
            hf_test_require(rc != 0 || hf_test_is_entry(&model.entries[at], &key, &value));
            rc = hf_checkpoint_get(checkpoint, sought, key_len, NULL, NULL);
            hf_test_require(rc == (is_there ? 0 : HF_ERR_NOT_FOUND));
        }
        hf_checkpoint_unref(checkpoint);
        hf_test_model_release(&model);
    }
    hf_buf_release(&key);
    hf_buf_release(&value);
}
END_TEST

struct reader {
    struct hf_checkpoint *checkpoint;
    const struct hf_test_model *model;
};

static void *read_all(void *arg)
{
    struct reader *reader = arg;

    return (void *)(intptr_t)hf_test_checkpoint_compare(reader->checkpoint, reader->model, NULL);
}

START_TEST(checkpoint_is_read_from_several_threads)
{
    struct hf_test_model model = {0};
    pthread_t threads[4];

    fill_numbered(&model, 8000, 20);
    proxy.ops = *hf_io_posix()->ops; /* the proxy's notes are for one thread */
    struct hf_checkpoint *checkpoint = write_and_open(&model);
    struct reader reader = {.checkpoint = checkpoint, .model = &model};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, &reader), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result;

        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_null(result);
    }
    hf_checkpoint_unref(checkpoint);
    hf_test_model_release(&model);
}
END_TEST

/* --- durability ------------------------------------------------------------------------------- */

/* Where a call stands in what was done; each must be there. */
static const char *done(const char *what)
{
    const char *at = strstr(proxy.trace, what);

    ck_assert_msg(at != NULL, "no \"%s\" in: %s", what, proxy.trace);
    return at;
}

START_TEST(checkpoint_is_synced_then_named_then_its_directory_synced)
{
    struct hf_test_model model = {0};

    fill_numbered(&model, 2000, 30);
    ck_assert_int_eq(hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL), 0);
    const char *last_write = NULL;
    for (const char *at = proxy.trace; (at = strstr(at, "write new;")) != NULL; at++)
        last_write = at;
    ck_assert_ptr_nonnull(last_write);
    ck_assert(last_write < done("fsync new;"));
    ck_assert(done("fsync new;") < done("close new;"));
    ck_assert(done("close new;") < done("rename " NAME ";"));
    ck_assert(done("rename " NAME ";") < done("fsync .;"));
    hf_test_model_release(&model);
}
END_TEST

static int count_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    *(int *)arg += 1;
    return 0;
}

static int files_there(void)
{
    int count = 0;

    ck_assert_int_eq(hf_io_list(hf_io_posix(), dir, ".", count_entry, &count, NULL), 0);
    return count;
}

START_TEST(checkpoint_write_that_fails_at_any_call_leaves_nothing)
{
    static const struct {
        int negative_errno;
        int code;
    } faults[] = {{-ENOSPC, HF_ERR_NO_SPACE}, {-EIO, HF_ERR_IO}};
    struct hf_test_model model = {0};

    fill_numbered(&model, 6000, 30); /* several batches */
    for (size_t i = 0; i < 2; i++) {
        int n = 0;
        int rc;
        do {
            struct hf_error err = {0};

            hf_test_proxy_init(&proxy);
            proxy.fail_at = ++n;
            proxy.fail_errno = faults[i].negative_errno;
            rc = hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, &err);
            if (proxy.calls < n)
                break;
            /* The close that ends the sync of a directory was only read, and may fail. */
            if (rc == 0 && strstr(proxy.trace, "fsync .;close .;"))
                break;
            /* What chance refuses has nothing to do with space. */
            int code = strcmp(proxy.trace, "random ;") == 0 ? HF_ERR_IO : faults[i].code;
            ck_assert_msg(rc == code, "call %d: %d in %s", n, rc, proxy.trace);
            ck_assert_int_eq(err.code, rc);
            ck_assert_msg(files_there() == 0, "call %d left a file: %s", n, proxy.trace);
        } while (true);
        ck_assert_int_eq(rc, 0);
        ck_assert_int_gt(n, 10);
        ck_assert_int_eq(files_there(), 1);
        ck_assert_int_eq(unlinkat(dir, NAME, 0), 0);
    }
    hf_test_model_release(&model);
}
END_TEST

START_TEST(checkpoint_write_on_a_system_that_stops_working_just_fails)
{
    struct hf_test_model model = {0};
    int n = 0;
    int rc;

    fill_numbered(&model, 6000, 30);
    do {
        hf_test_proxy_init(&proxy);
        proxy.fail_at = ++n;
        proxy.fails_from_there_on = true;
        proxy.fail_errno = -EIO;
        rc = hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL);
    } while (rc != 0);
    ck_assert_int_gt(n, 10);
    hf_test_model_release(&model);
}
END_TEST

START_TEST(checkpoint_write_without_memory_leaves_nothing)
{
    struct hf_test_model model = {0};
    unsigned n = 0;
    bool has_failed;
    int rc;

    fill_numbered(&model, 700, 300); /* some levels */
    hf_test_model_put(&model, "big", 3, proxy.trace, sizeof(proxy.trace), 1);
    do {
        struct hf_checkpoint *checkpoint;
        struct hf_error err = {0};

        hf_test_malloc_fail_at(++n);
        rc = hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, &err);
        has_failed = hf_test_malloc_has_failed();
        if (rc == 0) {
            /* Reached without a failure, or one above the root, whose block is not needed. */
            ck_assert_int_eq(hf_test_checkpoint_open(&proxy.io, dir, POSITION, &checkpoint, NULL),
                             0);
            ck_assert_int_eq(hf_test_checkpoint_compare(checkpoint, &model, NULL), 0);
            ck_assert_int_eq(hf_checkpoint_verify(checkpoint, NULL), 0);
            hf_checkpoint_unref(checkpoint);
            ck_assert_int_eq(unlinkat(dir, NAME, 0), 0);
        } else {
            ck_assert_int_eq(rc, HF_ERR_NO_MEMORY);
            ck_assert_int_eq(err.code, HF_ERR_NO_MEMORY);
        }
        ck_assert_int_eq(files_there(), 0);
    } while (has_failed);
    ck_assert_uint_gt(n, 10);
    hf_test_model_release(&model);
}
END_TEST

START_TEST(checkpoint_read_without_memory_says_so)
{
    struct hf_test_model model = {0};
    unsigned n = 0;
    int rc;

    fill_numbered(&model, 700, 300);
    hf_test_model_put(&model, "big", 3, proxy.trace, sizeof(proxy.trace), 1);
    ck_assert_int_eq(hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL), 0);
    do {
        struct hf_checkpoint *checkpoint;
        struct hf_buf value = {0};

        hf_test_malloc_fail_at(++n);
        rc = hf_test_checkpoint_open(&proxy.io, dir, POSITION, &checkpoint, NULL);
        if (rc == 0) {
            rc = hf_checkpoint_get(checkpoint, "big", 3, &value, NULL);
            if (rc == 0)
                rc = hf_checkpoint_verify(checkpoint, NULL);
            hf_checkpoint_unref(checkpoint);
        }
        hf_buf_release(&value);
        ck_assert_int_eq(rc, hf_test_malloc_has_failed() ? HF_ERR_NO_MEMORY : 0);
    } while (rc != 0);
    ck_assert_uint_gt(n, 10);
    hf_test_model_release(&model);
}
END_TEST

static int fail_third(void *arg, const uint8_t **key, size_t *key_len, const uint8_t **value,
                      size_t *value_len, struct hf_error *err)
{
    int *calls = arg;

    if (++*calls == 3)
        return HF_ERR_LIMIT;
    *key = *value = (const uint8_t *)(*calls == 1 ? "a" : "b");
    *key_len = *value_len = 1;
    return 0;
}

START_TEST(checkpoint_write_passes_on_why_its_source_failed)
{
    int calls = 0;

    ck_assert_int_eq(
        hf_checkpoint_write(&proxy.io, dir, hf_test_uuid, POSITION, fail_third, &calls, NULL),
        HF_ERR_LIMIT);
    ck_assert_int_eq(files_there(), 0);
}
END_TEST

START_TEST(checkpoint_write_begins_anew_over_what_a_cut_left)
{
    struct hf_test_model model = {0};
    int fd = openat(dir, "new", O_CREAT | O_WRONLY, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, "rest", 4, 1 << 20), 4);
    close(fd);
    fill_numbered(&model, 10, 10);
    assert_round_trip(&model);
    ck_assert_int_eq(files_there(), 1);
    hf_test_model_release(&model);
}
END_TEST

/* Taking it back would take the only one away. */
START_TEST(checkpoint_that_replaces_another_stays_when_the_directory_is_not_synced)
{
    struct hf_test_model model = {0};
    struct hf_checkpoint *checkpoint;

    fill_numbered(&model, 10, 10);
    assert_round_trip(&model);
    hf_test_proxy_init(&proxy);
    ck_assert_int_eq(hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL), 0);
    done("fsync .;close .;");
    int sync_call = proxy.calls - 1;
    hf_test_proxy_init(&proxy);
    proxy.fail_at = sync_call;
    proxy.fail_errno = -EIO;
    ck_assert_int_eq(hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL), HF_ERR_IO);
    ck_assert_int_eq(hf_test_checkpoint_open(&proxy.io, dir, POSITION, &checkpoint, NULL), 0);
    ck_assert_int_eq(hf_test_checkpoint_compare(checkpoint, &model, NULL), 0);
    hf_checkpoint_unref(checkpoint);
    hf_test_model_release(&model);
}
END_TEST

/* --- the file of version 1 -------------------------------------------------------------------- */

static void fill_golden(struct hf_test_model *model)
{
    char key[300];
    uint8_t value[5000];

    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)(i * 7);
    for (int i = 0; i < 60; i++) {
        int len = snprintf(key, sizeof(key), "N%03d%0*d", i, i % 7 * 30, 0);
        hf_test_model_put(model, key, (size_t)len, value + i, (size_t)i * 3, 1);
    }
    hf_test_model_put(model, "O-inline", 8, value, 1024, 1);
    hf_test_model_put(model, "O-overflow", 10, value, sizeof(value), 1);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t room)
{
    int fd = openat(dir, path, O_RDONLY);

    ck_assert_msg(fd >= 0, "cannot open %s", path);
    ssize_t len = read(fd, bytes, room);
    close(fd);
    ck_assert_int_gt(len, 0);
    ck_assert_int_lt(len, (ssize_t)room);
    return (size_t)len;
}

START_TEST(checkpoint_of_version_1_is_read_and_written_the_same)
{
    static uint8_t golden[65536];
    static uint8_t written[65536];
    struct hf_test_model model = {0};
    struct hf_checkpoint *checkpoint;

    size_t golden_len =
        read_file(HF_TEST_GOLDEN_DIR "/checkpoint-v1-small.bin", golden, sizeof(golden));
    int fd = openat(dir, NAME, O_CREAT | O_WRONLY | O_EXCL, 0600);
    ck_assert_int_eq(write(fd, golden, golden_len), (ssize_t)golden_len);
    close(fd);
    fill_golden(&model);
    ck_assert_int_eq(hf_test_checkpoint_open(&proxy.io, dir, POSITION, &checkpoint, NULL), 0);
    ck_assert_int_eq(hf_test_checkpoint_compare(checkpoint, &model, NULL), 0);
    ck_assert_int_eq(hf_checkpoint_verify(checkpoint, NULL), 0);
    hf_checkpoint_unref(checkpoint);

    ck_assert_int_eq(hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL), 0);
    ck_assert_uint_eq(read_file(NAME, written, sizeof(written)), golden_len);
    ck_assert_mem_eq(written, golden, golden_len);
    hf_test_model_release(&model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("checkpoint");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, checkpoint_is_named_after_its_position);
    tcase_add_test(tests, checkpoint_of_an_empty_catalog_is_header_and_footer);
    tcase_add_test(tests, checkpoint_gives_back_trees_of_every_height);
    tcase_add_test(tests, checkpoint_of_many_entries_is_read_through_a_small_cache);
    tcase_add_test(tests, checkpoint_gives_back_values_of_every_length);
    tcase_add_test(tests, checkpoint_agrees_with_a_sorted_array);
    tcase_add_test(tests, checkpoint_is_read_from_several_threads);
    tcase_add_test(tests, checkpoint_is_synced_then_named_then_its_directory_synced);
    tcase_add_test(tests, checkpoint_write_that_fails_at_any_call_leaves_nothing);
    tcase_add_test(tests, checkpoint_write_on_a_system_that_stops_working_just_fails);
    tcase_add_test(tests, checkpoint_write_without_memory_leaves_nothing);
    tcase_add_test(tests, checkpoint_read_without_memory_says_so);
    tcase_add_test(tests, checkpoint_write_passes_on_why_its_source_failed);
    tcase_add_test(tests, checkpoint_write_begins_anew_over_what_a_cut_left);
    tcase_add_test(tests, checkpoint_that_replaces_another_stays_when_the_directory_is_not_synced);
    tcase_add_test(tests, checkpoint_of_version_1_is_read_and_written_the_same);
    return hf_test_run("checkpoint", tests);
}
