/*
 * listing.h - what `images`, `history` and `hold ls` print: rows as a table, through a template, or
 * as JSON. Everything goes through templates, as in docker: the usual table is one as well.
 */
#ifndef HOLDFAST_TOOLS_LISTING_H
#define HOLDFAST_TOOLS_LISTING_H

#include <jansson.h>

#include "cli.h"

struct cli_field {
    const char *name;   /* as in {{.Name}} */
    const char *header; /* its column's */
};

struct cli_listing {
    const struct cli_field *fields;
    size_t field_count;
    const char *table; /* the usual columns: "table {{.ID}}\t{{.Size}}" */
    json_t *rows;      /* objects of texts, with every field; jansson's, released by printing */
    json_t *values;    /* the same for programs: numbers as numbers, times as RFC 3339; likewise */
};

/* An empty listing. */
void cli_listing_init(struct cli_listing *listing, const struct cli_field *fields,
                      size_t field_count, const char *table);
/* Print as `format` says (NULL or "table": the usual table; "json", or `json`: the values in one
 * array), and release the listing. Returns the exit code. */
int cli_listing_print(const struct cli *cli, struct cli_listing *listing, const char *format,
                      bool json);
/* The same for what was listed with `rc`: a failure is told instead. */
int cli_listing_end(const struct cli *cli, struct cli_listing *listing, int rc,
                    const struct hf_error *err, const char *format, bool json);

#endif
