/*
 * fault-injection/crash_log.h - what a disk was told, in one order: the file that crash_disk.c
 * writes and the replay reads.
 *
 * A header, then records, each followed by its bytes. It never leaves the machine it was made on,
 * so structs are written as they are.
 */
#ifndef HF_FAULT_CRASH_LOG_H
#define HF_FAULT_CRASH_LOG_H

#include <stddef.h>
#include <stdint.h>

#define CRASH_LOG_MAGIC "HFCRASH1"

struct crash_log_header {
    char magic[8];
    uint64_t size_bytes; /* of the disk */
};

enum crash_log_kind {
    CRASH_BASE = 'B',  /* what the disk held when the recording began */
    CRASH_WRITE = 'W', /* lies in the disk's cache until the next flush */
    CRASH_FLUSH = 'F', /* all writes before it are on the medium */
    CRASH_LOST = 'L',  /* a flush failed, and took with it the writes since the last one */
    CRASH_MARK = 'M',  /* a text of the workload: what it begins, what was acknowledged */
    CRASH_GONE = 'D',  /* only in reproducers: a write that the cut took */
};

struct crash_log_record {
    uint32_t kind;
    uint32_t reserved;
    uint64_t off;
    uint64_t len; /* of the bytes that follow, for a flush 0 */
};

/* --- reading ---------------------------------------------------------------------------------- */

struct crash_entry {
    enum crash_log_kind kind;
    uint64_t off;
    uint64_t len;
    const uint8_t *data; /* borrowed from the log */
};

struct crash_log {
    uint64_t size_bytes;
    struct crash_entry *entries;
    size_t entry_count;
    void *map;
    size_t map_len;
};

/* Prints why and returns non-zero when it is none. A record cut short ends the log. */
int crash_log_read(const char *path, struct crash_log *out);
void crash_log_release(struct crash_log *log);

#endif
