/*
 * oci/words.h - the words of a Dockerfile instruction: blanks separate, quotes join, a backslash
 * takes the next character as it is, $NAME, ${NAME}, ${NAME:-word} and ${NAME:+word} stand for
 * values (not between single quotes).
 */
#ifndef HF_OCI_WORDS_H
#define HF_OCI_WORDS_H

#include <holdfast/error.h>

#include "base/buf.h"

/* The value of a variable, NULL when it has none. Borrowed. */
typedef const char *hf_variable_fn(void *arg, const char *name);

/* Moves *rest behind blanks. */
void hf_words_skip_blanks(const char **rest);
/*
 * The next word into `out` (cleared first), *rest behind it. HF_END: there is none.
 * variables NULL: "$" is a character like others.
 *
 * Errors   USAGE: a quote or "${" without its end.
 */
HF_MUST_USE int hf_words_next(const char **rest, hf_variable_fn *variables, void *arg,
                              struct hf_buf *out, struct hf_error *err);
/* The whole rest as one word: blanks separate nothing. */
HF_MUST_USE int hf_words_all(const char **rest, hf_variable_fn *variables, void *arg,
                             struct hf_buf *out, struct hf_error *err);

#endif
