/*
 * transfer/save.h - hf_image_save with the files outside of the store reached through `io`, for
 * tests that let the disk fail.
 */
#ifndef HF_TRANSFER_SAVE_H
#define HF_TRANSFER_SAVE_H

#include <holdfast/image.h>

#include "io/io.h"

HF_MUST_USE int hf_image_save_io(struct hf_io *io, struct hf_store *store,
                                 const char *const *references, size_t count, const char *path,
                                 int fd, const struct hf_save_options *options,
                                 struct hf_error *err);

#endif
