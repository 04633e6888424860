/* cmd_df.c - holdfast df */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "listing.h"
#include "options.h"
#include "print.h"

static const struct cli_field fields[] = {
    {"Type", "TYPE"}, {"Total", "TOTAL"}, {"Size", "SIZE"}, {"Bytes", "BYTES"}};

#define TABLE       "table {{.Type}}\t{{.Total}}\t{{.Size}}"
#define EXACT_TABLE "table {{.Type}}\t{{.Total}}\t{{.Bytes}}"

struct row {
    const char *type;
    const char *key; /* in the JSON */
    uint64_t bytes;
    const uint64_t *total; /* how many, or NULL */
};

static void add(struct cli_listing *listing, json_t *value, const struct row *row)
{
    json_t *object = cli_need(json_object());
    char total[CLI_TEXT_MAX] = "";
    char bytes[CLI_TEXT_MAX];
    char size[CLI_TEXT_MAX];

    if (row->total)
        snprintf(total, sizeof(total), "%" PRIu64, *row->total);
    snprintf(bytes, sizeof(bytes), "%" PRIu64, row->bytes);
    json_object_set_new(object, "Type", cli_json_text(row->type));
    json_object_set_new(object, "Total", cli_json_text(total));
    json_object_set_new(object, "Size", cli_json_text(cli_size_text(row->bytes, size)));
    json_object_set_new(object, "Bytes", cli_json_text(bytes));
    json_array_append_new(listing->rows, object);
    json_object_set_new(value, row->key, json_integer((json_int_t)row->bytes));
}

static int print_usage(const struct cli *cli, const struct hf_usage *usage, const char *format,
                       bool verbose, bool json)
{
    const struct row rows[] = {
        {"Images", "imagesBytes", usage->images_bytes, &usage->images_count},
        {"Derived", "derivedBytes", usage->derived_bytes, NULL},
        {"In flight", "stagingBytes", usage->staging_bytes, NULL},
        {"Being removed", "removedBytes", usage->removed_bytes, NULL},
        {"Quarantine", "quarantineBytes", usage->quarantine_bytes, NULL},
        {"Workspaces", "workspacesBytes", usage->workspaces_bytes, NULL},
        {"Log", "logBytes", usage->log_bytes, NULL},
        {"Catalog", "catalogBytes", usage->catalog_bytes, NULL},
        {"Other", "otherBytes", usage->other_bytes, NULL},
        {"Unknown", "unknownBytes", usage->unknown_bytes, NULL},
        {"All files", "totalBytes", usage->total_bytes, NULL},
        {"On disk", "allocatedBytes", usage->allocated_bytes, NULL},
        {"Reclaimable", "reclaimableBytes", usage->reclaimable_bytes, NULL},
    };
    struct cli_listing listing;
    json_t *value = cli_need(json_object());

    cli_listing_init(&listing, fields, CLI_COUNT(fields), verbose ? EXACT_TABLE : TABLE);
    for (size_t i = 0; i < CLI_COUNT(rows); i++)
        add(&listing, value, &rows[i]);
    json_object_set_new(value, "images", json_integer((json_int_t)usage->images_count));
    json_object_set_new(value, "objects", json_integer((json_int_t)usage->objects_count));
    /* One object for programs: nobody wants to search an array for a number. */
    json_decref(listing.values);
    listing.values = value;
    int code = cli_listing_print(cli, &listing, format, json);
    if (code == CLI_DONE && usage->unknown_bytes > 0)
        cli_say(cli, "nothing accounts for %" PRIu64 " bytes; see 'holdfast fsck'",
                usage->unknown_bytes);
    return code;
}

int cmd_df(struct cli *cli, int argc, char **argv)
{
    bool verbose = false;
    bool json = false;
    const char *format = NULL;
    const struct cli_option options[] = {
        {'v', "verbose", NULL, "exact bytes", .flag = &verbose},
        {0, "format", "TEMPLATE", "json, a template, or 'table …'; fields: Type Total Size Bytes",
         .text = &format},
        {0, "json", NULL, "the same as --format json", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about =
            "Show where the bytes of the store are. Every file below its folder is in one of the\n"
            "rows from Images to Unknown; All files is their sum; Reclaimable is what 'prune -a'\n"
            "would free.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct hf_usage usage = {0};

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_read(cli, &store);
    if (code != 0)
        return code;
    if (hf_store_usage(store, &usage, &err) != 0)
        code = cli_fail(cli, NULL, &err);
    else
        code = print_usage(cli, &usage, format, verbose, json);
    return cli_close(cli, store, code);
}
