/*
 * Proves what the archives of `save` hold: the documents and paths that docker and the OCI layout
 * ask for, plain layers or the exact bytes, each blob once, the names that were meant.
 */
#include "base/digest.h"
#include "oci/document.h"
#include "transfer/save_plan.h"
#include "transfer/save_sink.h"
#include "support/images.h"
#include "support/members.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_test_store t;
static struct hf_test_image plain, packed;
static char folder[256], tar[300];
static struct hf_test_members members;

static void setup(void)
{
    hf_test_store_make(&t);
    hf_test_make_dir(folder);
    snprintf(tar, sizeof(tar), "%s/saved.tar", folder);
    hf_test_put_image(
        t.store, &(struct hf_test_spec){.names = "plain:1", .text = "p", .base = "shared"}, &plain);
    hf_test_put_image(
        t.store,
        &(struct hf_test_spec){.names = "gz:1", .text = "g", .base = "shared", .is_gzip = true},
        &packed);
}

static void teardown(void)
{
    hf_test_members_release(&members);
    hf_test_remove_dir(folder);
    hf_test_store_remove(&t);
}

static int save_with(struct hf_save_options options, const char *first, const char *second,
                     struct hf_error *err)
{
    const char *references[] = {first, second};

    return hf_image_save(t.store, references, second ? 2 : 1, tar, -1, &options, err);
}

/* Save and read what was written. */
static void save(struct hf_save_options options, const char *first, const char *second)
{
    struct hf_error err = {0};
    int rc = save_with(options, first, second, &err);

    ck_assert_msg(rc == 0, "cannot save: %s", err.message);
    hf_test_members_release(&members);
    hf_test_members_read(tar, &members);
}

static void save_as(enum hf_save_format format, const char *first, const char *second)
{
    save((struct hf_save_options){.format = format}, first, second);
}

static const struct hf_test_member *blob(const struct hf_digest *digest)
{
    char path[HF_SAVE_PATH_MAX];

    return hf_test_member(&members, hf_save_blob_path(digest, path));
}

static struct hf_digest digest_of_text(const char *text)
{
    struct hf_digest digest;

    hf_digest_of(text, strlen(text), &digest);
    return digest;
}

/* Does a blob have the bytes that its path tells? */
static void require_blobs_are_true(void)
{
    for (size_t i = 0; i < members.count; i++) {
        const struct hf_test_member *member = &members.items[i];
        struct hf_digest digest;
        char path[HF_SAVE_PATH_MAX];
        if (strncmp(member->path, "blobs/", 6) != 0)
            continue;
        hf_digest_of(member->data, member->len, &digest);
        ck_assert_str_eq(member->path, hf_save_blob_path(&digest, path));
    }
}

/* All values of an annotation in index.json, separated by blanks; "-" where there is none. */
static const char *annotations(const char *key)
{
    static char text[4096];
    json_t *index = hf_test_member_json(&members, "index.json");
    json_t *descriptor;
    size_t i;

    text[0] = '\0';
    json_array_foreach(json_object_get(index, "manifests"), i, descriptor)
    {
        const char *value =
            json_string_value(json_object_get(json_object_get(descriptor, "annotations"), key));
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "",
                 value ? value : "-");
    }
    json_decref(index);
    return text;
}

#define IMAGE_NAME "io.containerd.image.name"
#define REF_NAME   "org.opencontainers.image.ref.name"

static void require_document(const char *path, const char *expected)
{
    const struct hf_test_member *member = hf_test_member(&members, path);

    ck_assert_msg(member != NULL, "the archive has no %s", path);
    ck_assert_str_eq(member->data, expected);
}

/* --- hybrid ----------------------------------------------------------------------------------- */

START_TEST(hybrid_has_the_documents_that_docker_writes)
{
    char config[HF_SAVE_PATH_MAX], first[HF_SAVE_PATH_MAX], second[HF_SAVE_PATH_MAX];
    char manifest[HF_DIGEST_TEXT_MAX], layer[2][HF_DIGEST_TEXT_MAX], expected[4096];

    save_as(HF_SAVE_HYBRID, "plain:1", NULL);
    require_blobs_are_true();
    hf_save_blob_path(&plain.id, config);
    hf_save_blob_path(&plain.layers[0], first);
    hf_save_blob_path(&plain.layers[1], second);
    hf_digest_text(&plain.layers[0], layer[0]);
    hf_digest_text(&plain.layers[1], layer[1]);
    hf_digest_text(&plain.manifest, manifest);
    require_document("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    snprintf(expected, sizeof(expected),
             "{\"schemaVersion\":2,\"mediaType\":\"" HF_MEDIA_OCI_INDEX "\",\"manifests\":["
             "{\"mediaType\":\"" HF_MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
             "\"annotations\":{\"" IMAGE_NAME "\":\"docker.io/library/plain:1\",\"" REF_NAME
             "\":\"1\"}}]}",
             manifest, blob(&plain.manifest)->len);
    require_document("index.json", expected);
    snprintf(expected, sizeof(expected),
             "[{\"Config\":\"%s\",\"RepoTags\":[\"docker.io/library/plain:1\"],"
             "\"Layers\":[\"%s\",\"%s\"],\"LayerSources\":{"
             "\"%s\":{\"mediaType\":\"" HF_MEDIA_OCI_LAYER "\",\"digest\":\"%s\",\"size\":6},"
             "\"%s\":{\"mediaType\":\"" HF_MEDIA_OCI_LAYER "\",\"digest\":\"%s\",\"size\":14}}}]",
             config, first, second, layer[0], layer[0], layer[1], layer[1]);
    require_document("manifest.json", expected);
    snprintf(expected, sizeof(expected), "{\"docker.io/library/plain\":{\"1\":\"%s\"}}",
             layer[1] + strlen("sha256:"));
    require_document("repositories", expected);
    ck_assert_uint_eq(members.count, 8);
}
END_TEST

START_TEST(hybrid_keeps_the_manifest_of_plain_layers)
{
    save_as(HF_SAVE_HYBRID, "plain:1", NULL);
    ck_assert_ptr_nonnull(blob(&plain.manifest));
}
END_TEST

START_TEST(hybrid_inflates_layers_and_makes_dockers_manifest_for_them)
{
    struct hf_descriptor config = {.digest = packed.id}, layers[2] = {0};
    struct hf_buf expected = {0};
    struct hf_digest manifest;

    save_as(HF_SAVE_HYBRID, "gz:1", NULL);
    require_blobs_are_true();
    layers[0].digest = digest_of_text("shared");
    layers[1].digest = digest_of_text("the layer of g");
    ck_assert_str_eq(blob(&layers[0].digest)->data, "shared");
    ck_assert_str_eq(blob(&layers[1].digest)->data, "the layer of g");
    ck_assert_ptr_null(blob(&packed.layers[0]));
    ck_assert_ptr_null(blob(&packed.manifest));
    config.size_bytes = blob(&packed.id)->len;
    layers[0].size_bytes = 6;
    layers[1].size_bytes = 14;
    hf_manifest_encode_docker(&config, layers, 2, &expected);
    hf_digest_of(expected.data, expected.len, &manifest);
    ck_assert_ptr_nonnull(blob(&manifest));
    hf_buf_release(&expected);
}
END_TEST

START_TEST(layer_of_two_images_is_written_once)
{
    const struct hf_digest shared = digest_of_text("shared");
    size_t found = 0;

    save_as(HF_SAVE_HYBRID, "plain:1", "gz:1");
    for (size_t i = 0; i < members.count; i++)
        found += &members.items[i] == blob(&shared);
    ck_assert_uint_eq(found, 1);
    for (size_t i = 1; i < members.count; i++)
        ck_assert_int_lt(strcmp(members.items[i - 1].path, members.items[i].path), 0);
    ck_assert_str_eq(annotations(IMAGE_NAME), "docker.io/library/plain:1 docker.io/library/gz:1");
}
END_TEST

START_TEST(tag_that_two_images_have_is_told_with_its_repository)
{
    save_as(HF_SAVE_HYBRID, "plain:1", "gz:1");
    ck_assert_str_eq(annotations(REF_NAME), "docker.io/library/plain:1 docker.io/library/gz:1");
}
END_TEST

START_TEST(image_without_layers_is_written)
{
    hf_test_put_image(t.store,
                      &(struct hf_test_spec){.names = "none:1", .text = "n", .has_no_layers = true},
                      NULL);
    save_as(HF_SAVE_HYBRID, "none:1", NULL);
    json_t *list = hf_test_member_json(&members, "manifest.json");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(list, 0), "Layers")), 0);
    ck_assert(json_is_array(json_object_get(json_array_get(list, 0), "Layers")));
    ck_assert_ptr_null(hf_test_member(&members, "repositories"));
    json_decref(list);
}
END_TEST

static char *slurp(size_t *out_len)
{
    FILE *file = fopen(tar, "r");
    char *data = calloc(1, 1 << 20);

    ck_assert(file && data);
    *out_len = fread(data, 1, 1 << 20, file);
    fclose(file);
    return data;
}

START_TEST(same_images_give_the_same_bytes)
{
    size_t first_len, second_len;

    save_as(HF_SAVE_HYBRID, "plain:1", "gz:1");
    char *first = slurp(&first_len);
    hf_test_store_reopen(&t, HF_OPEN_READ_WRITE);
    save_as(HF_SAVE_HYBRID, "plain:1", "gz:1");
    char *second = slurp(&second_len);
    ck_assert_uint_eq(first_len, second_len);
    ck_assert_mem_eq(first, second, first_len);
    free(first);
    free(second);
}
END_TEST

/* --- docker-archive --------------------------------------------------------------------------- */

START_TEST(docker_archive_has_configs_and_tars_at_its_top)
{
    char config[HF_DIGEST_TEXT_MAX + 8], layer[HF_DIGEST_TEXT_MAX + 8], hex[HF_DIGEST_TEXT_MAX];
    struct hf_digest shared = digest_of_text("shared");

    save_as(HF_SAVE_DOCKER_ARCHIVE, "gz:1", NULL);
    snprintf(config, sizeof(config), "%s.json", hf_digest_hex(&packed.id, hex));
    snprintf(layer, sizeof(layer), "%s.tar", hf_digest_hex(&shared, hex));
    ck_assert_ptr_nonnull(hf_test_member(&members, config));
    ck_assert_str_eq(hf_test_member(&members, layer)->data, "shared");
    ck_assert_uint_eq(members.count, 5);
    json_t *list = hf_test_member_json(&members, "manifest.json");
    const json_t *item = json_array_get(list, 0);
    ck_assert_str_eq(json_string_value(json_object_get(item, "Config")), config);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(item, "Layers"), 0)), layer);
    ck_assert_ptr_null(json_object_get(item, "LayerSources"));
    json_decref(list);
}
END_TEST

/* --- OCI -------------------------------------------------------------------------------------- */

START_TEST(oci_archive_has_the_exact_bytes)
{
    save_as(HF_SAVE_OCI_ARCHIVE, "gz:1", NULL);
    require_blobs_are_true();
    ck_assert_ptr_nonnull(blob(&packed.manifest));
    ck_assert_ptr_nonnull(blob(&packed.id));
    ck_assert_ptr_nonnull(blob(&packed.layers[0]));
    ck_assert_ptr_nonnull(blob(&packed.layers[1]));
    ck_assert_uint_eq(members.count, 6);
    ck_assert_str_eq(annotations(IMAGE_NAME), "docker.io/library/gz:1");
}
END_TEST

struct multi {
    struct hf_digest index;
    struct hf_test_image images[2]; /* this machine's, s390x */
};

static struct multi put_multi(void)
{
    static const struct hf_test_spec specs[] = {{.text = "i"},
                                                {.text = "s", .platform = "linux/s390x"}};
    struct multi multi;

    hf_test_put_index(t.store, "multi:1", specs, 2, true, &multi.index, multi.images);
    return multi;
}

START_TEST(oci_archive_of_an_index_has_all_that_is_present)
{
    struct multi multi = put_multi();

    save_as(HF_SAVE_OCI_ARCHIVE, "multi:1", NULL);
    require_blobs_are_true();
    ck_assert_ptr_nonnull(blob(&multi.index));
    ck_assert_ptr_nonnull(blob(&multi.images[0].layers[0]));
    ck_assert_ptr_nonnull(blob(&multi.images[1].layers[0]));
    ck_assert_uint_eq(members.count, 9);
    json_t *index = hf_test_member_json(&members, "index.json");
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(index, "manifests"), 0), "mediaType")),
                     HF_MEDIA_OCI_INDEX);
    json_decref(index);
}
END_TEST

START_TEST(oci_archive_of_one_platform_has_that_manifest)
{
    struct multi multi = put_multi();

    save((struct hf_save_options){.format = HF_SAVE_OCI_ARCHIVE, .platform = "linux/s390x"},
         "multi:1", NULL);
    ck_assert_ptr_null(blob(&multi.index));
    ck_assert_ptr_nonnull(blob(&multi.images[1].manifest));
    ck_assert_uint_eq(members.count, 5);
    ck_assert_str_eq(annotations(IMAGE_NAME), "docker.io/library/multi:1");
}
END_TEST

START_TEST(docker_formats_write_this_machines_platform_of_an_index)
{
    struct multi multi = put_multi();

    save_as(HF_SAVE_HYBRID, "multi:1", NULL);
    ck_assert_ptr_nonnull(blob(&multi.images[0].id));
    ck_assert_ptr_null(blob(&multi.images[1].id));
    ck_assert_ptr_null(blob(&multi.index));
    save((struct hf_save_options){.platform = "linux/s390x"}, "multi:1", NULL);
    ck_assert_ptr_nonnull(blob(&multi.images[1].id));
}
END_TEST

START_TEST(id_of_another_platform_writes_that_one)
{
    struct multi multi = put_multi();
    char id[HF_DIGEST_TEXT_MAX];

    save_as(HF_SAVE_HYBRID, hf_digest_text(&multi.images[1].id, id), NULL);
    ck_assert_ptr_nonnull(blob(&multi.images[1].id));
    ck_assert_str_eq(annotations(IMAGE_NAME), "docker.io/library/multi:1");
}
END_TEST

START_TEST(platform_that_an_index_lacks_is_not_found)
{
    put_multi();
    ck_assert_int_eq(
        save_with((struct hf_save_options){.platform = "plan9/none"}, "multi:1", NULL, NULL),
        HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(signatures_are_not_written_beside_their_image)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, NULL, &plain.manifest, &artifact);
    save_as(HF_SAVE_OCI_ARCHIVE, "plain:1", NULL);
    ck_assert_ptr_null(blob(&artifact));
    ck_assert_uint_eq(members.count, 6);
}
END_TEST

START_TEST(artifact_with_a_name_is_written_in_oci_formats_alone)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    save_as(HF_SAVE_OCI_ARCHIVE, "chart:1", NULL);
    ck_assert_ptr_nonnull(blob(&artifact));
    ck_assert_int_eq(save_with((struct hf_save_options){0}, "chart:1", NULL, NULL),
                     HF_ERR_NOT_FOUND);
}
END_TEST

/* --- names ------------------------------------------------------------------------------------ */

START_TEST(name_is_written_alone_and_an_id_with_all_its_names)
{
    char id[HF_DIGEST_TEXT_MAX];

    hf_digest_text(&plain.id, id);
    ck_assert_int_eq(hf_image_tag(t.store, "plain:1", "other:2", NULL, NULL), 0);
    save_as(HF_SAVE_HYBRID, "plain:1", NULL);
    ck_assert_str_eq(annotations(IMAGE_NAME), "docker.io/library/plain:1");
    save_as(HF_SAVE_HYBRID, id, NULL);
    ck_assert_str_eq(annotations(IMAGE_NAME),
                     "docker.io/library/other:2 docker.io/library/plain:1");
    save_as(HF_SAVE_OCI_ARCHIVE, id, NULL);
    ck_assert_str_eq(annotations(IMAGE_NAME),
                     "docker.io/library/other:2 docker.io/library/plain:1");
}
END_TEST

START_TEST(only_named_writes_the_names_that_were_asked_for)
{
    char id[HF_DIGEST_TEXT_MAX];

    hf_digest_text(&plain.id, id);
    ck_assert_int_eq(hf_image_tag(t.store, "plain:1", "other:2", NULL, NULL), 0);
    save((struct hf_save_options){.only_named = true}, id, "other:2");
    ck_assert_str_eq(annotations(IMAGE_NAME), "docker.io/library/other:2");
    save((struct hf_save_options){.only_named = true}, id, NULL);
    ck_assert_str_eq(annotations(IMAGE_NAME), "-");
}
END_TEST

START_TEST(no_names_writes_none)
{
    save((struct hf_save_options){.no_names = true}, "plain:1", NULL);
    ck_assert_str_eq(annotations(IMAGE_NAME), "-");
    json_t *list = hf_test_member_json(&members, "manifest.json");
    ck_assert(json_is_null(json_object_get(json_array_get(list, 0), "RepoTags")));
    json_decref(list);
    ck_assert_ptr_null(hf_test_member(&members, "repositories"));
}
END_TEST

START_TEST(written_names_are_told_once_all_is_written)
{
    struct hf_test_told told = {0};

    save((struct hf_save_options){.observer = hf_test_listen(&told)}, "plain:1", "gz:1");
    ck_assert_str_eq(told.text, "saved plain:1; saved gz:1");
    ck_assert_uint_gt(told.progress_calls, 5);
}
END_TEST

START_TEST(digest_names_are_written_where_the_digest_stays)
{
    char name[HF_REFERENCE_MAX], text[HF_DIGEST_TEXT_MAX], expected[2 * HF_REFERENCE_MAX];

    snprintf(name, sizeof(name), "gz@%s", hf_digest_text(&packed.manifest, text));
    hf_test_point(t.store, name, &packed.manifest);
    save_as(HF_SAVE_OCI_ARCHIVE, name, NULL);
    snprintf(expected, sizeof(expected), "docker.io/library/%s", name);
    ck_assert_str_eq(annotations(IMAGE_NAME), expected);
    ck_assert_str_eq(annotations(REF_NAME), "-");
    save_as(HF_SAVE_HYBRID, name, NULL);
    ck_assert_str_eq(annotations(IMAGE_NAME), "-");
}
END_TEST

START_TEST(manifests_of_one_image_are_one_in_docker_formats)
{
    char id[HF_DIGEST_TEXT_MAX];

    hf_test_put_image(
        t.store,
        &(struct hf_test_spec){.names = "again:1", .text = "p", .base = "shared", .is_gzip = true},
        NULL);
    save_as(HF_SAVE_HYBRID, "again:1", "plain:1");
    json_t *list = hf_test_member_json(&members, "manifest.json");
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(list, 0), "RepoTags")), 2);
    json_decref(list);
    save_as(HF_SAVE_OCI_ARCHIVE, hf_digest_text(&plain.id, id), NULL);
    ck_assert_ptr_nonnull(strstr(annotations(IMAGE_NAME), "again:1"));
    ck_assert_ptr_nonnull(strstr(annotations(IMAGE_NAME), "plain:1"));
}
END_TEST

/* --- tar -------------------------------------------------------------------------------------- */

START_TEST(file_beyond_ustar_gets_a_pax_header)
{
    const uint64_t size = 9ull << 30;
    struct hf_save_sink *sink = NULL;
    size_t len;
    int fd = open(tar, O_RDWR | O_CREAT, 0600);

    ck_assert_int_eq(hf_save_sink_tar(hf_io_posix(), fd, tar, 0, &sink, NULL), 0);
    ck_assert_int_eq(sink->begin(sink, "blobs/sha256/large", size, NULL), 0);
    sink->free(sink);
    close(fd);
    char *data = slurp(&len);
    ck_assert_uint_ge(len, 1536);
    ck_assert_int_eq(data[156], 'x');
    ck_assert_ptr_nonnull(strstr(data + 512, "size=9663676416\n"));
    free(data);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("save");

    tcase_set_timeout(tests, 60); /* every change waits for the disk */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, hybrid_has_the_documents_that_docker_writes);
    tcase_add_test(tests, hybrid_keeps_the_manifest_of_plain_layers);
    tcase_add_test(tests, hybrid_inflates_layers_and_makes_dockers_manifest_for_them);
    tcase_add_test(tests, layer_of_two_images_is_written_once);
    tcase_add_test(tests, tag_that_two_images_have_is_told_with_its_repository);
    tcase_add_test(tests, image_without_layers_is_written);
    tcase_add_test(tests, same_images_give_the_same_bytes);
    tcase_add_test(tests, docker_archive_has_configs_and_tars_at_its_top);
    tcase_add_test(tests, oci_archive_has_the_exact_bytes);
    tcase_add_test(tests, oci_archive_of_an_index_has_all_that_is_present);
    tcase_add_test(tests, oci_archive_of_one_platform_has_that_manifest);
    tcase_add_test(tests, docker_formats_write_this_machines_platform_of_an_index);
    tcase_add_test(tests, id_of_another_platform_writes_that_one);
    tcase_add_test(tests, platform_that_an_index_lacks_is_not_found);
    tcase_add_test(tests, signatures_are_not_written_beside_their_image);
    tcase_add_test(tests, artifact_with_a_name_is_written_in_oci_formats_alone);
    tcase_add_test(tests, name_is_written_alone_and_an_id_with_all_its_names);
    tcase_add_test(tests, only_named_writes_the_names_that_were_asked_for);
    tcase_add_test(tests, no_names_writes_none);
    tcase_add_test(tests, written_names_are_told_once_all_is_written);
    tcase_add_test(tests, digest_names_are_written_where_the_digest_stays);
    tcase_add_test(tests, manifests_of_one_image_are_one_in_docker_formats);
    tcase_add_test(tests, file_beyond_ustar_gets_a_pax_header);
    return hf_test_run("save", tests);
}
