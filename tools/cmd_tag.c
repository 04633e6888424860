/* cmd_tag.c - holdfast tag and untag */
#include <stdio.h>

#include "commands.h"
#include "events.h"
#include "options.h"

int cmd_tag(struct cli *cli, int argc, char **argv)
{
    struct hf_name_options names = {0};
    const struct cli_option options[] = {
        {'f', "force", NULL,
         "also when that takes another image its last name and thereby its life",
         .flag = &names.force},
        {0, "keep-old", NULL, "keep the image that loses its last name, as NAME@sha256:…",
         .flag = &names.keep_old},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE NAME",
        .about = "Give an image another name. A name that is some image's only one is not taken "
                 "from it\n"
                 "without --force or --keep-old: a mistyped name shall not destroy an image.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 2,
        .max_operands = 2,
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    struct cli_events events = {.cli = cli, .results = stderr};
    names.observer = cli_events_observe(&events, true);
    code = hf_image_tag(store, cli->operands[0], cli->operands[1], &names, &err);
    if (code != 0)
        code = cli_fail(cli, NULL, &err);
    return cli_close(cli, store, code);
}

int cmd_untag(struct cli *cli, int argc, char **argv)
{
    struct hf_name_options names = {0};
    bool json = false;
    const struct cli_option options[] = {
        {'f', "force", NULL, "also an image's last name, which removes the image",
         .flag = &names.force},
        {0, "json", NULL, "print what was done as JSON", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "NAME...",
        .about = "Drop names of images. An image's last name is refused: that is what rmi is for.\n"
                 "Several names are dropped together or not at all.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    struct cli_events events = {
        .cli = cli, .results = stdout, .tell_deleted = true, .json = cli_json_array_if(json)};
    names.observer = cli_events_observe(&events, true);
    code =
        hf_image_untag(store, (const char *const *)cli->operands, cli->operand_count, &names, &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, NULL, &err);
    return cli_close(cli, store, code);
}
