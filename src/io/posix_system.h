/*
 * io/posix_system.h - the part of io_posix.c's table that asks the machine itself. What each one
 * does: struct hf_io_ops.
 */
#ifndef HF_IO_POSIX_SYSTEM_H
#define HF_IO_POSIX_SYSTEM_H

#include "io/io.h"

int hf_posix_fs_name(struct hf_io *io, int fd, char name[32]);
int hf_posix_free_bytes(struct hf_io *io, int fd, uint64_t *out_free);
uint64_t hf_posix_now_ns(struct hf_io *io);
int hf_posix_random(struct hf_io *io, void *data, size_t len);
int hf_posix_boot_id(struct hf_io *io, uint8_t id[16]);

#endif
