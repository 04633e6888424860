/*
 * archive/archive.h - the members of an archive, one after the other.
 *
 * From a stream: tar, plain or compressed by gzip, bzip2, xz or zstd (found by magic, one level;
 * no external program is ever started). From a folder: its files, as if they were members.
 *
 * Paths are made canonical: no "./", no "//", no leading "/", "x/../y" is "y". They are compared
 * with what documents name and used for nothing else; nothing is ever unpacked.
 */
#ifndef HF_ARCHIVE_ARCHIVE_H
#define HF_ARCHIVE_ARCHIVE_H

#include "archive/source.h"

#define HF_ARCHIVE_PATH_MAX 1024

struct hf_archive_entry {
    char path[HF_ARCHIVE_PATH_MAX];
    char link[HF_ARCHIVE_PATH_MAX]; /* what a symbolic or hard link points to, canonical; else "" */
    uint64_t size_bytes;
};

struct hf_archive;
/* The source is borrowed until close. */
HF_MUST_USE int hf_archive_open(struct hf_source *source, struct hf_archive **out,
                                struct hf_error *err);
/*
 * The next file or link; folders, devices and what has no usable name are passed over. HF_END at
 * the end, with a stream read to its end as far as tar's padding goes.
 *
 * Errors   INPUT: the archive is malformed, cut short, or empty.
 */
HF_MUST_USE int hf_archive_next(struct hf_archive *archive, struct hf_archive_entry *out,
                                struct hf_error *err);
/* A piece of the current file, borrowed until the next call; HF_END after size_bytes of them. */
HF_MUST_USE int hf_archive_read(struct hf_archive *archive, const void **out_data, size_t *out_len,
                                struct hf_error *err);
/*
 * The bytes of a source as they are when its compression is taken off: one file of unknown size,
 * read by hf_archive_read. Never empty: INPUT then.
 */
HF_MUST_USE int hf_archive_open_raw(struct hf_source *source, struct hf_archive **out,
                                    struct hf_error *err);
/* The members of a plain tar in a file, from its beginning and without moving the source: for a
 * look ahead. What is not read of them is passed over. */
HF_MUST_USE int hf_archive_open_ahead(struct hf_source *source, struct hf_archive **out,
                                      struct hf_error *err);
void hf_archive_close(struct hf_archive *archive);

/* Canonical form of `path`, seen from the folder of `base` (NULL: from the top). false: empty, or
 * too long. */
bool hf_archive_path(const char *base, const char *path, char out[HF_ARCHIVE_PATH_MAX]);

/* Is a blob a tar that can be read to its end? INPUT when it is not. Reads its headers only. */
HF_MUST_USE int hf_archive_check_blob(struct hf_blob *blob, struct hf_error *err);

#endif
