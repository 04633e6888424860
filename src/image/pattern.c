/*
 * image/pattern.c - which names `images PATTERN` and the filter "reference" mean. Globs are those
 * of Go's path.Match, which docker uses: "*" and "?" stop at "/".
 */
#include "image/filter.h"

#include "oci/reference.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static bool fits(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, FNM_PATHNAME) == 0;
}

/* A pattern for a repository fits all of its tags. */
static bool fits_written(const char *pattern, const char *name)
{
    char repository[HF_REFERENCE_MAX];
    struct hf_reference parts;

    if (fits(pattern, name))
        return true;
    hf_reference_split(name, &parts);
    snprintf(repository, sizeof(repository), "%.*s", (int)parts.repository_len, parts.repository);
    return fits(pattern, repository);
}

bool hf_pattern_fits(const char *pattern, const char *full_name)
{
    static const char local[] = "localhost/";
    char shown[HF_REFERENCE_MAX];

    if (fits_written(pattern, full_name) ||
        fits_written(pattern, hf_reference_familiar(full_name, shown)))
        return true;
    return strncmp(full_name, local, strlen(local)) == 0 &&
           fits_written(pattern, full_name + strlen(local));
}
