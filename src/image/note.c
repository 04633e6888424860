/* image/note.c - the note that an operation leaves in the log. */
#include "image/note.h"

#include "base/error.h"

#include <string.h>

/* The store takes 64 KiB; a thousand names are read by nobody. */
#define NOTE_MAX 16384
static const char more[] = "...";

void hf_note_begin(struct hf_buf *note, const char *operation)
{
    hf_buf_clear(note);
    hf_buf_put(note, operation, strlen(operation) + 1);
}

static bool is_full(const struct hf_buf *note)
{
    return note->len > sizeof(more) &&
           memcmp(note->data + note->len - sizeof(more), more, sizeof(more)) == 0;
}

void hf_note_add(struct hf_buf *note, const char *argument)
{
    if (!argument || is_full(note))
        return;
    size_t len = strlen(argument) + 1;
    if (len <= NOTE_MAX - note->len)
        hf_buf_put(note, argument, len);
    else
        hf_buf_put(note, more, sizeof(more));
}

int hf_note_change(struct hf_store *store, struct hf_buf *note, hf_decide_fn *decide, void *arg,
                   struct hf_error *err)
{
    int rc = hf_buf_check(note, err);

    if (rc == 0)
        rc = hf_store_change(store, (const char *)note->data, note->len, decide, arg, err);
    hf_buf_release(note);
    return rc;
}

int hf_note_txn(struct hf_store *store, struct hf_buf *note, struct hf_txn **out_txn,
                struct hf_error *err)
{
    int rc = hf_buf_check(note, err);

    if (rc == 0)
        rc = hf_txn_begin(store, (const char *)note->data, note->len, out_txn, err);
    hf_buf_release(note);
    return rc;
}
