/* tar/path.c - where a path of the tar lies below the root. */
#include "base/error.h"
#include "tar/tar.h"

#include <string.h>

/* Takes back the last component of `out`. */
static int go_up(struct hf_buf *out, struct hf_error *err)
{
    if (out->len == 0)
        return hf_fail(err, HF_ERR_INPUT, "its path leads above the root with '..'");
    const uint8_t *slash = memrchr(out->data, '/', out->len);
    out->len = slash ? (size_t)(slash - out->data) : 0;
    return 0;
}

static int add_component(const char *name, size_t len, struct hf_buf *out, struct hf_error *err)
{
    if (len == 0 || (len == 1 && name[0] == '.'))
        return 0;
    if (len == 2 && name[0] == '.' && name[1] == '.')
        return go_up(out, err);
    if (len > HF_TAR_MAX_COMPONENT)
        return hf_fail(err, HF_ERR_LIMIT,
                       "a name in its path has %zu bytes, at most %u are possible", len,
                       HF_TAR_MAX_COMPONENT);
    if (out->len > 0)
        hf_buf_put_u8(out, '/');
    hf_buf_put(out, name, len);
    return hf_buf_check(out, err);
}

int hf_tar_clean_path(const char *path, size_t len, struct hf_buf *out, struct hf_error *err)
{
    hf_buf_clear(out);
    while (len > 0) {
        const char *slash = memchr(path, '/', len);
        size_t part = slash ? (size_t)(slash - path) : len;
        int rc = add_component(path, part, out, err);
        if (rc < 0)
            return rc;
        part += slash ? 1 : 0;
        path += part;
        len -= part;
    }
    return 0;
}
