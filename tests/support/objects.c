#include "support/objects.h"

#include "base/digest.h"
#include "base/error.h"
#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hf_digest hf_test_digest_of(const char *text)
{
    struct hf_digest digest;

    hf_digest_of(text, strlen(text), &digest);
    return digest;
}

static void top_text(const struct hf_test_load *load, char text[512])
{
    snprintf(text, 512, "top %s", load->text);
    for (size_t i = 0; i < 4 && load->parts[i]; i++) {
        strcat(text, "+");
        strcat(text, load->parts[i]);
    }
}

struct hf_digest hf_test_top_of(const struct hf_test_load *load)
{
    char text[512];

    top_text(load, text);
    return hf_test_digest_of(text);
}

int hf_test_stage(struct hf_txn *txn, const char *text, struct hf_error *err)
{
    struct hf_staged *staged = NULL;
    struct hf_digest digest = hf_test_digest_of(text);

    int rc = hf_txn_stage(txn, &staged, err);
    if (rc != 0)
        return rc;
    rc = hf_staged_write(staged, text, strlen(text), err);
    if (rc != 0) {
        hf_staged_drop(staged);
        return rc;
    }
    return hf_staged_finish(staged, &digest, NULL, NULL, err);
}

static int decide_load(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct hf_test_load *load = arg;
    struct hf_digest refs[4], top = hf_test_top_of(load);
    size_t count = 0;
    int rc = 0;

    for (; rc == 0 && count < 4 && load->parts[count]; count++) {
        refs[count] = hf_test_digest_of(load->parts[count]);
        rc = hf_change_put_object(change, &refs[count], NULL, 0, NULL, 0, err);
    }
    if (rc == 0)
        rc = hf_change_put_object(change, &top, refs, count, "summary", 7, err);
    if (rc == 0)
        rc = hf_change_set_name(change, load->name, &top, 0, err);
    return rc;
}

/* A part that is there is claimed; else it is staged. */
static int take_part(struct hf_txn *txn, const char *text, struct hf_error *err)
{
    struct hf_digest digest = hf_test_digest_of(text);
    int rc = hf_txn_claim(txn, &digest, NULL, err);

    return rc == HF_ERR_NOT_FOUND ? hf_test_stage(txn, text, err) : rc;
}

int hf_test_load(struct hf_store *store, const struct hf_test_load *load, struct hf_error *err)
{
    static const char note[] = "load\0file";
    struct hf_txn *txn = NULL;
    char top[512];

    int rc = hf_txn_begin(store, note, sizeof(note), &txn, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < 4 && load->parts[i]; i++)
        rc = take_part(txn, load->parts[i], err);
    top_text(load, top);
    if (rc == 0)
        rc = take_part(txn, top, err);
    if (rc != 0) {
        hf_txn_abort(txn, "the load failed");
        return rc;
    }
    union {
        const struct hf_test_load *load;
        void *arg;
    } borrowed = {.load = load};
    return hf_txn_commit(txn, decide_load, borrowed.arg, err);
}

struct name_arg {
    const char *name;
    const struct hf_digest *target;
    uint64_t id;
};

static int decide_tag(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct name_arg *name = arg;

    return hf_change_set_name(change, name->name, name->target, 0, err);
}

int hf_test_tag(struct hf_store *store, const char *name, const struct hf_digest *target,
                struct hf_error *err)
{
    struct name_arg arg = {.name = name, .target = target};

    return hf_store_change(store, "tag", 4, decide_tag, &arg, err);
}

static int decide_untag(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct name_arg *name = arg;

    return hf_change_drop_name(change, name->name, err);
}

int hf_test_untag(struct hf_store *store, const char *name, struct hf_error *err)
{
    struct name_arg arg = {.name = name};

    return hf_store_change(store, "rmi", 4, decide_untag, &arg, err);
}

static int decide_hold(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct name_arg *name = arg;
    struct hf_hold hold = {.target = *name->target, .owner = "a-test", .reason = "it may"};

    return hf_change_add_hold(change, &hold, &name->id, err);
}

int hf_test_hold(struct hf_store *store, const struct hf_digest *target, uint64_t *out_id,
                 struct hf_error *err)
{
    struct name_arg arg = {.target = target};
    int rc = hf_store_change(store, "hold", 5, decide_hold, &arg, err);

    *out_id = arg.id;
    return rc;
}

static int decide_drop_hold(void *arg, struct hf_change *change, struct hf_error *err)
{
    struct name_arg *name = arg;

    return hf_change_drop_hold(change, name->id, err);
}

int hf_test_drop_hold(struct hf_store *store, uint64_t id, struct hf_error *err)
{
    struct name_arg arg = {.id = id};

    return hf_store_change(store, "unhold", 7, decide_drop_hold, &arg, err);
}

int hf_test_open(struct hf_io *io, const char *root, enum hf_open_mode mode,
                 struct hf_store **out_store, struct hf_error *err)
{
    struct hf_store_options options = {.mode = mode};

    return hf_store_open_io(io, root, &options, out_store, err);
}

struct hf_store *hf_test_must_open(struct hf_io *io, const char *root, enum hf_open_mode mode)
{
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    int rc = hf_test_open(io, root, mode, &store, &err);

    ck_assert_msg(rc == 0, "cannot open: %s %s", hf_error_name(rc), err.message);
    ck_assert_msg(hf_store_damage(store, &err) == 0, "opened damaged: %s", err.message);
    return store;
}

void hf_test_must_close(struct hf_store *store)
{
    struct hf_error err = {0};
    int rc = hf_store_close(store, &err);

    ck_assert_msg(rc == 0, "cannot close: %s %s", hf_error_name(rc), err.message);
}

bool hf_test_has_name(struct hf_store *store, const char *name, const struct hf_digest *target)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_name found = {0};

    hf_test_require(hf_snapshot_take(store, &snapshot, NULL) == 0);
    int rc = hf_snapshot_name(snapshot, name, &found, NULL);
    hf_snapshot_release(snapshot);
    hf_test_require(rc == 0 || rc == HF_ERR_NOT_FOUND);
    return rc == 0 && (!target || hf_digest_compare(&found.target, target) == 0);
}

bool hf_test_has(struct hf_store *store, const char *text)
{
    struct hf_digest digest = hf_test_digest_of(text);
    struct hf_snapshot *snapshot = NULL;

    hf_test_require(hf_snapshot_take(store, &snapshot, NULL) == 0);
    int rc = hf_snapshot_object(snapshot, &digest, NULL, NULL);
    hf_snapshot_release(snapshot);
    hf_test_require(rc == 0 || rc == HF_ERR_NOT_FOUND);
    return rc == 0;
}

#define STATE_MAX 65536

static int add_name(void *arg, const struct hf_name *name)
{
    char *state = arg, hex[HF_DIGEST_TEXT_MAX];
    size_t len = strlen(state);

    snprintf(state + len, STATE_MAX - len, "%s>%.8s ", name->name,
             hf_digest_hex(&name->target, hex));
    return 0;
}

static int add_object(void *arg, const struct hf_object *object)
{
    char *state = arg, hex[HF_DIGEST_TEXT_MAX];
    size_t len = strlen(state);

    snprintf(state + len, STATE_MAX - len, "%.8s%s ", hf_digest_hex(&object->digest, hex),
             object->state == HF_OBJECT_PRESENT ? "" : "!");
    return 0;
}

static int add_hold(void *arg, const struct hf_hold *hold)
{
    char *state = arg, hex[HF_DIGEST_TEXT_MAX];
    size_t len = strlen(state);

    snprintf(state + len, STATE_MAX - len, "h%.8s ", hf_digest_hex(&hold->target, hex));
    return 0;
}

const char *hf_test_state(struct hf_store *store)
{
    static char states[4][STATE_MAX];
    static unsigned next;
    char *state = states[next++ % 4];
    struct hf_snapshot *snapshot = NULL;

    state[0] = '\0';
    hf_test_require(hf_snapshot_take(store, &snapshot, NULL) == 0);
    hf_test_require(hf_snapshot_each_name(snapshot, "", add_name, state, NULL) == 0);
    strcat(state, "|");
    hf_test_require(
        hf_snapshot_each_object(snapshot, HF_DIGEST_NONE, "", add_object, state, NULL) == 0);
    hf_test_require(hf_snapshot_each_hold(snapshot, NULL, add_hold, state, NULL) == 0);
    hf_snapshot_release(snapshot);
    return state;
}

void hf_test_check_in(struct hf_io *io, const char *root, enum hf_checker_mode mode,
                      const char *when)
{
    struct hf_checker_store found = {0};
    struct hf_error err = {0};
    int dir = -1;

    int rc = hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err);
    if (rc == 0)
        rc = hf_checker_read(io, dir, mode, &found, &err);
    hf_io_close(io, &dir);
    ck_assert_msg(rc == 0, "%s: cannot check: %s", when, err.message);
    ck_assert_msg(found.made, "%s: there is no store", when);
    if (found.violation_count > 0)
        ck_abort_msg("%s: %zu violations, the first: %s", when, found.violation_count,
                     found.violations[0]);
    hf_checker_release(&found);
}

void hf_test_check(const char *root, enum hf_checker_mode mode, const char *when)
{
    hf_test_check_in(hf_io_posix(), root, mode, when);
}

static int read_object(void *arg, const struct hf_object *object)
{
    struct hf_store *store = arg;
    struct hf_error err = {0};
    uint8_t *data = NULL;
    size_t len = 0;

    if (object->state != HF_OBJECT_PRESENT)
        return 0;
    int rc = hf_blob_read_all(store, &object->digest, 1u << 24, &data, &len, &err);
    ck_assert_msg(rc == 0, "cannot read an object: %s %s", hf_error_name(rc), err.message);
    ck_assert_uint_eq(len, object->size_bytes);
    free(data);
    return 0;
}

void hf_test_read_all(struct hf_store *store)
{
    struct hf_snapshot *snapshot = NULL;

    hf_test_require(hf_snapshot_take(store, &snapshot, NULL) == 0);
    hf_test_require(
        hf_snapshot_each_object(snapshot, HF_DIGEST_NONE, "", read_object, store, NULL) == 0);
    hf_snapshot_release(snapshot);
}
