/* fault-injection/recording.c - makes a store in memory and runs steps on it. */
#include "recording.h"

#include "wal/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "power-cut: %s: %s\n", what, why);
    exit(2);
}

static int make_store(struct recording *recording, struct hf_error *err)
{
    struct hf_store_options options = {.mode = HF_OPEN_CREATE};

    recording->workload.io = &recording->sim.io;
    recording->workload.segment_first = HF_WAL_FIRST_POSITION;
    return hf_store_open_io(&recording->sim.io, WORKLOAD_ROOT, &options, &recording->workload.store,
                            err);
}

/* Step 0 is the making of the store. */
struct recording *recording_make(const struct recording_options *options,
                                 const struct workload_step *const *steps, size_t count)
{
    struct recording *recording = calloc(1, sizeof(*recording));
    char says[JUDGE_SAYS_MAX];
    struct hf_error err = {0};
    uint64_t syncs_before = 0;

    if (recording == NULL)
        abort();
    recording->disk = disk_new(options->chunk_bytes, options->profile);
    sim_boot(&recording->sim, recording->disk, 1);
    recording->cuts.disk = recording->disk;
    recording->sim.before = note_cut;
    recording->sim.before_arg = &recording->cuts;
    recording->sim.lost_site = options->lost_site;
    recording->sim.on_sync = options->on_sync;
    recording->sim.on_sync_arg = options->on_sync_arg;
    for (size_t i = 0; i <= count; i++) {
        memcpy(recording->before, recording->after, sizeof(recording->before));
        recording->cuts.is_on = i == count;
        syncs_before = recording->sim.syncs;
        if (i == count && options->lost_sync != 0)
            recording->sim.lost_sync = syncs_before + options->lost_sync;
        err = (struct hf_error){0};
        int rc =
            i == 0 ? make_store(recording, &err) : steps[i - 1]->run(&recording->workload, &err);
        if (recording->workload.store == NULL)
            give_up("the store can't be used", hf_error_name(rc));
        if (options->all_succeed && rc != 0)
            give_up(i == 0 ? "the store" : steps[i - 1]->name, err.message);
        if (!judge_state(&recording->sim, true, recording->after, says))
            give_up("without a cut", says);
    }
    recording->end = (struct cut){
        .disk = disk_copy(recording->disk), .op = SIM_END, .last = recording->cuts.last};
    recording->syncs = recording->sim.syncs - syncs_before;
    return recording;
}

void recording_free(struct recording *recording)
{
    if (recording->workload.open_txn != NULL)
        hf_txn_abort(recording->workload.open_txn, "the test ends");
    if (hf_store_close(recording->workload.store, NULL) != 0)
        abort();
    sim_off(&recording->sim);
    disk_free(recording->disk);
    disk_free(recording->end.disk);
    forget_cuts(&recording->cuts);
    free(recording);
}
