/* cmd_images.c - holdfast images, image exists */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "listing.h"
#include "options.h"
#include "print.h"

struct arguments {
    bool all;
    bool quiet;
    bool no_trunc;
    bool digests;
    bool json;
    struct cli_texts filters;
    const char *format;
};

static const struct cli_field fields[] = {
    {"Repository", "REPOSITORY"}, {"Tag", "TAG"},           {"ID", "IMAGE ID"},
    {"Digest", "DIGEST"},         {"Name", "NAME"},         {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},  {"Platform", "PLATFORM"}, {"Size", "SIZE"},
};

#define TABLE "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
#define TABLE_WITH_DIGESTS                                                                         \
    "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'a', "all", NULL, "for docker's sake: there are no hidden images", .flag = &out->all},
        {'q', "quiet", NULL, "print IDs only, each once", .flag = &out->quiet},
        {0, "no-trunc", NULL, "print IDs whole", .flag = &out->no_trunc},
        {0, "digests", NULL, "show digests", .flag = &out->digests},
        {'f', "filter", "FILTER",
         "only images that fit: reference=PATTERN, label=KEY[=VALUE],\n"
         "before=IMAGE, since=IMAGE, until=TIME, dangling=true|false",
         .texts = &out->filters},
        {0, "format", "TEMPLATE",
         "json, a template such as '{{.ID}} {{.Size}}', or 'table …'; fields:\n"
         "Repository Tag ID Digest Name CreatedSince CreatedAt Platform Size",
         .text = &out->format},
        {0, "json", NULL, "the same as --format json", .flag = &out->json},
    };
    const struct cli_syntax syntax = {
        .usage = "[PATTERN]",
        .about =
            "List images, the newest first. PATTERN is REPOSITORY[:TAG], * and ? for any text.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .max_operands = 1,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

struct collector {
    const struct cli *cli;
    const struct arguments *arguments;
    struct cli_listing listing;
    json_t *seen; /* target or ID -> its value: an image with two names is one for programs */
};

static void set_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, cli_json_text(value));
}

static void add_row(struct collector *c, const struct hf_image *image)
{
    json_t *row = cli_need(json_object());
    char repository[HF_REFERENCE_MAX];
    char tag[HF_REFERENCE_MAX];
    char text[HF_DIGEST_TEXT_MAX];
    char words[CLI_TEXT_MAX];

    hf_reference_columns(image->name, repository, tag);
    set_text(row, "Repository", repository);
    set_text(row, "Tag", tag);
    set_text(row, "ID",
             c->arguments->no_trunc ? hf_digest_text(&image->id, text)
                                    : cli_short_id(&image->id, text));
    set_text(row, "Digest", hf_digest_text(&image->target, text));
    set_text(row, "Name", image->name);
    set_text(row, "CreatedSince", cli_ago_text(image->created_ns, words));
    set_text(row, "CreatedAt", cli_local_time_text(image->created_ns, words));
    set_text(row, "Platform", image->platform);
    set_text(row, "Size", cli_size_text(image->size_bytes, words));
    json_array_append_new(c->listing.rows, row);
}

/* As podman's `images --format json`: one object an image, with its names. */
static void add_value(struct collector *c, const struct hf_image *image)
{
    char target[HF_DIGEST_TEXT_MAX];
    char hex[HF_DIGEST_TEXT_MAX];
    char time[CLI_TEXT_MAX];
    json_t *value = json_object_get(c->seen, hf_digest_text(&image->target, target));

    if (!value) {
        value = cli_need(json_object());
        set_text(value, "Id", hf_digest_hex(&image->id, hex));
        json_object_set_new(value, "Names", cli_need(json_array()));
        set_text(value, "Digest", target);
        json_object_set_new(value, "Created",
                            json_integer((json_int_t)(image->created_ns / 1000000000u)));
        set_text(value, "CreatedAt", cli_time_text(image->created_ns, time));
        json_object_set_new(value, "Size", json_integer((json_int_t)image->size_bytes));
        set_text(value, "Platform", image->platform);
        json_object_set_new(value, "Damaged", json_boolean(image->damaged));
        json_object_set_new(c->seen, target, value);
        json_array_append(c->listing.values, value);
    }
    json_array_append_new(json_object_get(value, "Names"), cli_json_text(image->name));
}

static int collect(void *arg, const struct hf_image *image)
{
    struct collector *c = arg;
    char shown[HF_REFERENCE_MAX];

    if (image->damaged)
        cli_say(c->cli, "%s is damaged; see 'holdfast fsck'",
                hf_reference_familiar(image->name, shown));
    add_row(c, image);
    add_value(c, image);
    return 0;
}

static int print_ids(struct collector *c)
{
    json_t *seen = cli_need(json_object());
    json_t *row;
    size_t i;

    json_array_foreach(c->listing.rows, i, row)
    {
        const char *id = json_string_value(json_object_get(row, "ID"));
        if (!json_object_get(seen, id))
            puts(id);
        json_object_set_new(seen, id, json_true());
    }
    json_decref(seen);
    json_decref(c->listing.rows);
    json_decref(c->listing.values);
    return CLI_DONE;
}

int cmd_images(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    int code = cli_open_to_read_if_any(cli, &store);
    if (code != 0)
        return code;
    struct collector c = {.cli = cli, .arguments = &arguments, .seen = cli_need(json_object())};
    cli_listing_init(&c.listing, fields, CLI_COUNT(fields),
                     arguments.digests ? TABLE_WITH_DIGESTS : TABLE);
    const struct hf_list_options options = {
        .all_names = arguments.all,
        .pattern = cli->operand_count > 0 ? cli->operands[0] : NULL,
        .filters = arguments.filters.items,
        .filter_count = arguments.filters.count,
    };
    if (store && hf_image_list(store, &options, collect, &c, &err) != 0) {
        code = cli_fail(cli, NULL, &err);
        json_decref(c.listing.rows);
        json_decref(c.listing.values);
    } else if (arguments.quiet) {
        code = print_ids(&c);
    } else {
        code = cli_listing_print(cli, &c.listing, arguments.format, arguments.json);
    }
    json_decref(c.seen);
    return cli_close(cli, store, code);
}

int cmd_exists(struct cli *cli, int argc, char **argv)
{
    const struct cli_syntax syntax = {
        .usage = "IMAGE",
        .about = "Exit with 0 if there is such an image, with 1 if not. Prints nothing.",
        .min_operands = 1,
        .max_operands = 1,
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct hf_image image;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_read_if_any(cli, &store);
    if (code != 0)
        return code;
    code = store ? hf_image_find(store, cli->operands[0], NULL, &image, &err) : HF_ERR_NOT_FOUND;
    if (code == HF_ERR_NOT_FOUND)
        code = CLI_FAILED;
    else if (code != 0)
        code = cli_fail(cli, NULL, &err);
    return cli_close(cli, store, code);
}
