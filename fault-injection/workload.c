/* fault-injection/workload.c - loads, names, holds and checkpoints of a tiny store. */
#include "workload.h"

#include "support/objects.h"

#include <holdfast/store.h>

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
    {"load-app", load_app, false},     {"load-other", load_other, false},
    {"load-newer", load_newer, false}, {"tag", tag, false},
    {"untag-app", untag_app, false},   {"untag-other", untag_other, false},
    {"hold", hold_app, false},         {"drop-hold", drop_hold, false},
    {"checkpoint", checkpoint, false}, {"abandon", abandon, false},
    {"reopen", reopen, false},
};
const size_t workload_alphabet_count = sizeof(workload_alphabet) / sizeof(*workload_alphabet);
