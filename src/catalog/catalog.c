/*
 * catalog/catalog.c - the catalog as this handle sees it. Format: FORMAT.md 2 and 4.
 * Reading one position: view.c. Checkpoint files: checkpoint_*.c. Choosing and making them:
 * retention.c.
 *
 * Always true:
 *  (1) `tail` has exactly the records up to tail_position, `durable` those up to durable_position;
 *  (2) durable_position never passes what the log calls durable, and never goes back.
 */
#include "catalog/catalog.h"

#include "base/array.h"
#include "base/error.h"
#include "catalog/apply.h"
#include "catalog/retention.h"

#include <stdlib.h>

/* The log since the newest checkpoint may grow to this before another is taken. */
#define CHECKPOINT_LOG_BYTES (1024u * 1024u)
#define CHECKPOINT_SEGMENTS  16u

int hf_catalog_open(struct hf_catalog *catalog, const struct hf_layout *layout, uint64_t *out_from,
                    uint64_t *out_must_reach, struct hf_error *err)
{
    *catalog = (struct hf_catalog){.layout = layout};
    int rc = hf_retention_open_newest(layout, UINT64_MAX, &catalog->base, out_must_reach, err);
    if (rc != 0)
        return rc;
    pthread_mutex_init(&catalog->mutex, NULL);
    catalog->tail_position = catalog->durable_position = hf_base_position(catalog->base);
    *out_from = hf_base_position(catalog->base);
    return 0;
}

static void drop_waiting(struct hf_catalog *catalog)
{
    for (size_t i = 0; i < catalog->waiting_count; i++)
        hf_delta_unref(catalog->waiting[i].delta);
    catalog->waiting_count = 0;
}

void hf_catalog_close(struct hf_catalog *catalog)
{
    if (catalog->base == NULL)
        return;
    drop_waiting(catalog);
    free(catalog->waiting);
    hf_delta_unref(catalog->tail);
    hf_delta_unref(catalog->durable);
    hf_base_unref(catalog->base);
    pthread_mutex_destroy(&catalog->mutex);
    *catalog = (struct hf_catalog){0};
}

/* Keep the tail as a version that becomes visible when the log is durable up to `end`. */
static int wait_for_durable(struct hf_catalog *catalog, uint64_t end, struct hf_error *err)
{
    int rc = hf_array_grow(&catalog->waiting, &catalog->waiting_capacity, catalog->waiting_count,
                           sizeof(*catalog->waiting), err);
    if (rc != 0)
        return rc;
    catalog->waiting[catalog->waiting_count++] =
        (struct hf_catalog_version){.end = end, .delta = hf_delta_ref(catalog->tail)};
    return 0;
}

static void show(struct hf_catalog *catalog, struct hf_delta *delta, uint64_t position)
{
    struct hf_delta *old = catalog->durable;

    catalog->durable = hf_delta_ref(delta);
    catalog->durable_position = position;
    hf_delta_unref(old);
}

int hf_catalog_apply(void *arg, const struct hf_wal_record *record, struct hf_error *err)
{
    struct hf_catalog *catalog = arg;
    int rc = 0;

    pthread_mutex_lock(&catalog->mutex);
    /* While a long log is read at opening, the tail alone has its nodes, and is changed in place.
     * Later somebody may look, also if this fails. */
    if (record->is_durable && !catalog->is_shown) {
        hf_delta_unref(catalog->durable);
        catalog->durable = NULL;
    }
    rc = hf_delta_apply_record(&catalog->tail, record, err);
    if (rc == 0) {
        catalog->tail_position = record->end;
        if (record->time_ns > catalog->last_time_ns)
            catalog->last_time_ns = record->time_ns;
        if (record->is_durable)
            show(catalog, catalog->tail, record->end);
        else
            rc = wait_for_durable(catalog, record->end, err);
    }
    pthread_mutex_unlock(&catalog->mutex);
    return rc;
}

void hf_catalog_publish(struct hf_catalog *catalog, uint64_t durable)
{
    size_t count = 0;

    pthread_mutex_lock(&catalog->mutex);
    catalog->is_shown = true;
    while (count < catalog->waiting_count && catalog->waiting[count].end <= durable)
        count++;
    if (count > 0) {
        show(catalog, catalog->waiting[count - 1].delta, catalog->waiting[count - 1].end);
        for (size_t i = 0; i < count; i++)
            hf_delta_unref(catalog->waiting[i].delta);
        catalog->waiting_count -= count;
        for (size_t i = 0; i < catalog->waiting_count; i++)
            catalog->waiting[i] = catalog->waiting[i + count];
    }
    pthread_mutex_unlock(&catalog->mutex);
}

void hf_catalog_advance(struct hf_catalog *catalog, uint64_t position)
{
    hf_catalog_publish(catalog, position);
    pthread_mutex_lock(&catalog->mutex);
    catalog->tail_position = catalog->durable_position = position;
    pthread_mutex_unlock(&catalog->mutex);
}

uint64_t hf_catalog_last_time_ns(struct hf_catalog *catalog)
{
    pthread_mutex_lock(&catalog->mutex);
    uint64_t last = catalog->last_time_ns;
    pthread_mutex_unlock(&catalog->mutex);
    return last;
}

void hf_catalog_view_durable(struct hf_catalog *catalog, struct hf_view *out)
{
    pthread_mutex_lock(&catalog->mutex);
    hf_view_init(out, catalog->base, catalog->durable, catalog->durable_position);
    pthread_mutex_unlock(&catalog->mutex);
}

void hf_catalog_view_tail(struct hf_catalog *catalog, struct hf_view *out)
{
    pthread_mutex_lock(&catalog->mutex);
    hf_view_init(out, catalog->base, catalog->tail, catalog->tail_position);
    pthread_mutex_unlock(&catalog->mutex);
}

bool hf_catalog_wants_checkpoint(struct hf_catalog *catalog, uint64_t segments)
{
    pthread_mutex_lock(&catalog->mutex);
    uint64_t since = catalog->durable_position - hf_base_position(catalog->base);
    uint64_t size = hf_base_size_bytes(catalog->base);
    bool wants = since > CHECKPOINT_LOG_BYTES && since > size / 2;
    /* A damaged one is replaced while the log that stands in for it is still kept. */
    wants = wants || (since > 0 && hf_base_is_damaged(catalog->base, NULL));
    /* Each unclean stop begins a segment, however little was logged. */
    wants = wants || (since > 0 && segments >= CHECKPOINT_SEGMENTS);
    pthread_mutex_unlock(&catalog->mutex);
    return wants;
}

/* Put the changes since the new base in place of those since the old. */
static int rebase(struct hf_catalog *catalog, struct hf_base *base, struct hf_error *err)
{
    uint64_t from = hf_base_position(base);
    struct hf_delta *tail = NULL, *durable = NULL;

    pthread_mutex_lock(&catalog->mutex);
    int rc = hf_delta_since(catalog->tail, from, &tail, err);
    if (rc == 0)
        rc = hf_delta_since(catalog->durable, from, &durable, err);
    for (size_t i = 0; rc == 0 && i < catalog->waiting_count; i++) {
        struct hf_delta *version = NULL;
        rc = hf_delta_since(catalog->waiting[i].delta, from, &version, err);
        if (rc == 0) {
            hf_delta_unref(catalog->waiting[i].delta);
            catalog->waiting[i].delta = version;
        }
    }
    if (rc == 0) {
        hf_delta_unref(catalog->tail);
        hf_delta_unref(catalog->durable);
        hf_base_unref(catalog->base);
        catalog->tail = tail;
        catalog->durable = durable;
        catalog->base = hf_base_ref(base);
    } else {
        hf_delta_unref(tail);
        hf_delta_unref(durable);
    }
    pthread_mutex_unlock(&catalog->mutex);
    return rc;
}

int hf_catalog_checkpoint(struct hf_catalog *catalog, struct hf_wal *wal, struct hf_error *err)
{
    const struct hf_layout *layout = catalog->layout;
    struct hf_base *base = NULL;
    struct hf_view view;
    uint64_t newest = 0, trim_to = 0;

    hf_catalog_view_durable(catalog, &view);
    int rc = hf_view_checkpoint(&view, layout->io, layout->catalog, layout->uuid, err);
    if (rc == 0)
        rc = hf_retention_open_newest(layout, UINT64_MAX, &base, &newest, err);
    if (rc == 0 && hf_base_position(base) == view.position)
        rc = rebase(catalog, base, err);
    if (rc == 0)
        rc = hf_retention_trim(layout, &trim_to, err);
    if (rc == 0 && trim_to > 0)
        rc = hf_wal_trim(wal, trim_to, err);
    hf_base_unref(base);
    hf_view_release(&view);
    return rc;
}

/* No thread of ours appends or syncs now. */
static int reload_paused(struct hf_catalog *catalog, struct hf_wal *wal, struct hf_error *err)
{
    struct hf_base *base = NULL;
    uint64_t newest = 0;

    int rc = hf_wal_refresh(wal, err);
    if (rc != HF_ERR_NOT_FOUND)
        return rc; /* another thread has done it meanwhile */
    rc = hf_retention_open_newest(catalog->layout, UINT64_MAX, &base, &newest, err);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&catalog->mutex);
    drop_waiting(catalog);
    hf_delta_unref(catalog->tail);
    hf_delta_unref(catalog->durable);
    hf_base_unref(catalog->base);
    catalog->tail = catalog->durable = NULL;
    catalog->base = base;
    catalog->tail_position = catalog->durable_position = hf_base_position(base);
    pthread_mutex_unlock(&catalog->mutex);
    return hf_wal_reseek(wal, hf_base_position(base), err);
}

int hf_catalog_reload(struct hf_catalog *catalog, struct hf_wal *wal, struct hf_error *err)
{
    hf_wal_pause(wal);
    int rc = reload_paused(catalog, wal, err);
    hf_wal_resume(wal);
    return rc;
}

bool hf_catalog_is_damaged(struct hf_catalog *catalog, struct hf_error *out_damage)
{
    pthread_mutex_lock(&catalog->mutex);
    bool damaged = hf_base_is_damaged(catalog->base, out_damage);
    pthread_mutex_unlock(&catalog->mutex);
    return damaged;
}
