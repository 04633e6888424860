/* cmd_import.c - holdfast import */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "events.h"
#include "options.h"

struct arguments {
    struct cli_texts changes;
    const char *message;
    const char *platform;
    bool keep_old;
    bool quiet;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'c', "change", "INSTRUCTION",
         "set what the image tells about itself, as in a Dockerfile: CMD,\n"
         "ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER,\n"
         "VOLUME, WORKDIR",
         .texts = &out->changes},
        {'m', "message", "TEXT", "comment for the image's history", .text = &out->message},
        {0, "platform", "OS/ARCH", "platform of the image (else this machine's)",
         .text = &out->platform},
        {0, "keep-old", NULL, "keep an image whose last name moves, as NAME@sha256:…",
         .flag = &out->keep_old},
        {'q', "quiet", NULL, "show no progress", .flag = &out->quiet},
    };
    const struct cli_syntax syntax = {
        .usage = "FILE|- NAME",
        .about = "Make an image of one layer from the tar of a root file system (compressed or "
                 "not) and\n"
                 "print its ID. The first import makes the store.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 2,
        .max_operands = 2,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

int cmd_import(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct hf_digest id = {0};
    char text[HF_DIGEST_TEXT_MAX];

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    const char *path = strcmp(cli->operands[0], "-") != 0 ? cli->operands[0] : NULL;
    if (!path && isatty(STDIN_FILENO))
        return cli_misuse(cli, "an archive is not read from a terminal: give FILE or a pipe");
    int code = cli_open_to_write(cli, HF_OPEN_CREATE, &store);
    if (code != 0)
        return code;
    struct cli_events events = {.cli = cli, .results = stderr};
    const struct hf_import_options options = {
        .changes = arguments.changes.items,
        .change_count = arguments.changes.count,
        .message = arguments.message,
        .platform = arguments.platform,
        .keep_old = arguments.keep_old,
        .observer = cli_events_observe(&events, arguments.quiet),
    };
    if (!path)
        cli_interrupt_ends_input(STDIN_FILENO);
    code = hf_image_import(store, path, path ? -1 : STDIN_FILENO, cli->operands[1], &options, &id,
                           &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, path ? path : "standard input", &err);
    else
        puts(hf_digest_text(&id, text));
    return cli_close(cli, store, code);
}
