#include "support/model.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

static void *duplicate(const void *data, size_t len)
{
    void *copy = malloc(len + 1);

    hf_test_require(copy);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

static void release_entry(struct hf_test_model_entry *entry)
{
    free(entry->key);
    free(entry->value);
}

void hf_test_model_release(struct hf_test_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        release_entry(&model->entries[i]);
    free(model->entries);
    *model = (struct hf_test_model){0};
}

void hf_test_model_copy(struct hf_test_model *to, const struct hf_test_model *from)
{
    *to = (struct hf_test_model){.count = from->count, .capacity = from->count + 1};
    to->entries = malloc(to->capacity * sizeof(*to->entries));
    hf_test_require(to->entries);
    for (size_t i = 0; i < from->count; i++) {
        to->entries[i] = from->entries[i];
        to->entries[i].key = duplicate(from->entries[i].key, from->entries[i].key_len);
        to->entries[i].value = duplicate(from->entries[i].value, from->entries[i].value_len);
    }
}

/* Not the order that is tested: written again, byte by byte. */
static int compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && i < b_len; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
    if (a_len == b_len)
        return 0;
    return a_len < b_len ? -1 : 1;
}

size_t hf_test_model_seek(const struct hf_test_model *model, const void *key, size_t key_len,
                          bool after)
{
    size_t low = 0;
    size_t high = model->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct hf_test_model_entry *entry = &model->entries[middle];
        int order = compare(entry->key, entry->key_len, key, key_len);

        if (order < 0 || (after && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct hf_test_model_entry *hf_test_model_get(const struct hf_test_model *model,
                                                    const void *key, size_t key_len)
{
    size_t i = hf_test_model_seek(model, key, key_len, false);

    if (i == model->count ||
        compare(model->entries[i].key, model->entries[i].key_len, key, key_len) != 0)
        return NULL;
    return &model->entries[i];
}

static void grow(struct hf_test_model *model)
{
    if (model->count < model->capacity)
        return;
    model->capacity = 2 * model->capacity + 16;
    model->entries = realloc(model->entries, model->capacity * sizeof(*model->entries));
    hf_test_require(model->entries);
}

void hf_test_model_put(struct hf_test_model *model, const void *key, size_t key_len,
                       const void *value, size_t value_len, uint64_t position)
{
    size_t i = hf_test_model_seek(model, key, key_len, false);

    if (hf_test_model_get(model, key, key_len)) {
        release_entry(&model->entries[i]);
    } else {
        grow(model);
        memmove(model->entries + i + 1, model->entries + i,
                (model->count - i) * sizeof(*model->entries));
        model->count++;
    }
    model->entries[i] = (struct hf_test_model_entry){
        .key = duplicate(key, key_len),
        .key_len = key_len,
        .value = duplicate(value, value_len),
        .value_len = value_len,
        .deleted = value == NULL,
        .position = position,
    };
}

void hf_test_model_drop_deleted(struct hf_test_model *model)
{
    size_t kept = 0;

    for (size_t i = 0; i < model->count; i++) {
        if (model->entries[i].deleted)
            release_entry(&model->entries[i]);
        else
            model->entries[kept++] = model->entries[i];
    }
    model->count = kept;
}
