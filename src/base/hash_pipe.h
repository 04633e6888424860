/*
 * base/hash_pipe.h - hashes, on a thread of its own, bytes that its user goes on to write.
 *
 *     hf_hash_pipe_begin(pipe, HF_DIGEST_SHA256, err);
 *     while (there is more) {
 *         uint8_t *buffer = hf_hash_pipe_buffer(pipe);
 *         fill buffer with len bytes; hf_hash_pipe_push(pipe, len); write buffer, len;
 *     }
 *     hf_hash_pipe_end(pipe, &digest);
 *
 * A buffer stays as it was filled until the next one is asked for. Who has the bytes in buffers of
 * his own calls hf_hash_pipe_update instead of buffer and push, which copies them. Used from one
 * thread.
 */
#ifndef HF_BASE_HASH_PIPE_H
#define HF_BASE_HASH_PIPE_H

#include <holdfast/digest.h>

#define HF_HASH_PIPE_BUFFER (1024u * 1024u)

struct hf_hash_pipe;
struct hf_hasher;
HF_MUST_USE int hf_hash_pipe_new(struct hf_hash_pipe **out, struct hf_error *err);
void hf_hash_pipe_free(struct hf_hash_pipe *pipe); /* at any time; NULL does nothing */

/* What was begun before and not ended is forgotten. */
HF_MUST_USE int hf_hash_pipe_begin(struct hf_hash_pipe *pipe, uint8_t algorithm,
                                   struct hf_error *err);
/* Begins where `hasher` is, and owns it from then on. */
void hf_hash_pipe_adopt(struct hf_hash_pipe *pipe, struct hf_hasher *hasher);
/* HF_HASH_PIPE_BUFFER bytes to fill; waits until they are hashed. */
uint8_t *hf_hash_pipe_buffer(struct hf_hash_pipe *pipe);
void hf_hash_pipe_push(struct hf_hash_pipe *pipe, size_t len);
void hf_hash_pipe_update(struct hf_hash_pipe *pipe, const void *data, size_t len);
/* Waits until all is hashed. */
void hf_hash_pipe_end(struct hf_hash_pipe *pipe, struct hf_digest *out);

#endif
