/*
 * Proves that the image of a layer holds the tree that extracting its tar would give, with what OCI
 * says of whiteouts, read back by a reader that shares nothing with the writer; that the same tar
 * always gives the same image; and that tars which mean no tree are refused with an error that says
 * so.
 */
#include "erofs/erofs.h"

#include "base/buf.h"

#include "support/erofs_reader.h"
#include "support/suite.h"
#include "support/tars.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct hf_buf tar;
static struct hf_buf image;
static struct hf_erofs_image reader;

static void setup(void)
{
    hf_buf_clear(&tar);
    hf_buf_clear(&image);
}

static void teardown(void)
{
    hf_buf_release(&tar);
    hf_buf_release(&image);
}

static int append(void *arg, const void *data, size_t len, struct hf_error *err)
{
    hf_buf_put(arg, data, len);
    return hf_buf_check(arg, err);
}

static int read_tar(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err)
{
    ck_assert(tar_off <= tar.len && len <= tar.len - tar_off);
    memcpy(data, tar.data + tar_off, len);
    return 0;
}

static int build_in_pieces(const struct hf_erofs_options *options, enum hf_erofs_form form,
                           size_t piece, struct hf_buf *out, struct hf_error *err)
{
    struct hf_erofs_output output = {
        .form = form, .tag = "tag", .arg = out, .write = append, .read = read_tar};
    struct hf_erofs *erofs = NULL;
    int rc = hf_erofs_new(options, &erofs, err);

    for (size_t off = 0; off < tar.len && rc == 0; off += piece) {
        size_t len = tar.len - off < piece ? tar.len - off : piece;
        rc = hf_erofs_feed(erofs, tar.data + off, len, err);
    }
    if (rc == 0)
        rc = hf_erofs_finish(erofs, &output, err);
    hf_erofs_free(erofs);
    return rc;
}

static int build(enum hf_erofs_form form, struct hf_buf *out, struct hf_error *err)
{
    struct hf_erofs_options options = {0};

    return build_in_pieces(&options, form, SIZE_MAX, out, err);
}

/* The image of `tar`, checked as a whole and open for questions. */
static void make(enum hf_erofs_form form)
{
    struct hf_error err = {0};
    bool is_index = form == HF_EROFS_INDEX;

    hf_buf_clear(&image);
    ck_assert_msg(build(form, &image, &err) == 0, "%s", err.message);
    ck_assert_msg(hf_erofs_image_open(&reader, image.data, image.len, is_index ? tar.data : NULL,
                                      is_index ? tar.len : 0) &&
                      hf_erofs_image_check(&reader),
                  "%s", reader.fault);
}

static void add(char type, const char *name, const char *link_or_data)
{
    bool is_link = type == '1' || type == '2';

    hf_test_tar_add(&tar, &(struct hf_test_member){.name = name,
                                                   .type = type,
                                                   .mode = 0644,
                                                   .link = is_link ? link_or_data : NULL,
                                                   .data = is_link ? NULL : link_or_data});
}

static struct hf_erofs_stat at(const char *path)
{
    struct hf_erofs_stat inode;

    ck_assert_msg(hf_erofs_image_find(&reader, path, &inode), "%s is not there: %s", path,
                  reader.fault);
    return inode;
}

static bool is_there(const char *path)
{
    struct hf_erofs_stat inode;

    return hf_erofs_image_find(&reader, path, &inode);
}

static void check_content(const char *path, const char *expected)
{
    struct hf_erofs_stat inode = at(path);
    char content[5000];

    ck_assert_uint_eq(inode.size, strlen(expected));
    ck_assert(hf_erofs_image_read(&reader, &inode, 0, content, inode.size));
    ck_assert(memcmp(content, expected, inode.size) == 0);
}

static void check_xattr(const char *path, const char *name, const char *expected)
{
    struct hf_erofs_stat inode = at(path);
    size_t len = 0;
    const uint8_t *value = hf_erofs_image_xattr(&reader, &inode, name, &len);

    if (!expected) {
        ck_assert_ptr_null(value);
        return;
    }
    ck_assert_ptr_nonnull(value);
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert(memcmp(value, expected, len) == 0);
}

static bool is_whiteout(const char *path)
{
    struct hf_erofs_stat inode = at(path);

    return S_ISCHR(inode.mode) && inode.address == 0;
}

static void check_refused(int code, const char *sentence)
{
    struct hf_error err = {0};

    hf_buf_clear(&image);
    ck_assert_int_eq(build(HF_EROFS_INDEX, &image, &err), code);
    ck_assert_msg(strstr(err.message, sentence), "%s", err.message);
    ck_assert_msg(strstr(err.message, " at byte "), "%s", err.message);
}

START_TEST(an_empty_tar_is_an_empty_root)
{
    hf_test_tar_end(&tar);
    make(HF_EROFS_INDEX);
    struct hf_erofs_stat root = at("");
    ck_assert_uint_eq(root.mode, S_IFDIR | 0755);
    ck_assert_uint_eq(root.nlink, 2);
    ck_assert_uint_eq(reader.inode_count, 1);
    ck_assert_str_eq(reader.tag, "tag");
    hf_buf_clear(&tar);
    make(HF_EROFS_FULL);
    ck_assert_uint_eq(reader.inode_count, 1);
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
        hf_test_tar_add(&tar,
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
        make(forms[form]);
        for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            char path[2] = {(char)('a' + i), '\0'};
            struct hf_erofs_stat inode = at(path);
            ck_assert_uint_eq(inode.mode, types[i].mode | 07654);
            ck_assert_uint_eq(inode.uid, 3000000000u);
            ck_assert_uint_eq(inode.gid, 0xfffffffe);
            ck_assert_int_eq(inode.mtime_sec, -5 + (int)i);
            if (types[i].type == '3' || types[i].type == '4') /* the kernel's "new" encoding */
                ck_assert_uint_eq(inode.address,
                                  (70000u & 0xff) | 259u << 8 | (70000u & ~0xffu) << 12);
        }
        check_content("c", "target");
    }
}
END_TEST

START_TEST(data_is_where_the_tar_has_it)
{
    char big[4 * 512 + 7];

    memset(big, 'b', sizeof(big));
    add('0', "one", "x");
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "big", .data = big, .len = sizeof(big)});
    add('0', "last", "the last bytes");
    make(HF_EROFS_INDEX);
    check_content("one", "x");
    check_content("last", "the last bytes");
    ck_assert_uint_eq((at("one").address - reader.block_count), 1);
    ck_assert_uint_eq((at("big").address - reader.block_count), 3);
    make(HF_EROFS_FULL);
    check_content("last", "the last bytes");
}
END_TEST

START_TEST(times_and_owners_of_pax_win)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, "mtime", "-1.25", 5);
    hf_test_pax_record(&records, "uid", "4000000000", 10);
    hf_test_tar_pax_text(&tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    add('0', "a", "");
    hf_test_tar_pax(&tar, 'x', "mtime", "9223372036.123456789999", 23);
    add('0', "b", "");
    make(HF_EROFS_INDEX);
    ck_assert_int_eq(at("a").mtime_sec, -2);
    ck_assert_uint_eq(at("a").mtime_nsec, 750000000);
    ck_assert_uint_eq(at("a").uid, 4000000000u);
    ck_assert_int_eq(at("b").mtime_sec, 9223372036);
    ck_assert_uint_eq(at("b").mtime_nsec, 123456789);
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
    hf_test_tar_pax_text(&tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    add('5', "d", NULL);
    make(HF_EROFS_INDEX);
    struct hf_erofs_stat inode = at("d");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        check_xattr("d", kept[i], "value");
    ck_assert_uint_eq(hf_erofs_image_xattr_count(&reader, &inode), sizeof(kept) / sizeof(kept[0]));
}
END_TEST

START_TEST(a_whiteout_is_a_device_unless_the_layer_has_the_name)
{
    add('0', ".wh.gone", "");
    add('0', "dir/.wh.gone", "");
    add('0', "early", "e");
    add('0', ".wh.early", "");
    add('0', ".wh.late", "");
    add('0', "late", "l");
    add('0', ".wh.tree", "");
    add('0', "tree/inside", "i");
    add('0', ".wh..wh.plnk/1.2", "aufs");
    add('0', ".wh..wh.aufs", "");
    make(HF_EROFS_INDEX);
    ck_assert(is_whiteout("gone"));
    ck_assert(is_whiteout("dir/gone"));
    check_content("early", "e");
    check_content("late", "l");
    /* What a lower layer has in it must not show through. */
    check_content("tree/inside", "i");
    check_xattr("tree", "trusted.overlay.opaque", "y");
    check_xattr("dir", "trusted.overlay.opaque", NULL);
    ck_assert(!is_there(".wh..wh.plnk") && !is_there(".wh..wh.aufs"));
}
END_TEST

START_TEST(an_opaque_directory_is_marked_and_keeps_what_the_layer_has)
{
    add('0', "a/before", "1");
    add('0', "a/.wh..wh..opq", "");
    add('0', "a/after", "2");
    add('5', "a", NULL);
    add('0', ".wh..wh..opq", "");
    make(HF_EROFS_INDEX);
    check_xattr("a", "trusted.overlay.opaque", "y");
    check_xattr("", "trusted.overlay.opaque", "y");
    ck_assert_uint_eq(at("a").mode, S_IFDIR | 0644);
    check_content("a/before", "1");
    check_content("a/after", "2");
}
END_TEST

START_TEST(a_hard_link_binds_to_the_file_of_its_moment)
{
    add('0', "a", "first");
    add('1', "b", "a");
    add('1', "c", "./b");
    add('0', "a", "second");
    add('1', "d", "/a");
    make(HF_EROFS_INDEX);
    check_content("a", "second");
    check_content("b", "first");
    ck_assert_uint_eq(at("b").nid, at("c").nid);
    ck_assert_uint_eq(at("b").nlink, 2);
    ck_assert_uint_eq(at("a").nid, at("d").nid);
    ck_assert_uint_eq(at("a").nlink, 2);
}
END_TEST

START_TEST(a_hard_link_onto_itself_changes_nothing)
{
    add('0', "a", "x");
    add('1', "a", "a");
    make(HF_EROFS_INDEX);
    check_content("a", "x");
    ck_assert_uint_eq(at("a").nlink, 1);
}
END_TEST

START_TEST(a_hard_link_out_of_the_layer_is_refused)
{
    add('1', "here", "there/not");
    check_refused(HF_ERR_UNSUPPORTED,
                  "entry here at byte 0 of the tar: it is a hard link to there/not");
    hf_buf_clear(&tar);
    add('0', ".wh.a", "");
    add('1', "b", "a");
    check_refused(HF_ERR_UNSUPPORTED, "hard link to a,");
    hf_buf_clear(&tar);
    add('5', "a", NULL);
    add('1', "b", "a");
    check_refused(HF_ERR_INPUT, "which is a directory");
}
END_TEST

START_TEST(what_comes_twice_is_as_the_last_says)
{
    add('5', "a", NULL);
    add('0', "a/x", "1");
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a/", .type = '5', .mode = 0700});
    add('5', "b", NULL);
    add('0', "b/x", "1");
    add('0', "b", "file");
    add('0', "c", "file");
    add('5', "c", NULL);
    add('5', "e", NULL);
    add('0', "e/x", "1");
    add('0', "e", "");
    add('0', "e", "");
    add('5', "e", NULL);
    make(HF_EROFS_INDEX);
    ck_assert_uint_eq(at("a").mode, S_IFDIR | 0700);
    check_content("a/x", "1");
    check_content("b", "file");
    ck_assert(S_ISDIR(at("c").mode));
    ck_assert(!is_there("e/x"));
}
END_TEST

START_TEST(paths_are_cleaned)
{
    add('0', "/abs/x", "1");
    add('0', "./dot/./x", "2");
    add('0', "up/../x", "3");
    add('0', "slash//x", "4");
    hf_test_tar_add(&tar,
                    &(struct hf_test_member){.name = "./", .type = '5', .mode = 01777, .uid = 7});
    make(HF_EROFS_INDEX);
    check_content("abs/x", "1");
    check_content("dot/x", "2");
    check_content("x", "3");
    check_content("slash/x", "4");
    ck_assert_uint_eq(at("").mode, S_IFDIR | 01777);
    ck_assert_uint_eq(at("").uid, 7);
    ck_assert(!is_there("up"));
}
END_TEST

START_TEST(paths_that_lead_nowhere_are_refused)
{
    static const char *const up[] = {"../x", "a/../../x", "/..", ".."};

    for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
        hf_buf_clear(&tar);
        add('0', up[i], "");
        check_refused(HF_ERR_INPUT, "above the root");
    }
    hf_buf_clear(&tar);
    add('0', "a", "");
    add('1', "b", "../a");
    check_refused(HF_ERR_INPUT, "above the root");
    hf_buf_clear(&tar);
    add('0', "file", "");
    add('0', "file/x", "");
    check_refused(HF_ERR_INPUT, "leads through file, which is no directory");
    hf_buf_clear(&tar);
    add('2', "./", "x");
    check_refused(HF_ERR_INPUT, "takes the place of the root");
    hf_buf_clear(&tar);
    add('2', "link", "");
    check_refused(HF_ERR_INPUT, "symlink without a target");
    hf_buf_clear(&tar);
    add('0', ".wh.", "");
    check_refused(HF_ERR_INPUT, "whiteout of nothing");
    hf_buf_clear(&tar);
    add('0', "a/.wh...", "");
    check_refused(HF_ERR_INPUT, "whiteout of nothing");
    hf_buf_clear(&tar);
    add('0', ".wh.a/b", "");
    check_refused(HF_ERR_INPUT, "through a whiteout");
}
END_TEST

START_TEST(symlinks_on_the_way_stay_inside)
{
    add('2', "lib", "usr/lib");
    add('0', "lib/x", "1");
    add('2', "abs", "/../../etc");
    add('0', "abs/passwd", "2");
    add('2', "usr/deep", "../../../../tmp");
    add('0', "usr/deep/f", "3");
    add('2', "usr/share/beside", "../doc");
    add('0', "usr/share/beside/f", "5");
    add('2', "usr/top", "/etc");
    add('0', "usr/top/hosts", "4");
    add('2', "chain", "lib");
    add('1', "hard", "chain/x");
    add('2', "lib", "elsewhere"); /* a symlink itself is replaced, not followed */
    make(HF_EROFS_INDEX);
    check_content("usr/lib/x", "1");
    check_content("etc/passwd", "2");
    check_content("tmp/f", "3");
    check_content("etc/hosts", "4");
    check_content("usr/doc/f", "5");
    check_content("hard", "1");
    check_content("lib", "elsewhere");
    check_content("abs", "/../../etc");
    ck_assert(!is_there("elsewhere"));
}
END_TEST

START_TEST(symlinks_that_turn_in_circles_are_refused)
{
    add('2', "a", "b");
    add('2', "b", "a");
    add('0', "a/x", "");
    check_refused(HF_ERR_INPUT, "too many symlinks");
    hf_buf_clear(&tar);
    add('2', "self", "self/self");
    add('0', "self/x", "");
    check_refused(HF_ERR_INPUT, "too many symlinks");
}
END_TEST

START_TEST(the_way_through_symlinks_has_an_end)
{
    char name[8];
    char next[8];
    char target[2101];

    for (unsigned i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "%u", i);
        snprintf(next, sizeof(next), "%u", i + 1);
        add('2', name, next);
    }
    add('0', "2/x", ""); /* 40 of them */
    make(HF_EROFS_INDEX);
    ck_assert(is_there("42/x"));
    add('0', "1/y", "");
    check_refused(HF_ERR_INPUT, "too many symlinks");
    hf_buf_clear(&tar);
    for (size_t i = 0; i < 2100; i += 2)
        memcpy(target + i, "./", 2);
    target[2100] = '\0';
    hf_test_tar_long(&tar, 'K', target);
    add('2', "a", "x");
    add('0', "a/x", "");
    make(HF_EROFS_INDEX);
    add('0', "a/a/x", "");
    check_refused(HF_ERR_INPUT, "too many symlinks");
}
END_TEST

START_TEST(limits_of_names_are_told)
{
    char name[70001];

    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    hf_test_tar_long(&tar, 'L', name);
    add('0', "x", "");
    check_refused(HF_ERR_LIMIT, "has 256 bytes, at most 255");
    hf_buf_clear(&tar);
    name[256] = 'n';
    name[70000] = '\0';
    hf_test_tar_long(&tar, 'L', name);
    add('0', "x", "");
    check_refused(HF_ERR_LIMIT, "70001 bytes, at most 65536");
    hf_buf_clear(&tar);
    name[4096] = '\0';
    hf_test_tar_long(&tar, 'K', name);
    add('2', "link", "x");
    check_refused(HF_ERR_LIMIT, "4096 bytes, at most 4095");
    hf_buf_clear(&tar);
    add('2', "a", "nothing");
    name[300] = '\0';
    hf_test_tar_long(&tar, 'K', name);
    add('2', "a", "x");
    add('0', "a/f", "");
    check_refused(HF_ERR_LIMIT, "a name of 300 bytes");
}
END_TEST

START_TEST(numbers_that_linux_lacks_are_refused)
{
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a", .uid = 1ull << 32});
    check_refused(HF_ERR_LIMIT, "its owner is a number");
    hf_buf_clear(&tar);
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a", .gid = UINT64_MAX});
    check_refused(HF_ERR_LIMIT, "its owner is a number");
    hf_buf_clear(&tar);
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a", .type = '3', .dev_major = 4096});
    check_refused(HF_ERR_LIMIT, "its device is a number");
}
END_TEST

START_TEST(deep_paths_and_long_links_are_there)
{
    char path[60001];
    char target[4096];

    for (size_t i = 0; i < 60000; i += 2)
        memcpy(path + i, "d/", 2);
    path[59999] = '\0';
    hf_test_tar_long(&tar, 'L', path);
    add('0', "x", "deep");
    memset(target, 't', sizeof(target));
    target[4095] = '\0';
    hf_test_tar_long(&tar, 'K', target);
    add('2', "longest", "x");
    target[448] = '\0'; /* fills a block of 512 with its inode */
    hf_test_tar_long(&tar, 'K', target);
    add('2', "just", "x");
    target[448] = 't';
    target[449] = '\0';
    hf_test_tar_long(&tar, 'K', target);
    add('2', "more", "x");
    make(HF_EROFS_INDEX);
    check_content(path, "deep");
    ck_assert_uint_eq(at("longest").size, 4095);
    ck_assert_uint_eq(at("just").layout, 2);
    ck_assert_uint_eq(at("more").layout, 0);
    check_content("more", target);
}
END_TEST

static void make_crowd(bool is_backwards, bool with_odd)
{
    char name[100];

    for (unsigned i = 0; i < 4000; i++) {
        unsigned number = is_backwards ? 3999 - i : i;
        snprintf(name, sizeof(name), "many/%u", number * 2654435761u);
        add('6', name, NULL);
    }
    for (unsigned i = 0; with_odd && i < 128; i++) {
        snprintf(name, sizeof(name), "odd/%c", (char)i);
        if (i > 0 && i != '/' && i != '.')
            add('5', name, NULL);
    }
}

START_TEST(thousands_of_entries_are_found_in_order)
{
    make_crowd(false, true);
    make(HF_EROFS_INDEX); /* the reader checks the order */
    for (unsigned i = 0; i < 4000; i += 7) {
        char name[100];
        snprintf(name, sizeof(name), "many/%u", i * 2654435761u);
        hf_test_require(is_there(name));
    }
    ck_assert_uint_eq(at("odd").nlink, 2 + 125);
    make(HF_EROFS_FULL);
    ck_assert(is_there("many/0"));
}
END_TEST

START_TEST(the_same_tree_gives_the_same_bytes)
{
    struct hf_erofs_options options = {0};
    struct hf_buf first = {0};
    static const size_t pieces[] = {1, 3, 511, 513, 65536};

    make_crowd(false, true);
    make(HF_EROFS_INDEX);
    hf_buf_put(&first, image.data, image.len);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        hf_buf_clear(&image);
        ck_assert_int_eq(build_in_pieces(&options, HF_EROFS_INDEX, pieces[i], &image, NULL), 0);
        ck_assert(image.len == first.len && memcmp(image.data, first.data, first.len) == 0);
    }
    /* Without data, the order in which a tar has its entries leaves no trace. */
    hf_buf_clear(&tar);
    make_crowd(true, true);
    make(HF_EROFS_INDEX);
    ck_assert(image.len == first.len && memcmp(image.data, first.data, first.len) == 0);
    hf_buf_release(&first);
}
END_TEST

START_TEST(both_forms_come_from_one_feeding)
{
    struct hf_erofs_options options = {0};
    struct hf_buf full = {0};
    struct hf_buf again = {0};
    struct hf_erofs_output output = {
        .form = HF_EROFS_INDEX, .tag = "tag", .arg = &again, .write = append, .read = read_tar};
    struct hf_erofs *erofs = NULL;

    add('0', "a", "data");
    add('1', "b", "a");
    add('0', "c/.wh..wh..opq", "");
    make(HF_EROFS_INDEX);
    ck_assert_int_eq(build(HF_EROFS_FULL, &full, NULL), 0);
    ck_assert_int_eq(hf_erofs_new(&options, &erofs, NULL), 0);
    ck_assert_int_eq(hf_erofs_feed(erofs, tar.data, tar.len, NULL), 0);
    ck_assert_int_eq(hf_erofs_finish(erofs, &output, NULL), 0);
    ck_assert(again.len == image.len && memcmp(again.data, image.data, again.len) == 0);
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
    ck_assert_int_eq(build_in_pieces(&options, HF_EROFS_INDEX, SIZE_MAX, &image, &err),
                     HF_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 200000 bytes of memory"));
    options.memory_max_bytes = 4000 * 400;
    ck_assert_int_eq(build_in_pieces(&options, HF_EROFS_INDEX, SIZE_MAX, &image, NULL), 0);
}
END_TEST

static void add_sparse(const char *name, const char *size, const char *map, const char *data,
                       size_t len)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, "GNU.sparse.size", size, strlen(size));
    hf_test_pax_record(&records, "GNU.sparse.map", map, strlen(map));
    hf_test_tar_pax_text(&tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = name, .data = data, .len = len});
}

static uint8_t byte_at(const char *path, uint64_t off)
{
    struct hf_erofs_stat inode = at(path);
    uint8_t byte = 0;

    ck_assert(hf_erofs_image_read(&reader, &inode, off, &byte, 1));
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
        make(forms[i]);
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
    ck_assert_int_eq(build(HF_EROFS_INDEX, &image, &err), HF_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 4194304 chunks"));
}
END_TEST

START_TEST(an_index_of_a_crooked_sparse_file_needs_the_tar)
{
    struct hf_erofs_options options = {0};
    struct hf_erofs_output output = {.form = HF_EROFS_INDEX, .arg = &image, .write = append};
    struct hf_erofs *erofs = NULL;

    add_sparse("crooked", "1000", "100,1", "x", 1);
    ck_assert_int_eq(hf_erofs_new(&options, &erofs, NULL), 0);
    ck_assert_int_eq(hf_erofs_feed(erofs, tar.data, tar.len, NULL), 0);
    ck_assert_int_eq(hf_erofs_finish(erofs, &output, NULL), HF_ERR_UNSUPPORTED);
    hf_erofs_free(erofs);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("erofs");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_empty_tar_is_an_empty_root);
    tcase_add_test(tests, every_type_keeps_what_its_header_says);
    tcase_add_test(tests, data_is_where_the_tar_has_it);
    tcase_add_test(tests, times_and_owners_of_pax_win);
    tcase_add_test(tests, attributes_are_kept_but_those_that_steer_overlayfs);
    tcase_add_test(tests, a_whiteout_is_a_device_unless_the_layer_has_the_name);
    tcase_add_test(tests, an_opaque_directory_is_marked_and_keeps_what_the_layer_has);
    tcase_add_test(tests, a_hard_link_binds_to_the_file_of_its_moment);
    tcase_add_test(tests, a_hard_link_onto_itself_changes_nothing);
    tcase_add_test(tests, a_hard_link_out_of_the_layer_is_refused);
    tcase_add_test(tests, what_comes_twice_is_as_the_last_says);
    tcase_add_test(tests, paths_are_cleaned);
    tcase_add_test(tests, paths_that_lead_nowhere_are_refused);
    tcase_add_test(tests, symlinks_on_the_way_stay_inside);
    tcase_add_test(tests, symlinks_that_turn_in_circles_are_refused);
    tcase_add_test(tests, the_way_through_symlinks_has_an_end);
    tcase_add_test(tests, limits_of_names_are_told);
    tcase_add_test(tests, numbers_that_linux_lacks_are_refused);
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
