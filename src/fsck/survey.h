/*
 * fsck/survey.h - every file below a store's root, and what accounts for it. Format: FORMAT.md 1
 * and 2.5, rule 7.
 */
#ifndef HF_FSCK_SURVEY_H
#define HF_FSCK_SURVEY_H

#include <holdfast/check.h>

#include "store/handle.h"

enum hf_file_class {
    HF_FILE_IMAGE = 1,  /* bytes of an object that the catalog has */
    HF_FILE_STAGED,     /* in staging/, named as a transaction names it */
    HF_FILE_REMOVED,    /* in trash/, or in blobs/ under a removal that is not finished */
    HF_FILE_QUARANTINE, /* set aside by a check */
    HF_FILE_WORKSPACE,  /* what is written in a mounted image; of any kind and name */
    HF_FILE_LOG,
    HF_FILE_CATALOG,
    HF_FILE_OTHER,   /* FORMAT, lock, shared */
    HF_FILE_UNKNOWN, /* nothing accounts for it */
};

struct hf_survey_file {
    const char *path; /* relative to the root; borrowed for the call */
    enum hf_file_class class;
    struct hf_io_stat stat; /* kind DIR: a folder that is no store's, told after what is in it */
    struct hf_digest
        digest; /* as its name tells, in blobs/, trash/ and quarantine/; else not set */
    struct hf_staged_place staged; /* STAGED */
};

/* An error ends the survey; but NOT_FOUND says that the file has vanished, which is fine. */
typedef int hf_survey_fn(void *arg, const struct hf_survey_file *file, struct hf_error *err);

/*
 * Call `fn` for each file below the root of an open store. Others may work in it meanwhile: what
 * seems to belong to nothing is looked at again with newer snapshots until that is certain, and
 * what vanishes is passed over.
 */
HF_MUST_USE int hf_survey(struct hf_store *store, hf_survey_fn *fn, void *arg,
                          struct hf_error *err);

/* What accounts for a file in blobs/ at the position of a view: IMAGE, REMOVED or UNKNOWN. */
HF_MUST_USE int hf_survey_class_of_blob(struct hf_store *store, const struct hf_view *view,
                                        const struct hf_digest *digest, enum hf_file_class *out,
                                        struct hf_error *err);

/* Everything of hf_store_usage but what removing images would free, which takes knowing images. */
HF_MUST_USE int hf_survey_usage(struct hf_store *store, struct hf_usage *out, struct hf_error *err);

#endif
