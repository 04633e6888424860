/*
 * main.c - `holdfast`: the table of commands, and the options that stand before one.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"

static const struct command {
    const char *name;
    const char *image_verb; /* as in docker's `image VERB`, or NULL */
    cli_command_fn *run;
    const char *summary; /* NULL: another name of the command above */
} commands[] = {
    {"load", "load", cmd_load, "load images from an archive"},
    {"save", "save", cmd_save, "write images to an archive"},
    {"mount", NULL, cmd_mount, "mount an image on a folder"},
    {"umount", NULL, cmd_umount, "unmount images"},
    {"mounts", NULL, cmd_mounts, "list mounted images"},
    {"workspace", NULL, cmd_workspace, "list and remove what was written in mounted images"},
    {"unpack", NULL, cmd_unpack, "write an image's files into a folder"},
    {"import", "import", cmd_import, "make an image from a root file system's tar"},
    {"commit", NULL, cmd_commit, "make an image from a parent and what was changed on it"},
    {"images", "ls", cmd_images, "list images (also: ls)"},
    {"ls", "list", cmd_images, NULL},
    {"inspect", "inspect", cmd_inspect, "show all about images"},
    {"history", "history", cmd_history, "show how an image was made"},
    {"tag", "tag", cmd_tag, "give an image another name"},
    {"untag", "untag", cmd_untag, "drop names of images"},
    {"rmi", "rm", cmd_rmi, "remove images"},
    {"prune", "prune", cmd_prune, "remove what is left over, or everything unheld"},
    {"hold", NULL, cmd_hold, "hold images that are in use: add, ls, rm"},
    {"df", NULL, cmd_df, "show where the store's bytes are"},
    {"fsck", NULL, cmd_fsck, "check the store, and repair it"},
    {"recover", NULL, cmd_recover, "end what a power cut has left, and tell about it"},
    {"wal", NULL, cmd_wal, "show the log"},
    {"config", NULL, cmd_config, "show or change settings of the store"},
    {NULL, "exists", cmd_exists, NULL},
};

static void print_help(void)
{
    puts("Usage: holdfast [--root DIR] COMMAND [OPTIONS] [ARGUMENTS]\n"
         "\n"
         "A store for container images that survives power loss.\n"
         "\n"
         "Commands:");
    for (size_t i = 0; i < CLI_COUNT(commands); i++)
        if (commands[i].summary)
            printf("  %-12s%s\n", commands[i].name, commands[i].summary);
    puts("\n"
         "Docker's 'image VERB' works too, and 'image exists IMAGE' as in podman.\n"
         "\n"
         "Options:\n"
         "      --root DIR          folder of the store: else $HOLDFAST_ROOT, else\n"
         "                          /var/lib/holdfast for root and $XDG_DATA_HOME/holdfast or\n"
         "                          ~/.local/share/holdfast for others\n"
         "  -h, --help              print this help\n"
         "  -v, --version           print the version\n"
         "\n"
         "'holdfast COMMAND --help' tells more. Exit codes: 0 done, 1 failed and nothing changed,\n"
         "2 wrong usage, 130 interrupted and rolled back; fsck has those of fsck(8).");
}

static bool is_set(const char *text)
{
    return text && text[0] != '\0';
}

/* NULL when nobody tells, or what is told is too long. */
static const char *default_root(char space[PATH_MAX])
{
    const char *root = getenv("HOLDFAST_ROOT");
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");

    if (is_set(root))
        return root;
    if (geteuid() == 0)
        return "/var/lib/holdfast";
    int len = is_set(data)   ? snprintf(space, PATH_MAX, "%s/holdfast", data)
              : is_set(home) ? snprintf(space, PATH_MAX, "%s/.local/share/holdfast", home)
                             : -1;
    return len < 0 || len >= PATH_MAX ? NULL : space;
}

static const struct command *find_command(const char *name, bool image_verb)
{
    for (size_t i = 0; i < CLI_COUNT(commands); i++) {
        const char *own = image_verb ? commands[i].image_verb : commands[i].name;
        if (own && strcmp(own, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* How messages call a command: `ls` is "images". */
static const char *proper_name(const struct command *command)
{
    for (size_t i = 0; i < CLI_COUNT(commands); i++)
        if (commands[i].run == command->run && commands[i].name)
            return commands[i].name;
    return "image exists";
}

/* Results that nobody got are no success; a reader that has gone away is told as usual. */
static int close_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    fprintf(stderr, "holdfast: cannot write to standard output: %s\n", strerror(errno));
    return code != 0 ? code : CLI_FAILED;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    bool image_verb = strcmp(argv[0], "image") == 0;
    bool help = strcmp(argv[0], "help") == 0;
    bool with_verb = image_verb || help;

    if (with_verb && (argc == 1 || argv[1][0] == '-')) {
        print_help();
        return CLI_DONE;
    }
    const char *name = argv[with_verb];
    const struct command *command = find_command(name, image_verb);
    if (!command) {
        fprintf(stderr, "holdfast: there is no command '%s%s'; see 'holdfast --help'\n",
                image_verb ? "image " : "", name);
        return CLI_USAGE;
    }
    cli->command = proper_name(command);
    char help_word[] = "--help";
    char *help_words[] = {argv[0], help_word, NULL};
    int code = help ? command->run(cli, 2, help_words)
                    : command->run(cli, argc - with_verb, argv + with_verb);
    free(cli->lists);
    return code;
}

/* The options before the command. -1 to go on, else the exit code. */
static int parse_globals(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int option;

    opterr = 0;
    /* '+': what follows the command is the command's. */
    while ((option = getopt_long(argc, argv, "+hv", options, NULL)) != -1) {
        if (option == 'r') {
            cli->root = optarg;
        } else if (option == 'h') {
            print_help();
            return CLI_DONE;
        } else if (option == 'v') {
            printf("holdfast version %s\n", hf_version());
            return CLI_DONE;
        } else {
            fprintf(stderr,
                    "holdfast: '%s' is no option, or lacks its value; see "
                    "'holdfast --help'\n",
                    argv[optind - 1]);
            return CLI_USAGE;
        }
    }
    if (optind == argc) {
        print_help();
        return CLI_USAGE;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct cli cli = {.command = "holdfast", .usage_code = CLI_USAGE};
    char root[PATH_MAX];

    /* A reader that goes away fails a write; it does not kill an operation in its middle. */
    signal(SIGPIPE, SIG_IGN);
    int code = parse_globals(&cli, argc, argv);
    if (code >= 0)
        return close_output(code);
    if (!cli.root)
        cli.root = default_root(root);
    if (!is_set(cli.root)) {
        fputs("holdfast: where is the store? give --root DIR or set HOLDFAST_ROOT\n", stderr);
        return CLI_USAGE;
    }
    return close_output(run_command(&cli, argc - optind, argv + optind));
}
