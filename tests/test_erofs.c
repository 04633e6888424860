/*
 * Proves that the image of a layer holds every fact that its tar tells, read back by a reader that
 * shares nothing with the writer, and that the same tar always gives the same image.
 */
#include "support/layers.h"
#include "support/suite.h"
#include "support/tars.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

START_TEST(an_empty_tar_is_an_empty_root)
{
    hf_test_tar_end(&hf_test_layer.tar);
    hf_test_layer_make(HF_EROFS_INDEX);
    struct hf_erofs_stat root = hf_test_layer_at("");
    ck_assert_uint_eq(root.mode, S_IFDIR | 0755);
    ck_assert_uint_eq(root.nlink, 2);
    ck_assert_uint_eq(hf_test_layer.reader.inode_count, 1);
    ck_assert_str_eq(hf_test_layer.reader.tag, "tag");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_make(HF_EROFS_FULL);
    ck_assert_uint_eq(hf_test_layer.reader.inode_count, 1);
}
END_TEST

START_TEST(every_type_keeps_what_its_header_says)
{
    static const struct {
        char type;
        unsigned mode;
    } types[] = {{'0', S_IFREG}, {'5', S_IFDIR}, {'2', S_IFLNK}, {'3', S_IFCHR},
                 {'4', S_IFBLK}, {'6', S_IFIFO}, {'7', S_IFREG}};
    enum hf_erofs_form forms[] = {HF_EROFS_INDEX, HF_EROFS_FULL};
    char name[2] = "a";

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++, name[0]++)
        hf_test_tar_add(&hf_test_layer.tar,
                        &(struct hf_test_member){.name = name,
                                                 .type = types[i].type,
                                                 .mode = 07654,
                                                 .uid = 3000000000u,
                                                 .gid = 0xfffffffe,
                                                 .mtime = -5 + (int)i,
                                                 .link = types[i].type == '2' ? "target" : NULL,
                                                 .dev_major = 259,
                                                 .dev_minor = 70000});
    for (size_t form = 0; form < 2; form++) {
        hf_test_layer_make(forms[form]);
        for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            char path[2] = {(char)('a' + i), '\0'};
            struct hf_erofs_stat inode = hf_test_layer_at(path);
            ck_assert_uint_eq(inode.mode, types[i].mode | (types[i].type == '2' ? 0777 : 07654));
            ck_assert_uint_eq(inode.uid, 3000000000u);
            ck_assert_uint_eq(inode.gid, 0xfffffffe);
            ck_assert_int_eq(inode.mtime_sec, -5 + (int)i);
            if (types[i].type == '3' || types[i].type == '4') /* the kernel's "new" encoding */
                ck_assert_uint_eq(inode.address,
                                  (70000u & 0xff) | 259u << 8 | (70000u & ~0xffu) << 12);
        }
        hf_test_layer_check_content("c", "target");
    }
}
END_TEST

START_TEST(data_is_where_the_tar_has_it)
{
    char big[4 * 512 + 7];

    memset(big, 'b', sizeof(big));
    hf_test_layer_add('0', "one", "x");
    hf_test_tar_add(&hf_test_layer.tar,
                    &(struct hf_test_member){.name = "big", .data = big, .len = sizeof(big)});
    hf_test_layer_add('0', "last", "the last bytes");
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_content("one", "x");
    hf_test_layer_check_content("last", "the last bytes");
    ck_assert_uint_eq((hf_test_layer_at("one").address - hf_test_layer.reader.block_count), 1);
    ck_assert_uint_eq((hf_test_layer_at("big").address - hf_test_layer.reader.block_count), 3);
    hf_test_layer_make(HF_EROFS_FULL);
    hf_test_layer_check_content("last", "the last bytes");
}
END_TEST

START_TEST(times_and_owners_of_pax_win)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, "mtime", "-1.25", 5);
    hf_test_pax_record(&records, "uid", "4000000000", 10);
    hf_test_tar_pax_text(&hf_test_layer.tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    hf_test_layer_add('0', "a", "");
    hf_test_tar_pax(&hf_test_layer.tar, 'x', "mtime", "9223372036.123456789999", 23);
    hf_test_layer_add('0', "b", "");
    hf_test_layer_make(HF_EROFS_INDEX);
    ck_assert_int_eq(hf_test_layer_at("a").mtime_sec, -2);
    ck_assert_uint_eq(hf_test_layer_at("a").mtime_nsec, 750000000);
    ck_assert_uint_eq(hf_test_layer_at("a").uid, 4000000000u);
    ck_assert_int_eq(hf_test_layer_at("b").mtime_sec, 9223372036);
    ck_assert_uint_eq(hf_test_layer_at("b").mtime_nsec, 123456789);
}
END_TEST

START_TEST(attributes_are_kept_but_those_that_steer_overlayfs)
{
    static const char *const kept[] = {"user.a", "security.capability", "trusted.x",
                                       "system.posix_acl_access"};
    static const char *const dropped[] = {"trusted.overlay.opaque",
                                          "user.overlay.redirect",
                                          "trusted.overlay.redirect",
                                          "user.",
                                          "com.apple.x",
                                          "system.other",
                                          "system.posix_acl_access.x"};
    struct hf_buf records = {0};
    char key[64];

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        snprintf(key, sizeof(key), "SCHILY.xattr.%s", kept[i]);
        hf_test_pax_record(&records, key, "value", 5);
    }
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        snprintf(key, sizeof(key), "SCHILY.xattr.%s", dropped[i]);
        hf_test_pax_record(&records, key, "y", 1);
    }
    hf_test_tar_pax_text(&hf_test_layer.tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    hf_test_layer_add('5', "d", NULL);
    hf_test_layer_make(HF_EROFS_INDEX);
    struct hf_erofs_stat inode = hf_test_layer_at("d");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        hf_test_layer_check_xattr("d", kept[i], "value");
    ck_assert_uint_eq(hf_erofs_image_xattr_count(&hf_test_layer.reader, &inode),
                      sizeof(kept) / sizeof(kept[0]));
}
END_TEST

START_TEST(deep_paths_and_long_links_are_there)
{
    char path[60001];
    char target[4096];

    for (size_t i = 0; i < 60000; i += 2)
        memcpy(path + i, "d/", 2);
    path[59999] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'L', path);
    hf_test_layer_add('0', "x", "deep");
    memset(target, 't', sizeof(target));
    target[4095] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'K', target);
    hf_test_layer_add('2', "longest", "x");
    target[448] = '\0'; /* fills a block of 512 with its inode */
    hf_test_tar_long(&hf_test_layer.tar, 'K', target);
    hf_test_layer_add('2', "just", "x");
    target[448] = 't';
    target[449] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'K', target);
    hf_test_layer_add('2', "more", "x");
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_content(path, "deep");
    ck_assert_uint_eq(hf_test_layer_at("longest").size, 4095);
    ck_assert_uint_eq(hf_test_layer_at("just").layout, 2);
    ck_assert_uint_eq(hf_test_layer_at("more").layout, 0);
    hf_test_layer_check_content("more", target);
}
END_TEST

static void make_crowd(bool is_backwards, bool with_odd)
{
    char name[100];

    for (unsigned i = 0; i < 4000; i++) {
        unsigned number = is_backwards ? 3999 - i : i;
        snprintf(name, sizeof(name), "many/%u", number * 2654435761u);
        hf_test_layer_add('6', name, NULL);
    }
    for (unsigned i = 0; with_odd && i < 128; i++) {
        snprintf(name, sizeof(name), "odd/%c", (char)i);
        if (i > 0 && i != '/' && i != '.')
            hf_test_layer_add('5', name, NULL);
    }
}

START_TEST(thousands_of_entries_are_found_in_order)
{
    make_crowd(false, true);
    hf_test_layer_make(HF_EROFS_INDEX); /* the reader checks the order */
    for (unsigned i = 0; i < 4000; i += 7) {
        char name[100];
        snprintf(name, sizeof(name), "many/%u", i * 2654435761u);
        hf_test_require(hf_test_layer_has(name));
    }
    ck_assert_uint_eq(hf_test_layer_at("odd").nlink, 2 + 125);
    hf_test_layer_make(HF_EROFS_FULL);
    ck_assert(hf_test_layer_has("many/0"));
}
END_TEST

START_TEST(the_same_tree_gives_the_same_bytes)
{
    struct hf_erofs_options options = {0};
    struct hf_buf first = {0};
    static const size_t pieces[] = {1, 3, 511, 513, 65536};

    make_crowd(false, true);
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_buf_put(&first, hf_test_layer.image.data, hf_test_layer.image.len);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        hf_buf_clear(&hf_test_layer.image);
        ck_assert_int_eq(hf_test_layer_build_in_pieces(&options, HF_EROFS_INDEX, pieces[i],
                                                       &hf_test_layer.image, NULL),
                         0);
        ck_assert(hf_test_layer.image.len == first.len &&
                  memcmp(hf_test_layer.image.data, first.data, first.len) == 0);
    }
    /* Without data, the order in which a tar has its entries leaves no trace. */
    hf_buf_clear(&hf_test_layer.tar);
    make_crowd(true, true);
    hf_test_layer_make(HF_EROFS_INDEX);
    ck_assert(hf_test_layer.image.len == first.len &&
              memcmp(hf_test_layer.image.data, first.data, first.len) == 0);
    hf_buf_release(&first);
}
END_TEST

START_TEST(both_forms_come_from_one_feeding)
{
    struct hf_erofs_options options = {0};
    struct hf_buf full = {0};
    struct hf_buf again = {0};
    struct hf_erofs_output output = {.form = HF_EROFS_INDEX,
                                     .tag = "tag",
                                     .arg = &again,
                                     .write = hf_test_layer_append,
                                     .read = hf_test_layer_read};
    struct hf_erofs *erofs = NULL;

    hf_test_layer_add('0', "a", "data");
    hf_test_layer_add('1', "b", "a");
    hf_test_layer_add('0', "c/.wh..wh..opq", "");
    hf_test_layer_make(HF_EROFS_INDEX);
    ck_assert_int_eq(hf_test_layer_build(HF_EROFS_FULL, &full, NULL), 0);
    ck_assert_int_eq(hf_erofs_new(&options, &erofs, NULL), 0);
    ck_assert_int_eq(hf_erofs_feed(erofs, hf_test_layer.tar.data, hf_test_layer.tar.len, NULL), 0);
    ck_assert_int_eq(hf_erofs_finish(erofs, &output, NULL), 0);
    ck_assert(again.len == hf_test_layer.image.len &&
              memcmp(again.data, hf_test_layer.image.data, again.len) == 0);
    hf_buf_clear(&again);
    output.form = HF_EROFS_FULL;
    ck_assert_int_eq(hf_erofs_finish(erofs, &output, NULL), 0);
    ck_assert(again.len == full.len && memcmp(again.data, full.data, again.len) == 0);
    hf_erofs_free(erofs);
    hf_buf_release(&full);
    hf_buf_release(&again);
}
END_TEST

START_TEST(memory_has_the_limit_that_was_asked_for)
{
    struct hf_erofs_options options = {.memory_max_bytes = 200000};
    struct hf_error err = {0};

    make_crowd(false, false);
    ck_assert_int_eq(hf_test_layer_build_in_pieces(&options, HF_EROFS_INDEX, SIZE_MAX,
                                                   &hf_test_layer.image, &err),
                     HF_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 200000 bytes of memory"));
    options.memory_max_bytes = 4000 * 400;
    ck_assert_int_eq(hf_test_layer_build_in_pieces(&options, HF_EROFS_INDEX, SIZE_MAX,
                                                   &hf_test_layer.image, NULL),
                     0);
}
END_TEST

static void add_sparse(const char *name, const char *size, const char *map, const char *data,
                       size_t len)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, "GNU.sparse.size", size, strlen(size));
    hf_test_pax_record(&records, "GNU.sparse.map", map, strlen(map));
    hf_test_tar_pax_text(&hf_test_layer.tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    hf_test_tar_add(&hf_test_layer.tar,
                    &(struct hf_test_member){.name = name, .data = data, .len = len});
}

static uint8_t byte_at(const char *path, uint64_t off)
{
    struct hf_erofs_stat inode = hf_test_layer_at(path);
    uint8_t byte = 0;

    ck_assert(hf_erofs_image_read(&hf_test_layer.reader, &inode, off, &byte, 1));
    return byte;
}

START_TEST(sparse_files_have_holes)
{
    static char data[8192];
    enum hf_erofs_form forms[] = {HF_EROFS_INDEX, HF_EROFS_FULL};

    memset(data, 'd', sizeof(data));
    add_sparse("aligned", "1048576", "4096,4096,65536,512", data, 4608);
    add_sparse("tail", "1000003", "999936,67", data, 67);
    add_sparse("crooked", "100000", "100,50,60000,1000", data, 1050);
    add_sparse("nothing", "1125899906842624", "0,0", "", 0);
    add_sparse("front", "70000", "0,8192", data, 8192);
    for (size_t i = 0; i < 2; i++) {
        hf_test_layer_make(forms[i]);
        ck_assert_uint_eq(byte_at("aligned", 4095), 0);
        ck_assert_uint_eq(byte_at("aligned", 4096), 'd');
        ck_assert_uint_eq(byte_at("aligned", 8191), 'd');
        ck_assert_uint_eq(byte_at("aligned", 8192), 0);
        ck_assert_uint_eq(byte_at("aligned", 65536 + 511), 'd');
        ck_assert_uint_eq(byte_at("aligned", 65536 + 512), 0);
        ck_assert_uint_eq(byte_at("tail", 999935), 0);
        ck_assert_uint_eq(byte_at("tail", 1000002), 'd');
        ck_assert_uint_eq(byte_at("crooked", 99), 0);
        ck_assert_uint_eq(byte_at("crooked", 149), 'd');
        ck_assert_uint_eq(byte_at("crooked", 150), 0);
        ck_assert_uint_eq(byte_at("crooked", 59999), 0);
        ck_assert_uint_eq(byte_at("crooked", 60999), 'd');
        ck_assert_uint_eq(byte_at("crooked", 61000), 0);
        ck_assert_uint_eq(byte_at("nothing", 1125899906842623), 0);
        ck_assert_uint_eq(byte_at("front", 8191), 'd');
        ck_assert_uint_eq(byte_at("front", 8192), 0);
    }
}
END_TEST

START_TEST(sparse_files_that_would_need_too_much_are_refused)
{
    static char data[1024];
    struct hf_error err = {0};

    add_sparse("wide", "1099511627776", "512,512,1024000000512,512", data, 1024);
    ck_assert_int_eq(hf_test_layer_build(HF_EROFS_INDEX, &hf_test_layer.image, &err), HF_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 4194304 chunks"));
}
END_TEST

START_TEST(an_index_of_a_crooked_sparse_file_needs_the_tar)
{
    struct hf_erofs_options options = {0};
    struct hf_erofs_output output = {
        .form = HF_EROFS_INDEX, .arg = &hf_test_layer.image, .write = hf_test_layer_append};
    struct hf_erofs *erofs = NULL;

    add_sparse("crooked", "1000", "100,1", "x", 1);
    ck_assert_int_eq(hf_erofs_new(&options, &erofs, NULL), 0);
    ck_assert_int_eq(hf_erofs_feed(erofs, hf_test_layer.tar.data, hf_test_layer.tar.len, NULL), 0);
    ck_assert_int_eq(hf_erofs_finish(erofs, &output, NULL), HF_ERR_UNSUPPORTED);
    hf_erofs_free(erofs);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("erofs");

    tcase_add_checked_fixture(tests, hf_test_layer_setup, hf_test_layer_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_empty_tar_is_an_empty_root);
    tcase_add_test(tests, every_type_keeps_what_its_header_says);
    tcase_add_test(tests, data_is_where_the_tar_has_it);
    tcase_add_test(tests, times_and_owners_of_pax_win);
    tcase_add_test(tests, attributes_are_kept_but_those_that_steer_overlayfs);
    tcase_add_test(tests, deep_paths_and_long_links_are_there);
    tcase_add_test(tests, thousands_of_entries_are_found_in_order);
    tcase_add_test(tests, the_same_tree_gives_the_same_bytes);
    tcase_add_test(tests, both_forms_come_from_one_feeding);
    tcase_add_test(tests, memory_has_the_limit_that_was_asked_for);
    tcase_add_test(tests, sparse_files_have_holes);
    tcase_add_test(tests, sparse_files_that_would_need_too_much_are_refused);
    tcase_add_test(tests, an_index_of_a_crooked_sparse_file_needs_the_tar);
    return hf_test_run("erofs", tests);
}
