/*
 * oci/reference.c - image names as docker writes and understands them.
 *
 *   reference  repository [":" tag] ["@" digest]
 *   repository [host [":" port] "/"] component *("/" component)
 *   host       labels of letters, digits and inner "-", joined by "."; or "[" IPv6 "]"
 *   component  lower-case letters and digits, joined by "." "_" "__" or any number of "-"
 *   tag        [A-Za-z0-9_] then up to 127 of [A-Za-z0-9_.-]
 *
 * What stands before the first "/" is a host only if it is "localhost", has a "." or ":", or has
 * upper case; else the host is docker.io, where a single component lies under "library/".
 *
 * Source: the grammar of github.com/distribution/reference (its docs and observed behaviour).
 */
#include "oci/reference.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HUB             "docker.io"
#define HUB_LEGACY      "index.docker.io"
#define HUB_LIBRARY     "library/"
#define PATH_MAX_LEN    255
#define TAG_MAX_LEN     128
#define SHORT_ID_DIGITS 12

struct span {
    const char *text;
    size_t len;
};

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || is_upper(c);
}

static bool span_is(struct span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.text, text, span.len) == 0;
}

static bool span_has(struct span span, char c)
{
    return memchr(span.text, c, span.len) != NULL;
}

static bool span_has_upper(struct span span)
{
    for (size_t i = 0; i < span.len; i++)
        if (is_upper(span.text[i]))
            return true;
    return false;
}

/* --- the grammar ------------------------------------------------------------------------------ */

static bool digits_are_valid(struct span port)
{
    for (size_t i = 0; i < port.len; i++)
        if (!isdigit((unsigned char)port.text[i]))
            return false;
    return port.len > 0;
}

static bool ipv6_is_valid(struct span host)
{
    if (host.len < 3 || host.text[host.len - 1] != ']')
        return false;
    for (size_t i = 1; i < host.len - 1; i++)
        if (!isxdigit((unsigned char)host.text[i]) && host.text[i] != ':')
            return false;
    return true;
}

static bool labels_are_valid(struct span host)
{
    char before = '.';

    for (size_t i = 0; i < host.len; i++) {
        char c = host.text[i];
        bool starts = before == '.';
        if (c == '.' ? (starts || before == '-') : c == '-' ? starts : !is_alnum(c))
            return false;
        before = c;
    }
    return before != '.' && before != '-';
}

static bool host_is_valid(struct span host)
{
    if (host.len > 0 && host.text[0] == '[') {
        const char *close = memchr(host.text, ']', host.len);
        size_t len = close ? (size_t)(close - host.text) + 1 : host.len;
        if (len < host.len &&
            (host.text[len] != ':' ||
             !digits_are_valid((struct span){host.text + len + 1, host.len - len - 1})))
            return false;
        return ipv6_is_valid((struct span){host.text, len});
    }
    const char *colon = memchr(host.text, ':', host.len);
    if (colon) {
        size_t len = (size_t)(colon - host.text);
        if (!digits_are_valid((struct span){colon + 1, host.len - len - 1}))
            return false;
        host.len = len;
    }
    return labels_are_valid(host);
}

/* Length of the separator at the start of `text`; 0 when there is none that is allowed. */
static size_t separator_len(const char *text, size_t len)
{
    size_t n = 0;

    if (text[0] == '.')
        return 1;
    while (n < len && text[n] == text[0])
        n++;
    if (text[0] == '-')
        return n;
    return text[0] == '_' && n <= 2 ? n : 0;
}

static bool path_is_valid(struct span path)
{
    size_t i = 0;

    for (;;) {
        size_t start = i;
        while (i < path.len && is_lower_alnum(path.text[i]))
            i++;
        if (i == start)
            return false;
        if (i == path.len)
            return true;
        size_t skip = path.text[i] == '/' ? 1 : separator_len(path.text + i, path.len - i);
        if (skip == 0)
            return false;
        i += skip;
    }
}

static bool tag_is_valid(struct span tag)
{
    for (size_t i = 0; i < tag.len; i++) {
        char c = tag.text[i];
        if (!is_alnum(c) && c != '_' && (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return tag.len > 0 && tag.len <= TAG_MAX_LEN;
}

/* --- parsing what people write ---------------------------------------------------------------- */

struct parts {
    struct span host, path, tag, digest;
    bool in_library; /* the path is to be put under library/ */
};

static struct span cut(struct span *rest, const char *at)
{
    struct span after = {at + 1, rest->len - (size_t)(at - rest->text) - 1};

    rest->len = (size_t)(at - rest->text);
    return after;
}

static void split_text(const char *text, struct parts *out)
{
    struct span rest = {text, strlen(text)};
    struct span host = {HUB, strlen(HUB)};
    const char *slash = strchr(text, '/');

    *out = (struct parts){0};
    if (slash) {
        struct span first = {text, (size_t)(slash - text)};
        if (span_is(first, "localhost") || span_has(first, '.') || span_has(first, ':') ||
            span_has_upper(first)) {
            rest = (struct span){slash + 1, rest.len - first.len - 1};
            if (!span_is(first, HUB_LEGACY))
                host = first;
        }
    }
    const char *at = memchr(rest.text, '@', rest.len);
    if (at)
        out->digest = cut(&rest, at);
    const char *colon = memchr(rest.text, ':', rest.len);
    if (colon)
        out->tag = cut(&rest, colon);
    out->host = host;
    out->path = rest;
    out->in_library = span_is(host, HUB) && !span_has(rest, '/');
}

static bool is_hex_id(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Long input is shown by its beginning. */
static int refuse(struct hf_error *err, const char *text, const char *why)
{
    return hf_fail(err, HF_ERR_USAGE, "\"%.80s%s\" is no image name: %s", text,
                   strlen(text) > 80 ? "…" : "", why);
}

static int check_parts(const char *text, const struct parts *parts, struct hf_error *err)
{
    if (parts->path.len == 0)
        return refuse(err, text, "it has no repository");
    if (span_has_upper(parts->path))
        return refuse(err, text, "a repository is written in lower case");
    if (!host_is_valid(parts->host))
        return refuse(err, text, "the registry's host is malformed");
    if (!path_is_valid(parts->path))
        return refuse(err, text, "the repository is malformed");
    if (parts->path.len + (parts->in_library ? strlen(HUB_LIBRARY) : 0) > PATH_MAX_LEN)
        return refuse(err, text, "the repository has more than 255 characters");
    if (parts->tag.text && !tag_is_valid(parts->tag))
        return refuse(err, text, "the tag is malformed");
    return 0;
}

int hf_reference_normalize(const char *text, char full[HF_REFERENCE_MAX], struct hf_error *err)
{
    struct parts parts;
    struct hf_digest digest = {0};
    char tail[HF_DIGEST_TEXT_MAX + TAG_MAX_LEN];

    if (is_hex_id(text))
        return refuse(err, text, "64 hexadecimal digits are an ID");
    split_text(text, &parts);
    int rc = check_parts(text, &parts, err);
    if (rc != 0)
        return rc;
    if (parts.digest.text) {
        if (hf_digest_parse(parts.digest.text, &digest, NULL) != 0)
            return refuse(err, text, "the digest is malformed");
        tail[0] = '@';
        hf_digest_text(&digest, tail + 1);
    } else if (parts.tag.text) {
        snprintf(tail, sizeof(tail), ":%.*s", (int)parts.tag.len, parts.tag.text);
    } else {
        strcpy(tail, ":latest");
    }
    const char *library = parts.in_library ? HUB_LIBRARY : "";
    size_t len = parts.host.len + 1 + strlen(library) + parts.path.len + strlen(tail) + 1 /* NUL */;
    if (len > HF_REFERENCE_MAX)
        return refuse(err, text, "it is too long");
    snprintf(full, HF_REFERENCE_MAX, "%.*s/%s%.*s%s", (int)parts.host.len, parts.host.text, library,
             (int)parts.path.len, parts.path.text, tail);
    return 0;
}

/* --- the parts of a full one ------------------------------------------------------------------ */

void hf_reference_split(const char *full, struct hf_reference *out)
{
    size_t len = strlen(full);
    const char *at = strchr(full, '@');
    const char *slash = strrchr(full, '/');

    *out = (struct hf_reference){.repository = full, .tag = "", .digest = ""};
    if (at) {
        out->digest = at + 1;
        len = (size_t)(at - full);
    }
    /* A ":" before the last "/" belongs to a port. */
    const char *name = slash ? slash + 1 : full;
    const char *colon = memchr(name, ':', len - (size_t)(name - full));
    if (colon) {
        if (!at)
            out->tag = colon + 1;
        len = (size_t)(colon - full);
    }
    out->repository_len = len;
}

bool hf_reference_is_digest(const char *full)
{
    return strchr(full, '@') != NULL;
}

bool hf_reference_is_bare(const char *text)
{
    const char *slash = strrchr(text, '/');

    return !strchr(text, '@') && !strchr(slash ? slash : text, ':');
}

int hf_reference_with_digest(const char *full, const struct hf_digest *digest,
                             char out[HF_REFERENCE_MAX], struct hf_error *err)
{
    char text[HF_DIGEST_TEXT_MAX];
    struct hf_reference parts;

    hf_reference_split(full, &parts);
    hf_digest_text(digest, text);
    if (parts.repository_len + 1 + strlen(text) >= HF_REFERENCE_MAX)
        return refuse(err, full, "it is too long");
    snprintf(out, HF_REFERENCE_MAX, "%.*s@%s", (int)parts.repository_len, parts.repository, text);
    return 0;
}

int hf_reference_with_tag(const char *repository, const char *tag, char out[HF_REFERENCE_MAX],
                          struct hf_error *err)
{
    char text[2 * HF_REFERENCE_MAX];

    if (!tag_is_valid((struct span){tag, strlen(tag)}))
        return refuse(err, tag, "the tag is malformed");
    if (strlen(repository) + 1 + strlen(tag) >= sizeof(text))
        return refuse(err, repository, "it is too long");
    snprintf(text, sizeof(text), "%s:%s", repository, tag);
    return hf_reference_normalize(text, out, err);
}

/* --- how people see them ---------------------------------------------------------------------- */

static bool means(const char *shown, const char *full)
{
    char again[HF_REFERENCE_MAX];

    return hf_reference_normalize(shown, again, NULL) == 0 && strcmp(again, full) == 0;
}

/* The shortest form that still means the same: a part that looks like a host must not come first.
 */
static const char *familiar_start(const char *full)
{
    const char *rest = full + strlen(HUB) + 1;

    if (strncmp(full, HUB "/", strlen(HUB) + 1) != 0)
        return full;
    if (strncmp(rest, HUB_LIBRARY, strlen(HUB_LIBRARY)) == 0 &&
        !strchr(rest + strlen(HUB_LIBRARY), '/') && means(rest + strlen(HUB_LIBRARY), full))
        return rest + strlen(HUB_LIBRARY);
    return means(rest, full) ? rest : full;
}

const char *hf_reference_familiar(const char *full, char shown[HF_REFERENCE_MAX])
{
    snprintf(shown, HF_REFERENCE_MAX, "%s", familiar_start(full));
    return shown;
}

void hf_reference_columns(const char *full, char repository[HF_REFERENCE_MAX],
                          char tag[HF_REFERENCE_MAX])
{
    struct hf_reference parts;
    const char *hex;

    hf_reference_split(familiar_start(full), &parts);
    snprintf(repository, HF_REFERENCE_MAX, "%.*s", (int)parts.repository_len, parts.repository);
    hex = strchr(parts.digest, ':');
    if (hex)
        snprintf(tag, HF_REFERENCE_MAX, "@%.*s", SHORT_ID_DIGITS, hex + 1);
    else
        snprintf(tag, HF_REFERENCE_MAX, "%s", parts.tag);
}
