/* oci/healthcheck.c - HEALTHCHECK NONE, or [--interval=… …] CMD command. */
#include "oci/changes_list.h"

#include "base/error.h"
#include "oci/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "1m30s", "500ms", "1.5h" in nanoseconds; negative: it is none. */
static int64_t parse_duration(const char *text)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    double total = 0;

    if (*text == '\0')
        return -1;
    while (*text) {
        size_t i, digits = strspn(text, "0123456789.");
        char *end;
        double value = digits > 0 ? strtod(text, &end) : -1;
        size_t letters = strspn(text + digits, "abcdefghijklmnopqrstuvwxyz");
        if (value < 0 || end != text + digits)
            return -1;
        for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (strlen(units[i].name) == letters &&
                strncmp(units[i].name, text + digits, letters) == 0)
                break;
        if (i == sizeof(units) / sizeof(units[0]))
            return -1;
        total += value * units[i].ns;
        text += digits + letters;
    }
    return total < 9e18 ? (int64_t)total : -1;
}

static int64_t parse_count(const char *text)
{
    char *end;
    long count = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : -1;

    return count >= 1 && count <= 1000000 && *end == '\0' ? count : -1;
}

static int take_flag(json_t *check, const char *flag, struct hf_error *err)
{
    static const struct {
        const char *name, *key;
        int64_t (*parse)(const char *text);
    } flags[] = {
        {"--interval=", "Interval", parse_duration},
        {"--timeout=", "Timeout", parse_duration},
        {"--start-period=", "StartPeriod", parse_duration},
        {"--start-interval=", "StartInterval", parse_duration},
        {"--retries=", "Retries", parse_count},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        size_t len = strlen(flags[i].name);
        if (strncmp(flag, flags[i].name, len) != 0)
            continue;
        int64_t value = flags[i].parse(flag + len);
        if (value < 0)
            break;
        return json_object_set_new(check, flags[i].key, json_integer(value)) == 0
                   ? 0
                   : hf_fail_memory(err);
    }
    return hf_fail(err, HF_ERR_USAGE, "\"%.60s\" is no option of it", flag);
}

static json_t *make_test(const char *command)
{
    json_t *list = hf_change_list(command);

    if (!list)
        return json_pack("[s,s]", "CMD-SHELL", command);
    if (json_array_insert_new(list, 0, json_string("CMD")) != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static int take_flags(json_t *check, const char **args, struct hf_error *err)
{
    struct hf_buf word = {.max_bytes = 256};
    int rc = 0;

    while (rc == 0 && strncmp(*args, "--", 2) == 0) {
        rc = hf_words_next(args, NULL, NULL, &word, err);
        if (rc == 0)
            rc = take_flag(check, hf_buf_text(&word), err);
        hf_words_skip_blanks(args);
    }
    hf_buf_release(&word);
    return rc;
}

static int fill(json_t *check, const char *args, struct hf_error *err)
{
    json_t *test = NULL;
    int rc = take_flags(check, &args, err);

    if (rc != 0)
        return rc;
    if (strcasecmp(args, "NONE") == 0) {
        test = json_pack("[s]", "NONE");
    } else if (strncasecmp(args, "CMD", 3) == 0 && (args[3] == ' ' || args[3] == '\t')) {
        args += 3;
        hf_words_skip_blanks(&args);
        test = *args ? make_test(args) : NULL;
    }
    if (!test)
        return hf_fail(err, HF_ERR_USAGE, "it is NONE, or CMD and a command");
    return json_object_set_new(check, "Test", test) == 0 ? 0 : hf_fail_memory(err);
}

int hf_change_healthcheck(json_t *config, const char *args, struct hf_error *err)
{
    json_t *check = json_object();
    int rc = check ? fill(check, args, err) : hf_fail_memory(err);

    if (rc != 0) {
        json_decref(check);
        return rc;
    }
    return json_object_set_new(config, "Healthcheck", check) == 0 ? 0 : hf_fail_memory(err);
}
