/* archive/path.c - paths inside an archive in one form. Nothing is ever unpacked by them. */
#include "archive/archive.h"

#include <string.h>

/* Appends the components of `path`; ".." takes one away. */
static bool append_path(char out[HF_ARCHIVE_PATH_MAX], size_t *len, const char *path)
{
    while (*path != '\0') {
        size_t n = strcspn(path, "/");
        if (n == 2 && memcmp(path, "..", 2) == 0) {
            while (*len > 0 && out[*len - 1] != '/')
                (*len)--;
            *len -= *len > 0;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (*len + (*len > 0) + n >= HF_ARCHIVE_PATH_MAX)
                return false;
            if (*len > 0)
                out[(*len)++] = '/';
            memcpy(out + *len, path, n);
            *len += n;
        }
        path += n + (path[n] == '/');
    }
    return true;
}

bool hf_archive_path(const char *base, const char *path, char out[HF_ARCHIVE_PATH_MAX])
{
    size_t len = 0;

    if (base && path[0] != '/') {
        if (!append_path(out, &len, base) || !append_path(out, &len, ".."))
            return false;
    }
    if (!append_path(out, &len, path))
        return false;
    out[len] = '\0';
    return len > 0;
}
