/*
 * catalog/checkpoint.h - the whole catalog at one position, in an immutable file.
 * Format: FORMAT.md section 4. Looked up without being loaded: by pread of checksummed blocks
 * through a small cache, never mapped (a map would turn damage into SIGBUS).
 *
 * Threads: an open checkpoint may be read from any threads (the cache has its own lock).
 */
#ifndef HF_CATALOG_CHECKPOINT_H
#define HF_CATALOG_CHECKPOINT_H

#include "base/buf.h"
#include "io/io.h"

struct hf_checkpoint;

/* Gives the entries in ascending order, one a call: 0, HF_END, or an error. Borrowed until the next
 * call. */
typedef int hf_checkpoint_source_fn(void *arg, const uint8_t **key, size_t *key_len,
                                    const uint8_t **value, size_t *value_len, struct hf_error *err);

struct hf_checkpoint_info {
    uint8_t uuid[16];
    uint64_t position;
    uint64_t time_ns;
    uint64_t entry_count;
    uint64_t size_bytes;
};

/* The file's name for a position: 16 digits and ".ckpt". */
void hf_checkpoint_name(uint64_t position, char name[32]);

/*
 * Write a checkpoint to `catalog_dir` durably: file `new`, fsync, rename, fsync of the directory.
 * A failure leaves none behind. Nothing older is removed here.
 */
HF_MUST_USE int hf_checkpoint_write(struct hf_io *io, int catalog_dir, const uint8_t uuid[16],
                                    uint64_t position, hf_checkpoint_source_fn *source, void *arg,
                                    struct hf_error *err);

/* Open by file name; verifies header and footer. CORRUPT names file and offset; VERSION. */
HF_MUST_USE int hf_checkpoint_open(struct hf_io *io, int catalog_dir, const char *name,
                                   const uint8_t uuid[16], struct hf_checkpoint **out,
                                   struct hf_error *err);
/* Reference counted: `open` gives one. */
struct hf_checkpoint *hf_checkpoint_ref(struct hf_checkpoint *checkpoint);
void hf_checkpoint_unref(struct hf_checkpoint *checkpoint);
void hf_checkpoint_info(const struct hf_checkpoint *checkpoint, struct hf_checkpoint_info *out);

/* Value into `value` (cleared first; NULL to ask for existence). NOT_FOUND without touching err;
 * CORRUPT for a bad block. */
HF_MUST_USE int hf_checkpoint_get(struct hf_checkpoint *checkpoint, const void *key, size_t key_len,
                                  struct hf_buf *value, struct hf_error *err);
/* The first entry whose key is >= key (> key when `after`), copied into `out_key` and `value`
 * (NULL: not wanted). HF_END at the end. `out_key` may be the buffer that `key` points into. */
HF_MUST_USE int hf_checkpoint_seek(struct hf_checkpoint *checkpoint, const void *key,
                                   size_t key_len, bool after, struct hf_buf *out_key,
                                   struct hf_buf *value, struct hf_error *err);
/* Reads every block. CORRUPT names the first bad one. */
HF_MUST_USE int hf_checkpoint_verify(struct hf_checkpoint *checkpoint, struct hf_error *err);

#endif
