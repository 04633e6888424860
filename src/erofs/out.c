/* erofs/out.c - the image on its way out, in pieces; the first piece gets its checksum here. */
#include "erofs/write.h"

#include "erofs/format.h"

#define PIECE ((size_t)64 << 10) /* more than the first block */

uint32_t hf_erofs_crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* Over the block of the super block, from it on, its own place being 0 until now. */
static void put_checksum(struct hf_erofs_out *out)
{
    uint32_t crc = hf_erofs_crc32c(out->buf.data + HF_EROFS_SUPER_OFF, HF_EROFS_SUMMED_BYTES);

    for (int i = 0; i < 4; i++)
        out->buf.data[HF_EROFS_SUM_OFF + i] = (uint8_t)(crc >> (8 * i));
}

static int flush(struct hf_erofs_out *out, struct hf_error *err)
{
    int rc = hf_buf_check(&out->buf, err);

    if (rc < 0 || out->buf.len == 0)
        return rc;
    if (out->off == 0 && out->has_checksum)
        put_checksum(out);
    if ((rc = out->output->write(out->output->arg, out->buf.data, out->buf.len, err)) < 0)
        return rc;
    out->off += out->buf.len;
    hf_buf_clear(&out->buf);
    return 0;
}

void hf_erofs_out_reach(struct hf_erofs_out *out, uint64_t off)
{
    hf_buf_put_zeros(&out->buf, (size_t)(off - hf_erofs_out_off(out)));
}

int hf_erofs_out_settle(struct hf_erofs_out *out, struct hf_error *err)
{
    return out->buf.len >= PIECE ? flush(out, err) : hf_buf_check(&out->buf, err);
}

int hf_erofs_out_end(struct hf_erofs_out *out, struct hf_error *err)
{
    return flush(out, err);
}

int hf_erofs_out_copy(struct hf_erofs_out *out, uint64_t tar_off, uint64_t len,
                      struct hf_error *err)
{
    while (len > 0) {
        size_t part = len < PIECE ? (size_t)len : PIECE;
        uint8_t *room = hf_buf_reserve(&out->buf, part);
        int rc = hf_buf_check(&out->buf, err);
        if (rc < 0 || (rc = out->output->read(out->output->arg, tar_off, room, part, err)) < 0)
            return rc;
        out->buf.len += part;
        if ((rc = hf_erofs_out_settle(out, err)) < 0)
            return rc;
        tar_off += part;
        len -= part;
    }
    return 0;
}

int hf_erofs_out_zeros(struct hf_erofs_out *out, uint64_t len, struct hf_error *err)
{
    while (len > 0) {
        size_t part = len < PIECE ? (size_t)len : PIECE;
        hf_buf_put_zeros(&out->buf, part);
        int rc = hf_erofs_out_settle(out, err);
        if (rc < 0)
            return rc;
        len -= part;
    }
    return 0;
}
