/* cmd_hold.c - holdfast hold add, ls, rm */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "events.h"
#include "listing.h"
#include "options.h"
#include "print.h"

static int hold_add(struct cli *cli, int argc, char **argv)
{
    struct hf_hold_options hold = {0};
    const char *expires = NULL;
    const struct cli_option options[] = {
        {0, "owner", "NAME", "who holds it (required)", .text = &hold.owner},
        {0, "reason", "TEXT", "why", .text = &hold.reason},
        {0, "expires", "DURATION",
         "when the hold ends: 90s, 30m, 12h, 7d, 2w, 1h30m from now; it ends\n"
         "with the first prune after that",
         .text = &expires},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE --owner NAME",
        .about = "Hold an image: until the hold is removed or expires, no rmi, prune or moved name "
                 "takes\n"
                 "the image away. Prints the hold's ID.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = 1,
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    uint64_t id = 0;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    if (!hold.owner || hold.owner[0] == '\0')
        return cli_misuse(cli, "--owner is missing");
    if (expires && !cli_parse_duration(expires, &hold.expires_s))
        return cli_misuse(cli, "'%s' is no duration such as 90s, 12h or 7d", expires);
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    if (hf_image_hold(store, cli->operands[0], &hold, &id, &err) != 0)
        code = cli_fail(cli, cli->operands[0], &err);
    else
        printf("%" PRIu64 "\n", id);
    return cli_close(cli, store, code);
}

static const struct cli_field fields[] = {
    {"ID", "ID"},         {"Image", "IMAGE"}, {"Digest", "DIGEST"},   {"Owner", "OWNER"},
    {"Reason", "REASON"}, {"Since", "SINCE"}, {"Expires", "EXPIRES"},
};

#define TABLE "table {{.ID}}\t{{.Image}}\t{{.Owner}}\t{{.Reason}}\t{{.Since}}\t{{.Expires}}"

static void expiry_text(uint64_t expiry_ns, char text[CLI_TEXT_MAX])
{
    if (expiry_ns == 0)
        snprintf(text, CLI_TEXT_MAX, "never");
    else if (expiry_ns <= cli_now_ns())
        snprintf(text, CLI_TEXT_MAX, "expired");
    else
        cli_local_time_text(expiry_ns, text);
}

static int collect(void *arg, const struct hf_hold *hold)
{
    struct cli_listing *listing = arg;
    json_t *row = cli_need(json_object());
    json_t *value = cli_need(json_object());
    char text[CLI_TEXT_MAX];
    char digest[HF_DIGEST_TEXT_MAX];
    char shown[HF_REFERENCE_MAX];
    bool by_name = hold->name && hold->name[0] != '\0';

    snprintf(text, sizeof(text), "%" PRIu64, hold->id);
    json_object_set_new(row, "ID", cli_json_text(text));
    json_object_set_new(row, "Image",
                        cli_json_text(by_name ? hf_reference_familiar(hold->name, shown)
                                              : cli_short_id(&hold->target, digest)));
    json_object_set_new(row, "Digest", cli_json_digest(&hold->target));
    json_object_set_new(row, "Owner", cli_json_text(hold->owner));
    json_object_set_new(row, "Reason", cli_json_text(hold->reason));
    json_object_set_new(row, "Since", cli_json_text(cli_ago_text(hold->time_ns, text)));
    expiry_text(hold->expiry_ns, text);
    json_object_set_new(row, "Expires", cli_json_text(text));
    json_array_append_new(listing->rows, row);

    json_object_set_new(value, "id", json_integer((json_int_t)hold->id));
    json_object_set_new(value, "name", cli_json_text(by_name ? hold->name : ""));
    json_object_set_new(value, "digest", cli_json_digest(&hold->target));
    json_object_set_new(value, "owner", cli_json_text(hold->owner));
    json_object_set_new(value, "reason", cli_json_text(hold->reason));
    json_object_set_new(value, "since", cli_json_text(cli_time_text(hold->time_ns, text)));
    json_object_set_new(value, "expires", cli_json_text(cli_time_text(hold->expiry_ns, text)));
    json_array_append_new(listing->values, value);
    return 0;
}

static int hold_ls(struct cli *cli, int argc, char **argv)
{
    const char *format = NULL;
    bool json = false;
    bool quiet = false;
    const struct cli_option options[] = {
        {'q', "quiet", NULL, "print IDs only", .flag = &quiet},
        {0, "format", "TEMPLATE",
         "json, a template, or 'table …'; fields: ID Image Digest Owner Reason\n"
         "Since Expires",
         .text = &format},
        {0, "json", NULL, "the same as --format json", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about = "List holds. An expired hold counts until 'holdfast prune' ends it.",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    struct hf_store *store = NULL;
    struct hf_snapshot *snapshot = NULL;
    struct hf_error err = {0};
    struct cli_listing listing;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_read_if_any(cli, &store);
    if (code != 0)
        return code;
    cli_listing_init(&listing, fields, CLI_COUNT(fields), TABLE);
    if (store)
        code = hf_snapshot_take(store, &snapshot, &err);
    if (store && code == 0)
        code = hf_snapshot_each_hold(snapshot, NULL, collect, &listing, &err);
    hf_snapshot_release(snapshot);
    code = cli_listing_end(cli, &listing, code, &err, quiet ? "{{.ID}}" : format, json && !quiet);
    return cli_close(cli, store, code);
}

/* The holds' IDs, or NULL after saying which is none. */
static uint64_t *parse_ids(struct cli *cli)
{
    uint64_t *ids = cli_need(calloc(cli->operand_count, sizeof(*ids)));

    for (size_t i = 0; i < cli->operand_count; i++) {
        char *end;
        errno = 0;
        ids[i] = strtoull(cli->operands[i], &end, 10);
        if (errno != 0 || *end != '\0' || cli->operands[i][0] < '0' || cli->operands[i][0] > '9') {
            cli->exit_code = cli_misuse(cli, "'%s' is no hold's ID", cli->operands[i]);
            free(ids);
            return NULL;
        }
    }
    return ids;
}

static int hold_rm(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
        {0, "json", NULL, "print what was done as JSON", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "ID...",
        .about = "End holds, all of them or none. A name NAME@sha256:… that was kept only for them "
                 "goes too.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    uint64_t *ids = parse_ids(cli);
    if (!ids)
        return cli->exit_code;
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code == 0) {
        struct cli_events events = {
            .cli = cli, .results = stdout, .tell_deleted = true, .json = cli_json_array_if(json)};
        const struct hf_observer observer = cli_events_observe(&events, true);
        code = hf_image_release_holds(store, ids, cli->operand_count, &observer, &err);
        cli_events_end(&events);
        if (code != 0)
            code = cli_fail(cli, NULL, &err);
        code = cli_close(cli, store, code);
    }
    free(ids);
    return code;
}

int cmd_hold(struct cli *cli, int argc, char **argv)
{
    static const struct cli_verb verbs[] = {
        {"add", "hold add", hold_add},
        {"ls", "hold ls", hold_ls},
        {"list", "hold ls", hold_ls},
        {"rm", "hold rm", hold_rm},
    };

    return cli_run_verb(cli, verbs, CLI_COUNT(verbs), "add|ls|rm",
                        "Hold images that somebody uses, so that nothing removes them.\n"
                        "See 'holdfast hold add --help', 'hold ls --help', 'hold rm --help'.",
                        argc, argv);
}
