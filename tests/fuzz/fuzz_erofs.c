/*
 * tests/fuzz/fuzz_erofs.c - the tar of a layer. Whatever image comes out, in either form, is
 * without fault for a reader that shares nothing with the writer, and the same whether the tar came
 * at once or in pieces.
 */
#include "fuzz/fuzz.h"

#include "base/buf.h"
#include "erofs/erofs.h"

#include "support/erofs_reader.h"
#include "support/tars.h"

#include <string.h>

#define IMAGE_MAX ((size_t)8 << 20) /* a few bytes of tar may say that a file is long */

struct input {
    const uint8_t *data;
    size_t size;
    struct hf_buf image;
};

static int append(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct input *input = arg;

    hf_buf_put(&input->image, data, len);
    return hf_buf_check(&input->image, err);
}

static int read_tar(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err)
{
    const struct input *input = arg;

    HF_FUZZ_CHECK(tar_off <= input->size && len <= input->size - tar_off);
    memcpy(data, input->data + tar_off, len);
    return 0;
}

static int build(struct input *input, enum hf_erofs_form form, size_t piece)
{
    struct hf_erofs_options options = {.memory_max_bytes = (size_t)16 << 20};
    struct hf_erofs_output output = {.form = form, .arg = input, .write = append, .read = read_tar};
    struct hf_erofs *erofs = NULL;
    int rc = hf_erofs_new(&options, &erofs, NULL);

    for (size_t off = 0; off < input->size && rc == 0; off += piece) {
        size_t len = input->size - off < piece ? input->size - off : piece;
        rc = hf_erofs_feed(erofs, input->data + off, len, NULL);
    }
    if (rc == 0)
        rc = hf_erofs_finish(erofs, &output, NULL);
    hf_erofs_free(erofs);
    return rc;
}

/* Headers where a walk over whole entries finds them get their checksum. */
void hf_fuzz_repair(uint8_t *data, size_t size)
{
    struct hf_buf tar = {.data = data, .len = size, .capacity = size};

    for (size_t at = 0; size - at >= 512;) {
        uint64_t len = 0;
        for (size_t i = 124; i < 135 && data[at + i] >= '0' && data[at + i] <= '7'; i++)
            len = len * 8 + (uint64_t)(data[at + i] - '0');
        if (data[at] != 0)
            hf_test_tar_sum(&tar, at);
        if (len > size - at)
            return;
        at += 512 + (size_t)(len + 511) / 512 * 512;
        if (at > size)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum hf_erofs_form forms[] = {HF_EROFS_INDEX, HF_EROFS_FULL};

    for (size_t i = 0; i < 2; i++) {
        struct input whole = {.data = data, .size = size, .image.max_bytes = IMAGE_MAX};
        struct input pieces = whole;
        struct hf_erofs_image image;
        bool is_index = forms[i] == HF_EROFS_INDEX;
        int rc = build(&whole, forms[i], size + 1);
        HF_FUZZ_CHECK(build(&pieces, forms[i], 100) == rc);
        if (rc == 0) {
            HF_FUZZ_CHECK(whole.image.len == pieces.image.len &&
                          memcmp(whole.image.data, pieces.image.data, whole.image.len) == 0);
            HF_FUZZ_CHECK(hf_erofs_image_open(&image, whole.image.data, whole.image.len,
                                              is_index ? data : NULL, is_index ? size : 0));
            HF_FUZZ_CHECK(hf_erofs_image_check(&image));
        }
        hf_buf_release(&whole.image);
        hf_buf_release(&pieces.image);
    }
    return 0;
}
