/*
 * tests/fuzz/fuzz_record.c - wal/record.h: bytes of a log.
 *
 * The first record stands at position 4096, salt 0. What is decoded must be encoded to the same
 * bytes again.
 */
#include "fuzz/fuzz.h"

#include "base/checksum.h"
#include "wal/record.h"

#include <string.h>

#define FIRST 4096

static uint32_t length_at(const uint8_t *data)
{
    return (uint32_t)data[8] | (uint32_t)data[9] << 8 | (uint32_t)data[10] << 16 |
           (uint32_t)data[11] << 24;
}

/* Right checksums, record by record. */
void hf_fuzz_repair(uint8_t *data, size_t size)
{
    size_t at = 0;

    while (size - at >= HF_WAL_RECORD_HEADER) {
        uint32_t length = length_at(data + at);
        if (length < HF_WAL_RECORD_HEADER || length > size - at)
            return;
        uint64_t sum = hf_checksum(data + at + 8, length - 8, 0);
        for (int i = 0; i < 8; i++)
            data[at + (size_t)i] = (uint8_t)(sum >> (8 * i));
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (at < size) {
        struct hf_wal_frame frame;
        struct hf_buf again = {0};
        if (!hf_wal_record_decode(data + at, size - at, FIRST + at, 0, &frame))
            break;
        HF_FUZZ_CHECK(frame.length >= HF_WAL_RECORD_HEADER && frame.length <= size - at);
        HF_FUZZ_CHECK(frame.position == FIRST + at && frame.durable <= frame.position);
        HF_FUZZ_CHECK(hf_wal_record_probe(data + at, FIRST + at) == frame.length);
        hf_wal_record_encode(&again, &frame, 0);
        HF_FUZZ_CHECK(again.failed == 0 && again.len == frame.length);
        HF_FUZZ_CHECK(memcmp(again.data, data + at, again.len) == 0);
        hf_buf_release(&again);
        at += frame.length;
    }
    return 0;
}
