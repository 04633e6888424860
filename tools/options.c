/*
 * options.c - see options.h.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 26 };

static void print_option(const struct cli_option *option)
{
    char left[80];
    int len = 0;

    if (option->short_name)
        len = snprintf(left, sizeof(left), "  -%c, --%s", option->short_name, option->long_name);
    else
        len = snprintf(left, sizeof(left), "      --%s", option->long_name);
    if (option->value)
        len += snprintf(left + len, sizeof(left) - (size_t)len, " %s", option->value);
    fputs(left, stdout);
    if (len > HELP_COLUMN - 2)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - len, "");
    for (const char *line = option->help; line;) {
        const char *end = strchr(line, '\n');
        printf("%.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
        if (line)
            printf("%*s", HELP_COLUMN, "");
    }
}

static void print_help(const struct cli *cli, const struct cli_option *options, size_t count,
                       const struct cli_syntax *syntax)
{
    printf("Usage: holdfast %s [OPTIONS]%s%s\n\n%s\n\nOptions:\n", cli->command,
           syntax->usage[0] ? " " : "", syntax->usage, syntax->about);
    for (size_t i = 0; i < count; i++)
        print_option(&options[i]);
}

/* getopt's tables for ours. Long options get the value 256 + index, short ones their letter. */
struct getopt_tables {
    struct option *longs;
    char *shorts;
};

static struct getopt_tables make_tables(const struct cli_option *options, size_t count)
{
    struct getopt_tables tables = {
        .longs = cli_need(calloc(count + 1, sizeof(struct option))),
        .shorts = cli_need(calloc(2 * count + 2, 1)),
    };
    size_t at = 0;

    /* A leading colon: getopt reports a missing value as ':' and prints nothing. */
    tables.shorts[at++] = ':';
    for (size_t i = 0; i < count; i++) {
        tables.longs[i] = (struct option){
            .name = options[i].long_name,
            .has_arg = options[i].value ? required_argument : optional_argument,
            .val = 256 + (int)i,
        };
        if (options[i].short_name) {
            tables.shorts[at++] = options[i].short_name;
            if (options[i].value)
                tables.shorts[at++] = ':';
        }
    }
    return tables;
}

static const struct cli_option *find_option(const struct cli_option *options, size_t count,
                                            int value)
{
    if (value >= 256)
        return &options[value - 256];
    for (size_t i = 0; i < count; i++)
        if (options[i].short_name == value)
            return &options[i];
    return NULL;
}

static bool set_option(struct cli *cli, const struct cli_option *option, const char *value)
{
    if (option->text) {
        *option->text = value;
    } else if (option->texts) {
        option->texts->items[option->texts->count++] = value;
    } else if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
        *option->flag = true;
    } else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0) {
        *option->flag = false;
    } else {
        cli->exit_code = cli_misuse(cli, "--%s takes no value, or true or false, not '%s'",
                                    option->long_name, value);
        return false;
    }
    return true;
}

static bool check_operands(struct cli *cli, const struct cli_syntax *syntax)
{
    const char *problem = NULL;

    if (cli->operand_count < syntax->min_operands)
        problem = cli->operand_count == 0 ? "an argument is missing" : "too few arguments";
    else if (syntax->max_operands == 0 && cli->operand_count > 0)
        problem = "it takes no arguments";
    else if (cli->operand_count > syntax->max_operands)
        problem = "too many arguments";
    if (problem)
        cli->exit_code = cli_misuse(cli, "%s: holdfast %s %s", problem, cli->command,
                                    syntax->usage[0] ? syntax->usage : "[OPTIONS]");
    return !problem;
}

/* One piece of memory for all lists: none can have more elements than the command line has words.
 */
static void make_lists(struct cli *cli, const struct cli_option *options, size_t count, int argc)
{
    size_t lists = 0;

    cli->lists = cli_need(calloc((count + 1) * (size_t)argc, sizeof(*cli->lists)));
    for (size_t i = 0; i < count; i++)
        if (options[i].texts)
            options[i].texts->items = cli->lists + lists++ * (size_t)argc;
}

/* What getopt stumbled over. */
static int wrong_option(const struct cli *cli, int value, char **argv)
{
    char letter[] = {'-', (char)optopt, '\0'};
    /* For a long option optopt is 0 or our number, and the word lies behind us. */
    const char *what = optopt > 0 && optopt < 256 ? letter : argv[optind - 1];

    if (value == ':')
        return cli_misuse(cli, "%s needs a value", what);
    return cli_misuse(cli, "there is no option %s", what);
}

static bool parse_options(struct cli *cli, const struct cli_option *options, size_t count, int argc,
                          char **argv)
{
    struct getopt_tables tables = make_tables(options, count);
    bool good = true;
    int value;

    make_lists(cli, options, count, argc);
    opterr = 0;
    optind = 0; /* a full restart: main has parsed the global options with it */
    while (good && (value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
        if (value == '?' || value == ':') {
            cli->exit_code = wrong_option(cli, value, argv);
            good = false;
        } else {
            good = set_option(cli, find_option(options, count, value), optarg);
        }
    }
    free(tables.longs);
    free(tables.shorts);
    return good;
}

bool cli_parse(struct cli *cli, const struct cli_syntax *syntax, int argc, char **argv)
{
    bool help = false;
    const struct cli_option common[] = {
        {.long_name = "root",
         .value = "DIR",
         .help = "folder of the store (else $HOLDFAST_ROOT, else the default)",
         .text = &cli->root},
        {.short_name = 'h', .long_name = "help", .help = "print this help", .flag = &help},
    };
    size_t count = syntax->option_count + CLI_COUNT(common);
    struct cli_option *options = cli_need(calloc(count, sizeof(*options)));

    if (syntax->option_count > 0)
        memcpy(options, syntax->options, syntax->option_count * sizeof(*options));
    memcpy(options + syntax->option_count, common, sizeof(common));
    bool good = parse_options(cli, options, count, argc, argv);
    if (good && help) {
        print_help(cli, options, count, syntax);
        cli->exit_code = CLI_DONE;
        good = false;
    }
    free(options);
    if (!good)
        return false;
    cli->operands = argv + optind;
    cli->operand_count = (size_t)(argc - optind);
    return check_operands(cli, syntax);
}

int cli_run_verb(struct cli *cli, const struct cli_verb *verbs, size_t count, const char *usage,
                 const char *about, int argc, char **argv)
{
    const struct cli_syntax syntax = {.usage = usage, .about = about, .max_operands = CLI_ANY};

    for (size_t i = 0; argc > 1 && i < count; i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            cli->command = verbs[i].command;
            return verbs[i].run(cli, argc - 1, argv + 1);
        }
    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    return cli_misuse(cli, "say what: %s", usage);
}
