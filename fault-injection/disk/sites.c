/* fault-injection/disk/sites.c - a table of call sites. */
#include "disk/sites.h"

#include "disk/site.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES_MAX 256

_Thread_local const char *site_of_call;

struct site {
    const char *name;
    uint64_t before, behind;
};

static struct site sites[SITES_MAX];
static size_t site_count;

const char *sites_take(void)
{
    const char *site = site_of_call;

    site_of_call = NULL;
    return site;
}

static struct site *find(const char *name)
{
    for (size_t i = 0; i < site_count; i++) {
        if (strcmp(sites[i].name, name) == 0)
            return &sites[i];
    }
    if (site_count == SITES_MAX)
        abort();
    sites[site_count].name = name;
    return &sites[site_count++];
}

void sites_count(const char *last, const char *next)
{
    if (last != NULL)
        find(last)->behind++;
    if (next != NULL)
        find(next)->before++;
}

void sites_print(void)
{
    for (size_t i = 0; i < site_count; i++)
        printf("site %s %" PRIu64 " %" PRIu64 "\n", sites[i].name, sites[i].before,
               sites[i].behind);
}
