/* cmd_recover.c - holdfast recover */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "options.h"
#include "print.h"

static const char *outcome_text(enum hf_recovery_outcome outcome, bool dry_run)
{
    switch (outcome) {
    case HF_RECOVERY_ROLLED_BACK:
        return dry_run ? "would be rolled back" : "rolled back";
    case HF_RECOVERY_REPLAYED:
        return dry_run ? "would be replayed" : "replayed";
    case HF_RECOVERY_SWEPT:
        return dry_run ? "would be swept" : "swept";
    }
    return "?";
}

/* "2024-05-01T12:00:00Z transaction 7 (load app.tar): rolled back, 2 files, 4096 bytes" */
static void print_entry(const struct hf_recovery_entry *entry, bool dry_run)
{
    char time[CLI_TEXT_MAX];

    if (entry->outcome == HF_RECOVERY_SWEPT) {
        /* A dry run reads as far as the log is durable, which the beginning of an operation need
         * not be; recovery sees it, and ends it by its name. */
        fputs(dry_run ? "files of no operation that is durable yet" : "files of no operation",
              stdout);
    } else {
        printf("%s transaction %" PRIu64 " (", cli_time_text(entry->time_ns, time), entry->txn);
        cli_print_safe(stdout, entry->note ? entry->note : "");
        fputc(')', stdout);
    }
    printf(": %s, %" PRIu64 " file%s, %" PRIu64 " bytes\n", outcome_text(entry->outcome, dry_run),
           entry->files, entry->files == 1 ? "" : "s", entry->bytes);
}

static void print_report(const struct hf_recovery_report *report, bool dry_run)
{
    if (report->clean) {
        puts("nothing to recover");
        return;
    }
    for (size_t i = 0; i < report->entry_count; i++)
        print_entry(&report->entries[i], dry_run);
    if (report->torn_bytes > 0)
        printf("the log ended in %" PRIu64 " bytes of a record that was never acknowledged\n",
               report->torn_bytes);
}

static void print_json(const struct hf_recovery_report *report, bool dry_run)
{
    json_t *document = cli_need(json_object());
    json_t *entries = cli_need(json_array());
    char time[CLI_TEXT_MAX];

    json_object_set_new(document, "clean", json_boolean(report->clean));
    json_object_set_new(document, "dryRun", json_boolean(dry_run));
    json_object_set_new(document, "rebooted", json_boolean(report->rebooted));
    json_object_set_new(document, "tornBytes", json_integer((json_int_t)report->torn_bytes));
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct hf_recovery_entry *entry = &report->entries[i];
        json_t *object = cli_need(json_object());
        json_object_set_new(object, "transaction", json_integer((json_int_t)entry->txn));
        json_object_set_new(object, "time", cli_json_text(cli_time_text(entry->time_ns, time)));
        json_object_set_new(object, "operation", cli_json_text(entry->note ? entry->note : ""));
        json_object_set_new(object, "outcome", cli_json_text(outcome_text(entry->outcome, false)));
        json_object_set_new(object, "files", json_integer((json_int_t)entry->files));
        json_object_set_new(object, "bytes", json_integer((json_int_t)entry->bytes));
        json_array_append_new(entries, object);
    }
    json_object_set_new(document, "entries", entries);
    cli_print_json(document);
}

/* Mounts that a boot has ended hold their images no longer. */
static int end_gone_mounts(struct cli *cli, struct hf_store *store)
{
    struct hf_error err = {0};
    size_t count = 0;

    if (hf_mounts_recover(store, &count, &err) != 0)
        return cli_fail(cli, NULL, &err);
    if (count > 0)
        cli_say(cli, "%zu mounts ended with an earlier boot; their holds are gone", count);
    return 0;
}

int cmd_recover(struct cli *cli, int argc, char **argv)
{
    bool dry_run = false;
    bool json = false;
    const struct cli_option options[] = {
        {0, "dry-run", NULL, "tell what would be done, and do nothing", .flag = &dry_run},
        {0, "json", NULL, "print the report as JSON", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about = "End what a power cut or a killed process has left unfinished, and tell of each "
                 "operation\n"
                 "whether it was rolled back or replayed. Every command does so when it opens the "
                 "store;\n"
                 "this one is for who wants to see it, or to do it before others come.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_recover(cli, dry_run ? HF_OPEN_READ_ONLY : HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    if (dry_run && hf_store_recover_dry_run(store, &err) != 0) {
        code = cli_fail(cli, NULL, &err);
    } else {
        const struct hf_recovery_report *report = hf_store_recovery(store);
        if (!dry_run)
            code = end_gone_mounts(cli, store);
        if (json)
            print_json(report, dry_run);
        else
            print_report(report, dry_run);
    }
    return cli_close(cli, store, code);
}
