/*
 * Proves what `images`, `inspect` and `history` show: order, patterns, filters, docker's JSON, and
 * that neither damage nor artifacts get in the way.
 */
#include "image/filter.h"

#include "base/buf.h"
#include "base/digest.h"
#include "oci/document.h"
#include "support/images.h"
#include "support/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hf_test_store t;
static struct hf_test_image app, web;

static void setup(void)
{
    hf_test_store_make(&t);
    hf_test_put_image(t.store,
                      &(struct hf_test_spec){.names = "app:1 app:2",
                                             .text = "app",
                                             .created = "2024-01-02T00:00:00Z",
                                             .config = "\"Labels\":{\"tier\":\"back\"}"},
                      &app);
    hf_test_put_image(
        t.store,
        &(struct hf_test_spec){.names = "localhost/web:1",
                               .text = "web",
                               .created = "2024-01-03T00:00:00Z",
                               .config = "\"Labels\":{\"tier\":\"front\",\"x\":\"\"}"},
        &web);
}

static void teardown(void)
{
    hf_test_store_remove(&t);
}

/* --- listing ---------------------------------------------------------------------------------- */

static int add_row(void *arg, const struct hf_image *image)
{
    struct hf_buf *text = arg;
    char shown[HF_REFERENCE_MAX];

    hf_buf_printf(text, "%s%s%s", text->len > 0 ? " " : "",
                  hf_reference_familiar(image->name, shown), image->damaged ? "(damaged)" : "");
    return 0;
}

static const char *list_with(const struct hf_list_options *options)
{
    static char rows[4096];
    struct hf_buf text = {0};
    struct hf_error err = {0};
    int rc = hf_image_list(t.store, options, add_row, &text, &err);

    ck_assert_msg(rc == 0, "cannot list: %s", err.message);
    snprintf(rows, sizeof(rows), "%s", hf_buf_text(&text));
    hf_buf_release(&text);
    return rows;
}

static const char *list(const char *pattern)
{
    return list_with(&(struct hf_list_options){.pattern = pattern});
}

static const char *filter(const char *first, const char *second)
{
    const char *filters[] = {first, second};

    return list_with(&(struct hf_list_options){.filters = filters, .filter_count = second ? 2 : 1});
}

static int filter_fails(const char *text)
{
    const struct hf_list_options options = {.filters = &text, .filter_count = 1};
    struct hf_buf rows = {0};
    int rc = hf_image_list(t.store, &options, add_row, &rows, NULL);

    hf_buf_release(&rows);
    return rc;
}

START_TEST(newest_image_comes_first_and_ties_go_by_name)
{
    ck_assert_str_eq(list(NULL), "localhost/web:1 app:1 app:2");
    ck_assert_str_eq(list_with(NULL), "localhost/web:1 app:1 app:2");
}
END_TEST

START_TEST(pattern_is_a_repository_a_name_or_a_glob)
{
    ck_assert_str_eq(list("app"), "app:1 app:2");
    ck_assert_str_eq(list("app:2"), "app:2");
    ck_assert_str_eq(list("docker.io/library/app"), "app:1 app:2");
    ck_assert_str_eq(list("a*"), "app:1 app:2");
    ck_assert_str_eq(list("*:1"), "localhost/web:1 app:1");
    ck_assert_str_eq(list("web"), "localhost/web:1");
    ck_assert_str_eq(list("localhost/*"), "localhost/web:1");
    ck_assert_str_eq(list("ap"), "");
}
END_TEST

START_TEST(pattern_that_fits_no_name_may_be_an_id)
{
    char hex[HF_DIGEST_TEXT_MAX];

    hf_digest_hex(&app.id, hex);
    hex[12] = '\0';
    ck_assert_str_eq(list(hex), "app:1 app:2");
}
END_TEST

START_TEST(digest_names_are_rows_like_others)
{
    char name[HF_REFERENCE_MAX], text[HF_DIGEST_TEXT_MAX];
    char repository[HF_REFERENCE_MAX], tag[HF_REFERENCE_MAX];

    snprintf(name, sizeof(name), "app@%s", hf_digest_text(&app.manifest, text));
    hf_test_point(t.store, name, &app.manifest);
    ck_assert_ptr_nonnull(strstr(list("app"), name));
    hf_reference_columns(name, repository, tag);
    ck_assert_str_eq(repository, "app");
    ck_assert_int_eq(tag[0], '@');
    ck_assert_uint_eq(strlen(tag), 13);
}
END_TEST

START_TEST(no_image_dangles)
{
    ck_assert_str_eq(filter("dangling=true", NULL), "");
    ck_assert_str_eq(filter("dangling=false", NULL), list(NULL));
    ck_assert_int_eq(filter_fails("dangling=maybe"), HF_ERR_USAGE);
}
END_TEST

START_TEST(filter_reference_takes_several)
{
    ck_assert_str_eq(filter("reference=app:1", NULL), "app:1");
    ck_assert_str_eq(filter("reference=app:1", "reference=*web"), "localhost/web:1 app:1");
}
END_TEST

START_TEST(filters_before_and_since_compare_times)
{
    ck_assert_str_eq(filter("before=web:1", NULL), "app:1 app:2");
    ck_assert_str_eq(filter("since=app:1", NULL), "localhost/web:1");
    ck_assert_str_eq(filter("since=web:1", NULL), "");
    ck_assert_int_eq(filter_fails("before=missing"), HF_ERR_NOT_FOUND);
}
END_TEST

START_TEST(filter_until_takes_a_moment)
{
    ck_assert_str_eq(filter("until=2024-01-02T12:00:00Z", NULL), "app:1 app:2");
    ck_assert_str_eq(filter("until=1h", NULL), list(NULL));
    ck_assert_int_eq(filter_fails("until=soon"), HF_ERR_USAGE);
}
END_TEST

START_TEST(filter_label_reads_configs)
{
    ck_assert_str_eq(filter("label=tier", NULL), list(NULL));
    ck_assert_str_eq(filter("label=tier=back", NULL), "app:1 app:2");
    ck_assert_str_eq(filter("label=tier=front", "label=x"), "localhost/web:1");
    ck_assert_str_eq(filter("label=x=", NULL), "localhost/web:1");
    ck_assert_str_eq(filter("label!=x", NULL), "app:1 app:2");
    ck_assert_str_eq(filter("label=other", NULL), "");
}
END_TEST

START_TEST(unknown_filter_is_refused)
{
    ck_assert_int_eq(filter_fails("size=1"), HF_ERR_USAGE);
    ck_assert_int_eq(filter_fails("label"), HF_ERR_USAGE);
}
END_TEST

START_TEST(damaged_image_is_listed_and_stops_nothing)
{
    char path[512], hex[HF_DIGEST_TEXT_MAX];

    hf_test_set_damaged(t.store, &web.id);
    snprintf(path, sizeof(path), "%s/blobs/sha256/%s", t.root, hf_digest_hex(&web.id, hex));
    ck_assert_int_eq(remove(path), 0);
    ck_assert_str_eq(list(NULL), "localhost/web:1(damaged) app:1 app:2");
    ck_assert_str_eq(filter("label=tier", NULL), "app:1 app:2");
}
END_TEST

START_TEST(artifacts_are_not_listed)
{
    struct hf_digest artifact;

    hf_test_put_artifact(t.store, "chart:1", NULL, &artifact);
    hf_test_put_artifact(t.store, NULL, &app.manifest, &artifact);
    ck_assert_str_eq(list(NULL), "localhost/web:1 app:1 app:2");
}
END_TEST

START_TEST(index_is_one_row)
{
    const struct hf_test_spec specs[] = {
        {.text = "i", .created = "2025-01-01T00:00:00Z"},
        {.text = "s", .platform = "linux/s390x", .created = "2026-01-01T00:00:00Z"}};
    struct hf_test_image images[2];
    struct hf_digest index;

    hf_test_put_index(t.store, "multi:1", specs, 2, true, &index, images);
    ck_assert_str_eq(list(NULL), "multi:1 localhost/web:1 app:1 app:2");
}
END_TEST

static int stop(void *arg, const struct hf_image *image)
{
    ++*(int *)arg;
    return 42;
}

START_TEST(listing_ends_when_its_caller_wants)
{
    int calls = 0;

    ck_assert_int_eq(hf_image_list(t.store, NULL, stop, &calls, NULL), 42);
    ck_assert_int_eq(calls, 1);
}
END_TEST

/* --- moments ---------------------------------------------------------------------------------- */

START_TEST(moment_is_a_duration_a_date_or_seconds)
{
    const uint64_t second = 1000000000u, now = 1700000000u * second;
    static const struct {
        const char *text;
        uint64_t ago_s;
    } durations[] = {{"10s", 10},    {"1m", 60},     {"1h30m", 5400},
                     {"1.5h", 5400}, {"2d", 172800}, {"1000ms", 1}};
    uint64_t found;

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        ck_assert_int_eq(hf_moment_parse(durations[i].text, now, &found, NULL), 0);
        ck_assert_uint_eq(found, now - durations[i].ago_s * second);
    }
    ck_assert_int_eq(hf_moment_parse("2023-11-14T22:13:20Z", 0, &found, NULL), 0);
    ck_assert_uint_eq(found, now);
    ck_assert_int_eq(hf_moment_parse("1700000000", 0, &found, NULL), 0);
    ck_assert_uint_eq(found, now);
    setenv("TZ", "UTC", 1);
    ck_assert_int_eq(hf_moment_parse("2023-11-14", 0, &found, NULL), 0);
    ck_assert_uint_eq(found, (1700000000u - 80000u) * second);
}
END_TEST

START_TEST(malformed_moments_are_refused)
{
    static const char *const texts[] = {
        "",    "h",    "1x",         "-1h",         "1h-",
        "inf", "0x10", "2023-13-01", "2023-11-14T", "99999999999999999999999999"};
    uint64_t found;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(hf_moment_parse(texts[i], 0, &found, NULL) == HF_ERR_USAGE, "%s", texts[i]);
}
END_TEST

START_TEST(duration_longer_than_time_itself_is_its_beginning)
{
    uint64_t found;

    ck_assert_int_eq(hf_moment_parse("99999999h", 5, &found, NULL), 0);
    ck_assert_uint_eq(found, 0);
}
END_TEST

/* --- inspect ---------------------------------------------------------------------------------- */

static json_t *inspect(const char *reference)
{
    struct hf_error err = {0};
    char *text = NULL;
    int rc = hf_image_inspect(t.store, reference, NULL, &text, &err);

    ck_assert_msg(rc == 0, "cannot inspect %s: %s", reference, err.message);
    json_t *document = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(document);
    ck_assert_ptr_nonnull(strstr(text, "\n    \"Id\": \""));
    free(text);
    return document;
}

static void require_json(const json_t *document, const char *key, const char *expected)
{
    char *text = json_dumps(json_object_get(document, key), JSON_COMPACT | JSON_ENCODE_ANY);

    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(inspect_has_dockers_fields_in_its_order)
{
    static const char *const keys[] = {
        "Id",     "RepoTags", "RepoDigests",  "Parent", "Comment", "Created",     "DockerVersion",
        "Author", "Config",   "Architecture", "Os",     "Size",    "VirtualSize", "GraphDriver",
        "RootFS", "Metadata", "Descriptor",
    };
    json_t *document = inspect("app:2");
    const char *key;
    json_t *value;
    size_t i = 0;

    json_object_foreach(document, key, value)
    {
        ck_assert_uint_lt(i, sizeof(keys) / sizeof(keys[0]));
        ck_assert_str_eq(key, keys[i++]);
    }
    ck_assert_uint_eq(i, sizeof(keys) / sizeof(keys[0]));
    require_json(document, "RepoTags", "[\"app:1\",\"app:2\"]");
    require_json(document, "Created", "\"2024-01-02T00:00:00Z\"");
    require_json(document, "Size", "16");
    json_decref(document);
}
END_TEST

START_TEST(inspect_tells_the_digest_of_each_repository_once)
{
    char text[HF_DIGEST_TEXT_MAX], expected[HF_REFERENCE_MAX];
    json_t *document = inspect("app:1");

    snprintf(expected, sizeof(expected), "[\"app@%s\"]", hf_digest_text(&app.manifest, text));
    require_json(document, "RepoDigests", expected);
    json_decref(document);
}
END_TEST

START_TEST(inspect_shows_the_configs_own_fields_and_those_docker_adds)
{
    json_t *document = inspect("web:1");
    const json_t *config = json_object_get(document, "Config");

    require_json(config, "Labels", "{\"tier\":\"front\",\"x\":\"\"}");
    require_json(config, "User", "\"\"");
    require_json(config, "Cmd", "null");
    require_json(config, "Tty", "false");
    ck_assert_ptr_null(json_object_get(config, "Healthcheck"));
    json_decref(document);
}
END_TEST

START_TEST(inspect_keeps_fields_it_does_not_know)
{
    hf_test_put_image(
        t.store, &(struct hf_test_spec){.names = "odd:1", .config = "\"New\":{\"a\":[1]}"}, NULL);
    json_t *document = inspect("odd:1");

    require_json(json_object_get(document, "Config"), "New", "{\"a\":[1]}");
    json_decref(document);
}
END_TEST

START_TEST(inspect_of_an_index_shows_its_image_and_names)
{
    const struct hf_test_spec spec = {.text = "i"};
    struct hf_test_image image;
    struct hf_digest index;
    char text[HF_DIGEST_TEXT_MAX], expected[HF_REFERENCE_MAX];

    hf_test_put_index(t.store, "multi:1", &spec, 1, true, &index, &image);
    json_t *document = inspect("multi:1");
    require_json(document, "RepoTags", "[\"multi:1\"]");
    snprintf(expected, sizeof(expected), "\"%s\"", hf_digest_text(&image.id, text));
    require_json(document, "Id", expected);
    snprintf(expected, sizeof(expected), "\"%s\"", hf_digest_text(&index, text));
    require_json(json_object_get(document, "Descriptor"), "digest", expected);
    json_decref(document);
}
END_TEST

/* --- history ---------------------------------------------------------------------------------- */

static int add_step(void *arg, const struct hf_history_row *row)
{
    hf_buf_printf(arg, "%s|%llu|%s%s\n", row->created_by, (unsigned long long)row->size_bytes,
                  row->empty_layer ? "empty" : "layer", hf_digest_is_set(&row->id) ? "|id" : "");
    return 0;
}

static const char *history(const char *reference)
{
    static char rows[4096];
    struct hf_buf text = {0};

    ck_assert_int_eq(hf_image_history(t.store, reference, NULL, add_step, &text, NULL), 0);
    snprintf(rows, sizeof(rows), "%s", hf_buf_text(&text));
    hf_buf_release(&text);
    return rows;
}

START_TEST(history_gives_sizes_to_the_steps_that_made_layers)
{
    hf_test_put_image(t.store,
                      &(struct hf_test_spec){.names = "h:1",
                                             .text = "h",
                                             .base = "12345",
                                             .is_gzip = true,
                                             .history =
                                                 "[{\"created_by\":\"ADD\"},"
                                                 "{\"created_by\":\"ENV\",\"empty_layer\":true},"
                                                 "{\"created_by\":\"RUN\"}]"},
                      NULL);
    ck_assert_str_eq(history("h:1"), "RUN|14|layer|id\nENV|0|empty\nADD|5|layer\n");
}
END_TEST

START_TEST(history_that_is_absent_shows_the_layers)
{
    hf_test_put_image(t.store, &(struct hf_test_spec){.names = "h:1", .text = "h", .base = "12345"},
                      NULL);
    ck_assert_str_eq(history("h:1"), "|14|layer|id\n|5|layer\n");
}
END_TEST

START_TEST(history_that_tells_other_layers_is_shown_without_sizes)
{
    hf_test_put_image(
        t.store,
        &(struct hf_test_spec){
            .names = "h:1", .text = "h", .base = "12345", .history = "[{\"created_by\":\"ADD\"}]"},
        NULL);
    ck_assert_str_eq(history("h:1"), "|14|layer|id\n|5|layer\nADD|0|empty\n");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("list");

    tcase_set_timeout(tests, 60); /* every change waits for the disk */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, newest_image_comes_first_and_ties_go_by_name);
    tcase_add_test(tests, pattern_is_a_repository_a_name_or_a_glob);
    tcase_add_test(tests, pattern_that_fits_no_name_may_be_an_id);
    tcase_add_test(tests, digest_names_are_rows_like_others);
    tcase_add_test(tests, no_image_dangles);
    tcase_add_test(tests, filter_reference_takes_several);
    tcase_add_test(tests, filters_before_and_since_compare_times);
    tcase_add_test(tests, filter_until_takes_a_moment);
    tcase_add_test(tests, filter_label_reads_configs);
    tcase_add_test(tests, unknown_filter_is_refused);
    tcase_add_test(tests, damaged_image_is_listed_and_stops_nothing);
    tcase_add_test(tests, artifacts_are_not_listed);
    tcase_add_test(tests, index_is_one_row);
    tcase_add_test(tests, listing_ends_when_its_caller_wants);
    tcase_add_test(tests, moment_is_a_duration_a_date_or_seconds);
    tcase_add_test(tests, malformed_moments_are_refused);
    tcase_add_test(tests, duration_longer_than_time_itself_is_its_beginning);
    tcase_add_test(tests, inspect_has_dockers_fields_in_its_order);
    tcase_add_test(tests, inspect_tells_the_digest_of_each_repository_once);
    tcase_add_test(tests, inspect_shows_the_configs_own_fields_and_those_docker_adds);
    tcase_add_test(tests, inspect_keeps_fields_it_does_not_know);
    tcase_add_test(tests, inspect_of_an_index_shows_its_image_and_names);
    tcase_add_test(tests, history_gives_sizes_to_the_steps_that_made_layers);
    tcase_add_test(tests, history_that_is_absent_shows_the_layers);
    tcase_add_test(tests, history_that_tells_other_layers_is_shown_without_sizes);
    return hf_test_run("list", tests);
}
