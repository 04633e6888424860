/*
 * format_value.h - the values of templates: JSON, or NULL for "no value".
 */
#ifndef HOLDFAST_TOOLS_FORMAT_VALUE_H
#define HOLDFAST_TOOLS_FORMAT_VALUE_H

#include <holdfast/error.h>

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "print.h"

/* As Go's fmt prints it: text as it is, [a b], map[k:v]. */
void cli_value_print(const json_t *value, bool raw, struct hf_buf *out);
/* What {{if}} takes for true: not empty, not 0, not false. */
bool cli_value_is_true(const json_t *value);
/* A new array of what {{range}} goes through: elements, or an object's values by key. */
json_t *cli_value_elements(json_t *value);
/* Call a function of format.h; "" gives its one argument back. A mute call looks at nothing but
 * its form. *out_value is the caller's. */
HF_MUST_USE int cli_value_call(const char *function, json_t *const *arguments, size_t count,
                               bool mute, json_t **out_value, struct hf_error *err);
/* USAGE: the object has no such field; the sentence lists what it has. */
HF_MUST_USE int cli_value_no_field(json_t *object, const char *name, struct hf_error *err);

#endif
