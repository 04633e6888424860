/*
 * Proves that what makes a layer mountable comes with the load, can be dropped, is made again byte
 * for byte, is healed from its layer, and is never what keeps an image from being loaded.
 */
#include "support/loading.h"
#include "support/suite.h"

#include "base/digest.h"
#include "image/derive_layer.h"
#include "oci/document.h"
#include <holdfast/check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_test_load T;
static struct hf_test_blob L, C, P; /* a layer, its config, and the layer as the archive has it */
static struct hf_buf A;
static struct hf_error err;

/* packing: 0 plain, 1 gzip, 2 zstd; the tests' _i */
static void put_image(int packing)
{
    struct hf_test_blob manifest;

    if (packing == 1)
        hf_test_gzip(&P, &L.data);
    else if (packing == 2)
        hf_test_zstd(&P, &L.data);
    else
        hf_test_layer(&P, "etc/passwd", 200000, 1);
    hf_test_manifest(&manifest, &C, &P, 1, "");
    hf_test_tar_index(&A, &manifest, "reg.io/app:1");
    hf_test_tar_blob(&A, &manifest);
    hf_test_tar_blob(&A, &C);
    hf_test_tar_blob(&A, &P);
    hf_test_tar_end(&A);
    hf_test_blob_release(&manifest);
}

static void set_up(void)
{
    hf_test_load_make(&T);
    hf_test_layer(&L, "etc/passwd", 200000, 1);
    hf_test_config(&C, "linux/amd64", &L, 1);
    A = (struct hf_buf){0};
}

static void tear_down(void)
{
    hf_test_load_remove(&T);
    hf_test_blob_release(&L);
    hf_test_blob_release(&C);
    hf_test_blob_release(&P);
    hf_buf_release(&A);
}

static struct hf_derived_parts parts(void)
{
    struct hf_derived_parts out = {0};
    struct hf_snapshot *snapshot = NULL;

    ck_assert_int_eq(hf_snapshot_take(T.store.store, &snapshot, &err), 0);
    ck_assert_int_eq(hf_derived_find(snapshot, &P.digest, &L.digest, &out, &err), 0);
    hf_snapshot_release(snapshot);
    return out;
}

static void prune(bool dry_run, uint64_t *out_bytes)
{
    struct hf_prune_options options = {.derived = true, .dry_run = dry_run};

    ck_assert_int_eq(hf_image_prune(T.store.store, &options, out_bytes, &err), 0);
}

START_TEST(an_image_is_mountable_when_it_is_loaded_and_again_after_it_was_pruned)
{
    uint64_t would = 0, did = 0;
    struct hf_usage usage;
    struct hf_derived_parts again;

    put_image(_i);
    hf_test_loads(&T, &A, "reg.io/app:1");
    const struct hf_layer layer = {.blob = P.digest, .diff_id = L.digest};
    struct hf_derived_parts first = parts();
    ck_assert(first.index.algorithm != 0);
    ck_assert_int_eq(hf_digest_compare(&first.tar, &L.digest), 0);
    ck_assert_int_eq(hf_store_usage(T.store.store, &usage, &err), 0);
    ck_assert_uint_gt(usage.derived_bytes, _i == 0 ? 0 : L.data.len);

    prune(true, &would);
    prune(false, &did);
    ck_assert_uint_eq(would, usage.derived_bytes);
    ck_assert_uint_eq(did, would);
    ck_assert_int_eq(parts().index.algorithm, 0);
    ck_assert_int_eq(hf_test_state(&T, &first.index, NULL), 0);
    ck_assert_int_eq(hf_test_state(&T, &L.digest, NULL), _i == 0 ? HF_OBJECT_PRESENT : 0);
    ck_assert_int_eq(hf_test_state(&T, &P.digest, NULL), HF_OBJECT_PRESENT);

    ck_assert_int_eq(hf_layer_derive(T.store.store, &layer, HF_EROFS_INDEX, &again, &err), 0);
    ck_assert_int_eq(hf_digest_compare(&again.index, &first.index), 0);
    ck_assert_int_eq(hf_layer_derive(T.store.store, &layer, HF_EROFS_FULL, &again, &err), 0);
    ck_assert(again.full.algorithm != 0);
    ck_assert_int_eq(hf_digest_compare(&again.index, &first.index), 0);
}
END_TEST

START_TEST(loading_again_derives_what_was_pruned)
{
    uint64_t bytes;

    put_image(_i);
    hf_test_loads(&T, &A, "reg.io/app:1");
    struct hf_digest index = parts().index;
    prune(false, &bytes);
    hf_test_loads(&T, &A, "reg.io/app:1");
    struct hf_digest again = parts().index;
    ck_assert_int_eq(hf_digest_compare(&again, &index), 0);
}
END_TEST

START_TEST(what_a_held_image_is_mounted_with_is_not_pruned)
{
    const struct hf_hold_options hold = {.owner = "mount"};
    uint64_t bytes = 0;

    put_image(_i);
    hf_test_loads(&T, &A, "reg.io/app:1");
    ck_assert_int_eq(hf_image_hold(T.store.store, "reg.io/app:1", &hold, NULL, &err), 0);
    prune(false, &bytes);
    ck_assert_uint_eq(bytes, 0);
    ck_assert(parts().index.algorithm != 0);
}
END_TEST

START_TEST(all_that_was_derived_leaves_with_the_image)
{
    const char *name = "reg.io/app:1";

    put_image(_i);
    hf_test_loads(&T, &A, name);
    ck_assert_int_eq(hf_image_remove(T.store.store, &name, 1, NULL, &err), 0);
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 0);
}
END_TEST

static void damage(const struct hf_digest *digest)
{
    struct hf_test_blob blob = {.digest = *digest};
    char path[512];

    hf_digest_hex(digest, blob.hex);
    hf_test_blob_path(&T, &blob, path);
    ck_assert_int_eq(truncate(path, 700), 0);
}

START_TEST(a_damaged_part_is_made_again_from_its_layer)
{
    const struct hf_fsck_options options = {.full = true, .repair = true};
    struct hf_fsck_report report = {0};

    put_image(_i);
    hf_test_loads(&T, &A, "reg.io/app:1");
    struct hf_derived_parts made = parts();
    damage(&made.index);
    if (_i != 0)
        damage(&made.tar);
    ck_assert_int_eq(hf_store_close(T.store.store, &err), 0);
    T.store.store = NULL;
    ck_assert_int_eq(hf_fsck(T.store.root, &options, &report, &err), 0);
    ck_assert_uint_eq(report.left, 0);
    hf_test_store_reopen(&T.store, HF_OPEN_READ_WRITE);
    struct hf_derived_parts again = parts();
    ck_assert_int_eq(hf_digest_compare(&made.index, &again.index), 0);
    ck_assert_int_eq(hf_digest_compare(&made.tar, &again.tar), 0);
    hf_test_check_blobs(&T);
}
END_TEST

/* Deriving has its plain form at hand; the store's must be looked at all the same. */
START_TEST(a_damaged_plain_form_is_healed_by_the_compressed_one)
{
    char path[512];

    hf_test_blob_release(&L);
    hf_test_blob_release(&C);
    hf_test_layer(&L, "etc/passwd", 600000, 1); /* too long, packed too, to stay in memory */
    hf_test_config(&C, "linux/amd64", &L, 1);
    hf_test_gzip(&P, &L.data);
    hf_test_tar_blob(&A, &P);
    hf_test_tar_blob(&A, &C);
    hf_test_tar_docker(&A, &C, &P, 1, "\"app:1\"");
    hf_test_tar_end(&A);
    hf_test_loads(&T, &A, "app:1");
    hf_test_blob_path(&T, &L, path);
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 5000, SEEK_SET), 0);
    ck_assert_int_eq(fputc(L.data.data[5000] ^ 1, file), L.data.data[5000] ^ 1);
    ck_assert_int_eq(fclose(file), 0);
    hf_test_loads(&T, &A, "app:1");
    ck_assert_str_eq(T.told.text, "loaded app:1; healed -");
    hf_test_check_blobs(&T);
}
END_TEST

/* --- what can't be derived ----------------------------------------------------------------------
 */

static void put_layer(const struct hf_buf *tar)
{
    hf_test_blob_release(&L);
    hf_test_blob_release(&C);
    hf_buf_put(&L.data, tar->data, tar->len);
    hf_test_blob_seal(&L);
    hf_test_config(&C, "linux/amd64", &L, 1);
    hf_buf_put(&P.data, tar->data, tar->len);
    hf_test_blob_seal(&P);
    hf_test_tar_docker(&A, &C, &P, 1, "\"app:1\"");
    hf_test_tar_blob(&A, &C);
    hf_test_tar_blob(&A, &P);
    hf_test_tar_end(&A);
}

START_TEST(a_layer_that_would_be_mounted_wrong_is_refused)
{
    struct hf_buf tar = {0};

    hf_test_tar_text(&tar, "etc/a", "a");
    hf_test_tar_link(&tar, "etc/b", '1', "usr/lower");
    hf_test_tar_end(&tar);
    put_layer(&tar);
    hf_test_refuses(&T, &A, HF_ERR_UNSUPPORTED, "usr/lower");
    hf_buf_release(&tar);
}
END_TEST

START_TEST(a_layer_that_is_no_tar_is_kept_and_told)
{
    struct hf_buf tar = {0};

    for (int i = 0; i < 2000; i++)
        hf_buf_printf(&tar, "no tar %d", i);
    put_layer(&tar);
    hf_test_loads(&T, &A, "app:1");
    ck_assert_str_eq(T.told.text, "warning -; loaded app:1");
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 3);
    hf_buf_release(&tar);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("derive");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(
        tests, an_image_is_mountable_when_it_is_loaded_and_again_after_it_was_pruned, 0, 3);
    tcase_add_loop_test(tests, loading_again_derives_what_was_pruned, 0, 3);
    tcase_add_loop_test(tests, what_a_held_image_is_mounted_with_is_not_pruned, 0, 3);
    tcase_add_loop_test(tests, all_that_was_derived_leaves_with_the_image, 0, 3);
    tcase_add_loop_test(tests, a_damaged_part_is_made_again_from_its_layer, 0, 3);
    tcase_add_test(tests, a_damaged_plain_form_is_healed_by_the_compressed_one);
    tcase_add_test(tests, a_layer_that_would_be_mounted_wrong_is_refused);
    tcase_add_test(tests, a_layer_that_is_no_tar_is_kept_and_told);
    return hf_test_run("derive", tests);
}
