/* oci/time.c - RFC 3339 times of documents, as nanoseconds since 1970. */
#include "oci/document.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S 1000000000u

/* Days from 1970-01-01, by the civil calendar counted from March (so that leap days come last). */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 + (*month <= 2);
}

/* `count` digits; -1 when they are none. */
static int64_t take_number(const char **text, int count)
{
    int64_t value = 0;

    for (int i = 0; i < count; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return -1;
        value = 10 * value + (**text - '0');
    }
    return value;
}

static bool take_char(const char **text, const char *any_of)
{
    if (**text == '\0' || !strchr(any_of, **text))
        return false;
    (*text)++;
    return true;
}

/* ".123": nanoseconds; digits past the ninth are cut. */
static int64_t take_fraction(const char **text)
{
    int64_t ns = 0;
    int64_t unit = NS_PER_S / 10;

    if (!take_char(text, "."))
        return 0;
    if (!isdigit((unsigned char)**text))
        return -1;
    for (; isdigit((unsigned char)**text); (*text)++, unit /= 10)
        ns += (**text - '0') * unit;
    return ns;
}

static bool take_offset(const char **text, int64_t *out_seconds)
{
    *out_seconds = 0;
    if (take_char(text, "Zz"))
        return true;
    bool east = **text == '+';
    if (!take_char(text, "+-"))
        return false;
    int64_t hours = take_number(text, 2);
    if (hours < 0 || hours > 23 || !take_char(text, ":"))
        return false;
    int64_t minutes = take_number(text, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *out_seconds = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
    return true;
}

uint64_t hf_time_parse(const char *text)
{
    int64_t offset;
    int64_t year = take_number(&text, 4);
    if (year < 1970 - 1 || !take_char(&text, "-")) /* an offset can lead into 1970 */
        return 0;
    int64_t month = take_number(&text, 2);
    if (month < 1 || month > 12 || !take_char(&text, "-"))
        return 0;
    int64_t day = take_number(&text, 2);
    if (day < 1 || day > 31 || !take_char(&text, "Tt "))
        return 0;
    int64_t hour = take_number(&text, 2);
    if (hour < 0 || hour > 23 || !take_char(&text, ":"))
        return 0;
    int64_t minute = take_number(&text, 2);
    if (minute < 0 || minute > 59 || !take_char(&text, ":"))
        return 0;
    int64_t second = take_number(&text, 2);
    if (second < 0 || second > 60) /* 60: a leap second */
        return 0;
    int64_t ns = take_fraction(&text);
    if (ns < 0 || !take_offset(&text, &offset) || *text != '\0')
        return 0;
    int64_t seconds =
        days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (seconds < 0 || (uint64_t)seconds >= UINT64_MAX / NS_PER_S)
        return 0;
    return (uint64_t)seconds * NS_PER_S + (uint64_t)ns;
}

void hf_time_text(uint64_t time_ns, char text[40])
{
    int64_t seconds = (int64_t)(time_ns / NS_PER_S);
    int64_t year, month, day;
    int len;

    date_from_days(seconds / 86400, &year, &month, &day);
    seconds %= 86400;
    len = snprintf(text, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%09u", (int)year, (int)month, (int)day,
                   (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60),
                   (unsigned)(time_ns % NS_PER_S));
    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    strcpy(text + len, "Z");
}
