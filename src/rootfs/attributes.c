/* rootfs/attributes.c - owner, mode, times and extended attributes, as far as they may be set. */
#include "rootfs/tree.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

#define LIST_BYTES 65536u /* Linux has no longer list */

int hf_tree_set_owner(struct hf_tree *tree, int dir, const char *name, uint32_t uid, uint32_t gid,
                      uint32_t *mode, struct hf_error *err)
{
    int rc = hf_sys_set_owner(dir, name, uid, gid);

    /* EINVAL: not in this user namespace. */
    if (rc != -EPERM && rc != -EINVAL)
        return rc == 0 ? 0 : hf_fail_errno(err, rc, "set the owner of", name ? name : "a file");
    if (hf_sys_is_own(uid, gid))
        return 0;
    tree->lost.owners++;
    /* Else others could act as who unpacks. */
    if ((*mode & (S_ISUID | S_ISGID)) != 0)
        tree->lost.set_ids++;
    *mode &= ~(uint32_t)(S_ISUID | S_ISGID);
    return 0;
}

/* A layer must not tell overlayfs to redirect, to copy up late or to hide. */
static bool steers_overlayfs(const char *key)
{
    return strncmp(key, "trusted.overlay.", 16) == 0 || strncmp(key, "user.overlay.", 13) == 0;
}

int hf_tree_set_xattr(struct hf_tree *tree, int dir, const char *name, const char *key,
                      const void *value, size_t len, struct hf_error *err)
{
    if (steers_overlayfs(key))
        return 0;
    int rc = hf_sys_set_xattr(dir, name, key, value, len);
    switch (-rc) {
    case 0:
        return 0;
    case EPERM: /* also user.* of what is neither file nor directory */
    case EACCES:
    case EOPNOTSUPP:
    case EINVAL: /* a value that its namespace does not take, such as a wrong capability */
    case ENOENT: /* no /proc to name a symlink by */
        tree->lost.xattrs++;
        return 0;
    default:
        return hf_fail_prefix(err, hf_fail_errno(err, rc, "set", key), "an attribute");
    }
}

int hf_tree_set_xattrs(struct hf_tree *tree, int dir, const char *name,
                       const struct hf_tar_entry *entry, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < entry->xattr_count; i++) {
        const struct hf_tar_xattr *xattr = &entry->xattrs[i];
        rc = hf_tree_set_xattr(tree, dir, name, xattr->name, xattr->value, xattr->value_len, err);
    }
    return rc;
}

/* What the system gives each directory by itself (security.selinux) cannot go, and need not. */
int hf_tree_clear_xattrs(int fd, struct hf_error *err)
{
    char names[LIST_BYTES];
    size_t len = 0;
    int rc = hf_sys_list_xattrs(fd, names, sizeof(names), &len);

    if (rc != 0 && rc != -EOPNOTSUPP)
        return hf_fail_errno(err, rc, "read the attributes of", "a folder");
    for (size_t off = 0; rc == 0 && off < len; off += strlen(names + off) + 1)
        hf_tolerate(hf_sys_drop_xattr(fd, names + off));
    return 0;
}

int hf_tree_set_attrs(int dir, const char *name, const struct hf_tree_attrs *attrs, bool has_mode,
                      struct hf_error *err)
{
    int rc = has_mode ? hf_sys_set_mode(dir, name, attrs->mode) : 0;

    if (rc != 0)
        return hf_fail_errno(err, rc, "set the mode of", name ? name : "a file");
    rc = hf_sys_set_times(dir, name, attrs->mtime);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "set the time of", name ? name : "a file");
}
