/*
 * tests/support/erofs_reader.h - reads EROFS images, to judge those that Holdfast writes.
 *
 * Written from the description of the format, not from the writer, with which it shares no line. It
 * knows what src/erofs/FORMAT.md says may be there and takes everything else for a fault: it reads
 * the whole image at once and checks every rule that a kernel relies on.
 */
#ifndef HF_TESTS_SUPPORT_EROFS_READER_H
#define HF_TESTS_SUPPORT_EROFS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_erofs_image {
    const uint8_t *data;
    size_t len;
    const uint8_t *tar; /* device 1 of an index; NULL and 0 for the full form */
    size_t tar_len;
    /* Read from the super block. */
    uint32_t block_bytes;
    uint32_t block_count;
    uint32_t root_nid;
    uint64_t inode_count;
    uint32_t device_first; /* number of the tar's first block in the common space; 0: no device */
    uint32_t device_blocks;
    char tag[65];
    char fault[256]; /* the first broken rule */
};

struct hf_erofs_stat {
    uint32_t nid;
    uint16_t mode;
    uint16_t layout; /* 0 plain, 2 inline, 4 chunks */
    uint64_t size;
    uint32_t address;
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
    uint32_t nlink;
    uint64_t at;          /* in the image */
    uint64_t xattr_bytes; /* header included */
};

/* Super block and device slot. False: `fault` says why. */
bool hf_erofs_image_open(struct hf_erofs_image *image, const void *data, size_t len,
                         const void *tar, size_t tar_len);
bool hf_erofs_image_stat(struct hf_erofs_image *image, uint32_t nid, struct hf_erofs_stat *out);
/* By components with single slashes between; "" is the root. False, without fault: no such path. */
bool hf_erofs_image_find(struct hf_erofs_image *image, const char *path, struct hf_erofs_stat *out);
/* `len` bytes from `off` on, all of them within the file. */
bool hf_erofs_image_read(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                         uint64_t off, void *out, size_t len);
/* The value with its length, inside the image; NULL: not there. Names are whole: "user.a". */
const uint8_t *hf_erofs_image_xattr(struct hf_erofs_image *image, const struct hf_erofs_stat *inode,
                                    const char *name, size_t *out_len);
size_t hf_erofs_image_xattr_count(struct hf_erofs_image *image, const struct hf_erofs_stat *inode);

struct hf_erofs_image_entry {
    const char *name; /* not NUL-terminated */
    size_t name_len;
    uint64_t nid;
    uint8_t type;
};
/* Every entry of a directory, "." and ".." too. The callback returns false to end. */
bool hf_erofs_image_list(struct hf_erofs_image *image, const struct hf_erofs_stat *directory,
                         bool (*each)(void *arg, const struct hf_erofs_image_entry *entry),
                         void *arg);

/* The whole image: every inode, directory, attribute and address. */
bool hf_erofs_image_check(struct hf_erofs_image *image);

#endif
