/*
 * Proves that damage of a view's checkpoint is met by falling back, once, with the same answers, or
 * is told when there is nothing to fall back to; that want of memory, descriptors or rights is no
 * damage; and that threads which meet damage together fall back once.
 */
#include "catalog/view.h"

#include "support/failing_malloc.h"
#include "support/random.h"
#include "support/suite.h"
#include "support/views.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static char dir_path[256];
static int dir;
static struct hf_test_proxy proxy;

static void setup(void)
{
    dir = hf_test_view_setup(&proxy, dir_path);
}

static void teardown(void)
{
    hf_test_view_teardown(dir, dir_path);
}

/* --- damage ----------------------------------------------------------------------------------- */

/*
 * An older checkpoint at position 1000 and a newer one at 2000. `since` are the changes between, as
 * the log would tell them; `delta` those after 2000.
 */
struct history {
    struct hf_test_model older;
    struct hf_test_model newer;
    struct hf_test_model now;
    struct hf_delta *since;
    struct hf_delta *delta;
    int fallbacks;
    int fallback_result;
};

static void history_make(struct history *history)
{
    struct hf_test_random random;
    struct hf_delta *ignored = NULL;

    *history = (struct history){0};
    hf_test_random_init(&random, "history");
    for (uint64_t position = 1; position <= 1000; position++)
        hf_test_change_randomly(&random, &ignored, &history->older, position);
    hf_delta_unref(ignored);
    hf_test_model_copy(&history->newer, &history->older);
    for (uint64_t position = 1001; position <= 2000; position++)
        hf_test_change_randomly(&random, &history->since, &history->newer, position);
    hf_test_model_copy(&history->now, &history->newer);
    for (uint64_t position = 2001; position <= 2300; position++)
        hf_test_change_randomly(&random, &history->delta, &history->now, position);
    ck_assert_int_eq(hf_test_model_checkpoint(&history->older, &proxy.io, dir, 1000, NULL), 0);
    ck_assert_int_eq(hf_test_model_checkpoint(&history->newer, &proxy.io, dir, 2000, NULL), 0);
}

static void history_release(struct history *history)
{
    hf_delta_unref(history->since);
    hf_delta_unref(history->delta);
    hf_test_model_release(&history->older);
    hf_test_model_release(&history->newer);
    hf_test_model_release(&history->now);
}

static int fall_back(void *arg, uint64_t position, struct hf_checkpoint **out_checkpoint,
                     struct hf_delta **out_below, struct hf_error *err)
{
    struct history *history = arg;

    history->fallbacks++;
    ck_assert_uint_eq(position, 2000);
    if (history->fallback_result != 0) {
        *err = (struct hf_error){.code = history->fallback_result, .message = "no older one"};
        return history->fallback_result;
    }
    *out_checkpoint = hf_test_must_open_checkpoint(&proxy.io, dir, 1000);
    *out_below = hf_delta_ref(history->since);
    return 0;
}

/* Change one byte of a block of a checkpoint's file. */
static void damage(uint64_t position, size_t block)
{
    char name[32];
    uint8_t byte;

    hf_checkpoint_name(position, name);
    int fd = openat(dir, name, O_RDWR);
    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)block * 4096 + 200), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)block * 4096 + 200), 1);
    close(fd);
}

static size_t block_count(uint64_t position)
{
    struct hf_checkpoint *checkpoint = hf_test_must_open_checkpoint(&proxy.io, dir, position);
    struct hf_checkpoint_info info;

    hf_checkpoint_info(checkpoint, &info);
    hf_checkpoint_unref(checkpoint);
    return info.size_bytes / 4096;
}

/* A block that every iteration reads: an overflow block may be hidden by a change. */
static size_t first_leaf(uint64_t position)
{
    char name[32];
    uint8_t kind = 0;
    size_t block = 0;

    hf_checkpoint_name(position, name);
    int fd = openat(dir, name, O_RDONLY);
    while (kind != 2)
        ck_assert_int_eq(pread(fd, &kind, 1, (off_t)++block * 4096 + 8), 1);
    close(fd);
    return block;
}

START_TEST(damage_of_any_block_is_met_by_one_fallback_with_the_same_answers)
{
    struct history history;

    history_make(&history);
    size_t blocks = block_count(2000);
    ck_assert_uint_gt(blocks, 5);
    for (size_t block = 1; block + 1 < blocks; block++) {
        struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                                2000, fall_back, &history);
        struct hf_error what = {0};
        struct hf_view view;

        history.fallbacks = 0;
        damage(2000, block);
        hf_view_init(&view, base, history.delta, 2300);
        ck_assert(!hf_base_is_damaged(base, &what));
        hf_test_view_assert_equals(&view, &history.now);
        if (history.fallbacks == 0) {
            /* An overflow block whose value a change hides: the checkpoint itself must meet it. */
            struct hf_view below;
            hf_view_init(&below, base, NULL, 2000);
            hf_test_view_assert_equals(&below, &history.newer);
            hf_view_release(&below);
        }
        ck_assert_int_eq(history.fallbacks, 1);
        ck_assert(hf_base_is_damaged(base, &what));
        ck_assert_int_eq(what.code, HF_ERR_CORRUPT);
        ck_assert_uint_eq(what.offset / 4096, block);
        ck_assert_str_eq(what.file, "catalog/00000000000007d0.ckpt");
        hf_view_release(&view);
        hf_base_unref(base);
        damage(2000, block); /* the same bit once more: whole again */
    }
    history_release(&history);
}
END_TEST

START_TEST(iteration_goes_on_over_a_fallback_in_its_middle)
{
    struct history history;
    struct hf_view_iter iter;
    struct hf_view view;
    size_t seen = 0;
    int rc;

    history_make(&history);
    size_t blocks = block_count(2000);
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    hf_view_init(&view, base, history.delta, 2300);
    hf_test_model_drop_deleted(&history.now);
    ck_assert_int_eq(hf_view_iter_init(&iter, &view, NULL, 0, NULL), 0);
    while ((rc = hf_view_iter_next(&iter, NULL)) == 0) {
        hf_test_require(hf_test_is_entry(&history.now.entries[seen], &iter.key, &iter.value));
        if (++seen == 20) {
            for (size_t block = 2; block + 1 < blocks; block++)
                damage(2000, block);
        }
    }
    ck_assert_int_eq(rc, HF_END);
    ck_assert_uint_eq(seen, history.now.count);
    ck_assert_int_eq(history.fallbacks, 1);
    hf_view_iter_release(&iter);
    hf_view_release(&view);
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

static int first_error(struct hf_base *base, const struct history *history, struct hf_error *err)
{
    struct hf_view view;

    hf_view_init(&view, base, history->delta, 2300);
    int rc = hf_test_view_compare(&view, &history->now, err);
    hf_view_release(&view);
    return rc;
}

START_TEST(damage_without_a_fallback_is_told)
{
    struct history history;
    struct hf_error err = {0};
    struct hf_error what = {0};

    history_make(&history);
    damage(2000, first_leaf(2000));
    struct hf_base *base =
        hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000), 2000, NULL, NULL);
    ck_assert_int_eq(first_error(base, &history, &err), HF_ERR_CORRUPT);
    ck_assert_uint_eq(err.offset / 4096, first_leaf(2000));
    ck_assert_int_eq(first_error(base, &history, &err), HF_ERR_CORRUPT);
    ck_assert(hf_base_is_damaged(base, &what));
    ck_assert_uint_eq(what.offset / 4096, first_leaf(2000));
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

START_TEST(fallback_that_fails_is_not_tried_again)
{
    struct history history;
    struct hf_error err = {0};

    history_make(&history);
    history.fallback_result = HF_ERR_NOT_FOUND;
    damage(2000, first_leaf(2000));
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(first_error(base, &history, &err), HF_ERR_CORRUPT);
        ck_assert_int_eq(err.code, HF_ERR_CORRUPT);
        ck_assert_str_eq(err.file, "catalog/00000000000007d0.ckpt");
        ck_assert_uint_eq(err.offset / 4096, first_leaf(2000));
        ck_assert_ptr_nonnull(strstr(err.message, "no older one"));
    }
    ck_assert_int_eq(history.fallbacks, 1);
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

START_TEST(damage_of_the_older_checkpoint_too_is_told)
{
    struct history history;
    struct hf_error err = {0};
    struct hf_error what = {0};

    history_make(&history);
    damage(2000, first_leaf(2000));
    damage(1000, first_leaf(1000));
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    ck_assert_int_eq(first_error(base, &history, &err), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "catalog/00000000000003e8.ckpt");
    ck_assert_int_eq(history.fallbacks, 1);
    ck_assert(hf_base_is_damaged(base, &what));
    ck_assert_str_eq(what.file, "catalog/00000000000007d0.ckpt");
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

START_TEST(block_that_the_disk_refuses_is_damage)
{
    struct history history;
    struct hf_view view;

    history_make(&history);
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    hf_view_init(&view, base, history.delta, 2300);
    proxy.fail_at = proxy.calls + 2;
    proxy.fail_errno = -EIO;
    hf_test_view_assert_equals(&view, &history.now);
    ck_assert_int_eq(history.fallbacks, 1);
    hf_view_release(&view);
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

/* Descriptors, memory, rights: whoever looks again may be answered. */
START_TEST(lookup_that_fails_for_want_of_something_is_no_damage)
{
    static const int errors[] = {-EMFILE, -ENFILE, -EACCES, -ENOMEM};
    struct history history;
    struct hf_error err = {0};
    struct hf_view view;

    history_make(&history);
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        hf_base_unref(base);
        base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000), 2000, fall_back,
                                &history);
        proxy.fail_at = proxy.calls + 2;
        proxy.fail_errno = errors[i];
        ck_assert_int_eq(first_error(base, &history, &err),
                         errors[i] == -ENOMEM ? HF_ERR_NO_MEMORY : HF_ERR_IO);
        ck_assert_int_eq(err.sys_errno, -errors[i]);
        ck_assert(!hf_base_is_damaged(base, NULL));
    }
    hf_view_init(&view, base, history.delta, 2300);
    hf_test_view_assert_equals(&view, &history.now);
    ck_assert_int_eq(history.fallbacks, 0);
    hf_view_release(&view);
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

START_TEST(fallback_that_fails_for_want_of_memory_is_tried_again)
{
    struct history history;
    struct hf_error err = {0};
    struct hf_view view;

    history_make(&history);
    history.fallback_result = HF_ERR_NO_MEMORY;
    damage(2000, first_leaf(2000));
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    ck_assert_int_eq(first_error(base, &history, &err), HF_ERR_NO_MEMORY);
    ck_assert(!hf_base_is_damaged(base, NULL));
    history.fallback_result = 0;
    hf_view_init(&view, base, history.delta, 2300);
    hf_test_view_assert_equals(&view, &history.now);
    ck_assert(hf_base_is_damaged(base, NULL));
    hf_view_release(&view);
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

/* --- threads and memory ----------------------------------------------------------------------- */

struct reader {
    const struct hf_view *view;
    const struct hf_test_model *model;
};

static void *read_all(void *arg)
{
    struct reader *reader = arg;

    return (void *)(intptr_t)hf_test_view_compare(reader->view, reader->model, NULL);
}

START_TEST(threads_that_meet_damage_together_fall_back_once)
{
    struct history history;
    struct hf_view view;
    pthread_t threads[4];

    proxy.ops = *hf_io_posix()->ops; /* the proxy's notes are for one thread */
    history_make(&history);
    struct hf_base *base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 2000),
                                            2000, fall_back, &history);
    damage(2000, first_leaf(2000));
    hf_view_init(&view, base, history.delta, 2300);
    struct reader reader = {.view = &view, .model = &history.now};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, &reader), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result;

        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_null(result);
    }
    ck_assert_int_eq(history.fallbacks, 1);
    hf_view_release(&view);
    hf_base_unref(base);
    history_release(&history);
}
END_TEST

START_TEST(view_without_memory_says_so_and_is_not_damaged)
{
    struct history history;
    unsigned n = 0;
    bool has_failed;

    history_make(&history);
    do {
        struct hf_checkpoint *checkpoint = hf_test_must_open_checkpoint(&proxy.io, dir, 2000);
        struct hf_base *base;
        struct hf_view view;
        struct hf_error err = {0};
        int rc;

        hf_test_malloc_fail_at(++n);
        rc = hf_base_new(checkpoint, NULL, 2000, fall_back, &history, &base, &err);
        if (rc == 0) {
            hf_view_init(&view, base, history.delta, 2300);
            rc = hf_test_view_compare(&view, &history.now, &err);
            hf_test_require(!hf_base_is_damaged(base, NULL));
            hf_view_release(&view);
            hf_base_unref(base);
        }
        has_failed = hf_test_malloc_has_failed();
        ck_assert_int_eq(rc, has_failed ? HF_ERR_NO_MEMORY : 0);
    } while (has_failed && n < 100);
    ck_assert_int_eq(history.fallbacks, 0);
    history_release(&history);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("view_damage");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, damage_of_any_block_is_met_by_one_fallback_with_the_same_answers);
    tcase_add_test(tests, iteration_goes_on_over_a_fallback_in_its_middle);
    tcase_add_test(tests, damage_without_a_fallback_is_told);
    tcase_add_test(tests, fallback_that_fails_is_not_tried_again);
    tcase_add_test(tests, damage_of_the_older_checkpoint_too_is_told);
    tcase_add_test(tests, block_that_the_disk_refuses_is_damage);
    tcase_add_test(tests, lookup_that_fails_for_want_of_something_is_no_damage);
    tcase_add_test(tests, fallback_that_fails_for_want_of_memory_is_tried_again);
    tcase_add_test(tests, threads_that_meet_damage_together_fall_back_once);
    tcase_add_test(tests, view_without_memory_says_so_and_is_not_damaged);
    return hf_test_run("view_damage", tests);
}
