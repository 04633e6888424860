/*
 * format_value.c - see format_value.h.
 */
#include "format_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#include "base/error.h"

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* An object's keys in Go's order, which is the alphabet's. The array is the caller's. */
static const char **sorted_keys(const json_t *object)
{
    size_t count = json_object_size(object);
    const char **keys = cli_need(calloc(count + 1, sizeof(*keys)));
    size_t at = 0;
    /* jansson's iterators take no const, and change nothing. */
    json_t *mutable_object = (json_t *)(uintptr_t)object;

    for (void *i = json_object_iter(mutable_object); i;
         i = json_object_iter_next(mutable_object, i))
        keys[at++] = json_object_iter_key(i);
    qsort(keys, count, sizeof(*keys), compare_keys);
    return keys;
}

static void print_array(const json_t *array, bool raw, struct hf_buf *out)
{
    hf_buf_put_u8(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            hf_buf_put_u8(out, ' ');
        cli_value_print(json_array_get(array, i), raw, out);
    }
    hf_buf_put_u8(out, ']');
}

static void print_object(const json_t *object, bool raw, struct hf_buf *out)
{
    const char **keys = sorted_keys(object);

    hf_buf_put_text(out, "map[");
    for (size_t i = 0; i < json_object_size(object); i++) {
        if (i > 0)
            hf_buf_put_u8(out, ' ');
        cli_put_safe(out, keys[i]);
        hf_buf_put_u8(out, ':');
        cli_value_print(json_object_get(object, keys[i]), raw, out);
    }
    hf_buf_put_u8(out, ']');
    free(keys);
}

void cli_value_print(const json_t *value, bool raw, struct hf_buf *out)
{
    if (!value)
        hf_buf_put_text(out, "<no value>");
    else if (json_is_string(value) && raw)
        hf_buf_put_text(out, json_string_value(value));
    else if (json_is_string(value))
        cli_put_safe(out, json_string_value(value));
    else if (json_is_integer(value))
        hf_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        hf_buf_printf(out, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        hf_buf_put_text(out, json_is_true(value) ? "true" : "false");
    else if (json_is_array(value))
        print_array(value, raw, out);
    else if (json_is_object(value))
        print_object(value, raw, out);
    else
        /* In docker's documents null stands where a list is empty. */
        hf_buf_put_text(out, "[]");
}

bool cli_value_is_true(const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) > 0;
    if (json_is_number(value))
        return json_number_value(value) < 0 || json_number_value(value) > 0;
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_object(value))
        return json_object_size(value) > 0;
    return json_is_true(value);
}

json_t *cli_value_elements(json_t *value)
{
    if (json_is_array(value))
        return json_incref(value);
    json_t *elements = cli_need(json_array());
    if (json_is_object(value)) {
        const char **keys = sorted_keys(value);
        for (size_t i = 0; i < json_object_size(value); i++)
            json_array_append(elements, json_object_get(value, keys[i]));
        free(keys);
    }
    return elements;
}

int cli_value_no_field(json_t *object, const char *name, struct hf_error *err)
{
    const char **keys = sorted_keys(object);
    struct hf_buf list = {.max_bytes = 600};

    for (size_t i = 0; i < json_object_size(object); i++)
        hf_buf_printf(&list, "%s%s", i > 0 ? " " : "", keys[i]);
    free(keys);
    int code = hf_fail(err, HF_ERR_USAGE, "format: there is no field .%s; there are: %s", name,
                       hf_buf_text(&list) ? hf_buf_text(&list) : "");
    hf_buf_release(&list);
    return code;
}

/* A text of what is in the buffer, which is released. */
static json_t *text_of(struct hf_buf *buf)
{
    json_t *text = cli_json_text(cli_need((void *)(uintptr_t)hf_buf_text(buf)));

    hf_buf_release(buf);
    return text;
}

/* --- functions: arguments are checked for their number before ----------------------------------
 */

typedef json_t *function_fn(json_t *const *arguments);

static json_t *call_json(json_t *const *arguments)
{
    char *text = arguments[0] ? json_dumps(arguments[0], JSON_ENCODE_ANY | JSON_COMPACT)
                              : cli_need(strdup("null"));
    json_t *value = cli_json_text(cli_need(text));

    free(text);
    return value;
}

static json_t *call_join(json_t *const *arguments)
{
    struct hf_buf joined = {0};
    json_t *elements = cli_value_elements(arguments[0]);
    const char *separator = json_string_value(arguments[1]);

    for (size_t i = 0; i < json_array_size(elements); i++) {
        if (i > 0 && separator)
            hf_buf_put_text(&joined, separator);
        cli_value_print(json_array_get(elements, i), true, &joined);
    }
    json_decref(elements);
    return text_of(&joined);
}

static json_t *call_len(json_t *const *arguments)
{
    size_t len = json_is_string(arguments[0])  ? json_string_length(arguments[0])
                 : json_is_array(arguments[0]) ? json_array_size(arguments[0])
                                               : json_object_size(arguments[0]);

    return json_integer((json_int_t)len);
}

static json_t *call_index(json_t *const *arguments)
{
    json_int_t index = json_integer_value(arguments[1]);

    if (json_is_string(arguments[1]))
        return json_incref(json_object_get(arguments[0], json_string_value(arguments[1])));
    return index < 0 ? NULL : json_incref(json_array_get(arguments[0], (size_t)index));
}

static json_t *change_case(const json_t *value, int (*change)(int))
{
    struct hf_buf text = {0};

    cli_value_print(value, true, &text);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x80)
            text.data[i] = (uint8_t)change(text.data[i]);
    return text_of(&text);
}

static json_t *call_lower(json_t *const *arguments)
{
    return change_case(arguments[0], tolower);
}

static json_t *call_upper(json_t *const *arguments)
{
    return change_case(arguments[0], toupper);
}

static json_t *call_identity(json_t *const *arguments)
{
    return json_incref(arguments[0]);
}

static const struct function {
    const char *name;
    size_t arguments;
    function_fn *call;
} functions[] = {
    {"", 1, call_identity},   {"json", 1, call_json},   {"join", 2, call_join},
    {"len", 1, call_len},     {"index", 2, call_index}, {"lower", 1, call_lower},
    {"upper", 1, call_upper},
};

int cli_value_call(const char *function, json_t *const *arguments, size_t count, bool mute,
                   json_t **out_value, struct hf_error *err)
{
    size_t i = 0;

    while (i < CLI_COUNT(functions) && strcmp(functions[i].name, function) != 0)
        i++;
    if (i == CLI_COUNT(functions))
        return hf_fail(err, HF_ERR_USAGE,
                       "format: there is no '%s'; there are: json join len index lower upper "
                       "println range if",
                       function);
    if (count != functions[i].arguments)
        return hf_fail(err, HF_ERR_USAGE, "format: %s%s takes %zu argument%s, not %zu", function,
                       function[0] ? "" : "a value", functions[i].arguments,
                       functions[i].arguments == 1 ? "" : "s", count);
    *out_value = mute ? NULL : functions[i].call(arguments);
    return 0;
}
