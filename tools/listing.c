/*
 * listing.c - see listing.h.
 */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "print.h"

void cli_listing_init(struct cli_listing *listing, const struct cli_field *fields,
                      size_t field_count, const char *table)
{
    *listing = (struct cli_listing){
        .fields = fields,
        .field_count = field_count,
        .table = table,
        .rows = cli_need(json_array()),
        .values = cli_need(json_array()),
    };
}

/* The headers as a row. It has every field, so it also tells which fields a template may name. */
static json_t *header_row(const struct cli_listing *listing)
{
    json_t *row = cli_need(json_object());

    for (size_t i = 0; i < listing->field_count; i++)
        json_object_set_new(row, listing->fields[i].name, cli_json_text(listing->fields[i].header));
    return row;
}

static int render_lines(const struct cli_listing *listing, const char *template, bool with_header,
                        struct hf_buf *out, struct hf_error *err)
{
    json_t *header = header_row(listing);
    size_t i;
    json_t *row;
    int code = cli_template_render(template, header, NULL, out, err);

    json_decref(header);
    if (with_header)
        hf_buf_put_u8(out, '\n');
    else
        hf_buf_clear(out);
    json_array_foreach(listing->rows, i, row)
    {
        if (code == 0)
            code = cli_template_render(template, row, NULL, out, err);
        hf_buf_put_u8(out, '\n');
    }
    return code;
}

static int print_template(const struct cli *cli, const struct cli_listing *listing,
                          const char *format)
{
    struct hf_error err = {0};
    struct hf_buf lines = {0};
    bool is_table = strncmp(format, "table", 5) == 0 && (format[5] == ' ' || format[5] == '\t');
    char *template = cli_template_unescape(is_table ? format + 6 : format);
    int code = render_lines(listing, template, is_table, &lines, &err);

    free(template);
    if (code != 0) {
        hf_buf_release(&lines);
        return cli_fail(cli, NULL, &err);
    }
    cli_need((void *)(uintptr_t)hf_buf_text(&lines));
    if (is_table)
        cli_print_table(stdout, hf_buf_text(&lines));
    else
        fputs(hf_buf_text(&lines), stdout);
    hf_buf_release(&lines);
    return CLI_DONE;
}

int cli_listing_print(const struct cli *cli, struct cli_listing *listing, const char *format,
                      bool json)
{
    int code = CLI_DONE;

    if (json || (format && strcmp(format, "json") == 0)) {
        cli_print_json(listing->values);
        listing->values = NULL;
    } else {
        bool usual = !format || strcmp(format, "table") == 0;
        code = print_template(cli, listing, usual ? listing->table : format);
    }
    json_decref(listing->rows);
    json_decref(listing->values);
    return code;
}

int cli_listing_end(const struct cli *cli, struct cli_listing *listing, int rc,
                    const struct hf_error *err, const char *format, bool json)
{
    if (rc == 0)
        return cli_listing_print(cli, listing, format, json);
    json_decref(listing->rows);
    json_decref(listing->values);
    return cli_fail(cli, NULL, err);
}
