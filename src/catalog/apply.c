/*
 * catalog/apply.c - carries out what a log record says in a delta. Format of a record: FORMAT.md 3.
 */
#include "catalog/apply.h"

#include "catalog/payload.h"

struct apply_arg {
    struct hf_delta **delta;
    uint64_t position;
};

static int apply_change(void *arg, const struct hf_payload_change *change, struct hf_error *err)
{
    struct apply_arg *apply = arg;
    struct hf_delta_entry entry = {
        .key = change->key,
        .key_len = change->key_len,
        .value = change->is_delete ? NULL : change->value,
        .value_len = change->value_len,
        .deleted = change->is_delete,
        .position = apply->position,
    };

    return hf_delta_put(apply->delta, &entry, err);
}

int hf_delta_apply_record(struct hf_delta **delta, const struct hf_wal_record *record,
                          struct hf_error *err)
{
    struct apply_arg apply = {.delta = delta, .position = record->position};

    return hf_payload_decode(record->payload, record->payload_len, NULL, NULL, apply_change, &apply,
                             err);
}
