/*
 * cli.c - errors, exit codes, and the way to the store.
 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

void cli_say(const struct cli *cli, const char *format, ...)
{
    char sentence[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    /* What was printed before comes before this, also when both go to one terminal or file. */
    fflush(stdout);
    fprintf(stderr, "holdfast: %s: ", cli->command);
    cli_print_safe(stderr, sentence);
    fputc('\n', stderr);
}

int cli_fail(const struct cli *cli, const char *subject, const struct hf_error *err)
{
    const char *message = err->message[0] ? err->message : hf_error_name(err->code);
    const char *file = err->offset != HF_ERROR_NO_OFFSET && err->code == HF_ERR_CORRUPT &&
                               !strstr(message, err->file)
                           ? err->file
                           : "";
    char place[320] = "";

    if (file[0] != '\0')
        snprintf(place, sizeof(place), " (%s, offset %" PRIu64 ")", file, err->offset);
    /* A signal also cuts what a pipe gives (interrupt.c), so INPUT is its doing as well. */
    if (cli_interrupted() && (err->code == HF_ERR_CANCELLED || err->code == HF_ERR_INPUT)) {
        cli_say(cli, "interrupted: rolled back, nothing changed");
        return 128 + cli_interrupted();
    }
    if (subject && !strstr(message, subject))
        cli_say(cli, "%s: %s%s", subject, message, place);
    else
        cli_say(cli, "%s%s", message, place);
    return err->code == HF_ERR_USAGE ? cli->usage_code : CLI_FAILED;
}

int cli_misuse(const struct cli *cli, const char *format, ...)
{
    char sentence[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    cli_say(cli, "%s; see 'holdfast %s --help'", sentence, cli->command);
    return cli->usage_code;
}

void *cli_need(void *memory)
{
    if (!memory) {
        fputs("holdfast: memory could not be allocated\n", stderr);
        exit(CLI_FAILED);
    }
    return memory;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Somebody who only lists images shall still learn that the last shutdown was not clean. */
static void tell_recovery(const struct cli *cli, const struct hf_store *store)
{
    const struct hf_recovery_report *report = hf_store_recovery(store);
    uint64_t rolled_back = 0;
    uint64_t replayed = 0;
    uint64_t freed_bytes = 0;

    if (report->clean)
        return;
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct hf_recovery_entry *entry = &report->entries[i];
        rolled_back += entry->outcome == HF_RECOVERY_ROLLED_BACK;
        replayed += entry->outcome == HF_RECOVERY_REPLAYED;
        if (entry->outcome != HF_RECOVERY_REPLAYED)
            freed_bytes += entry->bytes;
    }
    if (hf_store_is_read_only(store)) {
        cli_say(cli, "the store was not closed cleanly; who may write to it recovers it");
        return;
    }
    cli_say(cli,
            "recovered: %" PRIu64 " operation%s rolled back, %" PRIu64 " replayed, %" PRIu64
            " bytes freed; see 'holdfast wal'",
            rolled_back, plural(rolled_back), replayed, freed_bytes);
}

static void tell_damage(const struct cli *cli, const struct hf_store *store)
{
    struct hf_error damage = {0};

    if (hf_store_damage(store, &damage) == 0)
        return;
    cli_fail(cli, NULL, &damage);
    cli_say(cli, "the store is damaged and read-only; see 'holdfast fsck'");
}

static bool is_no_store(const struct hf_error *err)
{
    return err->code == HF_ERR_NOT_FOUND;
}

static int open_store(const struct cli *cli, enum hf_open_mode mode, struct hf_store **out_store,
                      struct hf_error *err)
{
    struct hf_store_options options = {.mode = mode};
    int code = hf_store_open(cli->root, &options, out_store, err);

    if (code == 0) {
        tell_recovery(cli, *out_store);
        tell_damage(cli, *out_store);
    }
    return code;
}

static int fail_to_open(const struct cli *cli, const struct hf_error *err)
{
    if (is_no_store(err)) {
        cli_say(cli, "there is no store in %s; 'holdfast load' makes one", cli->root);
        return CLI_FAILED;
    }
    return cli_fail(cli, cli->root, err);
}

static bool may_not_write(const struct hf_error *err)
{
    return err->sys_errno == EACCES || err->sys_errno == EPERM || err->sys_errno == EROFS;
}

static int open_to_read(const struct cli *cli, struct hf_store **out_store, struct hf_error *err)
{
    int code = open_store(cli, HF_OPEN_READ_WRITE, out_store, err);

    if (code != 0 && may_not_write(err)) {
        memset(err, 0, sizeof(*err));
        code = open_store(cli, HF_OPEN_READ_ONLY, out_store, err);
    }
    return code;
}

int cli_open_to_read(const struct cli *cli, struct hf_store **out_store)
{
    struct hf_error err = {0};

    return open_to_read(cli, out_store, &err) == 0 ? 0 : fail_to_open(cli, &err);
}

int cli_open_to_read_if_any(const struct cli *cli, struct hf_store **out_store)
{
    struct hf_error err = {0};

    *out_store = NULL;
    if (open_to_read(cli, out_store, &err) == 0 || is_no_store(&err))
        return 0;
    return fail_to_open(cli, &err);
}

int cli_open_to_write(const struct cli *cli, enum hf_open_mode mode, struct hf_store **out_store)
{
    struct hf_error err = {0};

    cli_interrupt_catch();
    return open_store(cli, mode, out_store, &err) == 0 ? 0 : fail_to_open(cli, &err);
}

int cli_open_to_recover(const struct cli *cli, enum hf_open_mode mode, struct hf_store **out_store)
{
    struct hf_store_options options = {.mode = mode};
    struct hf_error err = {0};

    if (hf_store_open(cli->root, &options, out_store, &err) != 0)
        return fail_to_open(cli, &err);
    tell_damage(cli, *out_store);
    return 0;
}

int cli_open_to_write_if_any(const struct cli *cli, struct hf_store **out_store)
{
    struct hf_error err = {0};

    *out_store = NULL;
    cli_interrupt_catch();
    if (open_store(cli, HF_OPEN_READ_WRITE, out_store, &err) == 0 || is_no_store(&err))
        return 0;
    return fail_to_open(cli, &err);
}

int cli_close(const struct cli *cli, struct hf_store *store, int code)
{
    struct hf_error err = {0};

    if (hf_store_close(store, &err) != 0) {
        int close_code = cli_fail(cli, cli->root, &err);
        if (code == 0)
            code = close_code;
    }
    if (code == 0 && cli_interrupted())
        cli_say(cli, "interrupted after its commit, so it was finished");
    return code;
}

bool cli_parse_duration(const char *text, uint64_t *out_seconds)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t total = 0;

    while (*text != '\0') {
        char *end;
        size_t i = 0;
        if (!isdigit((unsigned char)*text))
            return false;
        errno = 0;
        unsigned long long count = strtoull(text, &end, 10);
        while (i < sizeof(units) / sizeof(units[0]) && units[i].unit != *end)
            i++;
        /* A century is more than anybody means, and keeps the arithmetic far from overflow. */
        if (errno != 0 || i == sizeof(units) / sizeof(units[0]) ||
            count > 100ULL * 366 * 86400 / units[i].seconds)
            return false;
        total += count * units[i].seconds;
        text = end + 1;
    }
    *out_seconds = total;
    return total > 0;
}
