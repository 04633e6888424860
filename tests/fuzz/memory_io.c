#include "fuzz/memory_io.h"

#include <string.h>

#define FILE_FD 7

static int memory_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    ((struct hf_fuzz_file *)io)->open_count++;
    return FILE_FD;
}

static int memory_close(struct hf_io *io, int fd)
{
    ((struct hf_fuzz_file *)io)->open_count--;
    return 0;
}

static int64_t memory_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    const struct hf_fuzz_file *file = (const struct hf_fuzz_file *)io;

    if (off >= file->size)
        return 0;
    len = len < file->size - (size_t)off ? len : file->size - (size_t)off;
    memcpy(data, file->data + off, len);
    return (int64_t)len;
}

static int memory_fstat(struct hf_io *io, int fd, struct hf_io_stat *out)
{
    *out = (struct hf_io_stat){.kind = HF_IO_FILE,
                               .size_bytes = ((const struct hf_fuzz_file *)io)->size,
                               .link_count = 1,
                               .mode = 0600};
    return 0;
}

static int memory_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    return memory_fstat(io, FILE_FD, out);
}

static const struct hf_io_ops memory_ops = {
    .openat = memory_openat,
    .close = memory_close,
    .pread = memory_pread,
    .fstat = memory_fstat,
    .fstatat = memory_fstatat,
};

struct hf_fuzz_file hf_fuzz_file_of(const uint8_t *data, size_t size)
{
    return (struct hf_fuzz_file){.io.ops = &memory_ops, .data = data, .size = size};
}
