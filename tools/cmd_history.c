/* cmd_history.c - holdfast history */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "listing.h"
#include "options.h"
#include "print.h"

enum { CREATED_BY_MAX = 45, COMMENT_MAX = 45 };

struct arguments {
    bool quiet;
    bool no_trunc;
    bool human;
    bool json;
    const char *format;
    const char *platform;
};

static const struct cli_field fields[] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
};

#define TABLE       "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
#define EXACT_TABLE "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'H', "human", NULL, "sizes and times for people (default; --human=false: exact ones)",
         .flag = &out->human},
        {'q', "quiet", NULL, "print IDs only", .flag = &out->quiet},
        {0, "no-trunc", NULL, "print everything whole", .flag = &out->no_trunc},
        {0, "format", "TEMPLATE",
         "json, a template such as '{{.CreatedBy}}', or 'table …'; fields:\n"
         "ID CreatedSince CreatedAt CreatedBy Size Comment",
         .text = &out->format},
        {0, "json", NULL, "the same as --format json", .flag = &out->json},
        {0, "platform", "OS/ARCH", "this platform of an index (else this machine's)",
         .text = &out->platform},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE",
        .about = "Show how an image was made, the last step first.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = 1,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

struct collector {
    const struct arguments *arguments;
    struct cli_listing listing;
};

/* The text with tabs as blanks, as in docker, and not longer than `max` characters. */
static json_t *shortened(const char *text, size_t max, bool whole)
{
    struct hf_buf out = {0};
    size_t characters = 0;
    size_t cut_at = 0;

    for (; *text != '\0'; text++) {
        bool begins = ((unsigned char)*text & 0xc0) != 0x80;
        if (begins && characters == max - 1)
            cut_at = out.len;
        characters += begins;
        hf_buf_put_u8(&out, (uint8_t)(*text == '\t' || *text == '\n' ? ' ' : *text));
    }
    if (!whole && characters > max) {
        out.len = cut_at;
        hf_buf_put_text(&out, "…");
    }
    json_t *result = cli_json_text(cli_need((void *)(uintptr_t)hf_buf_text(&out)));
    hf_buf_release(&out);
    return result;
}

static void add_row(struct collector *c, const struct hf_history_row *row)
{
    const struct arguments *arguments = c->arguments;
    json_t *object = cli_need(json_object());
    char id[HF_DIGEST_TEXT_MAX] = "<missing>";
    char text[CLI_TEXT_MAX];

    if (hf_digest_size(row->id.algorithm) > 0 && arguments->no_trunc)
        hf_digest_text(&row->id, id);
    else if (hf_digest_size(row->id.algorithm) > 0)
        cli_short_id(&row->id, id);
    json_object_set_new(object, "ID", cli_json_text(id));
    json_object_set_new(object, "CreatedSince", cli_json_text(cli_ago_text(row->created_ns, text)));
    json_object_set_new(object, "CreatedAt", cli_json_text(cli_time_text(row->created_ns, text)));
    json_object_set_new(object, "CreatedBy",
                        shortened(row->created_by, CREATED_BY_MAX, arguments->no_trunc));
    if (arguments->human)
        cli_size_text(row->size_bytes, text);
    else
        snprintf(text, sizeof(text), "%" PRIu64, row->size_bytes);
    json_object_set_new(object, "Size", cli_json_text(text));
    json_object_set_new(object, "Comment",
                        shortened(row->comment, COMMENT_MAX, arguments->no_trunc));
    json_array_append_new(c->listing.rows, object);
}

static void add_value(struct collector *c, const struct hf_history_row *row)
{
    json_t *value = cli_need(json_object());
    char text[CLI_TEXT_MAX];

    json_object_set_new(value, "id", cli_json_digest(&row->id));
    json_object_set_new(value, "created", cli_json_text(cli_time_text(row->created_ns, text)));
    json_object_set_new(value, "createdBy", cli_json_text(row->created_by));
    json_object_set_new(value, "size", json_integer((json_int_t)row->size_bytes));
    json_object_set_new(value, "emptyLayer", json_boolean(row->empty_layer));
    json_object_set_new(value, "comment", cli_json_text(row->comment));
    json_array_append_new(c->listing.values, value);
}

static int collect(void *arg, const struct hf_history_row *row)
{
    struct hf_history_row safe = *row;

    safe.created_by = row->created_by ? row->created_by : "";
    safe.comment = row->comment ? row->comment : "";
    add_row(arg, &safe);
    add_value(arg, &safe);
    return 0;
}

int cmd_history(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {.human = true};
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    int code = cli_open_to_read(cli, &store);
    if (code != 0)
        return code;
    struct collector c = {.arguments = &arguments};
    cli_listing_init(&c.listing, fields, CLI_COUNT(fields), arguments.human ? TABLE : EXACT_TABLE);
    const char *format = arguments.quiet ? "{{.ID}}" : arguments.format;
    if (hf_image_history(store, cli->operands[0], arguments.platform, collect, &c, &err) != 0) {
        code = cli_fail(cli, cli->operands[0], &err);
        json_decref(c.listing.rows);
        json_decref(c.listing.values);
    } else {
        code = cli_listing_print(cli, &c.listing, format, arguments.json && !arguments.quiet);
    }
    return cli_close(cli, store, code);
}
