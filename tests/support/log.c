#include "support/log.h"

#include "base/checksum.h"
#include "base/error.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const uint8_t hf_test_log_uuid[16] = "the-store's-uuid";

#define must(call)                                                                                 \
    do {                                                                                           \
        struct hf_error err = {0};                                                                 \
        int must_rc = (call);                                                                      \
        if (must_rc != 0)                                                                          \
            ck_abort_msg("%s: %s %s", #call, hf_error_name(must_rc), err.message);                 \
    } while (0)

void hf_test_log_create(struct hf_io *io, const char *path)
{
    int dir = -1, wal_dir = -1, fd = -1;

    must(hf_io_open(io, HF_IO_CWD, path, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err));
    must(hf_io_mkdir(io, dir, "wal", 0700, NULL, &err));
    must(hf_io_open(io, dir, "wal", HF_IO_READ | HF_IO_DIRECTORY, 0, &wal_dir, &err));
    must(hf_io_open(io, dir, "lock", HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE, 0600, &fd, &err));
    hf_io_close(io, &fd);
    must(hf_io_open(io, dir, "shared", HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE, 0600, &fd, &err));
    hf_io_close(io, &fd);
    must(hf_wal_create(io, wal_dir, hf_test_log_uuid, &err));
    hf_io_close(io, &wal_dir);
    hf_io_close(io, &dir);
}

static int take_record(void *arg, const struct hf_wal_record *record, struct hf_error *err)
{
    struct hf_test_log *log = arg;

    if (log->fail_fn_in > 0 && --log->fail_fn_in == 0)
        return hf_fail_memory(err);
    hf_test_require(log->count < HF_TEST_LOG_RECORDS_MAX);
    struct hf_test_record *out = &log->records[log->count++];
    *out = (struct hf_test_record){
        .position = record->position,
        .end = record->end,
        .txn = record->txn,
        .durable = record->durable,
        .type = record->type,
        .payload_len = record->payload_len,
        .payload_sum = hf_checksum(record->payload, record->payload_len, 0),
    };
    size_t len = record->payload_len < 63 ? record->payload_len : 63;
    if (len > 0)
        memcpy(out->text, record->payload, len);
    /* In order, and each once. */
    hf_test_require(out->end > out->position);
    hf_test_require(log->count < 2 || out->position >= out[-1].end);
    return 0;
}

int hf_test_log_try_open(struct hf_test_log *log, struct hf_io *io, const char *path,
                         struct hf_error *err)
{
    unsigned flags = HF_IO_READ | (log->read_only ? 0u : (unsigned)HF_IO_WRITE);

    log->io = io;
    log->dir = log->wal_dir = log->lock_fd = log->shared_fd = -1;
    log->wal = NULL;
    log->count = 0;
    int rc = hf_io_open(io, HF_IO_CWD, path, HF_IO_READ | HF_IO_DIRECTORY, 0, &log->dir, err);
    if (rc == 0)
        rc = hf_io_open(io, log->dir, "wal", HF_IO_READ | HF_IO_DIRECTORY, 0, &log->wal_dir, err);
    if (rc == 0 && !log->read_only)
        rc = hf_io_open(io, log->dir, "lock", flags, 0, &log->lock_fd, err);
    if (rc == 0)
        rc = hf_io_open(io, log->dir, "shared", flags, 0, &log->shared_fd, err);
    if (rc != 0)
        return rc;
    struct hf_wal_options options = {
        .io = io,
        .wal_dir = log->wal_dir,
        .lock_fd = log->lock_fd,
        .shared_fd = log->shared_fd,
        .from = log->from,
        .must_reach = log->must_reach,
        .read_only = log->read_only,
        .fn = take_record,
        .arg = log,
    };
    memcpy(options.uuid, hf_test_log_uuid, 16);
    return hf_wal_open(&options, &log->wal, &log->opened, err);
}

void hf_test_log_open(struct hf_test_log *log, struct hf_io *io, const char *path)
{
    must(hf_test_log_try_open(log, io, path, &err));
}

void hf_test_log_close(struct hf_test_log *log)
{
    hf_wal_close(log->wal);
    log->wal = NULL;
    hf_io_close(log->io, &log->shared_fd);
    hf_io_close(log->io, &log->lock_fd);
    hf_io_close(log->io, &log->wal_dir);
    hf_io_close(log->io, &log->dir);
}

int hf_test_log_try_append(struct hf_test_log *log, enum hf_wal_type type, uint64_t txn,
                           const void *payload, size_t len, uint64_t *out_txn, uint64_t *out_end,
                           struct hf_error *err)
{
    uint64_t begun = 0;
    int rc = hf_wal_lock(log->wal, err);

    if (rc != 0)
        return rc;
    if (txn == 0) {
        begun = hf_wal_tail(log->wal);
        rc = hf_wal_own(log->wal, begun, err);
    }
    if (rc == 0)
        rc = hf_wal_append(log->wal, type, txn != 0 ? txn : begun, payload, len, out_end, err);
    if (rc != 0 && txn == 0)
        hf_wal_disown(log->wal, begun);
    hf_wal_unlock(log->wal);
    if (rc == 0 && out_txn != NULL)
        *out_txn = txn != 0 ? txn : begun;
    return rc;
}

uint64_t hf_test_log_append(struct hf_test_log *log, enum hf_wal_type type, const char *text)
{
    uint64_t end = 0;

    must(hf_test_log_try_append(log, type, 0, text, strlen(text), NULL, &end, &err));
    return end;
}

uint64_t hf_test_log_commit(struct hf_test_log *log, const char *text)
{
    uint64_t end = 0, txn = 0;

    must(hf_test_log_try_append(log, HF_WAL_COMMIT, 0, text, strlen(text), &txn, &end, &err));
    must(hf_wal_sync(log->wal, end, &err));
    hf_wal_disown(log->wal, txn);
    return end;
}

int hf_test_log_append_bytes(struct hf_test_log *log, const void *payload, size_t len,
                             uint64_t *out_end, struct hf_error *err)
{
    uint64_t txn = 0;
    int rc = hf_test_log_try_append(log, HF_WAL_COMMIT, 0, payload, len, &txn, out_end, err);

    if (rc == 0)
        hf_wal_disown(log->wal, txn); /* held on until it is durable */
    return rc;
}

void hf_test_log_catch_up(struct hf_test_log *log)
{
    must(hf_wal_lock(log->wal, &err));
    hf_wal_unlock(log->wal);
}

void hf_test_log_expect(const struct hf_test_log *log, ...)
{
    va_list texts;
    size_t count = 0;

    va_start(texts, log);
    for (const char *text; (text = va_arg(texts, const char *)) != NULL; count++) {
        ck_assert_msg(count < log->count, "\"%s\" was not handed on", text);
        ck_assert_str_eq(log->records[count].text, text);
    }
    va_end(texts);
    ck_assert_msg(count == log->count, "\"%s\" was handed on too", log->records[count].text);
}

void hf_test_log_expect_same(const struct hf_test_log *a, const struct hf_test_log *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        hf_test_require(a->records[i].position == b->records[i].position);
        hf_test_require(a->records[i].type == b->records[i].type);
        /* A COMMIT whose COPY is lost ends earlier. */
        hf_test_require(a->records[i].end == b->records[i].end ||
                        a->records[i].type == HF_WAL_COMMIT);
        hf_test_require(a->records[i].txn == b->records[i].txn);
        hf_test_require(a->records[i].payload_len == b->records[i].payload_len);
        hf_test_require(a->records[i].payload_sum == b->records[i].payload_sum);
    }
}

void hf_test_log_setup(struct hf_test_log *log, struct hf_test_watch *watch, char *path)
{
    hf_test_make_dir(path);
    hf_test_watch_init(watch, path);
    watch->skips_sync = true;
    hf_test_log_create(&watch->io, path);
    hf_test_log_open(log, &watch->io, path);
    hf_test_watch_restart(watch);
}

void hf_test_log_teardown(struct hf_test_log *log, struct hf_test_watch *watch, const char *path)
{
    if (log->wal != NULL)
        hf_test_log_close(log);
    hf_test_watch_release(watch);
    hf_test_remove_dir(path);
}

unsigned hf_test_log_count_events(const struct hf_test_watch *watch, enum hf_test_op op,
                                  const char *what)
{
    unsigned count = 0;

    for (size_t i = 0; (i = hf_test_watch_find(watch, i, op, what)) < watch->event_count; i++)
        count++;
    return count;
}

static void join(const char *path, const char *name, char out[512])
{
    snprintf(out, 512, "%.255s/%.255s", path, name);
}

uint8_t *hf_test_read_file(const char *path, const char *name, size_t *out_len)
{
    char full[512];
    struct stat stat;

    join(path, name, full);
    int fd = open(full, O_RDONLY);
    ck_assert_msg(fd >= 0, "cannot open %s", full);
    ck_assert_int_eq(fstat(fd, &stat), 0);
    uint8_t *data = malloc((size_t)stat.st_size + 1);
    ck_assert_int_eq(read(fd, data, (size_t)stat.st_size), stat.st_size);
    close(fd);
    *out_len = (size_t)stat.st_size;
    return data;
}

void hf_test_write_file(const char *path, const char *name, const void *data, size_t len)
{
    char full[512];

    join(path, name, full);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_msg(fd >= 0, "cannot make %s", full);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

bool hf_test_has_file(const char *path, const char *name)
{
    char full[512];

    join(path, name, full);
    return access(full, F_OK) == 0;
}

unsigned hf_test_segment_count(const char *path)
{
    unsigned count = 0;

    for (unsigned i = 1; i < 100; i++) {
        char name[64];
        snprintf(name, sizeof(name), "wal/%016x.seg", i);
        count += hf_test_has_file(path, name);
    }
    return count;
}
