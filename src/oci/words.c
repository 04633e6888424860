/* oci/words.c - splits and expands the arguments of instructions. */
#include "oci/words.h"

#include "base/error.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_LEN 255

struct lexer {
    const char *at;
    hf_variable_fn *variables;
    void *arg;
    struct hf_buf *out;
    struct hf_error *err;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void hf_words_skip_blanks(const char **rest)
{
    while (is_blank(**rest))
        (*rest)++;
}

static size_t name_len(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len > 0 && isdigit((unsigned char)text[0]) ? 0 : len;
}

static const char *value_of(struct lexer *lexer, const char *name, size_t len)
{
    char copy[NAME_MAX_LEN + 1];

    if (len > NAME_MAX_LEN)
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    return lexer->variables(lexer->arg, copy);
}

/* "${NAME}", "${NAME:-word}", "${NAME:+word}"; the word is taken as it is. */
static int expand_braces(struct lexer *lexer)
{
    const char *name = lexer->at + 2;
    size_t len = name_len(name);
    const char *behind = name + len;
    const char *end = strchr(behind, '}');

    if (len == 0 || !end)
        return hf_fail(lexer->err, HF_ERR_USAGE, "\"%.40s\" is no variable", lexer->at);
    const char *value = value_of(lexer, name, len);
    bool is_set = value && value[0] != '\0';
    if (behind == end) {
        hf_buf_put_text(lexer->out, value ? value : "");
    } else if (behind[0] == ':' && (behind[1] == '-' || behind[1] == '+')) {
        bool takes_word = (behind[1] == '+') == is_set;
        if (takes_word)
            hf_buf_put(lexer->out, behind + 2, (size_t)(end - behind) - 2);
        else if (is_set)
            hf_buf_put_text(lexer->out, value);
    } else {
        return hf_fail(lexer->err, HF_ERR_USAGE, "\"%.40s\" is no variable", lexer->at);
    }
    lexer->at = end + 1;
    return 0;
}

static int expand(struct lexer *lexer)
{
    if (lexer->at[1] == '{')
        return expand_braces(lexer);
    size_t len = name_len(lexer->at + 1);
    if (len == 0) {
        hf_buf_put_u8(lexer->out, (uint8_t)*lexer->at++);
        return 0;
    }
    const char *value = value_of(lexer, lexer->at + 1, len);
    hf_buf_put_text(lexer->out, value ? value : "");
    lexer->at += 1 + len;
    return 0;
}

static int take_single_quotes(struct lexer *lexer)
{
    const char *end = strchr(lexer->at + 1, '\'');

    if (!end)
        return hf_fail(lexer->err, HF_ERR_USAGE, "a quote has no end: %.40s", lexer->at);
    hf_buf_put(lexer->out, lexer->at + 1, (size_t)(end - lexer->at) - 1);
    lexer->at = end + 1;
    return 0;
}

static int take_double_quotes(struct lexer *lexer)
{
    const char *start = lexer->at++;
    int rc = 0;

    while (rc == 0 && *lexer->at != '"') {
        if (*lexer->at == '\0')
            return hf_fail(lexer->err, HF_ERR_USAGE, "a quote has no end: %.40s", start);
        if (*lexer->at == '$' && lexer->variables) {
            rc = expand(lexer);
            continue;
        }
        if (*lexer->at == '\\' && lexer->at[1] != '\0' && strchr("\"\\$", lexer->at[1]))
            lexer->at++;
        hf_buf_put_u8(lexer->out, (uint8_t)*lexer->at++);
    }
    lexer->at += rc == 0;
    return rc;
}

static int take_one(struct lexer *lexer)
{
    switch (*lexer->at) {
    case '\'':
        return take_single_quotes(lexer);
    case '"':
        return take_double_quotes(lexer);
    case '$':
        if (lexer->variables)
            return expand(lexer);
        break;
    case '\\':
        lexer->at += lexer->at[1] != '\0';
        break;
    }
    hf_buf_put_u8(lexer->out, (uint8_t)*lexer->at++);
    return 0;
}

static int take(const char **rest, bool blanks_end, struct lexer *lexer)
{
    int rc = 0;

    hf_buf_clear(lexer->out);
    hf_words_skip_blanks(rest);
    lexer->at = *rest;
    if (*lexer->at == '\0')
        return HF_END;
    while (rc == 0 && *lexer->at != '\0' && !(blanks_end && is_blank(*lexer->at)))
        rc = take_one(lexer);
    if (rc == 0)
        rc = hf_buf_check(lexer->out, lexer->err);
    *rest = lexer->at;
    return rc;
}

int hf_words_next(const char **rest, hf_variable_fn *variables, void *arg, struct hf_buf *out,
                  struct hf_error *err)
{
    struct lexer lexer = {.variables = variables, .arg = arg, .out = out, .err = err};

    return take(rest, true, &lexer);
}

int hf_words_all(const char **rest, hf_variable_fn *variables, void *arg, struct hf_buf *out,
                 struct hf_error *err)
{
    struct lexer lexer = {.variables = variables, .arg = arg, .out = out, .err = err};

    return take(rest, false, &lexer);
}
