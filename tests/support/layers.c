/* tests/support/layers.c - a layer in memory, its image, and questions to it. */
#include "support/layers.h"

#include "support/suite.h"
#include "support/tars.h"

#include <string.h>

struct hf_test_layer hf_test_layer;

void hf_test_layer_setup(void)
{
    hf_buf_clear(&hf_test_layer.tar);
    hf_buf_clear(&hf_test_layer.image);
}

void hf_test_layer_teardown(void)
{
    hf_buf_release(&hf_test_layer.tar);
    hf_buf_release(&hf_test_layer.image);
}

int hf_test_layer_append(void *arg, const void *data, size_t len, struct hf_error *err)
{
    hf_buf_put(arg, data, len);
    return hf_buf_check(arg, err);
}

int hf_test_layer_read(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err)
{
    ck_assert(tar_off <= hf_test_layer.tar.len && len <= hf_test_layer.tar.len - tar_off);
    memcpy(data, hf_test_layer.tar.data + tar_off, len);
    return 0;
}

int hf_test_layer_build_in_pieces(const struct hf_erofs_options *options, enum hf_erofs_form form,
                                  size_t piece, struct hf_buf *out, struct hf_error *err)
{
    struct hf_erofs_output output = {.form = form,
                                     .tag = "tag",
                                     .arg = out,
                                     .write = hf_test_layer_append,
                                     .read = hf_test_layer_read};
    struct hf_erofs *erofs = NULL;
    int rc = hf_erofs_new(options, &erofs, err);

    for (size_t off = 0; off < hf_test_layer.tar.len && rc == 0; off += piece) {
        size_t len = hf_test_layer.tar.len - off < piece ? hf_test_layer.tar.len - off : piece;
        rc = hf_erofs_feed(erofs, hf_test_layer.tar.data + off, len, err);
    }
    if (rc == 0)
        rc = hf_erofs_finish(erofs, &output, err);
    hf_erofs_free(erofs);
    return rc;
}

int hf_test_layer_build(enum hf_erofs_form form, struct hf_buf *out, struct hf_error *err)
{
    struct hf_erofs_options options = {0};

    return hf_test_layer_build_in_pieces(&options, form, SIZE_MAX, out, err);
}

void hf_test_layer_make(enum hf_erofs_form form)
{
    struct hf_error err = {0};
    bool is_index = form == HF_EROFS_INDEX;

    hf_buf_clear(&hf_test_layer.image);
    ck_assert_msg(hf_test_layer_build(form, &hf_test_layer.image, &err) == 0, "%s", err.message);
    ck_assert_msg(hf_erofs_image_open(&hf_test_layer.reader, hf_test_layer.image.data,
                                      hf_test_layer.image.len,
                                      is_index ? hf_test_layer.tar.data : NULL,
                                      is_index ? hf_test_layer.tar.len : 0) &&
                      hf_erofs_image_check(&hf_test_layer.reader),
                  "%s", hf_test_layer.reader.fault);
}

void hf_test_layer_add(char type, const char *name, const char *link_or_data)
{
    bool is_link = type == '1' || type == '2';

    hf_test_tar_add(&hf_test_layer.tar,
                    &(struct hf_test_member){.name = name,
                                             .type = type,
                                             .mode = 0644,
                                             .link = is_link ? link_or_data : NULL,
                                             .data = is_link ? NULL : link_or_data});
}

struct hf_erofs_stat hf_test_layer_at(const char *path)
{
    struct hf_erofs_stat inode;

    ck_assert_msg(hf_erofs_image_find(&hf_test_layer.reader, path, &inode), "%s is not there: %s",
                  path, hf_test_layer.reader.fault);
    return inode;
}

bool hf_test_layer_has(const char *path)
{
    struct hf_erofs_stat inode;

    return hf_erofs_image_find(&hf_test_layer.reader, path, &inode);
}

void hf_test_layer_check_content(const char *path, const char *expected)
{
    struct hf_erofs_stat inode = hf_test_layer_at(path);
    char content[5000];

    ck_assert_uint_eq(inode.size, strlen(expected));
    ck_assert(hf_erofs_image_read(&hf_test_layer.reader, &inode, 0, content, inode.size));
    ck_assert(memcmp(content, expected, inode.size) == 0);
}

void hf_test_layer_check_xattr(const char *path, const char *name, const char *expected)
{
    struct hf_erofs_stat inode = hf_test_layer_at(path);
    size_t len = 0;
    const uint8_t *value = hf_erofs_image_xattr(&hf_test_layer.reader, &inode, name, &len);

    if (!expected) {
        ck_assert_ptr_null(value);
        return;
    }
    ck_assert_ptr_nonnull(value);
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert(memcmp(value, expected, len) == 0);
}

void hf_test_layer_check_refused(int code, const char *sentence)
{
    struct hf_error err = {0};

    hf_buf_clear(&hf_test_layer.image);
    ck_assert_int_eq(hf_test_layer_build(HF_EROFS_INDEX, &hf_test_layer.image, &err), code);
    ck_assert_msg(strstr(err.message, sentence), "%s", err.message);
    ck_assert_msg(strstr(err.message, " at byte "), "%s", err.message);
}
