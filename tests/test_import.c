/*
 * Proves that a tar becomes an image of one plain layer, whatever compression it came in, with the
 * config that docker would make; and that what is no tar is refused.
 */
#include "support/loading.h"
#include "support/suite.h"

#include "oci/document.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct hf_test_load T;
static struct hf_test_blob L;

static void set_up(void)
{
    hf_test_load_make(&T);
    hf_test_layer(&L, "etc/passwd", 200000, 1);
}

static void tear_down(void)
{
    hf_test_load_remove(&T);
    hf_test_blob_release(&L);
}

static int import(const struct hf_buf *data, const char *name,
                  const struct hf_import_options *options, struct hf_digest *out_id)
{
    char path[512];

    hf_test_write_file(T.dir, "root.tar", data, path);
    T.err = (struct hf_error){0};
    return hf_image_import(T.store.store, path, -1, name, options, out_id, &T.err);
}

static json_t *read_config(const struct hf_digest *id)
{
    uint8_t *data;
    size_t len;

    ck_assert_int_eq(hf_blob_read_all(T.store.store, id, 1 << 20, &data, &len, NULL), 0);
    json_t *config = json_loadb((const char *)data, len, 0, NULL);
    free(data);
    ck_assert_ptr_nonnull(config);
    return config;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

START_TEST(tar_becomes_an_image_of_one_layer)
{
    static const char *const changes[] = {"CMD [\"sh\"]", "ENV A=b"};
    struct hf_import_options options = {.changes = changes,
                                        .change_count = 2,
                                        .message = "made by hand",
                                        .platform = "linux/arm64/v8"};
    struct hf_digest id;
    struct hf_image image;
    struct hf_summary summary;

    ck_assert_msg(import(&L.data, "root:1", &options, &id) == 0, "%s", T.err.message);
    ck_assert_str_eq(hf_test_names(T.store.store), "root:1");
    ck_assert_int_eq(hf_image_find(T.store.store, "root:1", NULL, &image, NULL), 0);
    ck_assert_int_eq(hf_digest_compare(&image.id, &id), 0);
    ck_assert_str_eq(image.platform, "linux/arm64/v8");
    ck_assert_uint_eq(image.size_bytes, L.data.len);
    ck_assert_uint_ne(image.created_ns, 0);
    ck_assert_int_eq(hf_test_state(&T, &L.digest, &summary), HF_OBJECT_PRESENT);
    ck_assert_int_eq(summary.kind, HF_KIND_LAYER);
    json_t *config = read_config(&id);
    ck_assert_str_eq(text_at(config, "os"), "linux");
    ck_assert_str_eq(text_at(config, "architecture"), "arm64");
    ck_assert_str_eq(text_at(config, "variant"), "v8");
    ck_assert_str_eq(text_at(config, "comment"), "made by hand");
    const json_t *history = json_array_get(json_object_get(config, "history"), 0);
    ck_assert_str_eq(text_at(history, "comment"), "made by hand");
    ck_assert_str_eq(text_at(history, "created"), text_at(config, "created"));
    char *changed = json_dumps(json_object_get(config, "config"), JSON_COMPACT);
    ck_assert_str_eq(changed, "{\"Cmd\":[\"sh\"],\"Env\":[\"A=b\"]}");
    free(changed);
    json_decref(config);
}
END_TEST

START_TEST(compressed_tar_is_stored_plain)
{
    struct hf_test_blob packed[2];

    hf_test_gzip(&packed[0], &L.data);
    hf_test_zstd(&packed[1], &L.data);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(import(&packed[i].data, "root:1", NULL, NULL) == 0, "%s", T.err.message);
        ck_assert_int_eq(hf_test_state(&T, &L.digest, NULL), HF_OBJECT_PRESENT);
        ck_assert_int_eq(hf_test_state(&T, &packed[i].digest, NULL), 0);
        hf_test_blob_release(&packed[i]);
    }
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 3 + 1); /* and an index */
}
END_TEST

START_TEST(defaults_are_this_machine_and_the_source)
{
    struct hf_digest id;

    ck_assert_int_eq(import(&L.data, "root", NULL, &id), 0);
    ck_assert_str_eq(hf_test_names(T.store.store), "root:latest");
    json_t *config = read_config(&id);
    ck_assert_int_eq(strncmp(text_at(config, "comment"), "Imported from /", 15), 0);
    json_decref(config);
}
END_TEST

START_TEST(what_is_no_root_file_system_is_refused)
{
    struct hf_buf data = {0};
    struct hf_test_blob packed;

    ck_assert_int_eq(import(&data, "root", NULL, NULL), HF_ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(T.err.message, "is empty"));
    hf_test_gzip(&packed, &data);
    ck_assert_int_eq(import(&packed.data, "root", NULL, NULL), HF_ERR_INPUT);
    hf_test_blob_release(&packed);
    hf_buf_put_text(&data, "no tar at all");
    ck_assert_int_eq(import(&data, "root", NULL, NULL), HF_ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(T.err.message, "no readable tar"));
    hf_buf_clear(&data);
    hf_buf_put(&data, L.data.data, 100000); /* cut */
    ck_assert_int_eq(import(&data, "root", NULL, NULL), HF_ERR_INPUT);
    ck_assert_int_eq(hf_image_import(T.store.store, T.dir, -1, "root", NULL, NULL, NULL),
                     HF_ERR_USAGE);
    ck_assert_str_eq(hf_test_names(T.store.store), "");
    ck_assert_uint_eq(hf_test_object_count(T.store.store), 0);
    hf_buf_release(&data);
}
END_TEST

START_TEST(malformed_arguments_are_refused_before_reading)
{
    static const char *const changes[] = {"RUN x"};
    struct hf_import_options options = {.changes = changes, .change_count = 1};

    ck_assert_int_eq(import(&L.data, "root", &options, NULL), HF_ERR_USAGE);
    ck_assert_int_eq(import(&L.data, "Root", NULL, NULL), HF_ERR_USAGE);
    options = (struct hf_import_options){.platform = "linux"};
    ck_assert_int_eq(import(&L.data, "root", &options, NULL), HF_ERR_USAGE);
    options = (struct hf_import_options){.platform = "a/b/c/d"};
    ck_assert_int_eq(import(&L.data, "root", &options, NULL), HF_ERR_USAGE);
    options = (struct hf_import_options){.message = "\xff"};
    ck_assert_int_eq(import(&L.data, "root", &options, NULL), HF_ERR_USAGE);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("import");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, tar_becomes_an_image_of_one_layer);
    tcase_add_test(tests, compressed_tar_is_stored_plain);
    tcase_add_test(tests, defaults_are_this_machine_and_the_source);
    tcase_add_test(tests, what_is_no_root_file_system_is_refused);
    tcase_add_test(tests, malformed_arguments_are_refused_before_reading);
    return hf_test_run("import", tests);
}
