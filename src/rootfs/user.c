/* rootfs/user.c - the user of an image, looked up in its own files. */
#include "rootfs/bundle.h"

#include "base/buf.h"
#include "base/error.h"
#include "rootfs/sys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (4u * 1024u * 1024u)
#define FIELDS   4 /* of a line that are looked at */

struct query {
    char *user;
    const char *group; /* NULL: not told */
    const char *name;  /* of the user, in the line that was found; NULL: none was */
    struct hf_user found;
};

/* A file that is not there is an empty one. */
static int read_file(int root, const char *path, struct hf_buf *out, struct hf_error *err)
{
    size_t len = 1;
    int fd = -1;
    int rc = hf_sys_open_in_root(root, path, &fd);

    while (rc == 0 && len > 0 && out->len < FILE_MAX) {
        uint8_t *space = hf_buf_reserve(out, 65536);
        if (!space)
            break;
        rc = hf_sys_read(fd, space, 65536, out->len, &len);
        out->len += rc == 0 ? len : 0;
    }
    hf_sys_drop(&fd);
    if (rc == 0 && out->len >= FILE_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "the image's %s is too long", path);
    if (rc != 0 && rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP)
        return hf_fail_errno(err, rc, "read the image's", path);
    hf_buf_put_u8(out, 0);
    return hf_buf_check(out, err);
}

static bool parse_id(const char *text, uint32_t *out)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > INT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* The next line that has enough fields, cut into them; false at the end. */
static bool next_line(char **rest, char *fields[FIELDS])
{
    char *line;

    while ((line = strsep(rest, "\n"))) {
        int count = 0;
        char *field;
        while (count < FIELDS && (field = strsep(&line, ":")))
            fields[count++] = field;
        if (count == FIELDS && fields[0][0] != '#')
            return true;
    }
    return false;
}

/* name:password:uid:gid */
static void find_user(struct query *query, char *text)
{
    uint32_t wanted = 0, uid = 0, gid = 0;
    bool is_number = parse_id(query->user, &wanted);
    char *fields[FIELDS];

    while (!query->name && next_line(&text, fields)) {
        bool fits = strcmp(fields[0], query->user) == 0 ||
                    (is_number && parse_id(fields[2], &uid) && uid == wanted);
        if (!fits || !parse_id(fields[2], &uid) || !parse_id(fields[3], &gid))
            continue;
        query->name = fields[0];
        query->found.uid = uid;
        query->found.gid = gid;
    }
}

static bool lists(char *members, const char *name)
{
    const char *member;

    while ((member = strsep(&members, ",")))
        if (strcmp(member, name) == 0)
            return true;
    return false;
}

/* name:password:gid:members. *out_found: the group that was told. */
static void find_groups(struct query *query, char *text, bool *out_found)
{
    struct hf_user *found = &query->found;
    char *fields[FIELDS];
    uint32_t gid = 0;

    while (!*out_found && next_line(&text, fields)) {
        if (!parse_id(fields[2], &gid))
            continue;
        if (query->group) {
            *out_found = strcmp(fields[0], query->group) == 0;
            if (*out_found)
                found->gid = gid;
        } else if (query->name && found->group_count < HF_USER_GROUPS_MAX &&
                   lists(fields[3], query->name)) {
            found->groups[found->group_count++] = gid;
        }
    }
}

static int look_up(struct query *query, char *passwd, char *group, struct hf_error *err)
{
    bool has_group = false;

    find_user(query, passwd);
    if (!query->name && !parse_id(query->user, &query->found.uid))
        return hf_fail(err, HF_ERR_INPUT, "the image's user %.200s is not in its /etc/passwd",
                       query->user);
    find_groups(query, group, &has_group);
    if (query->group && !has_group && !parse_id(query->group, &query->found.gid))
        return hf_fail(err, HF_ERR_INPUT, "the image's group %.200s is not in its /etc/group",
                       query->group);
    return 0;
}

int hf_user_find(int root, const char *text, struct hf_user *out, struct hf_error *err)
{
    struct hf_buf passwd = {0}, group = {0};
    struct query query = {.user = strdup(text)};
    char *rest = query.user;
    char root_user[] = "0";
    int rc = query.user ? 0 : hf_fail_memory(err);

    if (rc == 0)
        rc = read_file(root, "etc/passwd", &passwd, err);
    if (rc == 0)
        rc = read_file(root, "etc/group", &group, err);
    if (rc == 0) {
        char *name = strsep(&rest, ":");
        struct query asked = {.user = name[0] ? name : root_user,
                              .group = rest && rest[0] ? rest : NULL};
        rc = look_up(&asked, (char *)passwd.data, (char *)group.data, err);
        if (rc == 0)
            *out = asked.found;
    }
    free(query.user);
    hf_buf_release(&passwd);
    hf_buf_release(&group);
    return rc;
}
