/*
 * transfer/save_sink.h - where the files of an archive go: a tar or a folder.
 *
 * For each file: begin, write until its size is reached, end. Then finish, once, after the last.
 * After a failure only free is left.
 */
#ifndef HF_TRANSFER_SAVE_SINK_H
#define HF_TRANSFER_SAVE_SINK_H

#include <holdfast/error.h>

#include "transfer/save_plan.h"
#include "io/io.h"

struct hf_save_sink {
    int (*begin)(struct hf_save_sink *sink, const char *path, uint64_t size_bytes,
                 struct hf_error *err);
    int (*write)(struct hf_save_sink *sink, const void *data, size_t len, struct hf_error *err);
    int (*end)(struct hf_save_sink *sink, struct hf_error *err);
    int (*finish)(struct hf_save_sink *sink, struct hf_error *err);
    void (*free)(struct hf_save_sink *sink);
};

/*
 * A tar on `fd`, which stays the caller's. Every byte of it follows from the files: times are 0,
 * owners root.
 *
 * name             borrowed, for messages
 * writeback_bytes  write-back is started in pieces of this size, so that a sync at the end finds
 *                  little to do; 0: for who will not sync
 */
HF_MUST_USE int hf_save_sink_tar(struct hf_io *io, int fd, const char *name,
                                 uint64_t writeback_bytes, struct hf_save_sink **out,
                                 struct hf_error *err);
/*
 * Files below the folder `path`, which exists and is empty. Each file is synced at its end, folders
 * at finish. `path` is borrowed.
 */
HF_MUST_USE int hf_save_sink_dir(struct hf_io *io, const char *path, struct hf_save_sink **out,
                                 struct hf_error *err);

/*
 * Write all files of a plan, each compared with its digest and size on the way.
 *
 * Errors   CORRUPT: an object of the store is not what its name says. CANCELLED by the observer.
 */
HF_MUST_USE int hf_save_write(struct hf_store *store, const struct hf_save_plan *plan,
                              struct hf_save_sink *sink, const struct hf_observer *observer,
                              struct hf_error *err);

#endif
