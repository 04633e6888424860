/*
 * tests/support/undo.h - what a failed sync loses: the bytes that were written to a file since it
 * was last synced.
 */
#ifndef HF_TESTS_SUPPORT_UNDO_H
#define HF_TESTS_SUPPORT_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_test_undo; /* a list, NULL when empty */

/* Before a write to that range. */
void hf_test_undo_keep(struct hf_test_undo **list, int fd, uint64_t off, size_t len);
/* A sync of the file has ended, well or not: its pages are clean. `loses`: and the bytes gone. */
void hf_test_undo_end(struct hf_test_undo **list, int fd, bool loses);
void hf_test_undo_drop(struct hf_test_undo **list);

#endif
