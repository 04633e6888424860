/*
 * image/moment.c - moments as docker's filters take them: a duration before now ("1h30m", as Go
 * writes them), RFC 3339, a local date or time, or seconds since 1970.
 */
#include "image/filter.h"

#include "base/error.h"
#include "oci/document.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ull

struct unit {
    const char *name;
    double ns;
};

static const struct unit units[] = {
    /* "ms" stands before "m", whose name it begins with. */
    {"ns", 1},  {"us", 1e3}, {"\u00b5s", 1e3}, {"ms", 1e6},
    {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},    {"d", 86400e9},
};

static const struct unit *find_unit(const char *text)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
            return &units[i];
    }
    return NULL;
}

/* strtod would also take "inf", "0x1p3" and signs. */
static bool parse_number(const char **text, double *out)
{
    size_t len = strspn(*text, "0123456789.");
    char digits[32];
    char *end;

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, *text, len);
    digits[len] = '\0';
    *out = strtod(digits, &end);
    *text += len;
    return *end == '\0';
}

static bool parse_duration(const char *text, double *out_ns)
{
    double sum = 0;

    do {
        double number;
        if (!parse_number(&text, &number))
            return false;
        const struct unit *unit = find_unit(text);
        if (!unit)
            return false;
        sum += number * unit->ns;
        text += strlen(unit->name);
    } while (*text != '\0');
    *out_ns = sum;
    return true;
}

static bool parse_seconds(const char *text, uint64_t *out_ns)
{
    double seconds;

    if (!parse_number(&text, &seconds) || *text != '\0' ||
        seconds >= (double)(UINT64_MAX / NS_PER_S))
        return false;
    *out_ns = (uint64_t)(seconds * 1e9);
    return true;
}

/* Without an offset it is local time. */
static bool parse_local(const char *text, uint64_t *out_ns)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
                                        "%Y-%m-%d"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm parts = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &parts);
        if (!end || *end != '\0')
            continue;
        time_t seconds = mktime(&parts);
        if (seconds < 0)
            return false;
        *out_ns = (uint64_t)seconds * NS_PER_S;
        return true;
    }
    return false;
}

int hf_moment_parse(const char *text, uint64_t now_ns, uint64_t *out_ns, struct hf_error *err)
{
    uint64_t rfc3339_ns = hf_time_parse(text);
    double duration_ns;

    if (rfc3339_ns != 0) {
        *out_ns = rfc3339_ns;
        return 0;
    }
    if (parse_duration(text, &duration_ns)) {
        *out_ns = duration_ns < (double)now_ns ? now_ns - (uint64_t)duration_ns : 0;
        return 0;
    }
    if (parse_local(text, out_ns) || parse_seconds(text, out_ns))
        return 0;
    return hf_fail(err, HF_ERR_USAGE, "\"%.60s\" is no time: write 24h, 2024-05-01 or RFC 3339",
                   text);
}
