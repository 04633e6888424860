/* cmd_mount.c - holdfast mount, umount, mounts */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "listing.h"
#include "options.h"
#include "print.h"

/* --- mount ------------------------------------------------------------------------------------ */

static bool parse_how(const char *text, enum hf_mount_how *out)
{
    static const char *const names[] = {"any", "direct", "loop", "full"};

    for (size_t i = 0; i < CLI_COUNT(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum hf_mount_how)i;
            return true;
        }
    return false;
}

int cmd_mount(struct cli *cli, int argc, char **argv)
{
    struct hf_mount_options mount = {0};
    const char *how = "any";
    const struct cli_option options[] = {
        {0, "rw", "NAME", "writable, with the workspace NAME: what is written stays in it",
         .text = &mount.workspace},
        {0, "platform", "OS/ARCH", "of an index: this platform", .text = &mount.platform},
        {0, "how", "HOW",
         "direct (Linux 6.12), loop (6.4) or full (5.16: derives images with\n"
         "the data inside); without it the first that works",
         .text = &how},
    };
    const struct cli_syntax syntax = {
        .usage = "IMAGE DIR",
        .about = "Mount an image on a folder, read-only or with a workspace. Nothing is unpacked. "
                 "The\n"
                 "image is held until 'holdfast umount DIR'; the mount survives this command, and\n"
                 "workspaces survive everything until 'holdfast workspace rm NAME'. Needs root.",
        .options = options,
        .option_count = CLI_COUNT(options),
        .min_operands = 2,
        .max_operands = 2,
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    if (!parse_how(how, &mount.how))
        return cli_misuse(cli, "'%s' is no way of mounting: direct, loop or full", how);
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    code = hf_image_mount(store, cli->operands[0], cli->operands[1], &mount, &err);
    if (code != 0)
        code = cli_fail(cli, cli->operands[0], &err);
    return cli_close(cli, store, code);
}

int cmd_umount(struct cli *cli, int argc, char **argv)
{
    const struct cli_syntax syntax = {
        .usage = "DIR...",
        .about = "Unmount images, and end their holds. Workspaces stay.",
        .min_operands = 1,
        .max_operands = CLI_ANY,
    };
    struct hf_store *store = NULL;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_write(cli, HF_OPEN_READ_WRITE, &store);
    if (code != 0)
        return code;
    for (size_t i = 0; i < cli->operand_count; i++) {
        struct hf_error err = {0};
        if (hf_image_unmount(store, cli->operands[i], &err) != 0)
            code = cli_fail(cli, NULL, &err);
    }
    return cli_close(cli, store, code);
}

/* --- mounts ----------------------------------------------------------------------------------- */

static const struct cli_field mount_fields[] = {
    {"Dir", "DIR"}, {"Image", "IMAGE"},         {"Digest", "DIGEST"},
    {"How", "HOW"}, {"Workspace", "WORKSPACE"}, {"State", "STATE"},
};

#define MOUNT_TABLE "table {{.Dir}}\t{{.Image}}\t{{.How}}\t{{.Workspace}}\t{{.State}}"

static int collect_mount(void *arg, const struct hf_mounted *mounted)
{
    struct cli_listing *listing = arg;
    json_t *row = cli_need(json_object());
    json_t *value = cli_need(json_object());
    char digest[HF_DIGEST_TEXT_MAX], shown[HF_REFERENCE_MAX], time[CLI_TEXT_MAX];
    bool by_name = mounted->name[0] != '\0';
    const char *state = mounted->is_gone ? "gone" : mounted->is_seen ? "mounted" : "not seen";

    json_object_set_new(row, "Dir", cli_json_text(mounted->dir));
    json_object_set_new(row, "Image",
                        cli_json_text(by_name ? hf_reference_familiar(mounted->name, shown)
                                              : cli_short_id(&mounted->target, digest)));
    json_object_set_new(row, "Digest", cli_json_digest(&mounted->target));
    json_object_set_new(row, "How", cli_json_text(mounted->how));
    json_object_set_new(row, "Workspace", cli_json_text(mounted->workspace));
    json_object_set_new(row, "State", cli_json_text(state));
    json_array_append_new(listing->rows, row);

    json_object_set_new(value, "dir", cli_json_text(mounted->dir));
    json_object_set_new(value, "name", cli_json_text(mounted->name));
    json_object_set_new(value, "digest", cli_json_digest(&mounted->target));
    json_object_set_new(value, "how", cli_json_text(mounted->how));
    json_object_set_new(value, "workspace", cli_json_text(mounted->workspace));
    json_object_set_new(value, "state", cli_json_text(state));
    json_object_set_new(value, "since", cli_json_text(cli_time_text(mounted->time_ns, time)));
    json_object_set_new(value, "hold", json_integer((json_int_t)mounted->hold_id));
    json_array_append_new(listing->values, value);
    return 0;
}

int cmd_mounts(struct cli *cli, int argc, char **argv)
{
    const char *format = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {0, "format", "TEMPLATE",
         "json, a template, or 'table …'; fields: Dir Image Digest How Workspace\n"
         "State",
         .text = &format},
        {0, "json", NULL, "the same as --format json", .flag = &json},
    };
    const struct cli_syntax syntax = {
        .usage = "",
        .about = "List mounted images. STATE is 'mounted', 'not seen' (in another mount namespace, "
                 "or\n"
                 "unmounted without 'holdfast umount'), or 'gone' (with a boot; 'holdfast recover' "
                 "ends\n"
                 "its hold).",
        .options = options,
        .option_count = CLI_COUNT(options),
    };
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    struct cli_listing listing;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    int code = cli_open_to_read_if_any(cli, &store);
    if (code != 0)
        return code;
    cli_listing_init(&listing, mount_fields, CLI_COUNT(mount_fields), MOUNT_TABLE);
    if (store)
        code = hf_mounts_each(store, collect_mount, &listing, &err);
    code = cli_listing_end(cli, &listing, code, &err, format, json);
    return cli_close(cli, store, code);
}
