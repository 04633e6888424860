/*
 * cmd_commit.c - holdfast commit
 *
 * Where the difference is, is told by exactly one option: --upper or --diff. The operands then are
 * the new name alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "events.h"
#include "options.h"

struct arguments {
    const char *upper;
    const char *diff;
    const char *parent;
    struct cli_texts changes;
    const char *author;
    const char *message;
    const char *platform;
    bool keep_old;
    bool quiet;
    bool json;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {0, "upper", "DIR", "the difference is the upper directory of an overlayfs",
         .text = &out->upper},
        {0, "diff", "TAR",
         "the difference is a layer's tar, with .wh. marks, compressed or not;\n"
         "-: standard input",
         .text = &out->diff},
        {0, "parent", "IMAGE",
         "the image that was changed; without it the difference is the first\n"
         "layer",
         .text = &out->parent},
        {'c', "change", "INSTRUCTION",
         "set what the image tells about itself, as in a Dockerfile: CMD,\n"
         "ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER,\n"
         "VOLUME, WORKDIR",
         .texts = &out->changes},
        {'a', "author", "TEXT", "author of the image", .text = &out->author},
        {'m', "message", "TEXT", "comment for the image's history", .text = &out->message},
        {0, "platform", "OS/ARCH",
         "which one of a parent for several platforms; without a parent, the\n"
         "platform of the image (else this machine's)",
         .text = &out->platform},
        {0, "keep-old", NULL, "keep an image whose last name moves, as NAME@sha256:…",
         .flag = &out->keep_old},
        {'q', "quiet", NULL, "show no progress", .flag = &out->quiet},
        {0, "json", NULL, "print what was done as JSON", .flag = &out->json},
    };
    const struct cli_syntax syntax = {
        .usage = "WORKSPACE|--upper DIR|--diff TAR NAME",
        .about = "Make an image from a parent and what was changed on it, and print its ID. Nobody "
                 "may\n"
                 "write to DIR or the workspace meanwhile; the parent of a workspace is its image. "
                 "Without a difference the image has its parent's layers.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = 2,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

static bool is_standard_input(const struct arguments *arguments)
{
    return arguments->diff && strcmp(arguments->diff, "-") == 0;
}

/* 0, or the exit code. */
static int check(const struct cli *cli, const struct arguments *arguments)
{
    int sources =
        (arguments->upper != NULL) + (arguments->diff != NULL) + (cli->operand_count == 2);

    if (sources != 1)
        return cli_misuse(cli, "give one of WORKSPACE, --upper DIR and --diff TAR");
    if (cli->operand_count == 2 && arguments->parent)
        return cli_misuse(cli, "the parent of a workspace is its image");
    if (is_standard_input(arguments) && isatty(STDIN_FILENO))
        return cli_misuse(cli, "an archive is not read from a terminal: give TAR or a pipe");
    return 0;
}

static int commit_workspace(const struct cli *cli, struct hf_store *store,
                            const struct hf_commit_options *options, struct hf_digest *out_id,
                            struct hf_error *err)
{
    struct hf_commit_options own = *options;
    char parent[HF_DIGEST_TEXT_MAX];
    struct hf_digest image;
    char *upper = NULL;
    int rc = hf_workspace_upper(store, cli->operands[0], &upper, &image, err);

    if (rc == 0) {
        own.parent = hf_digest_text(&image, parent);
        rc = hf_image_commit_upper(store, upper, cli->operands[1], &own, out_id, err);
    }
    free(upper);
    return rc;
}

static int commit(const struct cli *cli, struct hf_store *store, const struct arguments *arguments,
                  const struct hf_commit_options *options, struct hf_digest *out_id,
                  struct hf_error *err)
{
    const char *name = cli->operands[0];

    if (cli->operand_count == 2)
        return commit_workspace(cli, store, options, out_id, err);
    if (arguments->upper)
        return hf_image_commit_upper(store, arguments->upper, name, options, out_id, err);
    if (!is_standard_input(arguments))
        return hf_image_commit_diff(store, arguments->diff, -1, name, options, out_id, err);
    cli_interrupt_ends_input(STDIN_FILENO);
    return hf_image_commit_diff(store, NULL, STDIN_FILENO, name, options, out_id, err);
}

/* What a sentence is about that names nothing itself. */
static const char *subject(const struct arguments *arguments)
{
    if (arguments->upper)
        return arguments->upper;
    return is_standard_input(arguments) ? "standard input" : arguments->diff;
}

int cmd_commit(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct hf_digest id = {0};
    char text[HF_DIGEST_TEXT_MAX];

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    int code = check(cli, &arguments);
    if (code != 0)
        return code;
    /* Only without a parent it can be the first thing in a store. */
    code = cli_open_to_write(
        cli, arguments.parent || cli->operand_count == 2 ? HF_OPEN_READ_WRITE : HF_OPEN_CREATE,
        &store);
    if (code != 0)
        return code;
    struct cli_events events = {
        .cli = cli, .results = stderr, .json = cli_json_array_if(arguments.json)};
    const struct hf_commit_options options = {
        .parent = arguments.parent,
        .platform = arguments.platform,
        .changes = arguments.changes.items,
        .change_count = arguments.changes.count,
        .author = arguments.author,
        .message = arguments.message,
        .keep_old = arguments.keep_old,
        .observer = cli_events_observe(&events, arguments.quiet),
    };
    code = commit(cli, store, &arguments, &options, &id, &err);
    cli_events_end(&events);
    if (code != 0)
        code =
            cli_fail(cli, cli->operand_count == 2 ? cli->operands[0] : subject(&arguments), &err);
    else if (!arguments.json)
        puts(hf_digest_text(&id, text));
    return cli_close(cli, store, code);
}
