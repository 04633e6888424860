/*
 * Proves that names are read and written as docker does: the full form of every way to write one,
 * what is refused, and that a full form is its own full form.
 */
#include <holdfast/image.h>

#include "oci/reference.h"

#include "support/suite.h"

#include <string.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *text, *full, *shown;
} GOOD[] = {
    {"app", "docker.io/library/app:latest", "app:latest"},
    {"app:1", "docker.io/library/app:1", "app:1"},
    {"me/app", "docker.io/me/app:latest", "me/app:latest"},
    {"docker.io/app", "docker.io/library/app:latest", "app:latest"},
    {"index.docker.io/app:2", "docker.io/library/app:2", "app:2"},
    {"index.docker.io/me/app", "docker.io/me/app:latest", "me/app:latest"},
    {"docker.io/library/app", "docker.io/library/app:latest", "app:latest"},
    {"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
    {"localhost/app:1", "localhost/app:1", "localhost/app:1"},
    {"localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"},
    {"host:5000/a/b:t", "host:5000/a/b:t", "host:5000/a/b:t"},
    {"127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest"},
    {"[2001:db8::1]:5000/a", "[2001:db8::1]:5000/a:latest", "[2001:db8::1]:5000/a:latest"},
    {"[::1]/a:1", "[::1]/a:1", "[::1]/a:1"},
    {"Host/app", "Host/app:latest", "Host/app:latest"},
    {"quay.io/a-b/c__d/e.f:V_1.2-3", "quay.io/a-b/c__d/e.f:V_1.2-3",
     "quay.io/a-b/c__d/e.f:V_1.2-3"},
    {"a---b", "docker.io/library/a---b:latest", "a---b:latest"},
    {"app@sha256:" HEX64, "docker.io/library/app@sha256:" HEX64, "app@sha256:" HEX64},
    {"app:1@sha256:" HEX64, "docker.io/library/app@sha256:" HEX64, "app@sha256:" HEX64},
    {"h:1/app@sha256:" HEX64, "h:1/app@sha256:" HEX64, "h:1/app@sha256:" HEX64},
    {"app:" HEX64, "docker.io/library/app:" HEX64, "app:" HEX64},
};

static const char *const BAD[] = {
    "",
    "App",
    "me/App:1",
    "docker.io/App",
    HEX64,
    "app:",
    "app@",
    "app:-x",
    "app:.x",
    "app:a b",
    "app:a/b",
    ":1",
    "@sha256:" HEX64,
    "-app",
    "app-",
    "app.",
    "a..b",
    "a___b",
    "a._b",
    "/app",
    "app/",
    "a//b",
    "docker.io/",
    "docker.io//a",
    "https://github.com/a/b",
    "host:port/a",
    "host:/a",
    "-host.io/a",
    "host-.io/a",
    ".io/a",
    "host./a",
    "ho_st.io/a",
    "[::1/a",
    "[]/a",
    "[::1]x/a",
    "app@sha256:0123",
    "app@md5:" HEX64,
    "app@sha256:" HEX64 "0",
    "app@sha256:" HEX64 "@sha256:" HEX64,
    "app\n",
    "äpp",
    "<none>:<none>",
    "app:<none>",
};

START_TEST(full_form_is_what_docker_makes_of_it)
{
    char full[HF_REFERENCE_MAX], shown[HF_REFERENCE_MAX];
    struct hf_error err = {0};
    const char *text = GOOD[_i].text;

    ck_assert_msg(hf_reference_normalize(text, full, &err) == 0, "%s: %s", text, err.message);
    ck_assert_str_eq(full, GOOD[_i].full);
    ck_assert_str_eq(hf_reference_familiar(full, shown), GOOD[_i].shown);
    ck_assert_int_eq(hf_reference_normalize(full, shown, NULL), 0);
    ck_assert_str_eq(shown, full);
}
END_TEST

START_TEST(malformed_name_is_refused_and_output_untouched)
{
    char full[HF_REFERENCE_MAX] = "untouched";
    struct hf_error err = {0};

    ck_assert_msg(hf_reference_normalize(BAD[_i], full, &err) == HF_ERR_USAGE, "\"%s\" gave %s",
                  BAD[_i], full);
    ck_assert_int_eq(err.code, HF_ERR_USAGE);
    ck_assert_str_eq(full, "untouched");
}
END_TEST

START_TEST(lengths_end_where_docker_ends_them)
{
    char text[1024], full[HF_REFERENCE_MAX];

    memset(text, 'a', sizeof(text));
    text[247] = '\0'; /* and "library/" */
    ck_assert_int_eq(hf_reference_normalize(text, full, NULL), 0);
    text[247] = 'a';
    text[248] = '\0';
    ck_assert_int_eq(hf_reference_normalize(text, full, NULL), HF_ERR_USAGE);

    memset(text, 'a', sizeof(text));
    memcpy(text, "x:", 2);
    text[2 + 128] = '\0';
    ck_assert_int_eq(hf_reference_normalize(text, full, NULL), 0);
    text[2 + 128] = 'a';
    text[2 + 129] = '\0';
    ck_assert_int_eq(hf_reference_normalize(text, full, NULL), HF_ERR_USAGE);

    memset(text, 'a', sizeof(text));
    memcpy(text + 600, ".io/x", 6);
    ck_assert_int_eq(hf_reference_normalize(text, full, NULL), HF_ERR_USAGE);
}
END_TEST

START_TEST(columns_split_repository_and_tag)
{
    static const struct {
        const char *full, *repository, *tag;
    } rows[] = {
        {"docker.io/library/app:1", "app", "1"},
        {"app:1", "app", "1"},
        {"docker.io/me/app:1", "me/app", "1"},
        {"localhost:5000/a/b:t", "localhost:5000/a/b", "t"},
        {"docker.io/library/app@sha256:" HEX64, "app", "@0123456789ab"},
        {"h:5/a@sha256:" HEX64, "h:5/a", "@0123456789ab"},
    };
    char repository[HF_REFERENCE_MAX], tag[HF_REFERENCE_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hf_reference_columns(rows[i].full, repository, tag);
        ck_assert_str_eq(repository, rows[i].repository);
        ck_assert_str_eq(tag, rows[i].tag);
    }
}
END_TEST

START_TEST(bare_repositories_get_tag_or_digest)
{
    char out[HF_REFERENCE_MAX];
    struct hf_digest digest;

    ck_assert(hf_reference_is_bare("app"));
    ck_assert(hf_reference_is_bare("host:5000/app"));
    ck_assert(!hf_reference_is_bare("app:1"));
    ck_assert(!hf_reference_is_bare("host:5000/app:1"));
    ck_assert(!hf_reference_is_bare("app@sha256:" HEX64));
    ck_assert_int_eq(hf_reference_with_tag("h:5/app", "v1", out, NULL), 0);
    ck_assert_str_eq(out, "h:5/app:v1");
    ck_assert_int_eq(hf_reference_with_tag("app", "v1/x", out, NULL), HF_ERR_USAGE);
    ck_assert_int_eq(hf_digest_parse("sha256:" HEX64, &digest, NULL), 0);
    ck_assert_int_eq(hf_reference_with_digest("h:5/app:1", &digest, out, NULL), 0);
    ck_assert_str_eq(out, "h:5/app@sha256:" HEX64);
    ck_assert(hf_reference_is_digest(out));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("reference");

    tcase_set_timeout(tests, 120);

    tcase_add_loop_test(tests, full_form_is_what_docker_makes_of_it, 0,
                        sizeof(GOOD) / sizeof(GOOD[0]));
    tcase_add_loop_test(tests, malformed_name_is_refused_and_output_untouched, 0,
                        sizeof(BAD) / sizeof(BAD[0]));
    tcase_add_test(tests, lengths_end_where_docker_ends_them);
    tcase_add_test(tests, columns_split_repository_and_tag);
    tcase_add_test(tests, bare_repositories_get_tag_or_digest);
    return hf_test_run("reference", tests);
}
