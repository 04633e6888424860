/*
 * transfer/save_output.h - the file or folder that a save makes: under its name only when it is
 * whole and durable.
 *
 *     hf_save_output_open(io, path, fd, false, &output, err)
 *     ... write to output.fd, or below output.temporary ...
 *     hf_save_output_keep(&output, err)    synced, renamed, its folder synced
 *     hf_save_output_drop(&output)         always; what was not kept is removed
 *
 * A path that is there and is neither a file nor missing (/dev/null, a pipe, a symbolic link) is
 * written to directly, and so is a descriptor: then nothing is removed on failure.
 */
#ifndef HF_TRANSFER_SAVE_OUTPUT_H
#define HF_TRANSFER_SAVE_OUTPUT_H

#include "io/io.h"

struct hf_save_output {
    struct hf_io *io;
    const char *path; /* borrowed; NULL: a descriptor of the caller */
    char *temporary;  /* beside `path`; NULL: written directly */
    char *parent;     /* folder of `path` */
    const char *name; /* for messages */
    int fd;
    bool is_dir;
};

HF_MUST_USE int hf_save_output_open(struct hf_io *io, const char *path, int fd, bool is_dir,
                                    struct hf_save_output *out, struct hf_error *err);
HF_MUST_USE int hf_save_output_keep(struct hf_save_output *output, struct hf_error *err);
void hf_save_output_drop(struct hf_save_output *output); /* twice is fine */

#endif
