/*
 * Proves that bytes hashed on the other thread give the digest that they give here: whatever their
 * number, in whatever pieces they come, and wherever the thread takes over.
 */
#include "base/hash_pipe.h"

#include "base/digest.h"
#include "support/suite.h"

#include <stdlib.h>

#define MIB (1u << 20)

static uint8_t data[11 * MIB];

static void expect_same(size_t len, size_t before, size_t piece)
{
    struct hf_hasher *here = hf_hasher_new(HF_DIGEST_SHA256);
    struct hf_hasher *there = hf_hasher_new(HF_DIGEST_SHA256);
    struct hf_hash_pipe *pipe = NULL;
    struct hf_digest want, have;

    hf_hasher_update(here, data, len);
    hf_hasher_final(here, &want);
    hf_hasher_update(there, data, before);
    ck_assert_int_eq(hf_hash_pipe_new(there, &pipe, NULL), 0);
    for (size_t at = before; at < len; at += piece)
        hf_hash_pipe_update(pipe, data + at, piece < len - at ? piece : len - at);
    hf_hash_pipe_end(pipe, &have);
    hf_hash_pipe_free(pipe);
    hf_hasher_free(here);
    ck_assert_msg(hf_digest_compare(&want, &have) == 0, "%zu bytes, %zu before, by %zu", len,
                  before, piece);
}

START_TEST(digests_are_the_same)
{
    static const size_t lens[] = {0, 1, MIB - 1, MIB, MIB + 1, 4 * MIB, 5 * MIB, sizeof(data)};
    static const size_t pieces[] = {65536, MIB - 7, MIB, 3 * MIB + 1};

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        for (size_t j = 0; j < sizeof(pieces) / sizeof(*pieces); j++) {
            expect_same(lens[i], 0, pieces[j]);
            expect_same(lens[i], lens[i] / 3, pieces[j]);
        }
    }
}
END_TEST

START_TEST(a_pipe_may_be_freed_with_bytes_in_it)
{
    struct hf_hash_pipe *pipe = NULL;

    ck_assert_int_eq(hf_hash_pipe_new(hf_hasher_new(HF_DIGEST_SHA256), &pipe, NULL), 0);
    hf_hash_pipe_update(pipe, data, 2 * MIB + 5);
    hf_hash_pipe_free(pipe);
    hf_hash_pipe_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hash_pipe");

    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, digests_are_the_same);
    tcase_add_test(tests, a_pipe_may_be_freed_with_bytes_in_it);
    return hf_test_run("hash_pipe", tests);
}
