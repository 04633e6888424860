/*
 * holdfast/check.h - look after a store: where its bytes are, whether they are right, what the log
 * says.
 */
#ifndef HOLDFAST_CHECK_H
#define HOLDFAST_CHECK_H

#include <holdfast/image.h>

/* --- df --------------------------------------------------------------------------------------- */

/* Every byte of every file below the root is in exactly one of these. Lengths of files, in bytes.
 */
struct hf_usage {
    uint64_t images_bytes;  /* blobs that the catalog has, but for derived ones */
    uint64_t derived_bytes; /* indexes of layers, and plain tars of compressed ones */
    uint64_t images_count;  /* names' distinct targets */
    uint64_t objects_count;
    uint64_t staging_bytes; /* in flight, or dead and cleared by the next recovery */
    uint64_t removed_bytes; /* blobs under a removal that is not finished, and trash/ */
    uint64_t quarantine_bytes;
    uint64_t workspaces_bytes; /* what was written in mounted images */
    uint64_t log_bytes;
    uint64_t catalog_bytes;
    uint64_t other_bytes;       /* FORMAT, lock, shared */
    uint64_t unknown_bytes;     /* files that nothing accounts for: `fsck --repair` removes them */
    uint64_t total_bytes;       /* the sum of these */
    uint64_t allocated_bytes;   /* what the file system has set aside for them */
    uint64_t reclaimable_bytes; /* what `prune -a` would free */
};
HF_API HF_MUST_USE int hf_store_usage(struct hf_store *store, struct hf_usage *out,
                                      struct hf_error *err);

/* --- fsck ------------------------------------------------------------------------------------- */

enum hf_finding_kind {
    HF_FINDING_FORMAT = 1,   /* FORMAT is missing or wrong */
    HF_FINDING_LOG,          /* damage in the log */
    HF_FINDING_CHECKPOINT,   /* damage in a checkpoint; the other one and the log say the same */
    HF_FINDING_CATALOG,      /* entries that contradict each other */
    HF_FINDING_MISSING,      /* an object's file is not there */
    HF_FINDING_SIZE,         /* it has another size */
    HF_FINDING_CONTENT,      /* its bytes are wrong (full check) */
    HF_FINDING_RESIDUE,      /* a file that nothing accounts for */
    HF_FINDING_UNFINISHED,   /* a dead transaction that recovery would end */
    HF_FINDING_KNOWN_DAMAGE, /* an object that an earlier check marked DAMAGED */
};

struct hf_finding {
    enum hf_finding_kind kind;
    const char *path;        /* relative to the root, or NULL; all borrowed for the call */
    struct hf_digest digest; /* of the object, if it is about one */
    const char *names;       /* images it hits, separated by blanks; "" when none */
    const char *message;     /* one sentence */
    bool repaired;
};

struct hf_fsck_options {
    bool full;   /* read every byte; else state, existence, sizes, edges, residue */
    bool repair; /* remove residue, rebuild what is derived, quarantine what is damaged */
    const char *const *from; /* archives or stores that may give good copies (repair) */
    size_t from_count;
    void (*finding)(void *arg, const struct hf_finding *finding);          /* may be NULL */
    int (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes); /* may be NULL */
    void *arg;
};

struct hf_fsck_report {
    uint64_t objects_checked;
    uint64_t bytes_checked;
    uint64_t findings;
    uint64_t repaired;
    uint64_t left; /* findings that are not repaired */
};

/*
 * Check the store in folder `root`, beside everything else that uses it: a healthy store gives no
 * finding. Opens it itself, read-only unless `repair`.
 *
 * Errors   could not check: NOT_FOUND, IO, UNSUPPORTED, ... Findings are no error.
 */
HF_API HF_MUST_USE int hf_fsck(const char *root, const struct hf_fsck_options *options,
                               struct hf_fsck_report *out, struct hf_error *err);

/* --- the log ---------------------------------------------------------------------------------- */

struct hf_log_record {
    const char *segment; /* file name; all borrowed for the call */
    uint64_t position;
    uint64_t length;
    uint64_t durable;
    uint64_t txn;
    uint64_t time_ns;
    const char *type; /* "INTENT", … */
    const char *note; /* operation and arguments, or reason, separated by blanks */
    size_t change_count;
    const char *const *changes; /* readable: "+ name docker.io/library/app:1 -> sha256:…" */
};

struct hf_log_summary {
    uint64_t first, end; /* positions of the records kept */
    uint64_t records;
    uint64_t segments;
    uint64_t torn_bytes;
    bool corrupt;
    struct hf_error damage; /* with `corrupt` */
};

typedef int hf_log_fn(void *arg, const struct hf_log_record *record);
/* Read and verify the whole log of the store in `root`; writes nothing. */
HF_API HF_MUST_USE int hf_log_read(const char *root, hf_log_fn *fn, void *arg,
                                   struct hf_log_summary *out, struct hf_error *err);

#endif
