/*
 * Proves that every loaded image gets a name or none is loaded at all: names of archives, the ways
 * to give others, and what is refused.
 */
#include "support/loading.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static struct hf_test_load T;
static struct hf_test_blob L;
static struct hf_test_blob C[2], M[2]; /* two images of the same layer */
static struct hf_buf A;
static const char *REFS[4];

static void set_up(void)
{
    hf_test_load_make(&T);
    hf_test_layer(&L, "a", 1000, 1);
    hf_test_config(&C[0], "linux/amd64", &L, 1);
    hf_test_config(&C[1], "linux/arm64", &L, 1);
    for (int i = 0; i < 2; i++)
        hf_test_manifest(&M[i], &C[i], &L, 1, "");
    hf_buf_clear(&A);
    T.options.refs = REFS;
}

static void tear_down(void)
{
    hf_test_load_remove(&T);
    hf_test_blob_release(&L);
    for (int i = 0; i < 2; i++) {
        hf_test_blob_release(&C[i]);
        hf_test_blob_release(&M[i]);
    }
    hf_buf_release(&A);
}

/* A docker archive of both images, with these RepoTags ("null", "[]", "[\"a:1\"]"). */
static void make_docker(const char *tags0, const char *tags1)
{
    char text[1024];

    hf_buf_clear(&A);
    hf_test_tar_blob(&A, &L);
    hf_test_tar_blob(&A, &C[0]);
    hf_test_tar_blob(&A, &C[1]);
    snprintf(text, sizeof(text),
             "[{\"Config\":\"blobs/sha256/%.64s\",\"RepoTags\":%s,\"Layers\":[\"blobs/sha256/%.64s"
             "\"]},{\"Config\":\"blobs/sha256/%.64s\",\"RepoTags\":%s,\"Layers\":[\"blobs/sha256/"
             "%.64s\"]}]",
             C[0].hex, tags0, L.hex, C[1].hex, tags1, L.hex);
    hf_test_tar_text(&A, "manifest.json", text);
    hf_test_tar_end(&A);
}

/* An OCI archive of the first `count` images with these annotations (JSON objects, or NULL). */
static void make_oci(size_t count, const char *annotations0, const char *annotations1)
{
    struct hf_buf json = {0};
    const char *annotations[] = {annotations0, annotations1};

    hf_buf_clear(&A);
    hf_test_tar_blob(&A, &L);
    hf_buf_put_text(&json, "{\"manifests\":[");
    for (size_t i = 0; i < count; i++) {
        hf_test_tar_blob(&A, &C[i]);
        hf_test_tar_blob(&A, &M[i]);
        hf_buf_put_text(&json, i > 0 ? "," : "");
        hf_test_put_descriptor(&json, "", &M[i]);
        if (annotations[i])
            hf_buf_printf(&json, ",\"annotations\":%s", annotations[i]);
        hf_buf_put_text(&json, "}");
    }
    hf_buf_put_text(&json, "]}");
    hf_test_tar_file(&A, "index.json", json.data, json.len);
    hf_test_tar_end(&A);
    hf_buf_release(&json);
}

#define REF_NAME(name)   "{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define IMAGE_NAME(name) "{\"io.containerd.image.name\":\"" name "\"}"

START_TEST(names_of_the_archive_are_taken)
{
    make_docker("[\"a:1\",\"b:2\"]", "[\"quay.io/c/d:3\"]");
    hf_test_loads(&T, &A, "a:1 b:2 quay.io/c/d:3");
    make_oci(2, IMAGE_NAME("docker.io/library/x:1"), REF_NAME("reg.io/y:2"));
    hf_test_loads(&T, &A, "a:1 b:2 x:1 quay.io/c/d:3 reg.io/y:2");
}
END_TEST

START_TEST(image_name_counts_more_than_ref_name)
{
    make_oci(1,
             "{\"io.containerd.image.name\":\"docker.io/library/x:1\","
             "\"org.opencontainers.image.ref.name\":\"1\"}",
             NULL);
    hf_test_loads(&T, &A, "x:1");
}
END_TEST

START_TEST(one_nameless_image_refuses_all)
{
    make_docker("[\"a:1\"]", "null");
    hf_test_refuses(&T, &A, HF_ERR_REFUSED, "(manifest.json [1])");
    make_docker("[\"a:1\"]", "[\"<none>:<none>\"]");
    hf_test_refuses(&T, &A, HF_ERR_REFUSED, "(manifest.json [1])");
    make_oci(2, IMAGE_NAME("a:1"), NULL);
    hf_test_refuses(&T, &A, HF_ERR_REFUSED, "(index.json manifests[1])");
    make_oci(1, REF_NAME("v1"), NULL);
    hf_test_refuses(&T, &A, HF_ERR_REFUSED, "only tagged \"v1\"");
}
END_TEST

START_TEST(nameless_image_gets_the_name_that_is_given)
{
    REFS[0] = "mine";
    REFS[1] = "quay.io/his:2";
    T.options.ref_count = 2;
    make_oci(1, NULL, NULL);
    hf_test_loads(&T, &A, "mine:latest quay.io/his:2");
}
END_TEST

START_TEST(given_names_replace_those_of_the_archive)
{
    REFS[0] = "mine:1";
    T.options.ref_count = 1;
    make_oci(1, IMAGE_NAME("a:1"), NULL);
    hf_test_loads(&T, &A, "mine:1");
}
END_TEST

START_TEST(names_go_to_images_by_id)
{
    char by_config[HF_REFERENCE_MAX], by_manifest[HF_REFERENCE_MAX];

    snprintf(by_config, sizeof(by_config), "%.12s=mine:1", C[0].hex);
    snprintf(by_manifest, sizeof(by_manifest), "%s=mine:2", M[1].text);
    REFS[0] = by_config;
    T.options.ref_count = 1;
    make_docker("null", "[\"b:2\"]");
    hf_test_loads(&T, &A, "b:2 mine:1");
    REFS[1] = by_manifest;
    T.options.ref_count = 2;
    make_docker("null", "[\"other:2\"]");
    hf_test_loads(&T, &A, "b:2 mine:1 mine:2");
    REFS[0] = "0123456789=mine:1";
    hf_test_refuses(&T, &A, HF_ERR_NOT_FOUND, "the archive has no image 0123456789");
    REFS[0] = "ab=mine:1";
    hf_test_refuses(&T, &A, HF_ERR_USAGE, "too short");
}
END_TEST

START_TEST(plain_name_for_several_images_is_refused_with_their_ids)
{
    char id[32];

    REFS[0] = "mine:1";
    T.options.ref_count = 1;
    make_docker("null", "[\"b:2\"]");
    snprintf(id, sizeof(id), "%.19s", C[1].text);
    hf_test_refuses(&T, &A, HF_ERR_USAGE, "the archive has 2 images");
    hf_test_refuses(&T, &A, HF_ERR_USAGE, id);
}
END_TEST

START_TEST(repository_goes_to_bare_tags)
{
    REFS[0] = "reg.io:5000/app";
    T.options.ref_count = 1;
    make_oci(2, REF_NAME("v1"), REF_NAME("v2"));
    hf_test_loads(&T, &A, "reg.io:5000/app:v1 reg.io:5000/app:v2");
    make_oci(2, REF_NAME("v3"), IMAGE_NAME("named:1"));
    hf_test_loads(&T, &A, "named:1 reg.io:5000/app:v1 reg.io:5000/app:v2 reg.io:5000/app:v3");
    make_oci(1, REF_NAME("v1"), NULL);
    REFS[0] = "other:9";
    hf_test_loads(&T, &A,
                  "named:1 other:9 reg.io:5000/app:v1 reg.io:5000/app:v2 reg.io:5000/app:v3");
}
END_TEST

START_TEST(digest_names_are_made_on_request)
{
    T.options.ref_digest = true;
    make_docker("[\"a:1\"]", "[]");
    ck_assert_msg(hf_test_load_bytes(&T, &A) == 0, "%s", T.err.message);
    const char *names = hf_test_names(T.store.store);
    ck_assert_int_eq(strncmp(names, "a:1 import-", 11), 0);
    ck_assert_str_eq(strchr(names, '@') + 1, M[1].text);
}
END_TEST

START_TEST(one_tag_for_two_images_is_refused)
{
    make_docker("[\"a:1\"]", "[\"docker.io/library/a:1\"]");
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "two images are named a:1: ");
    make_oci(2, IMAGE_NAME("a:1"), REF_NAME("a:1"));
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "two images are named a:1: ");
    make_docker("[\"a:1\",\"a:1\"]", "[\"b:1\"]");
    hf_test_loads(&T, &A, "a:1 b:1");
}
END_TEST

START_TEST(malformed_tags_are_refused_with_their_place)
{
    static const struct {
        const char *tags, *part;
    } bad[] = {
        {"[\"a\"]", "\"a\" has no tag"},
        {"[\"b:1\",\"reg.io:5000/a\"]", "RepoTags[1]: \"reg.io:5000/a\" has no tag"},
        {"[\"A:1\"]", "lower case"},
        {"[\"a@sha256:0123456789012345678901234567890123456789012345678901234567890123\"]",
         "has a digest"},
        {"[\"a:\"]", "the tag is malformed"},
        {"[\"\"]", "has no tag"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_docker("[\"ok:1\"]", bad[i].tags);
        hf_test_refuses(&T, &A, HF_ERR_INPUT, bad[i].part);
        hf_test_refuses(&T, &A, HF_ERR_INPUT, "manifest.json [1].RepoTags[");
    }
    make_oci(1, IMAGE_NAME("reg.io/Upper:1"), NULL);
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "index.json manifests[0]: ");
}
END_TEST

START_TEST(digest_name_must_be_the_images_own)
{
    char annotation[1024];

    snprintf(annotation, sizeof(annotation), "{\"io.containerd.image.name\":\"a@%s\"}", M[1].text);
    make_oci(1, annotation, NULL);
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "has the digest of another image");
    snprintf(annotation, sizeof(annotation), "{\"io.containerd.image.name\":\"a@%s\"}", M[0].text);
    make_oci(1, annotation, NULL);
    ck_assert_msg(hf_test_load_bytes(&T, &A) == 0, "%s", T.err.message);
}
END_TEST

START_TEST(two_names_may_exchange_their_images)
{
    make_docker("[\"a:1\"]", "[\"b:1\"]");
    hf_test_loads(&T, &A, "a:1 b:1");
    make_docker("[\"b:1\"]", "[\"a:1\"]");
    hf_test_loads(&T, &A, "a:1 b:1");
    ck_assert_ptr_null(strstr(T.told.text, "replaced"));
    ck_assert_int_eq(hf_test_state(&T, &C[0].digest, NULL), HF_OBJECT_PRESENT);
    ck_assert_int_eq(hf_test_state(&T, &C[1].digest, NULL), HF_OBJECT_PRESENT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("load_names");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, names_of_the_archive_are_taken);
    tcase_add_test(tests, image_name_counts_more_than_ref_name);
    tcase_add_test(tests, one_nameless_image_refuses_all);
    tcase_add_test(tests, nameless_image_gets_the_name_that_is_given);
    tcase_add_test(tests, given_names_replace_those_of_the_archive);
    tcase_add_test(tests, names_go_to_images_by_id);
    tcase_add_test(tests, plain_name_for_several_images_is_refused_with_their_ids);
    tcase_add_test(tests, repository_goes_to_bare_tags);
    tcase_add_test(tests, digest_names_are_made_on_request);
    tcase_add_test(tests, one_tag_for_two_images_is_refused);
    tcase_add_test(tests, malformed_tags_are_refused_with_their_place);
    tcase_add_test(tests, digest_name_must_be_the_images_own);
    tcase_add_test(tests, two_names_may_exchange_their_images);
    return hf_test_run("load_names", tests);
}
