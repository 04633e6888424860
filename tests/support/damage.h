/*
 * tests/support/damage.h - a store that is at rest, is damaged by hand, and is checked: what the
 * check found.
 *
 * It has three images: "a:1" and "b:1" share the part "shared", "c:1" has nothing in common with
 * them.
 */
#ifndef HF_TESTS_SUPPORT_DAMAGE_H
#define HF_TESTS_SUPPORT_DAMAGE_H

#include <holdfast/check.h>

#include "support/objects.h"

#define HF_TEST_FINDINGS_MAX 64

struct hf_test_finding {
    enum hf_finding_kind kind;
    struct hf_digest digest;
    char path[256], names[256], message[1024];
    bool repaired;
};

struct hf_test_findings {
    int rc; /* of hf_fsck */
    struct hf_error err;
    struct hf_fsck_report report;
    struct hf_test_finding items[HF_TEST_FINDINGS_MAX];
    size_t count;
};

enum hf_test_depth { HF_TEST_QUICK, HF_TEST_FULL };

extern const struct hf_test_load hf_test_image_a, hf_test_image_b, hf_test_image_c;

/* Makes it in a new folder; `root` has room for 256 bytes. Removed with hf_test_remove_dir. */
void hf_test_damage_setup(char *root);

/* Static storage, until the next check. It must succeed. */
const struct hf_test_findings *hf_test_fsck(const char *root, enum hf_test_depth depth);
const struct hf_test_findings *hf_test_repair(const char *root, enum hf_test_depth depth,
                                              const char *from);
/* May fail. */
const struct hf_test_findings *hf_test_try_fsck(const char *root,
                                                const struct hf_fsck_options *options);

/* No finding; and the checker says so too, and every byte can be read. */
void hf_test_expect_clean(const char *root, const char *when);
/* Exactly these findings, kinds in any order; 0 ends them. Returns the first. */
const struct hf_test_finding *hf_test_expect_found(const struct hf_test_findings *found, ...);
void hf_test_expect_all_repaired(const struct hf_test_findings *found);
/* An image is there with all its bytes. */
void hf_test_expect_whole(const char *root, const struct hf_test_load *image);

void hf_test_expect_all_whole(const char *root); /* all three */
/* The store takes another image, "more:1". */
void hf_test_expect_takes_more(const char *root);
/* A quick check finds something, a quick repair mends all of it, nothing is lost, and it takes
 * more. */
void hf_test_expect_mended_whole(const char *root);
/* Take `count` checkpoints, with a little in the log between. */
void hf_test_make_checkpoints(const char *root, unsigned count);

/* --- damage ----------------------------------------------------------------------------------- */

/* "ROOT/PATH". Static storage. */
const char *hf_test_in(const char *root, const char *path);
/* "blobs/sha256/HEX". Static storage. */
const char *hf_test_blob_of(const char *text);
void hf_test_flip(const char *root, const char *path, uint64_t off);
void hf_test_fill(const char *root, const char *path, uint64_t off, size_t len, int byte);
void hf_test_cut(const char *root, const char *path, uint64_t len);
void hf_test_add_file(const char *root, const char *path, const char *text);
bool hf_test_exists(const char *root, const char *path);
unsigned hf_test_count_files(const char *root, const char *folder);

/* Where a record of the log is. */
struct hf_test_place {
    char path[64]; /* "wal/NAME" */
    uint64_t offset, position, length;
};
/* The last record of that type whose note, or a line of its changes, has `text` in it. */
struct hf_test_place hf_test_find_record(const char *root, const char *type, const char *text);
/* The newest file in a folder by name, "" if there is none. Static storage. */
const char *hf_test_newest(const char *root, const char *folder, const char *suffix);

#endif
