/* erofs/xattr.c - extended attributes as the image has them. */
#include "base/error.h"
#include "erofs/format.h"
#include "erofs/tree.h"

#include <string.h>

/* Attributes with other names cannot be set in Linux at all, so no layer that was extracted has
 * them. */
static const struct {
    const char *prefix;
    uint8_t index;
    bool is_whole; /* the prefix is all of the name */
} prefixes[] = {
    {"user.", HF_EROFS_XATTR_USER, false},
    {"system.posix_acl_access", HF_EROFS_XATTR_ACL_ACCESS, true},
    {"system.posix_acl_default", HF_EROFS_XATTR_ACL_DEFAULT, true},
    {"trusted.", HF_EROFS_XATTR_TRUSTED, false},
    {"security.", HF_EROFS_XATTR_SECURITY, false},
};

static bool begins_with(const struct hf_tar_xattr *xattr, const char *prefix)
{
    return strncmp(xattr->name, prefix, strlen(prefix)) == 0;
}

/* A layer must not tell overlayfs to redirect, to copy up late or to hide. */
static bool steers_overlayfs(const struct hf_tar_xattr *xattr)
{
    return begins_with(xattr, "trusted.overlay.") || begins_with(xattr, "user.overlay.");
}

static void put_xattr(struct hf_buf *out, const struct hf_tar_xattr *xattr)
{
    if (steers_overlayfs(xattr))
        return;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t prefix = strlen(prefixes[i].prefix);
        if (!begins_with(xattr, prefixes[i].prefix) ||
            (xattr->name_len == prefix) != prefixes[i].is_whole)
            continue;
        hf_buf_put_u8(out, (uint8_t)(xattr->name_len - prefix));
        hf_buf_put_u8(out, prefixes[i].index);
        hf_buf_put_u16(out, (uint16_t)xattr->value_len); /* names and values have 64 KiB together */
        hf_buf_put(out, xattr->name + prefix, xattr->name_len - prefix);
        hf_buf_put(out, xattr->value, xattr->value_len);
        hf_buf_put_zeros(out, (HF_EROFS_XATTR_ALIGN - out->len % HF_EROFS_XATTR_ALIGN) %
                                  HF_EROFS_XATTR_ALIGN);
        return;
    }
}

int hf_erofs_tree_keep_xattrs(struct hf_erofs_tree *tree, const struct hf_tar_entry *entry,
                              uint32_t *out, struct hf_error *err)
{
    struct hf_buf entries = {0};
    uint32_t len = 0;
    uint32_t ignored = 0;
    int rc;

    *out = HF_EROFS_NONE;
    for (size_t i = 0; i < entry->xattr_count; i++)
        put_xattr(&entries, &entry->xattrs[i]);
    rc = hf_buf_check(&entries, err);
    len = (uint32_t)entries.len;
    if (rc == 0 && len > 0 && (rc = hf_erofs_tree_keep(tree, &len, sizeof(len), out, err)) == 0)
        rc = hf_erofs_tree_keep(tree, entries.data, len, &ignored, err);
    hf_buf_release(&entries);
    return rc;
}
