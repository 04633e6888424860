/* transfer/save_dir.c - a folder as sink. */
#include "transfer/save_sink.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dir_sink {
    struct hf_save_sink base;
    struct hf_io *io;
    const char *root;
    char *path; /* of the current file */
    int fd;
    struct hf_text_list folders; /* made below root, each before what is in it */
};

/* Make the folders that lead to the current file. */
static int make_folders(struct dir_sink *sink, struct hf_error *err)
{
    size_t start = strlen(sink->root) + 1;
    int rc = 0;

    for (char *slash = strchr(sink->path + start, '/'); rc == 0 && slash;
         slash = strchr(slash + 1, '/')) {
        bool made = false;
        *slash = '\0';
        rc = hf_io_mkdir(sink->io, HF_IO_CWD, sink->path, 0755, &made, err);
        if (rc == 0 && made)
            rc = hf_text_list_add(&sink->folders, sink->path, err);
        *slash = '/';
    }
    return rc;
}

static int dir_begin(struct hf_save_sink *base, const char *path, uint64_t size_bytes,
                     struct hf_error *err)
{
    struct dir_sink *sink = (struct dir_sink *)base;

    free(sink->path);
    if (asprintf(&sink->path, "%s/%s", sink->root, path) < 0) {
        sink->path = NULL;
        return hf_fail_memory(err);
    }
    int rc = make_folders(sink, err);
    if (rc == 0)
        rc = hf_io_open(sink->io, HF_IO_CWD, sink->path,
                        HF_IO_WRITE | HF_IO_CREATE | HF_IO_EXCLUSIVE, 0644, &sink->fd, err);
    return rc;
}

static int dir_write(struct hf_save_sink *base, const void *data, size_t len, struct hf_error *err)
{
    struct dir_sink *sink = (struct dir_sink *)base;

    return hf_io_write(sink->io, sink->fd, data, len, sink->path, err);
}

static int dir_end(struct hf_save_sink *base, struct hf_error *err)
{
    struct dir_sink *sink = (struct dir_sink *)base;
    int rc = hf_io_fsync(sink->io, sink->fd, sink->path, err);

    return rc == 0 ? hf_io_close_checked(sink->io, &sink->fd, sink->path, err) : rc;
}

static int dir_finish(struct hf_save_sink *base, struct hf_error *err)
{
    struct dir_sink *sink = (struct dir_sink *)base;
    int rc = 0;

    for (size_t i = sink->folders.count; rc == 0 && i > 0; i--)
        rc = hf_io_sync_dir(sink->io, HF_IO_CWD, sink->folders.items[i - 1], err);
    return rc == 0 ? hf_io_sync_dir(sink->io, HF_IO_CWD, sink->root, err) : rc;
}

static void dir_free(struct hf_save_sink *base)
{
    struct dir_sink *sink = (struct dir_sink *)base;

    hf_io_close(sink->io, &sink->fd);
    hf_text_list_release(&sink->folders);
    free(sink->path);
    free(sink);
}

int hf_save_sink_dir(struct hf_io *io, const char *path, struct hf_save_sink **out,
                     struct hf_error *err)
{
    struct dir_sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return hf_fail_memory(err);
    sink->base = (struct hf_save_sink){.begin = dir_begin,
                                       .write = dir_write,
                                       .end = dir_end,
                                       .finish = dir_finish,
                                       .free = dir_free};
    sink->io = io;
    sink->root = path;
    sink->fd = -1;
    *out = &sink->base;
    return 0;
}
