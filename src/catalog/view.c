/*
 * catalog/view.c - the catalog at one position: the changes of a delta over a base.
 * What lies below, and what happens when it is damaged: base.c.
 *
 * Always true of an iterator:
 *  (1) every entry at or below iter->key was given out, or was hidden by a change;
 *  (2) what was read ahead from the base lies above iter->key, and nothing of the base lies
 * between.
 */
#include "catalog/view.h"

#include "base/error.h"
#include "catalog/base.h"
#include "catalog/key_order.h"

enum below_state { BELOW_NOT_READ = 0, BELOW_READ = 1, BELOW_AT_END = 2 };

void hf_view_init(struct hf_view *view, struct hf_base *base, struct hf_delta *delta,
                  uint64_t position)
{
    *view = (struct hf_view){
        .base = hf_base_ref(base),
        .delta = hf_delta_ref(delta),
        .position = position,
    };
}

void hf_view_release(struct hf_view *view)
{
    hf_delta_unref(view->delta);
    hf_base_unref(view->base);
    *view = (struct hf_view){0};
}

static int copy(struct hf_buf *to, const void *data, size_t len, struct hf_error *err)
{
    hf_buf_clear(to);
    hf_buf_put(to, data, len);
    return hf_buf_check(to, err);
}

static void swap(struct hf_buf *a, struct hf_buf *b)
{
    struct hf_buf kept = *a;

    *a = *b;
    *b = kept;
}

int hf_view_get(const struct hf_view *view, const void *key, size_t key_len, struct hf_buf *value,
                struct hf_error *err)
{
    struct hf_delta_entry change;

    if (!hf_delta_get(view->delta, key, key_len, &change))
        return hf_base_get(view->base, key, key_len, value, err);
    if (value)
        hf_buf_clear(value);
    if (change.deleted)
        return HF_ERR_NOT_FOUND;
    return value ? copy(value, change.value, change.value_len, err) : 0;
}

/* --- iterating -------------------------------------------------------------------------------- */

int hf_view_iter_init(struct hf_view_iter *iter, const struct hf_view *view, const void *prefix,
                      size_t prefix_len, struct hf_error *err)
{
    int rc;

    *iter = (struct hf_view_iter){.view = view, .below_state = BELOW_NOT_READ};
    if ((rc = copy(&iter->prefix, prefix, prefix_len, err)) != 0 ||
        (rc = copy(&iter->key, prefix, prefix_len, err)) != 0)
        hf_view_iter_release(iter);
    return rc;
}

void hf_view_iter_release(struct hf_view_iter *iter)
{
    hf_buf_release(&iter->below_value);
    hf_buf_release(&iter->below_key);
    hf_buf_release(&iter->value);
    hf_buf_release(&iter->key);
    hf_buf_release(&iter->prefix);
}

/* Read the base ahead, if it was not yet: from iter->key on (2). */
static int read_below(struct hf_view_iter *iter, struct hf_error *err)
{
    int rc;

    if (iter->below_state != BELOW_NOT_READ)
        return 0;
    rc = hf_base_seek(iter->view->base, iter->key.data, iter->key.len, iter->started,
                      &iter->below_key, &iter->below_value, err);
    if (rc < 0)
        return rc;
    bool is_wanted = rc == 0 && hf_key_has_prefix(iter->below_key.data, iter->below_key.len,
                                                  iter->prefix.data, iter->prefix.len);
    iter->below_state = is_wanted ? BELOW_READ : BELOW_AT_END;
    return 0;
}

static bool find_change(const struct hf_view_iter *iter, struct hf_delta_entry *out)
{
    return hf_delta_seek(iter->view->delta, iter->key.data, iter->key.len, iter->started, out) &&
           hf_key_has_prefix(out->key, out->key_len, iter->prefix.data, iter->prefix.len);
}

static void take_below(struct hf_view_iter *iter)
{
    swap(&iter->key, &iter->below_key);
    swap(&iter->value, &iter->below_value);
    iter->below_state = BELOW_NOT_READ;
    iter->started = true;
}

static int take_change(struct hf_view_iter *iter, const struct hf_delta_entry *change,
                       struct hf_error *err)
{
    int rc;

    if ((rc = copy(&iter->value, change->value, change->value_len, err)) != 0)
        return rc;
    if ((rc = copy(&iter->key, change->key, change->key_len, err)) != 0)
        return rc;
    iter->started = true;
    return 0;
}

int hf_view_iter_next(struct hf_view_iter *iter, struct hf_error *err)
{
    for (;;) {
        struct hf_delta_entry change;
        int order = -1; /* of the change and what lies below: the lower is next */
        int rc;

        if ((rc = read_below(iter, err)) != 0)
            return rc;
        bool is_changed = find_change(iter, &change);
        if (iter->below_state == BELOW_READ) {
            order = !is_changed ? 1
                                : hf_key_compare(change.key, change.key_len, iter->below_key.data,
                                                 iter->below_key.len);
        } else if (!is_changed) {
            return HF_END;
        }
        if (order > 0) {
            take_below(iter);
            return 0;
        }
        if ((rc = take_change(iter, &change, err)) != 0)
            return rc;
        if (order == 0)
            iter->below_state = BELOW_NOT_READ; /* hidden by the change */
        if (!change.deleted)
            return 0;
    }
}

int hf_view_any(const struct hf_view *view, const void *prefix, size_t prefix_len,
                struct hf_error *err)
{
    struct hf_view_iter iter;
    int rc;

    if ((rc = hf_view_iter_init(&iter, view, prefix, prefix_len, err)) != 0)
        return rc;
    rc = hf_view_iter_next(&iter, err);
    hf_view_iter_release(&iter);
    return rc == HF_END ? HF_ERR_NOT_FOUND : rc;
}

/* --- the checkpoint of a view ----------------------------------------------------------------- */

static int next_entry(void *arg, const uint8_t **key, size_t *key_len, const uint8_t **value,
                      size_t *value_len, struct hf_error *err)
{
    struct hf_view_iter *iter = arg;
    int rc = hf_view_iter_next(iter, err);

    if (rc != 0)
        return rc;
    *key = iter->key.data;
    *key_len = iter->key.len;
    *value = iter->value.data;
    *value_len = iter->value.len;
    return 0;
}

int hf_view_checkpoint(const struct hf_view *view, struct hf_io *io, int catalog_dir,
                       const uint8_t uuid[16], struct hf_error *err)
{
    struct hf_view_iter iter;
    int rc;

    if ((rc = hf_view_iter_init(&iter, view, NULL, 0, err)) != 0)
        return rc;
    rc = hf_checkpoint_write(io, catalog_dir, uuid, view->position, next_entry, &iter, err);
    hf_view_iter_release(&iter);
    return rc;
}
