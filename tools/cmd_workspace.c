/* cmd_workspace.c - holdfast workspace ls, rm */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "listing.h"
#include "options.h"
#include "print.h"

static const struct cli_field fields[] = {
    {"Name", "NAME"}, {"Image", "IMAGE"}, {"Digest", "DIGEST"}, {"Since", "SINCE"}};

#define TABLE "table {{.Name}}\t{{.Image}}\t{{.Since}}"

static int collect(void *arg, const struct hf_workspace *workspace)
{
    struct cli_listing *listing = arg;
    json_t *row = cli_need(json_object());
    json_t *value = cli_need(json_object());
    char digest[HF_DIGEST_TEXT_MAX], shown[HF_REFERENCE_MAX], text[CLI_TEXT_MAX];
    bool by_name = workspace->name[0] != '\0';

    json_object_set_new(row, "Name", cli_json_text(workspace->workspace));
    json_object_set_new(row, "Image",
                        cli_json_text(by_name ? hf_reference_familiar(workspace->name, shown)
                                              : cli_short_id(&workspace->target, digest)));
    json_object_set_new(row, "Digest", cli_json_digest(&workspace->target));
    json_object_set_new(row, "Since", cli_json_text(cli_ago_text(workspace->time_ns, text)));
    json_array_append_new(listing->rows, row);

    json_object_set_new(value, "workspace", cli_json_text(workspace->workspace));
    json_object_set_new(value, "name", cli_json_text(workspace->name));
    json_object_set_new(value, "digest", cli_json_digest(&workspace->target));
    json_object_set_new(value, "since", cli_json_text(cli_time_text(workspace->time_ns, text)));
    json_array_append_new(listing->values, value);
    return 0;
}

static int workspace_ls(struct cli *cli, int argc, char **argv)
{
    const char *format = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {0, "format", "TEMPLATE", "json, a template, or 'table …'; fields: Name Image Digest Since",
         .text = &format},
        {0, "json", NULL, "the same as --format json", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about = "List workspaces: what was written in images mounted with 'mount --rw'.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct cli_listing listing;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_read_if_any(cli, &store);
    if (code != 0)
        return code;
    cli_listing_init(&listing, fields, CLI_COUNT(fields), TABLE);
    if (store)
        code = hf_workspaces_each(store, collect, &listing, &err);
    code = cli_listing_end(cli, &listing, code, &err, format, json);
    return cli_close(cli, store, code);
}

static int workspace_rm(struct cli *cli, int argc, char **argv)
{
    const struct cli_syntax syntax = {
        .usage = "NAME...",
        .about = "Remove workspaces with all that was written in them, and end their holds.",
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    struct hf_store *store = NULL;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    for (size_t i = 0; i < cli->operand_count; i++) {
        struct hf_error err = {0};
        if (hf_workspace_remove(store, cli->operands[i], &err) != 0)
            code = cli_fail(cli, NULL, &err);
    }
    return cli_close(cli, store, code);
}

int cmd_workspace(struct cli *cli, int argc, char **argv)
{
    static const struct cli_verb verbs[] = {
        {"ls", "workspace ls", workspace_ls},
        {"list", "workspace ls", workspace_ls},
        {"rm", "workspace rm", workspace_rm},
    };

    return cli_run_verb(cli, verbs, CLI_COUNT(verbs), "ls|rm",
                        "What was written in images that were mounted with 'holdfast mount --rw "
                        "NAME'.\n"
                        "See 'holdfast workspace ls --help', 'workspace rm --help'.",
                        argc, argv);
}
