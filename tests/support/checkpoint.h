/*
 * tests/support/checkpoint.h - checkpoints made of a model and compared with one.
 *
 * In a header, because the library of test support knows nothing of the store.
 */
#ifndef HF_TESTS_SUPPORT_CHECKPOINT_H
#define HF_TESTS_SUPPORT_CHECKPOINT_H

#include "catalog/checkpoint.h"

#include "support/model.h"
#include "support/suite.h"

#include <string.h>

static const uint8_t hf_test_uuid[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                         0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};

/* Gives the entries of a model that are not deleted. */
struct hf_test_model_source {
    const struct hf_test_model *model;
    size_t next;
};

static inline int hf_test_model_next(void *arg, const uint8_t **key, size_t *key_len,
                                     const uint8_t **value, size_t *value_len, struct hf_error *err)
{
    struct hf_test_model_source *source = arg;

    while (source->next < source->model->count) {
        const struct hf_test_model_entry *entry = &source->model->entries[source->next++];
        if (entry->deleted)
            continue;
        *key = entry->key;
        *key_len = entry->key_len;
        *value = entry->value;
        *value_len = entry->value_len;
        return 0;
    }
    return HF_END;
}

static inline int hf_test_model_checkpoint(const struct hf_test_model *model, struct hf_io *io,
                                           int dir, uint64_t position, struct hf_error *err)
{
    struct hf_test_model_source source = {.model = model};

    return hf_checkpoint_write(io, dir, hf_test_uuid, position, hf_test_model_next, &source, err);
}

static inline int hf_test_checkpoint_open(struct hf_io *io, int dir, uint64_t position,
                                          struct hf_checkpoint **out, struct hf_error *err)
{
    char name[32];

    hf_checkpoint_name(position, name);
    return hf_checkpoint_open(io, dir, name, hf_test_uuid, out, err);
}

static inline bool hf_test_is_entry(const struct hf_test_model_entry *entry,
                                    const struct hf_buf *key, const struct hf_buf *value)
{
    return key->len == entry->key_len && memcmp(key->data, entry->key, key->len) == 0 &&
           value->len == entry->value_len && memcmp(value->data, entry->value, value->len) == 0;
}

/*
 * Ask for all of a model without deleted entries, by walking and key by key. 0: everything was
 * right; an error: of the first read that failed; what is wrong fails the test.
 */
static inline int hf_test_checkpoint_compare(struct hf_checkpoint *checkpoint,
                                             const struct hf_test_model *model,
                                             struct hf_error *err)
{
    struct hf_buf key = {0};
    struct hf_buf value = {0};
    int rc = 0;

    for (size_t i = 0; i < model->count && rc == 0; i++) {
        const struct hf_test_model_entry *entry = &model->entries[i];

        rc = hf_checkpoint_seek(checkpoint, key.data, key.len, i > 0, &key, &value, err);
        if (rc != 0)
            hf_test_require(rc < 0 && rc != HF_ERR_NOT_FOUND);
        else
            hf_test_require(hf_test_is_entry(entry, &key, &value));
        if (rc != 0)
            break;
        rc = hf_checkpoint_get(checkpoint, entry->key, entry->key_len, &value, err);
        hf_test_require(rc != HF_ERR_NOT_FOUND);
        hf_test_require(rc != 0 || hf_test_is_entry(entry, &key, &value));
    }
    if (rc == 0) {
        rc = hf_checkpoint_seek(checkpoint, key.data, key.len, model->count > 0, &key, &value, err);
        hf_test_require(rc != 0);
        rc = rc == HF_END ? 0 : rc;
    }
    hf_buf_release(&key);
    hf_buf_release(&value);
    return rc;
}

#endif
