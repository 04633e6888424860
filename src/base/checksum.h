/*
 * base/checksum.h - XXH3 (64 bits), which finds accidents. It is never identity: that is a digest.
 */
#ifndef HF_BASE_CHECKSUM_H
#define HF_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t hf_checksum(const void *data, size_t len, uint64_t seed);

/* A running checksum with seed 0. NULL from `new`: no memory. */
struct hf_checksummer;
struct hf_checksummer *hf_checksummer_new(void);
void hf_checksummer_free(struct hf_checksummer *sum);
void hf_checksummer_update(struct hf_checksummer *sum, const void *data, size_t len);
uint64_t hf_checksummer_value(const struct hf_checksummer *sum);

#endif
