/* tests/support/erofs_reader.c - reads EROFS images: super block, inodes, data, attributes.
 * Directories and the check of everything: erofs_tree_reader.c. */
#include "support/erofs_reader.h"

#include "support/erofs_reader_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool hf_erofs_fault(struct hf_erofs_image *image, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (image->fault[0] == '\0')
        vsnprintf(image->fault, sizeof(image->fault), format, args);
    va_end(args);
    return false;
}

uint64_t hf_erofs_get(const uint8_t *at, size_t len)
{
    uint64_t value = 0;

    while (len-- > 0)
        value = value << 8 | at[len];
    return value;
}

static bool all_zero(const uint8_t *at, size_t len)
{
    while (len > 0 && at[len - 1] == 0)
        len--;
    return len == 0;
}

/* By the table, as another implementation than the writer's. */
static uint32_t crc32c(const uint8_t *data, size_t len, size_t hole)
{
    uint32_t table[256];
    uint32_t crc = 0xffffffff;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78u : value >> 1;
        table[i] = value;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = i >= hole && i < hole + 4 ? 0 : data[i];
        crc = table[(crc ^ byte) & 0xff] ^ crc >> 8;
    }
    return crc;
}

static bool open_device(struct hf_erofs_image *image)
{
    const uint8_t *slot = image->data + 1152;

    memcpy(image->tag, slot, 64);
    image->device_blocks = (uint32_t)hf_erofs_get(slot + 64, 4);
    image->device_first = (uint32_t)hf_erofs_get(slot + 68, 4);
    if (!all_zero(slot + 72, 56))
        return hf_erofs_fault(image, "reserved bytes of the device slot");
    if (image->device_first != image->block_count)
        return hf_erofs_fault(image, "the tar's blocks do not follow those of the image");
    if (image->device_blocks != (image->tar_len + 511) / 512)
        return hf_erofs_fault(image, "the device has %u blocks", image->device_blocks);
    return true;
}

bool hf_erofs_image_open(struct hf_erofs_image *image, const void *data, size_t len,
                         const void *tar, size_t tar_len)
{
    *image = (struct hf_erofs_image){.data = data, .len = len, .tar = tar, .tar_len = tar_len};
    const uint8_t *super = image->data + 1024;
    bool has_device = tar != NULL;

    if (len < 1536)
        return hf_erofs_fault(image, "shorter than its super block");
    if (!all_zero(image->data, 1024) || hf_erofs_get(super, 4) != 0xe0f5e1e2u)
        return hf_erofs_fault(image, "no magic number");
    image->block_bytes = 1u << super[12];
    if (super[12] != (has_device ? 9 : 12))
        return hf_erofs_fault(image, "block size 2^%u", super[12]);
    image->block_count = (uint32_t)hf_erofs_get(super + 36, 4);
    if (len != (uint64_t)image->block_count << super[12])
        return hf_erofs_fault(image, "%u blocks, but %zu bytes", image->block_count, len);
    uint32_t checksum = has_device ? 0 : crc32c(super, image->block_bytes - 1024, 4);
    if (checksum != hf_erofs_get(super + 4, 4))
        return hf_erofs_fault(image, "checksum of the super block");
    image->root_nid = (uint32_t)hf_erofs_get(super + 14, 2);
    image->inode_count = hf_erofs_get(super + 16, 8);
    uint64_t incompatible = hf_erofs_get(super + 80, 4);
    if (hf_erofs_get(super + 8, 4) != (has_device ? 2 : 3) ||
        (incompatible & ~(uint64_t)0x4) != (has_device ? 8 : 0))
        return hf_erofs_fault(image, "feature words");
    if (super[13] != 0 || !all_zero(super + 24, 12) || !all_zero(super + 40, 40) ||
        !all_zero(super + 84, 2) || !all_zero(super + 90, 38))
        return hf_erofs_fault(image, "a field of the super block is set that should not be");
    if (hf_erofs_get(super + 86, 2) != (has_device ? 1 : 0) ||
        hf_erofs_get(super + 88, 2) != (has_device ? 9 : 0))
        return hf_erofs_fault(image, "device table");
    return has_device ? open_device(image) : true;
}

static bool check_type(struct hf_erofs_image *image, const struct hf_erofs_stat *inode)
{
    bool is_file = S_ISREG(inode->mode);
    bool has_tree_data = S_ISDIR(inode->mode) || S_ISLNK(inode->mode);

    if (inode->layout == 4 ? !is_file : inode->layout == 2 ? !has_tree_data : inode->layout != 0)
        return hf_erofs_fault(image, "inode %u: mode %o with layout %u", inode->nid, inode->mode,
                              inode->layout);
    if (!is_file && !has_tree_data && inode->size != 0)
        return hf_erofs_fault(image, "inode %u: a size without data", inode->nid);
    if (!is_file && !has_tree_data && !S_ISCHR(inode->mode) && !S_ISBLK(inode->mode) &&
        !S_ISFIFO(inode->mode))
        return hf_erofs_fault(image, "inode %u: mode %o", inode->nid, inode->mode);
    if (has_tree_data && inode->size == 0)
        return hf_erofs_fault(image, "inode %u: empty directory or symlink", inode->nid);
    if (S_ISLNK(inode->mode) && inode->size > 4095)
        return hf_erofs_fault(image, "inode %u: long symlink", inode->nid);
    return true;
}

bool hf_erofs_image_stat(struct hf_erofs_image *image, uint32_t nid, struct hf_erofs_stat *out)
{
    uint64_t at = (uint64_t)nid * 32;

    if (at < 1280 || at + 64 > image->len || at % image->block_bytes + 64 > image->block_bytes)
        return hf_erofs_fault(image, "inode %u lies outside, or on two blocks", nid);
    const uint8_t *bytes = image->data + at;
    uint64_t units = hf_erofs_get(bytes + 2, 2);
    uint64_t format = hf_erofs_get(bytes, 2);
    *out = (struct hf_erofs_stat){.nid = nid,
                                  .mode = (uint16_t)hf_erofs_get(bytes + 4, 2),
                                  .layout = (uint16_t)(format >> 1),
                                  .size = hf_erofs_get(bytes + 8, 8),
                                  .address = (uint32_t)hf_erofs_get(bytes + 16, 4),
                                  .uid = (uint32_t)hf_erofs_get(bytes + 24, 4),
                                  .gid = (uint32_t)hf_erofs_get(bytes + 28, 4),
                                  .mtime_sec = (int64_t)hf_erofs_get(bytes + 32, 8),
                                  .mtime_nsec = (uint32_t)hf_erofs_get(bytes + 40, 4),
                                  .nlink = (uint32_t)hf_erofs_get(bytes + 44, 4),
                                  .at = at,
                                  .xattr_bytes = units > 0 ? 12 + 4 * (units - 1) : 0};
    if ((format & 1) == 0 || hf_erofs_get(bytes + 6, 2) != 0 || !all_zero(bytes + 48, 16))
        return hf_erofs_fault(image, "inode %u: not extended, or reserved bytes", nid);
    if (out->nlink == 0 || out->mtime_nsec >= 1000000000 || out->size > INT64_MAX || units == 1 ||
        at + 64 + out->xattr_bytes > image->len)
        return hf_erofs_fault(image, "inode %u: a number out of range", nid);
    return check_type(image, out);
}

/* Bytes at a block of the common space: of the image, or of the tar behind it. */
static bool read_block_space(struct hf_erofs_image *image, uint64_t byte, uint8_t *out, size_t len)
{
    uint64_t tar_first = (uint64_t)image->device_first * image->block_bytes;

    if (byte <= image->len && len <= image->len - byte) {
        memcpy(out, image->data + byte, len);
        return true;
    }
    if (image->device_first == 0 || byte < tar_first || byte - tar_first > image->tar_len ||
        len > image->tar_len - (byte - tar_first))
        return hf_erofs_fault(image, "data outside of image and tar");
    if (len > 0)
        memcpy(out, image->tar + (byte - tar_first), len);
    return true;
}

static bool read_chunk(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                       uint64_t off, uint8_t *out, size_t len)
{
    uint64_t chunk = (uint64_t)image->block_bytes << (inode->address & 31);
    uint64_t first = (inode->at + 64 + inode->xattr_bytes + 7) / 8 * 8;
    uint64_t at = first + off / chunk * 8;

    if ((inode->address & ~31u) != 0x20 || at + 8 > image->len)
        return hf_erofs_fault(image, "inode %u: chunks", inode->nid);
    uint64_t device = hf_erofs_get(image->data + at + 2, 2);
    uint64_t block = hf_erofs_get(image->data + at + 4, 4);
    if (hf_erofs_get(image->data + at, 2) != 0 || device > (image->device_first != 0 ? 1 : 0))
        return hf_erofs_fault(image, "inode %u: a chunk's device", inode->nid);
    if (block == 0xffffffff) {
        memset(out, 0, len);
        return true;
    }
    uint64_t byte = block * image->block_bytes + off % chunk;
    if (device == 0)
        return byte + len <= image->len ? read_block_space(image, byte, out, len)
                                        : hf_erofs_fault(image, "a chunk outside of the image");
    return read_block_space(image, byte + (uint64_t)image->device_first * image->block_bytes, out,
                            len);
}

/* Part of a file that no block border cuts. */
static bool read_within_block(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                              uint64_t off, uint8_t *out, size_t len)
{
    uint64_t unit = image->block_bytes;

    if (inode->layout == 4)
        return read_chunk(image, inode, off, out, len);
    if (inode->layout == 2 && off >= inode->size / unit * unit) {
        uint64_t rest = inode->at + 64 + inode->xattr_bytes;
        if (inode->at / unit != (rest + inode->size % unit - 1) / unit)
            return hf_erofs_fault(image, "inode %u: its inline part is not in its block",
                                  inode->nid);
        return read_block_space(image, rest + off % unit, out, len);
    }
    return read_block_space(image, inode->address * unit + off, out, len);
}

bool hf_erofs_image_read(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                         uint64_t off, void *out, size_t len)
{
    uint8_t *to = out;

    if (off > inode->size || len > inode->size - off)
        return hf_erofs_fault(image, "inode %u: read behind its end", inode->nid);
    while (len > 0) {
        size_t part = image->block_bytes - off % image->block_bytes;
        part = len < part ? len : part;
        if (!read_within_block(image, inode, off, to, part))
            return false;
        off += part;
        to += part;
        len -= part;
    }
    return true;
}

/* Walks the attributes; with a name, to that one. */
static bool walk_xattrs(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                        const char *name, const uint8_t **out_value, size_t *out_len,
                        size_t *out_count)
{
    static const char *const prefixes[] = {
        NULL, "user.",     "system.posix_acl_access", "system.posix_acl_default", "trusted.",
        NULL, "security.",
    };
    uint64_t at = inode->at + 64;
    uint64_t end = at + inode->xattr_bytes;

    *out_count = 0;
    if (at == end)
        return true;
    if (!all_zero(image->data + at, 12))
        return hf_erofs_fault(image, "inode %u: header of attributes", inode->nid);
    for (at += 12; at < end; (*out_count)++) {
        const uint8_t *entry = image->data + at;
        size_t name_len = entry[0];
        size_t value_len = hf_erofs_get(entry + 2, 2);
        size_t whole = (4 + name_len + value_len + 3) / 4 * 4;
        const char *prefix = entry[1] < 7 ? prefixes[entry[1]] : NULL;
        if (!prefix || whole > end - at || (prefix[strlen(prefix) - 1] == '.') != (name_len > 0) ||
            memchr(entry + 4, 0, name_len) ||
            !all_zero(entry + 4 + name_len + value_len, whole - 4 - name_len - value_len))
            return hf_erofs_fault(image, "inode %u: an attribute", inode->nid);
        size_t prefix_len = strlen(prefix);
        if (name && strlen(name) == prefix_len + name_len &&
            strncmp(name, prefix, prefix_len) == 0 &&
            memcmp(name + prefix_len, entry + 4, name_len) == 0) {
            *out_value = entry + 4 + name_len;
            *out_len = value_len;
        }
        at += whole;
    }
    return true;
}

const uint8_t *hf_erofs_image_xattr(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                                    const char *name, size_t *out_len)
{
    const uint8_t *value = NULL;
    size_t count = 0;

    walk_xattrs(image, inode, name, &value, out_len, &count);
    return value;
}

size_t hf_erofs_image_xattr_count(struct hf_erofs_image *image, const struct hf_erofs_stat *inode)
{
    const uint8_t *value = NULL;
    size_t len = 0;
    size_t count = 0;

    walk_xattrs(image, inode, NULL, &value, &len, &count);
    return count;
}
