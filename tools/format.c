/*
 * format.c - renders templates (format.h) straight from their text, without a tree: a range is
 * rendered by going back to its body for each element, and what is not taken is rendered mute.
 *
 * The values that functions take and give are in format_value.c.
 */
#include "format.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "format_value.h"

#include "base/error.h"

enum { DEPTH_MAX = 32, ARGUMENTS_MAX = 8 };

struct renderer {
    const char *template;
    const char *at;
    bool trim; /* the action before asked to take the blanks after it along */
    bool raw;
    bool newline; /* println was called: the line's end is the template's, not the value's */
    int depth;
    struct hf_buf *out;
    struct hf_error *err;
};

/* What ended a body. */
enum body_end { BODY_TEXT_END = 0, BODY_END, BODY_ELSE };

static int wrong(struct renderer *r, const char *sentence)
{
    return hf_fail(r->err, HF_ERR_USAGE, "format: %s (at character %zu)", sentence,
                   (size_t)(r->at - r->template) + 1);
}

static void skip_blanks(struct renderer *r)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
}

static bool at_action_end(const struct renderer *r)
{
    return strncmp(r->at, "}}", 2) == 0 ||
           (strncmp(r->at, "-}}", 3) == 0 && isspace((unsigned char)r->at[-1]));
}

static int end_action(struct renderer *r)
{
    skip_blanks(r);
    if (!at_action_end(r))
        return wrong(r, "'}}' is missing");
    r->trim = *r->at == '-';
    r->at += r->trim ? 3 : 2;
    return 0;
}

/* Text up to the next action, if there is one; leaves `at` behind its "{{". */
static bool render_text(struct renderer *r, bool mute)
{
    const char *begin = r->at;
    const char *end = strstr(begin, "{{");
    bool is_action = end != NULL;

    if (!end)
        end = begin + strlen(begin);
    r->at = end;
    if (is_action) {
        r->at += 2;
        if (r->at[0] == '-' && isspace((unsigned char)r->at[1])) {
            r->at++;
            while (end > begin && isspace((unsigned char)end[-1]))
                end--;
        }
    }
    while (r->trim && begin < end && isspace((unsigned char)*begin))
        begin++;
    r->trim = false;
    if (!mute)
        hf_buf_put(r->out, begin, (size_t)(end - begin));
    return is_action;
}

static size_t word_len(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len;
}

static bool take_word(struct renderer *r, const char *word)
{
    size_t len = word_len(r->at);

    if (len != strlen(word) || strncmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    skip_blanks(r);
    return true;
}

/* ".A.B" or "."; the result is the caller's. NULL in *out_value: there is no such value. */
static int parse_path(struct renderer *r, json_t *dot, bool mute, json_t **out_value)
{
    json_t *value = dot;
    bool is_first = true;

    r->at++;
    for (;;) {
        char name[128];
        size_t len = word_len(r->at);
        if (len == 0 && !is_first)
            return wrong(r, "a field's name is missing");
        if (len >= sizeof(name))
            return wrong(r, "a field's name is too long");
        if (len == 0)
            break;
        memcpy(name, r->at, len);
        name[len] = '\0';
        json_t *field = json_object_get(value, name);
        if (!field && is_first && !mute && json_is_object(value) && r->depth == 1)
            return cli_value_no_field(value, name, r->err);
        value = field;
        r->at += len;
        is_first = false;
        if (*r->at != '.')
            break;
        r->at++;
    }
    *out_value = json_incref(value);
    return 0;
}

static int parse_string(struct renderer *r, json_t **out_value)
{
    struct hf_buf text = {0};
    char quote = *r->at++;

    while (*r->at != quote) {
        char c = *r->at++;
        if (c == '\0') {
            hf_buf_release(&text);
            r->at--;
            return wrong(r, "a string does not end");
        }
        if (c == '\\' && quote == '"') {
            c = *r->at == 'n' ? '\n' : *r->at == 't' ? '\t' : *r->at;
            r->at += *r->at != '\0';
        }
        hf_buf_put_u8(&text, (uint8_t)c);
    }
    r->at++;
    *out_value = cli_json_text(cli_need((void *)(uintptr_t)hf_buf_text(&text)));
    hf_buf_release(&text);
    return 0;
}

static int parse_argument(struct renderer *r, json_t *dot, bool mute, json_t **out_value)
{
    if (*r->at == '.')
        return parse_path(r, dot, mute, out_value);
    if (*r->at == '"' || *r->at == '`')
        return parse_string(r, out_value);
    if (isdigit((unsigned char)*r->at)) {
        char *end;
        *out_value = cli_need(json_integer(strtol(r->at, &end, 10)));
        r->at = end;
        return 0;
    }
    return wrong(r, *r->at == '\0' ? "'}}' is missing"
                                   : "a field (\".Name\"), a string or a number is missing");
}

/* [FUNCTION] ARGUMENT...; `piped` (may be NULL, taken over) becomes the last argument. */
static int parse_call(struct renderer *r, json_t *dot, bool mute, bool has_piped, json_t *piped,
                      json_t **out_value)
{
    json_t *arguments[ARGUMENTS_MAX] = {NULL};
    char function[32] = "";
    size_t count = 0;
    size_t len = isalpha((unsigned char)*r->at) ? word_len(r->at) : 0;
    int code = 0;

    if (len > 0 && len < sizeof(function)) {
        memcpy(function, r->at, len);
        r->at += len;
    }
    skip_blanks(r);
    while (code == 0 && !at_action_end(r) && *r->at != '|' && count + 1 < ARGUMENTS_MAX) {
        code = parse_argument(r, dot, mute, &arguments[count]);
        count += code == 0;
        skip_blanks(r);
    }
    if (has_piped)
        arguments[count++] = piped;
    if (strcmp(function, "println") == 0) {
        r->newline = true;
        function[0] = '\0';
    }
    if (code == 0)
        code = cli_value_call(function, arguments, count, mute, out_value, r->err);
    for (size_t i = 0; i < count; i++)
        json_decref(arguments[i]);
    return code;
}

static int parse_pipeline(struct renderer *r, json_t *dot, bool mute, json_t **out_value)
{
    json_t *value = NULL;
    int code = parse_call(r, dot, mute, false, NULL, &value);

    while (code == 0 && *r->at == '|') {
        json_t *piped = value;
        r->at++;
        skip_blanks(r);
        value = NULL;
        code = parse_call(r, dot, mute, true, piped, &value);
    }
    if (code == 0)
        code = end_action(r);
    if (code == 0)
        *out_value = value;
    else
        json_decref(value);
    return code;
}

static int render_body(struct renderer *r, json_t *dot, bool mute, enum body_end *out_end);

/* The rest of an if or a range: {{else}} and its body, up to {{end}}. */
static int render_else(struct renderer *r, json_t *dot, bool mute, enum body_end end)
{
    int code = 0;

    if (end == BODY_ELSE)
        code = render_body(r, dot, mute, &end);
    if (code == 0 && end != BODY_END)
        code = wrong(r, end == BODY_ELSE ? "a second {{else}}" : "{{end}} is missing");
    return code;
}

static int render_if(struct renderer *r, json_t *dot, bool mute)
{
    enum body_end end;
    json_t *value = NULL;
    int code = parse_pipeline(r, dot, mute, &value);

    if (code != 0)
        return code;
    bool taken = cli_value_is_true(value);
    json_decref(value);
    code = render_body(r, dot, mute || !taken, &end);
    return code != 0 ? code : render_else(r, dot, mute || taken, end);
}

static int render_range(struct renderer *r, json_t *dot, bool mute)
{
    enum body_end end = BODY_TEXT_END;
    json_t *list = NULL;
    int code = parse_pipeline(r, dot, mute, &list);
    const char *body = r->at;
    bool trim = r->trim;

    if (code != 0)
        return code;
    json_t *elements = cli_value_elements(list);
    size_t count = json_array_size(elements);
    /* An empty one is gone through once, mute, to find its end. */
    for (size_t i = 0; code == 0 && i < (count > 0 ? count : 1); i++) {
        r->at = body;
        r->trim = trim;
        code = render_body(r, json_array_get(elements, i), mute || count == 0, &end);
    }
    json_decref(elements);
    json_decref(list);
    return code != 0 ? code : render_else(r, dot, mute || count > 0, end);
}

static int render_value(struct renderer *r, json_t *dot, bool mute)
{
    json_t *value = NULL;

    r->newline = false;
    int code = parse_pipeline(r, dot, mute, &value);
    if (code == 0 && !mute) {
        cli_value_print(value, r->raw, r->out);
        if (r->newline)
            hf_buf_put_u8(r->out, '\n');
    }
    json_decref(value);
    return code;
}

static int render_body(struct renderer *r, json_t *dot, bool mute, enum body_end *out_end)
{
    int code = 0;

    if (++r->depth > DEPTH_MAX)
        return wrong(r, "too deep");
    for (*out_end = BODY_TEXT_END; code == 0;) {
        if (!render_text(r, mute))
            break;
        skip_blanks(r);
        if (take_word(r, "end"))
            *out_end = BODY_END;
        else if (take_word(r, "else"))
            *out_end = BODY_ELSE;
        else if (take_word(r, "if"))
            code = render_if(r, dot, mute);
        else if (take_word(r, "range"))
            code = render_range(r, dot, mute);
        else
            code = render_value(r, dot, mute);
        if (code == 0 && *out_end != BODY_TEXT_END) {
            code = end_action(r);
            break;
        }
    }
    r->depth--;
    return code;
}

int cli_template_render(const char *text, json_t *dot, const struct cli_template_options *options,
                        struct hf_buf *out, struct hf_error *err)
{
    struct renderer r = {
        .template = text, .at = text, .raw = options && options->raw, .out = out, .err = err};
    enum body_end end;
    int code = render_body(&r, dot, false, &end);

    if (code == 0 && end != BODY_TEXT_END)
        code = wrong(&r, "{{end}} or {{else}} without {{if}} or {{range}}");
    return code;
}

char *cli_template_unescape(const char *text)
{
    char *result = cli_need(malloc(strlen(text) + 1));
    char *to = result;

    for (; *text != '\0'; text++) {
        if (text[0] == '\\' && (text[1] == 't' || text[1] == 'n'))
            *to++ = *++text == 't' ? '\t' : '\n';
        else
            *to++ = *text;
    }
    *to = '\0';
    return result;
}
