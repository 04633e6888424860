/* transfer/save_output.c - the file or folder that a save makes. */
#include "transfer/save_output.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images hold secrets more often than they should: as docker does, for their owner alone. */
#define FILE_MODE 0600
#define DIR_MODE  0755

static int find_parent(struct hf_save_output *output, struct hf_error *err)
{
    size_t len = strlen(output->path);

    while (len > 1 && output->path[len - 1] == '/')
        len--;
    while (len > 0 && output->path[len - 1] != '/')
        len--;
    while (len > 1 && output->path[len - 1] == '/')
        len--;
    output->parent = len > 0 ? strndup(output->path, len) : strdup(".");
    return output->parent ? 0 : hf_fail_memory(err);
}

static int choose_temporary(struct hf_save_output *output, struct hf_error *err)
{
    uint64_t number;
    int rc = hf_io_random(output->io, &number, sizeof(number), err);

    if (rc != 0)
        return rc;
    if (asprintf(&output->temporary, "%s/.holdfast-save-%016llx", output->parent,
                 (unsigned long long)number) < 0) {
        output->temporary = NULL;
        return hf_fail_memory(err);
    }
    return 0;
}

/* --- a folder --------------------------------------------------------------------------------- */

static int refuse_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    return HF_ERR_EXISTS;
}

/* It may be there, but empty: a rename replaces that. */
static int check_dir(const struct hf_save_output *output, struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_io_stat stat;
    int rc = hf_io_stat_at(output->io, HF_IO_CWD, output->path, &stat, &reason);

    if (rc == HF_ERR_NOT_FOUND)
        return 0;
    if (rc == 0 && stat.kind != HF_IO_DIR)
        return hf_fail(err, HF_ERR_EXISTS, "%s is there and is not a folder", output->path);
    if (rc == 0)
        rc = hf_io_list(output->io, HF_IO_CWD, output->path, refuse_entry, NULL, &reason);
    if (rc == HF_ERR_EXISTS)
        return hf_fail(err, HF_ERR_EXISTS, "the folder %s is not empty", output->path);
    if (rc != 0 && err)
        *err = reason;
    return rc;
}

static int open_dir(struct hf_save_output *output, struct hf_error *err)
{
    char *path = NULL;
    int rc = check_dir(output, err);

    if (rc == 0)
        rc = choose_temporary(output, err);
    if (rc != 0)
        return rc;
    /* Not ours to remove before it is made. */
    path = output->temporary;
    output->temporary = NULL;
    rc = hf_io_mkdir(output->io, HF_IO_CWD, path, DIR_MODE, NULL, err);
    if (rc == 0)
        output->temporary = path;
    else
        free(path);
    return rc;
}

/* --- a file ----------------------------------------------------------------------------------- */

static int open_directly(struct hf_save_output *output, struct hf_error *err)
{
    return hf_io_open(output->io, HF_IO_CWD, output->path,
                      HF_IO_WRITE | HF_IO_CREATE | HF_IO_TRUNCATE, FILE_MODE, &output->fd, err);
}

static int open_temporary(struct hf_save_output *output, uint32_t mode, struct hf_error *err)
{
    int rc = choose_temporary(output, err);

    if (rc != 0)
        return rc;
    rc = hf_io_open(output->io, HF_IO_CWD, output->temporary,
                    HF_IO_WRITE | HF_IO_CREATE | HF_IO_EXCLUSIVE, mode, &output->fd, err);
    if (rc != 0) {
        free(output->temporary);
        output->temporary = NULL;
    }
    return rc;
}

static int open_file(struct hf_save_output *output, struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_io_stat stat = {.kind = HF_IO_FILE, .mode = FILE_MODE};
    int rc = hf_io_stat_at(output->io, HF_IO_CWD, output->path, &stat, &reason);

    if (rc == HF_ERR_NOT_FOUND)
        return open_temporary(output, FILE_MODE, err);
    if (rc != 0) {
        if (err)
            *err = reason;
        return rc;
    }
    if (stat.kind == HF_IO_DIR)
        return hf_fail(err, HF_ERR_EXISTS, "%s is a folder", output->path);
    return stat.kind == HF_IO_FILE ? open_temporary(output, stat.mode & 0777, err)
                                   : open_directly(output, err);
}

int hf_save_output_open(struct hf_io *io, const char *path, int fd, bool is_dir,
                        struct hf_save_output *out, struct hf_error *err)
{
    *out = (struct hf_save_output){
        .io = io, .path = path, .name = path ? path : "the output", .fd = fd, .is_dir = is_dir};
    if (!path)
        return is_dir ? hf_fail(err, HF_ERR_USAGE, "a folder needs a path") : 0;
    out->fd = -1;
    if (path[0] == '\0')
        return hf_fail(err, HF_ERR_USAGE, "the path to write to is empty");
    int rc = find_parent(out, err);
    if (rc == 0)
        rc = is_dir ? open_dir(out, err) : open_file(out, err);
    return rc;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int close_file(struct hf_save_output *output, struct hf_error *err)
{
    struct hf_io_stat stat;
    int rc = hf_io_fstat(output->io, output->fd, &stat, output->name, err);

    /* A pipe or a device cannot be synced. */
    if (rc == 0 && stat.kind == HF_IO_FILE)
        rc = hf_io_fsync(output->io, output->fd, output->name, err);
    return rc == 0 ? hf_io_close_checked(output->io, &output->fd, output->name, err) : rc;
}

int hf_save_output_keep(struct hf_save_output *output, struct hf_error *err)
{
    int rc = 0;

    if (!output->path)
        return 0;
    if (!output->is_dir)
        rc = close_file(output, err);
    if (rc != 0 || !output->temporary)
        return rc;
    rc = hf_io_rename(output->io, HF_IO_CWD, output->temporary, HF_IO_CWD, output->path, err);
    if (rc != 0)
        return rc;
    free(output->temporary);
    output->temporary = NULL;
    return hf_io_sync_dir(output->io, HF_IO_CWD, output->parent, err);
}

struct removal {
    struct hf_io *io;
    const char *path;
};

/* Best effort: a leftover under a temporary name harms nobody, and the first error matters more. */
static void remove_tree(struct hf_io *io, const char *path);

static int remove_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    const struct removal *removal = arg;
    char *path = NULL;

    if (asprintf(&path, "%s/%s", removal->path, name) < 0)
        return HF_ERR_NO_MEMORY;
    if (kind == HF_IO_DIR)
        remove_tree(removal->io, path);
    int rc = kind == HF_IO_DIR ? 0 : hf_io_unlink(removal->io, HF_IO_CWD, path, NULL);
    free(path);
    return rc;
}

static void remove_tree(struct hf_io *io, const char *path)
{
    struct removal removal = {.io = io, .path = path};
    int rc = hf_io_list(io, HF_IO_CWD, path, remove_entry, &removal, NULL);

    if (rc == 0)
        rc = hf_io_rmdir(io, HF_IO_CWD, path, NULL);
    (void)rc;
}

void hf_save_output_drop(struct hf_save_output *output)
{
    if (!output->io)
        return;
    if (output->path)
        hf_io_close(output->io, &output->fd);
    if (output->temporary && output->is_dir) {
        remove_tree(output->io, output->temporary);
    } else if (output->temporary) {
        int rc = hf_io_unlink(output->io, HF_IO_CWD, output->temporary, NULL);
        (void)rc;
    }
    free(output->temporary);
    free(output->parent);
    *output = (struct hf_save_output){0};
}
