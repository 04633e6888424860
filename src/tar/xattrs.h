/* tar/xattrs.h - the extended attributes of one entry while its headers are read. Zeroed is empty.
 */
#ifndef HF_TAR_XATTRS_H
#define HF_TAR_XATTRS_H

#include "base/buf.h"
#include "tar/tar.h"

struct hf_tar_xattr_place {
    size_t off; /* of the name in `bytes`; the value follows the name's NUL */
    size_t name_len;
    size_t value_len;
};

struct hf_tar_xattrs {
    struct hf_buf bytes;
    struct hf_tar_xattr_place *places; /* in the order in which they came */
    size_t count;
    size_t capacity;
    size_t total_bytes;         /* of names and values */
    struct hf_tar_xattr *views; /* made by hf_tar_xattrs_list */
    size_t view_capacity;
};

void hf_tar_xattrs_release(struct hf_tar_xattrs *xattrs);
void hf_tar_xattrs_clear(struct hf_tar_xattrs *xattrs); /* keeps the memory */
HF_MUST_USE int hf_tar_xattrs_add(struct hf_tar_xattrs *xattrs, const char *name, size_t name_len,
                                  const uint8_t *value, size_t value_len, struct hf_error *err);
HF_MUST_USE int hf_tar_xattrs_copy(struct hf_tar_xattrs *to, const struct hf_tar_xattrs *from,
                                   struct hf_error *err);
/* Sorted by name; of one name only the last that came. Borrowed until the next change. */
HF_MUST_USE int hf_tar_xattrs_list(struct hf_tar_xattrs *xattrs, const struct hf_tar_xattr **out,
                                   size_t *out_count, struct hf_error *err);

#endif
