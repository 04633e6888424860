/*
 * erofs/erofs.h - makes an EROFS image of a layer while the bytes of its tar pass by.
 *
 *     hf_erofs_new(&options, &erofs, err);
 *     while (there is more)
 *         hf_erofs_feed(erofs, data, len, err);   the tar, uncompressed, in order
 *     hf_erofs_finish(erofs, &output, err);       may be called again, for the other form
 *     hf_erofs_free(erofs);
 *
 * What is written, and what the tar means: src/erofs/FORMAT.md. The image depends on nothing but
 * the bytes of the tar and `output`: same input, same bytes.
 */
#ifndef HF_EROFS_EROFS_H
#define HF_EROFS_EROFS_H

#include <holdfast/error.h>

#include <stddef.h>
#include <stdint.h>

#define HF_EROFS_MEMORY_DEFAULT ((size_t)256 << 20)
#define HF_EROFS_TAG_BYTES      64u

struct hf_erofs_options {
    /* Bytes that tree, names and attributes may take; 0: HF_EROFS_MEMORY_DEFAULT; at most 2 GiB. An
     * entry of a layer takes about 130 and its name. */
    size_t memory_max_bytes;
};

enum hf_erofs_form {
    HF_EROFS_INDEX, /* metadata in blocks of 512 bytes; data of files stays in the tar, device 1 */
    HF_EROFS_FULL,  /* blocks of 4096 bytes, data inside; for kernels before 6.4 */
};

struct hf_erofs_output {
    enum hf_erofs_form form;
    /* INDEX: what the image says about its tar, HF_EROFS_TAG_BYTES characters at most (the hex
     * digits of a SHA-256 fit); NULL: nothing. */
    const char *tag;
    void *arg;
    /* Takes the image from its first byte to its last, in pieces of some 64 KiB. */
    int (*write)(void *arg, const void *data, size_t len, struct hf_error *err);
    /* All `len` bytes of the tar from tar_off on. INDEX asks only for sparse files whose pieces do
     * not lie on its blocks, and may be given NULL, which makes such files UNSUPPORTED. */
    int (*read)(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err);
};

struct hf_erofs;

HF_MUST_USE int hf_erofs_new(const struct hf_erofs_options *options, struct hf_erofs **out,
                             struct hf_error *err);
void hf_erofs_free(struct hf_erofs *erofs); /* at any time; NULL does nothing */

/*
 * Errors are final, and name the entry and where in the tar it begins. INPUT: the tar is malformed,
 * or means a tree that cannot be. LIMIT: of tar/tar.h, of the memory, or of EROFS. UNSUPPORTED: a
 * hard link to a file that is not in this layer, or an unknown type of entry.
 */
HF_MUST_USE int hf_erofs_feed(struct hf_erofs *erofs, const void *data, size_t len,
                              struct hf_error *err);

/*
 * The tar has ended; writes the image.
 *
 * Errors  INPUT: the tar ends within an entry. LIMIT: of EROFS (2^32 blocks), or the sparse files
 *         would need more than HF_EROFS_MAX_CHUNKS. UNSUPPORTED: see `read`. What a callback
 * returns comes out. Whatever was written before an error is worth nothing.
 */
HF_MUST_USE int hf_erofs_finish(struct hf_erofs *erofs, const struct hf_erofs_output *output,
                                struct hf_error *err);

#define HF_EROFS_MAX_CHUNKS (4u << 20) /* of all sparse files together; 8 bytes each */

#endif
