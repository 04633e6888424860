/* cmd_load.c - holdfast load */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "events.h"
#include "options.h"

struct arguments {
    const char *input;
    const char *platform;
    struct cli_texts refs;
    bool ref_digest;
    bool keep_old;
    bool lazy;
    bool quiet;
    bool json;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'i', "input", "FILE", "archive or OCI folder to load (- or none: standard input)",
         .text = &out->input},
        {0, "ref", "NAME",
         "name the image NAME instead of what the archive says; ID=NAME for one\n"
         "of several; a repository alone gives bare tags their repository",
         .texts = &out->refs},
        {0, "ref-digest", NULL, "name images without a name import-DATE@sha256:…",
         .flag = &out->ref_digest},
        {0, "keep-old", NULL, "keep an image whose last name moves, as NAME@sha256:…",
         .flag = &out->keep_old},
        {0, "platform", "OS/ARCH", "load only this platform of an index", .text = &out->platform},
        {0, "lazy", NULL, "leave it to the first mount to unpack compressed layers",
         .flag = &out->lazy},
        {'q', "quiet", NULL, "show no progress", .flag = &out->quiet},
        {0, "json", NULL, "print what was done as JSON", .flag = &out->json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about = "Load every image of an archive made by docker, podman, skopeo, buildah, umoci, "
                 "buildx\n"
                 "or ctr (docker archive or OCI layout, compressed or not): all of them or none,\n"
                 "durable when the command ends. The first load makes the store.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    return cli_parse(cli, &syntax, argc, argv);
}

int cmd_load(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    const char *path =
        arguments.input && strcmp(arguments.input, "-") != 0 ? arguments.input : NULL;
    if (!path && isatty(STDIN_FILENO))
        return cli_misuse(cli, "an archive is not read from a terminal: give -i FILE or a pipe");
    int code = cli_open_to_write(cli, HF_OPEN_CREATE, &store);
    if (code != 0)
        return code;
    struct cli_events events = {.cli = cli,
                                .results = stdout,
                                .tell_loaded = true,
                                .json = cli_json_array_if(arguments.json)};
    const struct hf_load_options options = {
        .platform = arguments.platform,
        .refs = arguments.refs.items,
        .ref_count = arguments.refs.count,
        .ref_digest = arguments.ref_digest,
        .keep_old = arguments.keep_old,
        .lazy = arguments.lazy,
        .observer = cli_events_observe(&events, arguments.quiet),
    };
    if (!path)
        cli_interrupt_ends_input(STDIN_FILENO);
    code = hf_image_load(store, path, path ? -1 : STDIN_FILENO, &options, &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, path ? path : "standard input", &err);
    return cli_close(cli, store, code);
}
