/*
 * tests/support/checker_internal.h - what the parts of the checker share.
 *
 * checker.c             the order of things, FORMAT, violations
 * checker_map.c         a sorted map of byte strings, a list of strings, memory
 * checker_log.c         segments and records             wal/FORMAT.md 1 and 2
 * checker_segment.c     one segment, one record          wal/FORMAT.md 1.1 and 1.2
 * checker_shared.c      `shared`                         wal/FORMAT.md 3.1
 * checker_checkpoint.c  one checkpoint                   src/store/FORMAT.md 4
 * checker_replay.c      payloads, log against checkpoints  src/store/FORMAT.md 3 and 4
 * checker_entries.c     keys and values                  src/store/FORMAT.md 2
 * checker_catalog.c     what always holds                src/store/FORMAT.md 2.5
 * checker_files.c       every file below the root        src/store/FORMAT.md 1 and 2.5
 * checker_bytes.c       the bytes of objects             src/store/FORMAT.md 2.5
 * checker_publish.c     the result for the caller
 */
#ifndef HF_TESTS_SUPPORT_CHECKER_INTERNAL_H
#define HF_TESTS_SUPPORT_CHECKER_INTERNAL_H

#include "support/checker.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "base/digest.h"

#define CHECKER_BLOCK          UINT64_C(4096)
#define CHECKER_FIRST_POSITION UINT64_C(4096)
#define CHECKER_SEGMENT_BYTES  (UINT64_C(1) << 20)
#define CHECKER_RECORD_MIN     64
#define CHECKER_RECORD_MAX     67108864
/* A record and its COPY of the greatest length, header and PAD. */
#define CHECKER_FILE_MAX    (2 * (uint64_t)CHECKER_RECORD_MAX + 16 * CHECKER_BLOCK)
#define CHECKER_NO_SLOT     0xffffffffu
#define CHECKER_KEY_MAX     1024
#define CHECKER_NAME_MAX    512
#define CHECKER_VALUE_MAX   (16u << 20)
#define CHECKER_NOTE_MAX    (64u << 10)
#define CHECKER_SUMMARY_MAX (64u << 10)
#define CHECKER_REFS_MAX    100000

enum checker_record_type {
    CHECKER_INTENT = 1,
    CHECKER_COMMIT,
    CHECKER_ABORT,
    CHECKER_DONE,
    CHECKER_CLAIM,
    CHECKER_PAD,
};
#define CHECKER_FLAG_COPY 1

enum checker_object_state { CHECKER_PRESENT = 1, CHECKER_ABSENT, CHECKER_DAMAGED };
enum checker_txn_state { CHECKER_OPEN = 1, CHECKER_COMMITTED };

/* --- memory, strings, map ----------------------------------------------------------------------
 */

/* Out of memory ends the program: a test that cannot judge must not pass. */
void *checker_alloc(size_t len);
void *checker_grow(void *memory, size_t count, size_t size);

struct checker_strings {
    char **items;
    size_t count;
};
void checker_strings_add(struct checker_strings *strings, const char *item);
bool checker_strings_has(const struct checker_strings *strings, const char *item);
void checker_strings_sort(struct checker_strings *strings);
void checker_strings_release(struct checker_strings *strings);

struct checker_entry {
    size_t key_len;
    size_t value_len;
    uint8_t *value;
    uint8_t key[]; /* the value follows it */
};

struct checker_map {
    struct checker_entry **entries; /* ascending by key */
    size_t count;
    size_t capacity;
};
void checker_map_release(struct checker_map *map);
void checker_map_copy(struct checker_map *to, const struct checker_map *from);
void checker_map_put(struct checker_map *map, const void *key, size_t key_len, const void *value,
                     size_t value_len);
void checker_map_delete(struct checker_map *map, const void *key, size_t key_len);
const struct checker_entry *checker_map_get(const struct checker_map *map, const void *key,
                                            size_t key_len);
/* Index of the first key that is not below `key`; map->count when there is none. */
size_t checker_map_seek(const struct checker_map *map, const void *key, size_t key_len);
bool checker_has_prefix(const struct checker_entry *entry, const void *prefix, size_t prefix_len);
int checker_key_compare(const void *a, size_t a_len, const void *b, size_t b_len);

/* --- the log -----------------------------------------------------------------------------------
 */

struct checker_segment {
    char path[32]; /* "wal/0000000000000001.seg" */
    struct hf_buf bytes;
    size_t used; /* behind the last byte that is not zero */
    bool usable; /* the header is */
    uint32_t reason;
    uint8_t uuid[16];
    uint64_t sequence; /* as in the file's name */
    uint64_t salt;
    uint64_t first;
    uint64_t previous;
};

struct checker_record {
    const struct checker_segment *segment;
    uint64_t position; /* 0 for none */
    uint64_t end;      /* position behind it */
    uint64_t checksum;
    uint64_t previous;
    uint64_t durable;
    uint64_t transaction;
    uint64_t time;
    uint64_t original;
    uint8_t type;
    bool is_copy;
    bool from_copy; /* only its COPY could be read */
    const uint8_t *payload;
    size_t payload_len;
};

struct checker_log {
    struct checker_segment *segments;
    size_t segment_count;
    struct checker_record *records; /* PADs and COPYs among them */
    size_t record_count;
    size_t record_capacity;
    uint64_t start; /* position of the first record kept; 0: there is no log */
    uint64_t end;
    uint64_t known_durable; /* by the newest checkpoint's name and by `shared` of this boot */
    bool corrupt;
};

struct checker_shared {
    bool tail_known, durable_known; /* each half: whole, and of this boot, file and store */
    uint64_t sequence, tail, appending;
    uint64_t durable_sequence, durable, state;
};

struct checker_checkpoint {
    char path[40];
    uint64_t position;
    bool usable; /* header and footer are; blocks below may still be damaged */
    bool whole;  /* all of it could be read */
    struct checker_map map;
};

/* --- the checker -------------------------------------------------------------------------------
 */

struct checker {
    struct hf_io *io;
    int root;
    enum hf_checker_mode mode;
    struct hf_checker_store *out;

    bool uuid_known; /* FORMAT was readable */
    struct checker_shared shared;
    struct checker_log log;
    struct checker_checkpoint *checkpoints; /* ascending by position */
    size_t checkpoint_count;
    struct checker_map map; /* the catalog at the log's end */
    char where[64];         /* the moment that catalog complaints are about */
};

/* One sentence, without a full stop. */
void checker_complain(struct checker *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Names in a directory, sorted; *out_there (may be NULL) is false when there is no directory. */
HF_MUST_USE int checker_list(struct checker *c, const char *path, struct checker_strings *out,
                             bool *out_there, struct hf_error *err);
/* The whole of a regular file; complains and gives nothing (*out_there false) when it is something
 * else or longer than `max_bytes`. A file that is not there is no reason to complain. */
HF_MUST_USE int checker_read_file(struct checker *c, const char *path, uint64_t max_bytes,
                                  struct hf_buf *out, bool *out_there, struct hf_error *err);
/* 16 lower-case hexadecimal digits at `text` and then exactly `suffix`. */
bool checker_parse_hex16(const char *text, const char *suffix, uint64_t *out);
/* Decimal without leading zeros; gives what follows, NULL when it is no number below 2^32. */
const char *checker_parse_decimal(const char *text, uint32_t *out);

HF_MUST_USE int checker_shared_read(struct checker *c, struct hf_error *err);
HF_MUST_USE int checker_log_read(struct checker *c, struct hf_error *err);
void checker_log_release(struct checker_log *log);
HF_MUST_USE int checker_segment_read(struct checker *c, struct checker_segment *segment,
                                     struct hf_error *err);
/* The record at a position of the segment, by all rules but `previous`. */
bool checker_record_at(const struct checker_segment *segment, uint64_t position,
                       struct checker_record *out);
uint64_t checker_segment_offset(const struct checker_segment *segment, uint64_t position);
uint64_t checker_segment_limit(const struct checker_segment *segment); /* end of the file */

HF_MUST_USE int checker_checkpoints_read(struct checker *c, struct hf_error *err);
void checker_checkpoint_parse(struct checker *c, struct checker_checkpoint *checkpoint,
                              const uint8_t *data, size_t len);
/* Sets c->map. */
void checker_replay(struct checker *c);

/* --- entries -----------------------------------------------------------------------------------
 */

/* These return false when the bytes are not of the form that the page gives. */
bool checker_decode_object(const struct checker_entry *entry, struct hf_checker_object *out);
void checker_object_release(struct hf_checker_object *object); /* its references */
bool checker_decode_name(const struct checker_entry *entry, struct hf_checker_name *out);
bool checker_decode_hold(const struct checker_entry *entry, struct hf_checker_hold *out);
bool checker_decode_txn(const struct checker_entry *entry, struct hf_checker_transaction *out);
bool checker_decode_staged(const struct checker_entry *entry, struct hf_digest *out_digest,
                           uint64_t *out_txn, uint32_t *out_slot, uint32_t *out_number);
bool checker_decode_removal(const struct checker_entry *entry, struct hf_digest *out_digest,
                            uint64_t *out_txn);
/* Key and value have the form of their kind. */
bool checker_entry_is_formed(const struct checker_entry *entry);

struct checker_key {
    uint8_t bytes[2 * (1 + HF_DIGEST_BYTES_MAX) + 2 + CHECKER_KEY_MAX];
    size_t len;
};
struct checker_key checker_digest_key(char kind, const struct hf_digest *digest);
struct checker_key checker_edge_key(const struct hf_digest *target, char kind, const void *rest,
                                    size_t rest_len);
struct checker_key checker_txn_key(uint64_t txn);
/* For people; returns `text`. */
const char *checker_key_text(const void *key, size_t key_len, char text[512]);

/* --- what always holds -------------------------------------------------------------------------
 */

/* All that concerns one key of the catalog: the objects it mentions and the ones its value does. */
void checker_touch(struct checker *c, const struct checker_map *map,
                   const struct checker_entry *entry);
/* Transactions, staged files and removals fit together. */
void checker_check_flight(struct checker *c, const struct checker_map *map);
/* Every entry, and that names reach every object. */
void checker_check_catalog(struct checker *c, const struct checker_map *map);
/* Fills c->out from c->map. */
void checker_publish(struct checker *c);

HF_MUST_USE int checker_check_files(struct checker *c, struct hf_error *err);
HF_MUST_USE int checker_check_making(struct checker *c, struct hf_error *err);
HF_MUST_USE int checker_check_bytes(struct checker *c, struct hf_error *err);

#endif
