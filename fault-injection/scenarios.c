/* fault-injection/scenarios.c - longer sequences, each for something that short ones do not reach.
 */
#include "workload.h"

#include "support/objects.h"

#include "fsck/check.h"

#include "wal/format.h"

#include <holdfast/store.h>

#include <string.h>

/* --- one load beside others ------------------------------------------------------------------- */

/* In flight while others commit. */
static int begin(struct workload *workload, struct hf_error *err)
{
    struct hf_digest digest = hf_test_digest_of("layer b");
    int rc = hf_txn_begin(workload->store, "load", 4, &workload->open_txn, err);

    if (rc == 0)
        rc = hf_txn_claim(workload->open_txn, &digest, NULL, err);
    return rc == 0 ? hf_test_stage(workload->open_txn, "layer y", err) : rc;
}

static int decide_end(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct hf_digest refs[] = {hf_test_digest_of("layer b"), hf_test_digest_of("layer y")};

    int rc = hf_change_put_object(change, &refs[0], NULL, 0, NULL, 0, err);
    if (rc == 0)
        rc = hf_change_put_object(change, &refs[1], &refs[0], 1, NULL, 0, err);
    return rc == 0 ? hf_change_set_name(change, "late:1", &refs[1], 0, err) : rc;
}

static int end(struct workload *workload, struct hf_error *err)
{
    struct hf_txn *txn = workload->open_txn;

    workload->open_txn = NULL;
    return hf_txn_commit(txn, decide_end, NULL, err);
}

/* Two copies of the same bytes, and one of bytes that are there and good: neither is of use. */
static int load_in_vain(struct workload *workload, struct hf_error *err)
{
    struct hf_digest present = hf_test_digest_of("layer a");
    bool is_good = false;
    int rc = hf_txn_begin(workload->store, "load", 4, &workload->open_txn, err);

    if (rc == 0)
        rc = hf_test_stage(workload->open_txn, "layer y", err);
    if (rc == 0)
        rc = hf_test_stage(workload->open_txn, "layer y", err);
    if (rc == 0)
        rc = hf_test_stage(workload->open_txn, "layer a", err);
    if (rc == 0)
        rc = hf_txn_verify_present(workload->open_txn, &present, &is_good, err);
    struct hf_digest shared = hf_test_digest_of("layer b");
    if (rc == 0)
        rc = hf_txn_claim(workload->open_txn, &shared, NULL, err);
    return rc == 0 ? end(workload, err) : rc;
}

/* --- a log that is full ----------------------------------------------------------------------- */

static int decide_name(void *arg, struct hf_change *change, struct hf_error *err)
{
    const bool *is_set = arg;
    struct hf_digest layer = hf_test_digest_of("layer a");

    return *is_set ? hf_change_set_name(change, "filler:1", &layer, 0, err)
                   : hf_change_drop_name(change, "filler:1", err);
}

/* A note that long, and a name that is set and dropped by turns. */
static int log_note(struct workload *workload, size_t len, struct hf_error *err)
{
    static char note[60000];

    memset(note, 'n', sizeof(note));
    workload->has_filler = !workload->has_filler;
    return hf_store_change(workload->store, note, len, decide_name, &workload->has_filler, err);
}

/* Until the segment has no room for another record. A record is
 * written twice, each time from the beginning of a block. */
static int fill_log(struct workload *workload, struct hf_error *err)
{
    uint64_t first = workload->segment_first, begins = first - first % HF_WAL_BLOCK;
    int rc = 0;

    while (rc == 0) {
        uint64_t room =
            HF_WAL_SEGMENT_BYTES - HF_WAL_HEADERS + begins - hf_wal_tail(workload->store->wal);
        if (room < 13000)
            break;
        rc = log_note(workload, room > 140000 ? 60000 : 200, err);
    }
    return rc;
}

/* The next record, which begins a new segment: a short one, for each of its chunks is undecided. */
static int overflow(struct workload *workload, struct hf_error *err)
{
    workload->segment_first = hf_wal_tail(workload->store->wal);
    return log_note(workload, 6000, err);
}

/* --- parts of a layer that are derived from it ------------------------------------------------ */

/*
 * As a load and a mount put them: a compressed layer refers to its plain tar, and that to its
 * index, all in the record that makes the layer visible. The store sees nothing but the edges.
 */
static const char *const packed = "a compressed layer", *const plain = "its plain tar",
                         *const layer_index = "its index";

/* Put for the first time, or the edges anew to what was derived again. */
static int put_packed(struct hf_change *change, struct hf_error *err)
{
    struct hf_digest layer = hf_test_digest_of(packed), tar = hf_test_digest_of(plain),
                     index = hf_test_digest_of(layer_index);

    int rc = hf_change_put_object(change, &index, NULL, 0, NULL, 0, err);
    if (rc == 0)
        rc = hf_change_put_object(change, &tar, &index, 1, NULL, 0, err);
    return rc == 0 ? hf_change_put_object(change, &layer, &tar, 1, NULL, 0, err) : rc;
}

static int decide_packed(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct hf_digest layer = hf_test_digest_of(packed);

    int rc = put_packed(change, err);
    return rc == 0 ? hf_change_set_name(change, "packed:1", &layer, 0, err) : rc;
}

static int decide_derived(void *arg, struct hf_change *change, struct hf_error *err)
{
    return put_packed(change, err);
}

static int stage_and_commit(struct workload *workload, const char *const *texts, size_t count,
                            hf_decide_fn *decide, struct hf_error *err)
{
    struct hf_txn *txn = NULL;
    struct hf_digest layer = hf_test_digest_of(packed);
    int rc = hf_txn_begin(workload->store, "load", 4, &txn, err);

    if (rc == 0 && decide == decide_derived)
        rc = hf_txn_claim(txn, &layer, NULL, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = hf_test_stage(txn, texts[i], err);
    if (rc == 0)
        return hf_txn_commit(txn, decide, NULL, err);
    if (txn != NULL)
        hf_txn_abort(txn, "the test failed");
    return rc;
}

static int load_packed(struct workload *workload, struct hf_error *err)
{
    const char *const texts[] = {packed, plain, layer_index};

    return stage_and_commit(workload, texts, 3, decide_packed, err);
}

static int derive_again(struct workload *workload, struct hf_error *err)
{
    const char *const texts[] = {plain, layer_index};

    return stage_and_commit(workload, texts, 2, decide_derived, err);
}

static int decide_prune(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct hf_digest layer = hf_test_digest_of(packed), tar = hf_test_digest_of(plain);

    return hf_change_drop_refs(change, &layer, &tar, 1, err);
}

static int prune_derived(struct workload *workload, struct hf_error *err)
{
    return hf_store_change(workload->store, "prune", 5, decide_prune, NULL, err);
}

static int untag_packed(struct workload *workload, struct hf_error *err)
{
    return hf_test_untag(workload->store, "packed:1", err);
}

/* --- damage ----------------------------------------------------------------------------------- */

static int decide_damaged(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct hf_digest tar = hf_test_digest_of(plain);

    return hf_change_set_state(change, &tar, HF_OBJECT_DAMAGED, err);
}

/* The bytes of the plain tar rot, and a check has said so. */
static int damage(struct workload *workload, struct hf_error *err)
{
    struct hf_digest tar = hf_test_digest_of(plain);
    char path[HF_PATH_MAX];
    struct hf_io *io = workload->io;
    int root = workload->store->layout.root, fd = -1;

    hf_path_blob(&tar, path);
    int rc = hf_io_open(io, root, path, HF_IO_READ | HF_IO_WRITE, 0, &fd, err);
    if (rc == 0)
        rc = hf_io_pwrite(io, fd, "rot", 3, 0, path, err);
    if (rc == 0)
        rc = hf_io_fsync(io, fd, path, err);
    hf_io_close(io, &fd);
    return rc == 0 ? hf_store_change(workload->store, "fsck", 4, decide_damaged, NULL, err) : rc;
}

/* As a load that brings the bytes again. */
static int heal(struct workload *workload, struct hf_error *err)
{
    struct hf_digest tar = hf_test_digest_of(plain);
    struct hf_healing healing = {.wanted = &tar, .count = 1};
    bool is_good = true;
    int rc = hf_txn_begin(workload->store, "load", 4, &healing.txn, err);

    if (rc == 0)
        rc = hf_test_stage(healing.txn, plain, err);
    if (rc == 0)
        rc = hf_txn_verify_present(healing.txn, &tar, &is_good, err);
    if (rc == 0)
        return hf_txn_commit(healing.txn, hf_check_decide_heal, &healing, err);
    if (healing.txn != NULL)
        hf_txn_abort(healing.txn, "the test failed");
    return rc;
}

/* Nobody has the bytes: what is damaged goes to quarantine/. */
static int repair(struct workload *workload, struct hf_error *err)
{
    const struct hf_fsck_options fsck = {.repair = true};
    const struct hf_check_options options = {.fsck = &fsck, .rescue_prefix = "localhost/rescued@"};
    struct hf_fsck_report report;

    return hf_store_check(workload->io, WORKLOAD_ROOT, &options, &report, err);
}

/* --- the list --------------------------------------------------------------------------------- */

static const struct workload_step step_begin = {"begin", begin, false};
static const struct workload_step step_end = {"end", end, false};
static const struct workload_step step_vain = {"load-in-vain", load_in_vain, false};
static const struct workload_step step_fill = {"fill-log", fill_log, true};
static const struct workload_step step_overflow = {"overflow-log", overflow, false};
static const struct workload_step step_packed = {"load-packed", load_packed, false};
static const struct workload_step step_derive = {"derive-again", derive_again, false};
static const struct workload_step step_prune = {"prune-derived", prune_derived, false};
static const struct workload_step step_untag_packed = {"untag-packed", untag_packed, false};
static const struct workload_step step_damage = {"damage", damage, true};
static const struct workload_step step_heal = {"heal", heal, false};
static const struct workload_step step_repair = {"repair", repair, false};
#define LOAD_APP    (&workload_alphabet[0])
#define LOAD_OTHER  (&workload_alphabet[1])
#define LOAD_NEWER  (&workload_alphabet[2])
#define TAG         (&workload_alphabet[3])
#define UNTAG_APP   (&workload_alphabet[4])
#define UNTAG_OTHER (&workload_alphabet[5])
#define CHECKPOINT  (&workload_alphabet[8])

const struct workload_scenario workload_scenarios[] = {
    {"others-commit-while-one-is-in-flight",
     {LOAD_APP, &step_begin, UNTAG_APP, LOAD_OTHER, &step_end}},
    {"claimed-bytes-are-removed-and-come-back", {LOAD_APP, &step_begin, UNTAG_APP, &step_end}},
    {"checkpoint-while-one-is-in-flight",
     {LOAD_APP, &step_begin, CHECKPOINT, &step_end, CHECKPOINT, LOAD_OTHER}},
    {"two-checkpoints-trim-the-log", {LOAD_APP, CHECKPOINT, LOAD_OTHER, CHECKPOINT, UNTAG_APP}},
    {"shared-layers-removed-and-loaded-again",
     {LOAD_APP, LOAD_OTHER, UNTAG_APP, UNTAG_OTHER, LOAD_APP}},
    {"a-name-that-moves-there-and-back", {LOAD_APP, LOAD_NEWER, LOAD_APP, TAG, LOAD_NEWER}},
    {"the-log-goes-on-in-a-new-segment", {LOAD_APP, &step_fill, &step_overflow, LOAD_OTHER, TAG}},
    {"full-segments-are-trimmed",
     {LOAD_APP, &step_fill, &step_overflow, &step_fill, &step_overflow, CHECKPOINT, LOAD_OTHER,
      CHECKPOINT, TAG, CHECKPOINT}},
    {"bytes-that-are-there-already", {LOAD_APP, &step_vain}},
    {"derived-parts-are-pruned-and-made-again",
     {&step_packed, &step_prune, &step_derive, &step_untag_packed}},
    {"a-damaged-part-is-healed", {&step_packed, &step_damage, &step_heal, &step_prune}},
    {"a-damaged-part-is-set-aside-and-comes-back",
     {&step_packed, &step_damage, &step_repair, &step_heal}},
};
const size_t workload_scenario_count = sizeof(workload_scenarios) / sizeof(*workload_scenarios);
