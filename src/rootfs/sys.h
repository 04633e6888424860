/*
 * rootfs/sys.h - the system calls for a tree of files of any type. 0, or a negative errno.
 *
 * `name` is one component; a symlink by that name is never followed. EINTR is not seen by callers.
 */
#ifndef HF_ROOTFS_SYS_H
#define HF_ROOTFS_SYS_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct hf_sys_times {
    int64_t sec;
    uint32_t nsec;
};

/* --- directories ------------------------------------------------------------------------------ */

/* `path` of several components is fine, and leads through directories alone: a symlink on the way
 * is ELOOP. The descriptor is for *_at calls only (O_PATH). */
HF_MUST_USE int hf_sys_find_dir(int dir, const char *path, int *out_fd);
/* The same, to be read, locked and changed. */
HF_MUST_USE int hf_sys_open_dir(int dir, const char *path, int *out_fd);
/* The directory above `dir`, to be read. */
HF_MUST_USE int hf_sys_open_above(int dir, int *out_fd);
/* A directory by its path as people write it, symlinks followed. */
HF_MUST_USE int hf_sys_open_path(const char *path, int *out_fd);
HF_MUST_USE int hf_sys_make_dir(int dir, const char *name);
HF_MUST_USE int hf_sys_remove_dir(int dir, const char *name);
/* Entries of an open directory into `space`: *out_len bytes of struct dirent64; 0: no more. */
HF_MUST_USE int hf_sys_read_dir(int dir, void *space, size_t size, size_t *out_len);

/* --- files ------------------------------------------------------------------------------------ */

/* A new file to write, 0600. */
HF_MUST_USE int hf_sys_create(int dir, const char *name, int *out_fd);
HF_MUST_USE int hf_sys_write(int fd, const void *data, size_t len, uint64_t off);
HF_MUST_USE int hf_sys_set_size(int fd, uint64_t size);
HF_MUST_USE int hf_sys_close(int fd); /* what a write could not say yet */
void hf_sys_drop(int *fd);            /* close without a say; -1 does nothing; sets it to -1 */
/* The regular file at `path` as who has `root` as its root directory sees it, symlinks followed. */
HF_MUST_USE int hf_sys_open_in_root(int root, const char *path, int *out_fd);
HF_MUST_USE int hf_sys_read(int fd, void *data, size_t size, uint64_t off, size_t *out_len);

HF_MUST_USE int hf_sys_link(int from_dir, const char *from, int dir, const char *name);
HF_MUST_USE int hf_sys_symlink(const char *target, int dir, const char *name);
HF_MUST_USE int hf_sys_read_link(int dir, const char *name, char *target, size_t size,
                                 size_t *out_len);
/* type: S_IFCHR, S_IFBLK or S_IFIFO */
HF_MUST_USE int hf_sys_make_node(int dir, const char *name, uint32_t type, uint32_t major,
                                 uint32_t minor);
HF_MUST_USE int hf_sys_unlink(int dir, const char *name); /* EISDIR for a directory */

/* --- what is known of a file ------------------------------------------------------------------ */

HF_MUST_USE int hf_sys_stat(int dir, const char *name, struct stat *out);
HF_MUST_USE int hf_sys_stat_fd(int fd, struct stat *out);
/* By descriptor when name is NULL. */
HF_MUST_USE int hf_sys_set_owner(int dir, const char *name, uint32_t uid, uint32_t gid);
HF_MUST_USE int hf_sys_set_times(int dir, const char *name, struct hf_sys_times mtime);
/* Not for symlinks, which have none. */
HF_MUST_USE int hf_sys_set_mode(int dir, const char *name, uint32_t mode);
HF_MUST_USE int hf_sys_set_xattr(int dir, const char *name, const char *key, const void *value,
                                 size_t len);
/* Names, each ended by NUL, of an open directory's attributes; ERANGE: `size` is too small. */
HF_MUST_USE int hf_sys_list_xattrs(int fd, char *names, size_t size, size_t *out_len);
HF_MUST_USE int hf_sys_drop_xattr(int fd, const char *key);
bool hf_sys_is_own(uint32_t uid, uint32_t gid); /* what this process makes has these owners */
bool hf_sys_is_root(void);

/* --- the whole -------------------------------------------------------------------------------- */

HF_MUST_USE int hf_sys_lock(int fd); /* exclusive, without waiting: EWOULDBLOCK */
HF_MUST_USE int hf_sys_random(uint64_t *out);
/* Everything on the file system of `fd` is durable, or what failed since `fd` was opened is told.
 */
HF_MUST_USE int hf_sys_sync_all(int fd);
HF_MUST_USE int hf_sys_sync(int fd);
HF_MUST_USE int hf_sys_rename(int dir, const char *from, const char *to);

#endif
