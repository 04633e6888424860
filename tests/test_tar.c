/*
 * Proves that the reader of layers understands every form of tar, whatever pieces the bytes come
 * in, tells where data lies, and refuses what is malformed, cut or too large with a sentence that
 * says so.
 */
#include "tar/tar.h"

#include "support/suite.h"
#include "support/tars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hf_buf tar;
static struct hf_buf seen; /* one line for each entry, and the data of files */

static void setup(void)
{
    hf_buf_clear(&tar);
    hf_buf_clear(&seen);
}

static void teardown(void)
{
    hf_buf_release(&tar);
    hf_buf_release(&seen);
}

static int note_entry(void *arg, const struct hf_tar_entry *entry, struct hf_error *err)
{
    static const char letters[] = {'f', 'd', 'l', 'h', 'c', 'b', 'p'};

    ck_assert_uint_eq(entry->path_len, strlen(entry->path));
    ck_assert_uint_eq(entry->link_len, strlen(entry->link));
    ck_assert_uint_eq(entry->data_off % HF_TAR_BLOCK, 0);
    hf_buf_printf(&seen, "%c %.100s>%.100s %o %u:%u %lld.%09u %u,%u %llu", letters[entry->type],
                  entry->path, entry->link, entry->mode, entry->uid, entry->gid,
                  (long long)entry->mtime_sec, entry->mtime_nsec, entry->dev_major,
                  entry->dev_minor, (unsigned long long)entry->size);
    for (size_t i = 0; entry->is_sparse && i < entry->segment_count; i++)
        hf_buf_printf(&seen, " %llu+%llu", (unsigned long long)entry->segments[i].file_off,
                      (unsigned long long)entry->segments[i].len);
    for (size_t i = 0; i < entry->xattr_count; i++)
        hf_buf_printf(&seen, " %s=%.*s", entry->xattrs[i].name, (int)entry->xattrs[i].value_len,
                      (const char *)entry->xattrs[i].value);
    hf_buf_put_text(&seen, "\n");
    for (size_t i = 0; i < entry->segment_count; i++) {
        const struct hf_tar_segment *segment = &entry->segments[i];
        ck_assert(segment->tar_off >= entry->data_off &&
                  segment->tar_off + segment->len <= entry->data_off + entry->data_len);
    }
    return hf_buf_check(&seen, err);
}

static int note_data(void *arg, uint64_t file_off, const void *data, size_t len,
                     struct hf_error *err)
{
    struct hf_buf *contents = arg;
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        hf_buf_printf(contents, "%llu%c", (unsigned long long)(file_off + i), bytes[i]);
    return hf_buf_check(contents, err);
}

static int note_end(void *arg, struct hf_error *err)
{
    hf_buf_put_text(arg, ";");
    return hf_buf_check(arg, err);
}

static int read_pieces(size_t piece, struct hf_buf *contents, struct hf_error *err)
{
    struct hf_tar_sink sink = {.arg = contents, .entry = note_entry};
    struct hf_tar *reader = NULL;

    if (contents) {
        sink.data = note_data;
        sink.end = note_end;
    }
    ck_assert_int_eq(hf_tar_new(&sink, &reader, NULL), 0);
    int rc = 0;
    for (size_t off = 0; off < tar.len && rc == 0; off += piece) {
        size_t len = tar.len - off < piece ? tar.len - off : piece;
        rc = hf_tar_feed(reader, tar.data + off, len, err);
    }
    if (rc == 0)
        rc = hf_tar_end(reader, err);
    else
        ck_assert_int_eq(hf_tar_feed(reader, "", 1, NULL), rc);
    hf_tar_free(reader);
    return rc;
}

/* In several pieces, each giving the same. */
static void check_seen(const char *expected)
{
    static const size_t pieces[] = {1, 7, 511, 512, 513, 1 << 20};
    struct hf_error err = {0};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        hf_buf_clear(&seen);
        ck_assert_msg(read_pieces(pieces[i], NULL, &err) == 0, "%s", err.message);
        ck_assert_str_eq(hf_buf_text(&seen), expected);
    }
}

static void check_refused(int code, const char *sentence)
{
    struct hf_error err = {0};

    hf_buf_clear(&seen);
    ck_assert_int_eq(read_pieces(1000, NULL, &err), code);
    ck_assert_msg(strstr(err.message, sentence), "%s", err.message);
    hf_buf_clear(&tar);
}

static void add(char type, const char *name)
{
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = name, .type = type});
}

START_TEST(every_type_is_told)
{
    hf_test_tar_add(&tar,
                    &(struct hf_test_member){
                        .name = "f", .mode = 04755, .uid = 1, .gid = 2, .mtime = 3, .data = "abc"});
    hf_test_tar_add(
        &tar, &(struct hf_test_member){.name = "h", .type = '1', .link = "f", .told_size = 99999});
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "l", .type = '2', .link = "t"});
    hf_test_tar_add(
        &tar, &(struct hf_test_member){.name = "c", .type = '3', .dev_major = 5, .dev_minor = 6});
    hf_test_tar_add(
        &tar, &(struct hf_test_member){.name = "b", .type = '4', .dev_major = 7, .dev_minor = 8});
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "d/", .type = '5', .told_size = 512});
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "p", .type = '6', .dev_major = 9});
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "7", .type = '7', .data = "x"});
    hf_test_tar_end(&tar);
    hf_buf_put_text(&tar, "what follows is not looked at");
    check_seen("f f> 4755 1:2 3.000000000 0,0 3\nh h>f 0 0:0 0.000000000 0,0 0\n"
               "l l>t 0 0:0 0.000000000 0,0 0\nc c> 0 0:0 0.000000000 5,6 0\n"
               "b b> 0 0:0 0.000000000 7,8 0\nd d/> 0 0:0 0.000000000 0,0 0\n"
               "p p> 0 0:0 0.000000000 0,0 0\nf 7> 0 0:0 0.000000000 0,0 1\n");
}
END_TEST

START_TEST(old_tars_are_read)
{
    add('0', "old/");
    add('0', "file");
    for (size_t off = 0; off < tar.len; off += 512) {
        memset(tar.data + off + 257, off == 0 ? 0 : 'z', 250); /* no magic: no prefix, no devices */
        tar.data[off + 156] = 0;
        hf_test_tar_sum(&tar, off);
    }
    check_seen("d old/> 0 0:0 0.000000000 0,0 0\nf file> 0 0:0 0.000000000 0,0 0\n");
}
END_TEST

START_TEST(long_names_come_from_where_they_stand)
{
    add('0', "name");
    memcpy(tar.data + 345, "prefix", 6);
    hf_test_tar_sum(&tar, 0);
    hf_test_tar_long(&tar, 'L', "gnu");
    hf_test_tar_long(&tar, 'K', "gnu-link");
    hf_test_tar_pax(&tar, 'x', "path", "pax", 3);
    add('2', "short");
    hf_test_tar_pax(&tar, 'x', "path", "pax", 3);
    hf_test_tar_pax(&tar, 'x', "linkpath", "pax-link", 8); /* replaces the one before */
    add('2', "short");
    add('0', "next");
    check_seen("f prefix/name> 0 0:0 0.000000000 0,0 0\nl gnu>gnu-link 0 0:0 0.000000000 0,0 0\n"
               "l short>pax-link 0 0:0 0.000000000 0,0 0\nf next> 0 0:0 0.000000000 0,0 0\n");
}
END_TEST

START_TEST(global_records_apply_until_taken_back)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, "uid", "7", 1);
    hf_test_pax_record(&records, "path", "no", 2);
    hf_test_pax_record(&records, "comment", "none", 4);
    hf_test_pax_record(&records, "SCHILY.xattr.user.g", "1", 1);
    hf_test_tar_pax_text(&tar, 'g', records.data, records.len);
    add('0', "a");
    hf_test_tar_pax(&tar, 'x', "uid", "", 0);
    add('0', "b");
    hf_test_tar_pax(&tar, 'x', "SCHILY.xattr.user.g", "2", 1);
    add('0', "c");
    hf_test_tar_pax(&tar, 'g', "uid", "", 0);
    add('0', "d");
    hf_buf_release(&records);
    check_seen("f a> 0 7:0 0.000000000 0,0 0 user.g=1\nf b> 0 0:0 0.000000000 0,0 0 user.g=1\n"
               "f c> 0 7:0 0.000000000 0,0 0 user.g=2\nf d> 0 0:0 0.000000000 0,0 0 user.g=1\n");
}
END_TEST

START_TEST(numbers_have_every_form)
{
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a", .uid = 4294967294, .mtime = -1});
    hf_test_tar_pax(&tar, 'x', "mtime", "-0.5", 4);
    add('0', "b");
    hf_test_tar_pax(&tar, 'x', "mtime", "12.", 3);
    add('0', "c");
    hf_test_tar_pax(&tar, 'x', "size", "2", 1);
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "d", .data = "xy", .told_size = 9999});
    add('0', "e");
    memset(tar.data + tar.len - 512 + 108, ' ', 8); /* an empty uid is 0 */
    hf_test_tar_sum(&tar, tar.len - 512);
    check_seen("f a> 0 4294967294:0 -1.000000000 0,0 0\nf b> 0 0:0 -1.500000000 0,0 0\n"
               "f c> 0 0:0 12.000000000 0,0 0\nf d> 0 0:0 0.000000000 0,0 2\n"
               "f e> 0 0:0 0.000000000 0,0 0\n");
}
END_TEST

static void put_octal(uint8_t *field, unsigned long value)
{
    char text[12];

    snprintf(text, sizeof(text), "%011lo", value);
    memcpy(field, text, 11);
}

/* Old GNU: seven pieces, four in the header. */
static void add_old_sparse(void)
{
    size_t off = tar.len;

    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "s", .type = 'S', .told_size = 7});
    memcpy(tar.data + off + 257, "ustar  ", 8);
    memset(tar.data + off + 329, 0, 16);
    hf_buf_put_zeros(&tar, 512);
    for (unsigned i = 0; i < 7; i++) {
        uint8_t *pair = tar.data + off + (i < 4 ? 386 + 24 * i : 512 + 24 * (i - 4));
        put_octal(pair, 10 * (i + 1));
        put_octal(pair + 12, 1);
    }
    tar.data[off + 482] = 1;
    put_octal(tar.data + off + 483, 100);
    hf_test_tar_sum(&tar, off);
    hf_buf_put_text(&tar, "abcdefg");
    hf_buf_put_zeros(&tar, 505);
}

START_TEST(sparse_maps_are_read_in_every_version)
{
    struct hf_buf records = {0};

    add_old_sparse();
    hf_test_pax_record(&records, "GNU.sparse.size", "50", 2);
    hf_test_pax_record(&records, "GNU.sparse.numblocks", "2", 1);
    hf_test_pax_record(&records, "GNU.sparse.offset", "5", 1);
    hf_test_pax_record(&records, "GNU.sparse.numbytes", "2", 1);
    hf_test_pax_record(&records, "GNU.sparse.offset", "50", 2);
    hf_test_pax_record(&records, "GNU.sparse.numbytes", "0", 1);
    hf_test_tar_pax_text(&tar, 'x', records.data, records.len);
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "0.0", .data = "ab"});
    hf_buf_clear(&records);
    hf_test_pax_record(&records, "GNU.sparse.major", "1", 1);
    hf_test_pax_record(&records, "GNU.sparse.minor", "0", 1);
    hf_test_pax_record(&records, "GNU.sparse.name", "1.0", 3);
    hf_test_pax_record(&records, "GNU.sparse.realsize", "30", 2);
    hf_test_tar_pax_text(&tar, 'x', records.data, records.len);
    hf_buf_clear(&records);
    hf_buf_put_text(&records, "3\n1\n1\n2\n1\n29\n1\n"); /* the first two are neighbours */
    hf_buf_put_zeros(&records, 512 - records.len);
    hf_buf_put_text(&records, "xyz");
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "GNUSparseFile.0/1.0",
                                                   .data = (char *)records.data,
                                                   .len = records.len});
    hf_buf_release(&records);
    add('0', "next");
    check_seen("f s> 0 0:0 0.000000000 0,0 100 10+1 20+1 30+1 40+1 50+1 60+1 70+1\n"
               "f 0.0> 0 0:0 0.000000000 0,0 50 5+2\nf 1.0> 0 0:0 0.000000000 0,0 30 1+2 29+1\n"
               "f next> 0 0:0 0.000000000 0,0 0\n");
}
END_TEST

START_TEST(data_comes_with_its_place_in_the_file)
{
    static const size_t pieces[] = {1, 5, 512, 1 << 20};
    struct hf_error err = {0};

    add_old_sparse();
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "f", .data = "hello"});
    add('5', "d");
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct hf_buf contents = {0};
        ck_assert_msg(read_pieces(pieces[i], &contents, &err) == 0, "%s", err.message);
        ck_assert_str_eq(hf_buf_text(&contents), "10a20b30c40d50e60f70g;0h1e2l3l4o;;");
        hf_buf_release(&contents);
    }
}
END_TEST

START_TEST(a_tar_may_lack_its_end_but_not_half_an_entry)
{
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "f", .data = "hello"});
    size_t whole = tar.len;
    for (size_t len = 0; len <= whole; len++) {
        tar.len = len;
        bool is_whole = len == 0 || len >= 512 + 5;
        hf_test_require(read_pieces(100, NULL, NULL) == (is_whole ? 0 : HF_ERR_INPUT));
    }
    tar.len = whole;
    hf_buf_put_zeros(&tar, 512);
    ck_assert_int_eq(read_pieces(100, NULL, NULL), 0);
    add('0', "after");
    check_refused(HF_ERR_INPUT, "single block of zeros");
    hf_test_tar_pax(&tar, 'x', "path", "pax", 3);
    size_t pax = tar.len;
    check_refused(HF_ERR_INPUT, "entry at byte 0 of the tar: the tar ends within it");
    hf_test_tar_pax(&tar, 'x', "path", "pax", 3);
    hf_test_tar_end(&tar);
    check_refused(HF_ERR_INPUT, "the tar ends within its headers");
    for (size_t len = 1; len <= pax; len += 13) {
        hf_test_tar_pax(&tar, 'x', "path", "pax", 3);
        tar.len = len;
        check_refused(HF_ERR_INPUT, "the tar ends within it");
    }
}
END_TEST

START_TEST(headers_that_are_none_are_refused)
{
    add('0', "a");
    tar.data[0] ^= 1;
    check_refused(HF_ERR_INPUT,
                  "entry at byte 0 of the tar: this is no header, its checksum is wrong");
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "f", .data = "x"});
    add('V', "volume");
    check_refused(HF_ERR_UNSUPPORTED, "entry volume at byte 1024 of the tar: its type, number 86,");
    add('0', "a");
    memcpy(tar.data + 124, "12x", 3);
    hf_test_tar_sum(&tar, 0);
    check_refused(HF_ERR_INPUT, "its size is not an octal number");
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a", .told_size = (uint64_t)-5});
    check_refused(HF_ERR_INPUT, "its size is negative");
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "a", .told_size = INT64_MAX - 1});
    check_refused(HF_ERR_LIMIT, "its data would end behind");
    add('0', "");
    check_refused(HF_ERR_INPUT, "it has no name");
    add('0', "bad\x1b[2Jname");
    hf_buf_put_text(&tar, "x");
    check_refused(HF_ERR_INPUT, "the tar ends within its header");
}
END_TEST

START_TEST(malformed_pax_headers_are_refused)
{
    static const char *const malformed[] = {
        "x",      "6 a=b",    "5 a=b\n", "7 a=b\n",  "0 a=b\n", "6 abcd\n",
        "6 a=bc", "99 a=b\n", " a=b\n",  "-6 a=b\n", "1 \n",    "18446744073709551622 a=b\n",
    };
    static const struct {
        const char *key;
        const char *value;
        size_t len;
        int code;
        const char *sentence;
    } records[] = {
        {"path", "a\0b", 3, HF_ERR_INPUT, "a byte 0 inside"},
        {"uid", "-1", 2, HF_ERR_INPUT, "its uid is not a number"},
        {"uid", "4294967295", 10, HF_ERR_LIMIT, "its owner is a number"},
        {"size", "9223372036854775808", 19, HF_ERR_LIMIT, "its size does not fit"},
        {"mtime", "1.2x", 4, HF_ERR_INPUT, "its mtime is not a number"},
        {"mtime", "-", 1, HF_ERR_INPUT, "its mtime is not a number"},
        {"SCHILY.xattr.", "x", 1, HF_ERR_INPUT, "attribute has no name"},
        {"GNU.sparse.map", "1,2,3", 5, HF_ERR_INPUT, "its sparse map is not a number"},
        {"GNU.sparse.map", "1,2", 3, HF_ERR_INPUT, "behind its end"},
        {"GNU.sparse.major", "2", 1, HF_ERR_UNSUPPORTED, "of a version that is not known, 2.0"},
    };

    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        hf_test_tar_pax_text(&tar, 'x', malformed[i], strlen(malformed[i]));
        add('0', "a");
        check_refused(HF_ERR_INPUT, "malformed record");
    }
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        hf_test_tar_pax(&tar, 'x', records[i].key, records[i].value, records[i].len);
        add('0', "a");
        check_refused(records[i].code, records[i].sentence);
    }
}
END_TEST

START_TEST(limits_are_told)
{
    static char long_text[70000];

    memset(long_text, 'v', sizeof(long_text));
    hf_test_tar_pax(&tar, 'x', "SCHILY.xattr.user.v", long_text, 65531);
    add('0', "a");
    check_refused(HF_ERR_LIMIT, "its extended attributes have more than 65536 bytes");
    hf_test_tar_pax(&tar, 'x', "SCHILY.xattr.user.v", long_text, 65530);
    add('0', "a");
    ck_assert_int_eq(read_pieces(1000, NULL, NULL), 0);
    hf_buf_clear(&tar);
    hf_test_tar_pax(&tar, 'x', "path", long_text, 65536);
    add('0', "a");
    check_refused(HF_ERR_LIMIT, "a name of it has 65536 bytes");
    hf_test_tar_add(&tar,
                    &(struct hf_test_member){.name = "x", .type = 'x', .told_size = (1 << 20) + 1});
    check_refused(HF_ERR_LIMIT, "its x header has 1048577 bytes, at most 1048576");
    hf_test_tar_add(&tar,
                    &(struct hf_test_member){.name = "x", .type = 'L', .told_size = (uint64_t)-1});
    check_refused(HF_ERR_INPUT, "the size of its L header is negative");
}
END_TEST

static void check_map(const char *count, const char *map, const char *sentence)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, "GNU.sparse.numblocks", count, 1);
    hf_test_pax_record(&records, "GNU.sparse.size", "100", 3);
    hf_test_pax_record(&records, "GNU.sparse.map", map, strlen(map));
    hf_test_tar_pax_text(&tar, 'x', records.data, records.len);
    hf_buf_release(&records);
    hf_test_tar_add(&tar, &(struct hf_test_member){.name = "s", .data = "abcd"});
    check_refused(HF_ERR_INPUT, sentence);
}

START_TEST(sparse_maps_that_lie_are_refused)
{
    check_map("1", "10,2,50,2", "as many pieces as it tells");
    check_map("2", "10,2,5,2", "out of order");
    check_map("2", "10,2,11,2", "out of order");
    check_map("1", "98,4", "behind its end");
    check_map("1", "9223372036854775807,4", "behind its end");
    check_map("1", "0,5", "more data than is stored");
    check_map("1", "0,3", "less data than is stored");
}
END_TEST

START_TEST(paths_are_cleaned)
{
    static const char *const paths[][2] = {
        {"a/b", "a/b"}, {"/a//b/", "a/b"}, {"./a/./b", "a/b"}, {"a/../b", "b"}, {".", ""},
        {"/", ""},      {"a/..", ""},      {"a/b/../..", ""},  {"...", "..."},  {"..a", "..a"},
    };
    struct hf_buf out = {0};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ck_assert_int_eq(hf_tar_clean_path(paths[i][0], strlen(paths[i][0]), &out, NULL), 0);
        ck_assert_uint_eq(out.len, strlen(paths[i][1]));
        ck_assert(memcmp(out.data ? (char *)out.data : "", paths[i][1], out.len) == 0);
    }
    ck_assert_int_eq(hf_tar_clean_path("a/../..", 7, &out, NULL), HF_ERR_INPUT);
    hf_buf_release(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("tar");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_type_is_told);
    tcase_add_test(tests, old_tars_are_read);
    tcase_add_test(tests, long_names_come_from_where_they_stand);
    tcase_add_test(tests, global_records_apply_until_taken_back);
    tcase_add_test(tests, numbers_have_every_form);
    tcase_add_test(tests, sparse_maps_are_read_in_every_version);
    tcase_add_test(tests, data_comes_with_its_place_in_the_file);
    tcase_add_test(tests, a_tar_may_lack_its_end_but_not_half_an_entry);
    tcase_add_test(tests, headers_that_are_none_are_refused);
    tcase_add_test(tests, malformed_pax_headers_are_refused);
    tcase_add_test(tests, limits_are_told);
    tcase_add_test(tests, sparse_maps_that_lie_are_refused);
    tcase_add_test(tests, paths_are_cleaned);
    return hf_test_run("tar", tests);
}
