/*
 * Proves that a view agrees with a sorted array under random changes and checkpoints, and that a
 * view never changes. Damage below it: test_view_damage.c.
 */
#include "catalog/view.h"

#include "support/random.h"
#include "support/suite.h"
#include "support/views.h"

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

static void put_text(struct hf_delta **delta, const char *key, const char *value)
{
    hf_test_delta_put(delta, key, strlen(key), value, value ? strlen(value) : 0, 1);
}

START_TEST(view_of_nothing_is_empty)
{
    struct hf_base *base = hf_test_new_base(NULL, 4096, NULL, NULL);
    struct hf_test_model model = {0};
    struct hf_view view;

    hf_view_init(&view, base, NULL, 4096);
    hf_base_unref(base);
    hf_test_view_assert_equals(&view, &model);
    ck_assert_int_eq(hf_view_get(&view, "a", 1, NULL, NULL), HF_ERR_NOT_FOUND);
    ck_assert_uint_eq(hf_base_position(view.base), 4096);
    ck_assert_uint_eq(hf_base_size_bytes(view.base), 0);
    ck_assert(!hf_base_is_damaged(view.base, NULL));
    hf_view_release(&view);
    hf_view_release(&view);
}
END_TEST

START_TEST(view_shows_changes_over_its_checkpoint)
{
    struct hf_test_model old = {0};
    struct hf_test_model now = {0};
    struct hf_delta *delta = NULL;
    struct hf_view view;

    hf_test_model_put(&old, "Na", 2, "old", 3, 1);
    hf_test_model_put(&old, "Nb", 2, "old", 3, 1);
    hf_test_model_put(&old, "Nd", 2, "old", 3, 1);
    ck_assert_int_eq(hf_test_model_checkpoint(&old, &proxy.io, dir, 1, NULL), 0);
    put_text(&delta, "Nb", "new");
    put_text(&delta, "Nc", "new");
    put_text(&delta, "Nd", NULL);
    put_text(&delta, "Ne", NULL);
    hf_test_model_put(&now, "Na", 2, "old", 3, 1);
    hf_test_model_put(&now, "Nb", 2, "new", 3, 1);
    hf_test_model_put(&now, "Nc", 2, "new", 3, 1);
    struct hf_base *base =
        hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, 1), 1, NULL, NULL);
    hf_view_init(&view, base, delta, 2);
    hf_test_view_assert_equals(&view, &now);
    ck_assert_int_eq(hf_view_get(&view, "Nd", 2, NULL, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_view_any(&view, "Nd", 2, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_view_any(&view, "Nc", 2, NULL), 0);
    ck_assert_uint_eq(hf_base_size_bytes(base), 3 * 4096);
    hf_view_release(&view);
    hf_delta_unref(delta);
    hf_base_unref(base);
    hf_test_model_release(&old);
    hf_test_model_release(&now);
}
END_TEST

/* As the store lives: changes, now and then a checkpoint on which the changes begin anew, and views
 * kept from any time, over checkpoints whose files are gone. */
START_TEST(view_and_its_older_ones_agree_with_sorted_arrays)
{
    enum { KEPT = 6, CHANGES = 4000 };
    struct hf_test_random random;
    struct hf_test_model model = {0};
    struct hf_delta *delta = NULL;
    struct hf_base *base = hf_test_new_base(NULL, 0, NULL, NULL);
    struct hf_view kept[KEPT];
    struct hf_test_model kept_models[KEPT] = {0};
    int checkpoints = 0;

    hf_test_random_init(&random, "view");
    for (size_t i = 0; i < KEPT; i++)
        hf_view_init(&kept[i], base, NULL, 0);
    for (uint64_t position = 1; position <= CHANGES; position++) {
        hf_test_change_randomly(&random, &delta, &model, position);
        if (hf_test_random_below(&random, 40) == 0) {
            size_t i = hf_test_random_below(&random, KEPT);

            hf_test_view_assert_equals(&kept[i], &kept_models[i]);
            hf_view_release(&kept[i]);
            hf_test_model_release(&kept_models[i]);
            hf_view_init(&kept[i], base, delta, position);
            hf_test_model_copy(&kept_models[i], &model);
        }
        if (hf_test_random_below(&random, 20) == 0) {
            struct hf_view view;
            uint8_t prefix[8];
            size_t prefix_len = hf_test_random_key(&random, prefix) - 1;

            hf_view_init(&view, base, delta, position);
            hf_test_require(hf_test_view_compare_prefix(&view, &model, prefix, prefix_len, NULL) ==
                            0);
            hf_test_require(hf_test_view_compare_key(&view, &model, prefix, prefix_len + 1, NULL) ==
                            0);
            hf_view_release(&view);
        }
        if (hf_test_random_below(&random, 400) == 0) {
            struct hf_view view;
            char name[32];

            hf_view_init(&view, base, delta, position);
            ck_assert_int_eq(hf_view_checkpoint(&view, &proxy.io, dir, hf_test_uuid, NULL), 0);
            hf_view_release(&view);
            hf_base_unref(base);
            hf_delta_unref(delta);
            delta = NULL;
            base = hf_test_new_base(hf_test_must_open_checkpoint(&proxy.io, dir, position),
                                    position, NULL, NULL);
            hf_checkpoint_name(position, name);
            ck_assert_int_eq(unlinkat(dir, name, 0), 0);
            checkpoints++;
        }
    }
    ck_assert_int_gt(checkpoints, 0);
    hf_delta_unref(delta);
    hf_base_unref(base);
    for (size_t i = 0; i < KEPT; i++) {
        hf_test_view_assert_equals(&kept[i], &kept_models[i]);
        hf_view_release(&kept[i]);
        hf_test_model_release(&kept_models[i]);
    }
    hf_test_model_release(&model);
}
END_TEST

START_TEST(view_checkpoint_has_no_tombstones)
{
    struct hf_base *base = hf_test_new_base(NULL, 0, NULL, NULL);
    struct hf_delta *delta = NULL;
    struct hf_checkpoint_info info;
    struct hf_view view;

    put_text(&delta, "a", NULL);
    put_text(&delta, "b", "value");
    hf_view_init(&view, base, delta, 7);
    ck_assert_int_eq(hf_view_checkpoint(&view, &proxy.io, dir, hf_test_uuid, NULL), 0);
    struct hf_checkpoint *checkpoint = hf_test_must_open_checkpoint(&proxy.io, dir, 7);
    hf_checkpoint_info(checkpoint, &info);
    ck_assert_uint_eq(info.entry_count, 1);
    ck_assert_int_eq(hf_checkpoint_get(checkpoint, "b", 1, NULL, NULL), 0);
    hf_checkpoint_unref(checkpoint);
    hf_view_release(&view);
    hf_delta_unref(delta);
    hf_base_unref(base);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("view");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, view_of_nothing_is_empty);
    tcase_add_test(tests, view_shows_changes_over_its_checkpoint);
    tcase_add_test(tests, view_and_its_older_ones_agree_with_sorted_arrays);
    tcase_add_test(tests, view_checkpoint_has_no_tombstones);
    return hf_test_run("view", tests);
}
