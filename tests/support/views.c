#include "support/views.h"

#include "support/suite.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int hf_test_view_setup(struct hf_test_proxy *proxy, char *path)
{
    hf_test_make_dir(path);
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(dir, 0);
    hf_test_proxy_init(proxy);
    return dir;
}

void hf_test_view_teardown(int dir, const char *path)
{
    close(dir);
    hf_test_remove_dir(path);
}

void hf_test_delta_put(struct hf_delta **delta, const void *key, size_t key_len, const void *value,
                       size_t value_len, uint64_t position)
{
    struct hf_delta_entry entry = {
        .key = key,
        .key_len = key_len,
        .value = value,
        .value_len = value_len,
        .deleted = value == NULL,
        .position = position,
    };

    hf_test_require(hf_delta_put(delta, &entry, NULL) == 0);
}

struct hf_checkpoint *hf_test_must_open_checkpoint(struct hf_io *io, int dir, uint64_t position)
{
    struct hf_checkpoint *checkpoint;
    struct hf_error err = {0};

    ck_assert_msg(hf_test_checkpoint_open(io, dir, position, &checkpoint, &err) == 0, "%s",
                  err.message);
    return checkpoint;
}

struct hf_base *hf_test_new_base(struct hf_checkpoint *checkpoint, uint64_t position,
                                 hf_base_fallback_fn *fallback, void *arg)
{
    struct hf_base *base;

    ck_assert_int_eq(hf_base_new(checkpoint, NULL, position, fallback, arg, &base, NULL), 0);
    return base;
}

size_t hf_test_random_key(struct hf_test_random *random, uint8_t key[8])
{
    size_t len = 1 + hf_test_random_below(random, 3);

    for (size_t i = 0; i < len; i++)
        key[i] = (uint8_t)(hf_test_random_below(random, 10) * 28);
    return len;
}

void hf_test_change_randomly(struct hf_test_random *random, struct hf_delta **delta,
                             struct hf_test_model *model, uint64_t position)
{
    static const uint8_t big[5000] = {1, 2, 3};
    uint8_t key[8];
    uint64_t small = position;
    size_t key_len = hf_test_random_key(random, key);
    const void *value = &small;
    size_t value_len = hf_test_random_below(random, sizeof(small));
    size_t what = hf_test_random_below(random, 40);

    if (what == 0) {
        value = big;
        value_len = 1000 + hf_test_random_below(random, 4000);
    } else if (what < 16) {
        value = NULL;
        value_len = 0;
    }
    hf_test_delta_put(delta, key, key_len, value, value_len, position);
    hf_test_model_put(model, key, key_len, value, value_len, position);
}

int hf_test_view_compare_prefix(const struct hf_view *view, const struct hf_test_model *model,
                                const uint8_t *prefix, size_t prefix_len, struct hf_error *err)
{
    struct hf_view_iter iter;
    int found = HF_ERR_NOT_FOUND;
    int rc;

    if ((rc = hf_view_iter_init(&iter, view, prefix, prefix_len, err)) != 0)
        return rc;
    for (size_t i = 0; i < model->count; i++) {
        const struct hf_test_model_entry *entry = &model->entries[i];

        if (entry->deleted || entry->key_len < prefix_len ||
            (prefix_len > 0 && memcmp(entry->key, prefix, prefix_len) != 0))
            continue;
        if ((rc = hf_view_iter_next(&iter, err)) < 0)
            goto out;
        hf_test_require(rc == 0 && hf_test_is_entry(entry, &iter.key, &iter.value));
        found = 0;
    }
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        if ((rc = hf_view_iter_next(&iter, err)) < 0)
            goto out;
        hf_test_require(rc == HF_END);
    }
    rc = hf_view_any(view, prefix, prefix_len, err);
    hf_test_require(rc == found || (rc < 0 && rc != HF_ERR_NOT_FOUND));
    if (rc == found)
        rc = 0;
out:
    hf_view_iter_release(&iter);
    return rc;
}

int hf_test_view_compare_key(const struct hf_view *view, const struct hf_test_model *model,
                             const uint8_t *key, size_t key_len, struct hf_error *err)
{
    const struct hf_test_model_entry *entry = hf_test_model_get(model, key, key_len);
    struct hf_buf found = {0};
    bool is_there = entry && !entry->deleted;
    int rc = hf_view_get(view, key, key_len, &found, err);

    if (rc == 0)
        hf_test_require(is_there && found.len == entry->value_len &&
                        memcmp(found.data, entry->value, found.len) == 0);
    if (rc == HF_ERR_NOT_FOUND)
        hf_test_require(!is_there);
    hf_buf_release(&found);
    if (rc == 0 || rc == HF_ERR_NOT_FOUND) {
        rc = hf_view_get(view, key, key_len, NULL, err);
        hf_test_require(rc == (is_there ? 0 : HF_ERR_NOT_FOUND) || rc == HF_ERR_CORRUPT);
    }
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

int hf_test_view_compare(const struct hf_view *view, const struct hf_test_model *model,
                         struct hf_error *err)
{
    int rc = hf_test_view_compare_prefix(view, model, NULL, 0, err);

    for (size_t i = 0; i < model->count && rc == 0; i++)
        rc = hf_test_view_compare_key(view, model, model->entries[i].key, model->entries[i].key_len,
                                      err);
    return rc;
}

void hf_test_view_assert_equals(const struct hf_view *view, const struct hf_test_model *model)
{
    struct hf_error err = {0};

    hf_test_require(hf_test_view_compare(view, model, &err) == 0);
    hf_test_require(err.code == 0);
}
