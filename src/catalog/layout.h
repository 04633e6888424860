/*
 * catalog/layout.h - the files and folders of a store: their names, how they are made and opened.
 * Format: FORMAT.md 1.
 */
#ifndef HF_CATALOG_LAYOUT_H
#define HF_CATALOG_LAYOUT_H

#include <holdfast/digest.h>

#include "io/io.h"

#define HF_FILE_FORMAT     "FORMAT"
#define HF_FILE_FORMAT_NEW "FORMAT.new"
#define HF_FILE_LOCK       "lock"
#define HF_FILE_SHARED     "shared"
#define HF_DIR_WAL         "wal"
#define HF_DIR_CATALOG     "catalog"
#define HF_DIR_BLOBS       "blobs"
#define HF_DIR_STAGING     "staging"
#define HF_DIR_TRASH       "trash"
#define HF_DIR_QUARANTINE  "quarantine"
#define HF_DIR_WORKSPACES  "workspaces" /* made with the first; what is in it is not ours */
#define HF_STORE_VERSION   1u
#define HF_PATH_MAX        256
#define HF_SHARED_BYTES    4096u

/* Every folder a store has, parents first; NULL at the end. */
extern const char *const hf_layout_folders[];

/* Open descriptors of a store's folders; -1: not open. */
struct hf_layout {
    struct hf_io *io;
    int root;
    int wal;
    int catalog;
    int lock;   /* -1 when read-only and not readable */
    int shared; /* -1 when read-only and not readable */
    uint8_t uuid[16];
};

/* "blobs/sha256/HEX" */
void hf_path_blob(const struct hf_digest *digest, char path[HF_PATH_MAX]);
/* "blobs/sha256" */
void hf_path_blob_dir(uint8_t algorithm, char path[HF_PATH_MAX]);
/* "staging/SLOT" */
void hf_path_slot(uint32_t slot, char path[HF_PATH_MAX]);
/* "staging/SLOT/TXN-NUMBER" */
void hf_path_staged(uint32_t slot, uint64_t txn, uint32_t number, char path[HF_PATH_MAX]);
/* The transaction of such a file's name. False: it is not of that form. */
bool hf_path_staged_txn(const char *name, uint64_t *out_txn, uint32_t *out_number);
/* "trash/HEX.TXN" or "quarantine/HEX.TXN" */
void hf_path_removed(const char *dir, const struct hf_digest *digest, uint64_t txn,
                     char path[HF_PATH_MAX]);

/*
 * Make the store `root` (FORMAT.md 1, "Making a store"), unless it is there: durable on return.
 * CORRUPT: there is no FORMAT, but what a store leaves. UNSUPPORTED: the file system.
 */
HF_MUST_USE int hf_layout_create(struct hf_io *io, const char *root, struct hf_error *err);
/* Open its folders. NOT_FOUND: no store. CORRUPT, VERSION: FORMAT. */
HF_MUST_USE int hf_layout_open(struct hf_io *io, const char *root, bool read_only,
                               struct hf_layout *out, struct hf_error *err);
void hf_layout_close(struct hf_layout *layout);
/* UNSUPPORTED for a file system whose locks or syncs can't be trusted. */
HF_MUST_USE int hf_layout_check_fs(struct hf_io *io, int dir, const char *root,
                                   struct hf_error *err);

/* Write FORMAT anew, durably. */
HF_MUST_USE int hf_format_write(struct hf_io *io, int root, const uint8_t uuid[16],
                                struct hf_error *err);
HF_MUST_USE int hf_format_read(struct hf_io *io, int root, uint8_t uuid[16], struct hf_error *err);
void hf_uuid_text(const uint8_t uuid[16], char text[37]);

#endif
