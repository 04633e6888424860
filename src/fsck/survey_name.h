/* fsck/survey_name.h - what the name of a file below the root says. Format: FORMAT.md 1. Pure. */
#ifndef HF_FSCK_SURVEY_NAME_H
#define HF_FSCK_SURVEY_NAME_H

#include "fsck/survey.h"

/*
 * Sets class, digest and place of `out` from the name alone: class IMAGE for every well-named blob.
 * *out_is_folder: a store has a folder of that name.
 */
void hf_survey_name(const char *path, struct hf_survey_file *out, bool *out_is_folder);

#endif
