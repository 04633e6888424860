#include "support/loading.h"

#include "support/suite.h"

#include "base/digest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_test_load_make(struct hf_test_load *out)
{
    *out = (struct hf_test_load){0};
    hf_test_store_make(&out->store);
    hf_test_make_dir(out->dir);
}

void hf_test_load_remove(struct hf_test_load *load)
{
    hf_test_check_blobs(load);
    hf_test_store_remove(&load->store);
    hf_test_remove_dir(load->dir);
}

int hf_test_load_path(struct hf_test_load *load, const char *path)
{
    load->options.observer = hf_test_listen(&load->told);
    load->options.observer.progress = NULL;
    load->err = (struct hf_error){0};
    return hf_image_load(load->store.store, path, -1, &load->options, &load->err);
}

int hf_test_load_bytes(struct hf_test_load *load, const struct hf_buf *archive)
{
    char path[512];

    hf_test_write_file(load->dir, "archive.tar", archive, path);
    return hf_test_load_path(load, path);
}

void hf_test_loads(struct hf_test_load *load, const struct hf_buf *archive, const char *names)
{
    int rc = hf_test_load_bytes(load, archive);

    ck_assert_msg(rc == 0, "%s: %s", hf_error_name(rc), load->err.message);
    ck_assert_str_eq(hf_test_names(load->store.store), names);
}

static size_t count_files(const char *root, const char *folder)
{
    char path[512];
    size_t count = 0;
    struct dirent *entry;

    snprintf(path, sizeof(path), "%s/%s", root, folder);
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        count += entry->d_type == DT_DIR ? count_files(root, path) : 1;
    }
    closedir(dir);
    return count;
}

void hf_test_refuses(struct hf_test_load *load, const struct hf_buf *archive, int code,
                     const char *part)
{
    char before[4096];

    snprintf(before, sizeof(before), "%s", hf_test_names(load->store.store));
    size_t objects = hf_test_object_count(load->store.store);
    int rc = hf_test_load_bytes(load, archive);
    ck_assert_msg(rc == code, "%s instead of %s: %s", hf_error_name(rc), hf_error_name(code),
                  load->err.message);
    ck_assert_int_eq(load->err.code, code);
    ck_assert_msg(strstr(load->err.message, part) != NULL, "\"%s\" does not contain \"%s\"",
                  load->err.message, part);
    ck_assert_str_eq(hf_test_names(load->store.store), before);
    ck_assert_uint_eq(hf_test_object_count(load->store.store), objects);
    ck_assert_uint_eq(count_files(load->store.root, "staging"), 0);
    ck_assert_uint_eq(count_files(load->store.root, "trash"), 0);
}

int hf_test_state(struct hf_test_load *load, const struct hf_digest *digest,
                  struct hf_summary *summary)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_object object = {0};

    ck_assert_int_eq(hf_snapshot_take(load->store.store, &snapshot, NULL), 0);
    int rc = hf_snapshot_object(snapshot, digest, &object, NULL);
    hf_snapshot_release(snapshot);
    if (rc == HF_ERR_NOT_FOUND)
        return 0;
    ck_assert_int_eq(rc, 0);
    if (summary)
        hf_summary_decode(object.summary, object.summary_len, summary);
    int state = (int)object.state;
    hf_object_release(&object);
    return state;
}

void hf_test_blob_path(const struct hf_test_load *load, const struct hf_test_blob *blob,
                       char path[512])
{
    snprintf(path, 512, "%s/blobs/sha256/%.64s", load->store.root, blob->hex);
}

static void check_blob(const char *path, const char *name)
{
    struct hf_hasher *hasher = hf_hasher_new(HF_DIGEST_SHA256);
    struct hf_digest digest;
    char block[65536], hex[HF_DIGEST_TEXT_MAX];
    size_t len;
    FILE *file = fopen(path, "rb");

    ck_assert_ptr_nonnull(file);
    while ((len = fread(block, 1, sizeof(block), file)) > 0)
        hf_hasher_update(hasher, block, len);
    fclose(file);
    hf_hasher_final(hasher, &digest);
    hf_hasher_free(hasher);
    ck_assert_str_eq(hf_digest_hex(&digest, hex), name);
}

void hf_test_check_blobs(const struct hf_test_load *load)
{
    char folder[512], path[1024];
    struct dirent *entry;

    snprintf(folder, sizeof(folder), "%s/blobs/sha256", load->store.root);
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        check_blob(path, entry->d_name);
    }
    closedir(dir);
}
