/*
 * catalog/paths.c - the names of a store's files. Format: FORMAT.md 1.
 */
#include "catalog/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_path_blob_dir(uint8_t algorithm, char path[HF_PATH_MAX])
{
    (void)snprintf(path, HF_PATH_MAX, HF_DIR_BLOBS "/%s", hf_digest_algorithm_name(algorithm));
}

void hf_path_blob(const struct hf_digest *digest, char path[HF_PATH_MAX])
{
    char hex[HF_DIGEST_TEXT_MAX];

    (void)snprintf(path, HF_PATH_MAX, HF_DIR_BLOBS "/%s/%s",
                   hf_digest_algorithm_name(digest->algorithm), hf_digest_hex(digest, hex));
}

void hf_path_slot(uint32_t slot, char path[HF_PATH_MAX])
{
    (void)snprintf(path, HF_PATH_MAX, HF_DIR_STAGING "/%" PRIu32, slot);
}

void hf_path_staged(uint32_t slot, uint64_t txn, uint32_t number, char path[HF_PATH_MAX])
{
    (void)snprintf(path, HF_PATH_MAX, HF_DIR_STAGING "/%" PRIu32 "/%016" PRIx64 "-%" PRIu32, slot,
                   txn, number);
}

bool hf_path_staged_txn(const char *name, uint64_t *out_txn, uint32_t *out_number)
{
    char again[HF_PATH_MAX];
    char *end = NULL;

    uint64_t txn = strtoull(name, &end, 16);
    if (end != name + 16 || *end != '-')
        return false;
    unsigned long number = strtoul(end + 1, NULL, 10);
    (void)snprintf(again, sizeof(again), "%016" PRIx64 "-%" PRIu32, txn, (uint32_t)number);
    if (strcmp(again, name) != 0)
        return false;
    *out_txn = txn;
    *out_number = (uint32_t)number;
    return true;
}

void hf_path_removed(const char *dir, const struct hf_digest *digest, uint64_t txn,
                     char path[HF_PATH_MAX])
{
    char hex[HF_DIGEST_TEXT_MAX];

    (void)snprintf(path, HF_PATH_MAX, "%s/%s.%016" PRIx64, dir, hf_digest_hex(digest, hex), txn);
}

void hf_uuid_text(const uint8_t uuid[16], char text[37])
{
    size_t at = 0;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        (void)snprintf(text + at, 3, "%02x", uuid[i]);
        at += 2;
    }
}
