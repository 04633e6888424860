#include "support/images.h"

#include "base/buf.h"
#include "base/digest.h"
#include "oci/document.h"
#include "oci/reference.h"
#include "image/summary.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* --- the store -------------------------------------------------------------------------------- */

static void open_store(struct hf_test_store *store, enum hf_open_mode mode)
{
    const struct hf_store_options options = {.mode = mode};
    struct hf_error err = {0};
    int rc = hf_store_open(store->root, &options, &store->store, &err);

    ck_assert_msg(rc == 0, "cannot open the store: %s", err.message);
}

void hf_test_store_make(struct hf_test_store *out)
{
    hf_test_make_dir(out->root);
    open_store(out, HF_OPEN_CREATE);
}

void hf_test_store_reopen(struct hf_test_store *store, enum hf_open_mode mode)
{
    ck_assert_int_eq(hf_store_close(store->store, NULL), 0);
    open_store(store, mode);
}

void hf_test_store_remove(struct hf_test_store *store)
{
    ck_assert_int_eq(hf_store_close(store->store, NULL), 0);
    hf_test_remove_dir(store->root);
}

/* --- what a change puts ----------------------------------------------------------------------- */

#define OBJECTS_MAX 64

struct object {
    struct hf_digest digest;
    uint64_t size_bytes;
    struct hf_digest refs[16];
    size_t ref_count;
    struct hf_buf summary;
    bool is_absent;
};

struct batch {
    struct hf_txn *txn;
    struct object objects[OBJECTS_MAX];
    size_t count;
    const char *names;
    struct hf_digest target;
};

static void begin(struct batch *batch, struct hf_store *store)
{
    *batch = (struct batch){0};
    ck_assert_int_eq(hf_txn_begin(store, "test", 5, &batch->txn, NULL), 0);
}

static struct object *add_object(struct batch *batch, const struct hf_summary *summary)
{
    ck_assert_uint_lt(batch->count, OBJECTS_MAX);
    struct object *object = &batch->objects[batch->count++];

    *object = (struct object){0};
    hf_summary_encode(summary, &object->summary);
    return object;
}

static struct object *stage(struct batch *batch, const void *data, size_t len,
                            const struct hf_summary *summary)
{
    struct object *object = add_object(batch, summary);
    struct hf_staged *staged = NULL;

    ck_assert_int_eq(hf_txn_stage(batch->txn, &staged, NULL), 0);
    ck_assert_int_eq(hf_staged_write(staged, data, len, NULL), 0);
    ck_assert_int_eq(hf_staged_finish(staged, NULL, &object->digest, &object->size_bytes, NULL), 0);
    return object;
}

static void add_ref(struct object *object, const struct hf_digest *digest)
{
    ck_assert_uint_lt(object->ref_count, 16);
    object->refs[object->ref_count++] = *digest;
}

static int put_object(struct hf_change *change, const struct object *object, struct hf_error *err)
{
    if (object->is_absent)
        return hf_change_put_absent(change, &object->digest, object->size_bytes,
                                    object->summary.data, object->summary.len, err);
    return hf_change_put_object(change, &object->digest, object->refs, object->ref_count,
                                object->summary.data, object->summary.len, err);
}

/* The first of `names`, whole, into `full`; what is left of them, or NULL. */
static const char *next_name(const char *names, char full[HF_REFERENCE_MAX])
{
    char name[HF_REFERENCE_MAX];

    names += strspn(names, " ");
    size_t len = strcspn(names, " ");
    if (len == 0)
        return NULL;
    snprintf(name, sizeof(name), "%.*s", (int)len, names);
    ck_assert_int_eq(hf_reference_normalize(name, full, NULL), 0);
    return names + len;
}

static int decide(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct batch *batch = arg;
    char full[HF_REFERENCE_MAX];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->count; i++)
        rc = put_object(change, &batch->objects[i], err);
    for (const char *rest = batch->names; rc == 0 && rest && (rest = next_name(rest, full));)
        rc = hf_change_set_name(change, full, &batch->target,
                                hf_reference_is_digest(full) ? HF_NAME_DIGEST : 0, err);
    return rc;
}

static void commit(struct batch *batch)
{
    struct hf_error err = {0};
    int rc = hf_txn_commit(batch->txn, decide, batch, &err);

    ck_assert_msg(rc == 0, "cannot put an image: %s", err.message);
    for (size_t i = 0; i < batch->count; i++)
        hf_buf_release(&batch->objects[i].summary);
}

/* --- images ----------------------------------------------------------------------------------- */

static void stage_layer(struct batch *batch, const char *text, bool is_gzip,
                        struct hf_summary *summary, struct hf_test_image *image)
{
    uint8_t packed[1024];
    z_stream gzip = {0};

    *summary = (struct hf_summary){.kind = HF_KIND_LAYER, .size_bytes = strlen(text)};
    strcpy(summary->media_type, is_gzip ? HF_MEDIA_OCI_LAYER_GZIP : HF_MEDIA_OCI_LAYER);
    hf_digest_of(text, strlen(text), &summary->diff_id);
    const void *data = text;
    size_t len = strlen(text);
    if (is_gzip) {
        ck_assert_int_eq(deflateInit2(&gzip, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        gzip.next_in = (Bytef *)(uintptr_t)text;
        gzip.avail_in = (uInt)len;
        gzip.next_out = packed;
        gzip.avail_out = sizeof(packed);
        ck_assert_int_eq(deflate(&gzip, Z_FINISH), Z_STREAM_END);
        data = packed;
        len = sizeof(packed) - gzip.avail_out;
        deflateEnd(&gzip);
    }
    image->layers[image->layer_count++] = stage(batch, data, len, summary)->digest;
}

static const char *created_of(const struct hf_test_spec *spec)
{
    return spec->created ? spec->created : "2024-01-01T00:00:00Z";
}

static const char *platform_of(const struct hf_test_spec *spec)
{
    return spec->platform ? spec->platform : hf_platform_here();
}

static void stage_config(struct batch *batch, const struct hf_test_spec *spec,
                         const struct hf_summary *layers, struct hf_test_image *image)
{
    const struct hf_summary summary = {.kind = HF_KIND_CONFIG, .media_type = HF_MEDIA_OCI_CONFIG};
    const char *platform = platform_of(spec);
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_buf json = {0};

    hf_buf_printf(&json, "{\"created\":\"%s\",\"os\":\"%.*s\",\"architecture\":\"%s\",",
                  created_of(spec), (int)strcspn(platform, "/"), platform,
                  platform + strcspn(platform, "/") + 1);
    hf_buf_printf(&json, "\"comment\":\"%s\",\"config\":{%s},", spec->text ? spec->text : "x",
                  spec->config ? spec->config : "");
    if (spec->history)
        hf_buf_printf(&json, "\"history\":%s,", spec->history);
    hf_buf_put_text(&json, "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (size_t i = 0; i < image->layer_count; i++)
        hf_buf_printf(&json, "%s\"%s\"", i > 0 ? "," : "",
                      hf_digest_text(&layers[i].diff_id, text));
    hf_buf_put_text(&json, "]}}");
    image->id = stage(batch, json.data, json.len, &summary)->digest;
    hf_buf_release(&json);
}

static void stage_manifest(struct batch *batch, const struct hf_test_spec *spec,
                           const struct hf_summary *layers, struct hf_test_image *image)
{
    struct hf_summary summary = {.kind = HF_KIND_MANIFEST,
                                 .media_type = HF_MEDIA_OCI_MANIFEST,
                                 .id = image->id,
                                 .created_ns = hf_time_parse(created_of(spec))};
    const struct object *config = &batch->objects[batch->count - 1];
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_buf json = {0};

    snprintf(summary.platform, sizeof(summary.platform), "%s", platform_of(spec));
    hf_buf_printf(&json,
                  "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\","
                  "\"digest\":\"%s\",\"size\":%llu},\"layers\":[",
                  HF_MEDIA_OCI_MANIFEST, HF_MEDIA_OCI_CONFIG, hf_digest_text(&image->id, text),
                  (unsigned long long)config->size_bytes);
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct object *layer = config - image->layer_count + i;
        summary.size_bytes += layers[i].size_bytes;
        hf_buf_printf(&json, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}",
                      i > 0 ? "," : "", layers[i].media_type, hf_digest_text(&layer->digest, text),
                      (unsigned long long)layer->size_bytes);
    }
    hf_buf_put_text(&json, "]}");
    struct object *manifest = stage(batch, json.data, json.len, &summary);
    image->manifest = manifest->digest;
    add_ref(manifest, &image->id);
    for (size_t i = 0; i < image->layer_count; i++)
        add_ref(manifest, &image->layers[i]);
    hf_buf_release(&json);
}

static void stage_image(struct batch *batch, const struct hf_test_spec *spec,
                        struct hf_test_image *image)
{
    struct hf_summary layers[HF_TEST_LAYERS_MAX];
    char text[256];

    *image = (struct hf_test_image){0};
    if (spec->base)
        stage_layer(batch, spec->base, spec->is_gzip, &layers[0], image);
    if (!spec->has_no_layers) {
        snprintf(text, sizeof(text), "the layer of %s", spec->text ? spec->text : "x");
        stage_layer(batch, text, spec->is_gzip, &layers[image->layer_count], image);
    }
    stage_config(batch, spec, layers, image);
    stage_manifest(batch, spec, layers, image);
}

void hf_test_put_image(struct hf_store *store, const struct hf_test_spec *spec,
                       struct hf_test_image *out)
{
    struct batch *batch = malloc(sizeof(*batch));
    struct hf_test_image image;

    ck_assert_ptr_nonnull(batch);
    begin(batch, store);
    stage_image(batch, spec, &image);
    batch->names = spec->names;
    batch->target = image.manifest;
    commit(batch);
    free(batch);
    if (out)
        *out = image;
}

/* --- indexes and artifacts -------------------------------------------------------------------- */

static struct hf_digest add_absent(struct batch *batch)
{
    const struct hf_summary summary = {
        .kind = HF_KIND_MANIFEST, .media_type = HF_MEDIA_OCI_MANIFEST, .platform = "plan9/none"};
    struct object *object = add_object(batch, &summary);

    object->is_absent = true;
    object->size_bytes = 100;
    hf_digest_of("never fetched", 13, &object->digest);
    return object->digest;
}

void hf_test_put_index(struct hf_store *store, const char *names, const struct hf_test_spec *specs,
                       size_t count, bool has_absent, struct hf_digest *out_index,
                       struct hf_test_image *out_images)
{
    const struct hf_summary summary = {.kind = HF_KIND_INDEX, .media_type = HF_MEDIA_OCI_INDEX};
    struct batch *batch = malloc(sizeof(*batch));
    struct hf_digest children[8];
    struct hf_buf json = {0};
    char text[HF_DIGEST_TEXT_MAX];

    ck_assert_ptr_nonnull(batch);
    begin(batch, store);
    for (size_t i = 0; i < count; i++) {
        stage_image(batch, &specs[i], &out_images[i]);
        children[i] = out_images[i].manifest;
    }
    if (has_absent)
        children[count++] = add_absent(batch);
    hf_buf_printf(&json, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[",
                  HF_MEDIA_OCI_INDEX);
    for (size_t i = 0; i < count; i++)
        hf_buf_printf(&json, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":100}",
                      i > 0 ? "," : "", HF_MEDIA_OCI_MANIFEST, hf_digest_text(&children[i], text));
    hf_buf_put_text(&json, "]}");
    struct object *index = stage(batch, json.data, json.len, &summary);
    for (size_t i = 0; i < count; i++)
        add_ref(index, &children[i]);
    *out_index = batch->target = index->digest;
    batch->names = names;
    commit(batch);
    hf_buf_release(&json);
    free(batch);
}

static int attach(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct batch *batch = arg;

    for (size_t i = 0; i + 1 < batch->count; i++) {
        int rc = put_object(change, &batch->objects[i], err);
        if (rc != 0)
            return rc;
    }
    const struct object *subject = &batch->objects[batch->count - 1];
    return hf_change_put_object(change, &subject->digest, subject->refs, subject->ref_count, NULL,
                                0, err);
}

void hf_test_put_artifact(struct hf_store *store, const char *name, const struct hf_digest *subject,
                          struct hf_digest *out)
{
    struct hf_summary summary = {.kind = HF_KIND_ARTIFACT,
                                 .media_type = HF_MEDIA_OCI_MANIFEST,
                                 .artifact_type = "application/vnd.example.signature"};
    struct batch *batch = malloc(sizeof(*batch));

    ck_assert_ptr_nonnull(batch);
    begin(batch, store);
    if (subject)
        summary.subject = *subject;
    *out = batch->target = stage(batch, "{\"an\":\"artifact\"}", 17, &summary)->digest;
    batch->names = name;
    if (subject) {
        struct object *edge = add_object(batch, &summary);
        edge->digest = *subject;
        add_ref(edge, out);
        ck_assert_int_eq(hf_txn_commit(batch->txn, attach, batch, NULL), 0);
        hf_buf_release(&batch->objects[0].summary);
        hf_buf_release(&batch->objects[1].summary);
    } else {
        commit(batch);
    }
    free(batch);
}

/* --- looking ---------------------------------------------------------------------------------- */

static int add_name(void *arg, const struct hf_name *name)
{
    char shown[HF_REFERENCE_MAX];
    struct hf_buf *text = arg;

    hf_buf_printf(text, "%s%s", text->len > 0 ? " " : "", hf_reference_familiar(name->name, shown));
    return 0;
}

const char *hf_test_names(struct hf_store *store)
{
    static char names[4096];
    struct hf_snapshot *snapshot = NULL;
    struct hf_buf text = {0};

    ck_assert_int_eq(hf_snapshot_take(store, &snapshot, NULL), 0);
    ck_assert_int_eq(hf_snapshot_each_name(snapshot, NULL, add_name, &text, NULL), 0);
    snprintf(names, sizeof(names), "%s", hf_buf_text(&text));
    hf_buf_release(&text);
    hf_snapshot_release(snapshot);
    return names;
}

bool hf_test_has_object(struct hf_store *store, const struct hf_digest *digest)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_object object = {0};

    ck_assert_int_eq(hf_snapshot_take(store, &snapshot, NULL), 0);
    int rc = hf_snapshot_object(snapshot, digest, &object, NULL);
    hf_object_release(&object);
    hf_snapshot_release(snapshot);
    ck_assert(rc == 0 || rc == HF_ERR_NOT_FOUND);
    return rc == 0;
}

static int count_object(void *arg, const struct hf_object *object)
{
    ++*(size_t *)arg;
    return 0;
}

size_t hf_test_object_count(struct hf_store *store)
{
    struct hf_snapshot *snapshot = NULL;
    size_t count = 0;

    ck_assert_int_eq(hf_snapshot_take(store, &snapshot, NULL), 0);
    ck_assert_int_eq(
        hf_snapshot_each_object(snapshot, HF_DIGEST_NONE, NULL, count_object, &count, NULL), 0);
    hf_snapshot_release(snapshot);
    return count;
}

/* --- changing, past all rules ----------------------------------------------------------------- */

struct tweak {
    const char *setting, *value;
    const char *name;
    const struct hf_digest *digest;
};

static int decide_tweak(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct tweak *tweak = arg;
    char full[HF_REFERENCE_MAX];

    if (tweak->setting)
        return hf_change_setting(change, tweak->setting, tweak->value, err);
    if (!tweak->name)
        return hf_change_set_state(change, tweak->digest, HF_OBJECT_DAMAGED, err);
    next_name(tweak->name, full);
    return hf_change_set_name(change, full, tweak->digest,
                              hf_reference_is_digest(full) ? HF_NAME_DIGEST : 0, err);
}

static void change(struct hf_store *store, struct tweak tweak)
{
    ck_assert_int_eq(hf_store_change(store, "test", 5, decide_tweak, &tweak, NULL), 0);
}

void hf_test_set(struct hf_store *store, const char *setting, const char *value)
{
    change(store, (struct tweak){.setting = setting, .value = value});
}

void hf_test_set_damaged(struct hf_store *store, const struct hf_digest *digest)
{
    change(store, (struct tweak){.digest = digest});
}

void hf_test_point(struct hf_store *store, const char *name, const struct hf_digest *target)
{
    change(store, (struct tweak){.name = name, .digest = target});
}

/* --- listening -------------------------------------------------------------------------------- */

static void hear(void *arg, const struct hf_image_event *event)
{
    static const char *const words[] = {
        [HF_EVENT_LOADED] = "loaded",     [HF_EVENT_REPLACED] = "replaced",
        [HF_EVENT_MOVED] = "moved",       [HF_EVENT_KEPT] = "kept",
        [HF_EVENT_UNTAGGED] = "untagged", [HF_EVENT_DELETED] = "deleted",
        [HF_EVENT_HEALED] = "healed",     [HF_EVENT_SAVED] = "saved",
        [HF_EVENT_WARNING] = "warning",
    };
    struct hf_test_told *told = arg;
    char shown[HF_REFERENCE_MAX];
    size_t len = strlen(told->text);

    if (event->kind == HF_EVENT_DELETED) {
        told->deleted_count++;
        return;
    }
    snprintf(told->text + len, sizeof(told->text) - len, "%s%s %s", len > 0 ? "; " : "",
             words[event->kind], event->name ? hf_reference_familiar(event->name, shown) : "-");
    told->id = event->id;
    if (hf_digest_is_set(&event->old_id))
        told->old_id = event->old_id;
    if (event->kind == HF_EVENT_KEPT)
        snprintf(told->kept, sizeof(told->kept), "%s", event->text);
}

static int see_progress(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    struct hf_test_told *told = arg;

    hf_test_require(done_bytes <= total_bytes);
    return ++told->progress_calls == told->cancel_at_call;
}

struct hf_observer hf_test_listen(struct hf_test_told *told)
{
    *told = (struct hf_test_told){.cancel_at_call = told->cancel_at_call};
    return (struct hf_observer){.event = hear, .progress = see_progress, .arg = told};
}
