#include "support/log_sample.h"

#include "base/buf.h"
#include "support/suite.h"
#include "wal/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_test_sample_setup(struct hf_test_watch *watch, char *path)
{
    hf_test_make_dir(path);
    hf_test_watch_init(watch, path);
    watch->skips_sync = true;
    watch->fixes_chance = true;
    watch->forgets = true;
}

void hf_test_sample_teardown(struct hf_test_watch *watch, const char *path)
{
    hf_test_watch_release(watch);
    hf_test_remove_dir(path);
}

static void sync_all(struct hf_test_log *log)
{
    struct hf_error err = {0};

    ck_assert_int_eq(hf_wal_sync(log->wal, hf_wal_tail(log->wal), &err), 0);
}

static uint64_t append(struct hf_test_log *log, enum hf_wal_type type, uint64_t txn,
                       const char *text, size_t len)
{
    uint8_t payload[9000] = {0};
    uint64_t end = 0, begun = 0;
    struct hf_error err = {0};

    snprintf((char *)payload, sizeof(payload), "%s", text);
    if (len < strlen(text))
        len = strlen(text);
    ck_assert_int_eq(hf_test_log_try_append(log, type, txn, payload, len, &begun, &end, &err), 0);
    return begun;
}

/* How long a COMMIT's payload is that ends `gap` bytes before a block's end. */
static size_t len_for_gap(struct hf_test_log *log, size_t gap)
{
    size_t into = (size_t)(hf_wal_tail(log->wal) % 4096);
    size_t want = (2 * 4096 - gap - into - 64) % 4096;

    return want < 16 ? want + 4096 : want;
}

/* Every kind of record; COMMITs with a PAD, without one, and with a long one; synced now and then,
 * and not at the end. */
static void fill(struct hf_test_log *log)
{
    uint64_t a = append(log, HF_WAL_INTENT, 0, "intent a", 0);
    append(log, HF_WAL_CLAIM, a, "claim a", 13);
    append(log, HF_WAL_COMMIT, a, "commit a", 100);
    sync_all(log);
    append(log, HF_WAL_DONE, a, "done a", 0);
    append(log, HF_WAL_COMMIT, 0, "no pad", len_for_gap(log, 0));
    sync_all(log);
    append(log, HF_WAL_COMMIT, 0, "long pad", len_for_gap(log, 8));
    uint64_t b = append(log, HF_WAL_INTENT, 0, "intent b", 0);
    sync_all(log);
    append(log, HF_WAL_ABORT, b, "abort b", 0);
    append(log, HF_WAL_COMMIT, 0, "commit c", 5000);
    append(log, HF_WAL_INTENT, 0, "intent d", 0);
}

uint64_t hf_test_sample_make(struct hf_test_log *expected, struct hf_io *io, const char *path)
{
    hf_test_log_create(io, path);
    hf_test_log_open(expected, io, path);
    fill(expected);
    uint64_t durable = hf_wal_durable(expected->wal);
    hf_test_log_close(expected);
    return durable;
}

uint64_t hf_test_sample_offset(uint64_t position)
{
    struct hf_wal_header header = {.first = 4096};

    return hf_wal_segment_offset(&header, position);
}

const struct hf_test_record *hf_test_log_find(const struct hf_test_log *log, const char *text)
{
    for (size_t i = 0; i < log->count; i++)
        if (strcmp(log->records[i].text, text) == 0)
            return &log->records[i];
    ck_abort_msg("no record \"%s\"", text);
    return NULL;
}

int hf_test_log_read(struct hf_test_log *log, struct hf_io *io, const char *path,
                     struct hf_error *err)
{
    log->read_only = true;
    int rc = hf_test_log_try_open(log, io, path, err);

    hf_test_log_close(log);
    return rc;
}

void hf_test_log_shorten(const char *path, const char *name)
{
    struct hf_wal_header header;
    struct hf_buf bytes = {0};
    size_t len = 0;
    uint32_t version = 0;
    uint8_t *data = hf_test_read_file(path, name, &len);

    ck_assert(hf_wal_header_decode(data, &header, &version));
    size_t used = len;
    while (used > HF_WAL_HEADERS && data[used - 1] == 0)
        used--;
    header.size = (used / 4096 + 2) * 4096;
    hf_wal_header_encode(&bytes, &header);
    hf_buf_put(&bytes, data + HF_WAL_HEADERS, (size_t)header.size - HF_WAL_HEADERS);
    hf_test_write_file(path, name, bytes.data, bytes.len);
    hf_buf_release(&bytes);
    free(data);
}

void hf_test_log_forget_shared(const char *path)
{
    hf_test_write_file(path, "shared", "", 0);
}

void hf_test_log_overwrite(const char *path, const char *name, uint64_t off, size_t len,
                           uint8_t byte)
{
    size_t file_len = 0;
    uint8_t *data = hf_test_read_file(path, name, &file_len);

    memset(data + off, byte, len);
    hf_test_write_file(path, name, data, file_len);
    free(data);
}
