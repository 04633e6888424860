/* tests/support/tars.h - makes tars in memory, right ones and others. */
#ifndef HF_TESTS_SUPPORT_TARS_H
#define HF_TESTS_SUPPORT_TARS_H

#include "base/buf.h"

/* A zeroed member is a file without a name. */
struct hf_test_member {
    const char *name; /* up to 100 bytes go into the header, more need hf_test_tar_long */
    const char *link;
    const char *data; /* NUL-terminated, unless len is given */
    size_t len;
    char type; /* 0: '0' */
    unsigned mode;
    uint64_t uid; /* base-256 when they do not fit */
    uint64_t gid;
    int64_t mtime;
    unsigned dev_major;
    unsigned dev_minor;
    uint64_t told_size; /* in the header instead of len */
};

/* Header, data, padding. */
void hf_test_tar_add(struct hf_buf *tar, const struct hf_test_member *member);
/* A GNU header L or K with its text. */
void hf_test_tar_long(struct hf_buf *tar, char type, const char *text);
/* A pax header x or g with one record; several go into one if the text holds them. */
void hf_test_tar_pax(struct hf_buf *tar, char type, const char *key, const void *value, size_t len);
void hf_test_tar_pax_text(struct hf_buf *tar, char type, const void *records, size_t len);
/* One record, to be put together with others. */
void hf_test_pax_record(struct hf_buf *records, const char *key, const void *value, size_t len);
/* Two blocks of zeros. */
void hf_test_tar_end(struct hf_buf *tar);
/* Puts the right checksum into the header that begins at `off`. */
void hf_test_tar_sum(struct hf_buf *tar, size_t off);

#endif
