/* cmd_rmi.c - holdfast rmi */
#include <stdio.h>

#include "commands.h"
#include "events.h"
#include "options.h"

static bool parse(struct cli *cli, int argc, char **argv, struct hf_name_options *out, bool *json)
{
    const struct cli_option options[] = {
        {'f', "force", NULL, "drop all names of an ID, and ignore what is missing",
         .flag = &out->force},
        {0, "keep-going", NULL, "remove what can be removed instead of refusing all",
         .flag = &out->keep_going},
        {0, "json", NULL, "print what was done as JSON", .flag = json},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE...",
        .about = "Remove images: a name is dropped, and with its last name an image goes; an ID "
                 "stands for\n"
                 "an image with one name. All arguments together or none: one that is refused "
                 "refuses all.\n"
                 "An image under a hold stays, also with --force.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

int cmd_rmi(struct cli *cli, int argc, char **argv)
{
    struct hf_name_options names = {0};
    bool json = false;
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!parse(cli, argc, argv, &names, &json))
        return cli->exit_code;
    int code = names.force ? cli_open_to_write_if_any(cli, &store)
                           : cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    /* Where there is no store, everything is missing, which --force ignores. */
    if (code != 0 || !store)
        return code;
    struct cli_events events = {
        .cli = cli, .results = stdout, .tell_deleted = true, .json = cli_json_array_if(json)};
    names.observer = cli_events_observe(&events, true);
    code = hf_image_remove(store, (const char *const *)cli->operands, cli->operand_count, &names,
                           &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, NULL, &err);
    return cli_close(cli, store, code);
}
