/* fsck/flaws.h - contradictions in the catalog: those found, and mending them. */
#ifndef HF_FSCK_FLAWS_H
#define HF_FSCK_FLAWS_H

#include "fsck/check.h"
#include "fsck/entry.h"

/* In one round; the others are met in the next. */
#define HF_FLAWS_MAX 10000u

struct hf_kept_flaw {
    enum hf_flaw_fix fix;
    struct hf_buf key; /* of the entry that was looked at */
    struct hf_digest digest;
    struct hf_staged_place place;
    const char *message;
};

struct hf_flaws {
    struct hf_kept_flaw *items;
    size_t count, capacity;
    bool is_more;
};

void hf_flaws_release(struct hf_flaws *flaws);
/* mend.c: mend those that can be, in one COMMIT; each is judged again at the log's end. */
HF_MUST_USE int hf_flaws_mend(struct hf_check *check, const struct hf_flaws *flaws,
                              struct hf_error *err);

#endif
