/*
 * cmd_fsck.c - holdfast fsck. Exit codes as in fsck(8):
 *   0 clean, 1 corrected, 4 damage is left, 8 could not check, 16 usage, 32 cancelled
 */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "options.h"
#include "print.h"
#include "progress.h"

enum { CLEAN = 0, CORRECTED = 1, DAMAGE_LEFT = 4, NOT_CHECKED = 8, MISUSE = 16, CANCELLED = 32 };

struct arguments {
    bool quick;
    bool full;
    bool repair;
    bool json;
    struct cli_texts from;
};

static bool parse(struct cli *cli, int argc, char **argv, struct arguments *out)
{
    const struct cli_option options[] = {
        {0, "quick", NULL, "log, catalog, existence and sizes of files (default)",
         .flag = &out->quick},
        {0, "full", NULL, "read every byte, too", .flag = &out->full},
        {0, "repair", NULL,
         "remove what nothing accounts for, make again what can be made again,\n"
         "put good copies in place, quarantine what stays damaged",
         .flag = &out->repair},
        {0, "from", "ARCHIVE|STORE", "look there for good copies (with --repair)",
         .texts = &out->from},
        {0, "json", NULL, "print findings and report as JSON", .flag = &out->json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about =
            "Check the store, beside everything else that uses it.\n"
            "Exit codes as in fsck(8): 0 clean, 1 corrected, 4 damage is left, 8 could not check,\n"
            "16 usage, 32 cancelled.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    return cli_parse(cli, &syntax, argc, argv);
}

struct reporter {
    struct cli_progress progress;
    json_t *findings; /* or NULL: print them */
};

static const char *kind_name(enum hf_finding_kind kind)
{
    switch (kind) {
    case HF_FINDING_FORMAT:
        return "format";
    case HF_FINDING_LOG:
        return "log";
    case HF_FINDING_CHECKPOINT:
        return "checkpoint";
    case HF_FINDING_CATALOG:
        return "catalog";
    case HF_FINDING_MISSING:
        return "missing";
    case HF_FINDING_SIZE:
        return "size";
    case HF_FINDING_CONTENT:
        return "content";
    case HF_FINDING_RESIDUE:
        return "residue";
    case HF_FINDING_UNFINISHED:
        return "unfinished";
    case HF_FINDING_KNOWN_DAMAGE:
        return "known damage";
    }
    return "finding";
}

static void print_finding(const struct hf_finding *finding)
{
    printf("%s: ", kind_name(finding->kind));
    if (finding->path) {
        cli_print_safe(stdout, finding->path);
        fputs(": ", stdout);
    }
    cli_print_safe(stdout, finding->message);
    if (finding->names && finding->names[0]) {
        fputs("; hits ", stdout);
        cli_print_safe(stdout, finding->names);
    }
    puts(finding->repaired ? " [repaired]" : "");
}

static void on_finding(void *arg, const struct hf_finding *finding)
{
    struct reporter *reporter = arg;

    if (!reporter->findings) {
        cli_progress_clear(&reporter->progress);
        print_finding(finding);
        return;
    }
    json_t *object = cli_need(json_object());
    json_object_set_new(object, "kind", cli_json_text(kind_name(finding->kind)));
    json_object_set_new(object, "path", finding->path ? cli_json_text(finding->path) : json_null());
    json_object_set_new(object, "digest", cli_json_digest(&finding->digest));
    json_object_set_new(object, "names", cli_json_text(finding->names ? finding->names : ""));
    json_object_set_new(object, "message", cli_json_text(finding->message));
    json_object_set_new(object, "repaired", json_boolean(finding->repaired));
    json_array_append_new(reporter->findings, object);
}

static int on_progress(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    struct reporter *reporter = arg;

    cli_progress_show(&reporter->progress, done_bytes, total_bytes);
    return cli_interrupted() != 0;
}

static void print_report(const struct hf_fsck_report *report, const struct arguments *arguments)
{
    char size[CLI_TEXT_MAX];

    printf("%s check: %" PRIu64 " objects", arguments->full ? "full" : "quick",
           report->objects_checked);
    if (arguments->full)
        printf(", %s read", cli_size_text(report->bytes_checked, size));
    if (report->findings == 0)
        puts(": clean");
    else
        printf(": %" PRIu64 " finding%s, %" PRIu64 " repaired, %" PRIu64 " left\n",
               report->findings, report->findings == 1 ? "" : "s", report->repaired, report->left);
}

static json_t *report_json(const struct hf_fsck_report *report, json_t *findings, int exit_code)
{
    json_t *document = cli_need(json_object());

    json_object_set_new(document, "findings", findings);
    json_object_set_new(document, "objectsChecked",
                        json_integer((json_int_t)report->objects_checked));
    json_object_set_new(document, "bytesChecked", json_integer((json_int_t)report->bytes_checked));
    json_object_set_new(document, "repaired", json_integer((json_int_t)report->repaired));
    json_object_set_new(document, "left", json_integer((json_int_t)report->left));
    json_object_set_new(document, "exitCode", json_integer(exit_code));
    return document;
}

static int check_store(const struct cli *cli, const struct arguments *arguments)
{
    struct reporter reporter = {.findings = arguments->json ? cli_need(json_array()) : NULL};
    const struct hf_fsck_options options = {
        .full = arguments->full,
        .repair = arguments->repair,
        .from = arguments->from.items,
        .from_count = arguments->from.count,
        .finding = on_finding,
        .progress = on_progress,
        .arg = &reporter,
    };
    struct hf_fsck_report report = {0};
    struct hf_error err = {0};

    cli_progress_init(&reporter.progress, cli->command, arguments->json);
    int code = hf_fsck(cli->root, &options, &report, &err);
    cli_progress_clear(&reporter.progress);
    if (code != 0) {
        json_decref(reporter.findings);
        cli_fail(cli, cli->root, &err);
        return code == HF_ERR_CANCELLED ? CANCELLED : NOT_CHECKED;
    }
    code = report.left > 0 ? DAMAGE_LEFT : report.findings > 0 ? CORRECTED : CLEAN;
    if (arguments->json)
        cli_print_json(report_json(&report, reporter.findings, code));
    else
        print_report(&report, arguments);
    if (report.left > 0 && !arguments->repair)
        cli_say(cli, "'holdfast fsck --repair' repairs what can be repaired");
    return code;
}

int cmd_fsck(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {0};

    cli->usage_code = MISUSE;
    if (!parse(cli, argc, argv, &arguments))
        return cli->exit_code;
    if (arguments.quick && arguments.full)
        return cli_misuse(cli, "--quick and --full exclude each other");
    if (arguments.from.count > 0 && !arguments.repair)
        return cli_misuse(cli, "--from needs --repair");
    cli_interrupt_catch();
    return check_store(cli, &arguments);
}
