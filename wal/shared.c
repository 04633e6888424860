/*
 * wal/shared.c - the file that tells the processes of one boot where the log is. Format:
 * FORMAT.md 3.1.
 *
 * Each half is one small pwrite; a reader without the lock may still see a half written one, whose
 * checksum does not fit then, and reads again.
 */
#include "wal/shared.h"

#include "base/buf.h"
#include "base/checksum.h"
#include "base/cursor.h"
#include "wal/format.h"

#include <string.h>

#define SEED_TAIL  1u
#define SEED_SYNC  2u
#define READ_TRIES 100

int hf_wal_shared_identify(struct hf_io *io, int fd, struct hf_wal_shared_id *id,
                           struct hf_error *err)
{
    struct hf_io_stat stat = {0};

    int rc = hf_io_boot_id(io, id->boot, err);
    if (rc == 0 && fd >= 0)
        rc = hf_io_fstat(io, fd, &stat, "shared", err);
    id->inode = stat.inode;
    return rc;
}

static bool half_is_ours(struct hf_cursor *cursor, const struct hf_wal_shared_id *id)
{
    const uint8_t *boot = hf_cursor_bytes(cursor, 16);
    uint64_t inode = hf_cursor_u64(cursor);

    return boot != NULL && memcmp(boot, id->boot, 16) == 0 && inode == id->inode;
}

static bool sum_fits(const uint8_t *half, size_t len, uint64_t seed)
{
    struct hf_cursor cursor = hf_cursor_of(half, 8);

    return hf_cursor_u64(&cursor) == hf_checksum(half + 8, len - 8, seed);
}

/* Never written: there is nothing to wait for. */
static bool is_blank(const uint8_t *half, size_t len)
{
    return half[0] == 0 && memcmp(half, half + 1, len - 1) == 0;
}

static void decode_tail(const uint8_t *half, const struct hf_wal_shared_id *id,
                        struct hf_wal_shared *out)
{
    struct hf_cursor cursor = hf_cursor_of(half + 8, HF_WAL_SHARED_TAIL_BYTES - 8);

    if (!half_is_ours(&cursor, id))
        return;
    if (memcmp(hf_cursor_bytes(&cursor, 16), id->uuid, 16) != 0)
        return;
    out->tail_sequence = hf_cursor_u64(&cursor);
    out->tail = hf_cursor_u64(&cursor);
    out->appending = hf_cursor_u64(&cursor);
    out->tail_known = hf_cursor_ok(&cursor);
}

static void decode_sync(const uint8_t *half, const struct hf_wal_shared_id *id,
                        struct hf_wal_shared *out)
{
    struct hf_cursor cursor = hf_cursor_of(half + 8, HF_WAL_SHARED_SYNC_BYTES - 8);

    if (!half_is_ours(&cursor, id))
        return;
    out->durable_sequence = hf_cursor_u64(&cursor);
    out->durable = hf_cursor_u64(&cursor);
    uint64_t state = hf_cursor_u64(&cursor);
    out->state = (enum hf_wal_sync_state)state;
    /* Without a segment it was written by a takeover that knew nothing itself: who believed its
     * `durable` would read nothing. */
    out->sync_known =
        hf_cursor_ok(&cursor) && state <= HF_WAL_SYNC_FAILED && out->durable_sequence != 0;
}

int hf_wal_shared_read(struct hf_io *io, int fd, const struct hf_wal_shared_id *id,
                       struct hf_wal_shared *out, struct hf_error *err)
{
    uint8_t page[HF_WAL_SHARED_SYNC_OFF + HF_WAL_SHARED_SYNC_BYTES];
    bool tail_fits = false, sync_fits = false;

    *out = (struct hf_wal_shared){0};
    for (int i = 0; fd >= 0 && i < READ_TRIES; i++) {
        size_t len = 0;
        int rc = hf_io_pread(io, fd, page, sizeof(page), 0, &len, "shared", err);
        if (rc != 0)
            return rc;
        memset(page + len, 0, sizeof(page) - len);
        tail_fits = sum_fits(page, HF_WAL_SHARED_TAIL_BYTES, SEED_TAIL);
        sync_fits = sum_fits(page + HF_WAL_SHARED_SYNC_OFF, HF_WAL_SHARED_SYNC_BYTES, SEED_SYNC);
        if ((tail_fits || is_blank(page, HF_WAL_SHARED_TAIL_BYTES)) &&
            (sync_fits || is_blank(page + HF_WAL_SHARED_SYNC_OFF, HF_WAL_SHARED_SYNC_BYTES)))
            break;
    }
    if (tail_fits)
        decode_tail(page, id, out);
    if (sync_fits)
        decode_sync(page + HF_WAL_SHARED_SYNC_OFF, id, out);
    return 0;
}

static int write_half(struct hf_io *io, int fd, uint64_t off, struct hf_buf *fields, uint64_t seed,
                      struct hf_error *err)
{
    struct hf_buf half = {0};

    int rc = hf_buf_check(fields, err);
    if (rc == 0) {
        hf_buf_put_u64(&half, hf_checksum(fields->data, fields->len, seed));
        hf_buf_put(&half, fields->data, fields->len);
        rc = hf_buf_check(&half, err);
    }
    if (rc == 0)
        rc = hf_io_pwrite(io, fd, half.data, half.len, off, "shared", err);
    hf_buf_release(&half);
    hf_buf_release(fields);
    return rc;
}

int hf_wal_shared_write_tail(struct hf_io *io, int fd, const struct hf_wal_shared_id *id,
                             uint64_t sequence, uint64_t tail, uint64_t appending,
                             struct hf_error *err)
{
    struct hf_buf fields = {0};

    hf_buf_put(&fields, id->boot, 16);
    hf_buf_put_u64(&fields, id->inode);
    hf_buf_put(&fields, id->uuid, 16);
    hf_buf_put_u64(&fields, sequence);
    hf_buf_put_u64(&fields, tail);
    hf_buf_put_u64(&fields, appending);
    return write_half(io, fd, HF_WAL_SHARED_TAIL_OFF, &fields, SEED_TAIL, err);
}

int hf_wal_shared_write_sync(struct hf_io *io, int fd, const struct hf_wal_shared_id *id,
                             uint64_t sequence, uint64_t durable, enum hf_wal_sync_state state,
                             struct hf_error *err)
{
    struct hf_buf fields = {0};

    hf_buf_put(&fields, id->boot, 16);
    hf_buf_put_u64(&fields, id->inode);
    hf_buf_put_u64(&fields, sequence);
    hf_buf_put_u64(&fields, durable);
    hf_buf_put_u64(&fields, (uint64_t)state);
    return write_half(io, fd, HF_WAL_SHARED_SYNC_OFF, &fields, SEED_SYNC, err);
}
