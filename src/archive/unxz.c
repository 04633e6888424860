/* archive/unxz.c - xz streams, one or more, by liblzma. */
#include "archive/unxz.h"

#include "base/error.h"

#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OUT_BYTES (256u * 1024u)

struct hf_unxz {
    hf_unxz_fn *read;
    void *arg;
    lzma_stream stream;
    bool has_ended; /* the input */
    bool is_done;
    uint8_t out[OUT_BYTES];
};

bool hf_unxz_begins(const void *data, size_t len)
{
    return len >= HF_UNXZ_MAGIC && memcmp(data,
                                          "\xfd"
                                          "7zXZ\0",
                                          HF_UNXZ_MAGIC) == 0;
}

int hf_unxz_new(hf_unxz_fn *read, void *arg, struct hf_unxz **out, struct hf_error *err)
{
    struct hf_unxz *unxz = calloc(1, sizeof(*unxz));

    if (!unxz)
        return hf_fail_memory(err);
    unxz->read = read;
    unxz->arg = arg;
    if (lzma_stream_decoder(&unxz->stream, HF_UNXZ_MEMORY_BYTES, LZMA_CONCATENATED) != LZMA_OK) {
        free(unxz);
        return hf_fail_memory(err);
    }
    *out = unxz;
    return 0;
}

void hf_unxz_free(struct hf_unxz *unxz)
{
    if (!unxz)
        return;
    lzma_end(&unxz->stream);
    free(unxz);
}

static int feed(struct hf_unxz *unxz, struct hf_error *err)
{
    const void *data;
    size_t len = 0;

    if (unxz->has_ended || unxz->stream.avail_in > 0)
        return 0;
    int rc = unxz->read(unxz->arg, &data, &len, err);
    if (rc != 0)
        return rc;
    unxz->has_ended = len == 0;
    unxz->stream.next_in = data;
    unxz->stream.avail_in = len;
    return 0;
}

static int explain(lzma_ret result, struct hf_error *err)
{
    switch (result) {
    case LZMA_MEM_ERROR:
        return hf_fail_memory(err);
    case LZMA_MEMLIMIT_ERROR:
        return hf_fail(err, HF_ERR_LIMIT, "its xz dictionary is larger than 128 MiB");
    case LZMA_BUF_ERROR:
        return hf_fail(err, HF_ERR_INPUT, "its xz data ends in the middle");
    case LZMA_FORMAT_ERROR:
        return hf_fail(err, HF_ERR_INPUT, "its xz data is followed by something else");
    default:
        return hf_fail(err, HF_ERR_INPUT, "its xz data is damaged");
    }
}

int hf_unxz_read(struct hf_unxz *unxz, const void **out_data, size_t *out_len, struct hf_error *err)
{
    unxz->stream.next_out = unxz->out;
    unxz->stream.avail_out = OUT_BYTES;
    while (!unxz->is_done && unxz->stream.avail_out == OUT_BYTES) {
        int rc = feed(unxz, err);
        if (rc != 0)
            return rc;
        lzma_ret result = lzma_code(&unxz->stream, unxz->has_ended ? LZMA_FINISH : LZMA_RUN);
        unxz->is_done = result == LZMA_STREAM_END;
        if (result != LZMA_OK && result != LZMA_STREAM_END)
            return explain(result, err);
    }
    *out_data = unxz->out;
    *out_len = OUT_BYTES - unxz->stream.avail_out;
    return 0;
}
