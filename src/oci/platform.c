/* oci/platform.c - "os/architecture[/variant]", compared as containerd does it. */
#include "oci/document.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#if defined(__x86_64__)
#define HERE "linux/amd64"
#elif defined(__aarch64__)
#define HERE "linux/arm64"
#elif defined(__arm__)
#define HERE "linux/arm/v7"
#elif defined(__i386__)
#define HERE "linux/386"
#elif defined(__riscv) && __riscv_xlen == 64
#define HERE "linux/riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HERE "linux/ppc64le"
#elif defined(__s390x__)
#define HERE "linux/s390x"
#elif defined(__loongarch64)
#define HERE "linux/loong64"
#else
#define HERE "linux/unknown"
#endif

struct platform {
    char os[64], architecture[64], variant[64];
};

static const char *const SYSTEMS[] = {"linux",   "windows", "darwin", "freebsd", "netbsd",
                                      "openbsd", "solaris", "plan9",  "unknown"};

static bool is_system(const char *text)
{
    for (size_t i = 0; i < sizeof(SYSTEMS) / sizeof(SYSTEMS[0]); i++)
        if (strcasecmp(text, SYSTEMS[i]) == 0)
            return true;
    return false;
}

/* Other names of architectures, and the variant that is meant when none is told. */
static void settle(struct platform *platform)
{
    static const struct {
        const char *name, *architecture, *variant;
    } aliases[] = {
        {"x86_64", "amd64", ""}, {"x86-64", "amd64", ""},  {"i386", "386", ""},
        {"i686", "386", ""},     {"aarch64", "arm64", ""}, {"armhf", "arm", "v7"},
        {"armel", "arm", "v6"},
    };

    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcasecmp(platform->architecture, aliases[i].name) == 0) {
            strcpy(platform->architecture, aliases[i].architecture);
            if (platform->variant[0] == '\0')
                strcpy(platform->variant, aliases[i].variant);
        }
    /* arm64 is v8, amd64 is v1: told or not. */
    if ((strcasecmp(platform->architecture, "arm64") == 0 &&
         (strcmp(platform->variant, "v8") == 0 || strcmp(platform->variant, "8") == 0)) ||
        (strcasecmp(platform->architecture, "amd64") == 0 && strcmp(platform->variant, "v1") == 0))
        platform->variant[0] = '\0';
}

static void split(const char *text, struct platform *out)
{
    char copy[64];
    char *rest = copy;

    *out = (struct platform){0};
    snprintf(copy, sizeof(copy), "%s", text);
    const char *first = strsep(&rest, "/");
    const char *second = strsep(&rest, "/");
    const char *third = rest;
    if (!second && !is_system(first)) {
        third = NULL;
        second = first;
        first = "linux";
    }
    snprintf(out->os, sizeof(out->os), "%s", first);
    snprintf(out->architecture, sizeof(out->architecture), "%s", second ? second : "");
    snprintf(out->variant, sizeof(out->variant), "%s", third ? third : "");
    settle(out);
}

const char *hf_platform_here(void)
{
    return HERE;
}

void hf_platform_join(const char *os, const char *architecture, const char *variant,
                      char platform[64])
{
    platform[0] = '\0';
    if (os[0] != '\0' || architecture[0] != '\0')
        snprintf(platform, 64, "%s/%s%s%s", os, architecture, variant[0] != '\0' ? "/" : "",
                 variant);
}

bool hf_platform_matches(const char *have, const char *want)
{
    struct platform h, w;

    split(have, &h);
    split(want, &w);
    return strcasecmp(h.os, w.os) == 0 &&
           (w.architecture[0] == '\0' || strcasecmp(h.architecture, w.architecture) == 0) &&
           (w.variant[0] == '\0' || strcasecmp(h.variant, w.variant) == 0);
}

/* --- what an image is made for ---------------------------------------------------------------- */

static bool take_component(const char **text, char out[64])
{
    size_t len = strcspn(*text, "/");

    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)(*text)[i]) && !strchr("._-", (*text)[i]))
            return false;
    if (len == 0 || len >= 64)
        return false;
    memcpy(out, *text, len);
    out[len] = '\0';
    *text += len + ((*text)[len] == '/');
    return true;
}

int hf_platform_parse(const char *text, struct hf_platform_parts *out, struct hf_error *err)
{
    struct hf_platform_parts parts = {0};
    const char *rest = text;

    if (!take_component(&rest, parts.os) || !take_component(&rest, parts.architecture) ||
        (*rest != '\0' && !take_component(&rest, parts.variant)) || *rest != '\0' ||
        strlen(text) >= 64)
        return hf_fail(err, HF_ERR_USAGE, "\"%.80s\" is no platform: os/architecture[/variant]",
                       text);
    *out = parts;
    return 0;
}
