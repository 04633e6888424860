/* tests/support/members.h - what is in a tar, read with libarchive. */
#ifndef HF_TESTS_SUPPORT_MEMBERS_H
#define HF_TESTS_SUPPORT_MEMBERS_H

#include <jansson.h>
#include <stddef.h>

struct hf_test_member {
    char path[256];
    char *data; /* a zero byte follows */
    size_t len;
};
struct hf_test_members {
    struct hf_test_member items[64];
    size_t count;
};

void hf_test_members_read(const char *tar, struct hf_test_members *out);
void hf_test_members_release(struct hf_test_members *members);
/* NULL when there is none of that path. */
const struct hf_test_member *hf_test_member(const struct hf_test_members *members,
                                            const char *path);
/* A member as JSON; given back with json_decref. */
json_t *hf_test_member_json(const struct hf_test_members *members, const char *path);

#endif
