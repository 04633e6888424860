/* fault-injection/crash_log.c - reads a log as a whole: the bytes stay in the mapped file. */
#include "crash_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_file(const char *path, struct crash_log *out)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &stat) < 0) {
        perror(path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    out->map_len = (size_t)stat.st_size;
    out->map = mmap(NULL, out->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (out->map != MAP_FAILED)
        return 0;
    perror(path);
    out->map = NULL;
    return -1;
}

static int add(struct crash_log *log, size_t *capacity, const struct crash_log_record *record,
               const uint8_t *data)
{
    if (log->entry_count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 1024;
        struct crash_entry *more = realloc(log->entries, *capacity * sizeof(*more));
        if (more == NULL)
            return -1;
        log->entries = more;
    }
    log->entries[log->entry_count++] = (struct crash_entry){
        .kind = (enum crash_log_kind)record->kind,
        .off = record->off,
        .len = record->len,
        .data = data,
    };
    return 0;
}

static int read_records(struct crash_log *log)
{
    const uint8_t *bytes = log->map;
    size_t at = sizeof(struct crash_log_header), capacity = 0;
    struct crash_log_record record;

    while (log->map_len - at >= sizeof(record)) {
        memcpy(&record, bytes + at, sizeof(record));
        at += sizeof(record);
        if (record.len > log->map_len - at)
            break;
        if (add(log, &capacity, &record, bytes + at) != 0)
            return -1;
        at += record.len;
    }
    return 0;
}

int crash_log_read(const char *path, struct crash_log *out)
{
    struct crash_log_header header;

    memset(out, 0, sizeof(*out));
    if (map_file(path, out) != 0)
        return -1;
    if (out->map_len < sizeof(header)) {
        fprintf(stderr, "%s: no log of a disk\n", path);
        return -1;
    }
    memcpy(&header, out->map, sizeof(header));
    if (memcmp(header.magic, CRASH_LOG_MAGIC, sizeof(header.magic)) != 0) {
        fprintf(stderr, "%s: no log of a disk\n", path);
        return -1;
    }
    out->size_bytes = header.size_bytes;
    return read_records(out);
}

void crash_log_release(struct crash_log *log)
{
    free(log->entries);
    if (log->map != NULL)
        munmap(log->map, log->map_len);
    memset(log, 0, sizeof(*log));
}
