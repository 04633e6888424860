/*
 * Proves that OCI layouts load as they are: indexes with absent platforms, attestations and other
 * artifacts, compressed layers, hybrids that contradict themselves.
 */
#include "support/loading.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct hf_test_load T;
static struct hf_test_blob L[3];
static struct hf_test_blob C[2]; /* of L[0], L[1] for amd64; of L[1], L[2] for arm64 */
static struct hf_test_blob M[2]; /* their manifests */
static struct hf_buf A;

static void set_up(void)
{
    hf_test_load_make(&T);
    hf_test_layer(&L[0], "a", 1000, 1);
    hf_test_layer(&L[1], "b", 300000, 2);
    hf_test_layer(&L[2], "c", 2000, 3);
    hf_test_config(&C[0], "linux/amd64", L, 2);
    hf_test_config(&C[1], "linux/arm64", L + 1, 2);
    hf_test_manifest(&M[0], &C[0], L, 2, "");
    hf_test_manifest(&M[1], &C[1], L + 1, 2, "");
    hf_buf_clear(&A);
}

static void tear_down(void)
{
    hf_test_load_remove(&T);
    for (int i = 0; i < 3; i++)
        hf_test_blob_release(&L[i]);
    for (int i = 0; i < 2; i++) {
        hf_test_blob_release(&C[i]);
        hf_test_blob_release(&M[i]);
    }
    hf_buf_release(&A);
}

/* The parts of platform `i`. */
static void put_platform(int i)
{
    hf_test_tar_blob(&A, &L[i]);
    hf_test_tar_blob(&A, &L[i + 1]);
    hf_test_tar_blob(&A, &C[i]);
    hf_test_tar_blob(&A, &M[i]);
}

/* An index of both manifests, and what `more` adds to its list. */
static void make_index(struct hf_test_blob *out, const char *more)
{
    *out = (struct hf_test_blob){0};
    hf_buf_put_text(&out->data, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < 2; i++) {
        hf_test_put_descriptor(&out->data, "application/vnd.oci.image.manifest.v1+json", &M[i]);
        hf_buf_printf(&out->data, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}%s",
                      i == 0 ? "amd64" : "arm64", i == 0 ? "," : "");
    }
    hf_buf_printf(&out->data, "%s]}", more);
    hf_test_blob_seal(out);
}

START_TEST(layout_loads_with_its_exact_bytes)
{
    struct hf_image image;

    put_platform(0);
    hf_test_tar_index(&A, &M[0], "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_int_eq(hf_image_find(T.store.store, "reg.io/app:1", NULL, &image, NULL), 0);
    ck_assert_int_eq(hf_digest_compare(&image.manifest, &M[0].digest), 0);
    ck_assert_int_eq(hf_digest_compare(&image.id, &C[0].digest), 0);
    hf_test_loads(&T, &A, "reg.io/app:1");
}
END_TEST

START_TEST(compressed_layers_stay_compressed)
{
    struct hf_test_blob packed[2], manifest;
    struct hf_summary summary;

    hf_test_gzip(&packed[0], &L[0].data);
    hf_test_zstd(&packed[1], &L[1].data);
    hf_test_manifest(&manifest, &C[0], packed, 2, "");
    hf_test_tar_index(&A, &manifest, "reg.io/app:1"); /* first: blobs come in any order */
    hf_test_tar_blob(&A, &manifest);
    hf_test_tar_blob(&A, &C[0]);
    hf_test_tar_blob(&A, &packed[1]);
    hf_test_tar_blob(&A, &packed[0]);
    hf_test_tar_end(&A);
    T.options.lazy = _i == 1;
    for (int again = 0; again < 2; again++) {
        hf_test_loads(&T, &A, "reg.io/app:1");
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(hf_test_state(&T, &packed[i].digest, &summary), HF_OBJECT_PRESENT);
            ck_assert_int_eq(hf_digest_compare(&summary.diff_id, &L[i].digest), 0);
            ck_assert_uint_eq(summary.size_bytes, L[i].data.len);
            ck_assert_int_eq(hf_test_state(&T, &L[i].digest, NULL),
                             _i == 1 ? 0 : HF_OBJECT_PRESENT);
        }
    }
    hf_test_blob_release(&packed[0]);
    hf_test_blob_release(&packed[1]);
    hf_test_blob_release(&manifest);
}
END_TEST

/* --- platforms -------------------------------------------------------------------------------- */

START_TEST(absent_platform_is_known_and_filled_in_later)
{
    struct hf_test_blob index;
    struct hf_summary summary;

    make_index(&index, "");
    put_platform(0);
    hf_test_tar_blob(&A, &index);
    hf_test_tar_index(&A, &index, "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_int_eq(hf_test_state(&T, &M[1].digest, &summary), HF_OBJECT_ABSENT);
    ck_assert_int_eq(summary.kind, HF_KIND_MANIFEST);
    ck_assert_str_eq(summary.platform, "linux/arm64");
    hf_buf_clear(&A);
    put_platform(1);
    hf_test_tar_blob(&A, &index);
    hf_test_tar_index(&A, &index, "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_int_eq(hf_test_state(&T, &M[0].digest, NULL), HF_OBJECT_PRESENT);
    ck_assert_int_eq(hf_test_state(&T, &M[1].digest, NULL), HF_OBJECT_PRESENT);
    hf_test_blob_release(&index);
}
END_TEST

START_TEST(platform_with_a_missing_layer_is_left_out_and_told)
{
    struct hf_test_blob index;

    make_index(&index, "");
    put_platform(0);
    hf_test_tar_blob(&A, &M[1]);
    hf_test_tar_blob(&A, &C[1]);
    hf_test_tar_blob(&A, &index);
    hf_test_tar_index(&A, &index, "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_str_eq(T.told.text, "warning -; loaded reg.io/app:1");
    ck_assert_int_eq(hf_test_state(&T, &M[1].digest, NULL), HF_OBJECT_ABSENT);
    ck_assert_int_eq(hf_test_state(&T, &C[1].digest, NULL), 0);
    hf_test_blob_release(&index);
}
END_TEST

START_TEST(index_without_any_platform_is_refused)
{
    struct hf_test_blob index;

    make_index(&index, "");
    hf_test_tar_blob(&A, &index);
    hf_test_tar_index(&A, &index, "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_INPUT,
                    "index.json manifests[0]: none of its platforms is in the archive");
    hf_test_blob_release(&index);
}
END_TEST

START_TEST(one_platform_can_be_chosen)
{
    struct hf_test_blob index;

    make_index(&index, "");
    put_platform(0);
    put_platform(1);
    hf_test_tar_blob(&A, &index);
    hf_test_tar_index(&A, &index, "reg.io/app:1");
    hf_test_tar_end(&A);
    T.options.platform = "linux/s390x";
    hf_test_refuses(&T, &A, HF_ERR_NOT_FOUND, "no image for linux/s390x");
    T.options.platform = "arm64";
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_int_eq(hf_test_state(&T, &M[0].digest, NULL), HF_OBJECT_ABSENT);
    ck_assert_int_eq(hf_test_state(&T, &C[0].digest, NULL), 0);
    ck_assert_int_eq(hf_test_state(&T, &M[1].digest, NULL), HF_OBJECT_PRESENT);
    hf_test_blob_release(&index);
}
END_TEST

START_TEST(incomplete_single_image_is_refused)
{
    hf_test_tar_blob(&A, &M[0]);
    hf_test_tar_blob(&A, &C[0]);
    hf_test_tar_blob(&A, &L[0]);
    hf_test_tar_index(&A, &M[0], "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_INPUT, L[1].text);
}
END_TEST

START_TEST(foreign_layer_is_refused_with_its_url)
{
    struct hf_test_blob manifest = {0};

    hf_buf_put_text(&manifest.data, "{\"config\":");
    hf_test_put_descriptor(&manifest.data, "", &C[0]);
    hf_buf_put_text(&manifest.data, "},\"layers\":[");
    hf_test_put_descriptor(&manifest.data, "", &L[0]);
    hf_buf_put_text(&manifest.data, ",\"urls\":[\"https://far/away\"]},");
    hf_test_put_descriptor(&manifest.data, "", &L[1]);
    hf_buf_put_text(&manifest.data, "}]}");
    hf_test_blob_seal(&manifest);
    hf_test_tar_blob(&A, &manifest);
    hf_test_tar_blob(&A, &C[0]);
    hf_test_tar_blob(&A, &L[1]);
    hf_test_tar_index(&A, &manifest, "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "it is to be had from https://far/away");
    hf_test_blob_release(&manifest);
}
END_TEST

/* --- artifacts -------------------------------------------------------------------------------- */

START_TEST(attestation_is_kept_by_its_index_and_is_no_image)
{
    struct hf_test_blob statement, config, attestation, index;
    struct hf_buf more = {0};
    struct hf_summary summary;

    hf_test_text_blob(&statement, "{\"_type\":\"https://in-toto.io/Statement/v0.1\"}");
    hf_test_config(&config, "unknown/unknown", &statement, 1);
    hf_test_manifest(&attestation, &config, &statement, 1, "");
    hf_buf_put_text(&more, ",");
    hf_test_put_descriptor(&more, "application/vnd.oci.image.manifest.v1+json", &attestation);
    hf_buf_put_text(&more, ",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},"
                           "\"annotations\":{\"vnd.docker.reference.type\":"
                           "\"attestation-manifest\"}}");
    make_index(&index, hf_buf_text(&more));
    put_platform(0);
    hf_test_tar_blob(&A, &statement);
    hf_test_tar_blob(&A, &config);
    hf_test_tar_blob(&A, &attestation);
    hf_test_tar_blob(&A, &index);
    hf_test_tar_index(&A, &index, "reg.io/app:1");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_int_eq(hf_test_state(&T, &attestation.digest, &summary), HF_OBJECT_PRESENT);
    ck_assert_int_eq(summary.kind, HF_KIND_ARTIFACT);
    ck_assert_int_eq(hf_test_state(&T, &statement.digest, &summary), HF_OBJECT_PRESENT);
    ck_assert_int_eq(summary.kind, HF_KIND_OTHER);
    hf_test_blob_release(&statement);
    hf_test_blob_release(&config);
    hf_test_blob_release(&attestation);
    hf_test_blob_release(&index);
    hf_buf_release(&more);
}
END_TEST

START_TEST(artifact_is_kept_by_its_subject)
{
    struct hf_test_blob empty, signature;
    struct hf_buf subject = {0}, json = {0};
    struct hf_summary summary;

    hf_test_text_blob(&empty, "{}");
    hf_buf_put_text(&subject, ",\"artifactType\":\"x/sig\",\"subject\":");
    hf_test_put_descriptor(&subject, "", &M[0]);
    hf_buf_put_text(&subject, "}");
    hf_test_manifest(&signature, &empty, &empty, 1, hf_buf_text(&subject));
    put_platform(0);
    hf_test_tar_blob(&A, &empty);
    hf_test_tar_blob(&A, &signature);
    hf_buf_put_text(&json, "{\"manifests\":[");
    hf_test_put_descriptor(&json, "", &signature);
    hf_buf_put_text(&json, "},");
    hf_test_put_descriptor(&json, "", &M[0]);
    hf_buf_put_text(&json, ",\"annotations\":{\"io.containerd.image.name\":\"reg.io/a:1\"}}]}");
    hf_test_tar_file(&A, "index.json", json.data, json.len);
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "reg.io/a:1");
    ck_assert_int_eq(hf_test_state(&T, &signature.digest, &summary), HF_OBJECT_PRESENT);
    ck_assert_int_eq(summary.kind, HF_KIND_ARTIFACT);
    ck_assert_str_eq(summary.artifact_type, "x/sig");
    ck_assert_int_eq(hf_digest_compare(&summary.subject, &M[0].digest), 0);
    const char *names[] = {"reg.io/a:1"};
    ck_assert_int_eq(hf_image_remove(T.store.store, names, 1, NULL, NULL), 0);
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 0);
    hf_test_blob_release(&empty);
    hf_test_blob_release(&signature);
    hf_buf_release(&subject);
    hf_buf_release(&json);
}
END_TEST

/* The subject is a blob of its own artifact: together they would live for ever. */
START_TEST(artifact_that_contains_its_subject_is_refused)
{
    struct hf_test_blob empty, artifact;
    struct hf_buf subject = {0}, json = {0};

    hf_test_text_blob(&empty, "{}");
    hf_buf_put_text(&subject, ",\"subject\":");
    hf_test_put_descriptor(&subject, "", &M[0]);
    hf_buf_put_text(&subject, "}");
    hf_test_manifest(&artifact, &empty, &M[0], 1, hf_buf_text(&subject));
    put_platform(0);
    hf_test_tar_blob(&A, &empty);
    hf_test_tar_blob(&A, &artifact);
    hf_buf_put_text(&json, "{\"manifests\":[");
    hf_test_put_descriptor(&json, "", &artifact);
    hf_buf_put_text(&json, "},");
    hf_test_put_descriptor(&json, "", &M[0]);
    hf_buf_put_text(&json, ",\"annotations\":{\"io.containerd.image.name\":\"reg.io/a:1\"}}]}");
    hf_test_tar_file(&A, "index.json", json.data, json.len);
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "refer to each other");
    hf_test_blob_release(&empty);
    hf_test_blob_release(&artifact);
    hf_buf_release(&subject);
    hf_buf_release(&json);
}
END_TEST

/* --- hybrids ---------------------------------------------------------------------------------- */

START_TEST(hybrid_is_one_image_with_the_names_of_both)
{
    put_platform(0);
    hf_test_tar_index(&A, &M[0], NULL);
    hf_test_tar_docker(&A, &C[0], L, 2, "\"a:1\",\"b:2\"");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "a:1 b:2");
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 4 + 2); /* and two indexes */
}
END_TEST

START_TEST(manifest_with_shuffled_layers_gives_way_to_dockers)
{
    struct hf_test_blob swapped[2] = {L[1], L[0]}, manifest;
    struct hf_image image;

    hf_test_manifest(&manifest, &C[0], swapped, 2, "");
    hf_test_tar_blob(&A, &L[0]);
    hf_test_tar_blob(&A, &L[1]);
    hf_test_tar_blob(&A, &C[0]);
    hf_test_tar_blob(&A, &manifest);
    hf_test_tar_index(&A, &manifest, "reg.io/a:1");
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_DIGEST, "its diff ID is");
    A.len -= 1024;
    hf_test_tar_docker(&A, &C[0], L, 2, "\"b:2\"");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "b:2 reg.io/a:1");
    ck_assert_ptr_nonnull(strstr(T.told.text, "warning -"));
    ck_assert_int_eq(hf_image_find(T.store.store, "reg.io/a:1", NULL, &image, NULL), 0);
    ck_assert_int_eq(hf_digest_compare(&image.manifest, &M[0].digest), 0);
    hf_test_blob_release(&manifest);
}
END_TEST

/* --- folders ---------------------------------------------------------------------------------- */

static void write_blob(const char *dir, const struct hf_test_blob *blob)
{
    char path[512];

    hf_test_write_file(dir, blob->hex, &blob->data, path);
}

START_TEST(folders_are_read_where_documents_lead)
{
    char dir[512], blobs[600], path[512];
    struct hf_buf index = {0};
    struct hf_test_blob junk;

    snprintf(dir, sizeof(dir), "%s/layout", T.dir);
    snprintf(blobs, sizeof(blobs), "%s/blobs", dir);
    ck_assert_int_eq(mkdir(dir, 0700) | mkdir(blobs, 0700), 0);
    snprintf(blobs, sizeof(blobs), "%s/blobs/sha256", dir);
    ck_assert_int_eq(mkdir(blobs, 0700), 0);
    write_blob(blobs, &L[0]);
    write_blob(blobs, &L[1]);
    write_blob(blobs, &C[0]);
    write_blob(blobs, &M[0]);
    hf_test_text_blob(&junk, "not what its name says, and nobody asks for it");
    strcpy(junk.hex, L[2].hex);
    write_blob(blobs, &junk);
    hf_buf_put_text(&index, "{\"manifests\":[");
    hf_test_put_descriptor(&index, "", &M[0]);
    hf_buf_put_text(&index, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}");
    hf_test_write_file(dir, "index.json", &index, path);
    ck_assert_int_eq(hf_test_load_path(&T, dir), HF_ERR_REFUSED);
    T.options.refs = (const char *const[]){"reg.io/app"};
    T.options.ref_count = 1;
    ck_assert_msg(hf_test_load_path(&T, dir) == 0, "%s", T.err.message);
    ck_assert_str_eq(hf_test_names(T.store.store), "reg.io/app:v1");
    hf_test_blob_release(&junk);
    hf_buf_release(&index);
}
END_TEST

START_TEST(dockers_dir_layout_is_one_image)
{
    char dir[512], path[512];

    snprintf(dir, sizeof(dir), "%s/dir", T.dir);
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    write_blob(dir, &L[0]);
    write_blob(dir, &L[1]);
    write_blob(dir, &C[0]);
    hf_test_write_file(dir, "manifest.json", &M[0].data, path);
    T.options.ref_digest = true;
    ck_assert_msg(hf_test_load_path(&T, dir) == 0, "%s", T.err.message);
    ck_assert_ptr_nonnull(strstr(hf_test_names(T.store.store), M[0].text));
    ck_assert_int_eq(hf_test_state(&T, &C[0].digest, NULL), HF_OBJECT_PRESENT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("load_oci");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, layout_loads_with_its_exact_bytes);
    tcase_add_loop_test(tests, compressed_layers_stay_compressed, 0, 2);
    tcase_add_test(tests, absent_platform_is_known_and_filled_in_later);
    tcase_add_test(tests, platform_with_a_missing_layer_is_left_out_and_told);
    tcase_add_test(tests, index_without_any_platform_is_refused);
    tcase_add_test(tests, one_platform_can_be_chosen);
    tcase_add_test(tests, incomplete_single_image_is_refused);
    tcase_add_test(tests, foreign_layer_is_refused_with_its_url);
    tcase_add_test(tests, attestation_is_kept_by_its_index_and_is_no_image);
    tcase_add_test(tests, artifact_is_kept_by_its_subject);
    tcase_add_test(tests, artifact_that_contains_its_subject_is_refused);
    tcase_add_test(tests, hybrid_is_one_image_with_the_names_of_both);
    tcase_add_test(tests, manifest_with_shuffled_layers_gives_way_to_dockers);
    tcase_add_test(tests, folders_are_read_where_documents_lead);
    tcase_add_test(tests, dockers_dir_layout_is_one_image);
    return hf_test_run("load_oci", tests);
}
