/*
 * tests/support/views.h - views of checkpoints and changes, compared with a model: for
 * test_view*.c.
 */
#ifndef HF_TESTS_SUPPORT_VIEWS_H
#define HF_TESTS_SUPPORT_VIEWS_H

#include "catalog/view.h"

#include "support/checkpoint.h"
#include "support/proxy_io.h"
#include "support/random.h"

/* A fixture: a new folder for checkpoints, whose name goes into the 256 bytes of `path`; returns
 * its descriptor. */
int hf_test_view_setup(struct hf_test_proxy *proxy, char *path);
void hf_test_view_teardown(int dir, const char *path);

/* These must succeed. */
struct hf_checkpoint *hf_test_must_open_checkpoint(struct hf_io *io, int dir, uint64_t position);
struct hf_base *hf_test_new_base(struct hf_checkpoint *checkpoint, uint64_t position,
                                 hf_base_fallback_fn *fallback, void *arg);
/* `value` NULL: deleted. */
void hf_test_delta_put(struct hf_delta **delta, const void *key, size_t key_len, const void *value,
                       size_t value_len, uint64_t position);

/* One of about a thousand keys. Returns its length, at least 1. */
size_t hf_test_random_key(struct hf_test_random *random, uint8_t key[8]);
/* One change of a delta and a model alike. */
void hf_test_change_randomly(struct hf_test_random *random, struct hf_delta **delta,
                             struct hf_test_model *model, uint64_t position);

/*
 * Do the view and the model say the same, of a prefix by walking, of a key, of all? What differs
 * fails the test. 0, or the error that was met. The model may have deleted entries.
 */
int hf_test_view_compare_prefix(const struct hf_view *view, const struct hf_test_model *model,
                                const uint8_t *prefix, size_t prefix_len, struct hf_error *err);
int hf_test_view_compare_key(const struct hf_view *view, const struct hf_test_model *model,
                             const uint8_t *key, size_t key_len, struct hf_error *err);
int hf_test_view_compare(const struct hf_view *view, const struct hf_test_model *model,
                         struct hf_error *err);
/* And no error is met. */
void hf_test_view_assert_equals(const struct hf_view *view, const struct hf_test_model *model);

#endif
