/* cmd_inspect.c - holdfast inspect */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "format.h"
#include "options.h"
#include "print.h"

struct arguments {
    const char *format;
    const char *platform;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {'f', "format", "TEMPLATE",
         "json, or a template such as '{{.Id}}' or '{{json .Config.Env}}'", .text = &out->format},
        {0, "platform", "OS/ARCH", "this platform of an index (else this machine's)",
         .text = &out->platform},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE...",
        .about =
            "Print all about images, as docker does: one JSON array. What is missing is named on\n"
            "standard error and makes the exit code 1; the others are printed all the same.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    return cli_parse(cli, &syntax, argc, argv);
}

/* Add the documents of all images to `array`; the exit code. */
static int collect(const struct cli *cli, struct hf_store *store, const char *platform,
                   json_t *array)
{
    int exit_code = CLI_DONE;

    for (size_t i = 0; i < cli->operand_count; i++) {
        struct hf_error err = {0};
        char *text = NULL;
        if (hf_image_inspect(store, cli->operands[i], platform, &text, &err) != 0) {
            int code = cli_fail(cli, cli->operands[i], &err);
            exit_code = exit_code < code ? code : exit_code;
            continue;
        }
        json_array_append_new(array, cli_need(json_loads(text, JSON_ALLOW_NUL, NULL)));
        free(text);
    }
    return exit_code;
}

static int print_template(const struct cli *cli, const char *format, const json_t *array)
{
    char *template = cli_template_unescape(format);
    /* To a terminal nothing that could command it; to a pipe the very bytes. */
    const struct cli_template_options options = {.raw = !isatty(STDOUT_FILENO)};
    struct hf_error err = {0};
    struct hf_buf out = {0};
    int code = 0;
    json_t *document;
    size_t i;

    json_array_foreach(array, i, document)
    {
        code = cli_template_render(template, document, &options, &out, &err);
        if (code != 0)
            break;
        hf_buf_put_u8(&out, '\n');
    }
    free(template);
    if (code == 0)
        fputs(cli_need((void *)(uintptr_t)hf_buf_text(&out)), stdout);
    hf_buf_release(&out);
    return code == 0 ? CLI_DONE : cli_fail(cli, NULL, &err);
}

int cmd_inspect(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct hf_store *store = NULL;

    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    json_t *array = cli_need(json_array());
    int code = cli_open_to_read(cli, &store);
    if (code == 0)
        code = collect(cli, store, arguments.platform, array);
    if (!arguments.format || strcmp(arguments.format, "json") == 0) {
        cli_print_json(json_incref(array));
    } else {
        int print_code = print_template(cli, arguments.format, array);
        code = code < print_code ? print_code : code;
    }
    json_decref(array);
    return cli_close(cli, store, code);
}
