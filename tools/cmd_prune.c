/* cmd_prune.c - holdfast prune */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "events.h"
#include "options.h"
#include "print.h"

struct arguments {
    bool all;
    bool force;
    bool derived;
    bool dry_run;
    bool json;
    struct cli_texts filters;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'a', "all", NULL, "every image without a hold; asks on a terminal, else needs --force",
         .flag = &out->all},
        {'f', "force", NULL, "do not ask", .flag = &out->force},
        {0, "filter", "FILTER", "only images that fit: until=TIME, label=KEY[=VALUE]",
         .texts = &out->filters},
        {0, "derived", NULL,
         "also what makes layers mountable, of images that nobody holds or mounts",
         .flag = &out->derived},
        {0, "dry-run", NULL, "tell what would be removed, and remove nothing",
         .flag = &out->dry_run},
        {0, "json", NULL, "print what was done as JSON", .flag = &out->json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about =
            "Remove what is left over: holds that have expired, and old images that were kept as\n"
            "NAME@sha256:… when their name moved. Images with a name of their own stay, unless "
            "--all.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    return cli_parse(cli, &syntax, argc, argv);
}

static bool confirm(void)
{
    char answer[16];

    fputs("This removes every image that is not under a hold.\n"
          "Are you sure you want to continue? [y/N] ",
          stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int cmd_prune(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    uint64_t freed_bytes = 0;
    char size[CLI_TEXT_MAX];

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    if (arguments.all && !arguments.force && !arguments.dry_run) {
        if (!isatty(STDIN_FILENO))
            return cli_misuse(cli, "without a terminal to ask, --all needs --force");
        if (!confirm())
            return CLI_FAILED;
    }
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    struct cli_events events = {.cli = cli,
                                .results = stdout,
                                .tell_deleted = true,
                                .dry_run = arguments.dry_run,
                                .json = cli_json_array_if(arguments.json)};
    const struct hf_prune_options options = {
        .all = arguments.all,
        .derived = arguments.derived,
        .filters = arguments.filters.items,
        .filter_count = arguments.filters.count,
        .dry_run = arguments.dry_run,
        .observer = cli_events_observe(&events, true),
    };
    code = hf_image_prune(store, &options, &freed_bytes, &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, NULL, &err);
    else if (!arguments.json)
        printf("%s: %s\n",
               arguments.dry_run ? "Space that would be reclaimed" : "Total reclaimed space",
               cli_size_text(freed_bytes, size));
    return cli_close(cli, store, code);
}
