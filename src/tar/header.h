/* tar/header.h - one block of 512 bytes as the header of an entry. Layouts: POSIX pax "ustar
 * Interchange Format", GNU tar manual "Basic Tar Format", Go's archive/tar/format.go. */
#ifndef HF_TAR_HEADER_H
#define HF_TAR_HEADER_H

#include "base/buf.h"

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hf_tar_format {
    HF_TAR_V7,
    HF_TAR_USTAR,
    HF_TAR_STAR,
    HF_TAR_GNU,
};

/* What stands in the block; numbers are not judged yet, since a pax record may replace them. */
struct hf_tar_header {
    enum hf_tar_format format;
    char type;
    int64_t mode;
    int64_t uid;
    int64_t gid;
    int64_t size;
    int64_t mtime;
    int64_t dev_major; /* of devices, else 0 */
    int64_t dev_minor;
};

bool hf_tar_block_is_zero(const uint8_t *block);

/* Checksum and numbers. */
HF_MUST_USE int hf_tar_header_decode(const uint8_t *block, struct hf_tar_header *out,
                                     struct hf_error *err);
/* Put the name with its prefix, or the link target, into `out`, which was empty. */
void hf_tar_header_name(const uint8_t *block, enum hf_tar_format format, struct hf_buf *out);
void hf_tar_header_link(const uint8_t *block, struct hf_buf *out);

/* A number as every header field has it: octal digits between blanks or NULs, or base-256. */
HF_MUST_USE int hf_tar_number(const uint8_t *field, size_t len, const char *what, int64_t *out,
                              struct hf_error *err);

#endif
