/*
 * events.c - see events.h.
 */
#include "events.h"

#include <string.h>

#include "print.h"

static const char *const kind_names[] = {
    [HF_EVENT_LOADED] = "loaded", [HF_EVENT_REPLACED] = "replaced", [HF_EVENT_MOVED] = "moved",
    [HF_EVENT_KEPT] = "kept",     [HF_EVENT_UNTAGGED] = "untagged", [HF_EVENT_DELETED] = "deleted",
    [HF_EVENT_HEALED] = "healed", [HF_EVENT_SAVED] = "saved",       [HF_EVENT_WARNING] = "warning",
};

static void add_json(json_t *array, const struct hf_image_event *event)
{
    json_t *object = cli_need(json_object());

    json_object_set_new(object, "event", cli_json_text(kind_names[event->kind]));
    if (event->name)
        json_object_set_new(object, "name", cli_json_text(event->name));
    if (hf_digest_size(event->id.algorithm) > 0)
        json_object_set_new(object, "id", cli_json_digest(&event->id));
    if (hf_digest_size(event->old_id.algorithm) > 0)
        json_object_set_new(object, "oldId", cli_json_digest(&event->old_id));
    if (event->kind == HF_EVENT_DELETED)
        json_object_set_new(object, "bytes", json_integer((json_int_t)event->bytes));
    if (event->text)
        json_object_set_new(object, "text", cli_json_text(event->text));
    json_array_append_new(array, object);
}

static bool is_operand(const struct cli *cli, const char *full_name)
{
    char full[HF_REFERENCE_MAX];

    for (size_t i = 0; i < cli->operand_count; i++)
        if (hf_reference_normalize(cli->operands[i], full, NULL) == 0 &&
            strcmp(full, full_name) == 0)
            return true;
    return false;
}

static void print_event(const struct cli_events *events, const struct hf_image_event *event)
{
    char name[HF_REFERENCE_MAX] = "";
    char kept[HF_REFERENCE_MAX] = "";
    char id[HF_DIGEST_TEXT_MAX];
    char old[HF_DIGEST_TEXT_MAX];

    if (event->name)
        hf_reference_familiar(event->name, name);
    cli_short_id(&event->old_id, old);
    switch (event->kind) {
    case HF_EVENT_LOADED:
        if (events->tell_loaded && event->name)
            fprintf(events->results, "Loaded image: %s\n", name);
        else if (events->tell_loaded)
            fprintf(events->results, "Loaded image ID: %s\n", hf_digest_text(&event->id, id));
        break;
    case HF_EVENT_REPLACED:
        fprintf(events->results, "Replaced %s (was sha256:%s, removed)\n", name, old);
        break;
    case HF_EVENT_MOVED:
        fprintf(events->results, "Replaced %s (was sha256:%s, which has other names)\n", name, old);
        break;
    case HF_EVENT_KEPT:
        fprintf(events->results, "Replaced %s (was sha256:%s, kept as %s)\n", name, old,
                event->text ? hf_reference_familiar(event->text, kept) : "?");
        break;
    case HF_EVENT_UNTAGGED:
        fprintf(events->results, "%s: %s\n", events->dry_run ? "Would untag" : "Untagged", name);
        break;
    case HF_EVENT_DELETED:
        if (events->tell_deleted)
            fprintf(events->results, "%s: %s\n", events->dry_run ? "Would delete" : "Deleted",
                    hf_digest_text(&event->id, id));
        break;
    case HF_EVENT_HEALED:
        cli_say(events->cli, "%s was damaged in the store and is good again",
                hf_digest_text(&event->id, id));
        break;
    case HF_EVENT_SAVED: /* docker is silent; but an ID stands for names that were not given */
        if (event->name && !is_operand(events->cli, event->name))
            cli_say(events->cli, "saved %s (%s)", name, cli_short_id(&event->id, id));
        break;
    case HF_EVENT_WARNING:
        cli_say(events->cli, "warning: %s", event->text ? event->text : "");
        break;
    }
}

static void on_event(void *arg, const struct hf_image_event *event)
{
    struct cli_events *events = arg;

    cli_progress_clear(&events->progress);
    if (events->json && event->kind != HF_EVENT_WARNING)
        add_json(events->json, event);
    else
        print_event(events, event);
}

static int on_progress(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    struct cli_events *events = arg;

    cli_progress_show(&events->progress, done_bytes, total_bytes);
    return cli_interrupted() != 0;
}

json_t *cli_json_array_if(bool wanted)
{
    return wanted ? cli_need(json_array()) : NULL;
}

struct hf_observer cli_events_observe(struct cli_events *events, bool quiet)
{
    cli_progress_init(&events->progress, events->cli->command, quiet);
    return (struct hf_observer){.event = on_event, .progress = on_progress, .arg = events};
}

void cli_events_end(struct cli_events *events)
{
    cli_progress_clear(&events->progress);
    if (events->json)
        cli_print_json(events->json);
    events->json = NULL;
}
