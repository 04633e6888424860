/*
 * Proves that good copies of damaged objects are taken from archives of every format that is
 * written, whichever object is damaged; and that nothing else of an archive gets into the store: no
 * name, no image, no edge.
 */
#include "support/damage.h"
#include "support/images.h"
#include "support/suite.h"

#include "oci/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_test_store store;
static struct hf_test_image image, other;
static char archive[400];

static void setup(void)
{
    const struct hf_test_spec spec = {.names = "a:1 a:2", .text = "a", .base = "shared"};
    const struct hf_test_spec second = {
        .names = "b:1", .text = "b", .base = "shared", .is_gzip = true};

    hf_test_store_make(&store);
    hf_test_put_image(store.store, &spec, &image);
    hf_test_put_image(store.store, &second, &other);
    snprintf(archive, sizeof(archive), "%s.archive", store.root);
}

static void teardown(void)
{
    if (access(archive, F_OK) == 0)
        ck_assert_int_eq(unlink(archive), 0);
    hf_test_remove_dir(store.root);
}

static void save(const char *name, enum hf_save_format format)
{
    const struct hf_save_options options = {.format = format};
    struct hf_error err = {0};
    int rc = hf_image_save(store.store, &name, 1, archive, -1, &options, &err);

    ck_assert_msg(rc == 0, "cannot save: %s", err.message);
}

static void close_store(void)
{
    ck_assert_int_eq(hf_store_close(store.store, NULL), 0);
    store.store = NULL;
}

static const char *blob_path(const struct hf_digest *digest)
{
    static char path[HF_PATH_MAX];

    hf_path_blob(digest, path);
    return path;
}

/* Damage it in turn in each way, and have it repaired. */
static void expect_healed(const struct hf_digest *digest, const char *what)
{
    for (int way = 0; way < 3; way++) {
        if (way == 0)
            hf_test_flip(store.root, blob_path(digest), 0);
        else if (way == 1)
            hf_test_cut(store.root, blob_path(digest), 1);
        else
            ck_assert_int_eq(unlink(hf_test_in(store.root, blob_path(digest))), 0);
        /* In the second round it is marked as damaged before. */
        if (way > 0)
            hf_test_repair(store.root, HF_TEST_FULL, NULL);
        const struct hf_test_findings *found = hf_test_repair(store.root, HF_TEST_FULL, archive);
        ck_assert_uint_eq(found->count, 1);
        ck_assert_msg(found->items[0].repaired, "%s, way %d: %s", what, way,
                      found->items[0].message);
        hf_test_expect_clean(store.root, what);
    }
}

START_TEST(every_object_is_healed_from_an_oci_archive)
{
    save("a:1", HF_SAVE_OCI_ARCHIVE);
    close_store();
    expect_healed(&image.manifest, "the manifest");
    expect_healed(&image.id, "the config");
    for (size_t i = 0; i < image.layer_count; i++)
        expect_healed(&image.layers[i], "a layer");
}
END_TEST

START_TEST(every_object_is_healed_from_what_docker_loads)
{
    save("a:1", HF_SAVE_HYBRID);
    close_store();
    expect_healed(&image.id, "the config");
    for (size_t i = 0; i < image.layer_count; i++)
        expect_healed(&image.layers[i], "a layer");
}
END_TEST

START_TEST(layers_and_config_are_healed_from_a_docker_archive)
{
    save("a:1", HF_SAVE_DOCKER_ARCHIVE);
    close_store();
    expect_healed(&image.id, "the config");
    for (size_t i = 0; i < image.layer_count; i++)
        expect_healed(&image.layers[i], "a layer");
}
END_TEST

START_TEST(compressed_layer_is_healed_from_an_oci_archive)
{
    save("b:1", HF_SAVE_OCI_ARCHIVE);
    close_store();
    for (size_t i = 0; i < other.layer_count; i++)
        expect_healed(&other.layers[i], "a compressed layer");
}
END_TEST

START_TEST(nothing_but_bytes_comes_from_the_archive)
{
    const struct hf_test_spec more = {.names = "more:1", .text = "more"};
    struct hf_test_image third;
    char names[300];

    /* The archive has an image that is not in the store any more, and a name that has moved. */
    hf_test_put_image(store.store, &more, &third);
    const char *saved[] = {"a:1", "a:2", "more:1"};
    const struct hf_save_options options = {.format = HF_SAVE_OCI_ARCHIVE};
    ck_assert_int_eq(hf_image_save(store.store, saved, 3, archive, -1, &options, NULL), 0);
    const char *gone = "more:1";
    ck_assert_int_eq(hf_image_remove(store.store, &gone, 1, NULL, NULL), 0);
    ck_assert_int_eq(hf_image_tag(store.store, "b:1", "a:2", NULL, NULL), 0);
    snprintf(names, sizeof(names), "%s", hf_test_names(store.store));
    size_t objects = hf_test_object_count(store.store);
    close_store();

    expect_healed(&image.layers[0], "a layer");
    store.store = hf_test_must_open(hf_io_posix(), store.root, HF_OPEN_READ_WRITE);
    ck_assert_str_eq(hf_test_names(store.store), names);
    ck_assert_uint_eq(hf_test_object_count(store.store), objects);
    close_store();
}
END_TEST

START_TEST(archive_without_a_good_copy_says_so)
{
    save("b:1", HF_SAVE_OCI_ARCHIVE);
    close_store();
    hf_test_flip(store.root, blob_path(&image.layers[1]), 0);
    const struct hf_test_finding *finding = hf_test_expect_found(
        hf_test_repair(store.root, HF_TEST_FULL, archive), HF_FINDING_CONTENT, 0);
    ck_assert(!finding->repaired);
    ck_assert_ptr_nonnull(strstr(finding->message, "there is no good copy"));
    hf_test_check(store.root, HF_CHECKER_RECOVERED, "contained");
}
END_TEST

START_TEST(what_is_no_archive_is_told_and_harms_nothing)
{
    close_store();
    hf_test_add_file("", archive, "this is no archive");
    hf_test_flip(store.root, blob_path(&image.layers[0]), 0);
    const struct hf_test_finding *finding = hf_test_expect_found(
        hf_test_repair(store.root, HF_TEST_FULL, archive), HF_FINDING_CONTENT, 0);
    ck_assert(!finding->repaired);
    ck_assert_ptr_nonnull(strstr(finding->message, "could not be used"));
    hf_test_check(store.root, HF_CHECKER_RECOVERED, "contained");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check_from");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_object_is_healed_from_an_oci_archive);
    tcase_add_test(tests, every_object_is_healed_from_what_docker_loads);
    tcase_add_test(tests, layers_and_config_are_healed_from_a_docker_archive);
    tcase_add_test(tests, compressed_layer_is_healed_from_an_oci_archive);
    tcase_add_test(tests, nothing_but_bytes_comes_from_the_archive);
    tcase_add_test(tests, archive_without_a_good_copy_says_so);
    tcase_add_test(tests, what_is_no_archive_is_told_and_harms_nothing);
    return hf_test_run("check_from", tests);
}
