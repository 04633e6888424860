/* fault-injection/disk/sim_inside.h - what the files of the table share. */
#ifndef HF_FAULT_SIM_INSIDE_H
#define HF_FAULT_SIM_INSIDE_H

#include "disk/sim_io.h"

struct sim *sim_of(struct hf_io *io);
/* Around each operation: with the mutex. */
void sim_enter(struct sim *sim);
void sim_leave(struct sim *sim);
/* In front of each change. The call in the sources that asks for it, or NULL. */
const char *sim_before(struct sim *sim, enum sim_op op, const char *path, uint32_t inode,
                       uint64_t off);
/* Of a descriptor that is open: another one is a mistake of the store, and aborts. */
struct sim_file *sim_file_of(struct sim *sim, int fd);

struct sim_place {
    uint32_t dir;
    const char *name; /* its last component; "" for the directory itself */
    size_t len;
};
/* Walks to the last component's directory. */
int sim_walk(struct sim *sim, int dir, const char *path, struct sim_place *out);
/* 0: there is nothing. */
uint32_t sim_inode_at(struct sim *sim, const struct sim_place *place);

/* sim_io.c */
int sim_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode);
int sim_close(struct hf_io *io, int fd);

/* sim_names.c */
int sim_linkat(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to);
int sim_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir, const char *to);
int sim_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir);
int sim_mkdirat(struct hf_io *io, int dir, const char *path, uint32_t mode);
int sim_fstat(struct hf_io *io, int fd, struct hf_io_stat *out);
int sim_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out);
int sim_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg);

/* sim_machine.c */
int sim_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len, bool wait);
int sim_lock_test(struct hf_io *io, int fd, uint64_t off);
int sim_fs_name(struct hf_io *io, int fd, char name[32]);
int sim_free_bytes(struct hf_io *io, int fd, uint64_t *out_free);
uint64_t sim_now_ns(struct hf_io *io);
int sim_random(struct hf_io *io, void *data, size_t len);
int sim_boot_id(struct hf_io *io, uint8_t id[16]);

#endif
