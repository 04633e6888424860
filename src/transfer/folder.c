/*
 * transfer/folder.c - a folder as an archive: its files become members, read only when a document
 * names them. Links and special files are passed over.
 */
#include "transfer/load.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 4 /* blobs/sha256/HEX, and one to spare */

struct listing {
    struct hf_load *load;
    char path[HF_ARCHIVE_PATH_MAX]; /* of the folder that is listed; "." for the top */
    unsigned depth;
    struct hf_error *err;
};

static int list(struct listing *listing);

static int add_file(struct hf_load *load, const char *path, struct hf_error *err)
{
    struct hf_member *member;
    bool is_strict;
    int rc = hf_members_add(&load->members, path, NULL, &member, err);

    /* Only a name that must be true: the others are found by their paths. In docker's "dir" layout
     * the blobs stand at the top, named by their digits alone. */
    if (rc == 0 && (!hf_member_digest_of_path(path, &member->digest, &is_strict) ||
                    (!is_strict && strpbrk(path, "/."))))
        member->digest = (struct hf_digest){0};
    return rc;
}

static int take_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    struct listing *listing = arg;
    struct listing below = {
        .load = listing->load, .depth = listing->depth + 1, .err = listing->err};
    bool is_top = strcmp(listing->path, ".") == 0;
    int len = snprintf(below.path, sizeof(below.path), "%s%s%s", is_top ? "" : listing->path,
                       is_top ? "" : "/", name);

    if (len < 0 || (size_t)len >= sizeof(below.path))
        return hf_fail(listing->err, HF_ERR_LIMIT, "%.200s…: the path is too long", below.path);
    if (kind == HF_IO_FILE)
        return add_file(listing->load, below.path, listing->err);
    return kind == HF_IO_DIR && below.depth < DEPTH_MAX ? list(&below) : 0;
}

static int list(struct listing *listing)
{
    const struct hf_source *source = &listing->load->source;

    return hf_io_list(source->io, source->fd, listing->path, take_entry, listing, listing->err);
}

int hf_load_list_folder(struct hf_load *load, struct hf_error *err)
{
    struct hf_error unused = {0};
    struct listing top = {.load = load, .path = ".", .err = err ? err : &unused};

    return list(&top);
}
