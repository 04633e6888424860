/*
 * format.h - the part of Go's templates that people give to docker's --format.
 *
 *   {{.A.B}}  {{.}}         a field, nested ones too; a missing nested one prints "<no value>"
 *   {{json .A}}             as JSON
 *   {{join .A ", "}}  {{len .A}}  {{index .A 0}}  {{lower .A}}  {{upper .A}}  {{println .A}}
 *   {{.A | json}}           the value as last argument of the next function
 *   {{range .A}}…{{else}}…{{end}}   {{if .A}}…{{else}}…{{end}}
 *   {{- …  -}}              take the blanks before or after along
 *
 * Variables, comparisons and definitions are not part of it, and say so.
 */
#ifndef HOLDFAST_TOOLS_FORMAT_H
#define HOLDFAST_TOOLS_FORMAT_H

#include <holdfast/error.h>

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

struct cli_template_options {
    bool raw; /* print values byte for byte, also what would command a terminal */
};

/* Append `text`, rendered for the object `dot`. USAGE, with a sentence, when the template is wrong
 * or names a field that `dot` has not. */
HF_MUST_USE int cli_template_render(const char *text, json_t *dot,
                                    const struct cli_template_options *options, struct hf_buf *out,
                                    struct hf_error *err);
/* "\t" and "\n" written as two characters become what they mean, as docker does. Freed by the
 * caller; never NULL. */
char *cli_template_unescape(const char *text);

#endif
