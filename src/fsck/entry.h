/*
 * fsck/entry.h - one entry of the catalog against the others. Rules: FORMAT.md 2.5.
 * Looks only at a view: whether files are there is no concern here.
 */
#ifndef HF_FSCK_ENTRY_H
#define HF_FSCK_ENTRY_H

#include "store/handle.h"

enum hf_flaw_fix {
    HF_FIX_NONE,        /* we don't know how: the entry can't be understood */
    HF_FIX_DELETE,      /* the entry is of no use */
    HF_FIX_BACKREF,     /* put flaw->missing_key */
    HF_FIX_OBJECT,      /* put an object for flaw->digest, as good as its bytes are */
    HF_FIX_UNREACHABLE, /* nothing refers to flaw->digest */
    HF_FIX_NAMELESS,    /* flaw->digest is held, and no name points to it */
    HF_FIX_UNFINISHED,  /* flaw->place: staged, and its transaction has no entry */
};

struct hf_flaw {
    enum hf_flaw_fix fix;
    const struct hf_buf *key;     /* of the entry that was looked at; all borrowed for the call */
    struct hf_digest digest;      /* that it is about; not set: about none */
    struct hf_buf missing_key;    /* BACKREF */
    struct hf_staged_place place; /* UNFINISHED */
    const char *message;
};

typedef int hf_flaw_fn(void *arg, const struct hf_flaw *flaw, struct hf_error *err);

/* How much is to be looked at. */
enum hf_entry_depth {
    HF_ENTRY_EDGES,   /* also of each reference back whether there is one forth: costs decoding that
                       */
    HF_ENTRY_COUNTED, /* references back were counted, and are as many as forth */
};

/* Call `fn` for each flaw of an entry. `fn` may change what the view shows. */
HF_MUST_USE int hf_entry_check(const struct hf_view *view, const struct hf_buf *key,
                               const struct hf_buf *value, enum hf_entry_depth depth,
                               hf_flaw_fn *fn, void *arg, struct hf_error *err);

#endif
