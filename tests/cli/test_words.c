/*
 * Proves that sizes, ages, tables and templates read as docker's do, and that nothing which comes
 * from an image commands a terminal.
 */
#include "cli.h"
#include "format.h"
#include "print.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

START_TEST(sizes_have_three_digits_and_decimal_units)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0B"},
        {1, "1B"},
        {999, "999B"},
        {1000, "1kB"},
        {1024, "1.02kB"},
        {4261550, "4.26MB"},
        {123456789, "123MB"},
        {999499, "999kB"},
        {999500, "1MB"},
        {999999, "1MB"},
        {2000000000ull, "2GB"},
        {1500000000000ull, "1.5TB"},
        {UINT64_MAX, "18.4EB"},
    };
    char text[CLI_TEXT_MAX];

    for (size_t i = 0; i < CLI_COUNT(rows); i++)
        ck_assert_str_eq(cli_size_text(rows[i].bytes, text), rows[i].text);
}
END_TEST

START_TEST(durations_are_docker_s_words)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } rows[] = {
        {0, "Less than a second"},  {1, "1 second"},          {59, "59 seconds"},
        {60, "About a minute"},     {119, "About a minute"},  {120, "2 minutes"},
        {3599, "59 minutes"},       {3600, "About an hour"},  {5400, "2 hours"},
        {47 * 3600, "47 hours"},    {48 * 3600, "2 days"},    {13 * 86400, "13 days"},
        {14 * 86400, "2 weeks"},    {59 * 86400, "8 weeks"},  {60 * 86400, "2 months"},
        {729 * 86400, "24 months"}, {730 * 86400, "2 years"},
    };
    char text[CLI_TEXT_MAX];

    for (size_t i = 0; i < CLI_COUNT(rows); i++)
        ck_assert_str_eq(cli_duration_text(rows[i].seconds, text), rows[i].text);
}
END_TEST

START_TEST(times_that_are_unknown_or_to_come_are_said_plainly)
{
    char text[CLI_TEXT_MAX];

    ck_assert_str_eq(cli_ago_text(0, text), "N/A");
    ck_assert_str_eq(cli_local_time_text(0, text), "N/A");
    ck_assert_str_eq(cli_time_text(0, text), "");
    ck_assert_str_eq(cli_ago_text(cli_now_ns() + 3600000000000ull, text), "Less than a second ago");
    ck_assert_str_eq(cli_time_ms_text(1700000000123456789ull, text), "2023-11-14T22:13:20.123Z");
}
END_TEST

START_TEST(durations_of_options_are_parsed_or_refused)
{
    static const char *const wrong[] = {
        "", "1", "s", "1y", "-1s", "1 s", "1s ", "0s", "99999999999999999999s", "9999w9999999999w"};
    uint64_t seconds;

    ck_assert(cli_parse_duration("90s", &seconds) && seconds == 90);
    ck_assert(cli_parse_duration("1h30m", &seconds) && seconds == 5400);
    ck_assert(cli_parse_duration("2w1d", &seconds) && seconds == 15 * 86400);
    for (size_t i = 0; i < CLI_COUNT(wrong); i++)
        ck_assert_msg(!cli_parse_duration(wrong[i], &seconds), "%s", wrong[i]);
}
END_TEST

START_TEST(what_commands_a_terminal_is_made_visible)
{
    static const struct {
        const char *text;
        const char *safe;
    } rows[] = {
        {"plain äöü €", "plain äöü €"},
        {"\x1b[31m", "\\x1b[31m"},
        {"a\tb\nc\rd\x7f", "a\\x09b\\x0ac\\x0dd\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"},                        /* CSI as one control character */
        {"\xff\xfe", "\\xff\\xfe"},               /* no UTF-8 */
        {"\xc0\xaf", "\\xc0\\xaf"},               /* overlong */
        {"\xe2\x82", "\\xe2\\x82"},               /* cut */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},      /* a surrogate */
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}, /* beyond the first plane */
    };

    for (size_t i = 0; i < CLI_COUNT(rows); i++) {
        struct hf_buf out = {0};
        cli_put_safe(&out, rows[i].text);
        ck_assert_str_eq(hf_buf_text(&out), rows[i].safe);
        hf_buf_release(&out);
    }
}
END_TEST

START_TEST(tables_have_docker_s_widths)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);

    cli_print_table(file, "TAG\tIMAGE ID\tSIZE\n1\t0123456789ab\t1kB\nälter\tx\t\n");
    fclose(file);
    ck_assert_str_eq(text, "TAG       IMAGE ID       SIZE\n"
                           "1         0123456789ab   1kB\n"
                           "älter     x              \n");
    free(text);
}
END_TEST

/* Render for a document that has a bit of everything; the result is the caller's. */
static char *render(const char *template, bool raw, struct hf_error *err)
{
    const struct cli_template_options options = {.raw = raw};
    struct hf_buf out = {0};
    json_t *dot =
        json_loads("{\"A\": {\"B\": \"x\", \"C\": [1, true, null, \"y\"]}, \"S\": \"s\","
                   " \"E\": \"\\u001b\\n\", \"N\": null, \"L\": [\"a\", \"b\"], \"F\": []}",
                   0, NULL);
    int code = cli_template_render(template, dot, &options, &out, err);

    json_decref(dot);
    if (code != 0) {
        hf_buf_release(&out);
        return NULL;
    }
    hf_buf_text(&out);
    return hf_buf_detach(&out);
}

START_TEST(templates_do_what_go_s_do)
{
    static const struct {
        const char *template;
        const char *text;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"a{{.S}}b", "asb"},
        {"{{ .A.B }}", "x"},
        {"{{.A.None.Deeper}}", "<no value>"},
        {"{{.A}}", "map[B:x C:[1 true [] y]]"},
        {"{{.N}}", "[]"},
        {"{{json .A}}", "{\"B\":\"x\",\"C\":[1,true,null,\"y\"]}"},
        {"{{json .S}}", "\"s\""},
        {"{{.S | json}}", "\"s\""},
        {"{{.L | len}}", "2"},
        {"{{join .L \", \"}}", "a, b"},
        {"{{index .L 1}}{{index .A \"B\"}}", "bx"},
        {"{{index .L 7}}", "<no value>"},
        {"{{upper .S}}{{lower \"ÄX\"}}", "SÄx"},
        {"{{range .L}}<{{.}}>{{end}}", "<a><b>"},
        {"{{range .F}}x{{else}}none{{end}}", "none"},
        {"{{range .L}}{{range .}}x{{end}}-{{end}}", "--"},
        {"{{if .F}}yes{{else}}no{{end}}", "no"},
        {"{{if .L}}{{if .S}}both{{end}}{{end}}", "both"},
        {"{{if .F}}{{.A.B}}{{nothing}}{{end}}", NULL},
        {"x  {{- .S -}}  y", "xsy"},
        {"{{println .S}}", "s\n"},
        {"{{\"a\\tb\" | json}}", "\"a\\tb\""},
        {"{{.E}}", "\\x1b\\x0a"},
    };

    for (size_t i = 0; i < CLI_COUNT(rows); i++) {
        struct hf_error err = {0};
        char *text = render(rows[i].template, false, &err);
        if (rows[i].text)
            ck_assert_msg(text && strcmp(text, rows[i].text) == 0, "%s: %s%s", rows[i].template,
                          text ? text : "", err.message);
        else
            ck_assert_int_eq(err.code, HF_ERR_USAGE);
        free(text);
    }
}
END_TEST

START_TEST(templates_that_are_raw_give_the_very_bytes)
{
    struct hf_error err = {0};
    char *text = render("{{.E}}", true, &err);

    ck_assert_str_eq(text, "\x1b\n");
    free(text);
}
END_TEST

START_TEST(templates_that_are_wrong_say_what_is_wrong)
{
    static const struct {
        const char *template;
        const char *part; /* of the sentence */
    } rows[] = {
        {"{{.Nothing}}", "there is no field .Nothing; there are: A E F L N S"},
        {"{{", "missing"},
        {"{{.S", "'}}' is missing"},
        {"{{.S}", "is missing"},
        {"{{}}", "takes 1 argument"},
        {"{{.A.}}", "name is missing"},
        {"{{nothing .S}}", "there is no 'nothing'"},
        {"{{json}}", "takes 1 argument"},
        {"{{json .S .S}}", "takes 1 argument"},
        {"{{$x := .S}}", "missing"},
        {"{{\"open}}", "does not end"},
        {"{{end}}", "without"},
        {"{{else}}", "without"},
        {"{{if .S}}", "{{end}} is missing"},
        {"{{if .S}}{{else}}{{else}}{{end}}", "second"},
        {"{{if}}{{end}}", "takes 1 argument"},
        {"{{.S .S .S .S .S .S .S .S .S .S}}", ""},
    };

    for (size_t i = 0; i < CLI_COUNT(rows); i++) {
        struct hf_error err = {0};
        ck_assert_ptr_null(render(rows[i].template, false, &err));
        ck_assert_int_eq(err.code, HF_ERR_USAGE);
        ck_assert_msg(strstr(err.message, rows[i].part) != NULL, "%s: %s", rows[i].template,
                      err.message);
    }
}
END_TEST

START_TEST(templates_have_a_bound_on_their_depth)
{
    struct hf_error err = {0};
    char template[64 * 16 + 1] = "";

    for (size_t i = 0; i < 64; i++)
        strcat(template, "{{if .S}}");
    ck_assert_ptr_null(render(template, false, &err));
    ck_assert_msg(strstr(err.message, "too deep") != NULL, "%s", err.message);
}
END_TEST

START_TEST(escapes_of_formats_are_tabs_and_newlines)
{
    char *text = cli_template_unescape("a\\tb\\nc\\\\d\\");

    ck_assert_str_eq(text, "a\tb\nc\\\\d\\");
    free(text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("words");

    tcase_add_test(tests, sizes_have_three_digits_and_decimal_units);
    tcase_add_test(tests, durations_are_docker_s_words);
    tcase_add_test(tests, times_that_are_unknown_or_to_come_are_said_plainly);
    tcase_add_test(tests, durations_of_options_are_parsed_or_refused);
    tcase_add_test(tests, what_commands_a_terminal_is_made_visible);
    tcase_add_test(tests, tables_have_docker_s_widths);
    tcase_add_test(tests, templates_do_what_go_s_do);
    tcase_add_test(tests, templates_that_are_raw_give_the_very_bytes);
    tcase_add_test(tests, templates_that_are_wrong_say_what_is_wrong);
    tcase_add_test(tests, templates_have_a_bound_on_their_depth);
    tcase_add_test(tests, escapes_of_formats_are_tabs_and_newlines);
    return hf_test_run("words", tests);
}
