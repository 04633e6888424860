/*
 * transfer/fsck.c - the check of a store (fsck/check.c), with good copies from archives and other
 * stores.
 *
 * A copy is taken for its digest alone, and hashed while it is staged: where it comes from need not
 * be trusted.
 */
#include "fsck/check.h"

#include "base/error.h"
#include "image/derive_layer.h"
#include "transfer/heal.h"

/* Names that images get whose own was lost. */
#define RESCUE_PREFIX "localhost/recovered@"

struct sources {
    struct hf_io *io;
    const struct hf_fsck_options *options;
};

static int heal_from_sources(const struct sources *sources, struct hf_store *store,
                             const struct hf_digest *wanted, size_t count, struct hf_error *err)
{
    const struct hf_fsck_options *options = sources->options;
    int first = 0; /* a source that fails leaves the others */

    for (size_t i = 0; i < options->from_count; i++) {
        struct hf_error why = {0};
        int rc = hf_heal_from(sources->io, store, options->from[i], wanted, count, &why);
        if (rc == HF_ERR_FAILED || rc == HF_ERR_OUTCOME_UNKNOWN) {
            if (err != NULL)
                *err = why;
            return rc;
        }
        if (rc != 0 && first == 0) {
            first = rc;
            hf_fail(err, rc, "%s could not be used: %s", options->from[i], why.message);
        }
    }
    return first;
}

/* What is derived comes from the layers; sources may have it as well, by chance. */
static int heal(void *arg, struct hf_store *store, const struct hf_digest *wanted, size_t count,
                struct hf_error *err)
{
    struct hf_error why = {0};
    int derived = hf_derive_heal(store, wanted, count, &why);
    int rc = derived == HF_ERR_FAILED || derived == HF_ERR_OUTCOME_UNKNOWN
                 ? derived
                 : heal_from_sources(arg, store, wanted, count, err);

    if (rc == 0 || rc == derived) {
        rc = derived;
        if (rc != 0 && err)
            *err = why;
    }
    return rc;
}

/* Mistyped names are better told before hours of reading. */
static int check_sources(const struct sources *sources, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sources->options->from_count; i++) {
        int fd = -1;
        rc = hf_io_open(sources->io, HF_IO_CWD, sources->options->from[i], HF_IO_READ, 0, &fd, err);
        hf_io_close(sources->io, &fd);
    }
    return rc;
}

int hf_fsck(const char *root, const struct hf_fsck_options *options, struct hf_fsck_report *out,
            struct hf_error *err)
{
    static const struct hf_fsck_options quick;
    struct sources sources = {.io = hf_io_posix(), .options = options != NULL ? options : &quick};
    const struct hf_check_options check = {
        .fsck = sources.options,
        .rescue_prefix = RESCUE_PREFIX,
        .heal = heal,
        .heal_arg = &sources,
    };

    int rc = check_sources(&sources, err);
    return rc == 0 ? hf_store_check(sources.io, root, &check, out, err) : rc;
}
