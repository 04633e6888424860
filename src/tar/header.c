/* tar/header.c - one block of 512 bytes as the header of an entry. */
#include "tar/header.h"

#include "base/error.h"
#include "tar/tar.h"

#include <string.h>

struct field {
    size_t off;
    size_t len;
};

static const struct field field_name = {0, 100};
static const struct field field_mode = {100, 8};
static const struct field field_uid = {108, 8};
static const struct field field_gid = {116, 8};
static const struct field field_size = {124, 12};
static const struct field field_mtime = {136, 12};
static const struct field field_checksum = {148, 8};
static const struct field field_link = {157, 100};
static const struct field field_dev_major = {329, 8};
static const struct field field_dev_minor = {337, 8};
static const struct field field_prefix = {345, 155};
static const struct field field_prefix_star = {345, 131};
#define TYPE_OFF         156
#define MAGIC_OFF        257
#define STAR_TRAILER_OFF 508

bool hf_tar_block_is_zero(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, HF_TAR_BLOCK - 1) == 0;
}

/* Two's complement, most significant byte first; bit 7 of the first byte only marks the encoding.
 */
static int base_256(const uint8_t *field, size_t len, const char *what, int64_t *out,
                    struct hf_error *err)
{
    uint8_t flip = (field[0] & 0x40) != 0 ? 0xff : 0;
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = field[i] ^ flip;
        if (i == 0)
            byte &= 0x7f;
        if (value >> 55 != 0)
            return hf_fail(err, HF_ERR_LIMIT, "its %s does not fit 64 bits", what);
        value = value << 8 | byte;
    }
    *out = flip != 0 ? (int64_t)~value : (int64_t)value;
    return 0;
}

int hf_tar_number(const uint8_t *field, size_t len, const char *what, int64_t *out,
                  struct hf_error *err)
{
    uint64_t value = 0;

    if ((field[0] & 0x80) != 0)
        return base_256(field, len, what, out, err);
    while (len > 0 && (field[0] == ' ' || field[0] == '\0')) {
        field++;
        len--;
    }
    for (size_t i = 0; i < len && field[i] != '\0' && field[i] != ' '; i++) {
        if (field[i] < '0' || field[i] > '7')
            return hf_fail(err, HF_ERR_INPUT, "its %s is not an octal number", what);
        value = value << 3 | (uint64_t)(field[i] - '0'); /* at most 12 digits: 36 bits */
    }
    *out = (int64_t)value;
    return 0;
}

/* The sum of all bytes, its own field as blanks. Old tars summed signed characters. */
static bool checksum_fits(const uint8_t *block, int64_t expected)
{
    int64_t sum = 0;
    int64_t signed_sum = 0;

    for (size_t i = 0; i < HF_TAR_BLOCK; i++) {
        bool is_own = i >= field_checksum.off && i < field_checksum.off + field_checksum.len;
        uint8_t byte = is_own ? ' ' : block[i];
        sum += byte;
        signed_sum += (int8_t)byte;
    }
    return expected == sum || expected == signed_sum;
}

static enum hf_tar_format format_of(const uint8_t *block)
{
    const uint8_t *magic = block + MAGIC_OFF;

    if (memcmp(magic, "ustar", 6) == 0)
        return memcmp(block + STAR_TRAILER_OFF, "tar", 4) == 0 ? HF_TAR_STAR : HF_TAR_USTAR;
    if (memcmp(magic, "ustar  ", 8) == 0)
        return HF_TAR_GNU;
    return HF_TAR_V7;
}

static int number(const uint8_t *block, struct field field, const char *what, int64_t *out,
                  struct hf_error *err)
{
    return hf_tar_number(block + field.off, field.len, what, out, err);
}

int hf_tar_header_decode(const uint8_t *block, struct hf_tar_header *out, struct hf_error *err)
{
    struct hf_tar_header header = {.format = format_of(block), .type = (char)block[TYPE_OFF]};
    int64_t checksum = 0;
    int rc;

    if (number(block, field_checksum, "checksum", &checksum, NULL) < 0 ||
        !checksum_fits(block, checksum))
        return hf_fail(err, HF_ERR_INPUT, "this is no header, its checksum is wrong");
    if ((rc = number(block, field_mode, "mode", &header.mode, err)) < 0 ||
        (rc = number(block, field_uid, "uid", &header.uid, err)) < 0 ||
        (rc = number(block, field_gid, "gid", &header.gid, err)) < 0 ||
        (rc = number(block, field_size, "size", &header.size, err)) < 0 ||
        (rc = number(block, field_mtime, "mtime", &header.mtime, err)) < 0)
        return rc;
    /* Other types have anything there. */
    if ((header.type == '3' || header.type == '4') && header.format != HF_TAR_V7 &&
        ((rc = number(block, field_dev_major, "device number", &header.dev_major, err)) < 0 ||
         (rc = number(block, field_dev_minor, "device number", &header.dev_minor, err)) < 0))
        return rc;
    *out = header;
    return 0;
}

static void put_text(const uint8_t *block, struct field field, struct hf_buf *out)
{
    hf_buf_put(out, block + field.off, strnlen((const char *)block + field.off, field.len));
}

void hf_tar_header_name(const uint8_t *block, enum hf_tar_format format, struct hf_buf *out)
{
    if (format == HF_TAR_USTAR)
        put_text(block, field_prefix, out);
    else if (format == HF_TAR_STAR)
        put_text(block, field_prefix_star, out);
    if (out->len > 0)
        hf_buf_put_u8(out, '/');
    put_text(block, field_name, out);
}

void hf_tar_header_link(const uint8_t *block, struct hf_buf *out)
{
    put_text(block, field_link, out);
}
