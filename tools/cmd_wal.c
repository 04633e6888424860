/* cmd_wal.c - holdfast wal */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "options.h"
#include "print.h"

struct printer {
    bool verbose;
    bool begun;
    json_t *records; /* or NULL: print them */
};

static void print_record(struct printer *printer, const struct hf_log_record *record)
{
    char time[CLI_TEXT_MAX];

    if (!printer->begun)
        printf("%12s  %-24s  %-10s  %6s  %s\n", "POSITION", "TIME", "TYPE", "TXN", "NOTE");
    printer->begun = true;
    printf("%12" PRIu64 "  %s  %-10s  %6" PRIu64 "  ", record->position,
           cli_time_ms_text(record->time_ns, time), record->type, record->txn);
    cli_print_safe(stdout, record->note ? record->note : "");
    fputc('\n', stdout);
    if (!printer->verbose)
        return;
    printf("%14s%s, %" PRIu64 " bytes, durable before it: %" PRIu64 "\n", "", record->segment,
           record->length, record->durable);
    for (size_t i = 0; i < record->change_count; i++) {
        printf("%14s", "");
        cli_print_safe(stdout, record->changes[i]);
        fputc('\n', stdout);
    }
}

static void add_record(json_t *records, const struct hf_log_record *record)
{
    json_t *object = cli_need(json_object());
    json_t *changes = cli_need(json_array());
    char time[CLI_TEXT_MAX];

    json_object_set_new(object, "position", json_integer((json_int_t)record->position));
    json_object_set_new(object, "length", json_integer((json_int_t)record->length));
    json_object_set_new(object, "durable", json_integer((json_int_t)record->durable));
    json_object_set_new(object, "segment", cli_json_text(record->segment));
    json_object_set_new(object, "time", cli_json_text(cli_time_ms_text(record->time_ns, time)));
    json_object_set_new(object, "type", cli_json_text(record->type));
    json_object_set_new(object, "transaction", json_integer((json_int_t)record->txn));
    json_object_set_new(object, "note", cli_json_text(record->note ? record->note : ""));
    for (size_t i = 0; i < record->change_count; i++)
        json_array_append_new(changes, cli_json_text(record->changes[i]));
    json_object_set_new(object, "changes", changes);
    json_array_append_new(records, object);
}

static int on_record(void *arg, const struct hf_log_record *record)
{
    struct printer *printer = arg;

    if (printer->records)
        add_record(printer->records, record);
    else
        print_record(printer, record);
    return 0;
}

static json_t *summary_json(const struct hf_log_summary *summary, json_t *records)
{
    json_t *document = cli_need(json_object());

    json_object_set_new(document, "records", records);
    json_object_set_new(document, "first", json_integer((json_int_t)summary->first));
    json_object_set_new(document, "end", json_integer((json_int_t)summary->end));
    json_object_set_new(document, "segments", json_integer((json_int_t)summary->segments));
    json_object_set_new(document, "tornBytes", json_integer((json_int_t)summary->torn_bytes));
    json_object_set_new(document, "corrupt", json_boolean(summary->corrupt));
    json_object_set_new(document, "damage",
                        summary->corrupt ? cli_json_text(summary->damage.message) : json_null());
    return document;
}

static int read_log(const struct cli *cli, bool verbose, bool json)
{
    struct printer printer = {.verbose = verbose, .records = json ? cli_need(json_array()) : NULL};
    struct hf_log_summary summary = {0};
    struct hf_error err = {0};

    int code = hf_log_read(cli->root, on_record, &printer, &summary, &err);
    if (code != 0) {
        json_decref(printer.records);
        return cli_fail(cli, cli->root, &err);
    }
    if (json)
        cli_print_json(summary_json(&summary, printer.records));
    else if (verbose)
        printf("%" PRIu64 " records from %" PRIu64 " to %" PRIu64 " in %" PRIu64 " segment%s\n",
               summary.records, summary.first, summary.end, summary.segments,
               summary.segments == 1 ? "" : "s");
    if (summary.torn_bytes > 0)
        cli_say(cli, "the log ends in %" PRIu64 " bytes of a record that was never acknowledged",
                summary.torn_bytes);
    return summary.corrupt ? cli_fail(cli, cli->root, &summary.damage) : CLI_DONE;
}

int cmd_wal(struct cli *cli, int argc, char **argv)
{
    bool verbose = false;
    bool json = false;
    const struct cli_option options[] = {
        {'v', "verbose", NULL, "show each record's changes, file and length", .flag = &verbose},
        {0, "json", NULL, "print records and summary as JSON", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about = "Read and verify the log, and print what was done and when. Changes nothing; exit "
                 "code 1\n"
                 "when the log is damaged.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    return read_log(cli, verbose, json);
}
