/* rootfs/upper_xattrs.c - extended attributes: those of overlayfs are understood, others kept. */
#include "rootfs/upper_entry.h"

#include "base/array.h"
#include "base/error.h"
#include "tar/tar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define VALUE_MAX (HF_TAR_MAX_XATTRS + 1) /* one byte more than can be kept */

/* What to ask. There is no call for a name in an open folder before Linux 6.13; a path through
 * /proc leads to it, and the last component is not followed. */
struct place {
    int fd; /* -1: the path */
    char through_proc[NAME_MAX + 64];
};

static ssize_t list(const struct place *place, char *names, size_t size)
{
    return place->fd >= 0 ? flistxattr(place->fd, names, size)
                          : llistxattr(place->through_proc, names, size);
}

static ssize_t get(const struct place *place, const char *name, void *value, size_t size)
{
    return place->fd >= 0 ? fgetxattr(place->fd, name, value, size)
                          : lgetxattr(place->through_proc, name, value, size);
}

static int read_names(struct hf_upper_xattrs *xattrs, const struct place *place, const char *path,
                      struct hf_error *err)
{
    uint8_t *names = hf_buf_reserve(&xattrs->names, XATTR_LIST_MAX);
    ssize_t len = names ? list(place, (char *)names, XATTR_LIST_MAX) : 0;

    if (!names)
        return hf_buf_check(&xattrs->names, err);
    if (len < 0 && errno == ENOTSUP)
        len = 0;
    if (len < 0)
        return hf_fail_errno(err, -errno, "read the attributes of", path);
    xattrs->names.len = (size_t)len;
    return 0;
}

/* The value goes to the end of xattrs->values. */
static int read_value(struct hf_upper_xattrs *xattrs, const struct place *place, const char *name,
                      const char *path, size_t *out_len, struct hf_error *err)
{
    uint8_t *value = hf_buf_reserve(&xattrs->values, VALUE_MAX);
    ssize_t len = value ? get(place, name, value, VALUE_MAX) : 0;

    if (!value)
        return hf_buf_check(&xattrs->values, err);
    if (len < 0 && errno == ENODATA)
        return hf_upper_changed(path, err);
    if (len < 0)
        return hf_fail_errno(err, -errno, "read the attributes of", path);
    *out_len = (size_t)len;
    return 0;
}

/* The part of the name that overlayfs gives its own; NULL for what is not overlayfs's. */
static const char *overlay_name(const char *name)
{
    static const char *const prefixes[] = {"trusted.overlay.", "user.overlay."};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return name + strlen(prefixes[i]);
    return NULL;
}

static int take_overlays(struct hf_upper_xattrs *xattrs, const struct place *place,
                         const char *name, const char *path, struct hf_error *err)
{
    const char *own = overlay_name(name);
    size_t len = 0;

    if (strcmp(own, "redirect") == 0 || strcmp(own, "metacopy") == 0)
        return hf_fail(err, HF_ERR_UNSUPPORTED,
                       "%s has the attribute %s: its contents are in a lower directory; an upper "
                       "directory can be committed when it was mounted with redirect_dir=off and "
                       "metacopy=off",
                       path, name);
    if (strcmp(own, "whiteout") == 0)
        xattrs->is_whiteout = true;
    if (strcmp(own, "opaque") != 0)
        return 0;
    int rc = read_value(xattrs, place, name, path, &len, err);
    /* "x" says of a folder that it has whiteouts of the other kind, and hides nothing. */
    if (rc == 0 && len == 1 && xattrs->values.data[xattrs->values.len] == 'y')
        xattrs->is_opaque = true;
    return rc;
}

static int take_other(struct hf_upper_xattrs *xattrs, const struct place *place, const char *name,
                      const char *path, struct hf_error *err)
{
    size_t len = 0;
    int rc = read_value(xattrs, place, name, path, &len, err);

    /* What our own reader of tars refuses must not be written. */
    if (rc == 0 && xattrs->names.len + xattrs->values.len + len > HF_TAR_MAX_XATTRS)
        rc = hf_fail(err, HF_ERR_LIMIT, "%s: its attributes have more than %u bytes", path,
                     HF_TAR_MAX_XATTRS);
    if (rc == 0)
        rc = hf_array_grow(&xattrs->items, &xattrs->capacity, xattrs->count, sizeof(*xattrs->items),
                           err);
    if (rc != 0)
        return rc;
    xattrs->items[xattrs->count++] = (struct hf_upper_xattr){.name = name, .value_len = len};
    xattrs->values.len += len;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct hf_upper_xattr *)a)->name,
                  ((const struct hf_upper_xattr *)b)->name);
}

/* The values lie one after the other, in the order of reading; they move no more. */
static void finish(struct hf_upper_xattrs *xattrs)
{
    const uint8_t *value = xattrs->values.data;

    for (size_t i = 0; i < xattrs->count; i++) {
        xattrs->items[i].value = value;
        value += xattrs->items[i].value_len;
    }
    if (xattrs->count > 1)
        qsort(xattrs->items, xattrs->count, sizeof(*xattrs->items), compare);
}

int hf_upper_xattrs_read(struct hf_upper_xattrs *xattrs, int fd, int dir, const char *name,
                         const char *path, struct hf_error *err)
{
    struct place place = {.fd = fd};

    snprintf(place.through_proc, sizeof(place.through_proc), "/proc/self/fd/%d/%s", dir, name);
    hf_buf_clear(&xattrs->names);
    hf_buf_clear(&xattrs->values);
    xattrs->count = 0;
    xattrs->is_whiteout = xattrs->is_opaque = false;
    int rc = read_names(xattrs, &place, path, err);
    for (size_t off = 0; rc == 0 && off < xattrs->names.len;) {
        const char *one = (const char *)xattrs->names.data + off;
        rc = overlay_name(one) ? take_overlays(xattrs, &place, one, path, err)
                               : take_other(xattrs, &place, one, path, err);
        off += strlen(one) + 1;
    }
    if (rc == 0)
        finish(xattrs);
    return rc;
}

void hf_upper_xattrs_release(struct hf_upper_xattrs *xattrs)
{
    free(xattrs->items);
    hf_buf_release(&xattrs->names);
    hf_buf_release(&xattrs->values);
    *xattrs = (struct hf_upper_xattrs){0};
}
