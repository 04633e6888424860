/* cmd_save.c - holdfast save */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "events.h"
#include "options.h"

struct arguments {
    const char *output;
    const char *format;
    const char *platform;
    bool only;
    bool no_names;
    bool quiet;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'o', "output", "FILE", "file or folder to write (- or none: standard output)",
         .text = &out->output},
        {0, "format", "FORMAT",
         "hybrid (default): one tar for docker, podman and ctr, plain layers;\n"
         "docker-archive: as docker before 25 and podman;\n"
         "oci-archive, oci-dir: OCI layout with the exact bytes that were loaded",
         .text = &out->format},
        {0, "only", NULL, "write only the names given here, not all that their images have",
         .flag = &out->only},
        {0, "no-names", NULL, "write no names", .flag = &out->no_names},
        {0, "platform", "OS/ARCH", "write only this platform of an index", .text = &out->platform},
        {'q', "quiet", NULL, "show no progress", .flag = &out->quiet},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE...",
        .about =
            "Write images to one archive. Several arguments are several images (podman 4.3 takes\n"
            "the second for a name of the first). An image saved by ID keeps all of its names.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

static bool find_format(const char *name, enum hf_save_format *out_format)
{
    static const char *const names[] = {
        [HF_SAVE_HYBRID] = "hybrid",
        [HF_SAVE_DOCKER_ARCHIVE] = "docker-archive",
        [HF_SAVE_OCI_ARCHIVE] = "oci-archive",
        [HF_SAVE_OCI_DIR] = "oci-dir",
    };
    for (size_t i = 0; i < CLI_COUNT(names); i++)
        if (strcmp(names[i], name) == 0) {
            *out_format = (enum hf_save_format)i;
            return true;
        }
    return false;
}

/* 0, or the exit code of a wrong command line. */
static int check(const struct cli *cli, const struct arguments *arguments, const char *path,
                 enum hf_save_format *out_format)
{
    if (arguments->format && !find_format(arguments->format, out_format))
        return cli_misuse(cli,
                          "--format is hybrid, docker-archive, oci-archive or oci-dir, not '%s'",
                          arguments->format);
    if (*out_format == HF_SAVE_OCI_DIR && !path)
        return cli_misuse(cli, "an oci-dir needs a folder: give -o DIR");
    if (arguments->only && arguments->no_names)
        return cli_misuse(cli, "--only and --no-names exclude each other");
    if (!path && isatty(STDOUT_FILENO))
        return cli_misuse(cli, "an archive is not written to a terminal: give -o FILE or a pipe");
    return 0;
}

int cmd_save(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    enum hf_save_format format = HF_SAVE_HYBRID;
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    const char *path =
        arguments.output && strcmp(arguments.output, "-") != 0 ? arguments.output : NULL;
    int code = check(cli, &arguments, path, &format);
    if (code == 0)
        code = cli_open_to_read(cli, &store);
    if (code != 0)
        return code;
    cli_interrupt_catch();
    struct cli_events events = {.cli = cli, .results = stderr};
    const struct hf_save_options options = {
        .format = format,
        .platform = arguments.platform,
        .only_named = arguments.only,
        .no_names = arguments.no_names,
        .observer = cli_events_observe(&events, arguments.quiet),
    };
    code = hf_image_save(store, (const char *const *)cli->operands, cli->operand_count, path,
                         path ? -1 : STDOUT_FILENO, &options, &err);
    cli_events_end(&events);
    if (code != 0)
        code = cli_fail(cli, NULL, &err);
    return cli_close(cli, store, code);
}
