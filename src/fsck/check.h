/*
 * fsck/check.h - the check of a store, for transfer/fsck.c, and what its files share. Public part:
 * holdfast/check.h. What always holds: FORMAT.md 2.5; repair: FORMAT.md 8.
 */
#ifndef HF_FSCK_CHECK_H
#define HF_FSCK_CHECK_H

#include <holdfast/check.h>

#include "store/handle.h"

/*
 * Put good copies in place of objects whose bytes are wrong or missing, as far as there are any
 * (repair). What it did is verified afterwards. A failure is told and ends nothing.
 */
typedef int hf_check_heal_fn(void *arg, struct hf_store *store, const struct hf_digest *wanted,
                             size_t count, struct hf_error *err);

struct hf_check_options {
    const struct hf_fsck_options *fsck;
    const char *rescue_prefix; /* begins names for what would have none: "host/path@" */
    hf_check_heal_fn *heal;    /* may be NULL */
    void *heal_arg;
};

/* hf_fsck, but for knowing archives. */
HF_MUST_USE int hf_store_check(struct hf_io *io, const char *root,
                               const struct hf_check_options *options, struct hf_fsck_report *out,
                               struct hf_error *err);

/* For a hf_check_heal_fn: copy good bytes into a transaction; DIGEST: they are not. */
HF_MUST_USE int hf_check_stage_copy(struct hf_txn *txn, struct hf_blob *from,
                                    const struct hf_digest *digest, struct hf_error *err);
struct hf_healing {
    struct hf_txn *txn;
    const struct hf_digest *wanted;
    size_t count;
};
/* And for hf_txn_commit, with a struct hf_healing: what is staged of `wanted` takes the place of
 * what is there. Nothing else changes, and what is not in the catalog any more is left out. */
HF_MUST_USE int hf_check_decide_heal(void *arg, struct hf_change *change, struct hf_error *err);

/* --- what the files of the check share -------------------------------------------------------- */

/* An object whose bytes are certainly wrong or missing. */
struct hf_check_bad {
    struct hf_digest digest;
    enum hf_finding_kind kind;
    char message[200];
};

/* Damage in log or checkpoints, which is told when it is known whether it was repaired. */
struct hf_check_damage {
    enum hf_finding_kind kind;
    char *path;
    char *message;
};

struct hf_check {
    struct hf_io *io;
    const char *root;
    const struct hf_check_options *options;
    const struct hf_fsck_options *fsck;
    struct hf_store *store; /* NULL: it can't be opened */
    struct hf_fsck_report report;
    bool is_cut_short;    /* the catalog is that of the last good position of a damaged log */
    bool is_repairing;    /* the log was begun anew behind its damage */
    bool is_mended;       /* entries of the catalog were made to agree */
    bool lost_records;    /* HF_SETTING_LOST_RECORDS: the catalog may lack anything */
    bool residue_left;    /* some could not be removed */
    struct hf_error heal; /* why --from was of no use */
    struct hf_check_damage *damage;
    size_t damage_count, damage_capacity;
    struct hf_check_bad *bad;
    size_t bad_count, bad_capacity;
};

/* How often something suspicious is looked at, each time with a newer snapshot. */
#define HF_CHECK_LOOKS 4

/* tell.c. path, digest may be NULL. Names are those of all images that contain the object. */
void hf_check_tell(struct hf_check *check, enum hf_finding_kind kind, const char *path,
                   const struct hf_digest *digest, bool repaired, const char *message);
HF_MUST_USE int hf_check_note_damage(struct hf_check *check, enum hf_finding_kind kind,
                                     const char *path, const char *message, struct hf_error *err);
HF_MUST_USE int hf_check_note_bad(struct hf_check *check, const struct hf_check_bad *bad,
                                  struct hf_error *err);
void hf_check_tell_damage(struct hf_check *check, bool repaired);

/* format.c: FORMAT is right, or was made again. *out_usable false: that was told, and without
 * it nothing else can be checked. NOT_FOUND: there is no store. */
HF_MUST_USE int hf_check_format(struct hf_check *check, bool *out_usable, struct hf_error *err);
/* open.c: open the store, past damage of its log if need be. */
HF_MUST_USE int hf_check_open(struct hf_check *check, struct hf_error *err);
/* log.c: every record, header and checkpoint, into check->damage. Needs no open store. */
HF_MUST_USE int hf_check_log(struct hf_check *check, const struct hf_layout *layout,
                             struct hf_error *err);
HF_MUST_USE int hf_check_checkpoints(struct hf_check *check, const struct hf_layout *layout,
                                     struct hf_error *err);
/* Two new checkpoints behind all that is damaged, so that none of it is needed nor kept. */
HF_MUST_USE int hf_check_replace_damaged(struct hf_check *check, struct hf_error *err);
/* catalog.c: entries that contradict each other. */
HF_MUST_USE int hf_check_catalog(struct hf_check *check, struct hf_error *err);
/* files.c: folders that must be there, before the store is open; */
HF_MUST_USE int hf_check_folders(struct hf_check *check, int root, struct hf_error *err);
/* transactions that nobody ends, and files that nothing accounts for. */
HF_MUST_USE int hf_check_unfinished(struct hf_check *check, struct hf_error *err);
HF_MUST_USE int hf_check_residue(struct hf_check *check, struct hf_error *err);
/* objects.c: files of objects, into check->bad. */
HF_MUST_USE int hf_check_objects(struct hf_check *check, struct hf_error *err);
/* heal.c: repair, and tell all of check->bad. */
HF_MUST_USE int hf_check_bad_objects(struct hf_check *check, struct hf_error *err);

/* quarantine.c: the file of a DAMAGED object goes to quarantine/. */
HF_MUST_USE int hf_check_quarantine(struct hf_check *check, const struct hf_digest *digest,
                                    struct hf_error *err);
/* A blob that nothing accounts for is unlinked, or, with lost_records, goes there too. *out_removed
 * false: something needs it by now. */
HF_MUST_USE int hf_check_remove_blob(struct hf_check *check, const struct hf_digest *digest,
                                     bool *out_removed, struct hf_error *err);

/* --- measure.c -------------------------------------------------------------------------- */

enum hf_check_look {
    HF_LOOK_CACHED, /* as anybody reads */
    HF_LOOK_DISK,   /* past the page cache, as far as the system lets us */
};

/* What a file's bytes are. */
struct hf_measured {
    struct hf_digest digest;
    uint64_t size_bytes;
    uint64_t checksum;
    struct hf_error unreadable; /* code set: it can't be read to its end */
};

/* Called for each piece that was read; a non-zero result cancels. */
typedef int hf_check_piece_fn(void *arg, size_t len);

/* Read a file below the root whole. piece may be NULL. NOT_FOUND, NO_MEMORY, CANCELLED. */
HF_MUST_USE int hf_check_measure(struct hf_check *check, const char *path, uint8_t algorithm,
                                 enum hf_check_look look, hf_check_piece_fn *piece, void *arg,
                                 struct hf_measured *out, struct hf_error *err);
/* Are these the bytes of the object? Else `why` says what is wrong. */
bool hf_check_is_good(const struct hf_object *object, const struct hf_measured *measured,
                      char why[200]);

/* Where the bytes of an object are by this view: staged, or in blobs/. NOT_FOUND (err untouched):
 * in neither, and `path` is where they should be. */
HF_MUST_USE int hf_check_find_file(struct hf_check *check, const struct hf_view *view,
                                   const struct hf_digest *digest, char path[HF_PATH_MAX],
                                   struct hf_io_stat *out, struct hf_error *err);

#endif
