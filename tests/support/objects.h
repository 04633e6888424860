/*
 * tests/support/objects.h - operations on a store without documents: an "image" is an object that
 * refers to others, each the bytes of a text, and the checker's word on the store after them.
 */
#ifndef HF_TESTS_SUPPORT_OBJECTS_H
#define HF_TESTS_SUPPORT_OBJECTS_H

#include "store/handle.h"
#include "support/checker.h"
#include "support/watch_io.h"

/* What a load stages: the top object "top TEXT" and its parts; parts are texts, each an object. */
struct hf_test_load {
    const char *name;
    const char *text;
    const char *parts[4]; /* NULL: no more */
};

struct hf_digest hf_test_digest_of(const char *text);
struct hf_digest hf_test_top_of(const struct hf_test_load *load);

/* Each gives the operation's own result. */
int hf_test_load(struct hf_store *store, const struct hf_test_load *load, struct hf_error *err);
int hf_test_tag(struct hf_store *store, const char *name, const struct hf_digest *target,
                struct hf_error *err);
int hf_test_untag(struct hf_store *store, const char *name, struct hf_error *err);
int hf_test_hold(struct hf_store *store, const struct hf_digest *target, uint64_t *out_id,
                 struct hf_error *err);
int hf_test_drop_hold(struct hf_store *store, uint64_t id, struct hf_error *err);
/* Stage a text; it must be taken. */
int hf_test_stage(struct hf_txn *txn, const char *text, struct hf_error *err);

int hf_test_open(struct hf_io *io, const char *root, enum hf_open_mode mode,
                 struct hf_store **out_store, struct hf_error *err);
/* These must succeed. */
struct hf_store *hf_test_must_open(struct hf_io *io, const char *root, enum hf_open_mode mode);
void hf_test_must_close(struct hf_store *store);

bool hf_test_has_name(struct hf_store *store, const char *name, const struct hf_digest *target);
bool hf_test_has(struct hf_store *store, const char *text); /* an object with these bytes */
/* "NAME>HEX8 ..." of all names, then "|HEX8 ..." of all objects: to compare states. Static. */
const char *hf_test_state(struct hf_store *store);

/* The store, which nobody has open, is in order by the checker; else fails with its words. */
void hf_test_check(const char *root, enum hf_checker_mode mode, const char *when);
/* The same, of a store on the files of `io`. */
void hf_test_check_in(struct hf_io *io, const char *root, enum hf_checker_mode mode,
                      const char *when);
/* Bytes of every object are there and right, read through the store. */
void hf_test_read_all(struct hf_store *store);

#endif
