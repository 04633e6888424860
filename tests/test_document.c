/*
 * Proves that documents of real tools are understood, that what is not of its form is refused with
 * the field's name, and that no small text becomes a large tree. Times and platforms as well.
 */
#include "oci/document.h"

#include "base/digest.h"
#include "base/error.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define A_HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B_HEX "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A     "sha256:" A_HEX
#define B     "sha256:" B_HEX

static int parse(const char *text, struct hf_document *out, struct hf_error *err)
{
    return hf_document_parse(text, strlen(text), out, err);
}

/* --- manifests and indexes -------------------------------------------------------------------- */

START_TEST(manifest_tells_config_layers_and_subject)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" HF_MEDIA_OCI_MANIFEST "\","
        "\"artifactType\":\"t\",\"config\":{\"mediaType\":\"c\",\"digest\":\"" A "\",\"size\":7},"
        "\"layers\":[{\"mediaType\":\"l\",\"digest\":\"" B "\",\"size\":8,"
        "\"urls\":[\"https://far/away\"]},{\"digest\":\"" B "\",\"size\":8}],"
        "\"subject\":{\"digest\":\"" A "\",\"size\":1},\"annotations\":{\"x\":\"y\"}}";
    struct hf_document document;
    char digest[HF_DIGEST_TEXT_MAX];

    ck_assert_int_eq(parse(text, &document, NULL), 0);
    ck_assert_int_eq(document.kind, HF_DOC_MANIFEST);
    ck_assert_str_eq(document.media_type, HF_MEDIA_OCI_MANIFEST);
    ck_assert_str_eq(document.artifact_type, "t");
    ck_assert_str_eq(hf_digest_text(&document.config.digest, digest), A);
    ck_assert_uint_eq(document.config.size_bytes, 7);
    ck_assert_uint_eq(document.item_count, 2);
    ck_assert_str_eq(document.items[0].media_type, "l");
    ck_assert_str_eq(document.items[0].url, "https://far/away");
    ck_assert_uint_eq(document.items[1].size_bytes, 8);
    ck_assert_str_eq(hf_digest_text(&document.subject.digest, digest), A);
    hf_document_release(&document);
    hf_document_release(&document);
}
END_TEST

START_TEST(index_tells_platforms_names_and_attestations)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"manifests\":["
        "{\"digest\":\"" A "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\","
        "\"variant\":\"v7\"},\"annotations\":{\"io.containerd.image.name\":\"docker.io/a/b:c\","
        "\"org.opencontainers.image.ref.name\":\"c\"}},"
        "{\"digest\":\"" B "\",\"size\":2,\"platform\":{\"os\":\"unknown\","
        "\"architecture\":\"unknown\"},\"annotations\":{\"vnd.docker.reference.type\":"
        "\"attestation-manifest\"}}]}";
    struct hf_document document;

    ck_assert_int_eq(parse(text, &document, NULL), 0);
    ck_assert_int_eq(document.kind, HF_DOC_INDEX);
    ck_assert_uint_eq(document.item_count, 2);
    ck_assert_str_eq(document.items[0].platform, "linux/arm/v7");
    ck_assert_str_eq(document.items[0].image_name, "docker.io/a/b:c");
    ck_assert_str_eq(document.items[0].ref_name, "c");
    ck_assert(!document.items[0].is_attestation);
    ck_assert_str_eq(document.items[1].platform, "unknown/unknown");
    ck_assert(document.items[1].is_attestation);
    hf_document_release(&document);
}
END_TEST

START_TEST(missing_and_null_fields_are_empty)
{
    static const char text[] = "{\"config\":{\"digest\":\"" A "\",\"size\":0},\"layers\":null,"
                               "\"mediaType\":null,\"subject\":null}";
    struct hf_document document;

    ck_assert_int_eq(parse(text, &document, NULL), 0);
    ck_assert_int_eq(document.kind, HF_DOC_MANIFEST);
    ck_assert_uint_eq(document.item_count, 0);
    ck_assert_str_eq(document.media_type, "");
    hf_document_release(&document);
    ck_assert_int_eq(parse("{\"manifests\":[]}", &document, NULL), 0);
    ck_assert_int_eq(document.kind, HF_DOC_INDEX);
    hf_document_release(&document);
}
END_TEST

START_TEST(other_json_is_unknown)
{
    static const char *const texts[] = {"{}", "[]", "1", "\"text\"", "{\"rootfs\":{}}"};
    struct hf_document document;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_int_eq(parse(texts[i], &document, NULL), 0);
        ck_assert_int_eq(document.kind, HF_DOC_UNKNOWN);
        hf_document_release(&document);
    }
}
END_TEST

static const struct {
    const char *text, *message;
} BAD[] = {
    {"", "it is not valid JSON"},
    {"{\"config\":", "it is not valid JSON"},
    {"{\"a\":1,\"a\":2}", "it is not valid JSON"},
    {"{\"config\":{}}", "config.digest is not a digest"},
    {"{\"config\":7}", "config is not a descriptor"},
    {"{\"layers\":[]}", "config is not a descriptor"},
    {"{\"config\":{\"digest\":\"" A "\"}}", "config.size is missing"},
    {"{\"config\":{\"digest\":\"" A "\",\"size\":-1}}", "config.size is not a size"},
    {"{\"config\":{\"digest\":\"" A "\",\"size\":1.5}}", "config.size is not a size"},
    {"{\"config\":{\"digest\":\"sha256:AA\",\"size\":1}}", "config.digest is not a digest"},
    {"{\"config\":{\"digest\":\"" A "\",\"size\":1},\"layers\":{}}", "layers is not a list"},
    {"{\"config\":{\"digest\":\"" A "\",\"size\":1},\"layers\":[1]}",
     "layers[0] is not a descriptor"},
    {"{\"manifests\":[{\"digest\":\"" A "\",\"size\":1},{\"digest\":1}]}",
     "manifests[1].digest is not a text"},
    {"{\"manifests\":[{\"digest\":\"" A "\",\"size\":1,\"platform\":[]}]}",
     "manifests[0].platform is not an object"},
    {"{\"manifests\":[{\"digest\":\"" A "\",\"size\":1,\"platform\":{\"os\":[]}}]}",
     "manifests[0].platform.os is not a text"},
    {"{\"schemaVersion\":1,\"config\":{}}", "schemaVersion is 1, not 2"},
    {"{\"manifests\":[],\"layers\":[]}", "it is both an index and a manifest"},
    {"{\"manifests\":[],\"mediaType\":\"" HF_MEDIA_OCI_MANIFEST "\"}",
     "it is both an index and a manifest"},
    {"{\"config\":{},\"mediaType\":\"" HF_MEDIA_DOCKER_LIST "\"}",
     "it is both an index and a manifest"},
};

START_TEST(malformed_document_is_refused_by_the_field)
{
    struct hf_document document = {.item_count = 77};
    struct hf_error err = {0};

    ck_assert_msg(parse(BAD[_i].text, &document, &err) == HF_ERR_INPUT, "%s", BAD[_i].text);
    ck_assert_msg(strncmp(err.message, BAD[_i].message, strlen(BAD[_i].message)) == 0,
                  "%s: \"%s\" instead of \"%s\"", BAD[_i].text, err.message, BAD[_i].message);
    ck_assert_uint_eq(document.item_count, 77);
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

static int parse_repeated(const char *head, const char *body, size_t count, const char *tail)
{
    struct hf_document document;
    struct hf_buf buf = {0};

    hf_buf_put_text(&buf, head);
    for (size_t i = 0; i < count; i++)
        hf_buf_put_text(&buf, body);
    hf_buf_put_text(&buf, tail);
    ck_assert_int_eq(hf_buf_check(&buf, NULL), 0);
    int rc = hf_document_parse(buf.data, buf.len, &document, NULL);
    if (rc == 0)
        hf_document_release(&document);
    hf_buf_release(&buf);
    return rc;
}

START_TEST(depth_is_measured_before_parsing)
{
    ck_assert_int_eq(parse_repeated("", "[", 1000000, ""), HF_ERR_LIMIT);
    ck_assert_int_eq(parse_repeated("", "{\"a\":", 65, ""), HF_ERR_LIMIT);
    ck_assert_int_eq(parse_repeated("[\"\\\"", "[", 1000, "\\\\\"]"), 0); /* within a string */
    ck_assert_int_eq(parse_repeated("[\"\\", "[", 1000, ""), HF_ERR_INPUT);
    ck_assert_int_eq(parse_repeated("[[]", ",[]", 1000, "]"), 0);
}
END_TEST

START_TEST(values_and_bytes_are_limited)
{
    ck_assert_int_eq(parse_repeated("[0", ",0", 3000000, "]"), HF_ERR_LIMIT);
    ck_assert_int_eq(parse_repeated("[0", ",0", 200000, "]"), 0);
    ck_assert_int_eq(parse_repeated("[", " ", HF_DOCUMENT_MAX - 2, "]"), 0);
    ck_assert_int_eq(parse_repeated("[", " ", HF_DOCUMENT_MAX - 1, "]"), HF_ERR_LIMIT);
}
END_TEST

START_TEST(layers_are_limited)
{
    static const char head[] = "{\"config\":{\"digest\":\"" A "\",\"size\":1},\"layers\":[{}";

    ck_assert_int_eq(parse_repeated(head, ",{}", HF_LAYERS_MAX, "]}"), HF_ERR_LIMIT);
    ck_assert_int_eq(parse_repeated(head, ",{}", HF_LAYERS_MAX - 1, "]}"), HF_ERR_INPUT);
}
END_TEST

/* --- configs ---------------------------------------------------------------------------------- */

START_TEST(config_tells_layers_history_and_labels)
{
    static const char text[] =
        "{\"created\":\"1970-01-01T00:00:02Z\",\"os\":\"linux\",\"architecture\":\"arm64\","
        "\"variant\":\"v8\",\"config\":{\"Labels\":{\"k\":\"v\"}},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" A "\",\"" A "\"]},"
        "\"history\":[{\"created_by\":\"RUN x\",\"comment\":\"c\"},{\"empty_layer\":true},7]}";
    struct hf_config config;

    ck_assert_int_eq(hf_config_parse(text, strlen(text), &config, NULL), 0);
    ck_assert(config.is_image);
    ck_assert_uint_eq(config.created_ns, 2000000000);
    ck_assert_str_eq(config.platform, "linux/arm64/v8");
    ck_assert_uint_eq(config.diff_id_count, 2);
    ck_assert_uint_eq(config.history_count, 3);
    ck_assert_str_eq(config.history[0].created_by, "RUN x");
    ck_assert_str_eq(config.history[0].comment, "c");
    ck_assert(config.history[1].empty_layer);
    ck_assert_str_eq(config.history[2].created, "");
    ck_assert_str_eq(hf_config_label(&config, "k"), "v");
    ck_assert_ptr_null(hf_config_label(&config, "other"));
    hf_config_release(&config);
    hf_config_release(&config);
}
END_TEST

START_TEST(config_of_an_artifact_is_no_image)
{
    static const char *const texts[] = {"{}", "[]", "{\"rootfs\":{}}", "{\"rootfs\":[]}", "\"x\""};
    struct hf_config config;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_int_eq(hf_config_parse(texts[i], strlen(texts[i]), &config, NULL), 0);
        ck_assert(!config.is_image);
        hf_config_release(&config);
    }
}
END_TEST

START_TEST(malformed_config_is_refused)
{
    static const char *const texts[] = {
        "",
        "{",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":7}}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:1\"]}}",
        "{\"rootfs\":{\"type\":\"layers\"},\"os\":7}",
        "{\"rootfs\":{\"type\":\"layers\"},\"created\":{}}",
    };
    struct hf_config config;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_int_eq(hf_config_parse(texts[i], strlen(texts[i]), &config, NULL), HF_ERR_INPUT);
}
END_TEST

/* --- docker's manifest.json ------------------------------------------------------------------- */

START_TEST(docker_manifest_tells_paths_tags_and_sources)
{
    static const char text[] =
        "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\",\"b:2\"],\"Layers\":[\"x/layer.tar\"],"
        "\"LayerSources\":{\"" A "\":{\"mediaType\":\"m\",\"urls\":[\"https://far\"]}}},"
        "{\"Config\":\"d.json\",\"RepoTags\":null,\"Layers\":null}]";
    struct hf_docker_manifest manifest;

    ck_assert_int_eq(hf_docker_manifest_parse(text, strlen(text), &manifest, NULL), 0);
    ck_assert_uint_eq(manifest.count, 2);
    ck_assert_str_eq(manifest.images[0].config, "c.json");
    ck_assert_uint_eq(manifest.images[0].repo_tag_count, 2);
    ck_assert_str_eq(manifest.images[0].repo_tags[1], "b:2");
    ck_assert_str_eq(manifest.images[0].layers[0], "x/layer.tar");
    ck_assert_str_eq(manifest.images[0].sources[0].url, "https://far");
    ck_assert_uint_eq(manifest.images[1].repo_tag_count, 0);
    ck_assert_uint_eq(manifest.images[1].layer_count, 0);
    hf_docker_manifest_release(&manifest);
    hf_docker_manifest_release(&manifest);
}
END_TEST

START_TEST(malformed_docker_manifest_is_refused)
{
    static const char *const texts[] = {
        "{}",
        "[7]",
        "[{}]",
        "[{\"Config\":\"\"}]",
        "[{\"Config\":7}]",
        "[{\"Config\":\"c\",\"RepoTags\":\"a:1\"}]",
        "[{\"Config\":\"c\",\"Layers\":[null]}]",
        "[{\"Config\":\"c\",\"LayerSources\":{\"x\":{}}}]",
    };
    struct hf_docker_manifest manifest;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_int_eq(hf_docker_manifest_parse(texts[i], strlen(texts[i]), &manifest, NULL),
                         HF_ERR_INPUT);
}
END_TEST

/* As docker 26.1 wrote it: the digest of a manifest that we make must be the one docker gives. */
START_TEST(made_manifest_is_what_docker_writes)
{
    static const char expected[] =
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
        "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" A
        "\",\"size\":1470},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
        "\"digest\":\"" B "\",\"size\":83901952},{\"mediaType\":"
        "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"" A "\",\"size\":1024}]}";
    struct hf_descriptor config = {.size_bytes = 1470};
    struct hf_descriptor layers[2] = {{.size_bytes = 83901952}, {.size_bytes = 1024}};
    struct hf_buf buf = {0};

    ck_assert_int_eq(hf_digest_parse(A, &config.digest, NULL), 0);
    ck_assert_int_eq(hf_digest_parse(B, &layers[0].digest, NULL), 0);
    layers[1].digest = config.digest;
    hf_manifest_encode_docker(&config, layers, 2, &buf);
    ck_assert_str_eq(hf_buf_text(&buf), expected);
    hf_buf_clear(&buf);
    hf_manifest_encode_docker(&config, NULL, 0, &buf);
    ck_assert_ptr_nonnull(strstr(hf_buf_text(&buf), ",\"layers\":[]}"));
    strcpy(layers[0].media_type, HF_MEDIA_OCI_LAYER);
    strcpy(layers[1].media_type, HF_MEDIA_OCI_LAYER);
    hf_buf_clear(&buf);
    hf_manifest_encode(&config, layers, 2, &buf);
    ck_assert_str_eq(hf_buf_text(&buf), expected);
    strcpy(layers[1].media_type, HF_MEDIA_OCI_LAYER_ZSTD);
    hf_buf_clear(&buf);
    hf_manifest_encode(&config, layers, 2, &buf);
    ck_assert_ptr_nonnull(strstr(hf_buf_text(&buf), "layer.v1.tar+zstd\",\"digest\":\"" A));
    hf_buf_release(&buf);
}
END_TEST

/* --- times and platforms ---------------------------------------------------------------------- */

START_TEST(times_are_read_and_written)
{
    static const struct {
        const char *text;
        uint64_t ns;
        const char *again;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
        {"2024-05-01T10:00:00.123456789Z", 1714557600123456789, "2024-05-01T10:00:00.123456789Z"},
        {"2024-05-01T10:00:00.120Z", 1714557600120000000, "2024-05-01T10:00:00.12Z"},
        {"2024-05-01T12:00:00+02:00", 1714557600000000000, "2024-05-01T10:00:00Z"},
        {"2024-05-01T04:30:00-05:30", 1714557600000000000, "2024-05-01T10:00:00Z"},
        {"2024-02-29T23:59:59Z", 1709251199000000000, "2024-02-29T23:59:59Z"},
        {"2000-03-01T00:00:00Z", 951868800000000000, "2000-03-01T00:00:00Z"},
        {"2100-12-31T00:00:00Z", 4133894400000000000, "2100-12-31T00:00:00Z"},
        {"1969-12-31T23:00:00-02:00", 3600000000000, "1970-01-01T01:00:00Z"},
    };
    char text[40];

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        ck_assert_uint_eq(hf_time_parse(times[i].text), times[i].ns);
        hf_time_text(times[i].ns, text);
        ck_assert_str_eq(text, times[i].again);
    }
    hf_time_text(UINT64_MAX, text);
    ck_assert_uint_eq(hf_time_parse(text), 0); /* the last second is cut off */
}
END_TEST

START_TEST(what_is_no_time_is_zero)
{
    static const char *const texts[] = {
        "",
        "now",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2024-13-01T00:00:00Z",
        "2024-05-01",
        "2024-05-01T10:00:00",
        "2024-05-01T10:00:00.Z",
        "2024-05-01T10:00:00Zx",
        "2024-05-01T25:00:00Z",
        "2024-05-01T10:00:00+9:00",
        "9999-12-31T23:59:59Z",
        "99999-12-31T23:59:59Z",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_uint_eq(hf_time_parse(texts[i]), 0);
}
END_TEST

START_TEST(platforms_match_as_in_containerd)
{
    ck_assert(hf_platform_matches("linux/amd64", "linux/amd64"));
    ck_assert(hf_platform_matches("linux/amd64", "amd64"));
    ck_assert(hf_platform_matches("linux/amd64", "x86_64"));
    ck_assert(hf_platform_matches("linux/amd64", "linux"));
    ck_assert(hf_platform_matches("linux/arm64/v8", "linux/arm64"));
    ck_assert(hf_platform_matches("linux/arm64", "linux/arm64/v8"));
    ck_assert(hf_platform_matches("linux/arm64/v8", "aarch64"));
    ck_assert(hf_platform_matches("linux/arm/v7", "linux/arm"));
    ck_assert(hf_platform_matches("linux/arm/v7", "armhf"));
    ck_assert(!hf_platform_matches("linux/arm/v6", "linux/arm/v7"));
    ck_assert(!hf_platform_matches("linux/arm64", "linux/arm"));
    ck_assert(!hf_platform_matches("windows/amd64", "linux/amd64"));
    ck_assert(!hf_platform_matches("windows/amd64", "amd64"));
    ck_assert(!hf_platform_matches("", "linux/amd64"));
    ck_assert(!hf_platform_matches("unknown/unknown", hf_platform_here()));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("document");

    tcase_set_timeout(tests, 120);

    tcase_add_test(tests, manifest_tells_config_layers_and_subject);
    tcase_add_test(tests, index_tells_platforms_names_and_attestations);
    tcase_add_test(tests, missing_and_null_fields_are_empty);
    tcase_add_test(tests, other_json_is_unknown);
    tcase_add_loop_test(tests, malformed_document_is_refused_by_the_field, 0,
                        sizeof(BAD) / sizeof(BAD[0]));
    tcase_add_test(tests, depth_is_measured_before_parsing);
    tcase_add_test(tests, values_and_bytes_are_limited);
    tcase_add_test(tests, layers_are_limited);
    tcase_add_test(tests, config_tells_layers_history_and_labels);
    tcase_add_test(tests, config_of_an_artifact_is_no_image);
    tcase_add_test(tests, malformed_config_is_refused);
    tcase_add_test(tests, docker_manifest_tells_paths_tags_and_sources);
    tcase_add_test(tests, malformed_docker_manifest_is_refused);
    tcase_add_test(tests, made_manifest_is_what_docker_writes);
    tcase_add_test(tests, times_are_read_and_written);
    tcase_add_test(tests, what_is_no_time_is_zero);
    tcase_add_test(tests, platforms_match_as_in_containerd);
    return hf_test_run("document", tests);
}
