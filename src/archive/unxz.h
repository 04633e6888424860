/*
 * archive/unxz.h - takes xz off a stream, with a limit of memory: libarchive's own xz filter has
 * none, and a few bytes may ask for a dictionary of 4 GiB.
 */
#ifndef HF_ARCHIVE_UNXZ_H
#define HF_ARCHIVE_UNXZ_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>

#define HF_UNXZ_MAGIC        6                      /* bytes that tell */
#define HF_UNXZ_MEMORY_BYTES (160u * 1024u * 1024u) /* enough for dictionaries of 128 MiB */

bool hf_unxz_begins(const void *data, size_t len);

/* Gives compressed bytes, borrowed until the next call; *out_len 0 at the end. */
typedef int hf_unxz_fn(void *arg, const void **out_data, size_t *out_len, struct hf_error *err);

struct hf_unxz;
HF_MUST_USE int hf_unxz_new(hf_unxz_fn *read, void *arg, struct hf_unxz **out,
                            struct hf_error *err);
/*
 * The next plain bytes, borrowed until the next call; *out_len 0 at the end.
 *
 * Errors   what `read` returned; INPUT: damaged or cut; LIMIT: a dictionary is too large.
 */
HF_MUST_USE int hf_unxz_read(struct hf_unxz *unxz, const void **out_data, size_t *out_len,
                             struct hf_error *err);
void hf_unxz_free(struct hf_unxz *unxz);

#endif
