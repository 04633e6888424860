/*
 * tests/support/layers.h - a layer in memory, its image, and questions to it.
 *
 * One layer for each test, empty at its start. A question that cannot be answered, and an answer
 * that is not the expected one, fail the test.
 */
#ifndef HF_TESTS_SUPPORT_LAYERS_H
#define HF_TESTS_SUPPORT_LAYERS_H

#include "base/buf.h"
#include "erofs/erofs.h"

#include "support/erofs_reader.h"

struct hf_test_layer {
    struct hf_buf tar;
    struct hf_buf image;
    struct hf_erofs_image reader;
};
extern struct hf_test_layer hf_test_layer;

void hf_test_layer_setup(void); /* checked fixture */
void hf_test_layer_teardown(void);

/* A member of mode 0644; a link's third argument is its target, else the data. */
void hf_test_layer_add(char type, const char *name, const char *link_or_data);

/* Callbacks of struct hf_erofs_output: to a struct hf_buf, from the tar. */
int hf_test_layer_append(void *arg, const void *data, size_t len, struct hf_error *err);
int hf_test_layer_read(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err);

HF_MUST_USE int hf_test_layer_build_in_pieces(const struct hf_erofs_options *options,
                                              enum hf_erofs_form form, size_t piece,
                                              struct hf_buf *out, struct hf_error *err);
HF_MUST_USE int hf_test_layer_build(enum hf_erofs_form form, struct hf_buf *out,
                                    struct hf_error *err);
/* The image, checked as a whole and open for questions. */
void hf_test_layer_make(enum hf_erofs_form form);
/* No image: with this code, and this in the sentence. */
void hf_test_layer_check_refused(int code, const char *sentence);

struct hf_erofs_stat hf_test_layer_at(const char *path);
bool hf_test_layer_has(const char *path);
void hf_test_layer_check_content(const char *path, const char *expected);
/* NULL: the attribute is not there. */
void hf_test_layer_check_xattr(const char *path, const char *name, const char *expected);

#endif
