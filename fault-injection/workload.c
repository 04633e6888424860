/* fault-injection/workload.c - loads, names, holds and checkpoints of a tiny store. */
#include "workload.h"

#include "support/objects.h"

#include <holdfast/store.h>

#include <string.h>

static const struct hf_test_load app = {"app:1", "one", {"layer a", "layer b"}};
static const struct hf_test_load other = {"other:1", "two", {"layer b", "layer c"}};
static const struct hf_test_load newer = {"app:1", "newer", {"layer a", "layer d"}};
static const struct hf_test_load again = {"again:1", "again", {"layer a", "layer b", "layer c"}};

int workload_load_again(struct hf_store *store, struct hf_error *err)
{
    return hf_test_load(store, &again, err);
}

static int load_app(struct workload *workload, struct hf_error *err)
{
    return hf_test_load(workload->store, &app, err);
}

static int load_other(struct workload *workload, struct hf_error *err)
{
    return hf_test_load(workload->store, &other, err);
}

static int load_newer(struct workload *workload, struct hf_error *err)
{
    return hf_test_load(workload->store, &newer, err);
}

static int tag(struct workload *workload, struct hf_error *err)
{
    struct hf_digest top = hf_test_top_of(&app);

    return hf_test_tag(workload->store, "second:1", &top, err);
}

static int untag_app(struct workload *workload, struct hf_error *err)
{
    return hf_test_untag(workload->store, "app:1", err);
}

static int untag_other(struct workload *workload, struct hf_error *err)
{
    return hf_test_untag(workload->store, "other:1", err);
}

static int hold_app(struct workload *workload, struct hf_error *err)
{
    struct hf_digest top = hf_test_top_of(&app);
    uint64_t id = 0;

    return hf_test_hold(workload->store, &top, &id, err);
}

static int take_id(void *arg, const struct hf_hold *hold)
{
    *(uint64_t *)arg = hold->id;
    return 0;
}

static int drop_hold(struct workload *workload, struct hf_error *err)
{
    struct hf_snapshot *snapshot = NULL;
    uint64_t id = 0;
    int rc = hf_snapshot_take(workload->store, &snapshot, err);

    if (rc == 0)
        rc = hf_snapshot_each_hold(snapshot, NULL, take_id, &id, err);
    hf_snapshot_release(snapshot);
    return rc == 0 ? hf_test_drop_hold(workload->store, id, err) : rc;
}

static int checkpoint(struct workload *workload, struct hf_error *err)
{
    return hf_store_checkpoint(workload->store, err);
}

static int reopen(struct workload *workload, struct hf_error *err)
{
    struct hf_store_options options = {.mode = HF_OPEN_READ_WRITE};
    int rc = hf_store_close(workload->store, err);

    workload->store = NULL;
    if (rc != 0)
        return rc;
    return hf_store_open_io(workload->io, WORKLOAD_ROOT, &options, &workload->store, err);
}

static int abandon(struct workload *workload, struct hf_error *err)
{
    struct hf_txn *txn = NULL;
    int rc = hf_txn_begin(workload->store, "load", 4, &txn, err);

    if (rc == 0)
        rc = hf_test_stage(txn, "layer x", err);
    if (txn != NULL)
        hf_txn_abort(txn, "changed my mind");
    return rc;
}

const struct workload_step workload_alphabet[] = {
    {"load-app", load_app}, {"load-other", load_other}, {"load-newer", load_newer},
    {"tag", tag},           {"untag-app", untag_app},   {"untag-other", untag_other},
    {"hold", hold_app},     {"drop-hold", drop_hold},   {"checkpoint", checkpoint},
    {"abandon", abandon},   {"reopen", reopen},
};
const size_t workload_alphabet_count = sizeof(workload_alphabet) / sizeof(*workload_alphabet);

/* --- scenarios -------------------------------------------------------------------------------- */

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

static int decide_nothing(void *arg, struct hf_change *change, struct hf_error *err)
{
    return 0;
}

/* Long notes, until the log needs a new segment. */
static int fill_log(struct workload *workload, struct hf_error *err)
{
    static char note[60000];
    int rc = 0;

    memset(note, 'n', sizeof(note));
    for (int i = 0; rc == 0 && i < 9; i++)
        rc = hf_store_change(workload->store, note, sizeof(note), decide_nothing, NULL, err);
    return rc;
}

static const struct workload_step step_begin = {"begin", begin};
static const struct workload_step step_end = {"end", end};
static const struct workload_step step_fill = {"fill-log", fill_log};
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
    {"the-log-goes-on-in-a-new-segment", {LOAD_APP, &step_fill, &step_fill, LOAD_OTHER, TAG}},
};
const size_t workload_scenario_count = sizeof(workload_scenarios) / sizeof(*workload_scenarios);
