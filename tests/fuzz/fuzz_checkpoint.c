/*
 * tests/fuzz/fuzz_checkpoint.c - catalog/checkpoint.h: any bytes in the place of a checkpoint.
 *
 * One that verifies must give its entries in ascending order, as many as it counts, and find each
 * of them. One that does not must still end every lookup.
 */
#include "fuzz/fuzz.h"

#include "base/checksum.h"
#include "fuzz/memory_io.h"
#include "catalog/checkpoint.h"

#include <stdio.h>
#include <string.h>

#define BLOCK      4096
#define SALT_OFF   56
#define WALK_LIMIT 100000 /* entries; damaged blocks may form a ring */

static const uint8_t uuid[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Right checksums of all blocks. */
void hf_fuzz_repair(uint8_t *data, size_t size)
{
    for (size_t n = 0; size >= BLOCK && n < size / BLOCK; n++) {
        uint8_t *block = data + n * BLOCK;
        uint64_t seed = n == 0 ? 0 : get_u64(data + SALT_OFF) + n;
        uint64_t sum = hf_checksum(block + 8, BLOCK - 8, seed);
        for (int i = 0; i < 8; i++)
            block[i] = (uint8_t)(sum >> (8 * i));
    }
}

static int compare(const struct hf_buf *a, const struct hf_buf *b)
{
    size_t common = a->len < b->len ? a->len : b->len;
    int order = common ? memcmp(a->data, b->data, common) : 0;

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* Number of entries from the first to the last; checks their order. */
static uint64_t walk(struct hf_checkpoint *checkpoint, bool is_sound)
{
    struct hf_buf key = {0};
    struct hf_buf before = {0};
    struct hf_buf value = {0};
    struct hf_buf again = {0};
    uint64_t count = 0;
    bool after = false;

    while (count < WALK_LIMIT) {
        int rc = hf_checkpoint_seek(checkpoint, before.data, before.len, after, &key, &value, NULL);
        HF_FUZZ_CHECK(!is_sound || rc == 0 || rc == HF_END);
        if (rc != 0)
            break;
        if (is_sound) {
            HF_FUZZ_CHECK(!after || compare(&before, &key) < 0);
            HF_FUZZ_CHECK(hf_checkpoint_get(checkpoint, key.data, key.len, &again, NULL) == 0);
            HF_FUZZ_CHECK(compare(&again, &value) == 0);
        }
        hf_buf_clear(&before);
        hf_buf_put(&before, key.data, key.len);
        after = true;
        count++;
    }
    hf_buf_release(&key);
    hf_buf_release(&before);
    hf_buf_release(&value);
    hf_buf_release(&again);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_fuzz_file file = hf_fuzz_file_of(data, size);
    struct hf_checkpoint *checkpoint = NULL;
    struct hf_checkpoint_info info;
    struct hf_error err = {0};
    struct hf_buf value = {0};
    char name[32];

    /* The position is the input's own, so that the name always fits. */
    hf_checkpoint_name(size >= SALT_OFF + 16 ? get_u64(data + SALT_OFF + 8) : 4096, name);
    int rc = hf_checkpoint_open(&file.io, 0, name, uuid, &checkpoint, &err);
    if (rc != 0) {
        HF_FUZZ_CHECK(rc == HF_ERR_CORRUPT || rc == HF_ERR_VERSION || rc == HF_ERR_NO_MEMORY ||
                      rc == HF_ERR_USAGE);
        HF_FUZZ_CHECK(file.open_count == 0);
        return 0;
    }
    hf_checkpoint_info(checkpoint, &info);
    bool is_sound = hf_checkpoint_verify(checkpoint, NULL) == 0;
    uint64_t count = walk(checkpoint, is_sound);
    HF_FUZZ_CHECK(!is_sound || count == info.entry_count);
    rc = hf_checkpoint_get(checkpoint, "Napp", 4, &value, NULL);
    HF_FUZZ_CHECK(!is_sound || rc == 0 || rc == HF_ERR_NOT_FOUND);
    hf_buf_release(&value);
    hf_checkpoint_unref(checkpoint);
    HF_FUZZ_CHECK(file.open_count == 0);
    return 0;
}
