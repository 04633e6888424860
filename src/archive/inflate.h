/*
 * archive/inflate.h - the plain bytes of a compressed stream, pushed in pieces of any size.
 *
 * Understands what layers are compressed with: gzip (any number of members, zero bytes after the
 * last) and zstd (any number of frames, skippable ones too; windows up to 128 MiB). Magic bytes
 * tell which; labels are not believed. Memory is bounded by the window, whatever comes out.
 */
#ifndef HF_ARCHIVE_INFLATE_H
#define HF_ARCHIVE_INFLATE_H

#include <holdfast/error.h>

#include <stddef.h>
#include <stdint.h>

enum hf_compression {
    HF_COMPRESSION_PLAIN = 0,
    HF_COMPRESSION_GZIP = 1,
    HF_COMPRESSION_ZSTD = 2,
};

#define HF_COMPRESSION_MAGIC  4 /* bytes that tell */
#define HF_INFLATE_WINDOW_LOG 27

/* By the first bytes of a stream; fewer than HF_COMPRESSION_MAGIC only if it has no more. */
enum hf_compression hf_compression_of(const void *data, size_t len);

/* Gets plain bytes, borrowed for the call; a result other than 0 ends the inflating. */
typedef int hf_inflate_fn(void *arg, const void *data, size_t len, struct hf_error *err);

struct hf_inflater;
/* `compression` GZIP or ZSTD. */
HF_MUST_USE int hf_inflater_new(enum hf_compression compression, hf_inflate_fn *fn, void *arg,
                                struct hf_inflater **out, struct hf_error *err);
/* INPUT: the stream is damaged. After a failure only free is left. */
HF_MUST_USE int hf_inflater_push(struct hf_inflater *inflater, const void *data, size_t len,
                                 struct hf_error *err);
/* The stream has ended. INPUT: in the middle. */
HF_MUST_USE int hf_inflater_end(struct hf_inflater *inflater, struct hf_error *err);
void hf_inflater_free(struct hf_inflater *inflater);

#endif
