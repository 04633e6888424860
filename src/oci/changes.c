/* oci/changes.c - one function for each instruction. HEALTHCHECK: healthcheck.c. */
#include "oci/changes.h"

#include "base/buf.h"
#include "base/error.h"
#include "oci/changes_list.h"
#include "oci/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- helpers ---------------------------------------------------------------------------------- */

/* jansson takes the value on every path. */
static int set(json_t *object, const char *key, json_t *value, struct hf_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : hf_fail_memory(err);
}

static int set_text(json_t *object, const char *key, const char *text, struct hf_error *err)
{
    json_t *value = json_string(text);

    if (!value)
        return hf_fail(err, HF_ERR_USAGE, "it is not UTF-8");
    return set(object, key, value, err);
}

/* The member `key`, made as `fresh` when it is not there. Borrowed; NULL: no memory. */
static json_t *get_or_make(json_t *config, const char *key, json_t *fresh)
{
    json_t *there = json_object_get(config, key);

    if (there && !json_is_null(there)) {
        json_decref(fresh);
        return there;
    }
    return json_object_set_new(config, key, fresh) == 0 ? json_object_get(config, key) : NULL;
}

static const char *variable(void *arg, const char *name)
{
    const json_t *env = json_object_get(arg, "Env");
    size_t len = strlen(name);

    for (size_t i = 0; i < json_array_size(env); i++) {
        const char *entry = json_string_value(json_array_get(env, i));
        if (entry && strncmp(entry, name, len) == 0 && entry[len] == '=')
            return entry + len + 1;
    }
    return NULL;
}

static int next_word(json_t *config, const char **rest, struct hf_buf *word, struct hf_error *err)
{
    int rc = hf_words_next(rest, variable, config, word, err);

    return rc == 0 && !hf_buf_text(word) ? hf_buf_check(word, err) : rc;
}

/* ["a", "b"] of texts; NULL: it is not of that form. The caller's. */
json_t *hf_change_list(const char *text)
{
    json_t *list = text[0] == '[' ? json_loads(text, 0, NULL) : NULL;

    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* --- CMD, ENTRYPOINT -------------------------------------------------------------------------- */

static int change_command(json_t *config, const char *key, const char *args, struct hf_error *err)
{
    json_t *list = hf_change_list(args);

    if (!list)
        list = json_pack("[s,s,s]", "/bin/sh", "-c", args);
    if (!list)
        return hf_fail(err, HF_ERR_USAGE, "it is not UTF-8");
    return set(config, key, list, err);
}

static int change_cmd(json_t *config, const char *args, struct hf_error *err)
{
    return change_command(config, "Cmd", args, err);
}

static int change_entrypoint(json_t *config, const char *args, struct hf_error *err)
{
    return change_command(config, "Entrypoint", args, err);
}

/* --- ENV, LABEL ------------------------------------------------------------------------------- */

typedef int pair_fn(json_t *config, const char *name, const char *value, struct hf_error *err);

static int add_pair(json_t *config, struct hf_buf *word, pair_fn *fn, struct hf_error *err)
{
    const char *text = hf_buf_text(word);
    char *equals = text ? strchr((char *)word->data, '=') : NULL;

    if (!equals || equals == text)
        return hf_fail(err, HF_ERR_USAGE, "\"%.40s\" is not NAME=VALUE", text ? text : "");
    *equals = '\0';
    return fn(config, text, equals + 1, err);
}

/* "NAME VALUE...", the old form: one pair, the value is all that follows. */
static int add_old_pair(json_t *config, const char *args, pair_fn *fn, struct hf_error *err)
{
    struct hf_buf name = {.max_bytes = HF_CHANGE_MAX}, value = {.max_bytes = HF_CHANGE_MAX};
    int rc = next_word(config, &args, &name, err);

    if (rc == 0)
        rc = hf_words_all(&args, variable, config, &value, err);
    if (rc == HF_END)
        rc = hf_fail(err, HF_ERR_USAGE, "it needs a name and a value");
    if (rc == 0)
        rc = fn(config, hf_buf_text(&name), hf_buf_text(&value), err);
    hf_buf_release(&name);
    hf_buf_release(&value);
    return rc;
}

static int change_pairs(json_t *config, const char *args, pair_fn *fn, struct hf_error *err)
{
    struct hf_buf word = {.max_bytes = HF_CHANGE_MAX};
    bool is_old = !memchr(args, '=', strcspn(args, " \t"));
    int rc = 0;

    if (is_old && args[0] != '"' && args[0] != '\'')
        return add_old_pair(config, args, fn, err);
    while (rc == 0) {
        rc = next_word(config, &args, &word, err);
        if (rc == 0)
            rc = add_pair(config, &word, fn, err);
    }
    hf_buf_release(&word);
    return rc == HF_END ? 0 : rc;
}

static int set_env(json_t *config, const char *name, const char *value, struct hf_error *err)
{
    json_t *env = get_or_make(config, "Env", json_array());
    json_t *entry = json_sprintf("%s=%s", name, value);
    size_t len = strlen(name);

    if (!env || !entry) {
        json_decref(entry);
        return hf_fail(err, HF_ERR_USAGE, "it is not UTF-8");
    }
    for (size_t i = 0; i < json_array_size(env); i++) {
        const char *there = json_string_value(json_array_get(env, i));
        if (there && strncmp(there, name, len) == 0 && there[len] == '=')
            return json_array_set_new(env, i, entry) == 0 ? 0 : hf_fail_memory(err);
    }
    return json_array_append_new(env, entry) == 0 ? 0 : hf_fail_memory(err);
}

static int change_env(json_t *config, const char *args, struct hf_error *err)
{
    return change_pairs(config, args, set_env, err);
}

static int set_label(json_t *config, const char *name, const char *value, struct hf_error *err)
{
    json_t *labels = get_or_make(config, "Labels", json_object());

    return labels ? set_text(labels, name, value, err) : hf_fail_memory(err);
}

static int change_label(json_t *config, const char *args, struct hf_error *err)
{
    return change_pairs(config, args, set_label, err);
}

/* --- EXPOSE, VOLUME --------------------------------------------------------------------------- */

typedef int word_fn(json_t *config, const char *word, struct hf_error *err);

static int each_word(json_t *config, const char *args, word_fn *fn, struct hf_error *err)
{
    struct hf_buf word = {.max_bytes = HF_CHANGE_MAX};
    int rc = 0;

    while (rc == 0) {
        rc = next_word(config, &args, &word, err);
        if (rc == 0)
            rc = fn(config, hf_buf_text(&word), err);
    }
    hf_buf_release(&word);
    return rc == HF_END ? 0 : rc;
}

/* A port of 1 to 65535, *text behind it; 0: it is none. */
static unsigned take_port(const char **text)
{
    unsigned port = 0;

    for (int digits = 0; isdigit((unsigned char)**text); (*text)++)
        if (++digits > 5)
            return 0;
        else
            port = 10 * port + (unsigned)(**text - '0');
    return port <= 65535 ? port : 0;
}

/* "80", "80/udp", "8000-8010/tcp" */
static int expose(json_t *config, const char *word, struct hf_error *err)
{
    json_t *ports = get_or_make(config, "ExposedPorts", json_object());
    const char *rest = word;
    char key[32];
    unsigned first = take_port(&rest), last = first;

    if (*rest == '-') {
        rest++;
        last = take_port(&rest);
    }
    const char *protocol = *rest == '/' ? rest + 1 : *rest == '\0' ? "tcp" : "";
    if (first == 0 || last < first ||
        (strcasecmp(protocol, "tcp") != 0 && strcasecmp(protocol, "udp") != 0 &&
         strcasecmp(protocol, "sctp") != 0))
        return hf_fail(err, HF_ERR_USAGE, "\"%.40s\" is no port", word);
    for (unsigned port = first; port <= last; port++) {
        snprintf(key, sizeof(key), "%u/%s", port, protocol);
        for (char *c = key; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        int rc = ports ? set(ports, key, json_object(), err) : hf_fail_memory(err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int change_expose(json_t *config, const char *args, struct hf_error *err)
{
    return each_word(config, args, expose, err);
}

static int add_volume(json_t *config, const char *word, struct hf_error *err)
{
    json_t *volumes = get_or_make(config, "Volumes", json_object());

    if (word[0] == '\0')
        return hf_fail(err, HF_ERR_USAGE, "a volume has no path");
    if (!volumes)
        return hf_fail_memory(err);
    return json_object_set_new(volumes, word, json_object()) == 0
               ? 0
               : hf_fail(err, HF_ERR_USAGE, "it is not UTF-8");
}

static int change_volume(json_t *config, const char *args, struct hf_error *err)
{
    json_t *list = hf_change_list(args);
    int rc = 0;

    if (!list)
        return each_word(config, args, add_volume, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
        rc = add_volume(config, json_string_value(json_array_get(list, i)), err);
    json_decref(list);
    return rc;
}

/* --- STOPSIGNAL, USER, WORKDIR ---------------------------------------------------------------- */

static int set_all(json_t *config, const char *key, const char *args, struct hf_error *err)
{
    struct hf_buf text = {.max_bytes = HF_CHANGE_MAX};
    int rc = hf_words_all(&args, variable, config, &text, err);

    if (rc == 0)
        rc = set_text(config, key, hf_buf_text(&text), err);
    hf_buf_release(&text);
    return rc;
}

static int change_stopsignal(json_t *config, const char *args, struct hf_error *err)
{
    for (const char *c = args; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("+-${}_", *c))
            return hf_fail(err, HF_ERR_USAGE, "\"%.40s\" is no signal", args);
    return set_all(config, "StopSignal", args, err);
}

static int change_user(json_t *config, const char *args, struct hf_error *err)
{
    return set_all(config, "User", args, err);
}

/* "/a/./b/../c" is "/a/c". */
static void put_clean(struct hf_buf *out, const char *path)
{
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && memcmp(path, "..", 2) == 0) {
            while (out->len > 0 && out->data[--out->len] != '/')
                ;
        } else if (n > 0 && !(n == 1 && *path == '.')) {
            hf_buf_put_text(out, "/");
            hf_buf_put(out, path, n);
        }
        path += n + (path[n] == '/');
    }
}

static int change_workdir(json_t *config, const char *args, struct hf_error *err)
{
    struct hf_buf text = {.max_bytes = HF_CHANGE_MAX}, path = {.max_bytes = HF_CHANGE_MAX};
    const char *before = json_string_value(json_object_get(config, "WorkingDir"));
    int rc = hf_words_all(&args, variable, config, &text, err);

    if (rc == 0 && hf_buf_text(&text)) {
        if (text.data[0] != '/' && before)
            put_clean(&path, before);
        put_clean(&path, (const char *)text.data);
        if (path.len == 0)
            hf_buf_put_text(&path, "/");
        rc = hf_buf_check(&path, err);
    }
    if (rc == 0)
        rc = set_text(config, "WorkingDir", hf_buf_text(&path), err);
    hf_buf_release(&text);
    hf_buf_release(&path);
    return rc;
}

/* --- ONBUILD ---------------------------------------------------------------------------------- */

static int change_onbuild(json_t *config, const char *args, struct hf_error *err)
{
    static const char *const refused[] = {"ONBUILD", "FROM", "MAINTAINER"};
    size_t len = strcspn(args, " \t");
    json_t *list = get_or_make(config, "OnBuild", json_array());
    json_t *entry = json_string(args);

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (strlen(refused[i]) == len && strncasecmp(args, refused[i], len) == 0) {
            json_decref(entry);
            return hf_fail(err, HF_ERR_USAGE, "%s is not allowed as a trigger", refused[i]);
        }
    if (!entry)
        return hf_fail(err, HF_ERR_USAGE, "it is not UTF-8");
    return json_array_append_new(list, entry) == 0 ? 0 : hf_fail_memory(err);
}

/* ---------------------------------------------------------------------------------------------- */

int hf_config_change(json_t *config, const char *instruction, struct hf_error *err)
{
    static const struct {
        const char *name;
        int (*change)(json_t *config, const char *args, struct hf_error *err);
    } instructions[] = {
        {"CMD", change_cmd},
        {"ENTRYPOINT", change_entrypoint},
        {"ENV", change_env},
        {"EXPOSE", change_expose},
        {"HEALTHCHECK", hf_change_healthcheck},
        {"LABEL", change_label},
        {"ONBUILD", change_onbuild},
        {"STOPSIGNAL", change_stopsignal},
        {"USER", change_user},
        {"VOLUME", change_volume},
        {"WORKDIR", change_workdir},
    };
    const char *rest = instruction;

    hf_words_skip_blanks(&rest);
    size_t len = strcspn(rest, " \t\n\r");
    const char *args = rest + len;
    hf_words_skip_blanks(&args);
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        if (strlen(instructions[i].name) != len ||
            strncasecmp(instructions[i].name, rest, len) != 0)
            continue;
        int rc = args[0] != '\0' ? instructions[i].change(config, args, err)
                                 : hf_fail(err, HF_ERR_USAGE, "it needs an argument");
        return rc == 0 ? 0 : hf_fail_prefix(err, rc, "%s", instructions[i].name);
    }
    return hf_fail(err, HF_ERR_USAGE, "\"%.*s\" is no instruction that changes an image",
                   len > 40 ? 40 : (int)len, rest);
}
