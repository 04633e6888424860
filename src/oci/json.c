/* oci/json.c - measures JSON text before it becomes a tree, and gets fields from the tree. */
#include "oci/json.h"

#include "base/error.h"
#include "oci/document.h"

#include <stdio.h>
#include <string.h>

/* The index behind the string that begins at `i`; `len` when it does not end. */
static size_t skip_string(const char *text, size_t len, size_t i)
{
    for (i++; i < len && text[i] != '"'; i++)
        if (text[i] == '\\')
            i++;
    return i < len ? i + 1 : len;
}

/* Counts what makes a tree deep or large. Whether it is JSON at all, jansson decides. */
static int measure(const char *text, size_t len, struct hf_error *err)
{
    size_t depth = 0;
    size_t values = 0;

    for (size_t i = 0; i < len;) {
        switch (text[i]) {
        case '"':
            i = skip_string(text, len, i);
            continue;
        case '{':
        case '[':
            depth++;
            values++;
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        case ',':
            values++;
            break;
        }
        if (depth > HF_DOCUMENT_DEPTH)
            return hf_fail(err, HF_ERR_LIMIT, "its JSON is nested more than %d levels deep",
                           HF_DOCUMENT_DEPTH);
        if (values > HF_DOCUMENT_VALUES)
            return hf_fail(err, HF_ERR_LIMIT, "its JSON has more than %u values",
                           HF_DOCUMENT_VALUES);
        i++;
    }
    return 0;
}

int hf_json_parse(const void *data, size_t len, json_t **out, struct hf_error *err)
{
    json_error_t problem;

    if (len > HF_DOCUMENT_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "it has more than %u bytes", HF_DOCUMENT_MAX);
    int rc = measure(data, len, err);
    if (rc != 0)
        return rc;
    /* Of two equal keys one reader takes the first, another the last: no document may say two
     * things. */
    *out = json_loadb(len > 0 ? data : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (*out)
        return 0;
    if (json_error_code(&problem) == json_error_out_of_memory)
        return hf_fail_memory(err);
    return hf_fail(err, HF_ERR_INPUT, "it is not valid JSON (line %d: %s)", problem.line,
                   problem.text);
}

const char *hf_json_path(const char *where, const char *key, char path[128])
{
    snprintf(path, 128, "%s%s%s", where, where[0] != '\0' ? "." : "", key);
    return path;
}

static const json_t *field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

static int wrong_type(const char *where, const char *key, const char *type, struct hf_error *err)
{
    char path[128];

    return hf_fail(err, HF_ERR_INPUT, "%s is not %s", hf_json_path(where, key, path), type);
}

int hf_json_object(const json_t *object, const char *key, const char *where, const json_t **out,
                   struct hf_error *err)
{
    const json_t *value = field(object, key);

    if (value && !json_is_object(value))
        return wrong_type(where, key, "an object", err);
    *out = value;
    return 0;
}

int hf_json_list(const json_t *object, const char *key, const char *where, size_t max,
                 const json_t **out, struct hf_error *err)
{
    const json_t *value = field(object, key);
    char path[128];

    if (value && !json_is_array(value))
        return wrong_type(where, key, "a list", err);
    if (json_array_size(value) > max)
        return hf_fail(err, HF_ERR_LIMIT, "%s has more than %zu elements",
                       hf_json_path(where, key, path), max);
    *out = value;
    return 0;
}

int hf_json_text(const json_t *object, const char *key, const char *where, const char **out,
                 struct hf_error *err)
{
    const json_t *value = field(object, key);

    if (value && !json_is_string(value))
        return wrong_type(where, key, "a text", err);
    *out = value ? json_string_value(value) : "";
    return 0;
}

int hf_json_text_copy(const json_t *object, const char *key, const char *where, char *out,
                      size_t size, struct hf_error *err)
{
    const char *text = "";
    char path[128];
    int rc = hf_json_text(object, key, where, &text, err);

    if (rc != 0)
        return rc;
    if (strlen(text) >= size)
        return hf_fail(err, HF_ERR_INPUT, "%s has more than %zu characters",
                       hf_json_path(where, key, path), size - 1);
    strcpy(out, text);
    return 0;
}

int hf_json_size(const json_t *object, const char *key, const char *where, bool *out_has,
                 uint64_t *out, struct hf_error *err)
{
    const json_t *value = field(object, key);

    if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
        return wrong_type(where, key, "a size", err);
    *out_has = value != NULL;
    *out = value ? (uint64_t)json_integer_value(value) : 0;
    return 0;
}

const char *hf_json_lenient_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}
