/*
 * rootfs/commit_layer.c - the difference becomes a layer: hashed, staged and made mountable while
 * it is read, once.
 */
#include "rootfs/commit.h"

#include "base/digest.h"
#include "base/error.h"
#include "rootfs/upper.h"

#include <string.h>

/* Where the plain bytes of the layer go. */
struct sink {
    struct hf_commit *commit;
    struct hf_staged *staged;
    struct hf_derive *derive;
    bool has_entries; /* a block of zeros ends a tar: one that has nothing else is empty */
};

static bool is_zero(const uint8_t *data, size_t len)
{
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

static int take_bytes(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct sink *sink = arg;
    int rc = hf_staged_write(sink->staged, data, len, err);

    if (rc != 0)
        return rc;
    if (!sink->has_entries)
        sink->has_entries = !is_zero(data, len);
    hf_derive_push(sink->derive, data, len);
    return 0;
}

/* --- from a directory ------------------------------------------------------------------------- */

/* Counted here, since a tar's source counts what it reads itself. */
static int take_made_bytes(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct sink *sink = arg;
    int rc = hf_source_count(&sink->commit->load.source, len, err);

    return rc == 0 ? take_bytes(arg, data, len, err) : rc;
}

static int take_upper(struct sink *sink, struct hf_error *err)
{
    struct hf_commit *commit = sink->commit;
    struct hf_upper_report report = {0};
    int rc = hf_upper_read(commit->upper, take_made_bytes, sink, &report, err);

    if (rc == 0 && report.socket_count > 0)
        hf_events_warn(&commit->options->observer,
                       "%s: %llu socket%s left out: a layer has no sockets", report.first_socket,
                       (unsigned long long)report.socket_count,
                       report.socket_count == 1 ? " is" : "s (this one and others) are");
    return rc;
}

/* --- from a tar ------------------------------------------------------------------------------- */

static int take_tar(struct sink *sink, struct hf_error *err)
{
    struct hf_archive *archive = NULL;
    const void *data;
    size_t len;
    int rc = hf_archive_open_raw(&sink->commit->load.source, &archive, err);

    while (rc == 0 && (rc = hf_archive_read(archive, &data, &len, err)) == 0)
        rc = take_bytes(sink, data, len, err);
    hf_archive_close(archive);
    return rc == HF_END ? 0 : rc;
}

static int check_tar(struct hf_commit *commit, struct hf_error *err)
{
    struct hf_blob *blob = NULL;
    int rc = hf_txn_staged_open(commit->load.txn, &commit->layer.digest, &blob, err);

    if (rc == 0)
        rc = hf_archive_check_blob(blob, err);
    hf_blob_close(blob);
    return rc == 0 ? 0 : hf_fail_prefix(err, rc, "%s", commit->load.source.name);
}

/* --- the layer -------------------------------------------------------------------------------- */

static int finish(struct sink *sink, struct hf_error *err)
{
    struct hf_commit *commit = sink->commit;
    struct hf_member *layer = &commit->layer;
    struct hf_staged *staged = sink->staged;

    sink->staged = NULL; /* gone on every path */
    int rc = hf_staged_finish(staged, NULL, &layer->digest, &layer->size_bytes, err);
    if (rc == 0 && !commit->upper)
        rc = check_tar(commit, err);
    if (rc != 0)
        return rc;
    layer->path = (char *)"the layer";
    layer->place = HF_MEMBER_STAGED;
    layer->is_measured = true;
    layer->plain.diff_id = layer->digest;
    layer->plain.size_bytes = layer->size_bytes;
    hf_derive_end(sink->derive, &layer->digest, &layer->derived);
    layer->is_derived = true;
    commit->has_layer = true;
    return hf_load_put_layer(&commit->load, layer, HF_MEDIA_OCI_LAYER, false, err);
}

int hf_commit_take_layer(struct hf_commit *commit, struct hf_error *err)
{
    struct sink sink = {.commit = commit};
    int rc = hf_txn_stage(commit->load.txn, &sink.staged, err);

    if (rc == 0)
        rc = hf_load_begin_deriving(&commit->load, &sink.derive, err);
    if (rc == 0)
        rc = commit->upper ? take_upper(&sink, err) : take_tar(&sink, err);
    if (rc == 0 && sink.has_entries)
        rc = finish(&sink, err);
    hf_staged_drop(sink.staged);
    hf_derive_free(sink.derive);
    return rc;
}
