/*
 * catalog/layout.c - makes and opens a store's folders. Format and order of the syncs: FORMAT.md 1.
 *
 * Always true: FORMAT appears last, when all else is durable. So a folder with FORMAT is a whole
 * store, and a store's remains without FORMAT are damage, never room for a new store.
 */
#include "catalog/layout.h"

#include "base/error.h"
#include "wal/wal.h"

#include <string.h>

const char *const hf_layout_folders[] = {
    HF_DIR_WAL,
    HF_DIR_CATALOG,
    HF_DIR_BLOBS,
    HF_DIR_BLOBS "/sha256",
    HF_DIR_BLOBS "/sha512",
    HF_DIR_STAGING,
    HF_DIR_TRASH,
    HF_DIR_QUARANTINE,
    NULL,
};

int hf_layout_check_fs(struct hf_io *io, int dir, const char *root, struct hf_error *err)
{
    static const char *const untrusted[] = {"nfs",  "9p",   "cifs",     "smb",
                                            "smb2", "fuse", "overlayfs"};
    char name[32];

    int rc = hf_io_fs_name(io, dir, name, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < sizeof(untrusted) / sizeof(untrusted[0]); i++)
        if (strcmp(name, untrusted[i]) == 0)
            return hf_fail(err, HF_ERR_UNSUPPORTED,
                           "%s is on %s, whose locks or syncs can't be trusted with a store", root,
                           name);
    return 0;
}

static int count_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    size_t *count = arg;

    (void)name;
    (void)kind;
    (*count)++;
    return 0;
}

/* Entries of a folder; 0 when it is not there. */
static int count_entries(struct hf_io *io, int root, const char *path, size_t *out,
                         struct hf_error *err)
{
    *out = 0;
    int rc = hf_io_list(io, root, path, count_entry, out, err);
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

struct wal_remains {
    bool has_other; /* more than what making a store leaves before its first record */
};

static int judge_wal_file(void *arg, const char *name, enum hf_io_kind kind)
{
    struct wal_remains *remains = arg;

    (void)kind;
    if (strcmp(name, "0000000000000001.seg") != 0 && strcmp(name, "spare") != 0 &&
        strcmp(name, "new") != 0)
        remains->has_other = true;
    return 0;
}

/* Does the first segment, which a making that was cut has left, hold a record? */
static int wal_has_records(struct hf_io *io, int root, bool *out, struct hf_error *err)
{
    uint8_t block[HF_WAL_BLOCK] = {0};
    size_t len = 0;
    int fd = -1;

    *out = false;
    int rc = hf_io_open(io, root, HF_DIR_WAL "/0000000000000001.seg", HF_IO_READ, 0, &fd, NULL);
    if (rc != 0)
        return rc == HF_ERR_NOT_FOUND ? 0 : hf_fail(err, rc, "cannot read the log's first segment");
    /* The first record of a store stands at the first block behind the headers. */
    rc = hf_io_pread(io, fd, block, sizeof(block), HF_WAL_HEADERS, &len, "wal", err);
    hf_io_close(io, &fd);
    for (size_t i = 0; rc == 0 && i < len; i++)
        if (block[i] != 0)
            *out = true;
    return rc;
}

/* Is there more than an interrupted making leaves? */
static int has_contents(struct hf_io *io, int root, bool *out, struct hf_error *err)
{
    struct wal_remains wal = {0};
    size_t catalog = 0, sha256 = 0, sha512 = 0;
    bool has_records = false;

    int rc = count_entries(io, root, HF_DIR_CATALOG, &catalog, err);
    if (rc == 0)
        rc = count_entries(io, root, HF_DIR_BLOBS "/sha256", &sha256, err);
    if (rc == 0)
        rc = count_entries(io, root, HF_DIR_BLOBS "/sha512", &sha512, err);
    if (rc == 0) {
        rc = hf_io_list(io, root, HF_DIR_WAL, judge_wal_file, &wal, err);
        rc = rc == HF_ERR_NOT_FOUND ? 0 : rc;
    }
    if (rc == 0)
        rc = wal_has_records(io, root, &has_records, err);
    *out = catalog + sha256 + sha512 > 0 || wal.has_other || has_records;
    return rc;
}

/* Clear what an interrupted making left; anything more is damage. */
static int clear_remains(struct hf_io *io, int root, struct hf_error *err)
{
    bool is_store = false;

    int rc = has_contents(io, root, &is_store, err);
    if (rc != 0)
        return rc;
    if (is_store)
        return hf_fail_at(err, HF_ERR_CORRUPT, HF_FILE_FORMAT, 0,
                          "FORMAT is missing, but there are the log, catalog or blobs of a store; "
                          "`fsck --repair` makes it again");
    hf_io_discard(io, root, HF_DIR_WAL "/0000000000000001.seg");
    hf_io_discard(io, root, HF_DIR_WAL "/spare");
    hf_io_discard(io, root, HF_DIR_WAL "/new");
    return 0;
}

static int make_empty_file(struct hf_io *io, int root, const char *name, size_t size, int *out_fd,
                           struct hf_error *err)
{
    static const uint8_t zeros[HF_SHARED_BYTES];
    int fd = -1;

    int rc = hf_io_open(io, root, name, HF_IO_READ | HF_IO_WRITE | HF_IO_CREATE, 0600, &fd, err);
    if (rc == 0 && size > 0)
        rc = hf_io_pwrite(io, fd, zeros, size, 0, name, err);
    if (rc == 0)
        rc = hf_io_fsync(io, fd, name, err);
    if (rc != 0 || out_fd == NULL)
        hf_io_close(io, &fd);
    else
        *out_fd = fd;
    return rc;
}

/* Steps 4 to 9, under lock byte 0. */
static int make_contents(struct hf_io *io, int root, struct hf_error *err)
{
    uint8_t uuid[16];
    int wal = -1;

    int rc = clear_remains(io, root, err);
    for (size_t i = 0; rc == 0 && hf_layout_folders[i] != NULL; i++)
        rc = hf_io_mkdir(io, root, hf_layout_folders[i], 0700, NULL, err);
    if (rc == 0)
        rc = hf_io_random(io, uuid, sizeof(uuid), err);
    if (rc == 0)
        rc = hf_io_open(io, root, HF_DIR_WAL, HF_IO_READ | HF_IO_DIRECTORY, 0, &wal, err);
    if (rc == 0)
        rc = hf_wal_create(io, wal, uuid, err);
    hf_io_close(io, &wal);
    if (rc == 0)
        rc = make_empty_file(io, root, HF_FILE_SHARED, HF_SHARED_BYTES, NULL, err);
    if (rc == 0)
        rc = hf_io_sync_dir(io, root, HF_DIR_BLOBS, err);
    if (rc == 0)
        rc = hf_io_sync_dir(io, root, ".", err);
    if (rc == 0)
        rc = hf_format_write(io, root, uuid, err);
    return rc;
}

/*
 * Make `path` and what is missing above it; each folder is synced into its parent. Those that are
 * there too, as far as we may: who made them may have died before that.
 */
static int make_root(struct hf_io *io, const char *path, struct hf_error *err)
{
    char part[4096];
    bool made = false;
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part))
        return hf_fail(err, HF_ERR_USAGE, "the store's folder has an empty or too long name");
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        int rc = hf_io_mkdir(io, HF_IO_CWD, part, 0755, &made, err);
        if (rc != 0)
            return rc;
        size_t parent = i;
        while (parent > 0 && part[parent - 1] != '/')
            parent--;
        part[parent] = '\0';
        rc = hf_io_sync_dir(io, HF_IO_CWD, parent == 0 ? "." : part, made ? err : NULL);
        if (rc != 0 && made)
            return rc;
    }
    return 0;
}

/* Is there a FORMAT already? */
static bool is_made(struct hf_io *io, const char *root)
{
    struct hf_io_stat stat;
    int dir = -1;

    if (hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, NULL) != 0)
        return false;
    int rc = hf_io_stat_at(io, dir, HF_FILE_FORMAT, &stat, NULL);
    hf_io_close(io, &dir);
    return rc == 0;
}

/* With the lock. A FORMAT that can't be looked at is there. */
static int make_unless_made(struct hf_io *io, int root, struct hf_error *err)
{
    struct hf_io_stat stat;
    struct hf_error why = {0};

    int rc = hf_io_stat_at(io, root, HF_FILE_FORMAT, &stat, &why);
    if (rc == HF_ERR_NOT_FOUND)
        return make_contents(io, root, err);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

int hf_layout_create(struct hf_io *io, const char *root, struct hf_error *err)
{
    int dir = -1, lock = -1;

    if (is_made(io, root))
        return 0;
    int rc = make_root(io, root, err);
    if (rc == 0)
        rc = hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, err);
    if (rc != 0)
        return rc;
    rc = hf_layout_check_fs(io, dir, root, err);
    if (rc == 0)
        rc = make_empty_file(io, dir, HF_FILE_LOCK, 0, &lock, err);
    if (rc == 0)
        rc = hf_io_lock(io, lock, HF_IO_LOCK_EXCLUSIVE, HF_WAL_LOCK_RECOVERY, 1, HF_FILE_LOCK, err);
    if (rc == 0)
        rc = make_unless_made(io, dir, err);
    hf_io_close(io, &lock); /* and with it the lock */
    hf_io_close(io, &dir);
    return rc;
}

/* No FORMAT: is it no store, or one that lost it? */
static int judge_missing_format(struct hf_io *io, int root, const char *path, struct hf_error *err)
{
    struct hf_io_stat stat;
    bool is_store = false;

    if (hf_io_stat_at(io, root, HF_DIR_WAL, &stat, NULL) == 0 &&
        hf_io_stat_at(io, root, HF_DIR_BLOBS, &stat, NULL) == 0) {
        int rc = has_contents(io, root, &is_store, err);
        if (rc != 0)
            return rc;
    }
    if (is_store)
        return hf_fail_at(err, HF_ERR_CORRUPT, HF_FILE_FORMAT, 0,
                          "%s/FORMAT is missing, though this is a store; "
                          "`fsck --repair` makes it again",
                          path);
    return hf_fail(err, HF_ERR_NOT_FOUND, "there is no store in %s", path);
}

/* Neither file says anything that survives a boot, so one that was lost is made again. */
static int open_or_make(struct hf_io *io, int root, const char *name, size_t size, int *out_fd,
                        struct hf_error *err)
{
    int rc = hf_io_open(io, root, name, HF_IO_READ | HF_IO_WRITE, 0, out_fd, err);

    return rc == HF_ERR_NOT_FOUND ? make_empty_file(io, root, name, size, out_fd, err) : rc;
}

static int open_folders(struct hf_layout *layout, bool read_only, struct hf_error *err)
{
    struct hf_io *io = layout->io;

    int rc = hf_io_open(io, layout->root, HF_DIR_WAL, HF_IO_READ | HF_IO_DIRECTORY, 0, &layout->wal,
                        err);
    if (rc == 0)
        rc = hf_io_open(io, layout->root, HF_DIR_CATALOG, HF_IO_READ | HF_IO_DIRECTORY, 0,
                        &layout->catalog, err);
    if (rc != 0)
        return rc == HF_ERR_NOT_FOUND ? hf_fail_as(err, HF_ERR_CORRUPT, "the store is damaged")
                                      : rc;
    if (read_only) {
        /* Without it the log is believed as far as it is valid. */
        if (hf_io_open(io, layout->root, HF_FILE_SHARED, HF_IO_READ, 0, &layout->shared, NULL) != 0)
            layout->shared = -1;
        /* Only to see who is alive. */
        if (hf_io_open(io, layout->root, HF_FILE_LOCK, HF_IO_READ, 0, &layout->lock, NULL) != 0)
            layout->lock = -1;
        return 0;
    }
    rc = open_or_make(io, layout->root, HF_FILE_LOCK, 0, &layout->lock, err);
    if (rc == 0)
        rc = open_or_make(io, layout->root, HF_FILE_SHARED, HF_SHARED_BYTES, &layout->shared, err);
    return rc;
}

int hf_layout_open(struct hf_io *io, const char *root, bool read_only, struct hf_layout *out,
                   struct hf_error *err)
{
    struct hf_layout layout = {
        .io = io, .root = -1, .wal = -1, .catalog = -1, .lock = -1, .shared = -1};

    int rc = hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &layout.root, err);
    if (rc == HF_ERR_NOT_FOUND)
        return hf_fail(err, HF_ERR_NOT_FOUND, "there is no store in %s", root);
    if (rc != 0)
        return rc;
    rc = hf_format_read(io, layout.root, layout.uuid, err);
    if (rc == HF_ERR_NOT_FOUND)
        rc = judge_missing_format(io, layout.root, root, err);
    if (rc == 0 && !read_only)
        rc = hf_layout_check_fs(io, layout.root, root, err);
    if (rc == 0)
        rc = open_folders(&layout, read_only, err);
    if (rc != 0) {
        hf_layout_close(&layout);
        return rc;
    }
    *out = layout;
    return 0;
}

void hf_layout_close(struct hf_layout *layout)
{
    struct hf_io *io = layout->io;

    hf_io_close(io, &layout->shared);
    hf_io_close(io, &layout->lock);
    hf_io_close(io, &layout->catalog);
    hf_io_close(io, &layout->wal);
    hf_io_close(io, &layout->root);
}
