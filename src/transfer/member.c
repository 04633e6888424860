/* transfer/member.c - the table of an archive's members. */
#include "transfer/member.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hf_members_add(struct hf_members *members, const char *path, const char *link,
                   struct hf_member **out, struct hf_error *err)
{
    size_t bytes = strlen(path) + (link ? strlen(link) : 0);

    if (members->count >= HF_MEMBERS_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "the archive has more than %u files", HF_MEMBERS_MAX);
    int rc = hf_array_grow(&members->items, &members->capacity, members->count,
                           sizeof(*members->items), err);
    if (rc != 0)
        return rc;
    if (bytes > HF_MEMBERS_PATHS_MAX - members->path_bytes)
        return hf_fail(err, HF_ERR_LIMIT, "the names in the archive have more than %u bytes",
                       HF_MEMBERS_PATHS_MAX);
    struct hf_member member = {.place = link ? HF_MEMBER_LINK : HF_MEMBER_UNREAD};
    member.path = strdup(path);
    member.link = link ? strdup(link) : NULL;
    if (!member.path || (link && !member.link)) {
        free(member.path);
        free(member.link);
        return hf_fail_memory(err);
    }
    members->path_bytes += bytes;
    members->items[members->count] = member;
    *out = &members->items[members->count++];
    return 0;
}

static int compare_paths(const void *a, const void *b, void *arg)
{
    const struct hf_member *items = arg;
    uint32_t i = *(const uint32_t *)a;
    uint32_t j = *(const uint32_t *)b;
    int order = strcmp(items[i].path, items[j].path);

    return order != 0 ? order : (i > j) - (i < j);
}

int hf_members_seal(struct hf_members *members, struct hf_error *err)
{
    size_t kept = 0;

    members->by_path = calloc(members->count + 1, sizeof(*members->by_path));
    if (!members->by_path)
        return hf_fail_memory(err);
    for (size_t i = 0; i < members->count; i++)
        members->by_path[i] = (uint32_t)i;
    qsort_r(members->by_path, members->count, sizeof(*members->by_path), compare_paths,
            members->items);
    for (size_t i = 0; i < members->count; i++) {
        const struct hf_member *member = &members->items[members->by_path[i]];
        if (kept > 0 && strcmp(members->items[members->by_path[kept - 1]].path, member->path) == 0)
            kept--;
        members->by_path[kept++] = members->by_path[i];
    }
    members->path_count = kept;
    for (size_t i = 0; i < members->count; i++) {
        if (!hf_digest_is_set(&members->items[i].digest))
            continue;
        int rc = hf_digest_map_put(&members->by_digest, &members->items[i].digest, i, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static struct hf_member *find_path(const struct hf_members *members, const char *path)
{
    size_t low = 0;
    size_t high = members->path_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct hf_member *member = &members->items[members->by_path[middle]];
        int order = strcmp(path, member->path);
        if (order == 0)
            return member;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int hf_members_at(const struct hf_members *members, const char *path, struct hf_member **out,
                  struct hf_error *err)
{
    struct hf_member *member = find_path(members, path);

    for (int i = 0; member && member->place == HF_MEMBER_LINK; i++) {
        if (i == HF_MEMBERS_LINKS_MAX)
            return hf_fail(err, HF_ERR_INPUT, "%s: its links lead in a circle", path);
        member = find_path(members, member->link);
    }
    *out = member;
    return 0;
}

struct hf_member *hf_members_find(const struct hf_members *members, const struct hf_digest *digest)
{
    size_t i;

    return hf_digest_map_get(&members->by_digest, digest, &i) ? &members->items[i] : NULL;
}

void hf_members_release(struct hf_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        free(members->items[i].path);
        free(members->items[i].link);
        free(members->items[i].data);
    }
    free(members->items);
    free(members->by_path);
    hf_digest_map_release(&members->by_digest);
    *members = (struct hf_members){0};
}

bool hf_member_digest_of_path(const char *path, struct hf_digest *out, bool *out_strict)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t digits = strspn(name, "0123456789abcdef");
    const char *suffix = name + digits;
    char text[HF_DIGEST_TEXT_MAX];

    if ((digits != 64 && digits != 128) ||
        (suffix[0] != '\0' && strcmp(suffix, ".tar") != 0 && strcmp(suffix, ".json") != 0 &&
         strcmp(suffix, ".tar.gz") != 0))
        return false;
    snprintf(text, sizeof(text), "%s:%.*s", digits == 64 ? "sha256" : "sha512", (int)digits, name);
    if (hf_digest_parse(text, out, NULL) != 0)
        return false;
    char blob[HF_DIGEST_TEXT_MAX + 16];
    snprintf(blob, sizeof(blob), "blobs/%s/%.*s", hf_digest_algorithm_name(out->algorithm),
             (int)digits, name);
    *out_strict = strcmp(path, blob) == 0;
    return true;
}
