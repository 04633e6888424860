/*
 * catalog/checkpoint_format.h - the bytes of a checkpoint, FORMAT.md section 4: constants, and the
 * encoder and decoder of each structure side by side. Pure: no files.
 *
 * Encoders append to an hf_buf, whose failure the caller checks once. Decoders believe nothing and
 * return HF_ERR_CORRUPT with file and offset.
 */
#ifndef HF_CATALOG_CHECKPOINT_FORMAT_H
#define HF_CATALOG_CHECKPOINT_FORMAT_H

#include "base/buf.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#define HF_CHECKPOINT_MAGIC            "HFCHKPT1"
#define HF_CHECKPOINT_END_MAGIC        "HFCHKEND"
#define HF_CHECKPOINT_MAGIC_BYTES      8
#define HF_CHECKPOINT_VERSION          1
#define HF_CHECKPOINT_BLOCK_BYTES      4096
#define HF_CHECKPOINT_FRAME_BYTES      16
#define HF_CHECKPOINT_PAYLOAD_BYTES    4080
#define HF_CHECKPOINT_HEADER_BYTES     64
#define HF_CHECKPOINT_FOOTER_BYTES     56
#define HF_CHECKPOINT_KEY_MAX          1024
#define HF_CHECKPOINT_INLINE_VALUE_MAX 1024
#define HF_CHECKPOINT_VALUE_MAX        (16 * 1024 * 1024)
#define HF_CHECKPOINT_VALUE_OVERFLOWS  0xffff
/* A full index block has 3 entries at least, and a file has fewer than 2^32 < 3^21 blocks. */
#define HF_CHECKPOINT_LEVELS_MAX 22
/* The shortest entry is one of a leaf with a key of one byte. */
#define HF_CHECKPOINT_ENTRIES_MAX 816

#define HF_CHECKPOINT_LEAF_ENTRY_BYTES(key_len, stored_len) (4 + (key_len) + (stored_len))
#define HF_CHECKPOINT_INDEX_ENTRY_BYTES(key_len)            (6 + (key_len))

static_assert(HF_CHECKPOINT_FRAME_BYTES + HF_CHECKPOINT_PAYLOAD_BYTES == HF_CHECKPOINT_BLOCK_BYTES,
              "a block is its frame and its payload");
static_assert(HF_CHECKPOINT_LEAF_ENTRY_BYTES(HF_CHECKPOINT_KEY_MAX,
                                             HF_CHECKPOINT_INLINE_VALUE_MAX) <=
                  HF_CHECKPOINT_PAYLOAD_BYTES,
              "every entry fits in an empty leaf");
static_assert(3 * HF_CHECKPOINT_INDEX_ENTRY_BYTES(HF_CHECKPOINT_KEY_MAX) <=
                  HF_CHECKPOINT_PAYLOAD_BYTES,
              "an index block has room for 3 entries, so levels shrink");
static_assert(HF_CHECKPOINT_PAYLOAD_BYTES / HF_CHECKPOINT_LEAF_ENTRY_BYTES(1, 0) ==
                  HF_CHECKPOINT_ENTRIES_MAX,
              "no block has more entries");
static_assert(HF_CHECKPOINT_INLINE_VALUE_MAX < HF_CHECKPOINT_VALUE_OVERFLOWS,
              "an inline length is never the mark");

enum hf_checkpoint_kind {
    HF_CHECKPOINT_HEADER = 1,
    HF_CHECKPOINT_LEAF = 2,
    HF_CHECKPOINT_INDEX = 3,
    HF_CHECKPOINT_OVERFLOW = 4,
    HF_CHECKPOINT_FOOTER = 5,
};

/* What every block begins with, less its checksum. */
struct hf_checkpoint_frame {
    uint8_t kind;
    uint8_t level;
    uint16_t count;
    uint32_t used_bytes;
};

struct hf_checkpoint_header {
    uint8_t uuid[16];
    uint64_t salt;
    uint64_t position;
    uint64_t time_ns;
};

struct hf_checkpoint_footer {
    uint8_t uuid[16];
    uint64_t position;
    uint64_t entry_count;
    uint32_t root;
    uint32_t level_count;
    uint32_t block_count;
};

/* Where a block was read, for errors. */
struct hf_checkpoint_place {
    const char *file;
    uint32_t block;
};

/* HF_ERR_CORRUPT at byte `off` of a block. */
int hf_checkpoint_corrupt(struct hf_error *err, struct hf_checkpoint_place place, size_t off,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/* --- blocks ----------------------------------------------------------------------------------- */

/* A block around a payload. frame.used_bytes is taken from payload_len. Seed: salt + number. */
void hf_checkpoint_encode_block(struct hf_buf *out, struct hf_checkpoint_frame frame,
                                const void *payload, size_t payload_len, uint64_t seed);
/* The checksum, a known kind, zeros after what is used. The payload is not looked at. */
HF_MUST_USE int hf_checkpoint_decode_frame(const uint8_t block[HF_CHECKPOINT_BLOCK_BYTES],
                                           struct hf_checkpoint_place place, uint64_t seed,
                                           struct hf_checkpoint_frame *out, struct hf_error *err);

void hf_checkpoint_encode_header(struct hf_buf *out, const struct hf_checkpoint_header *header);
/* HF_ERR_VERSION for a version or an incompatible feature we don't know. */
HF_MUST_USE int hf_checkpoint_decode_header(const uint8_t block[HF_CHECKPOINT_BLOCK_BYTES],
                                            const char *file, struct hf_checkpoint_header *out,
                                            struct hf_error *err);

/* Its block number is footer->block_count - 1. */
void hf_checkpoint_encode_footer(struct hf_buf *out, const struct hf_checkpoint_footer *footer,
                                 uint64_t salt);
/* Also that its fields agree with each other. */
HF_MUST_USE int hf_checkpoint_decode_footer(const uint8_t block[HF_CHECKPOINT_BLOCK_BYTES],
                                            struct hf_checkpoint_place place, uint64_t salt,
                                            struct hf_checkpoint_footer *out, struct hf_error *err);

/* --- entries of leaves and indexes ------------------------------------------------------------ */

struct hf_checkpoint_entry {
    const uint8_t *key;
    size_t key_len;
    const uint8_t *value; /* leaf: an inline value; NULL when it overflows */
    size_t value_len;     /* leaf */
    uint32_t block;       /* leaf: first overflow block, 0 for an inline value; index: the child */
};

/* Blocks that a value of this length fills; 0 for an inline value. */
uint32_t hf_checkpoint_overflow_count(size_t value_len);
/* Bytes of an entry in a leaf. */
size_t hf_checkpoint_leaf_entry_bytes(size_t key_len, size_t value_len);
void hf_checkpoint_encode_leaf_entry(struct hf_buf *payload,
                                     const struct hf_checkpoint_entry *entry);
void hf_checkpoint_encode_index_entry(struct hf_buf *payload, const void *key, size_t key_len,
                                      uint32_t child);

/* A leaf or index block whose every entry was checked. Shared by count (checkpoint_file.h). */
struct hf_checkpoint_block {
    atomic_size_t refs;
    uint32_t number;
    struct hf_checkpoint_frame frame;
    uint16_t entry_off[HF_CHECKPOINT_ENTRIES_MAX]; /* where each begins in `bytes` */
    uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES];
};

/*
 * Check the entries of a block whose `bytes`, `number` and `frame` are set, and note where they
 * are: at least one, ascending, each within the limits and pointing to blocks between header and
 * footer.
 */
HF_MUST_USE int hf_checkpoint_decode_entries(struct hf_checkpoint_block *block, const char *file,
                                             uint32_t block_count, struct hf_error *err);
/* Entry `i` of the frame's count; borrowed from the block. */
void hf_checkpoint_entry_at(const struct hf_checkpoint_block *block, size_t i,
                            struct hf_checkpoint_entry *out);
/* How many entries have a key below `key` (with `or_equal`: below it or equal). */
size_t hf_checkpoint_entries_below(const struct hf_checkpoint_block *block, const void *key,
                                   size_t key_len, bool or_equal);

#endif
