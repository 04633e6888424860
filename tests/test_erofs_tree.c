/*
 * Proves that a layer's image is the tree that extracting its tar would give, with what OCI says of
 * whiteouts, and that tars which mean no tree are refused with an error that says so.
 */
#include "support/layers.h"
#include "support/suite.h"
#include "support/tars.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_whiteout(const char *path)
{
    struct hf_erofs_stat inode = hf_test_layer_at(path);

    return S_ISCHR(inode.mode) && inode.address == 0;
}

START_TEST(a_whiteout_is_a_device_unless_the_layer_has_the_name)
{
    hf_test_layer_add('0', ".wh.gone", "");
    hf_test_layer_add('0', "dir/.wh.gone", "");
    hf_test_layer_add('0', "early", "e");
    hf_test_layer_add('0', ".wh.early", "");
    hf_test_layer_add('0', ".wh.late", "");
    hf_test_layer_add('0', "late", "l");
    hf_test_layer_add('0', ".wh.tree", "");
    hf_test_layer_add('0', "tree/inside", "i");
    hf_test_layer_add('0', ".wh..wh.plnk/1.2", "aufs");
    hf_test_layer_add('0', ".wh..wh.aufs", "");
    hf_test_layer_make(HF_EROFS_INDEX);
    ck_assert(is_whiteout("gone"));
    ck_assert(is_whiteout("dir/gone"));
    hf_test_layer_check_content("early", "e");
    hf_test_layer_check_content("late", "l");
    /* What a lower layer has in it must not show through. */
    hf_test_layer_check_content("tree/inside", "i");
    hf_test_layer_check_xattr("tree", "trusted.overlay.opaque", "y");
    hf_test_layer_check_xattr("dir", "trusted.overlay.opaque", NULL);
    ck_assert(!hf_test_layer_has(".wh..wh.plnk") && !hf_test_layer_has(".wh..wh.aufs"));
}
END_TEST

START_TEST(an_opaque_directory_is_marked_and_keeps_what_the_layer_has)
{
    hf_test_layer_add('0', "a/before", "1");
    hf_test_layer_add('0', "a/.wh..wh..opq", "");
    hf_test_layer_add('0', "a/after", "2");
    hf_test_layer_add('5', "a", NULL);
    hf_test_layer_add('0', ".wh..wh..opq", "");
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_xattr("a", "trusted.overlay.opaque", "y");
    hf_test_layer_check_xattr("", "trusted.overlay.opaque", "y");
    ck_assert_uint_eq(hf_test_layer_at("a").mode, S_IFDIR | 0644);
    hf_test_layer_check_content("a/before", "1");
    hf_test_layer_check_content("a/after", "2");
}
END_TEST

START_TEST(a_hard_link_binds_to_the_file_of_its_moment)
{
    hf_test_layer_add('0', "a", "first");
    hf_test_layer_add('1', "b", "a");
    hf_test_layer_add('1', "c", "./b");
    hf_test_layer_add('0', "a", "second");
    hf_test_layer_add('1', "d", "/a");
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_content("a", "second");
    hf_test_layer_check_content("b", "first");
    ck_assert_uint_eq(hf_test_layer_at("b").nid, hf_test_layer_at("c").nid);
    ck_assert_uint_eq(hf_test_layer_at("b").nlink, 2);
    ck_assert_uint_eq(hf_test_layer_at("a").nid, hf_test_layer_at("d").nid);
    ck_assert_uint_eq(hf_test_layer_at("a").nlink, 2);
}
END_TEST

START_TEST(a_hard_link_onto_itself_changes_nothing)
{
    hf_test_layer_add('0', "a", "x");
    hf_test_layer_add('1', "a", "a");
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_content("a", "x");
    ck_assert_uint_eq(hf_test_layer_at("a").nlink, 1);
}
END_TEST

START_TEST(a_hard_link_out_of_the_layer_is_refused)
{
    hf_test_layer_add('1', "here", "there/not");
    hf_test_layer_check_refused(HF_ERR_UNSUPPORTED,
                                "entry here at byte 0 of the tar: it is a hard link to there/not");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('0', ".wh.a", "");
    hf_test_layer_add('1', "b", "a");
    hf_test_layer_check_refused(HF_ERR_UNSUPPORTED, "hard link to a,");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('5', "a", NULL);
    hf_test_layer_add('1', "b", "a");
    hf_test_layer_check_refused(HF_ERR_INPUT, "which is a directory");
}
END_TEST

START_TEST(what_comes_twice_is_as_the_last_says)
{
    hf_test_layer_add('5', "a", NULL);
    hf_test_layer_add('0', "a/x", "1");
    hf_test_tar_add(&hf_test_layer.tar,
                    &(struct hf_test_member){.name = "a/", .type = '5', .mode = 0700});
    hf_test_layer_add('5', "b", NULL);
    hf_test_layer_add('0', "b/x", "1");
    hf_test_layer_add('0', "b", "file");
    hf_test_layer_add('0', "c", "file");
    hf_test_layer_add('5', "c", NULL);
    hf_test_layer_add('5', "e", NULL);
    hf_test_layer_add('0', "e/x", "1");
    hf_test_layer_add('0', "e", "");
    hf_test_layer_add('0', "e", "");
    hf_test_layer_add('5', "e", NULL);
    hf_test_layer_make(HF_EROFS_INDEX);
    ck_assert_uint_eq(hf_test_layer_at("a").mode, S_IFDIR | 0700);
    hf_test_layer_check_content("a/x", "1");
    hf_test_layer_check_content("b", "file");
    ck_assert(S_ISDIR(hf_test_layer_at("c").mode));
    ck_assert(!hf_test_layer_has("e/x"));
}
END_TEST

START_TEST(paths_are_cleaned)
{
    hf_test_layer_add('0', "/abs/x", "1");
    hf_test_layer_add('0', "./dot/./x", "2");
    hf_test_layer_add('0', "up/../x", "3");
    hf_test_layer_add('0', "slash//x", "4");
    hf_test_tar_add(&hf_test_layer.tar,
                    &(struct hf_test_member){.name = "./", .type = '5', .mode = 01777, .uid = 7});
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_content("abs/x", "1");
    hf_test_layer_check_content("dot/x", "2");
    hf_test_layer_check_content("x", "3");
    hf_test_layer_check_content("slash/x", "4");
    ck_assert_uint_eq(hf_test_layer_at("").mode, S_IFDIR | 01777);
    ck_assert_uint_eq(hf_test_layer_at("").uid, 7);
    ck_assert(!hf_test_layer_has("up"));
}
END_TEST

START_TEST(paths_that_lead_nowhere_are_refused)
{
    static const char *const up[] = {"../x", "a/../../x", "/..", ".."};

    for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
        hf_buf_clear(&hf_test_layer.tar);
        hf_test_layer_add('0', up[i], "");
        hf_test_layer_check_refused(HF_ERR_INPUT, "above the root");
    }
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('0', "a", "");
    hf_test_layer_add('1', "b", "../a");
    hf_test_layer_check_refused(HF_ERR_INPUT, "above the root");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('0', "file", "");
    hf_test_layer_add('0', "file/x", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "leads through file, which is no directory");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('2', "./", "x");
    hf_test_layer_check_refused(HF_ERR_INPUT, "takes the place of the root");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('2', "link", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "symlink without a target");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('0', ".wh.", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "whiteout of nothing");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('0', "a/.wh...", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "whiteout of nothing");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('0', ".wh.a/b", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "through a whiteout");
}
END_TEST

START_TEST(symlinks_on_the_way_stay_inside)
{
    hf_test_layer_add('2', "lib", "usr/lib");
    hf_test_layer_add('0', "lib/x", "1");
    hf_test_layer_add('2', "abs", "/../../etc");
    hf_test_layer_add('0', "abs/passwd", "2");
    hf_test_layer_add('2', "usr/deep", "../../../../tmp");
    hf_test_layer_add('0', "usr/deep/f", "3");
    hf_test_layer_add('2', "usr/share/beside", "../doc");
    hf_test_layer_add('0', "usr/share/beside/f", "5");
    hf_test_layer_add('2', "usr/top", "/etc");
    hf_test_layer_add('0', "usr/top/hosts", "4");
    hf_test_layer_add('2', "chain", "lib");
    hf_test_layer_add('1', "hard", "chain/x");
    hf_test_layer_add('2', "lib", "elsewhere"); /* a symlink itself is replaced, not followed */
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_check_content("usr/lib/x", "1");
    hf_test_layer_check_content("etc/passwd", "2");
    hf_test_layer_check_content("tmp/f", "3");
    hf_test_layer_check_content("etc/hosts", "4");
    hf_test_layer_check_content("usr/doc/f", "5");
    hf_test_layer_check_content("hard", "1");
    hf_test_layer_check_content("lib", "elsewhere");
    hf_test_layer_check_content("abs", "/../../etc");
    ck_assert(!hf_test_layer_has("elsewhere"));
}
END_TEST

START_TEST(symlinks_that_turn_in_circles_are_refused)
{
    hf_test_layer_add('2', "a", "b");
    hf_test_layer_add('2', "b", "a");
    hf_test_layer_add('0', "a/x", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "too many symlinks");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('2', "self", "self/self");
    hf_test_layer_add('0', "self/x", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "too many symlinks");
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
        hf_test_layer_add('2', name, next);
    }
    hf_test_layer_add('0', "2/x", ""); /* 40 of them */
    hf_test_layer_make(HF_EROFS_INDEX);
    ck_assert(hf_test_layer_has("42/x"));
    hf_test_layer_add('0', "1/y", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "too many symlinks");
    hf_buf_clear(&hf_test_layer.tar);
    for (size_t i = 0; i < 2100; i += 2)
        memcpy(target + i, "./", 2);
    target[2100] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'K', target);
    hf_test_layer_add('2', "a", "x");
    hf_test_layer_add('0', "a/x", "");
    hf_test_layer_make(HF_EROFS_INDEX);
    hf_test_layer_add('0', "a/a/x", "");
    hf_test_layer_check_refused(HF_ERR_INPUT, "too many symlinks");
}
END_TEST

START_TEST(limits_of_names_are_told)
{
    char name[70001];

    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'L', name);
    hf_test_layer_add('0', "x", "");
    hf_test_layer_check_refused(HF_ERR_LIMIT, "has 256 bytes, at most 255");
    hf_buf_clear(&hf_test_layer.tar);
    name[256] = 'n';
    name[70000] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'L', name);
    hf_test_layer_add('0', "x", "");
    hf_test_layer_check_refused(HF_ERR_LIMIT, "70001 bytes, at most 65536");
    hf_buf_clear(&hf_test_layer.tar);
    name[4096] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'K', name);
    hf_test_layer_add('2', "link", "x");
    hf_test_layer_check_refused(HF_ERR_LIMIT, "4096 bytes, at most 4095");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_layer_add('2', "a", "nothing");
    name[300] = '\0';
    hf_test_tar_long(&hf_test_layer.tar, 'K', name);
    hf_test_layer_add('2', "a", "x");
    hf_test_layer_add('0', "a/f", "");
    hf_test_layer_check_refused(HF_ERR_LIMIT, "a name of 300 bytes");
}
END_TEST

START_TEST(numbers_that_linux_lacks_are_refused)
{
    hf_test_tar_add(&hf_test_layer.tar, &(struct hf_test_member){.name = "a", .uid = 1ull << 32});
    hf_test_layer_check_refused(HF_ERR_LIMIT, "its owner is a number");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_tar_add(&hf_test_layer.tar, &(struct hf_test_member){.name = "a", .gid = UINT64_MAX});
    hf_test_layer_check_refused(HF_ERR_LIMIT, "its owner is a number");
    hf_buf_clear(&hf_test_layer.tar);
    hf_test_tar_add(&hf_test_layer.tar,
                    &(struct hf_test_member){.name = "a", .type = '3', .dev_major = 4096});
    hf_test_layer_check_refused(HF_ERR_LIMIT, "its device is a number");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("erofs_tree");

    tcase_add_checked_fixture(tests, hf_test_layer_setup, hf_test_layer_teardown);
    tcase_set_timeout(tests, 60);
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
    return hf_test_run("erofs_tree", tests);
}
