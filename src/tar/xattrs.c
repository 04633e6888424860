/* tar/xattrs.c - the extended attributes of one entry while its headers are read. */
#include "tar/xattrs.h"

#include "base/array.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

void hf_tar_xattrs_release(struct hf_tar_xattrs *xattrs)
{
    hf_buf_release(&xattrs->bytes);
    free(xattrs->places);
    free(xattrs->views);
    *xattrs = (struct hf_tar_xattrs){0};
}

void hf_tar_xattrs_clear(struct hf_tar_xattrs *xattrs)
{
    hf_buf_clear(&xattrs->bytes);
    xattrs->count = 0;
    xattrs->total_bytes = 0;
}

int hf_tar_xattrs_add(struct hf_tar_xattrs *xattrs, const char *name, size_t name_len,
                      const uint8_t *value, size_t value_len, struct hf_error *err)
{
    if (name_len == 0 || memchr(name, '\0', name_len))
        return hf_fail(err, HF_ERR_INPUT, "an extended attribute has no name");
    if (name_len > HF_TAR_MAX_XATTR_NAME)
        return hf_fail(err, HF_ERR_LIMIT,
                       "the name of an extended attribute has %zu bytes, at most %u are possible",
                       name_len, HF_TAR_MAX_XATTR_NAME);
    if (value_len > HF_TAR_MAX_XATTRS - name_len ||
        xattrs->total_bytes > HF_TAR_MAX_XATTRS - name_len - value_len)
        return hf_fail(err, HF_ERR_LIMIT, "its extended attributes have more than %u bytes",
                       HF_TAR_MAX_XATTRS);
    int rc = hf_array_grow(&xattrs->places, &xattrs->capacity, xattrs->count,
                           sizeof(*xattrs->places), err);
    if (rc < 0)
        return rc;
    xattrs->places[xattrs->count] = (struct hf_tar_xattr_place){
        .off = xattrs->bytes.len, .name_len = name_len, .value_len = value_len};
    hf_buf_put(&xattrs->bytes, name, name_len);
    hf_buf_put_u8(&xattrs->bytes, 0);
    hf_buf_put(&xattrs->bytes, value, value_len);
    if ((rc = hf_buf_check(&xattrs->bytes, err)) < 0)
        return rc;
    xattrs->count++;
    xattrs->total_bytes += name_len + value_len;
    return 0;
}

int hf_tar_xattrs_copy(struct hf_tar_xattrs *to, const struct hf_tar_xattrs *from,
                       struct hf_error *err)
{
    int rc = 0;

    hf_tar_xattrs_clear(to);
    for (size_t i = 0; i < from->count && rc == 0; i++) {
        const struct hf_tar_xattr_place *place = &from->places[i];
        const uint8_t *name = from->bytes.data + place->off;
        rc = hf_tar_xattrs_add(to, (const char *)name, place->name_len, name + place->name_len + 1,
                               place->value_len, err);
    }
    return rc;
}

/* By name; of one name the one that came last stands first: it lies further back in the bytes. */
static int compare(const void *a, const void *b)
{
    const struct hf_tar_xattr *left = a;
    const struct hf_tar_xattr *right = b;
    int order = strcmp(left->name, right->name);

    if (order != 0)
        return order;
    return left->name > right->name ? -1 : 1;
}

int hf_tar_xattrs_list(struct hf_tar_xattrs *xattrs, const struct hf_tar_xattr **out,
                       size_t *out_count, struct hf_error *err)
{
    size_t kept = 0;

    while (xattrs->view_capacity < xattrs->count) {
        int rc = hf_array_grow(&xattrs->views, &xattrs->view_capacity, xattrs->view_capacity,
                               sizeof(*xattrs->views), err);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < xattrs->count; i++) {
        const struct hf_tar_xattr_place *place = &xattrs->places[i];
        const uint8_t *name = xattrs->bytes.data + place->off;
        xattrs->views[i] = (struct hf_tar_xattr){.name = (const char *)name,
                                                 .name_len = place->name_len,
                                                 .value = name + place->name_len + 1,
                                                 .value_len = place->value_len};
    }
    if (xattrs->count > 1)
        qsort(xattrs->views, xattrs->count, sizeof(*xattrs->views), compare);
    for (size_t i = 0; i < xattrs->count; i++) {
        if (kept == 0 || strcmp(xattrs->views[kept - 1].name, xattrs->views[i].name) != 0)
            xattrs->views[kept++] = xattrs->views[i];
    }
    *out = xattrs->views;
    *out_count = kept;
    return 0;
}
