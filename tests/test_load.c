/*
 * Proves that archives load whole or not at all: docker's archives with their links, duplicates and
 * compressions, from a file, a pipe or a folder; that what is stored already is compared and
 * healed; and that every wrong byte is refused with its place.
 */
#include "support/loading.h"
#include "support/suite.h"

#include "oci/document.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hf_test_load T;
static struct hf_test_blob L[3]; /* layers: two small ones and one too large for memory */
static struct hf_test_blob C;    /* their config */
static struct hf_buf A;          /* an archive */

static void set_up(void)
{
    hf_test_load_make(&T);
    hf_test_layer(&L[0], "a", 1000, 1);
    hf_test_layer(&L[1], "b", 5000, 2);
    hf_test_layer(&L[2], "c", 3000000, 3);
    hf_test_config(&C, "linux/amd64", L, 3);
    hf_buf_clear(&A);
}

static void tear_down(void)
{
    hf_test_load_remove(&T);
    for (int i = 0; i < 3; i++)
        hf_test_blob_release(&L[i]);
    hf_test_blob_release(&C);
    hf_buf_release(&A);
}

/* As docker up to 24 writes it: the config by its digest, layers in folders named by nothing. */
static void put_old_docker(struct hf_buf *tar, const char *tags)
{
    char text[1024], name[128];

    snprintf(name, sizeof(name), "%.64s.json", C.hex);
    hf_test_tar_file(tar, name, C.data.data, C.data.len);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "layer%d/layer.tar", i);
        hf_test_tar_file(tar, name, L[i].data.data, L[i].data.len);
        snprintf(name, sizeof(name), "layer%d/VERSION", i);
        hf_test_tar_text(tar, name, "1.0");
    }
    snprintf(text, sizeof(text),
             "[{\"Config\":\"%s.json\",\"RepoTags\":[%s],\"Layers\":[\"layer0/layer.tar\","
             "\"layer1/layer.tar\",\"layer2/layer.tar\"]}]",
             C.hex, tags);
    hf_test_tar_text(tar, "manifest.json", text);
    hf_test_tar_end(tar);
}

START_TEST(docker_archive_becomes_dockers_manifest)
{
    struct hf_descriptor config = {.digest = C.digest, .size_bytes = C.data.len};
    struct hf_descriptor layers[3] = {0};
    struct hf_test_blob manifest = {0};
    struct hf_image image;
    struct hf_summary summary;

    put_old_docker(&A, "\"app:1\",\"quay.io/x/app:2\"");
    hf_test_loads(&T, &A, "app:1 quay.io/x/app:2");
    ck_assert_str_eq(T.told.text, "loaded app:1; loaded quay.io/x/app:2");
    for (int i = 0; i < 3; i++) {
        layers[i].digest = L[i].digest;
        layers[i].size_bytes = L[i].data.len;
        ck_assert_int_eq(hf_test_state(&T, &L[i].digest, &summary), HF_OBJECT_PRESENT);
        ck_assert_int_eq(summary.kind, HF_KIND_LAYER);
        ck_assert_int_eq(hf_digest_compare(&summary.diff_id, &L[i].digest), 0);
    }
    hf_manifest_encode_docker(&config, layers, 3, &manifest.data);
    hf_test_blob_seal(&manifest);
    ck_assert_int_eq(hf_image_find(T.store.store, "app:1", NULL, &image, NULL), 0);
    ck_assert_int_eq(hf_digest_compare(&image.manifest, &manifest.digest), 0);
    ck_assert_int_eq(hf_digest_compare(&image.id, &C.digest), 0);
    ck_assert_uint_eq(image.size_bytes, L[0].data.len + L[1].data.len + L[2].data.len);
    ck_assert_str_eq(image.platform, "linux/amd64");
    ck_assert_uint_eq(image.created_ns, 1704067200000000000);
    hf_test_blob_release(&manifest);
}
END_TEST

START_TEST(loading_again_writes_no_blob)
{
    struct stat before, after;
    char path[512];

    put_old_docker(&A, "\"app:1\"");
    hf_test_loads(&T, &A, "app:1");
    hf_test_blob_path(&T, &L[2], path);
    ck_assert_int_eq(stat(path, &before), 0);
    hf_test_loads(&T, &A, "app:1");
    ck_assert_str_eq(T.told.text, "loaded app:1");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 5 + 3); /* and three indexes */
}
END_TEST

/* --- links and duplicates --------------------------------------------------------------------- */

START_TEST(links_may_come_before_their_target_and_layers_twice)
{
    struct hf_test_blob twice[3] = {L[1], L[1], L[1]};
    struct hf_test_blob config;
    char text[1024], name[128];
    struct hf_image image;

    hf_test_config(&config, "linux/amd64", twice, 3);
    hf_test_tar_link(&A, "1/layer.tar", '2', "../3/layer.tar");
    hf_test_tar_link(&A, "2/layer.tar", '2', "../1/layer.tar");
    hf_test_tar_file(&A, "./3//layer.tar", L[1].data.data, L[1].data.len);
    hf_test_tar_link(&A, "4.tar", '1', "3/layer.tar");
    snprintf(name, sizeof(name), "%.64s.json", config.hex);
    hf_test_tar_file(&A, name, config.data.data, config.data.len);
    snprintf(text, sizeof(text),
             "[{\"Config\":\"%s\",\"RepoTags\":[\"a:1\"],\"Layers\":[\"2/layer.tar\","
             "\"./1/layer.tar\",\"4.tar\"]}]",
             name);
    hf_test_tar_text(&A, "./manifest.json", text);
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "a:1");
    ck_assert_int_eq(hf_image_find(T.store.store, "a:1", NULL, &image, NULL), 0);
    ck_assert_uint_eq(image.size_bytes, 3 * L[1].data.len);
    hf_test_blob_release(&config);
}
END_TEST

START_TEST(links_in_a_circle_and_to_nowhere_are_refused)
{
    hf_test_tar_link(&A, "x", '2', "y");
    hf_test_tar_link(&A, "y", '2', "x");
    hf_test_tar_text(&A, "manifest.json", "[{\"Config\":\"x\",\"Layers\":[]}]");
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_INPUT, "x: its links lead in a circle");
    hf_buf_clear(&A);
    hf_test_tar_link(&A, "x", '2', "../../../etc/passwd");
    hf_test_tar_text(&A, "manifest.json", "[{\"Config\":\"x\",\"Layers\":[]}]");
    hf_test_tar_end(&A);
    hf_test_refuses(&T, &A, HF_ERR_INPUT,
                    "manifest.json [0]: its Config (x) is not in the archive");
}
END_TEST

START_TEST(last_member_of_a_path_counts)
{
    hf_test_tar_text(&A, "manifest.json", "[{\"Config\":\"nowhere\",\"Layers\":[]}]");
    put_old_docker(&A, "\"app:1\"");
    hf_test_loads(&T, &A, "app:1");
}
END_TEST

/* --- odd layers ------------------------------------------------------------------------------- */

static void load_layers(const struct hf_test_blob *layers, size_t count)
{
    struct hf_test_blob config;

    hf_buf_clear(&A);
    hf_test_config(&config, "linux/amd64", layers, count);
    for (size_t i = 0; i < count; i++)
        hf_test_tar_blob(&A, &layers[i]);
    hf_test_tar_blob(&A, &config);
    hf_test_tar_docker(&A, &config, layers, count, "\"odd:1\"");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "odd:1");
    hf_test_blob_release(&config);
}

START_TEST(odd_layers_are_layers)
{
    struct hf_test_blob odd[3] = {0};

    hf_test_tar_text(&odd[0].data, "f", "no end of archive"); /* without its zeros */
    hf_buf_put(&odd[1].data, L[0].data.data, L[0].data.len);
    hf_buf_put_text(&odd[1].data, "behind the end");
    for (int i = 0; i < 3; i++) /* the last is empty */
        hf_test_blob_seal(&odd[i]);
    load_layers(odd, 3);
    load_layers(odd, 0);
    for (int i = 0; i < 3; i++)
        hf_test_blob_release(&odd[i]);
}
END_TEST

START_TEST(compressed_layers_of_a_docker_archive_become_plain)
{
    struct hf_test_blob packed[3];
    struct hf_summary summary;

    hf_test_gzip(&packed[0], &L[0].data);
    hf_test_zstd(&packed[1], &L[1].data);
    hf_test_gzip(&packed[2], &L[2].data);
    for (int i = 0; i < 3; i++)
        hf_test_tar_blob(&A, &packed[i]);
    hf_test_tar_blob(&A, &C);
    hf_test_tar_docker(&A, &C, packed, 3, "\"app:1\"");
    hf_test_tar_end(&A);
    for (int again = 0; again < 2; again++) {
        hf_test_loads(&T, &A, "app:1");
        ck_assert_uint_eq(hf_test_object_count(T.store.store), 5 + 3); /* and three indexes */
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(hf_test_state(&T, &L[i].digest, &summary), HF_OBJECT_PRESENT);
            ck_assert_uint_eq(summary.size_bytes, L[i].data.len);
            ck_assert_int_eq(hf_test_state(&T, &packed[i].digest, NULL), 0);
        }
    }
    for (int i = 0; i < 3; i++)
        hf_test_blob_release(&packed[i]);
}
END_TEST

/* --- ways in ---------------------------------------------------------------------------------- */

START_TEST(outer_compression_is_taken_off_once)
{
    struct hf_test_blob once, twice;

    put_old_docker(&A, "\"app:1\"");
    hf_test_gzip(&once, &A);
    hf_test_loads(&T, &once.data, "app:1");
    hf_test_gzip(&twice, &once.data);
    hf_test_refuses(&T, &twice.data, HF_ERR_INPUT, "compressed more than once");
    hf_test_blob_release(&twice);
    hf_test_zstd(&twice, &A);
    hf_test_loads(&T, &twice.data, "app:1");
    hf_test_blob_release(&once);
    hf_test_blob_release(&twice);
}
END_TEST

static void *write_pipe(void *arg)
{
    int fd = *(int *)arg;

    for (size_t off = 0; off < A.len;) {
        size_t len = A.len - off < 777 ? A.len - off : 777;
        ssize_t done = write(fd, A.data + off, len);
        if (done < 0)
            break;
        off += (size_t)done;
    }
    close(fd);
    return NULL;
}

START_TEST(pipe_is_read_to_its_end)
{
    int fds[2];
    pthread_t thread;
    char byte;

    put_old_docker(&A, "\"app:1\"");
    hf_buf_put_zeros(&A, 100000); /* a writer's padding */
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_pipe, &fds[1]), 0);
    int rc = hf_image_load(T.store.store, NULL, fds[0], NULL, &T.err);
    ck_assert_msg(rc == 0, "%s", T.err.message);
    ck_assert_int_eq(read(fds[0], &byte, 1), 0);
    pthread_join(thread, NULL);
    close(fds[0]);
    ck_assert_str_eq(hf_test_names(T.store.store), "app:1");
}
END_TEST

static int cancel_later(void *arg, uint64_t done, uint64_t total)
{
    int *left = arg;

    return (*left)-- == 0;
}

START_TEST(cancelling_changes_nothing)
{
    char path[512];
    int rc, last = 0;

    put_old_docker(&A, "\"app:1\"");
    hf_test_write_file(T.dir, "a.tar", &A, path);
    for (int calls = 0; calls < 100; calls++) {
        int left = calls;
        struct hf_load_options options = {.observer = {.progress = cancel_later, .arg = &left}};
        rc = hf_image_load(T.store.store, path, -1, &options, NULL);
        last = calls;
        if (rc == 0)
            break;
        ck_assert_int_eq(rc, HF_ERR_CANCELLED);
        ck_assert_str_eq(hf_test_names(T.store.store), "");
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_gt(last, 3);
}
END_TEST

/* --- moving names ----------------------------------------------------------------------------- */

START_TEST(name_that_moves_takes_its_old_image_along)
{
    struct hf_test_blob other;
    struct hf_buf second = {0};

    put_old_docker(&A, "\"app:1\"");
    hf_test_loads(&T, &A, "app:1");
    hf_test_config(&other, "linux/arm64", L, 2);
    hf_test_tar_blob(&second, &L[0]);
    hf_test_tar_blob(&second, &L[1]);
    hf_test_tar_blob(&second, &other);
    hf_test_tar_docker(&second, &other, L, 2, "\"app:1\"");
    hf_test_tar_end(&second);
    hf_test_loads(&T, &second, "app:1");
    ck_assert_str_eq(T.told.text, "loaded app:1; replaced app:1");
    ck_assert_int_eq(hf_digest_compare(&T.told.old_id, &C.digest), 0);
    ck_assert_int_eq(hf_test_state(&T, &C.digest, NULL), 0);
    ck_assert_int_eq(hf_test_state(&T, &L[2].digest, NULL), 0);
    ck_assert_int_eq(hf_test_state(&T, &L[0].digest, NULL), HF_OBJECT_PRESENT);
    T.options.keep_old = true;
    ck_assert_int_eq(hf_test_load_bytes(&T, &A), 0);
    ck_assert_str_eq(T.told.text, "loaded app:1; kept app:1");
    ck_assert_ptr_nonnull(strstr(T.told.kept, "docker.io/library/app@sha256:"));
    ck_assert_int_eq(hf_test_state(&T, &other.digest, NULL), HF_OBJECT_PRESENT);
    hf_test_blob_release(&other);
    hf_buf_release(&second);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("load");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, docker_archive_becomes_dockers_manifest);
    tcase_add_test(tests, loading_again_writes_no_blob);
    tcase_add_test(tests, links_may_come_before_their_target_and_layers_twice);
    tcase_add_test(tests, links_in_a_circle_and_to_nowhere_are_refused);
    tcase_add_test(tests, last_member_of_a_path_counts);
    tcase_add_test(tests, odd_layers_are_layers);
    tcase_add_test(tests, compressed_layers_of_a_docker_archive_become_plain);
    tcase_add_test(tests, outer_compression_is_taken_off_once);
    tcase_add_test(tests, pipe_is_read_to_its_end);
    tcase_add_test(tests, cancelling_changes_nothing);
    tcase_add_test(tests, name_that_moves_takes_its_old_image_along);
    return hf_test_run("load", tests);
}
