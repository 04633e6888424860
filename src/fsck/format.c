/*
 * fsck/format.c - is FORMAT there and right? The UUID stands in every segment and checkpoint
 * too, so that it can be made again from any of them.
 */
#include "fsck/check.h"

#include "base/error.h"
#include "catalog/checkpoint_format.h"
#include "catalog/retention.h"
#include "fsck/survey_name.h"

#include <stdio.h>
#include <string.h>

/* What the other files say about a store whose FORMAT does not. */
struct evidence {
    struct hf_check *check;
    int root;
    bool is_store; /* there is more than what a making that was cut leaves */
    bool has_uuid;
    bool disagrees;
    uint8_t uuid[16];
    struct hf_error *err;
};

static void note_uuid(struct evidence *evidence, const uint8_t uuid[16])
{
    if (evidence->has_uuid && memcmp(evidence->uuid, uuid, 16) != 0)
        evidence->disagrees = true;
    memcpy(evidence->uuid, uuid, 16);
    evidence->has_uuid = true;
}

static int read_start(struct evidence *evidence, const char *path, uint8_t *bytes, size_t size,
                      size_t *out_len)
{
    struct hf_io *io = evidence->check->io;
    int fd = -1;

    int rc = hf_io_open(io, evidence->root, path, HF_IO_READ, 0, &fd, evidence->err);
    if (rc == 0)
        rc = hf_io_pread(io, fd, bytes, size, 0, out_len, path, evidence->err);
    hf_io_close(io, &fd);
    if (rc == 0)
        memset(bytes + *out_len, 0, size - *out_len);
    return rc;
}

static int see_segment(struct evidence *evidence, const char *path)
{
    uint8_t bytes[HF_WAL_HEADERS + HF_WAL_BLOCK];
    struct hf_wal_header header;
    uint32_t version = 0;
    size_t len = 0;

    int rc = read_start(evidence, path, bytes, sizeof(bytes), &len);
    if (rc != 0)
        return rc;
    if (hf_wal_header_decode(bytes, &header, &version) ||
        hf_wal_header_decode(bytes + HF_WAL_BLOCK, &header, &version)) {
        note_uuid(evidence, header.uuid);
        evidence->is_store = evidence->is_store || header.sequence > 1;
    }
    for (size_t i = HF_WAL_HEADERS; i < len; i++)
        evidence->is_store = evidence->is_store || bytes[i] != 0;
    return 0;
}

static int see_checkpoint(struct evidence *evidence, const char *path)
{
    uint8_t bytes[HF_CHECKPOINT_BLOCK_BYTES];
    struct hf_checkpoint_header header;
    size_t len = 0;

    int rc = read_start(evidence, path, bytes, sizeof(bytes), &len);
    if (rc == 0 && hf_checkpoint_decode_header(bytes, path, &header, NULL) == 0)
        note_uuid(evidence, header.uuid);
    return rc;
}

struct listing {
    struct evidence *evidence;
    const char *folder;
};

static int see_file(void *arg, const char *name, enum hf_io_kind kind)
{
    const struct listing *listing = arg;
    struct evidence *evidence = listing->evidence;
    struct hf_survey_file file = {0};
    struct hf_buf path = {0};
    bool is_folder = false;
    int rc = 0;

    (void)kind;
    hf_buf_printf(&path, "%s/%s", listing->folder, name);
    const char *text = hf_buf_text(&path);
    if (text == NULL)
        return hf_fail_memory(evidence->err);
    hf_survey_name(text, &file, &is_folder);
    size_t len = strlen(name);
    if (file.class == HF_FILE_LOG && len > 4 && strcmp(name + len - 4, ".seg") == 0)
        rc = see_segment(evidence, text);
    else if (file.class == HF_FILE_CATALOG && strcmp(name, "new") != 0)
        rc = see_checkpoint(evidence, text);
    if (file.class == HF_FILE_CATALOG || file.class == HF_FILE_IMAGE)
        evidence->is_store = true;
    hf_buf_release(&path);
    return rc == HF_ERR_NO_MEMORY ? rc : 0; /* what can't be read says nothing */
}

static int gather(struct evidence *evidence)
{
    static const char *const folders[] = {HF_DIR_WAL, HF_DIR_CATALOG, HF_DIR_BLOBS "/sha256",
                                          HF_DIR_BLOBS "/sha512"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct listing listing = {.evidence = evidence, .folder = folders[i]};
        rc = hf_io_list(evidence->check->io, evidence->root, folders[i], see_file, &listing,
                        evidence->err);
        rc = rc == HF_ERR_NOT_FOUND ? 0 : rc;
    }
    return rc;
}

/* Under lock byte RECOVERY, as who makes a store. */
static int make_again(struct evidence *evidence, struct hf_error *err)
{
    struct hf_io *io = evidence->check->io;
    uint8_t uuid[16];
    int lock = -1;

    int rc = hf_layout_check_fs(io, evidence->root, evidence->check->root, err);
    if (rc == 0)
        rc = hf_io_open(io, evidence->root, HF_FILE_LOCK, HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE,
                        0600, &lock, err);
    if (rc == 0)
        rc = hf_io_lock(io, lock, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_RECOVERY, 1, HF_FILE_LOCK, err);
    if (rc == 0 && hf_format_read(io, evidence->root, uuid, NULL) != 0)
        rc = hf_format_write(io, evidence->root, evidence->uuid, err);
    hf_io_close(io, &lock);
    return rc;
}

static int judge(struct evidence *evidence, const struct hf_error *why, bool *out_usable,
                 struct hf_error *err)
{
    struct hf_check *check = evidence->check;
    bool known = evidence->has_uuid && !evidence->disagrees;
    char message[300];

    if (why->code == HF_ERR_NOT_FOUND && !evidence->is_store)
        return hf_fail(err, HF_ERR_NOT_FOUND, "there is no store in %s", check->root);
    int rc = known && check->fsck->repair ? make_again(evidence, err) : 0;
    if (rc != 0)
        return rc;
    *out_usable = known && check->fsck->repair;
    (void)snprintf(message, sizeof(message), "%s%s",
                   why->code == HF_ERR_NOT_FOUND ? "it is missing, though this is a store"
                                                 : "it is damaged",
                   *out_usable           ? ""
                   : evidence->disagrees ? "; segments and checkpoints are of several stores"
                   : !evidence->has_uuid ? "; nothing tells the UUID of the store"
                                         : "; the rest was not checked");
    hf_check_tell(check, HF_FINDING_FORMAT, HF_FILE_FORMAT, NULL, *out_usable, message);
    return 0;
}

int hf_check_format(struct hf_check *check, bool *out_usable, struct hf_error *err)
{
    struct evidence evidence = {.check = check, .root = -1, .err = err};
    struct hf_error why = {0};
    uint8_t uuid[16];

    *out_usable = false;
    int rc = hf_io_open(check->io, HF_IO_CWD, check->root, HF_IO_READ | HF_IO_DIRECTORY, 0,
                        &evidence.root, &why);
    if (rc == HF_ERR_NOT_FOUND)
        return hf_fail(err, rc, "there is no store in %s", check->root);
    if (rc == 0)
        rc = hf_format_read(check->io, evidence.root, uuid, &why);
    if (rc == HF_ERR_CORRUPT || rc == HF_ERR_NOT_FOUND) {
        rc = gather(&evidence);
        if (rc == 0)
            rc = judge(&evidence, &why, out_usable, err);
    } else if (rc == 0) {
        *out_usable = true;
    } else if (err != NULL) {
        *err = why;
    }
    if (rc == 0 && *out_usable)
        rc = hf_check_folders(check, evidence.root, err);
    hf_io_close(check->io, &evidence.root);
    return rc;
}
