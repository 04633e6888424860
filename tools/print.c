/*
 * print.c - see print.h.
 */
#include "print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define NS_PER_S 1000000000ull

const char *cli_size_text(uint64_t bytes, char text[CLI_TEXT_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double size = (double)bytes;
    size_t unit = 0;

    /* Where three digits would round up to "1e+03" the next unit is the better word. */
    while (size >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        size /= 1000.0;
        unit++;
    }
    snprintf(text, CLI_TEXT_MAX, "%.3g%s", size, units[unit]);
    return text;
}

uint64_t cli_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

const char *cli_duration_text(uint64_t seconds, char text[CLI_TEXT_MAX])
{
    uint64_t minutes = seconds / 60;
    uint64_t hours = (seconds + 1800) / 3600;
    const struct {
        bool fits;
        uint64_t count; /* 0: the words say all */
        const char *words;
    } rows[] = {
        {seconds < 1, 0, "Less than a second"},
        {seconds == 1, 0, "1 second"},
        {seconds < 60, seconds, "seconds"},
        {minutes == 1, 0, "About a minute"},
        {minutes < 60, minutes, "minutes"},
        {hours == 1, 0, "About an hour"},
        {hours < 48, hours, "hours"},
        {hours < 24ull * 7 * 2, hours / 24, "days"},
        {hours < 24ull * 30 * 2, hours / 24 / 7, "weeks"},
        {hours < 24ull * 365 * 2, hours / 24 / 30, "months"},
        {true, hours / 24 / 365, "years"},
    };
    size_t i = 0;

    while (!rows[i].fits)
        i++;
    if (rows[i].count == 0)
        snprintf(text, CLI_TEXT_MAX, "%s", rows[i].words);
    else
        snprintf(text, CLI_TEXT_MAX, "%" PRIu64 " %s", rows[i].count, rows[i].words);
    return text;
}

const char *cli_ago_text(uint64_t time_ns, char text[CLI_TEXT_MAX])
{
    uint64_t now_ns = cli_now_ns();
    char duration[CLI_TEXT_MAX];

    if (time_ns == 0) {
        snprintf(text, CLI_TEXT_MAX, "N/A");
        return text;
    }
    cli_duration_text(time_ns < now_ns ? (now_ns - time_ns) / NS_PER_S : 0, duration);
    snprintf(text, CLI_TEXT_MAX, "%.50s ago", duration);
    return text;
}

const char *cli_local_time_text(uint64_t time_ns, char text[CLI_TEXT_MAX])
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm parts;

    if (time_ns == 0 || !localtime_r(&seconds, &parts) ||
        strftime(text, CLI_TEXT_MAX, "%Y-%m-%d %H:%M:%S %z %Z", &parts) == 0)
        snprintf(text, CLI_TEXT_MAX, "N/A");
    return text;
}

static const char *utc_text(uint64_t time_ns, const char *fraction, char text[CLI_TEXT_MAX])
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm parts;
    char date[40];

    text[0] = '\0';
    if (time_ns != 0 && gmtime_r(&seconds, &parts) &&
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts) != 0)
        snprintf(text, CLI_TEXT_MAX, "%s%sZ", date, fraction);
    return text;
}

const char *cli_time_text(uint64_t time_ns, char text[CLI_TEXT_MAX])
{
    return utc_text(time_ns, "", text);
}

const char *cli_time_ms_text(uint64_t time_ns, char text[CLI_TEXT_MAX])
{
    char fraction[8];

    snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)(time_ns % NS_PER_S / 1000000));
    return utc_text(time_ns, fraction, text);
}

const char *cli_short_id(const struct hf_digest *digest, char text[HF_DIGEST_TEXT_MAX])
{
    hf_digest_hex(digest, text);
    text[12] = '\0';
    return text;
}

/* Length of the printable UTF-8 character that `text` begins with; 0 if there is none. */
static size_t printable_len(const unsigned char *text)
{
    size_t len = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;

    if (text[0] < 0x20 || text[0] == 0x7f || (text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* U+0080 to U+009F are control characters; overlong forms and surrogates are no UTF-8. */
    if ((text[0] == 0xc2 && text[1] < 0xa0) || (text[0] == 0xe0 && text[1] < 0xa0) ||
        (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
        (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return len;
}

void cli_put_safe(struct hf_buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        size_t len = printable_len(at);
        if (len > 0)
            hf_buf_put(out, at, len);
        else
            hf_buf_printf(out, "\\x%02x", *at);
        at += len > 0 ? len : 1;
    }
}

void cli_print_safe(FILE *file, const char *text)
{
    struct hf_buf safe = {0};

    cli_put_safe(&safe, text);
    fputs(cli_need((void *)(uintptr_t)hf_buf_text(&safe)), file);
    hf_buf_release(&safe);
}

json_t *cli_json_text(const char *text)
{
    struct hf_buf safe = {0};
    json_t *string = json_string(text);

    if (string)
        return string;
    cli_put_safe(&safe, text);
    string = json_string(cli_need((void *)(uintptr_t)hf_buf_text(&safe)));
    hf_buf_release(&safe);
    return cli_need(string);
}

json_t *cli_json_digest(const struct hf_digest *digest)
{
    char text[HF_DIGEST_TEXT_MAX];

    if (hf_digest_size(digest->algorithm) == 0)
        return json_null();
    return cli_json_text(hf_digest_text(digest, text));
}

void cli_print_json(json_t *document)
{
    cli_need(document);
    json_dumpf(document, stdout, JSON_INDENT(4));
    fputc('\n', stdout);
    json_decref(document);
}
