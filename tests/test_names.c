/*
 * Proves the rules that keep images from losing their names: what becomes of an old image when a
 * name moves (load, tag), what untag refuses, what holds keep, and what prune takes.
 */
#include "image/names.h"

#include "base/digest.h"
#include "oci/reference.h"
#include "support/images.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static struct hf_test_store t;
static struct hf_test_image a, b;

static void setup(void)
{
    hf_test_store_make(&t);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "a:1", .text = "a"}, &a);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "b:1", .text = "b"}, &b);
}

static void teardown(void)
{
    hf_test_store_remove(&t);
}

static int tag_with(const char *source, const char *target, struct hf_name_options options,
                    struct hf_test_told *told, struct hf_error *err)
{
    if (told)
        options.observer = hf_test_listen(told);
    return hf_image_tag(t.store, source, target, &options, err);
}

static int tag(const char *source, const char *target)
{
    return tag_with(source, target, (struct hf_name_options){0}, NULL, NULL);
}

static int untag(const char *name)
{
    return hf_image_untag(t.store, &name, 1, NULL, NULL);
}

static uint64_t hold(const char *reference)
{
    const struct hf_hold_options options = {.owner = "engine", .reason = "container 7"};
    struct hf_error err = {0};
    uint64_t id = 0;

    int rc = hf_image_hold(t.store, reference, &options, &id, &err);
    ck_assert_msg(rc == 0, "cannot hold %s: %s", reference, err.message);
    return id;
}

/* What a load does for each of its names, with the images in the store already. */
struct pointing {
    struct hf_name_point points[4];
    size_t count;
    bool keep_old;
    struct hf_events events;
};

static int decide_pointing(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct pointing *pointing = arg;

    hf_events_clear(&pointing->events);
    return hf_names_point_all(change, pointing->points, pointing->count, pointing->keep_old,
                              &pointing->events, err);
}

static const char *point(struct pointing pointing, struct hf_test_told *told)
{
    struct hf_observer observer = hf_test_listen(told);
    struct hf_error err = {0};
    int rc = hf_store_change(t.store, "load", 5, decide_pointing, &pointing, &err);

    ck_assert_msg(rc == 0, "cannot point: %s", err.message);
    hf_events_tell(&pointing.events, &observer);
    hf_events_release(&pointing.events);
    return told->text;
}

#define A1 "docker.io/library/a:1"
#define B1 "docker.io/library/b:1"

static const char *kept_name(const char *repository, const struct hf_digest *digest)
{
    static char name[HF_REFERENCE_MAX];
    char text[HF_DIGEST_TEXT_MAX];

    snprintf(name, sizeof(name), "%s@%s", repository, hf_digest_text(digest, text));
    return name;
}

/* Has the store these names and the one kept for image `a`, and nothing else? */
static void require_kept_and(const char *others)
{
    char expected[1024];

    snprintf(expected, sizeof(expected), "%s %s", kept_name("a", &a.manifest), others);
    /* "a:1" and "a@…": in the order of bytes the colon comes first. */
    if (strncmp(others, "a:1 ", 4) == 0)
        snprintf(expected, sizeof(expected), "a:1 %s %s", kept_name("a", &a.manifest), others + 4);
    ck_assert_str_eq(hf_test_names(t.store), expected);
}

/* --- names that move -------------------------------------------------------------------------- */

START_TEST(moved_name_takes_the_old_image_along)
{
    struct hf_test_told told = {0};

    ck_assert_str_eq(point((struct pointing){.points = {{A1, b.manifest}}, .count = 1}, &told),
                     "loaded a:1; replaced a:1");
    ck_assert_int_eq(hf_digest_compare(&told.old_id, &a.id), 0);
    ck_assert_int_eq(hf_digest_compare(&told.id, &b.id), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
    ck_assert(!hf_test_has_object(t.store, &a.manifest));
    ck_assert(!hf_test_has_object(t.store, &a.layers[0]));
}
END_TEST

START_TEST(moved_name_leaves_an_image_with_other_names_alone)
{
    struct hf_test_told told = {0};

    ck_assert_int_eq(tag("a:1", "a:2"), 0);
    ck_assert_str_eq(point((struct pointing){.points = {{A1, b.manifest}}, .count = 1}, &told),
                     "loaded a:1; moved a:1");
    ck_assert_str_eq(hf_test_names(t.store), "a:1 a:2 b:1");
    ck_assert(hf_test_has_object(t.store, &a.manifest));
}
END_TEST

START_TEST(old_image_is_kept_under_its_digest_when_asked_for)
{
    struct hf_test_told told = {0};
    struct pointing pointing = {.points = {{A1, b.manifest}}, .count = 1, .keep_old = true};

    ck_assert_str_eq(point(pointing, &told), "loaded a:1; kept a:1");
    ck_assert_str_eq(told.kept, kept_name("docker.io/library/a", &a.manifest));
    ck_assert(hf_test_has_object(t.store, &a.manifest));
    require_kept_and("a:1 b:1");
}
END_TEST

START_TEST(old_image_is_kept_when_the_store_is_set_so)
{
    struct hf_test_told told = {0};

    hf_test_set(t.store, "keep-old", "1");
    ck_assert_str_eq(point((struct pointing){.points = {{A1, b.manifest}}, .count = 1}, &told),
                     "loaded a:1; kept a:1");
    require_kept_and("a:1 b:1");
}
END_TEST

START_TEST(old_image_is_kept_while_it_is_held)
{
    struct hf_test_told told = {0};

    hold("a:1");
    ck_assert_str_eq(point((struct pointing){.points = {{A1, b.manifest}}, .count = 1}, &told),
                     "loaded a:1; kept a:1");
    require_kept_and("a:1 b:1");
}
END_TEST

START_TEST(held_image_with_another_name_needs_no_digest_name)
{
    struct hf_test_told told = {0};

    hold("a:1");
    ck_assert_int_eq(tag("a:1", "a:2"), 0);
    ck_assert_str_eq(point((struct pointing){.points = {{A1, b.manifest}}, .count = 1}, &told),
                     "loaded a:1; moved a:1");
    ck_assert_str_eq(hf_test_names(t.store), "a:1 a:2 b:1");
}
END_TEST

START_TEST(name_that_points_there_already_changes_nothing)
{
    struct hf_test_told told = {0};

    ck_assert_str_eq(point((struct pointing){.points = {{A1, a.manifest}}, .count = 1}, &told),
                     "loaded a:1");
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

START_TEST(names_that_exchange_their_images_lose_nothing)
{
    struct hf_test_told told = {0};
    struct pointing pointing = {.points = {{A1, b.manifest}, {B1, a.manifest}}, .count = 2};

    ck_assert_str_eq(point(pointing, &told), "loaded a:1; moved a:1; loaded b:1; moved b:1");
    ck_assert(hf_test_has_object(t.store, &a.manifest));
    ck_assert(hf_test_has_object(t.store, &b.manifest));
}
END_TEST

START_TEST(two_names_that_leave_one_image_keep_it_once)
{
    struct hf_test_told told = {0};
    struct pointing pointing = {.points = {{A1, b.manifest}, {"docker.io/library/a:2", b.manifest}},
                                .count = 2,
                                .keep_old = true};

    ck_assert_int_eq(tag("a:1", "a:2"), 0);
    ck_assert_str_eq(point(pointing, &told), "loaded a:1; kept a:1; loaded a:2; moved a:2");
}
END_TEST

START_TEST(same_image_under_another_manifest_replaces_nothing)
{
    struct hf_test_told told = {0};
    struct hf_test_image packed;

    hf_test_put_image(
        t.store, &(struct hf_test_spec){.names = "gz:1", .text = "a", .is_gzip = true}, &packed);
    ck_assert_str_eq(point((struct pointing){.points = {{A1, packed.manifest}}, .count = 1}, &told),
                     "loaded a:1");
    ck_assert(!hf_test_has_object(t.store, &a.manifest));
}
END_TEST

START_TEST(index_whose_other_platform_leaves_is_replaced)
{
    const struct hf_test_spec specs[] = {{.text = "a"},
                                         {.text = "s390", .platform = "linux/s390x"}};
    struct hf_test_told told = {0};
    struct hf_test_image images[2];
    struct hf_digest index;

    hf_test_put_index(t.store, "multi:1", specs, 2, false, &index, images);
    struct pointing pointing = {.points = {{"docker.io/library/multi:1", a.manifest}}, .count = 1};
    ck_assert_str_eq(point(pointing, &told), "loaded multi:1; replaced multi:1");
    ck_assert_int_eq(hf_digest_compare(&told.old_id, &images[1].id), 0);
    ck_assert(!hf_test_has_object(t.store, &images[1].manifest));
}
END_TEST

/* --- tag -------------------------------------------------------------------------------------- */

START_TEST(tag_gives_another_name)
{
    ck_assert_int_eq(tag("a:1", "c:1"), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1 c:1");
}
END_TEST

START_TEST(tag_that_takes_a_last_name_is_refused_with_the_reason)
{
    struct hf_error err = {0};

    ck_assert_int_eq(tag_with("a:1", "b:1", (struct hf_name_options){0}, NULL, &err),
                     HF_ERR_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "b:1 is the last name of image"));
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
    ck_assert(hf_test_has_object(t.store, &b.manifest));
}
END_TEST

START_TEST(forced_tag_takes_the_last_name_and_the_image)
{
    struct hf_test_told told = {0};
    struct hf_name_options force = {.force = true};

    ck_assert_int_eq(tag_with("a:1", "b:1", force, &told, NULL), 0);
    ck_assert_str_eq(told.text, "loaded b:1; replaced b:1");
    ck_assert_uint_eq(told.deleted_count, 3);
    ck_assert(!hf_test_has_object(t.store, &b.manifest));
}
END_TEST

START_TEST(tag_that_keeps_the_old_image_is_not_refused)
{
    struct hf_test_told told = {0};
    struct hf_name_options keep = {.keep_old = true};

    ck_assert_int_eq(tag_with("b:1", "a:1", keep, &told, NULL), 0);
    ck_assert_str_eq(told.text, "loaded a:1; kept a:1");
    require_kept_and("a:1 b:1");
}
END_TEST

START_TEST(tag_over_a_held_image_keeps_it)
{
    hold("a:1");
    ck_assert_int_eq(tag("b:1", "a:1"), 0);
    require_kept_and("a:1 b:1");
}
END_TEST

START_TEST(tag_takes_an_id)
{
    char text[HF_DIGEST_TEXT_MAX];

    ck_assert_int_eq(tag(hf_digest_text(&a.id, text), "c:1"), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1 c:1");
}
END_TEST

START_TEST(tag_gives_no_digest_names)
{
    ck_assert_int_eq(tag("a:1", kept_name("c", &a.manifest)), HF_ERR_USAGE);
    ck_assert_int_eq(tag("a:1", "UPPER:1"), HF_ERR_USAGE);
    ck_assert_int_eq(tag("missing", "c:1"), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(artifact_is_not_tagged)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    ck_assert_int_eq(tag("chart:1", "c:1"), HF_ERR_NOT_FOUND);
}
END_TEST

/* --- untag ------------------------------------------------------------------------------------ */

START_TEST(untag_drops_a_name)
{
    ck_assert_int_eq(tag("a:1", "a:2"), 0);
    ck_assert_int_eq(untag("a:1"), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:2 b:1");
}
END_TEST

START_TEST(untag_of_a_last_name_is_refused)
{
    const char *names[] = {"a:1", "a:2"};

    ck_assert_int_eq(untag("a:1"), HF_ERR_REFUSED);
    ck_assert_int_eq(tag("a:1", "a:2"), 0);
    ck_assert_int_eq(hf_image_untag(t.store, names, 2, NULL, NULL), HF_ERR_REFUSED);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 a:2 b:1");
}
END_TEST

START_TEST(forced_untag_takes_the_image_unless_it_is_held)
{
    const struct hf_name_options force = {.force = true};
    const char *a1 = "a:1", *b1 = "b:1";
    struct hf_error err = {0};

    ck_assert_int_eq(hf_image_untag(t.store, &a1, 1, &force, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
    hold("b:1");
    ck_assert_int_eq(hf_image_untag(t.store, &b1, 1, &force, &err), HF_ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.message, "engine"));
}
END_TEST

START_TEST(untag_takes_names_only)
{
    char text[HF_DIGEST_TEXT_MAX];

    ck_assert_int_eq(untag(hf_digest_text(&a.id, text)), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(untag("missing"), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(last_name_of_a_manifest_inside_a_named_index_is_not_a_last_one)
{
    const struct hf_test_spec spec = {.text = "a"};
    struct hf_test_image image;
    struct hf_digest index;

    hf_test_put_index(t.store, "multi:1", &spec, 1, false, &index, &image);
    ck_assert_int_eq(untag("a:1"), 0);
    ck_assert(hf_test_has_object(t.store, &a.manifest));
    ck_assert_int_eq(untag("multi:1"), HF_ERR_REFUSED);
}
END_TEST

/* --- holds ------------------------------------------------------------------------------------ */

START_TEST(hold_tells_owner_reason_and_name)
{
    struct hf_error err = {0};
    const char *a1 = "a:1";

    hold("a:1");
    ck_assert_int_eq(hf_image_remove(t.store, &a1, 1, NULL, &err), HF_ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.message, "engine"));
    ck_assert_ptr_nonnull(strstr(err.message, "container 7"));
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
}
END_TEST

START_TEST(hold_needs_an_owner_and_an_image)
{
    struct hf_hold_options options = {0};
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    ck_assert_int_eq(hf_image_hold(t.store, "a:1", &options, NULL, NULL), HF_ERR_USAGE);
    options.owner = "engine";
    ck_assert_int_eq(hf_image_hold(t.store, "missing", &options, NULL, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_image_hold(t.store, "chart:1", &options, NULL, NULL), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(released_image_can_be_removed)
{
    uint64_t id = hold("a:1");
    const char *a1 = "a:1";

    ck_assert_int_eq(hf_image_release_holds(t.store, &id, 1, NULL, NULL), 0);
    ck_assert_int_eq(hf_image_remove(t.store, &a1, 1, NULL, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "b:1");
}
END_TEST

START_TEST(kept_name_goes_with_the_last_hold)
{
    uint64_t ids[] = {hold("a:1"), hold("a:1")};
    struct hf_test_told told = {0};
    struct hf_observer observer = hf_test_listen(&told);

    ck_assert_int_eq(tag("b:1", "a:1"), 0);
    ck_assert_int_eq(hf_image_release_holds(t.store, &ids[0], 1, &observer, NULL), 0);
    require_kept_and("a:1 b:1");
    ck_assert_int_eq(hf_image_release_holds(t.store, &ids[1], 1, &observer, NULL), 0);
    ck_assert_str_eq(hf_test_names(t.store), "a:1 b:1");
    ck_assert_uint_eq(told.deleted_count, 3);
    ck_assert(!hf_test_has_object(t.store, &a.manifest));
}
END_TEST

START_TEST(kept_name_stays_when_the_store_keeps_old_images)
{
    uint64_t id = hold("a:1");

    hf_test_set(t.store, "keep-old", "1");
    ck_assert_int_eq(tag("b:1", "a:1"), 0);
    ck_assert_int_eq(hf_image_release_holds(t.store, &id, 1, NULL, NULL), 0);
    require_kept_and("a:1 b:1");
}
END_TEST

START_TEST(unknown_hold_releases_none)
{
    uint64_t ids[] = {hold("a:1"), 1};
    const char *a1 = "a:1";

    ck_assert_int_eq(hf_image_release_holds(t.store, ids, 2, NULL, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_image_remove(t.store, &a1, 1, NULL, NULL), HF_ERR_BUSY);
}
END_TEST

START_TEST(hold_released_twice_in_one_call_is_one)
{
    uint64_t id = hold("a:1");
    const uint64_t ids[] = {id, id};

    ck_assert_int_eq(hf_image_release_holds(t.store, ids, 2, NULL, NULL), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("names");

    tcase_set_timeout(tests, 60); /* every change waits for the disk */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, moved_name_takes_the_old_image_along);
    tcase_add_test(tests, moved_name_leaves_an_image_with_other_names_alone);
    tcase_add_test(tests, old_image_is_kept_under_its_digest_when_asked_for);
    tcase_add_test(tests, old_image_is_kept_when_the_store_is_set_so);
    tcase_add_test(tests, old_image_is_kept_while_it_is_held);
    tcase_add_test(tests, held_image_with_another_name_needs_no_digest_name);
    tcase_add_test(tests, name_that_points_there_already_changes_nothing);
    tcase_add_test(tests, names_that_exchange_their_images_lose_nothing);
    tcase_add_test(tests, two_names_that_leave_one_image_keep_it_once);
    tcase_add_test(tests, same_image_under_another_manifest_replaces_nothing);
    tcase_add_test(tests, index_whose_other_platform_leaves_is_replaced);
    tcase_add_test(tests, tag_gives_another_name);
    tcase_add_test(tests, tag_that_takes_a_last_name_is_refused_with_the_reason);
    tcase_add_test(tests, forced_tag_takes_the_last_name_and_the_image);
    tcase_add_test(tests, tag_that_keeps_the_old_image_is_not_refused);
    tcase_add_test(tests, tag_over_a_held_image_keeps_it);
    tcase_add_test(tests, tag_takes_an_id);
    tcase_add_test(tests, tag_gives_no_digest_names);
    tcase_add_test(tests, artifact_is_not_tagged);
    tcase_add_test(tests, untag_drops_a_name);
    tcase_add_test(tests, untag_of_a_last_name_is_refused);
    tcase_add_test(tests, forced_untag_takes_the_image_unless_it_is_held);
    tcase_add_test(tests, untag_takes_names_only);
    tcase_add_test(tests, last_name_of_a_manifest_inside_a_named_index_is_not_a_last_one);
    tcase_add_test(tests, hold_tells_owner_reason_and_name);
    tcase_add_test(tests, hold_needs_an_owner_and_an_image);
    tcase_add_test(tests, released_image_can_be_removed);
    tcase_add_test(tests, kept_name_goes_with_the_last_hold);
    tcase_add_test(tests, kept_name_stays_when_the_store_keeps_old_images);
    tcase_add_test(tests, unknown_hold_releases_none);
    tcase_add_test(tests, hold_released_twice_in_one_call_is_one);
    return hf_test_run("names", tests);
}
