/*
 * tests/support/txn.h - one store with a watcher below it, its blobs by their text, and decisions
 * of transactions: for test_txn*.c.
 */
#ifndef HF_TESTS_SUPPORT_TXN_H
#define HF_TESTS_SUPPORT_TXN_H

#include "support/objects.h"

/*
 * A fixture: a new store in a new folder, whose name goes into the 256 bytes of `path`. Syncs are
 * not made. At the end the store, unless it is NULL, is closed and must be in order.
 */
struct hf_store *hf_test_txn_setup(struct hf_test_watch *watch, char *path);
void hf_test_txn_teardown(struct hf_store *store, struct hf_test_watch *watch, const char *path);
/* Closes the store, which must be in order then, and opens it again. */
void hf_test_reopen(struct hf_store **store, struct hf_io *io, const char *path);

/* A load of up to two parts (NULL: none) that must succeed. */
void hf_test_must_load(struct hf_store *store, const char *name, const char *text, const char *a,
                       const char *b);
/* Is the file of these bytes in blobs/? */
bool hf_test_has_blob(const char *path, const char *text);

/* For hf_txn_commit: nothing. */
int hf_test_decide_nothing(void *arg, struct hf_change *change, struct hf_error *why);
/* An object of the text `arg`, under the name kept:1. */
int hf_test_decide_put(void *arg, struct hf_change *change, struct hf_error *why);

#endif
