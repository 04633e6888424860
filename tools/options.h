/*
 * options.h - options of a command as a table, from which both parsing and --help are made.
 *
 * Every command has -h, --help and --root DIR besides. Flags take docker's "--quiet=false" too.
 */
#ifndef HOLDFAST_TOOLS_OPTIONS_H
#define HOLDFAST_TOOLS_OPTIONS_H

#include "cli.h"

struct cli_texts {
    const char **items;
    size_t count;
};

struct cli_option {
    char short_name;       /* 0: none */
    const char *long_name; /* without the dashes */
    const char *value;     /* what help calls its value; NULL for a flag */
    const char *help;
    /* Where it goes: exactly one is set. */
    bool *flag;
    const char **text;       /* the last one given counts */
    struct cli_texts *texts; /* may be given several times */
};

#define CLI_ANY SIZE_MAX

struct cli_syntax {
    const char *usage; /* operands: "IMAGE..." */
    const char *about; /* what it does; lines as they shall be printed */
    const struct cli_option *options;
    size_t option_count;
    size_t min_operands;
    size_t max_operands; /* or CLI_ANY */
};

/*
 * Parse argv (argv[0] is the command's name) and set what the options point to and cli->operands.
 * False ends the command with cli->exit_code: help was printed, or the command line is wrong.
 */
bool cli_parse(struct cli *cli, const struct cli_syntax *syntax, int argc, char **argv);

struct cli_verb {
    const char *name;    /* "add" */
    const char *command; /* "hold add" */
    cli_command_fn *run;
};
/* A command of several verbs: run the one that argv[1] names. Without one: help, or usage. */
int cli_run_verb(struct cli *cli, const struct cli_verb *verbs, size_t count, const char *usage,
                 const char *about, int argc, char **argv);

#endif
