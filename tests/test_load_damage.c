/*
 * Proves that damage does not get in and does not stay: archives that are cut anywhere or have any
 * byte changed are refused and change nothing, or load whole; damaged copies in the store are
 * healed; small inputs stay small.
 */
#include "support/loading.h"
#include "support/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_test_load T;
static struct hf_test_blob L[3];
static struct hf_test_blob C, M;
static struct hf_buf A; /* a hybrid archive of one image */

static void set_up(void)
{
    hf_test_load_make(&T);
    hf_test_layer(&L[0], "a", 1000, 1);
    hf_test_layer(&L[1], "b", 200000, 2);
    hf_test_layer(&L[2], "c", 2500000, 3);
    hf_test_config(&C, "linux/amd64", L, 3);
    hf_test_manifest(&M, &C, L, 3, "");
    hf_buf_clear(&A);
    for (int i = 0; i < 3; i++)
        hf_test_tar_blob(&A, &L[i]);
    hf_test_tar_blob(&A, &C);
    hf_test_tar_blob(&A, &M);
    hf_test_tar_index(&A, &M, "reg.io/app:1");
    hf_test_tar_docker(&A, &C, L, 3, "\"app:1\"");
    hf_test_tar_end(&A);
}

static void tear_down(void)
{
    hf_test_load_remove(&T);
    for (int i = 0; i < 3; i++)
        hf_test_blob_release(&L[i]);
    hf_test_blob_release(&C);
    hf_test_blob_release(&M);
    hf_buf_release(&A);
}

#define BOTH "app:1 reg.io/app:1"

/* --- damaged copies in the store -------------------------------------------------------------- */

enum harm { FLIP_FIRST, FLIP_MIDDLE, FLIP_LAST, CUT, LONGER, MISSING, HARMS };

static void do_harm(const struct hf_test_blob *blob, enum harm harm)
{
    char path[512];
    size_t len = blob->data.len;
    size_t at = harm == FLIP_FIRST ? 0 : harm == FLIP_MIDDLE ? len / 2 : len - 1;

    hf_test_blob_path(&T, blob, path);
    if (harm == CUT) {
        ck_assert_int_eq(truncate(path, (off_t)len / 2), 0);
    } else if (harm == LONGER) {
        ck_assert_int_eq(truncate(path, (off_t)len + 1), 0);
    } else if (harm == MISSING) {
        ck_assert_int_eq(unlink(path), 0);
    } else {
        FILE *file = fopen(path, "r+b");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fseek(file, (long)at, SEEK_SET), 0);
        fputc(blob->data.data[at] ^ 0xff, file);
        ck_assert_int_eq(fclose(file), 0);
    }
}

START_TEST(damaged_copy_is_healed_by_loading_again)
{
    const struct hf_test_blob *blobs[] = {&L[0], &L[1], &L[2], &C, &M};

    hf_test_loads(&T, &A, BOTH);
    for (size_t i = 0; i < 5; i++) {
        do_harm(blobs[i], (enum harm)_i);
        hf_test_loads(&T, &A, BOTH);
        ck_assert_ptr_nonnull(strstr(T.told.text, "healed -"));
        hf_test_check_blobs(&T);
        hf_test_loads(&T, &A, BOTH);
        ck_assert_ptr_null(strstr(T.told.text, "healed -"));
    }
}
END_TEST

START_TEST(copy_known_as_damaged_is_healed)
{
    hf_test_loads(&T, &A, BOTH);
    do_harm(&L[2], FLIP_MIDDLE);
    hf_test_set_damaged(T.store.store, &L[2].digest);
    hf_test_loads(&T, &A, BOTH);
    ck_assert_ptr_nonnull(strstr(T.told.text, "healed -"));
    ck_assert_int_eq(hf_test_state(&T, &L[2].digest, NULL), HF_OBJECT_PRESENT);
    hf_test_check_blobs(&T);
}
END_TEST

START_TEST(damaged_archive_does_not_heal)
{
    hf_test_loads(&T, &A, BOTH);
    A.data[A.len - 1024 - 512 - 512 - 3000000 / 2] ^= 1; /* within the largest layer */
    hf_test_refuses(&T, &A, HF_ERR_DIGEST, "not to its name");
    hf_test_check_blobs(&T);
}
END_TEST

/* --- damaged archives ------------------------------------------------------------------------- */

START_TEST(wrong_byte_of_a_blob_is_named)
{
    char part[128];

    A.data[512 + 600] ^= 1;
    snprintf(part, sizeof(part), "blobs/sha256/%.64s: its bytes hash to sha256:", L[0].hex);
    hf_test_refuses(&T, &A, HF_ERR_DIGEST, part);
}
END_TEST

START_TEST(archive_cut_anywhere_is_refused)
{
    size_t whole = A.len - 1024; /* only the end of archive is cut off then */
    size_t step = 1;

    for (size_t len = 0; len < whole; len += step) {
        A.len = len;
        int rc = hf_test_load_bytes(&T, &A);
        /* Cut between index.json and manifest.json it is a whole OCI layout. */
        ck_assert_msg(rc == HF_ERR_INPUT || (rc == 0 && len > whole - 2048), "cut at %zu: %s %s",
                      len, hf_error_name(rc), T.err.message);
        if (rc != 0)
            ck_assert_str_eq(hf_test_names(T.store.store), "");
        else
            break;
        step = len < 2000 ? 257 : len + 6000 < whole ? 99991 : 511;
    }
    A.len = whole;
    hf_test_loads(&T, &A, BOTH);
}
END_TEST

/* Every byte of the documents and headers in turn, and some of the layers. */
START_TEST(changed_bytes_never_pass_as_another_image)
{
    struct hf_test_random random;

    hf_test_random_init(&random, "changed bytes");
    for (int i = 0; i < 80; i++) {
        size_t tail = 8192; /* documents and their headers */
        size_t at = i % 3 == 0 ? hf_test_random_below(&random, A.len - 1024)
                               : A.len - 1024 - 1 - hf_test_random_below(&random, tail);
        uint8_t before = A.data[at];
        A.data[at] ^= (uint8_t)(1 + hf_test_random_below(&random, 255));
        int rc = hf_test_load_bytes(&T, &A);
        ck_assert_msg(rc == 0 || T.err.code == rc, "byte %zu: %s", at, T.err.message);
        ck_assert_msg(rc == 0 || T.err.message[0] != '\0', "byte %zu: no message", at);
        ck_assert_int_ne(rc, HF_ERR_CORRUPT);
        A.data[at] = before;
    }
    hf_test_check_blobs(&T);
}
END_TEST

/* --- hostile archives ------------------------------------------------------------------------- */

START_TEST(what_is_no_archive_is_refused)
{
    struct hf_buf other = {0};

    hf_test_refuses(&T, &other, HF_ERR_INPUT, "is empty");
    hf_buf_put_text(&other, "hello");
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "not a readable archive");
    hf_buf_clear(&other);
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "neither manifest.json nor index.json");
    hf_buf_clear(&other);
    hf_test_tar_text(&other, "repositories", "{}");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_UNSUPPORTED, "before 1.10");
    hf_buf_clear(&other);
    hf_test_tar_text(&other, "manifest.json", "[]");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "has no images");
    hf_buf_release(&other);
}
END_TEST

START_TEST(sizes_that_lie_are_refused)
{
    struct hf_buf other = {0};

    hf_test_tar_header(&other, "blobs/x", '0', 07777777777, NULL);
    hf_buf_put_zeros(&other, 5000);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "runcated");
    hf_buf_clear(&other);
    /* An old sparse member: 100 MB of zeros from one header. */
    hf_test_tar_header(&other, "big", 'S', 0, NULL);
    memcpy(other.data + 257, "ustar  ", 8);
    snprintf((char *)other.data + 483, 12, "%011o", 100000000);
    memset(other.data + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++)
        sum += other.data[i];
    snprintf((char *)other.data + 148, 8, "%06o", sum);
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "sparse");
    hf_buf_release(&other);
}
END_TEST

START_TEST(memory_of_compressions_is_limited)
{
    /* The headers of an xz stream with a dictionary of 1 GiB; of a zstd frame with a window of 256
     * MiB. */
    static const uint8_t xz[] = {0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04,
                                 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01,
                                 0x24, 0x00, 0x00, 0x00, 0x5e, 0x1f, 0xc7, 0xf9};
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3, 1, 0, 0};
    struct hf_buf other = {0};

    hf_buf_put(&other, xz, sizeof(xz));
    hf_buf_put_zeros(&other, 1000);
    hf_test_refuses(&T, &other, HF_ERR_LIMIT, "its xz dictionary is larger than 128 MiB");
    hf_buf_clear(&other);
    hf_buf_put(&other, zstd, sizeof(zstd));
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "not a readable archive");
    hf_buf_release(&other);
}
END_TEST

START_TEST(descriptor_with_a_wrong_size_is_refused)
{
    struct hf_test_blob manifest = {0};
    struct hf_buf other = {0};

    hf_buf_printf(&manifest.data, "{\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":[]}",
                  C.text);
    hf_test_blob_seal(&manifest);
    hf_test_tar_blob(&other, &C);
    hf_test_tar_blob(&other, &manifest);
    hf_test_tar_index(&other, &manifest, "a:1");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "its descriptor says 1");
    hf_test_blob_release(&manifest);
    hf_buf_release(&other);
}
END_TEST

START_TEST(layers_that_differ_from_their_diff_ids_are_refused)
{
    struct hf_test_blob config, swapped[2] = {L[1], L[0]};
    struct hf_buf other = {0};

    hf_test_config(&config, "linux/amd64", L, 2);
    hf_test_tar_blob(&other, &L[0]);
    hf_test_tar_blob(&other, &L[1]);
    hf_test_tar_blob(&other, &config);
    hf_test_tar_docker(&other, &config, swapped, 2, "\"a:1\"");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_DIGEST, "manifest.json [0]: blobs/sha256/");
    hf_buf_clear(&other);
    hf_test_tar_blob(&other, &L[0]);
    hf_test_tar_blob(&other, &config);
    hf_test_tar_docker(&other, &config, L, 1, "\"a:1\"");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "there are 1 layers, the config lists 2 diff IDs");
    hf_test_blob_release(&config);
    hf_buf_release(&other);
}
END_TEST

START_TEST(layer_that_is_damaged_gzip_is_refused)
{
    struct hf_test_blob packed[1], config;
    struct hf_buf other = {0};

    hf_test_gzip(&packed[0], &L[1].data);
    packed[0].data.len -= 9;
    hf_test_blob_seal(&packed[0]);
    hf_test_config(&config, "linux/amd64", &L[1], 1);
    hf_test_tar_blob(&other, &packed[0]);
    hf_test_tar_blob(&other, &config);
    hf_test_tar_docker(&other, &config, packed, 1, "\"a:1\"");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_INPUT, "its gzip data ends in the middle");
    hf_test_blob_release(&packed[0]);
    hf_test_blob_release(&config);
    hf_buf_release(&other);
}
END_TEST

START_TEST(nested_indexes_have_an_end)
{
    struct hf_test_blob index[8] = {0};
    struct hf_buf other = {0};
    const struct hf_test_blob *below = &M;

    for (int i = 0; i < 8; i++) {
        hf_buf_put_text(&index[i].data, "{\"manifests\":[");
        hf_test_put_descriptor(&index[i].data, "", below);
        hf_buf_put_text(&index[i].data, "}]}");
        hf_test_blob_seal(&index[i]);
        hf_test_tar_blob(&other, &index[i]);
        below = &index[i];
    }
    hf_test_tar_index(&other, below, "a:1");
    hf_test_tar_end(&other);
    hf_test_refuses(&T, &other, HF_ERR_LIMIT, "nested");
    for (int i = 0; i < 8; i++)
        hf_test_blob_release(&index[i]);
    hf_buf_release(&other);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("load_damage");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, damaged_copy_is_healed_by_loading_again, 0, HARMS);
    tcase_add_test(tests, copy_known_as_damaged_is_healed);
    tcase_add_test(tests, damaged_archive_does_not_heal);
    tcase_add_test(tests, wrong_byte_of_a_blob_is_named);
    tcase_add_test(tests, archive_cut_anywhere_is_refused);
    tcase_add_test(tests, changed_bytes_never_pass_as_another_image);
    tcase_add_test(tests, what_is_no_archive_is_refused);
    tcase_add_test(tests, sizes_that_lie_are_refused);
    tcase_add_test(tests, memory_of_compressions_is_limited);
    tcase_add_test(tests, descriptor_with_a_wrong_size_is_refused);
    tcase_add_test(tests, layers_that_differ_from_their_diff_ids_are_refused);
    tcase_add_test(tests, layer_that_is_damaged_gzip_is_refused);
    tcase_add_test(tests, nested_indexes_have_an_end);
    return hf_test_run("load_damage", tests);
}
