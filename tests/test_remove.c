/*
 * Proves what rmi and prune take and refuse: names and IDs, several arguments at once, holds, and
 * names kept for old images.
 */
#include "support/images.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static struct hf_test_store t;
static struct hf_test_image a, b;
static char a_id[HF_DIGEST_TEXT_MAX], b_id[HF_DIGEST_TEXT_MAX];

static void setup(void)
{
    hf_test_store_make(&t);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "a:1", .text = "a"}, &a);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "b:1", .text = "b"}, &b);
    hf_digest_text(&a.id, a_id);
    hf_digest_text(&b.id, b_id);
}

static void teardown(void)
{
    hf_test_store_remove(&t);
}

static int remove_with(struct hf_name_options options, const char *first, const char *second,
                       struct hf_error *err)
{
    const char *references[] = {first, second};

    return hf_image_remove(t.store, references, second ? 2 : 1, &options, err);
}

static int rmi(const char *first, const char *second)
{
    return remove_with((struct hf_name_options){0}, first, second, NULL);
}

static void hold(const char *reference, uint64_t expires_s)
{
    const struct hf_hold_options options = {.owner = "engine", .expires_s = expires_s};
    uint64_t id;

    ck_assert_int_eq(hf_image_hold(t.store, reference, &options, &id, NULL), 0);
}

static void tag(const char *source, const char *target)
{
    ck_assert_int_eq(hf_image_tag(t.store, source, target, NULL, NULL), 0);
}

/* --- rmi -------------------------------------------------------------------------------------- */

START_TEST(rmi_of_a_name_drops_only_that_name)
{
    tag("a:1", "a:2");
    ck_assert_int_eq(rmi("a:1", NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:2 b:1");
    ck_assert(hf_test_has_object(t.store, &a.manifest));
}
END_TEST

START_TEST(rmi_of_the_last_name_takes_the_image)
{
    struct hf_test_told told = {0};
    struct hf_name_options options = {.observer = hf_test_listen(&told)};

    ck_assert_int_eq(remove_with(options, "a:1", NULL, NULL), 0);
    ck_assert_str_eq(told.text, "untagged a:1");
    ck_assert_uint_eq(told.deleted_count, 3);
    ck_assert(!hf_test_has_object(t.store, &a.layers[0]));
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
}
END_TEST

START_TEST(rmi_keeps_what_another_image_needs)
{
    const struct hf_test_spec c = {.names = "c:1", .text = "c", .base = "shared"};
    const struct hf_test_spec d = {.names = "d:1", .text = "d", .base = "shared"};
    struct hf_test_image image;

    hf_test_put_image(t.store, &c, &image);
    hf_test_put_image(t.store, &d, NULL);
    ck_assert_int_eq(rmi("c:1", NULL), 0);
    ck_assert(hf_test_has_object(t.store, &image.layers[0]));
    ck_assert(!hf_test_has_object(t.store, &image.layers[1]));
}
END_TEST

START_TEST(rmi_of_an_id_takes_the_image)
{
    ck_assert_int_eq(rmi(a_id, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
}
END_TEST

START_TEST(rmi_of_an_id_with_several_names_is_refused_and_lists_them)
{
    struct hf_error err = {0};

    tag("a:1", "a:2");
    ck_assert_int_eq(remove_with((struct hf_name_options){0}, a_id, NULL, &err), HF_ERR_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "a:1, a:2"));
    ck_assert_str_eq(hf_test_names(t.store), "a:1 a:2 b:1");
}
END_TEST

START_TEST(forced_rmi_of_an_id_drops_all_names)
{
    tag("a:1", "a:2");
    ck_assert_int_eq(remove_with((struct hf_name_options){.force = true}, a_id, NULL, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
}
END_TEST

START_TEST(rmi_of_an_id_covers_all_manifests_of_the_image)
{
    hf_test_put_image(t.store,
                      &(struct hf_test_spec){.names = "gz:1", .text = "a", .is_gzip = true}, NULL);
    ck_assert_int_eq(rmi(a_id, NULL), HF_ERR_REFUSED);
    ck_assert_int_eq(remove_with((struct hf_name_options){.force = true}, a_id, NULL, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
    ck_assert(!hf_test_has_object(t.store, &a.id));
}
END_TEST

START_TEST(rmi_of_all_listed_ids_empties_the_store)
{
    const struct hf_test_spec specs[] = {{.text = "i"},
                                         {.text = "s390", .platform = "linux/s390x"}};
    struct hf_test_image images[2];
    struct hf_digest index;
    char id[HF_DIGEST_TEXT_MAX];

    hf_test_put_index(t.store, "multi:1", specs, 2, true, &index, images);
    const char *references[] = {a_id, b_id, hf_digest_text(&images[0].id, id)};
    ck_assert_int_eq(hf_image_remove(t.store, references, 3, NULL, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "");
    ck_assert_uint_eq(hf_test_object_count(t.store), 0);
}
END_TEST

START_TEST(arguments_that_mean_the_same_are_one)
{
    ck_assert_int_eq(rmi("a:1", "docker.io/library/a:1"), 0);
    ck_assert_int_eq(rmi("b:1", b_id), 0);
    ck_assert_str_eq(hf_test_names(t.store), "");
}
END_TEST

START_TEST(id_whose_other_names_are_given_too_is_not_refused)
{
    tag("a:1", "a:2");
    ck_assert_int_eq(rmi(a_id, "a:1"), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
}
END_TEST

START_TEST(one_refusal_refuses_all)
{
    ck_assert_int_eq(rmi("a:1", "missing"), HF_ERR_NOT_FOUND);
    hold("b:1", 0);
    ck_assert_int_eq(rmi("a:1", "b:1"), HF_ERR_BUSY);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

START_TEST(keep_going_skips_what_is_refused_and_tells_it)
{
    const struct hf_name_options options = {.keep_going = true};
    struct hf_error err = {0};

    hold("b:1", 0);
    ck_assert_int_eq(remove_with(options, "b:1", "a:1", &err), HF_ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.message, "engine"));
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
    ck_assert_int_eq(remove_with(options, "missing", "b:1", &err), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(forced_rmi_ignores_what_is_missing)
{
    const struct hf_name_options force = {.force = true};

    ck_assert_int_eq(remove_with(force, "missing", NULL, NULL), 0);
    ck_assert_int_eq(remove_with(force, "missing", "a:1", NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
}
END_TEST

START_TEST(held_image_loses_names_but_not_its_last)
{
    hold("a:1", 0);
    tag("a:1", "a:2");
    ck_assert_int_eq(rmi("a:1", NULL), 0);
    ck_assert_int_eq(rmi("a:2", NULL), HF_ERR_BUSY);
    ck_assert_str_eq(hf_test_names(t.store), "a:2 b:1");
}
END_TEST

START_TEST(both_names_of_a_held_image_at_once_are_refused)
{
    hold("a:1", 0);
    tag("a:1", "a:2");
    ck_assert_int_eq(rmi("a:1", "a:2"), HF_ERR_BUSY);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 a:2 b:1");
}
END_TEST

START_TEST(force_never_overrides_a_hold)
{
    hold("a:1", 0);
    ck_assert_int_eq(remove_with((struct hf_name_options){.force = true}, a_id, NULL, NULL),
                     HF_ERR_BUSY);
    ck_assert_int_eq(remove_with((struct hf_name_options){.force = true}, "a:1", NULL, NULL),
                     HF_ERR_BUSY);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

START_TEST(artifact_is_removed_by_its_name)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    ck_assert_int_eq(rmi("chart:1", NULL), 0);
    ck_assert(!hf_test_has_object(t.store, &artifact));
}
END_TEST

START_TEST(artifact_leaves_with_its_subject)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, NULL, &a.manifest, &artifact);
    ck_assert(hf_test_has_object(t.store, &artifact));
    ck_assert_int_eq(rmi("a:1", NULL), 0);
    ck_assert(!hf_test_has_object(t.store, &artifact));
}
END_TEST

START_TEST(named_artifact_stays_when_its_subject_leaves)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, NULL, &a.manifest, &artifact);
    hf_test_point(t.store, "signature:1", &artifact);
    ck_assert_int_eq(rmi("a:1", NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1 signature:1");
    ck_assert(!hf_test_has_object(t.store, &a.manifest));
}
END_TEST

START_TEST(digest_name_is_removed_as_a_name)
{
    char name[HF_REFERENCE_MAX], text[HF_DIGEST_TEXT_MAX];

    snprintf(name, sizeof(name), "a@%s", hf_digest_text(&a.manifest, text));
    hf_test_point(t.store, name, &a.manifest);
    ck_assert_int_eq(rmi(name, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

/* --- prune ------------------------------------------------------------------------------------ */

static uint64_t prune(struct hf_prune_options options, struct hf_test_told *told)
{
    struct hf_error err = {0};
    uint64_t bytes = 0;

    options.observer = hf_test_listen(told);
    int rc = hf_image_prune(t.store, &options, &bytes, &err);
    ck_assert_msg(rc == 0, "cannot prune: %s", err.message);
    return bytes;
}

static uint64_t bytes_of(const struct hf_test_image *image)
{
    const struct hf_digest *digests[] = {&image->manifest, &image->id, &image->layers[0]};
    struct hf_snapshot *snapshot = NULL;
    uint64_t sum = 0;

    ck_assert_int_eq(hf_snapshot_take(t.store, &snapshot, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        struct hf_object object = {0};
        ck_assert_int_eq(hf_snapshot_object(snapshot, digests[i], &object, NULL), 0);
        sum += object.size_bytes;
        hf_object_release(&object);
    }
    hf_snapshot_release(snapshot);
    return sum;
}

START_TEST(prune_takes_names_kept_for_old_images)
{
    const struct hf_name_options keep = {.keep_old = true};
    struct hf_test_told told = {0};
    uint64_t expected = bytes_of(&a);

    ck_assert_int_eq(hf_image_tag(t.store, "b:1", "a:1", &keep, NULL), 0);
    ck_assert_uint_eq(prune((struct hf_prune_options){0}, &told), expected);
    ck_assert_uint_eq(told.deleted_count, 3);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

START_TEST(prune_leaves_names_that_somebody_gave)
{
    char name[HF_REFERENCE_MAX], text[HF_DIGEST_TEXT_MAX];
    struct hf_test_told told = {0};

    snprintf(name, sizeof(name), "c@%s", hf_digest_text(&a.manifest, text));
    hf_test_point(t.store, name, &a.manifest);
    ck_assert_uint_eq(prune((struct hf_prune_options){0}, &told), 0);
    ck_assert_str_eq(told.text, "");
}
END_TEST

START_TEST(prune_all_takes_every_image_that_nobody_holds)
{
    struct hf_test_told told = {0};
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    hold("b:1", 0);
    prune((struct hf_prune_options){.all = true}, &told);
    ck_assert_str_eq(told.text, "untagged a:1");
    ck_assert_str_eq(hf_test_names(t.store), "b:1 chart:1");
}
END_TEST

START_TEST(dry_run_tells_the_same_and_changes_nothing)
{
    struct hf_test_told told = {0};
    uint64_t expected = bytes_of(&a) + bytes_of(&b);

    ck_assert_uint_eq(prune((struct hf_prune_options){.all = true, .dry_run = true}, &told),
                      expected);
    ck_assert_str_eq(told.text, "untagged a:1; untagged b:1");
    ck_assert_uint_eq(told.deleted_count, 6);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
    ck_assert_uint_eq(prune((struct hf_prune_options){.all = true}, &told), expected);
}
END_TEST

START_TEST(prune_takes_what_its_filters_fit)
{
    const struct hf_test_spec old = {
        .names = "old:1", .text = "o", .created = "2020-01-01T00:00:00Z"};
    const struct hf_test_spec labelled = {
        .names = "labelled:1", .text = "l", .config = "\"Labels\":{\"keep\":\"no\"}"};
    const char *until = "until=2021-01-01T00:00:00Z", *label = "label=keep=no";
    struct hf_test_told told = {0};

    hf_test_put_image(t.store, &old, NULL);
    hf_test_put_image(t.store, &labelled, NULL);
    prune((struct hf_prune_options){.all = true, .filters = &until, .filter_count = 1}, &told);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1 labelled:1");
    prune((struct hf_prune_options){.all = true, .filters = &label, .filter_count = 1}, &told);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

START_TEST(prune_with_an_unknown_filter_is_refused)
{
    const char *filter = "size=1";
    const struct hf_prune_options options = {.all = true, .filters = &filter, .filter_count = 1};

    ck_assert_int_eq(hf_image_prune(t.store, &options, NULL, NULL), HF_ERR_USAGE);
}
END_TEST

static int decide_expired(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct hf_hold hold = {
        .target = a.manifest, .expiry_ns = 1, .owner = "engine", .reason = "", .name = ""};
    uint64_t id;

    return hf_change_add_hold(change, &hold, &id, err);
}

START_TEST(hold_that_has_expired_counts_until_a_prune)
{
    struct hf_test_told told = {0};

    ck_assert_int_eq(hf_store_change(t.store, "test", 5, decide_expired, NULL, NULL), 0);
    ck_assert_int_eq(rmi("a:1", NULL), HF_ERR_BUSY);
    prune((struct hf_prune_options){0}, &told);
    ck_assert_int_eq(rmi("a:1", NULL), 0);
}
END_TEST

START_TEST(hold_that_has_not_expired_survives_a_prune)
{
    struct hf_test_told told = {0};

    hold("a:1", 3600);
    prune((struct hf_prune_options){.all = true}, &told);
    ck_assert_str_eq(hf_test_names(t.store), "a:1");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("remove");

    tcase_set_timeout(tests, 60); /* every change waits for the disk */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, rmi_of_a_name_drops_only_that_name);
    tcase_add_test(tests, rmi_of_the_last_name_takes_the_image);
    tcase_add_test(tests, rmi_keeps_what_another_image_needs);
    tcase_add_test(tests, rmi_of_an_id_takes_the_image);
    tcase_add_test(tests, rmi_of_an_id_with_several_names_is_refused_and_lists_them);
    tcase_add_test(tests, forced_rmi_of_an_id_drops_all_names);
    tcase_add_test(tests, rmi_of_an_id_covers_all_manifests_of_the_image);
    tcase_add_test(tests, rmi_of_all_listed_ids_empties_the_store);
    tcase_add_test(tests, arguments_that_mean_the_same_are_one);
    tcase_add_test(tests, id_whose_other_names_are_given_too_is_not_refused);
    tcase_add_test(tests, one_refusal_refuses_all);
    tcase_add_test(tests, keep_going_skips_what_is_refused_and_tells_it);
    tcase_add_test(tests, forced_rmi_ignores_what_is_missing);
    tcase_add_test(tests, held_image_loses_names_but_not_its_last);
    tcase_add_test(tests, both_names_of_a_held_image_at_once_are_refused);
    tcase_add_test(tests, force_never_overrides_a_hold);
    tcase_add_test(tests, artifact_is_removed_by_its_name);
    tcase_add_test(tests, artifact_leaves_with_its_subject);
    tcase_add_test(tests, named_artifact_stays_when_its_subject_leaves);
    tcase_add_test(tests, digest_name_is_removed_as_a_name);
    tcase_add_test(tests, prune_takes_names_kept_for_old_images);
    tcase_add_test(tests, prune_leaves_names_that_somebody_gave);
    tcase_add_test(tests, prune_all_takes_every_image_that_nobody_holds);
    tcase_add_test(tests, dry_run_tells_the_same_and_changes_nothing);
    tcase_add_test(tests, prune_takes_what_its_filters_fit);
    tcase_add_test(tests, prune_with_an_unknown_filter_is_refused);
    tcase_add_test(tests, hold_that_has_expired_counts_until_a_prune);
    tcase_add_test(tests, hold_that_has_not_expired_survives_a_prune);
    return hf_test_run("remove", tests);
}
