/*
 * Proves that a damaged checkpoint is never believed: every byte changed, every length cut or added
 * is told as CORRUPT with the block that it is in, and no read gives wrong bytes; and that a forged
 * file, whose checksums fit, is refused or read without harm: no cycle, no place outside the file.
 */
#include "support/checkpoint.h"

#include "base/checksum.h"
#include "support/proxy_io.h"
#include "support/random.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define POSITION UINT64_C(0x4000)
#define NAME     "0000000000004000.ckpt"
#define BLOCK    4096
#define ENTRIES  10

static char dir_path[256];
static int dir;
static struct hf_test_proxy proxy;
static struct hf_test_model model;
static uint8_t image[32 * BLOCK]; /* the file as the store is shown it */
static uint8_t whole[32 * BLOCK]; /* as it was written */
static size_t whole_len;

/*
 * Keys k000 to k009 with values of 1,000 bytes, four to a leaf, and z with a value that overflows.
 * So an entry of a leaf has 1,008 bytes, one of the index 10. The overflow is written before the
 * leaf that points to it, and that leaf holds k008, k009 and z.
 */
enum { HEADER, LEAF_1, LEAF_2, OVERFLOW_1, OVERFLOW_2, LEAF_3, INDEX, FOOTER, BLOCKS };

static void show_whole(void)
{
    memcpy(image, whole, whole_len);
    proxy.image_len = whole_len;
}

static void setup(void)
{
    uint8_t value[5000];
    char key[8];

    hf_test_make_dir(dir_path);
    dir = open(dir_path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(dir, 0);
    hf_test_proxy_init(&proxy);
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(key, sizeof(key), "k%03d", i);
        memset(value, 'A' + i, sizeof(value));
        hf_test_model_put(&model, key, 4, value, 1000, 1);
    }
    hf_test_model_put(&model, "z", 1, value, sizeof(value), 1);
    ck_assert_int_eq(hf_test_model_checkpoint(&model, &proxy.io, dir, POSITION, NULL), 0);
    int fd = openat(dir, NAME, O_RDONLY);
    ssize_t len = read(fd, whole, sizeof(whole));
    close(fd);
    ck_assert_int_eq(len, BLOCKS * BLOCK);
    whole_len = (size_t)len;
    proxy.image = image;
    show_whole();
}

static void teardown(void)
{
    hf_test_model_release(&model);
    close(dir);
    hf_test_remove_dir(dir_path);
}

static int open_image(struct hf_checkpoint **out, struct hf_error *err)
{
    proxy.trace_len = 0;
    return hf_test_checkpoint_open(&proxy.io, dir, POSITION, out, err);
}

/* Open, read all, verify: the first result that is not 0. What is read and wrong fails the test. */
static int read_image(struct hf_error *err)
{
    struct hf_checkpoint *checkpoint;
    int rc;

    if ((rc = open_image(&checkpoint, err)) != 0)
        return rc;
    rc = hf_test_checkpoint_compare(checkpoint, &model, err);
    if (rc == 0)
        rc = hf_checkpoint_verify(checkpoint, err);
    hf_checkpoint_unref(checkpoint);
    return rc;
}

static int verify_image(struct hf_error *err)
{
    struct hf_checkpoint *checkpoint;
    int rc;

    if ((rc = open_image(&checkpoint, err)) != 0)
        return rc;
    rc = hf_checkpoint_verify(checkpoint, err);
    hf_checkpoint_unref(checkpoint);
    return rc;
}

/* --- accidents -------------------------------------------------------------------------------- */

static void assert_change_is_found(size_t off, uint8_t mask)
{
    struct hf_error err = {0};

    image[off] ^= mask;
    hf_test_require(read_image(&err) == HF_ERR_CORRUPT);
    hf_test_require(verify_image(&err) == HF_ERR_CORRUPT);
    hf_test_require(err.code == HF_ERR_CORRUPT);
    hf_test_require(strcmp(err.file, "catalog/" NAME) == 0);
    hf_test_require(err.offset / BLOCK == off / BLOCK);
    image[off] ^= mask;
}

START_TEST(every_changed_byte_is_found_and_none_read)
{
    for (size_t off = 0; off < whole_len; off++) {
        assert_change_is_found(off, (uint8_t)(1U << (off % 8)));
        assert_change_is_found(off, 0xff);
    }
    ck_assert_int_eq(read_image(NULL), 0);
}
END_TEST

START_TEST(every_change_after_opening_is_found_when_its_block_is_read)
{
    for (size_t off = BLOCK; off < FOOTER * BLOCK; off++) {
        struct hf_checkpoint *checkpoint;
        struct hf_error err = {0};

        hf_test_require(open_image(&checkpoint, NULL) == 0);
        image[off] ^= 0x10;
        hf_test_require(hf_test_checkpoint_compare(checkpoint, &model, &err) == HF_ERR_CORRUPT);
        hf_test_require(err.offset / BLOCK == off / BLOCK);
        image[off] ^= 0x10;
        hf_checkpoint_unref(checkpoint);
    }
}
END_TEST

START_TEST(every_shorter_file_is_damaged)
{
    for (size_t len = 0; len < whole_len; len++) {
        struct hf_error err = {0};

        proxy.image_len = len;
        hf_test_require(read_image(&err) == HF_ERR_CORRUPT);
        hf_test_require(strcmp(err.file, "catalog/" NAME) == 0);
    }
}
END_TEST

START_TEST(every_longer_file_is_damaged)
{
    /* Zeros, then the blocks from the beginning once more, and the footer once more. */
    for (int fill = 0; fill < 3; fill++) {
        memset(image + whole_len, 0, 2 * BLOCK);
        if (fill == 1)
            memcpy(image + whole_len, whole, 2 * BLOCK);
        if (fill == 2)
            memcpy(image + whole_len, whole + FOOTER * BLOCK, BLOCK);
        for (size_t len = whole_len + 1; len <= whole_len + 2 * BLOCK; len++) {
            proxy.image_len = len;
            hf_test_require(read_image(NULL) == HF_ERR_CORRUPT);
        }
    }
}
END_TEST

START_TEST(file_that_is_cut_while_open_is_damaged)
{
    struct hf_checkpoint *checkpoint;
    struct hf_error err = {0};

    ck_assert_int_eq(open_image(&checkpoint, NULL), 0);
    proxy.image_len = LEAF_2 * BLOCK + 100;
    ck_assert_int_eq(hf_checkpoint_verify(checkpoint, &err), HF_ERR_CORRUPT);
    ck_assert_int_eq(hf_checkpoint_get(checkpoint, "k000", 4, NULL, &err), HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "catalog/" NAME);
    hf_checkpoint_unref(checkpoint);
}
END_TEST

START_TEST(whole_block_in_the_place_of_another_is_damage)
{
    for (size_t to = HEADER; to < BLOCKS; to++) {
        for (size_t from = HEADER; from < BLOCKS; from++) {
            memcpy(image + to * BLOCK, whole + from * BLOCK, BLOCK);
            ck_assert_int_eq(read_image(NULL), to == from ? 0 : HF_ERR_CORRUPT);
            show_whole();
        }
    }
}
END_TEST

START_TEST(checkpoint_of_another_store_or_position_is_refused)
{
    uint8_t uuid[16] = {0};
    struct hf_checkpoint *checkpoint;
    struct hf_error err = {0};

    ck_assert_int_eq(hf_checkpoint_open(&proxy.io, dir, NAME, uuid, &checkpoint, &err),
                     HF_ERR_CORRUPT);
    ck_assert_int_eq(renameat(dir, NAME, dir, "0000000000004001.ckpt"), 0);
    ck_assert_int_eq(hf_checkpoint_open(&proxy.io, dir, "0000000000004001.ckpt", hf_test_uuid,
                                        &checkpoint, &err),
                     HF_ERR_CORRUPT);
    ck_assert_str_eq(err.file, "catalog/0000000000004001.ckpt");
}
END_TEST

/* --- forgeries -------------------------------------------------------------------------------- */

static void put_le(size_t off, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        image[off + i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(size_t off, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)image[off + i] << (8 * i);
    return value;
}

static void seal(size_t block)
{
    uint64_t salt = get_le(56, 8);
    uint64_t seed = block == HEADER ? 0 : salt + block;

    put_le(block * BLOCK, hf_checksum(image + block * BLOCK + 8, BLOCK - 8, seed), 8);
}

/*
 * Read a forged file in every way. What it says may be anything; that it ascends and comes to an
 * end, and that no reader goes astray (the sanitizers tell), is what counts.
 */
static void read_without_harm(void)
{
    struct hf_checkpoint *checkpoint;
    struct hf_buf key = {0};
    struct hf_buf last = {0};
    struct hf_buf value = {0};
    int steps = 0;
    int rc;

    if (open_image(&checkpoint, NULL) != 0)
        return;
    do {
        rc = hf_checkpoint_seek(checkpoint, key.data, key.len, steps > 0, &key, &value, NULL);
        if (rc == 0 && steps > 0) {
            size_t common = key.len < last.len ? key.len : last.len;
            int order = memcmp(last.data, key.data, common);
            hf_test_require(order < 0 || (order == 0 && last.len < key.len));
        }
        hf_buf_clear(&last);
        hf_buf_put(&last, key.data, key.len);
        hf_test_require(++steps < 5000);
    } while (rc == 0);
    hf_test_require(rc == HF_END || rc == HF_ERR_CORRUPT);
    for (size_t i = 0; i < model.count; i++) {
        rc = hf_checkpoint_get(checkpoint, model.entries[i].key, model.entries[i].key_len, &value,
                               NULL);
        hf_test_require(rc == 0 || rc == HF_ERR_NOT_FOUND || rc == HF_ERR_CORRUPT);
    }
    rc = hf_checkpoint_verify(checkpoint, NULL);
    hf_test_require(rc == 0 || rc == HF_ERR_CORRUPT);
    hf_buf_release(&key);
    hf_buf_release(&last);
    hf_buf_release(&value);
    hf_checkpoint_unref(checkpoint);
}

struct forgery {
    const char *what;
    size_t block;
    size_t off;
    size_t len;
    uint64_t value;
    int code;
};

#define LEAF_ENTRY(i)  (16 + 1008 * (i))
#define INDEX_ENTRY(i) (16 + 10 * (i))
#define OVERFLOW_REF   (LEAF_ENTRY(2) + 4 + 1)
#define IS_REFUSED(...)                                                                            \
    {                                                                                              \
        __VA_ARGS__, HF_ERR_CORRUPT                                                                \
    }

static const struct forgery forgeries[] = {
    /* header */
    IS_REFUSED("magic", HEADER, 16, 1, 'h'),
    IS_REFUSED("version 0", HEADER, 24, 4, 0),
    {"version 2", HEADER, 24, 4, 2, HF_ERR_VERSION},
    {"incompatible feature", HEADER, 28, 4, 1, HF_ERR_VERSION},
    {"compatible feature", HEADER, 32, 4, 1, 0},
    IS_REFUSED("reserved", HEADER, 36, 4, 1),
    IS_REFUSED("uuid", HEADER, 40, 1, 0xee),
    IS_REFUSED("salt", HEADER, 56, 8, 7),
    IS_REFUSED("position", HEADER, 64, 8, POSITION + 1),
    IS_REFUSED("shorter header", HEADER, 12, 4, 56),
    IS_REFUSED("longer header", HEADER, 12, 4, 72),
    IS_REFUSED("header with entries", HEADER, 10, 2, 1),
    IS_REFUSED("header that is a footer", HEADER, 8, 1, 5),
    /* frames */
    IS_REFUSED("kind 0", LEAF_1, 8, 1, 0),
    IS_REFUSED("kind 6", LEAF_1, 8, 1, 6),
    IS_REFUSED("a second header", LEAF_1, 8, 1, 1),
    IS_REFUSED("overflow in the place of a leaf", LEAF_1, 8, 1, 4),
    IS_REFUSED("leaf above the lowest level", LEAF_1, 9, 1, 1),
    IS_REFUSED("used beyond the block", LEAF_1, 12, 4, 4081),
    IS_REFUSED("used far beyond the block", LEAF_1, 12, 4, UINT32_MAX),
    IS_REFUSED("used less than its entries", LEAF_1, 12, 4, 4 * 1008 - 1),
    IS_REFUSED("used more than its entries", LEAF_1, 12, 4, 4 * 1008 + 1),
    IS_REFUSED("something after its end", LEAF_1, 4095, 1, 1),
    IS_REFUSED("no entries", LEAF_1, 10, 2, 0),
    IS_REFUSED("one entry less", LEAF_1, 10, 2, 3),
    IS_REFUSED("one entry more", LEAF_1, 10, 2, 5),
    IS_REFUSED("very many entries", LEAF_1, 10, 2, 0xffff),
    /* entries of a leaf */
    IS_REFUSED("empty key", LEAF_1, LEAF_ENTRY(0), 2, 0),
    IS_REFUSED("key too long", LEAF_1, LEAF_ENTRY(0), 2, 1025),
    IS_REFUSED("key beyond the block", LEAF_1, LEAF_ENTRY(3), 2, 0xffff),
    IS_REFUSED("inline value too long", LEAF_1, LEAF_ENTRY(0) + 2, 2, 1025),
    IS_REFUSED("value beyond the block", LEAF_1, LEAF_ENTRY(3) + 2, 2, 0xfffe),
    IS_REFUSED("value that is said to overflow", LEAF_1, LEAF_ENTRY(0) + 2, 2, 0xffff),
    IS_REFUSED("key twice", LEAF_1, LEAF_ENTRY(1) + 7, 1, '0'),
    IS_REFUSED("keys descend", LEAF_1, LEAF_ENTRY(1) + 4, 1, 'a'),
    IS_REFUSED("first key is not the index's", LEAF_2, LEAF_ENTRY(0) + 7, 1, '3'),
    IS_REFUSED("last key beyond the next leaf", LEAF_1, LEAF_ENTRY(3) + 4, 1, 'y'),
    /* overflow */
    IS_REFUSED("value at the header", LEAF_3, OVERFLOW_REF, 4, HEADER),
    IS_REFUSED("value in a leaf", LEAF_3, OVERFLOW_REF, 4, LEAF_1),
    IS_REFUSED("value into the footer", LEAF_3, OVERFLOW_REF, 4, INDEX),
    IS_REFUSED("value at the footer", LEAF_3, OVERFLOW_REF, 4, FOOTER),
    IS_REFUSED("value outside the file", LEAF_3, OVERFLOW_REF, 4, UINT32_MAX),
    IS_REFUSED("value from its second block on", LEAF_3, OVERFLOW_REF, 4, OVERFLOW_2),
    IS_REFUSED("short value in overflow", LEAF_3, OVERFLOW_REF + 4, 4, 1024),
    IS_REFUSED("value longer than it is", LEAF_3, OVERFLOW_REF + 4, 4, 5001),
    IS_REFUSED("value shorter than it is", LEAF_3, OVERFLOW_REF + 4, 4, 4999),
    IS_REFUSED("value longer than the file", LEAF_3, OVERFLOW_REF + 4, 4, 16 * 1024 * 1024),
    IS_REFUSED("value longer than allowed", LEAF_3, OVERFLOW_REF + 4, 4, UINT32_MAX),
    IS_REFUSED("overflow with entries", OVERFLOW_1, 10, 2, 1),
    IS_REFUSED("leaf in the place of overflow", OVERFLOW_2, 8, 1, 2),
    /* index */
    IS_REFUSED("child is the header", INDEX, INDEX_ENTRY(1) + 2, 4, HEADER),
    IS_REFUSED("child is the index itself", INDEX, INDEX_ENTRY(1) + 2, 4, INDEX),
    IS_REFUSED("child is the footer", INDEX, INDEX_ENTRY(1) + 2, 4, FOOTER),
    IS_REFUSED("child is outside the file", INDEX, INDEX_ENTRY(1) + 2, 4, UINT32_MAX),
    IS_REFUSED("child is an overflow", INDEX, INDEX_ENTRY(1) + 2, 4, OVERFLOW_1),
    IS_REFUSED("child is another's", INDEX, INDEX_ENTRY(1) + 2, 4, LEAF_1),
    IS_REFUSED("key is not the child's", INDEX, INDEX_ENTRY(0) + 9, 1, '1'),
    IS_REFUSED("key is empty", INDEX, INDEX_ENTRY(0), 2, 0),
    IS_REFUSED("index keys descend", INDEX, INDEX_ENTRY(1) + 6, 1, 'a'),
    IS_REFUSED("index is a level too high", INDEX, 9, 1, 2),
    IS_REFUSED("index at the lowest level", INDEX, 9, 1, 0),
    IS_REFUSED("index is said to be a leaf", INDEX, 8, 2, 2),
    /* footer */
    IS_REFUSED("end magic", FOOTER, 16, 1, 'h'),
    IS_REFUSED("end uuid", FOOTER, 24, 1, 0xee),
    IS_REFUSED("end position", FOOTER, 40, 8, POSITION - 1),
    IS_REFUSED("no entries although there is a root", FOOTER, 48, 8, 0),
    IS_REFUSED("an entry less", FOOTER, 48, 8, ENTRIES),
    IS_REFUSED("an entry more", FOOTER, 48, 8, ENTRIES + 2),
    IS_REFUSED("no root although there are entries", FOOTER, 56, 4, 0),
    IS_REFUSED("root is the footer", FOOTER, 56, 4, FOOTER),
    IS_REFUSED("root is outside the file", FOOTER, 56, 4, UINT32_MAX),
    IS_REFUSED("root is a leaf of many", FOOTER, 56, 4, LEAF_1),
    IS_REFUSED("no levels although there is a root", FOOTER, 60, 4, 0),
    IS_REFUSED("a level less", FOOTER, 60, 4, 1),
    IS_REFUSED("a level more", FOOTER, 60, 4, 3),
    IS_REFUSED("very many levels", FOOTER, 60, 4, UINT32_MAX),
    IS_REFUSED("a block less", FOOTER, 64, 4, BLOCKS - 1),
    IS_REFUSED("a block more", FOOTER, 64, 4, BLOCKS + 1),
    IS_REFUSED("reserved at the end", FOOTER, 68, 4, 1),
};

static void assert_refused(const struct forgery *forgery)
{
    size_t off = forgery->block * BLOCK + forgery->off;
    struct hf_error err = {0};

    ck_assert_msg(get_le(off, forgery->len) != forgery->value, "%s: is so already", forgery->what);
    put_le(off, forgery->value, forgery->len);
    seal(forgery->block);
    int rc = verify_image(&err);
    ck_assert_msg(rc == forgery->code, "%s: %d %s", forgery->what, rc, err.message);
    if (rc != 0)
        ck_assert_str_eq(err.file, "catalog/" NAME);
    read_without_harm();
    show_whole();
}

START_TEST(forged_field_is_refused_without_harm)
{
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++)
        assert_refused(&forgeries[i]);
}
END_TEST

/* Nobody verifies before a lookup: these must not look like an empty catalog, or an empty value. */
static int read_overflowing_value(const struct forgery *forgery)
{
    struct hf_checkpoint *checkpoint;
    struct hf_buf value = {0};
    int rc;

    put_le(forgery->block * BLOCK + forgery->off, forgery->value, forgery->len);
    seal(forgery->block);
    if ((rc = open_image(&checkpoint, NULL)) == 0) {
        rc = hf_checkpoint_get(checkpoint, "z", 1, &value, NULL);
        hf_checkpoint_unref(checkpoint);
    }
    hf_buf_release(&value);
    show_whole();
    return rc;
}

START_TEST(forgery_is_refused_by_who_reads_it_first)
{
    int tried = 0;

    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        const struct forgery *forgery = &forgeries[i];
        /* Of a wrong count of entries only verify can tell. */
        bool is_count = forgery->block == FOOTER && forgery->off == 48 && forgery->value != 0;
        bool is_value = forgery->block == OVERFLOW_1 || forgery->block == OVERFLOW_2 ||
                        (forgery->block == LEAF_3 && forgery->off >= OVERFLOW_REF);

        if (!is_value && (is_count || (forgery->block != HEADER && forgery->block != FOOTER)))
            continue;
        int rc = read_overflowing_value(forgery);
        ck_assert_msg(rc == forgery->code, "%s: %d", forgery->what, rc);
        tried++;
    }
    ck_assert_int_gt(tried, 30);
}
END_TEST

/* An index block says where its children begin and not where the last of them ends. */
START_TEST(keys_beyond_the_next_index_block_are_found)
{
    enum { LAST_KEY = 3 * BLOCK + 16 + 2 * 1028 + 4 };
    struct hf_test_model long_keys = {0};
    struct hf_error err = {0};
    char key[1025];

    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "%01024d", i);
        hf_test_model_put(&long_keys, key, 1024, "", 0, 1);
    }
    ck_assert_int_eq(hf_test_model_checkpoint(&long_keys, &proxy.io, dir, POSITION, NULL), 0);
    hf_test_model_release(&long_keys);
    int fd = openat(dir, NAME, O_RDONLY);
    ssize_t len = read(fd, image, sizeof(image));
    close(fd);
    ck_assert_int_lt(len, (ssize_t)sizeof(image));
    proxy.image_len = (size_t)len;
    ck_assert_int_eq(verify_image(NULL), 0);
    /* Three keys fill a leaf and three leaves an index: the last key of the first index is that of
     * block 3. */
    ck_assert_int_eq(image[LAST_KEY], '0');
    ck_assert_int_eq(image[LAST_KEY + 1023], '8');
    image[LAST_KEY] = '9';
    seal(3);
    ck_assert_int_eq(verify_image(&err), HF_ERR_CORRUPT);
    ck_assert_uint_eq(err.offset / BLOCK, 4);
    read_without_harm();
}
END_TEST

START_TEST(leaf_that_the_tree_leaves_out_is_found)
{
    struct hf_error err = {0};

    put_le(INDEX * BLOCK + 10, 2, 2); /* without LEAF_3 */
    put_le(INDEX * BLOCK + 12, 20, 4);
    memset(image + INDEX * BLOCK + INDEX_ENTRY(2), 0, 10);
    seal(INDEX);
    put_le(FOOTER * BLOCK + 48, 8, 8);
    seal(FOOTER);
    ck_assert_int_eq(verify_image(&err), HF_ERR_CORRUPT);
    ck_assert_uint_eq(err.offset / BLOCK, FOOTER);
    read_without_harm();
}
END_TEST

START_TEST(forgeries_by_chance_do_no_harm)
{
    struct hf_test_random random;

    hf_test_random_init(&random, "forgeries");
    for (int round = 0; round < 30000; round++) {
        size_t changes = 1 + hf_test_random_below(&random, 3);

        while (changes-- > 0) {
            size_t block = hf_test_random_below(&random, BLOCKS);
            size_t used = get_le(block * BLOCK + 12, 4) & 0xfff;
            size_t places[] = {
                8 + hf_test_random_below(&random, 80),
                LEAF_ENTRY(hf_test_random_below(&random, 4)) + hf_test_random_below(&random, 12),
                8 + hf_test_random_below(&random, used + 9),
            };
            size_t off = places[hf_test_random_below(&random, 3)];
            uint64_t small = hf_test_random_below(&random, 16);
            uint64_t any = hf_test_random_next(&random);

            if (off >= BLOCK)
                continue;
            image[block * BLOCK + off] = (uint8_t)(any & 0x100 ? small : any);
            seal(block);
        }
        /* The salt may have changed: then all but the header would only fail to fit. */
        for (size_t block = 0; block < BLOCKS; block++)
            seal(block);
        read_without_harm();
        show_whole();
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("checkpoint damage");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, every_changed_byte_is_found_and_none_read);
    tcase_add_test(tests, every_change_after_opening_is_found_when_its_block_is_read);
    tcase_add_test(tests, every_shorter_file_is_damaged);
    tcase_add_test(tests, every_longer_file_is_damaged);
    tcase_add_test(tests, file_that_is_cut_while_open_is_damaged);
    tcase_add_test(tests, whole_block_in_the_place_of_another_is_damage);
    tcase_add_test(tests, checkpoint_of_another_store_or_position_is_refused);
    tcase_add_test(tests, forged_field_is_refused_without_harm);
    tcase_add_test(tests, forgery_is_refused_by_who_reads_it_first);
    tcase_add_test(tests, keys_beyond_the_next_index_block_are_found);
    tcase_add_test(tests, leaf_that_the_tree_leaves_out_is_found);
    tcase_add_test(tests, forgeries_by_chance_do_no_harm);
    return hf_test_run("checkpoint damage", tests);
}
