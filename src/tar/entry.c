/* tar/entry.c - puts one entry together from what its headers said. */
#include "tar/entry.h"

#include "base/error.h"

#include <string.h>

void hf_tar_headers_release(struct hf_tar_headers *headers)
{
    hf_tar_pax_release(&headers->pax);
    hf_buf_release(&headers->gnu_name);
    hf_buf_release(&headers->gnu_link);
    hf_buf_release(&headers->path);
    hf_buf_release(&headers->link);
}

int hf_tar_headers_begin(struct hf_tar_headers *headers, const struct hf_tar_pax *global,
                         struct hf_error *err)
{
    hf_buf_clear(&headers->gnu_name);
    hf_buf_clear(&headers->gnu_link);
    hf_buf_clear(&headers->path);
    hf_buf_clear(&headers->link);
    headers->size_in_header = 0;
    return hf_tar_pax_inherit(&headers->pax, global, err);
}

static bool is_link(char type)
{
    return type == '1' || type == '2';
}

int hf_tar_headers_name(struct hf_tar_headers *headers, const uint8_t *block, struct hf_error *err)
{
    const struct hf_tar_pax *pax = &headers->pax;
    int rc;

    if (pax->sparse_name.len > 0)
        hf_buf_put(&headers->path, pax->sparse_name.data, pax->sparse_name.len);
    else if (headers->gnu_name.len > 0)
        hf_buf_put(&headers->path, headers->gnu_name.data, headers->gnu_name.len);
    else if (pax->path.len > 0)
        hf_buf_put(&headers->path, pax->path.data, pax->path.len);
    else
        hf_tar_header_name(block, headers->main.format, &headers->path);
    if (is_link(headers->main.type) && headers->gnu_link.len > 0)
        hf_buf_put(&headers->link, headers->gnu_link.data, headers->gnu_link.len);
    else if (is_link(headers->main.type) && pax->link.len > 0)
        hf_buf_put(&headers->link, pax->link.data, pax->link.len);
    else if (is_link(headers->main.type))
        hf_tar_header_link(block, &headers->link);
    hf_buf_text(&headers->path);
    hf_buf_text(&headers->link);
    if ((rc = hf_buf_check(&headers->path, err)) < 0 ||
        (rc = hf_buf_check(&headers->link, err)) < 0)
        return rc;
    if (headers->path.len == 0)
        return hf_fail(err, HF_ERR_INPUT, "it has no name");
    return 0;
}

static int type_of(const struct hf_tar_headers *headers, enum hf_tar_type *out,
                   struct hf_error *err)
{
    switch (headers->main.type) {
    case '\0': /* tars of old had no type of directory */
        *out = headers->path.data[headers->path.len - 1] == '/' ? HF_TAR_DIRECTORY : HF_TAR_FILE;
        return 0;
    case '0':
    case '7': /* contiguous */
    case 'S': /* sparse */
        *out = HF_TAR_FILE;
        return 0;
    case '1':
        *out = HF_TAR_HARDLINK;
        return 0;
    case '2':
        *out = HF_TAR_SYMLINK;
        return 0;
    case '3':
        *out = HF_TAR_CHAR_DEVICE;
        return 0;
    case '4':
        *out = HF_TAR_BLOCK_DEVICE;
        return 0;
    case '5':
        *out = HF_TAR_DIRECTORY;
        return 0;
    case '6':
        *out = HF_TAR_FIFO;
        return 0;
    default:
        return hf_fail(err, HF_ERR_UNSUPPORTED,
                       "its type, number %u, is none that a layer can have",
                       (unsigned)(unsigned char)headers->main.type);
    }
}

int hf_tar_headers_stored(const struct hf_tar_headers *headers, enum hf_tar_type *out_type,
                          uint64_t *out_stored, struct hf_error *err)
{
    int rc = type_of(headers, out_type, err);

    if (rc < 0)
        return rc;
    if (!headers->pax.has_size && headers->main.size < 0)
        return hf_fail(err, HF_ERR_INPUT, "its size is negative");
    *out_stored = headers->pax.has_size ? headers->pax.size : (uint64_t)headers->main.size;
    if (*out_type != HF_TAR_FILE)
        *out_stored = 0;
    return 0;
}

int hf_tar_headers_sparse(const struct hf_tar_headers *headers, enum hf_tar_sparse_kind *out,
                          struct hf_error *err)
{
    const struct hf_tar_pax *pax = &headers->pax;

    if (headers->main.type == 'S' && headers->main.format != HF_TAR_GNU)
        return hf_fail(err, HF_ERR_INPUT, "it is sparse in the way of GNU, but is no GNU header");
    if (pax->has_sparse_major &&
        (pax->sparse_major > 1 || pax->sparse_minor > 1 - pax->sparse_major))
        return hf_fail(
            err, HF_ERR_UNSUPPORTED, "its sparse map is of a version that is not known, %llu.%llu",
            (unsigned long long)pax->sparse_major, (unsigned long long)pax->sparse_minor);
    if (headers->main.type == 'S')
        *out = HF_TAR_SPARSE_OLD_GNU;
    else if (pax->has_sparse_major && pax->sparse_major == 1)
        *out = HF_TAR_SPARSE_AT_FRONT;
    else if (pax->has_sparse_major || pax->has_sparse_map)
        *out = HF_TAR_SPARSE_IN_PAX;
    else
        *out = HF_TAR_NOT_SPARSE;
    return 0;
}

/* The pieces of the file, and how long it is. */
static int place_data(struct hf_tar_headers *headers, enum hf_tar_sparse_kind kind,
                      struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_tar_pax *pax = &headers->pax;
    int rc;

    entry->is_sparse = kind != HF_TAR_NOT_SPARSE;
    entry->size = entry->data_len;
    if (kind == HF_TAR_SPARSE_OLD_GNU)
        entry->size = headers->size_in_header;
    else if (entry->is_sparse && pax->has_sparse_size)
        entry->size = pax->sparse_size;
    if (kind == HF_TAR_SPARSE_IN_PAX && pax->has_sparse_count &&
        pax->sparse_count != pax->sparse.told)
        return hf_fail(err, HF_ERR_INPUT,
                       "its sparse map does not have as many pieces as it tells");
    if (!entry->is_sparse) {
        hf_tar_sparse_clear(&pax->sparse);
        if ((rc = hf_tar_sparse_add(&pax->sparse, 0, entry->size, err)) < 0)
            return rc;
    }
    rc = hf_tar_sparse_place(&pax->sparse, entry->size, entry->data_off, entry->data_len, err);
    entry->segments = pax->sparse.segments;
    entry->segment_count = pax->sparse.count;
    return rc;
}

static int set_owner(const struct hf_tar_headers *headers, struct hf_tar_entry *entry,
                     struct hf_error *err)
{
    const struct hf_tar_pax *pax = &headers->pax;
    /* A negative number becomes one that is too large. */
    uint64_t uid = pax->has_uid ? pax->uid : (uint64_t)headers->main.uid;
    uint64_t gid = pax->has_gid ? pax->gid : (uint64_t)headers->main.gid;

    if (uid > HF_TAR_MAX_ID || gid > HF_TAR_MAX_ID)
        return hf_fail(err, HF_ERR_LIMIT, "its owner is a number that Linux does not have");
    entry->uid = (uint32_t)uid;
    entry->gid = (uint32_t)gid;
    return 0;
}

static int set_device(const struct hf_tar_headers *headers, struct hf_tar_entry *entry,
                      struct hf_error *err)
{
    /* As for owners. */
    uint64_t dev_major = (uint64_t)headers->main.dev_major;
    uint64_t dev_minor = (uint64_t)headers->main.dev_minor;

    if (dev_major > UINT32_MAX || dev_minor > UINT32_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "its device is a number that Linux does not have");
    entry->dev_major = (uint32_t)dev_major;
    entry->dev_minor = (uint32_t)dev_minor;
    return 0;
}

int hf_tar_headers_entry(struct hf_tar_headers *headers, uint64_t data_off, uint64_t stored,
                         struct hf_tar_entry *out, struct hf_error *err)
{
    struct hf_tar_pax *pax = &headers->pax;
    enum hf_tar_sparse_kind kind = HF_TAR_NOT_SPARSE;
    struct hf_tar_entry entry = {.path = (const char *)headers->path.data,
                                 .path_len = headers->path.len,
                                 .link = (const char *)headers->link.data,
                                 .link_len = headers->link.len,
                                 .mode = (uint16_t)(headers->main.mode & 07777),
                                 .mtime_sec = pax->has_mtime ? pax->mtime_sec : headers->main.mtime,
                                 .mtime_nsec = pax->has_mtime ? pax->mtime_nsec : 0,
                                 .data_off = data_off,
                                 .data_len = stored};
    int rc;

    if ((rc = type_of(headers, &entry.type, err)) < 0 ||
        (rc = hf_tar_headers_sparse(headers, &kind, err)) < 0 ||
        (rc = set_owner(headers, &entry, err)) < 0 || (rc = set_device(headers, &entry, err)) < 0 ||
        (rc = hf_tar_xattrs_list(&pax->xattrs, &entry.xattrs, &entry.xattr_count, err)) < 0)
        return rc;
    if (entry.type == HF_TAR_FILE) {
        if ((rc = place_data(headers, kind, &entry, err)) < 0)
            return rc;
    } else if (kind != HF_TAR_NOT_SPARSE) {
        return hf_fail(err, HF_ERR_INPUT, "it has a sparse map, but is no file");
    }
    *out = entry;
    return 0;
}
