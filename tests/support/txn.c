#include "support/txn.h"

#include "base/digest.h"
#include "base/error.h"
#include "support/suite.h"

#include <stdio.h>
#include <unistd.h>

struct hf_store *hf_test_txn_setup(struct hf_test_watch *watch, char *path)
{
    hf_test_make_dir(path);
    hf_test_watch_init(watch, path);
    watch->skips_sync = true;
    watch->forgets = true;
    return hf_test_must_open(&watch->io, path, HF_OPEN_CREATE);
}

void hf_test_txn_teardown(struct hf_store *store, struct hf_test_watch *watch, const char *path)
{
    if (store) {
        hf_test_must_close(store);
        hf_test_check(path, HF_CHECKER_RECOVERED, "at the end");
    }
    hf_test_watch_release(watch);
    hf_test_remove_dir(path);
}

void hf_test_reopen(struct hf_store **store, struct hf_io *io, const char *path)
{
    hf_test_must_close(*store);
    hf_test_check(path, HF_CHECKER_RECOVERED, "closed");
    *store = hf_test_must_open(io, path, HF_OPEN_READ_WRITE);
}

void hf_test_must_load(struct hf_store *store, const char *name, const char *text, const char *a,
                       const char *b)
{
    struct hf_error err = {0};
    struct hf_test_load load = {name, text, {a, b}};
    int rc = hf_test_load(store, &load, &err);

    ck_assert_msg(rc == 0, "%s: %s %s", name, hf_error_name(rc), err.message);
}

bool hf_test_has_blob(const char *path, const char *text)
{
    struct hf_digest digest = hf_test_digest_of(text);
    char full[600], hex[HF_DIGEST_TEXT_MAX];

    snprintf(full, sizeof(full), "%s/blobs/sha256/%s", path, hf_digest_hex(&digest, hex));
    return access(full, F_OK) == 0;
}

int hf_test_decide_nothing(void *arg, struct hf_change *change, struct hf_error *why)
{
    return 0;
}

int hf_test_decide_put(void *arg, struct hf_change *change, struct hf_error *why)
{
    const char *text = arg;
    struct hf_digest digest = hf_test_digest_of(text);

    int rc = hf_change_put_object(change, &digest, NULL, 0, NULL, 0, why);
    return rc != 0 ? rc : hf_change_set_name(change, "kept:1", &digest, 0, why);
}
