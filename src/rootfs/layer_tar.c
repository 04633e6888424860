/*
 * rootfs/layer_tar.c - libarchive's pax writer, told to depend on nothing but the entries.
 *
 * Names are bytes to Linux, and UTF-8 in pax headers. libarchive translates from the locale of the
 * thread, and would write another tar in another locale: so headers are written in C.UTF-8, where
 * UTF-8 stays what it is. A name that is none gets "hdrcharset=BINARY" besides, which makes
 * libarchive warn, and nothing is lost by it.
 */
#include "rootfs/layer_tar.h"

#include "base/error.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

struct hf_layer_tar {
    hf_upper_fn *fn;
    void *arg;
    struct archive *archive;
    struct archive_entry *entry;
    locale_t utf8; /* 0: this system has none, and names that are not ASCII are written as binary */
    int rc;        /* of the first call of fn that failed */
    struct hf_error err;
    bool is_over; /* nothing more is written */
};

/* libarchive 3.6 loses memory when this fails. So it never does: what comes after a failure is
 * dropped, and check() tells of it. */
static la_ssize_t take_bytes(struct archive *archive, void *arg, const void *data, size_t len)
{
    struct hf_layer_tar *tar = arg;

    if (tar->rc == 0 && !tar->is_over)
        tar->rc = tar->fn(tar->arg, data, len, &tar->err);
    return (la_ssize_t)len;
}

/* The result of a call of libarchive, behind which fn may have failed. */
static int check(struct hf_layer_tar *tar, bool done, const char *path, struct hf_error *err)
{
    if (tar->rc != 0) {
        if (err)
            *err = tar->err;
        return tar->rc;
    }
    if (done)
        return 0;
    const char *reason = archive_error_string(tar->archive);
    return hf_fail(err, HF_ERR_UNSUPPORTED, "%s can't be written to a layer: %s", path,
                   reason ? reason : "libarchive does not say why");
}

static int open_archive(struct hf_layer_tar *tar)
{
    struct archive *archive = tar->archive;

    if (archive_write_set_format_pax(archive) != ARCHIVE_OK ||
        archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK)
        return -1;
    /* Blocks of 0 bytes: what is written is passed on as it is, not copied into records. */
    if (archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK)
        return -1;
    return archive_write_open(archive, tar, NULL, take_bytes, NULL) == ARCHIVE_OK ? 0 : -1;
}

int hf_layer_tar_new(hf_upper_fn *fn, void *arg, struct hf_layer_tar **out, struct hf_error *err)
{
    struct hf_layer_tar *tar = calloc(1, sizeof(*tar));

    if (!tar)
        return hf_fail_memory(err);
    tar->fn = fn;
    tar->arg = arg;
    tar->archive = archive_write_new();
    tar->entry = archive_entry_new();
    tar->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!tar->archive || !tar->entry || open_archive(tar) != 0) {
        hf_layer_tar_free(tar);
        return hf_fail_memory(err);
    }
    *out = tar;
    return 0;
}

static int write_header(struct hf_layer_tar *tar, const char *path, struct hf_error *err)
{
    locale_t before = uselocale(tar->utf8);
    int rc = archive_write_header(tar->archive, tar->entry);

    uselocale(before);
    return check(tar, rc == ARCHIVE_OK || rc == ARCHIVE_WARN, path, err);
}

static void set_attributes(struct archive_entry *to, const struct hf_upper_entry *entry)
{
    const struct stat *stat = &entry->stat;

    archive_entry_set_mode(to, stat->st_mode);
    archive_entry_set_uid(to, stat->st_uid);
    archive_entry_set_gid(to, stat->st_gid);
    archive_entry_set_mtime(to, stat->st_mtim.tv_sec, stat->st_mtim.tv_nsec);
    if (S_ISLNK(stat->st_mode))
        archive_entry_set_symlink(to, entry->target);
    if (S_ISCHR(stat->st_mode) || S_ISBLK(stat->st_mode)) {
        archive_entry_set_rdevmajor(to, major(stat->st_rdev));
        archive_entry_set_rdevminor(to, minor(stat->st_rdev));
    }
    for (size_t i = 0; i < entry->xattrs.count; i++) {
        const struct hf_upper_xattr *xattr = &entry->xattrs.items[i];
        archive_entry_xattr_add_entry(to, xattr->name, xattr->value, xattr->value_len);
    }
}

int hf_layer_tar_begin(struct hf_layer_tar *tar, const char *path,
                       const struct hf_upper_entry *entry, const char *hardlink,
                       struct hf_error *err)
{
    archive_entry_clear(tar->entry);
    archive_entry_set_pathname(tar->entry, path);
    set_attributes(tar->entry, entry);
    if (hardlink)
        archive_entry_set_hardlink(tar->entry, hardlink);
    else if (S_ISREG(entry->stat.st_mode))
        archive_entry_set_size(tar->entry, entry->stat.st_size);
    return write_header(tar, path, err);
}

int hf_layer_tar_mark(struct hf_layer_tar *tar, const char *path, const struct timespec *mtime,
                      struct hf_error *err)
{
    archive_entry_clear(tar->entry);
    archive_entry_set_pathname(tar->entry, path);
    archive_entry_set_mode(tar->entry, S_IFREG | 0600);
    archive_entry_set_size(tar->entry, 0);
    archive_entry_set_mtime(tar->entry, mtime->tv_sec, mtime->tv_nsec);
    return write_header(tar, path, err);
}

int hf_layer_tar_write(struct hf_layer_tar *tar, const void *data, size_t len, struct hf_error *err)
{
    la_ssize_t written = archive_write_data(tar->archive, data, len);

    return check(tar, written == (la_ssize_t)len, "a file", err);
}

int hf_layer_tar_finish(struct hf_layer_tar *tar, struct hf_error *err)
{
    return check(tar, archive_write_close(tar->archive) == ARCHIVE_OK, "the end", err);
}

void hf_layer_tar_free(struct hf_layer_tar *tar)
{
    if (!tar)
        return;
    /* Freeing an archive that was not closed closes it, and half a one would look like a whole. */
    tar->is_over = true;
    archive_write_free(tar->archive);
    archive_entry_free(tar->entry);
    if (tar->utf8)
        freelocale(tar->utf8);
    free(tar);
}
