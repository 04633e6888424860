/*
 * io/io.h - the one table through which Holdfast reaches files, locks, the clock and chance.
 *
 * `struct hf_io_ops` is the seam: io_posix.c implements it with system calls, a test implements it
 * with a disk that loses power. An operation returns 0 (or a count of bytes) or a negative errno,
 * and may be interrupted or short like the system call it is named after. Everybody else calls the
 * hf_io_* functions below, which finish short counts, repeat after EINTR, and turn an errno into a
 * struct hf_error that names the file.
 *
 * Paths are relative to a directory descriptor; HF_IO_CWD stands for the working directory.
 * `name` arguments are only words for error messages.
 */
#ifndef HF_IO_IO_H
#define HF_IO_IO_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_IO_CWD (-100)

enum hf_io_open_flags {
    HF_IO_READ = 1 << 0,
    HF_IO_WRITE = 1 << 1,
    HF_IO_CREATE = 1 << 2,
    HF_IO_EXCLUSIVE = 1 << 3, /* with CREATE: EEXIST when it is there */
    HF_IO_DIRECTORY = 1 << 4,
    HF_IO_TRUNCATE = 1 << 5,
    HF_IO_DIRECT = 1 << 6, /* past the page cache where the file system can; else as without */
    HF_IO_APPEND = 1 << 7,
};

enum hf_io_kind { HF_IO_FILE, HF_IO_DIR, HF_IO_SYMLINK, HF_IO_PIPE, HF_IO_OTHER };

struct hf_io_stat {
    enum hf_io_kind kind;
    uint64_t size_bytes;
    uint64_t allocated_bytes;
    uint64_t device;
    uint64_t inode;
    uint64_t link_count;
    uint32_t mode; /* permission bits */
    uint32_t uid;
};

enum hf_io_lock { HF_IO_UNLOCK, HF_IO_LOCK_SHARED, HF_IO_LOCK_EXCLUSIVE };

/* Called for each entry but "." and ".."; a non-zero result ends the listing and is returned. */
typedef int hf_io_entry_fn(void *arg, const char *name, enum hf_io_kind kind);

struct hf_io;

struct hf_io_ops {
    int (*openat)(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode);
    int (*close)(struct hf_io *io, int fd);
    int64_t (*read)(struct hf_io *io, int fd, void *data, size_t len);
    int64_t (*write)(struct hf_io *io, int fd, const void *data, size_t len);
    int64_t (*pread)(struct hf_io *io, int fd, void *data, size_t len, uint64_t off);
    int64_t (*pwrite)(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off);
    int (*ftruncate)(struct hf_io *io, int fd, uint64_t len);
    int (*fsync)(struct hf_io *io, int fd);
    int (*fdatasync)(struct hf_io *io, int fd);
    /* Starts write-back of a range and does not wait. A hint: promises nothing. */
    void (*start_writeback)(struct hf_io *io, int fd, uint64_t off, uint64_t len);
    /* Drops clean pages of the whole file from the page cache. A hint. */
    void (*drop_cache)(struct hf_io *io, int fd);
    int (*linkat)(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to);
    int (*renameat)(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to);
    int (*unlinkat)(struct hf_io *io, int dir, const char *path, bool is_dir);
    int (*mkdirat)(struct hf_io *io, int dir, const char *path, uint32_t mode);
    int (*fstat)(struct hf_io *io, int fd, struct hf_io_stat *out);
    int (*fstatat)(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out); /* lstat */
    int (*list)(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg);
    /* Open-file-description lock on bytes [off, off + len). -EAGAIN: held elsewhere, not waiting.
     */
    int (*lock)(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                bool wait);
    /* 0: may be locked exclusively by this description; -EAGAIN: another one holds a lock. */
    int (*lock_test)(struct hf_io *io, int fd, uint64_t off);
    int (*fs_name)(struct hf_io *io, int fd, char name[32]); /* "ext4", "nfs", "0x1234" */
    int (*free_bytes)(struct hf_io *io, int fd, uint64_t *out_free);
    uint64_t (*now_ns)(struct hf_io *io); /* wall clock since 1970 */
    int (*random)(struct hf_io *io, void *data, size_t len);
    int (*boot_id)(struct hf_io *io, uint8_t id[16]);
};

struct hf_io {
    const struct hf_io_ops *ops;
};

/* The system's own. Static storage, any thread. */
struct hf_io *hf_io_posix(void);

/* --- what the rest of Holdfast calls --------------------------------------------------------- */

HF_MUST_USE int hf_io_open(struct hf_io *io, int dir, const char *path, unsigned flags,
                           uint32_t mode, int *out_fd, struct hf_error *err);
/*
 * A file of its own under that name, open for reading and writing: what is there is unlinked, not
 * emptied, for after a cut it may be the same file as one that was renamed from here.
 */
HF_MUST_USE int hf_io_create(struct hf_io *io, int dir, const char *path, uint32_t mode,
                             int *out_fd, struct hf_error *err);
/* For descriptors whose contents are synced or were only read. *fd becomes -1; -1 does nothing. */
void hf_io_close(struct hf_io *io, int *fd);
/* Reports a failed close; *fd becomes -1 all the same. */
HF_MUST_USE int hf_io_close_checked(struct hf_io *io, int *fd, const char *name,
                                    struct hf_error *err);
/* Up to `len` bytes; *out_len is 0 at the end of the file. */
HF_MUST_USE int hf_io_read(struct hf_io *io, int fd, void *data, size_t len, size_t *out_len,
                           const char *name, struct hf_error *err);
HF_MUST_USE int hf_io_write(struct hf_io *io, int fd, const void *data, size_t len,
                            const char *name, struct hf_error *err);
/* Fills `data` as far as the file reaches. */
HF_MUST_USE int hf_io_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off,
                            size_t *out_len, const char *name, struct hf_error *err);
HF_MUST_USE int hf_io_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off,
                             const char *name, struct hf_error *err);
HF_MUST_USE int hf_io_truncate(struct hf_io *io, int fd, uint64_t len, const char *name,
                               struct hf_error *err);
/* Never repeated, not even after EINTR: a failed sync is final. */
HF_MUST_USE int hf_io_fsync(struct hf_io *io, int fd, const char *name, struct hf_error *err);
HF_MUST_USE int hf_io_fdatasync(struct hf_io *io, int fd, const char *name, struct hf_error *err);
/* Opens the directory `path` under `dir`, syncs and closes it. */
HF_MUST_USE int hf_io_sync_dir(struct hf_io *io, int dir, const char *path, struct hf_error *err);
HF_MUST_USE int hf_io_link(struct hf_io *io, int from_dir, const char *from, int to_dir,
                           const char *to, struct hf_error *err);
HF_MUST_USE int hf_io_rename(struct hf_io *io, int from_dir, const char *from, int to_dir,
                             const char *to, struct hf_error *err);
HF_MUST_USE int hf_io_unlink(struct hf_io *io, int dir, const char *path, struct hf_error *err);
/* Removes what a failed step left behind, if it can: what stays is cleared by recovery. */
void hf_io_discard(struct hf_io *io, int dir, const char *path);
HF_MUST_USE int hf_io_rmdir(struct hf_io *io, int dir, const char *path, struct hf_error *err);
/* *out_made tells whether it was made now; may be NULL. An existing directory is no error. */
HF_MUST_USE int hf_io_mkdir(struct hf_io *io, int dir, const char *path, uint32_t mode,
                            bool *out_made, struct hf_error *err);
HF_MUST_USE int hf_io_fstat(struct hf_io *io, int fd, struct hf_io_stat *out, const char *name,
                            struct hf_error *err);
HF_MUST_USE int hf_io_stat_at(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out,
                              struct hf_error *err); /* does not follow a symbolic link */
/* `fn` returns 0 to go on; its other results (HF_ERR_*) end the listing and are returned. */
HF_MUST_USE int hf_io_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn,
                           void *arg, struct hf_error *err);
/* Waits for the lock. */
HF_MUST_USE int hf_io_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off,
                           uint64_t len, const char *name, struct hf_error *err);
/* *out_got false: somebody else has it. */
HF_MUST_USE int hf_io_try_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off,
                               uint64_t len, bool *out_got, const char *name, struct hf_error *err);
void hf_io_unlock(struct hf_io *io, int fd, uint64_t off, uint64_t len);
/* Does another open file description hold a lock on this byte? */
HF_MUST_USE int hf_io_is_locked(struct hf_io *io, int fd, uint64_t off, bool *out_locked,
                                const char *name, struct hf_error *err);
HF_MUST_USE int hf_io_random(struct hf_io *io, void *data, size_t len, struct hf_error *err);
HF_MUST_USE int hf_io_boot_id(struct hf_io *io, uint8_t id[16], struct hf_error *err);
uint64_t hf_io_now_ns(struct hf_io *io);
void hf_io_start_writeback(struct hf_io *io, int fd, uint64_t off, uint64_t len);
void hf_io_drop_cache(struct hf_io *io, int fd);
HF_MUST_USE int hf_io_fs_name(struct hf_io *io, int fd, char name[32], struct hf_error *err);
HF_MUST_USE int hf_io_free_bytes(struct hf_io *io, int fd, uint64_t *out_free,
                                 struct hf_error *err);

#endif
