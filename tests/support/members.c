#include "support/members.h"

#include "support/suite.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_member(struct archive *archive, struct archive_entry *entry,
                        struct hf_test_member *out)
{
    snprintf(out->path, sizeof(out->path), "%s", archive_entry_pathname(entry));
    out->len = (size_t)archive_entry_size(entry);
    out->data = calloc(1, out->len + 1);
    ck_assert_ptr_nonnull(out->data);
    ck_assert_int_eq(archive_read_data(archive, out->data, out->len), (la_ssize_t)out->len);
}

void hf_test_members_read(const char *tar, struct hf_test_members *out)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;

    *out = (struct hf_test_members){0};
    ck_assert_ptr_nonnull(archive);
    archive_read_support_format_tar(archive);
    ck_assert_msg(archive_read_open_filename(archive, tar, 10240) == ARCHIVE_OK, "cannot open %s",
                  tar);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        ck_assert_uint_lt(out->count, sizeof(out->items) / sizeof(out->items[0]));
        read_member(archive, entry, &out->items[out->count++]);
    }
    archive_read_free(archive);
}

void hf_test_members_release(struct hf_test_members *members)
{
    for (size_t i = 0; i < members->count; i++)
        free(members->items[i].data);
    *members = (struct hf_test_members){0};
}

const struct hf_test_member *hf_test_member(const struct hf_test_members *members, const char *path)
{
    for (size_t i = 0; i < members->count; i++)
        if (strcmp(members->items[i].path, path) == 0)
            return &members->items[i];
    return NULL;
}

json_t *hf_test_member_json(const struct hf_test_members *members, const char *path)
{
    const struct hf_test_member *member = hf_test_member(members, path);

    ck_assert_msg(member != NULL, "the archive has no %s", path);
    json_t *json = json_loadb(member->data, member->len, 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}
