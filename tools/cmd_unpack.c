/* cmd_unpack.c - holdfast unpack */
#include "commands.h"
#include "events.h"
#include "options.h"

struct arguments {
    const char *platform;
    bool bundle;
    bool quiet;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {0, "bundle", NULL,
         "DIR gets rootfs/ and config.json from the image's config, for\n"
         "'runc run' and 'crun run'",
         .flag = &out->bundle},
        {0, "platform", "OS/ARCH", "unpack this platform of an index", .text = &out->platform},
        {'q', "quiet", NULL, "show no progress", .flag = &out->quiet},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE DIR",
        .about =
            "Write an image's files into the folder DIR, which is made, or must be empty. All of "
            "it\n"
            "is durable when the command ends well; else DIR is as it was before. Owners, devices\n"
            "and attributes are kept as far as the user may.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 2,
        .max_operands = 2,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

int cmd_unpack(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    int code = cli_open_to_read(cli, &store);
    if (code != 0)
        return code;
    cli_interrupt_catch();
    struct cli_events events = {.cli = cli, .results = stderr};
    const struct hf_unpack_options options = {
        .platform = arguments.platform,
        .bundle = arguments.bundle,
        .observer = cli_events_observe(&events, arguments.quiet),
    };
    code = hf_image_unpack(store, cli->operands[0], cli->operands[1], &options, &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, cli->operands[0], &err);
    return cli_close(cli, store, code);
}
