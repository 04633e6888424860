/*
 * catalog/checkpoint_file.h - an open checkpoint, for the files that read it: checkpoint_open.c
 * (opening, blocks), checkpoint_read.c (lookups), checkpoint_verify.c (all of it).
 */
#ifndef HF_CATALOG_CHECKPOINT_FILE_H
#define HF_CATALOG_CHECKPOINT_FILE_H

#include "catalog/checkpoint.h"
#include "catalog/checkpoint_format.h"

#include <pthread.h>

#define HF_CHECKPOINT_CACHE_BLOCKS 32

struct hf_checkpoint_cached {
    struct hf_checkpoint_block *block; /* NULL: free */
    uint64_t last_use;
};

struct hf_checkpoint {
    atomic_size_t refs;
    struct hf_io *io;
    int fd;
    char file[64]; /* for errors: "catalog/NAME" */
    struct hf_checkpoint_header header;
    struct hf_checkpoint_footer footer;
    pthread_mutex_t lock; /* of all below */
    uint64_t use_count;
    struct hf_checkpoint_cached cache[HF_CHECKPOINT_CACHE_BLOCKS];
};

/* The bytes of any block, past the cache. */
HF_MUST_USE int hf_checkpoint_read_block(struct hf_checkpoint *checkpoint, uint32_t number,
                                         uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES],
                                         struct hf_error *err);
/* The same with its frame checked; not for the header. */
HF_MUST_USE int hf_checkpoint_read_framed(struct hf_checkpoint *checkpoint, uint32_t number,
                                          uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES],
                                          struct hf_checkpoint_frame *out, struct hf_error *err);

/* A checked leaf (level 0) or index, through the cache; put it back with hf_checkpoint_block_put.
 */
HF_MUST_USE int hf_checkpoint_block_get(struct hf_checkpoint *checkpoint, uint32_t number,
                                        uint32_t level, struct hf_checkpoint_block **out,
                                        struct hf_error *err);
void hf_checkpoint_block_put(struct hf_checkpoint_block *block); /* NULL does nothing */

/* Child `i` of an index block: one level lower, beginning with the key that the index says, and
 * ending before the next. So whoever goes down meets no cycle. */
HF_MUST_USE int hf_checkpoint_child_get(struct hf_checkpoint *checkpoint,
                                        const struct hf_checkpoint_block *parent, size_t i,
                                        struct hf_checkpoint_block **out, struct hf_error *err);

/* Appends the value of an entry of a leaf. */
HF_MUST_USE int hf_checkpoint_value_get(struct hf_checkpoint *checkpoint,
                                        const struct hf_checkpoint_entry *entry,
                                        struct hf_buf *value, struct hf_error *err);

#endif
