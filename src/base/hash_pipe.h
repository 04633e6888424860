/*
 * base/hash_pipe.h - hashes on a thread of its own, so that who has the bytes can go on with them.
 *
 *     hf_hash_pipe_new(hasher, &pipe, err);
 *     while (there is more)
 *         hf_hash_pipe_update(pipe, data, len);
 *     hf_hash_pipe_end(pipe, &digest);
 *     hf_hash_pipe_free(pipe);
 *
 * Used from one thread. Takes 4 MiB for what is copied and not hashed yet.
 */
#ifndef HF_BASE_HASH_PIPE_H
#define HF_BASE_HASH_PIPE_H

#include <holdfast/digest.h>

struct hf_hash_pipe;
struct hf_hasher;

/* Goes on where `hasher` is, which it owns on 0; else that stays the caller's, as it was. */
HF_MUST_USE int hf_hash_pipe_new(struct hf_hasher *hasher, struct hf_hash_pipe **out,
                                 struct hf_error *err);
void hf_hash_pipe_free(struct hf_hash_pipe *pipe); /* at any time; NULL does nothing */

/* Copies the bytes; waits while too many are not hashed yet. */
void hf_hash_pipe_update(struct hf_hash_pipe *pipe, const void *data, size_t len);
/* Waits until all is hashed. Once. */
void hf_hash_pipe_end(struct hf_hash_pipe *pipe, struct hf_digest *out);

#endif
