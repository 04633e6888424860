/*
 * tests/support/model.h - a map as a sorted array: too simple to be wrong, what the maps of the
 * store are compared with. Values are zero or more bytes; a deleted entry stays as a tombstone
 * until hf_test_model_drop_deleted.
 */
#ifndef HF_TESTS_SUPPORT_MODEL_H
#define HF_TESTS_SUPPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_test_model_entry {
    uint8_t *key;
    size_t key_len;
    uint8_t *value;
    size_t value_len;
    bool deleted;
    uint64_t position;
};

struct hf_test_model {
    struct hf_test_model_entry *entries;
    size_t count;
    size_t capacity;
};

void hf_test_model_release(struct hf_test_model *model);
void hf_test_model_copy(struct hf_test_model *to, const struct hf_test_model *from);
/* `value` NULL: deleted. */
void hf_test_model_put(struct hf_test_model *model, const void *key, size_t key_len,
                       const void *value, size_t value_len, uint64_t position);
void hf_test_model_drop_deleted(struct hf_test_model *model);
/* Index of the first entry whose key is >= key (> key when `after`); count: none. */
size_t hf_test_model_seek(const struct hf_test_model *model, const void *key, size_t key_len,
                          bool after);
/* NULL: none. */
const struct hf_test_model_entry *hf_test_model_get(const struct hf_test_model *model,
                                                    const void *key, size_t key_len);

#endif
