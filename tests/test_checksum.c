/*
 * Proves that the checksum is XXH3 as published (it is on disk: another value is another format),
 * and that a running one gives the same however the bytes are cut.
 */
#include "base/checksum.h"

#include "support/suite.h"

START_TEST(checksum_is_xxh3_with_64_bits)
{
    /* The value that the XXH3 specification's reference gives for no bytes and seed 0. */
    ck_assert(hf_checksum(NULL, 0, 0) == 0x2d06800538d394c2);
    ck_assert(hf_checksum("", 0, 0) == 0x2d06800538d394c2);
}
END_TEST

START_TEST(seed_and_every_bit_change_the_checksum)
{
    uint8_t bytes[300] = {0};
    uint64_t plain = hf_checksum(bytes, sizeof(bytes), 0);

    ck_assert(hf_checksum(bytes, sizeof(bytes), 1) != plain);
    ck_assert(hf_checksum(bytes, sizeof(bytes) - 1, 0) != plain);
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(hf_checksum(bytes, sizeof(bytes), 0) != plain);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

START_TEST(running_checksum_is_that_of_all_pieces)
{
    uint8_t bytes[5000];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t piece = 1; piece < sizeof(bytes); piece = piece * 3 + 1) {
        struct hf_checksummer *sum = hf_checksummer_new();
        ck_assert_ptr_nonnull(sum);
        hf_checksummer_update(sum, NULL, 0);
        for (size_t off = 0; off < sizeof(bytes); off += piece) {
            size_t left = sizeof(bytes) - off;
            hf_checksummer_update(sum, bytes + off, left < piece ? left : piece);
            uint64_t so_far = hf_checksummer_value(sum);
            ck_assert(so_far == hf_checksum(bytes, left < piece ? sizeof(bytes) : off + piece, 0));
        }
        hf_checksummer_free(sum);
    }
    hf_checksummer_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("checksum");

    tcase_add_test(tests, checksum_is_xxh3_with_64_bits);
    tcase_add_test(tests, seed_and_every_bit_change_the_checksum);
    tcase_add_test(tests, running_checksum_is_that_of_all_pieces);
    return hf_test_run("checksum", tests);
}
