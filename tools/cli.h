/*
 * cli.h - what every command shares: its place, its way to the store, its words and exit codes.
 *
 * A command is one function, cmd_<name>(cli, argc, argv), that returns the exit code:
 *   0  done
 *   1  failed, and nothing changed
 *   2  usage: the command line is wrong
 *   128 + N  ended by signal N (130 for ^C) before its commit: nothing changed
 * `fsck` has the codes of fsck(8), see cmd_fsck.c.
 *
 * Results go to standard output, words to standard error, as "holdfast: COMMAND: sentence".
 */
#ifndef HOLDFAST_TOOLS_CLI_H
#define HOLDFAST_TOOLS_CLI_H

#include <holdfast/holdfast.h>

#include <stdbool.h>
#include <stddef.h>

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli {
    const char *root;    /* folder of the store */
    const char *command; /* "load", "image exists": for messages and help */
    int usage_code;      /* exit code of a wrong command line */
    int exit_code;       /* set by cli_parse when it ends the command */
    char **operands;     /* set by cli_parse: what is left after the options */
    size_t operand_count;
    const char **lists; /* memory of options given several times; main frees it */
};

typedef int cli_command_fn(struct cli *cli, int argc, char **argv);

/* "holdfast: COMMAND: sentence" on standard error. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error; `subject` (a file or image; may be NULL) is put before a sentence that
 * does not name it. Returns the exit code. */
int cli_fail(const struct cli *cli, const char *subject, const struct hf_error *err);
/* The sentence, and where to look for help. Returns cli->usage_code. */
int cli_misuse(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Never NULL: the command ends when there is no memory. Until its commit, that changes nothing. */
void *cli_need(void *memory);

/*
 * Open the store for looking: read-write, since that recovers what a cut has left, or read-only for
 * who may not write. 0, or the exit code after saying why.
 */
int cli_open_to_read(const struct cli *cli, struct hf_store **out_store);
/* The same, but no store is no failure: *out_store is NULL then. */
int cli_open_to_read_if_any(const struct cli *cli, struct hf_store **out_store);
/* Open for changing, and from here on let ^C roll back instead of killing. */
int cli_open_to_write(const struct cli *cli, enum hf_open_mode mode, struct hf_store **out_store);
/* The same for a store that is there; *out_store is NULL when there is none. */
int cli_open_to_write_if_any(const struct cli *cli, struct hf_store **out_store);
/* Open for telling what recovery did, or (read-only) would do; says nothing of it itself. */
int cli_open_to_recover(const struct cli *cli, enum hf_open_mode mode, struct hf_store **out_store);
/* Close the store; the exit code, worse than `code` when closing fails. */
int cli_close(const struct cli *cli, struct hf_store *store, int code);

/* ^C, SIGTERM and SIGHUP set a flag; the second one kills as usual. */
void cli_interrupt_catch(void);
/* Besides, they end what comes from `fd`: who waits for a silent pipe shall not wait for ever. */
void cli_interrupt_ends_input(int fd);
/* The signal that came, or 0. */
int cli_interrupted(void);

/* "7 days" in seconds: a number and s, m, h, d or w, repeated ("1h30m"). */
bool cli_parse_duration(const char *text, uint64_t *out_seconds);

#endif
