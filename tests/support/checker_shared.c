/* tests/support/checker_shared.c - the live position of the log: wal/FORMAT.md 3.1. */
#include "support/checker_internal.h"

#include "base/checksum.h"

#include <string.h>

#define FIRST_HALF  0
#define FIRST_LEN   72
#define SECOND_HALF 512
#define SECOND_LEN  56
#define SHARED_LEN  (SECOND_HALF + SECOND_LEN)

static bool half_fits(const uint8_t *half, size_t len, uint64_t seed, const uint8_t boot[16],
                      uint64_t inode)
{
    struct hf_cursor cursor = hf_cursor_of(half, len);

    return hf_cursor_u64(&cursor) == hf_checksum(half + 8, len - 8, seed) &&
           memcmp(hf_cursor_bytes(&cursor, 16), boot, 16) == 0 && hf_cursor_u64(&cursor) == inode;
}

int checker_shared_read(struct checker *c, struct hf_error *err)
{
    struct hf_buf bytes = {0};
    struct hf_io_stat stat;
    uint8_t boot[16];
    bool there = false;

    int rc = checker_read_file(c, "shared", CHECKER_BLOCK, &bytes, &there, err);
    if (rc || !there || bytes.len < SHARED_LEN)
        goto out;
    rc = hf_io_stat_at(c->io, c->root, "shared", &stat, err);
    if (rc)
        goto out;
    rc = hf_io_boot_id(c->io, boot, err);
    if (rc)
        goto out;

    struct checker_shared *shared = &c->shared;
    struct hf_cursor cursor = hf_cursor_of(bytes.data, bytes.len);
    (void)hf_cursor_bytes(&cursor, 32);
    const uint8_t *uuid = hf_cursor_bytes(&cursor, 16);
    shared->sequence = hf_cursor_u64(&cursor);
    shared->tail = hf_cursor_u64(&cursor);
    shared->appending = hf_cursor_u64(&cursor);
    shared->tail_known = half_fits(bytes.data + FIRST_HALF, FIRST_LEN, 1, boot, stat.inode) &&
                         memcmp(uuid, c->out->uuid, 16) == 0;

    cursor.off = SECOND_HALF + 32;
    shared->durable_sequence = hf_cursor_u64(&cursor);
    shared->durable = hf_cursor_u64(&cursor);
    shared->state = hf_cursor_u64(&cursor);
    shared->durable_known = half_fits(bytes.data + SECOND_HALF, SECOND_LEN, 2, boot, stat.inode);
    if (shared->durable_known && shared->state > 3)
        checker_complain(c, "shared has state %llu, which is none",
                         (unsigned long long)shared->state);
out:
    hf_buf_release(&bytes);
    return rc;
}
