/*
 * tests/support/checker.h - reads a store by wal/FORMAT.md and src/store/FORMAT.md alone and says
 * whether every promise holds.
 *
 * It shares nothing with wal/ and src/store/ but those two pages, so that a mistake there is not
 * repeated here. It writes nothing and takes no lock: the store must be at rest.
 */
#ifndef HF_TESTS_SUPPORT_CHECKER_H
#define HF_TESTS_SUPPORT_CHECKER_H

#include "io/io.h"

#include <holdfast/digest.h>

/* What may be found in the folder, from the strictest on. */
enum hf_checker_mode {
    /* Recovered or cleanly left: nothing in flight, no residue, no torn tail. */
    HF_CHECKER_RECOVERED = 0,
    /* Transactions may be open and files half written, but all are accounted for: the state that a
     * killed process leaves. */
    HF_CHECKER_LIVE,
    /* After a power cut: moreover a staged file may belong to an intent that never reached the
     * disk. */
    HF_CHECKER_CUT,
};

struct hf_checker_name {
    const uint8_t *name; /* not terminated; borrowed until release, like all below */
    size_t name_len;
    struct hf_digest target;
    uint32_t flags;
    uint64_t time_ns;
};

struct hf_checker_object {
    struct hf_digest digest;
    uint8_t state; /* 1 PRESENT, 2 ABSENT, 3 DAMAGED */
    uint64_t size_bytes;
    uint64_t checksum;
    struct hf_digest *references; /* ascending */
    size_t reference_count;
    const uint8_t *summary;
    size_t summary_len;
};

struct hf_checker_transaction {
    uint64_t id;
    uint8_t state; /* 1 OPEN, 2 COMMITTED */
    uint32_t slot;
};

struct hf_checker_hold {
    struct hf_digest target;
    uint64_t id;
    uint64_t expiry_ns;
    const uint8_t *owner, *reason, *name;
    size_t owner_len, reason_len, name_len;
};

/* The catalog at the log's end. A zeroed struct is empty. */
struct hf_checker_store {
    bool made; /* false: there is no FORMAT, hence no store */
    uint8_t uuid[16];
    uint64_t end; /* log position behind the last record */

    struct hf_checker_name *names; /* ascending by name */
    size_t name_count;
    struct hf_checker_object *objects; /* ascending by digest */
    size_t object_count;
    struct hf_checker_transaction *transactions;
    size_t transaction_count;
    struct hf_checker_hold *holds;
    size_t hold_count;
    size_t claim_count;   /* C entries */
    size_t staged_count;  /* S entries */
    size_t removal_count; /* X entries */

    char **violations; /* one sentence each; the first HF_CHECKER_VIOLATIONS_KEPT of them */
    size_t violation_count;

    void *memory; /* what the pointers above point into */
};

#define HF_CHECKER_VIOLATIONS_KEPT 200

/*
 * Read the whole store in the directory `root` (a descriptor).
 *
 * 0 means that it could be read; whether it is in order, out->violation_count tells. The caller
 * releases *out on 0.
 *
 * Errors   IO and what else the io table gives: the store could not be read.
 */
HF_MUST_USE int hf_checker_read(struct hf_io *io, int root, enum hf_checker_mode mode,
                                struct hf_checker_store *out, struct hf_error *err);
void hf_checker_release(struct hf_checker_store *store);

/* NULL when there is none. Borrowed. */
const struct hf_checker_name *hf_checker_find_name(const struct hf_checker_store *store,
                                                   const char *name);
const struct hf_checker_object *hf_checker_find_object(const struct hf_checker_store *store,
                                                       const struct hf_digest *digest);

#endif
