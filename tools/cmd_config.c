/* cmd_config.c - holdfast config: settings that belong to the store and survive with it */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"

static const char *const settings[] = {"keep-old"};

struct setting {
    const char *name;
    const char *value; /* "1", or NULL for off */
};

static int decide(void *arg, struct hf_change *change, struct hf_error *err)
{
    const struct setting *setting = arg;

    return hf_change_setting(change, setting->name, setting->value, err);
}

static int set(const struct cli *cli, struct hf_store *store, const char *name, const char *word)
{
    struct setting setting = {.name = name, .value = strcmp(word, "on") == 0 ? "1" : NULL};
    struct hf_error err = {0};
    char note[64];
    /* The words of a note are each ended by a zero byte. */
    int len = snprintf(note, sizeof(note), "config%c%s%c%s", 0, name, 0, word);

    if (hf_store_change(store, note, (size_t)len + 1, decide, &setting, &err) != 0)
        return cli_fail(cli, name, &err);
    return CLI_DONE;
}

static int show(const struct cli *cli, struct hf_store *store, const char *name, bool with_name)
{
    struct hf_snapshot *snapshot = NULL;
    struct hf_error err = {0};
    char value[16] = "";

    int code = hf_snapshot_take(store, &snapshot, &err);
    if (code == 0)
        code = hf_snapshot_setting(snapshot, name, value, sizeof(value), &err);
    hf_snapshot_release(snapshot);
    if (code != 0 && code != HF_ERR_NOT_FOUND)
        return cli_fail(cli, name, &err);
    printf("%s%s%s\n", with_name ? name : "", with_name ? " " : "",
           code == 0 && strcmp(value, "1") == 0 ? "on" : "off");
    return CLI_DONE;
}

static const char *find_setting(const char *name)
{
    for (size_t i = 0; i < CLI_COUNT(settings); i++)
        if (strcmp(settings[i], name) == 0)
            return settings[i];
    return NULL;
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
    const struct cli_syntax syntax = {
        .usage = "[SETTING [on|off]]",
        .about = "Show or change a setting of the store:\n"
                 "  keep-old   keep an image whose last name moves, as NAME@sha256:… (off)",
        .max_operands = 2,
    };
    struct hf_store *store = NULL;
    int code = 0;

    if (!cli_parse(cli, &syntax, argc, argv))
        return cli->exit_code;
    const char *name = cli->operand_count > 0 ? cli->operands[0] : NULL;
    const char *word = cli->operand_count > 1 ? cli->operands[1] : NULL;
    if (name && !find_setting(name))
        return cli_misuse(cli, "there is no setting '%s'", name);
    if (word && strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
        return cli_misuse(cli, "a setting is on or off, not '%s'", word);
    code = word ? cli_open_to_write(cli, HF_OPEN_CREATE, &store) : cli_open_to_read(cli, &store);
    if (code != 0)
        return code;
    if (word)
        code = set(cli, store, name, word);
    else if (name)
        code = show(cli, store, name, false);
    for (size_t i = 0; !name && code == 0 && i < CLI_COUNT(settings); i++)
        code = show(cli, store, settings[i], true);
    return cli_close(cli, store, code);
}
