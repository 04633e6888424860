/*
 * catalog/base.c - what lies below the changes of a view: a checkpoint, or, once a block of it was
 * found damaged, an older one with the changes of the log between the two.
 *
 * Always true:
 *  (1) the contents never change, only what they are read from; so a lookup may begin in the one
 * and be repeated in the other; (2) WHOLE changes once, and nothing leads back.
 *
 * WHOLE --damaged block--> FELL_BACK     the fallback made the same contents anew
 * WHOLE --damaged block--> BROKEN        there is no fallback, or it is damaged too: reported
 * WHOLE --damaged block--> WHOLE         the fallback failed for want of something: reported
 */
#include "catalog/base.h"

#include "base/error.h"
#include "catalog/key_order.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum state { WHOLE, FELL_BACK, BROKEN };

/* What a base is read from, with a reference to each. */
struct source {
    struct hf_checkpoint *checkpoint;
    struct hf_delta *below;
};

struct hf_base {
    atomic_size_t refs;
    uint64_t position;
    hf_base_fallback_fn *fallback;
    void *arg;
    pthread_mutex_t lock; /* of all below */
    enum state state;
    struct source source;
    struct hf_error damage; /* the block that ended WHOLE */
};

static void source_release(struct source *source)
{
    hf_checkpoint_unref(source->checkpoint);
    hf_delta_unref(source->below);
    *source = (struct source){0};
}

int hf_base_new(struct hf_checkpoint *checkpoint, struct hf_delta *below, uint64_t position,
                hf_base_fallback_fn *fallback, void *arg, struct hf_base **out,
                struct hf_error *err)
{
    struct source source = {.checkpoint = checkpoint, .below = below};
    struct hf_base *base = calloc(1, sizeof(*base));

    if (!base || pthread_mutex_init(&base->lock, NULL) != 0) {
        free(base);
        source_release(&source);
        return hf_fail_memory(err);
    }
    atomic_init(&base->refs, 1);
    base->position = position;
    base->fallback = fallback;
    base->arg = arg;
    base->source = source;
    *out = base;
    return 0;
}

struct hf_base *hf_base_ref(struct hf_base *base)
{
    if (base)
        atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
    return base;
}

void hf_base_unref(struct hf_base *base)
{
    if (!base || atomic_fetch_sub_explicit(&base->refs, 1, memory_order_acq_rel) != 1)
        return;
    source_release(&base->source);
    pthread_mutex_destroy(&base->lock);
    free(base);
}

uint64_t hf_base_position(const struct hf_base *base)
{
    return base->position;
}

/* --- damage ----------------------------------------------------------------------------------- */

static struct source source_get(struct hf_base *base)
{
    struct source source;

    pthread_mutex_lock(&base->lock);
    source.checkpoint = hf_checkpoint_ref(base->source.checkpoint);
    source.below = hf_delta_ref(base->source.below);
    pthread_mutex_unlock(&base->lock);
    return source;
}

uint64_t hf_base_size_bytes(struct hf_base *base)
{
    struct source source = source_get(base);
    struct hf_checkpoint_info info = {0};

    if (source.checkpoint)
        hf_checkpoint_info(source.checkpoint, &info);
    source_release(&source);
    return info.size_bytes;
}

bool hf_base_is_damaged(struct hf_base *base, struct hf_error *out_damage)
{
    pthread_mutex_lock(&base->lock);
    bool is_damaged = base->state != WHOLE;
    if (is_damaged && out_damage)
        *out_damage = base->damage;
    pthread_mutex_unlock(&base->lock);
    return is_damaged;
}

/* WHOLE ends: with the lock held. Not 0: it does not, and *out_why is what to report. */
static int fall_back(struct hf_base *base, const struct hf_error *damage, struct hf_error *out_why)
{
    struct source made = {0};
    struct hf_error why = {0};
    int rc = HF_ERR_NOT_FOUND;

    if (base->fallback)
        rc = base->fallback(base->arg, base->position, &made.checkpoint, &made.below, &why);
    /* What failed for want of memory or descriptors may succeed for the next who looks. */
    if (rc != 0 && rc != HF_ERR_NOT_FOUND && !hf_error_is_damage(rc, &why)) {
        *out_why = why;
        return rc;
    }
    base->damage = *damage;
    if (rc == 0) {
        source_release(&base->source);
        base->source = made;
        base->state = FELL_BACK;
        return 0;
    }
    base->state = BROKEN;
    if (base->fallback)
        hf_fail_at(&base->damage, damage->code, damage->file, damage->offset,
                   "%s; nor can it be made again from what is older: %s", damage->message,
                   why.message);
    base->damage.sys_errno = damage->sys_errno;
    return 0;
}

/*
 * A lookup in `source` met damage. True: another source is there to be asked, which is then in
 * *source. False: *damage, with its code, is what to report.
 */
static bool recover(struct hf_base *base, struct source *source, struct hf_error *damage)
{
    bool is_other;
    int rc = 0;

    pthread_mutex_lock(&base->lock);
    if (base->state == WHOLE)
        rc = fall_back(base, damage, damage);
    /* Another thread may have met damage first, and this one read from what was there before. */
    is_other = base->source.checkpoint != source->checkpoint;
    if (rc == 0 && !is_other && base->state == BROKEN)
        *damage = base->damage;
    pthread_mutex_unlock(&base->lock);
    if (!is_other)
        return false;
    source_release(source);
    *source = source_get(base);
    return true;
}

/* --- lookups ---------------------------------------------------------------------------------- */

static int copy(struct hf_buf *to, const void *data, size_t len, struct hf_error *err)
{
    hf_buf_clear(to);
    hf_buf_put(to, data, len);
    return hf_buf_check(to, err);
}

static int get_from(const struct source *source, const void *key, size_t key_len,
                    struct hf_buf *value, struct hf_error *err)
{
    struct hf_delta_entry entry;

    if (hf_delta_get(source->below, key, key_len, &entry)) {
        if (entry.deleted)
            return HF_ERR_NOT_FOUND;
        return value ? copy(value, entry.value, entry.value_len, err) : 0;
    }
    if (!source->checkpoint)
        return HF_ERR_NOT_FOUND;
    return hf_checkpoint_get(source->checkpoint, key, key_len, value, err);
}

/*
 * The lower of the next entry of the checkpoint and the next of the changes, which win where both
 * have a key. `key` may point into out_key, so out_key is written last, unless a tombstone makes
 * us go on from its key: then `at`, a copy, takes over.
 */
static int seek_from(const struct source *source, const void *key, size_t key_len, bool after,
                     struct hf_buf *out_key, struct hf_buf *value, struct hf_error *err)
{
    struct hf_buf lower = {0};
    struct hf_buf at = {0};
    int rc;

    if (!source->below) {
        if (!source->checkpoint)
            return HF_END;
        return hf_checkpoint_seek(source->checkpoint, key, key_len, after, out_key, value, err);
    }
    for (;;) {
        struct hf_delta_entry change;
        bool is_changed = hf_delta_seek(source->below, key, key_len, after, &change);

        rc = HF_END;
        if (source->checkpoint)
            rc = hf_checkpoint_seek(source->checkpoint, key, key_len, after, &lower, value, err);
        if (rc < 0)
            break;
        if (!is_changed ||
            (rc == 0 && hf_key_compare(lower.data, lower.len, change.key, change.key_len) < 0)) {
            if (rc == 0)
                rc = copy(out_key, lower.data, lower.len, err);
            break;
        }
        if (!change.deleted) {
            rc = value ? copy(value, change.value, change.value_len, err) : 0;
            if (rc == 0)
                rc = copy(out_key, change.key, change.key_len, err);
            break;
        }
        if ((rc = copy(&at, change.key, change.key_len, err)) != 0)
            break;
        key = at.data;
        key_len = at.len;
        after = true;
    }
    hf_buf_release(&at);
    hf_buf_release(&lower);
    return rc;
}

/* The result of a lookup; errors go to the caller only when no other source is left to be asked. */
static int report(int rc, const struct hf_error *why, struct hf_error *err)
{
    if (rc >= 0 || rc == HF_ERR_NOT_FOUND)
        return rc;
    if (err)
        *err = *why;
    return why->code;
}

int hf_base_get(struct hf_base *base, const void *key, size_t key_len, struct hf_buf *value,
                struct hf_error *err)
{
    struct source source = source_get(base);
    struct hf_error why;
    int rc;

    if (value)
        hf_buf_clear(value);
    do {
        rc = get_from(&source, key, key_len, value, &why);
    } while (hf_error_is_damage(rc, &why) && recover(base, &source, &why));
    source_release(&source);
    return report(rc, &why, err);
}

int hf_base_seek(struct hf_base *base, const void *key, size_t key_len, bool after,
                 struct hf_buf *out_key, struct hf_buf *value, struct hf_error *err)
{
    struct source source = source_get(base);
    struct hf_error why;
    int rc;

    do {
        rc = seek_from(&source, key, key_len, after, out_key, value, &why);
    } while (hf_error_is_damage(rc, &why) && recover(base, &source, &why));
    source_release(&source);
    return report(rc, &why, err);
}
