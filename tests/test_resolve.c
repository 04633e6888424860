/*
 * Proves what a reference means: names win over IDs; configs, manifests and indexes are IDs, whole
 * or begun; an ambiguous one is never guessed; artifacts are no images.
 */
#include "image/resolve.h"

#include "base/digest.h"
#include "support/images.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static struct hf_test_store t;

static void setup(void)
{
    hf_test_store_make(&t);
}

static void teardown(void)
{
    hf_test_store_remove(&t);
}

static void require_equal(const struct hf_digest *a, const struct hf_digest *b)
{
    ck_assert_int_eq(hf_digest_compare(a, b), 0);
}

static int find(const char *reference, struct hf_image *out)
{
    return hf_image_find(t.store, reference, NULL, out, NULL);
}

static void require_found(const char *reference, const struct hf_digest *id)
{
    struct hf_error err = {0};
    struct hf_image image;

    int rc = hf_image_find(t.store, reference, NULL, &image, &err);
    ck_assert_msg(rc == 0, "%s: %s", reference, err.message);
    require_equal(&image.id, id);
}

/* The first digits of a digest, with or without its algorithm. */
static const char *begun(const struct hf_digest *digest, bool with_algorithm, int digits)
{
    static char text[HF_DIGEST_TEXT_MAX];
    char hex[HF_DIGEST_TEXT_MAX];

    snprintf(text, sizeof(text), "%s%.*s", with_algorithm ? "sha256:" : "", digits,
             hf_digest_hex(digest, hex));
    return text;
}

START_TEST(name_is_found_however_it_is_written)
{
    struct hf_test_image image;
    struct hf_image found;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1"}, &image);
    require_found("app:1", &image.id);
    require_found("library/app:1", &image.id);
    require_found("docker.io/library/app:1", &image.id);
    ck_assert_int_eq(find("app:1", &found), 0);
    ck_assert_str_eq(found.name, "docker.io/library/app:1");
    ck_assert_int_eq(find("app", &found), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(find("app:2", &found), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(missing_image_is_named)
{
    struct hf_error err = {0};
    struct hf_image image;

    ck_assert_int_eq(hf_image_find(t.store, "app:1", NULL, &image, &err), HF_ERR_NOT_FOUND);
    ck_assert_str_eq(err.message, "no such image: app:1");
}
END_TEST

START_TEST(short_name_is_looked_up_at_docker_io_and_then_at_localhost)
{
    struct hf_test_image local, hub;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "localhost/app:1", .text = "l"},
                      &local);
    require_found("app:1", &local.id);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1", .text = "h"}, &hub);
    require_found("app:1", &hub.id);
    require_found("localhost/app:1", &local.id);
}
END_TEST

START_TEST(name_that_tells_a_registry_is_not_looked_up_at_localhost)
{
    struct hf_image found;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "localhost/app:1"}, NULL);
    ck_assert_int_eq(find("docker.io/app:1", &found), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(find("quay.io/app:1", &found), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(config_manifest_and_index_are_ids_whole_and_begun)
{
    struct hf_test_spec spec = {.text = "i"};
    struct hf_test_image child, image;
    struct hf_digest index;

    hf_test_put_index(t.store, "multi:1", &spec, 1, false, &index, &child);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1"}, &image);
    const struct hf_digest *ids[] = {&image.id, &image.manifest};
    for (size_t i = 0; i < 2; i++) {
        require_found(begun(ids[i], true, 64), &image.id);
        require_found(begun(ids[i], false, 64), &image.id);
        require_found(begun(ids[i], true, 12), &image.id);
        require_found(begun(ids[i], false, 12), &image.id);
    }
    require_found(begun(&index, false, 12), &child.id);
    require_found(begun(&child.manifest, false, 12), &child.id);
    require_found(begun(&child.id, false, 12), &child.id);
}
END_TEST

START_TEST(name_wins_over_id)
{
    struct hf_test_image image, other;
    char name[2 * HF_DIGEST_TEXT_MAX];

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1", .text = "a"}, &image);
    snprintf(name, sizeof(name), "%s:latest", begun(&image.id, false, 12));
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = name, .text = "b"}, &other);
    require_found(begun(&image.id, false, 12), &other.id);
    require_found(begun(&image.id, false, 13), &image.id);
}
END_TEST

START_TEST(id_of_another_algorithm_or_case_is_none)
{
    struct hf_test_image image;
    struct hf_image found;
    char text[2 * HF_DIGEST_TEXT_MAX];

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1"}, &image);
    snprintf(text, sizeof(text), "sha512:%s", begun(&image.id, false, 12));
    ck_assert_int_eq(find(text, &found), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(find("", &found), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(find("sha256:", &found), HF_ERR_NOT_FOUND);
    snprintf(text, sizeof(text), "%s0", begun(&image.id, true, 64));
    ck_assert_int_eq(find(text, &found), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(layers_are_no_ids)
{
    struct hf_test_image image;
    struct hf_image found;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1"}, &image);
    ck_assert_int_eq(find(begun(&image.layers[0], true, 64), &found), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(ambiguous_id_lists_the_candidates)
{
    struct hf_error err = {0};
    struct hf_image found;
    char words[17][8], names[17][8], prefix[2] = "";
    struct hf_test_image images[17];

    /* Among 17 IDs two begin with the same digit. */
    for (int i = 0; i < 17; i++) {
        snprintf(words[i], sizeof(words[i]), "w%d", i);
        snprintf(names[i], sizeof(names[i]), "n%d:1", i);
        hf_test_put_image(t.store, &(struct hf_test_spec){.names = names[i], .text = words[i]},
                          &images[i]);
    }
    int first = 0, second = 0;
    for (int i = 0; i < 17; i++) {
        for (int k = 0; k < i; k++) {
            if (images[i].id.bytes[0] >> 4 == images[k].id.bytes[0] >> 4) {
                first = k;
                second = i;
            }
        }
    }
    prefix[0] = begun(&images[first].id, false, 1)[0];
    ck_assert_int_eq(hf_image_find(t.store, prefix, NULL, &found, &err), HF_ERR_AMBIGUOUS);
    ck_assert_ptr_nonnull(strstr(err.message, begun(&images[first].id, false, 12)));
    ck_assert_ptr_nonnull(strstr(err.message, begun(&images[second].id, false, 12)));
    ck_assert_ptr_nonnull(strstr(err.message, names[first]));
}
END_TEST

START_TEST(id_means_all_manifests_with_that_config)
{
    struct hf_test_image plain, packed;
    struct hf_resolved resolved = {0};
    struct hf_snapshot *snapshot = NULL;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "plain:1"}, &plain);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "gzip:1", .is_gzip = true}, &packed);
    require_equal(&plain.id, &packed.id);
    ck_assert_int_ne(hf_digest_compare(&plain.manifest, &packed.manifest), 0);
    ck_assert_int_eq(hf_snapshot_take(t.store, &snapshot, NULL), 0);
    ck_assert_int_eq(hf_resolve(snapshot, begun(&plain.id, false, 12), &resolved, NULL), 0);
    ck_assert_uint_eq(resolved.targets.count, 2);
    ck_assert_uint_eq(resolved.manifests.count, 2);
    ck_assert_str_eq(resolved.name, "");
    hf_resolved_release(&resolved);
    hf_snapshot_release(snapshot);
}
END_TEST

START_TEST(manifest_id_means_that_manifest_alone)
{
    struct hf_test_image plain, packed;
    struct hf_image found;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "plain:1"}, &plain);
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "gzip:1", .is_gzip = true}, &packed);
    ck_assert_int_eq(find(begun(&packed.manifest, false, 64), &found), 0);
    require_equal(&found.target, &packed.manifest);
}
END_TEST

START_TEST(platform_of_an_index_is_this_machines_or_the_one_asked_for)
{
    const struct hf_test_spec specs[] = {{.text = "s390", .platform = "linux/s390x"},
                                         {.text = "here"}};
    struct hf_test_image images[2];
    struct hf_digest index;
    struct hf_image found;

    hf_test_put_index(t.store, "multi:1", specs, 2, true, &index, images);
    ck_assert_int_eq(find("multi:1", &found), 0);
    require_equal(&found.id, &images[1].id);
    require_equal(&found.target, &index);
    require_equal(&found.manifest, &images[1].manifest);
    ck_assert(found.is_index);
    ck_assert_int_eq(hf_image_find(t.store, "multi:1", "linux/s390x", &found, NULL), 0);
    require_equal(&found.id, &images[0].id);
    ck_assert_str_eq(found.platform, "linux/s390x");
}
END_TEST

START_TEST(index_without_this_machine_gives_the_first_platform_that_is_there)
{
    const struct hf_test_spec spec = {.text = "s390", .platform = "linux/s390x"};
    struct hf_test_image image;
    struct hf_digest index;

    hf_test_put_index(t.store, "multi:1", &spec, 1, true, &index, &image);
    require_found("multi:1", &image.id);
}
END_TEST

START_TEST(absent_platform_is_not_found)
{
    const struct hf_test_spec spec = {.text = "here"};
    struct hf_error err = {0};
    struct hf_test_image image;
    struct hf_digest index;
    struct hf_image found;

    hf_test_put_index(t.store, "multi:1", &spec, 1, true, &index, &image);
    ck_assert_int_eq(hf_image_find(t.store, "multi:1", "plan9/none", &found, &err),
                     HF_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "plan9/none"));
}
END_TEST

START_TEST(artifact_is_no_image)
{
    struct hf_error err = {0};
    struct hf_digest artifact;
    struct hf_image found;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    ck_assert_int_eq(hf_image_find(t.store, "chart:1", NULL, &found, &err), HF_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "artifact"));
    ck_assert_int_eq(find(begun(&artifact, true, 64), &found), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(digest_reference_means_what_a_name_of_that_repository_points_to)
{
    struct hf_test_image image;
    struct hf_image found;
    char text[HF_DIGEST_TEXT_MAX], reference[HF_REFERENCE_MAX];

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1"}, &image);
    hf_digest_text(&image.manifest, text);
    snprintf(reference, sizeof(reference), "app@%s", text);
    require_found(reference, &image.id);
    snprintf(reference, sizeof(reference), "other@%s", text);
    ck_assert_int_eq(find(reference, &found), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(description_comes_from_summaries)
{
    struct hf_test_image image;
    struct hf_image found;

    hf_test_put_image(t.store,
                      &(struct hf_test_spec){.names = "app:1",
                                             .text = "abc",
                                             .base = "0123456789",
                                             .created = "1970-01-01T00:00:02Z"},
                      &image);
    ck_assert_int_eq(find("app:1", &found), 0);
    ck_assert_uint_eq(found.created_ns, 2000000000u);
    ck_assert_uint_eq(found.size_bytes, 10 + strlen("the layer of abc"));
    ck_assert(!found.damaged);
    ck_assert(!found.is_index);
}
END_TEST

START_TEST(image_with_a_damaged_layer_is_found_and_says_so)
{
    struct hf_test_image image;
    struct hf_image found;

    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "app:1"}, &image);
    hf_test_set_damaged(t.store, &image.layers[0]);
    ck_assert_int_eq(find("app:1", &found), 0);
    ck_assert(found.damaged);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("resolve");

    tcase_set_timeout(tests, 60); /* every change waits for the disk */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, name_is_found_however_it_is_written);
    tcase_add_test(tests, missing_image_is_named);
    tcase_add_test(tests, short_name_is_looked_up_at_docker_io_and_then_at_localhost);
    tcase_add_test(tests, name_that_tells_a_registry_is_not_looked_up_at_localhost);
    tcase_add_test(tests, config_manifest_and_index_are_ids_whole_and_begun);
    tcase_add_test(tests, name_wins_over_id);
    tcase_add_test(tests, id_of_another_algorithm_or_case_is_none);
    tcase_add_test(tests, layers_are_no_ids);
    tcase_add_test(tests, ambiguous_id_lists_the_candidates);
    tcase_add_test(tests, id_means_all_manifests_with_that_config);
    tcase_add_test(tests, manifest_id_means_that_manifest_alone);
    tcase_add_test(tests, platform_of_an_index_is_this_machines_or_the_one_asked_for);
    tcase_add_test(tests, index_without_this_machine_gives_the_first_platform_that_is_there);
    tcase_add_test(tests, absent_platform_is_not_found);
    tcase_add_test(tests, artifact_is_no_image);
    tcase_add_test(tests, digest_reference_means_what_a_name_of_that_repository_points_to);
    tcase_add_test(tests, description_comes_from_summaries);
    tcase_add_test(tests, image_with_a_damaged_layer_is_found_and_says_so);
    return hf_test_run("resolve", tests);
}
