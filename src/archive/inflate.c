/*
 * archive/inflate.c - gzip by zlib, zstd by libzstd.
 *
 * gzip:  MEMBER --its end--> BETWEEN --0x1f--> MEMBER
 *                            BETWEEN --0x00--> PADDING, where only zero bytes may follow
 * zstd:  libzstd takes frame after frame by itself; MEMBER is within a frame, BETWEEN is not.
 */
#include "archive/inflate.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define OUT_BYTES      (128u * 1024u)
#define GZIP_ONLY_BITS (16 + MAX_WBITS)

enum state { MEMBER, BETWEEN, PADDING };

struct hf_inflater {
    enum hf_compression compression;
    enum state state;
    hf_inflate_fn *fn;
    void *arg;
    z_stream gzip;
    ZSTD_DCtx *zstd;
    uint8_t out[OUT_BYTES];
};

enum hf_compression hf_compression_of(const void *data, size_t len)
{
    const uint8_t *magic = data;

    if (len >= 3 && magic[0] == 0x1f && magic[1] == 0x8b && magic[2] == 8)
        return HF_COMPRESSION_GZIP;
    if (len < HF_COMPRESSION_MAGIC)
        return HF_COMPRESSION_PLAIN;
    if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
        return HF_COMPRESSION_ZSTD;
    /* A skippable frame, as seekable formats put first. */
    if ((magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0)
        return HF_COMPRESSION_ZSTD;
    return HF_COMPRESSION_PLAIN;
}

static int start(struct hf_inflater *inflater, struct hf_error *err)
{
    if (inflater->compression == HF_COMPRESSION_GZIP)
        return inflateInit2(&inflater->gzip, GZIP_ONLY_BITS) == Z_OK ? 0 : hf_fail_memory(err);
    inflater->zstd = ZSTD_createDCtx();
    if (!inflater->zstd)
        return hf_fail_memory(err);
    size_t rc = ZSTD_DCtx_setParameter(inflater->zstd, ZSTD_d_windowLogMax, HF_INFLATE_WINDOW_LOG);
    return ZSTD_isError(rc) ? hf_fail_memory(err) : 0;
}

int hf_inflater_new(enum hf_compression compression, hf_inflate_fn *fn, void *arg,
                    struct hf_inflater **out, struct hf_error *err)
{
    struct hf_inflater *inflater = calloc(1, sizeof(*inflater));

    if (!inflater)
        return hf_fail_memory(err);
    inflater->compression = compression;
    inflater->fn = fn;
    inflater->arg = arg;
    int rc = start(inflater, err);
    if (rc != 0) {
        free(inflater);
        return rc;
    }
    *out = inflater;
    return 0;
}

void hf_inflater_free(struct hf_inflater *inflater)
{
    if (!inflater)
        return;
    if (inflater->compression == HF_COMPRESSION_GZIP)
        inflateEnd(&inflater->gzip);
    ZSTD_freeDCtx(inflater->zstd);
    free(inflater);
}

/* --- gzip ------------------------------------------------------------------------------------- */

/* One call of zlib; takes from gzip.next_in. */
static int inflate_piece(struct hf_inflater *inflater, struct hf_error *err)
{
    z_stream *gzip = &inflater->gzip;

    gzip->next_out = inflater->out;
    gzip->avail_out = OUT_BYTES;
    int rc = inflate(gzip, Z_NO_FLUSH);
    if (rc == Z_MEM_ERROR)
        return hf_fail_memory(err);
    if (rc == Z_STREAM_END)
        inflater->state = BETWEEN;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return hf_fail(err, HF_ERR_INPUT, "its gzip data is damaged (%s)",
                       gzip->msg ? gzip->msg : "bad data");
    size_t len = OUT_BYTES - gzip->avail_out;
    return len > 0 ? inflater->fn(inflater->arg, inflater->out, len, err) : 0;
}

/* The byte behind a member: the first of another one, or padding. */
static int begin_member(struct hf_inflater *inflater, struct hf_error *err)
{
    switch (inflater->gzip.next_in[0]) {
    case 0x1f:
        inflater->state = MEMBER;
        return inflateReset(&inflater->gzip) == Z_OK ? 0 : hf_fail_memory(err);
    case 0:
        inflater->state = PADDING;
        return 0;
    default:
        return hf_fail(err, HF_ERR_INPUT, "its gzip data is followed by something else");
    }
}

static int skip_padding(struct hf_inflater *inflater, struct hf_error *err)
{
    z_stream *gzip = &inflater->gzip;

    for (; gzip->avail_in > 0; gzip->avail_in--, gzip->next_in++)
        if (gzip->next_in[0] != 0)
            return hf_fail(err, HF_ERR_INPUT, "its gzip data is followed by something else");
    return 0;
}

/* Also called with nothing to take, for what zlib still holds back; then it ends when no more comes
 * out. */
static int push_gzip(struct hf_inflater *inflater, const void *data, size_t len,
                     struct hf_error *err)
{
    z_stream *gzip = &inflater->gzip;
    int rc = 0;

    gzip->next_in = (Bytef *)data;
    gzip->avail_in = (uInt)len;
    do {
        if (inflater->state == MEMBER)
            rc = inflate_piece(inflater, err);
        else if (inflater->state == BETWEEN && gzip->avail_in > 0)
            rc = begin_member(inflater, err);
        else
            rc = skip_padding(inflater, err);
    } while (rc == 0 &&
             (gzip->avail_in > 0 || (inflater->state == MEMBER && gzip->avail_out == 0)));
    return rc;
}

/* --- zstd ------------------------------------------------------------------------------------- */

static int zstd_error(size_t code, struct hf_error *err)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return hf_fail_memory(err);
    case ZSTD_error_frameParameter_windowTooLarge:
        return hf_fail(err, HF_ERR_LIMIT, "its zstd window is larger than 128 MiB");
    case ZSTD_error_prefix_unknown:
        return hf_fail(err, HF_ERR_INPUT, "its zstd data is followed by something else");
    default:
        return hf_fail(err, HF_ERR_INPUT, "its zstd data is damaged (%s)", ZSTD_getErrorName(code));
    }
}

static int push_zstd(struct hf_inflater *inflater, const void *data, size_t len,
                     struct hf_error *err)
{
    ZSTD_inBuffer in = {data, len, 0};
    ZSTD_outBuffer out;

    do {
        out = (ZSTD_outBuffer){inflater->out, OUT_BYTES, 0};
        size_t wants = ZSTD_decompressStream(inflater->zstd, &out, &in);
        if (ZSTD_isError(wants))
            return zstd_error(wants, err);
        inflater->state = wants == 0 ? BETWEEN : MEMBER;
        int rc = out.pos > 0 ? inflater->fn(inflater->arg, inflater->out, out.pos, err) : 0;
        if (rc != 0)
            return rc;
    } while (in.pos < in.size || (inflater->state == MEMBER && out.pos == out.size));
    return 0;
}

/* ---------------------------------------------------------------------------------------------- */

int hf_inflater_push(struct hf_inflater *inflater, const void *data, size_t len,
                     struct hf_error *err)
{
    const uint8_t *bytes = data;
    int rc = 0;

    while (rc == 0 && len > 0) {
        size_t piece = len < UINT32_MAX / 2 ? len : UINT32_MAX / 2; /* zlib counts in 32 bits */
        rc = inflater->compression == HF_COMPRESSION_GZIP ? push_gzip(inflater, bytes, piece, err)
                                                          : push_zstd(inflater, bytes, piece, err);
        bytes += piece;
        len -= piece;
    }
    return rc;
}

int hf_inflater_end(struct hf_inflater *inflater, struct hf_error *err)
{
    if (inflater->state != MEMBER)
        return 0;
    return hf_fail(err, HF_ERR_INPUT, "its %s data ends in the middle",
                   inflater->compression == HF_COMPRESSION_GZIP ? "gzip" : "zstd");
}
