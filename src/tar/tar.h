/*
 * tar/tar.h - reads the tar of a layer from the pieces in which it comes by, once, without seeking.
 *
 *     hf_tar_new(&sink, &tar, err);
 *     while (there is more)
 *         hf_tar_feed(tar, data, len, err);   calls the sink
 *     hf_tar_end(tar, err);                   says whether the last entry was whole
 *     hf_tar_free(tar);
 *
 * The bytes may come in pieces of any length, so that who hashes a layer can feed what it hashed.
 * Data of files is skipped without being touched, unless the sink wants it.
 *
 * Understood: V7, ustar, star, GNU (long names L and K, sparse S, base-256 numbers) and pax (x and
 * g: path, linkpath, size, uid, gid, mtime, SCHILY.xattr.*, GNU.sparse 0.0, 0.1 and 1.0). Where
 * they leave a choice, it is Go's, since Go's reader decides what docker and containerd see: a GNU
 * long name beats a pax path; links, directories, devices and fifos have no data, whatever their
 * size says; only type NUL with a name ending in '/' is a directory of old. Global records apply to
 * every entry after them, but those that can only mean one entry (path, linkpath, size,
 * GNU.sparse.*) are passed over.
 *
 * The tar ends at two blocks of zeros, or where the bytes end; what follows the two blocks is not
 * looked at.
 *
 * Every error is final for this hf_tar, names the entry where its name is known, and says at which
 * offset of the tar its header begins. INPUT: malformed. LIMIT: one of those below, or a number
 * that Linux cannot hold. UNSUPPORTED: a type of entry that is none of enum hf_tar_type.
 */
#ifndef HF_TAR_TAR_H
#define HF_TAR_TAR_H

#include "base/buf.h"

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_TAR_BLOCK          512u
#define HF_TAR_MAX_NAME       65535u      /* bytes of a path or of a link target */
#define HF_TAR_MAX_PAX        (1u << 20)  /* bytes of one x or g header */
#define HF_TAR_MAX_XATTRS     65536u      /* bytes of names and values of one entry's */
#define HF_TAR_MAX_XATTR_NAME 255u        /* bytes, as in Linux */
#define HF_TAR_MAX_SEGMENTS   (1u << 18)  /* pieces of data in one sparse file */
#define HF_TAR_MAX_SIZE       INT64_MAX   /* bytes of one file, and of the tar */
#define HF_TAR_MAX_ID         0xfffffffeu /* uid, gid; one more means "none" in Linux */
#define HF_TAR_MAX_COMPONENT  255u        /* bytes between two slashes: hf_tar_clean_path */

enum hf_tar_type {
    HF_TAR_FILE,
    HF_TAR_DIRECTORY,
    HF_TAR_SYMLINK,
    HF_TAR_HARDLINK,
    HF_TAR_CHAR_DEVICE,
    HF_TAR_BLOCK_DEVICE,
    HF_TAR_FIFO,
};

/* Without its "SCHILY.xattr.": "user.name", "security.capability". */
struct hf_tar_xattr {
    const char *name; /* NUL-terminated, 1 to HF_TAR_MAX_XATTR_NAME bytes */
    const uint8_t *value;
    size_t name_len;
    size_t value_len;
};

/* Bytes of a file that are in the tar; between segments, and up to the file's size, is zero. */
struct hf_tar_segment {
    uint64_t file_off;
    uint64_t tar_off;
    uint64_t len; /* bytes, not 0 */
};

struct hf_tar_entry {
    enum hf_tar_type type;
    const char
        *path; /* as written; not empty, no NUL inside, NUL-terminated; see hf_tar_clean_path */
    const char *link; /* HARDLINK: path of the target. SYMLINK: what it holds. Else "" */
    size_t path_len;
    size_t link_len;
    uint16_t mode; /* the 12 bits of permissions */
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_sec;
    uint32_t mtime_nsec; /* 0 to 999,999,999, also before 1970 */
    uint32_t dev_major;  /* CHAR_DEVICE and BLOCK_DEVICE, else 0 */
    uint32_t dev_minor;
    uint64_t size;       /* bytes of a FILE when read, holes included; else 0 */
    uint64_t header_off; /* where the entry begins in the tar: its first header of any kind */
    uint64_t data_off;   /* the first byte after its headers, a multiple of 512; a pax sparse map
                          * (1.0) counts as header */
    uint64_t data_len;   /* bytes stored there, without padding */
    /* Of a FILE that is not empty: sorted, apart, inside the file. One from 0 to the end unless the
     * file is sparse; a sparse file may have none. */
    const struct hf_tar_segment *segments;
    size_t segment_count;
    bool is_sparse;
    const struct hf_tar_xattr *xattrs; /* sorted by name, each name once */
    size_t xattr_count;
};

/*
 * Who takes the entries. Each function returns 0, or an error that ends the reading and comes out
 * of hf_tar_feed. Called in this order for each entry: entry, data (any number of times), end.
 */
struct hf_tar_sink {
    void *arg;
    /* The headers are complete. All of `entry` is borrowed until this returns. */
    int (*entry)(void *arg, const struct hf_tar_entry *entry, struct hf_error *err);
    /* The next bytes of the file; file_off only grows, holes are jumped over. May be NULL. */
    int (*data)(void *arg, uint64_t file_off, const void *data, size_t len, struct hf_error *err);
    /* The entry has had all its data; called for every type. May be NULL. */
    int (*end)(void *arg, struct hf_error *err);
};

struct hf_tar;

/* `sink` is copied. */
HF_MUST_USE int hf_tar_new(const struct hf_tar_sink *sink, struct hf_tar **out,
                           struct hf_error *err);
void hf_tar_free(struct hf_tar *tar); /* at any time; NULL does nothing */

/* Calls the sink for whatever becomes complete. */
HF_MUST_USE int hf_tar_feed(struct hf_tar *tar, const void *data, size_t len, struct hf_error *err);
/* The bytes have ended. INPUT when that is within an entry; missing zeros at the end are no fault.
 */
HF_MUST_USE int hf_tar_end(struct hf_tar *tar, struct hf_error *err);

/*
 * Where `path` lies below the root, whichever way it is written: no leading slashes, no empty
 * components, no ".", and ".." taken back against what stands before it, as docker does before it
 * looks at any file. Says nothing about symlinks on the way.
 *
 * path     len bytes; an entry's path or a hard link's target
 * out      replaced: "" for the root, else components with single slashes between them, not
 *          NUL-terminated
 *
 * Errors   INPUT: ".." leads above the root. LIMIT: a component is longer than 255 bytes.
 */
HF_MUST_USE int hf_tar_clean_path(const char *path, size_t len, struct hf_buf *out,
                                  struct hf_error *err);

#endif
