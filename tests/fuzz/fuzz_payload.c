/* tests/fuzz/fuzz_payload.c - catalog/payload.h: what a record of the log says. Decoded and encoded
 * again it must be the same bytes. */
#include "fuzz/fuzz.h"

#include "catalog/payload.h"

#include <string.h>

static int copy_change(void *arg, const struct hf_payload_change *change, struct hf_error *err)
{
    struct hf_buf key = {0};
    struct hf_buf value = {0};

    hf_buf_put(&key, change->key, change->key_len);
    hf_buf_put(&value, change->value, change->value_len);
    if (change->is_delete)
        hf_payload_delete(arg, &key);
    else
        hf_payload_put(arg, &key, &value);
    hf_buf_release(&key);
    hf_buf_release(&value);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_payload payload = {0};
    struct hf_buf again = {0};
    const uint8_t *note = NULL;
    size_t note_len = 0;

    if (hf_payload_decode(data, size, &note, &note_len, copy_change, &payload, NULL) == 0) {
        HF_FUZZ_CHECK(hf_payload_encode(&payload, note, note_len, &again, NULL) == 0);
        HF_FUZZ_CHECK(again.len == size && memcmp(again.data, data, size) == 0);
    }
    hf_buf_release(&again);
    hf_payload_release(&payload);
    return 0;
}
