/*
 * archive/source.h - the bytes an archive is read from: a file, a folder, or a descriptor of the
 * caller (a pipe). Counts them, tells progress, and is where a caller cancels.
 */
#ifndef HF_ARCHIVE_SOURCE_H
#define HF_ARCHIVE_SOURCE_H

#include <holdfast/image.h>

#include "io/io.h"

#define HF_SOURCE_BLOCK (1024u * 1024u)

struct hf_source {
    struct hf_io *io;
    int fd; /* the file, the folder, or the caller's */
    bool owns_fd;
    bool is_folder;
    char name[256]; /* for messages */
    uint64_t done_bytes;
    uint64_t total_bytes; /* 0: unknown */
    const struct hf_observer *observer;
};

/* path NULL: read `fd`, which stays the caller's. observer may be NULL and is borrowed. */
HF_MUST_USE int hf_source_open(struct hf_io *io, const char *path, int fd,
                               const struct hf_observer *observer, struct hf_source *out,
                               struct hf_error *err);
/* Up to `len` bytes; *out_len 0 at the end. CANCELLED when the observer wants it. */
HF_MUST_USE int hf_source_read(struct hf_source *source, void *data, size_t len, size_t *out_len,
                               struct hf_error *err);
/* Counts bytes that were read otherwise (files of a folder). CANCELLED as above. */
HF_MUST_USE int hf_source_count(struct hf_source *source, size_t len, struct hf_error *err);
void hf_source_close(struct hf_source *source); /* twice is fine */

#endif
