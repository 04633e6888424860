/* erofs/erofs.c - the tar goes in, the image comes out. */
#include "erofs/erofs.h"

#include "base/error.h"
#include "erofs/layout.h"
#include "erofs/tree.h"
#include "erofs/write.h"
#include "tar/tar.h"

#include <stdlib.h>

/* Indexes into the tree's bytes have 32 bits. */
#define MEMORY_MAX ((size_t)2 << 30)

struct hf_erofs {
    struct hf_tar *tar;
    struct hf_erofs_tree tree;
    uint64_t tar_bytes;
};

static int take_entry(void *arg, const struct hf_tar_entry *entry, struct hf_error *err)
{
    struct hf_erofs *erofs = arg;

    return hf_erofs_tree_take(&erofs->tree, entry, err);
}

int hf_erofs_new(const struct hf_erofs_options *options, struct hf_erofs **out,
                 struct hf_error *err)
{
    size_t memory = options->memory_max_bytes;
    struct hf_erofs *erofs = calloc(1, sizeof(*erofs));
    int rc;

    if (!erofs)
        return hf_fail_memory(err);
    if (memory == 0)
        memory = HF_EROFS_MEMORY_DEFAULT;
    struct hf_tar_sink sink = {.arg = erofs, .entry = take_entry};
    if ((rc = hf_tar_new(&sink, &erofs->tar, err)) < 0 ||
        (rc = hf_erofs_tree_init(&erofs->tree, memory < MEMORY_MAX ? memory : MEMORY_MAX, err)) <
            0) {
        hf_erofs_free(erofs);
        return rc;
    }
    *out = erofs;
    return 0;
}

void hf_erofs_free(struct hf_erofs *erofs)
{
    if (!erofs)
        return;
    hf_tar_free(erofs->tar);
    hf_erofs_tree_release(&erofs->tree);
    free(erofs);
}

int hf_erofs_feed(struct hf_erofs *erofs, const void *data, size_t len, struct hf_error *err)
{
    erofs->tar_bytes += len;
    return hf_tar_feed(erofs->tar, data, len, err);
}

int hf_erofs_finish(struct hf_erofs *erofs, const struct hf_erofs_output *output,
                    struct hf_error *err)
{
    struct hf_erofs_layout layout = {0};
    int rc = hf_tar_end(erofs->tar, err);

    if (rc == 0 && (rc = hf_erofs_layout_init(&layout, &erofs->tree, output->form, err)) == 0)
        rc = hf_erofs_write(&erofs->tree, &layout, erofs->tar_bytes, output, err);
    hf_erofs_layout_release(&layout);
    return rc;
}
