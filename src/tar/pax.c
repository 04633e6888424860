/* tar/pax.c - what the records of x and g headers say. Source: POSIX pax, "pax Extended Header";
 * GNU tar manual, "Storing Sparse Files"; star(5) for SCHILY.xattr. */
#include "tar/pax.h"

#include "base/error.h"

#include <string.h>

#define XATTR_PREFIX "SCHILY.xattr."

void hf_tar_pax_release(struct hf_tar_pax *pax)
{
    hf_buf_release(&pax->path);
    hf_buf_release(&pax->link);
    hf_buf_release(&pax->sparse_name);
    hf_tar_xattrs_release(&pax->xattrs);
    hf_tar_sparse_release(&pax->sparse);
    *pax = (struct hf_tar_pax){0};
}

void hf_tar_pax_clear(struct hf_tar_pax *pax)
{
    struct hf_tar_pax empty = {.path = pax->path,
                               .link = pax->link,
                               .sparse_name = pax->sparse_name,
                               .xattrs = pax->xattrs,
                               .sparse = pax->sparse};

    *pax = empty;
    hf_buf_clear(&pax->path);
    hf_buf_clear(&pax->link);
    hf_buf_clear(&pax->sparse_name);
    hf_tar_xattrs_clear(&pax->xattrs);
    hf_tar_sparse_clear(&pax->sparse);
}

int hf_tar_pax_inherit(struct hf_tar_pax *pax, const struct hf_tar_pax *global,
                       struct hf_error *err)
{
    hf_tar_pax_clear(pax);
    pax->has_uid = global->has_uid;
    pax->has_gid = global->has_gid;
    pax->has_mtime = global->has_mtime;
    pax->uid = global->uid;
    pax->gid = global->gid;
    pax->mtime_sec = global->mtime_sec;
    pax->mtime_nsec = global->mtime_nsec;
    return hf_tar_xattrs_copy(&pax->xattrs, &global->xattrs, err);
}

struct value {
    const char *text;
    size_t len;
};

static int set_name(struct hf_buf *name, struct value value, struct hf_error *err)
{
    if (value.len > HF_TAR_MAX_NAME)
        return hf_fail(err, HF_ERR_LIMIT, "a name of it has %zu bytes, at most %u are possible",
                       value.len, HF_TAR_MAX_NAME);
    if (value.len > 0 && memchr(value.text, '\0', value.len))
        return hf_fail(err, HF_ERR_INPUT, "a name of it has a byte 0 inside");
    hf_buf_clear(name);
    hf_buf_put(name, value.text, value.len);
    return hf_buf_check(name, err);
}

static int set_path(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_name(&pax->path, value, err);
}

static int set_link(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_name(&pax->link, value, err);
}

static int set_sparse_name(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_name(&pax->sparse_name, value, err);
}

static int set_number(bool *has, uint64_t *number, const char *what, struct value value,
                      struct hf_error *err)
{
    *has = value.len > 0;
    return *has ? hf_tar_decimal(value.text, value.len, what, number, err) : 0;
}

static int set_size(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_number(&pax->has_size, &pax->size, "size", value, err);
}

static int set_uid(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_number(&pax->has_uid, &pax->uid, "uid", value, err);
}

static int set_gid(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_number(&pax->has_gid, &pax->gid, "gid", value, err);
}

static int nanoseconds(struct value digits, uint32_t *out, struct hf_error *err)
{
    uint32_t value = 0;

    for (size_t i = 0; i < digits.len; i++) {
        if (digits.text[i] < '0' || digits.text[i] > '9')
            return hf_fail(err, HF_ERR_INPUT, "its mtime is not a number");
    }
    for (size_t i = 0; i < 9; i++)
        value = value * 10 + (i < digits.len ? (uint32_t)(digits.text[i] - '0') : 0);
    *out = value;
    return 0;
}

/* The fraction counts away from zero, nanoseconds count forward: -1.25 is -2 s and 750,000,000. */
static int set_mtime(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    bool is_negative = value.len > 0 && value.text[0] == '-';
    struct value whole = {value.text + is_negative, value.len - is_negative};
    const char *point = memchr(whole.text, '.', whole.len);
    struct value fraction = {NULL, 0};
    uint64_t sec = 0;
    int rc;

    pax->has_mtime = value.len > 0;
    if (!pax->has_mtime)
        return 0;
    if (point) {
        fraction = (struct value){point + 1, whole.len - (size_t)(point + 1 - whole.text)};
        whole.len = (size_t)(point - whole.text);
    }
    if ((rc = hf_tar_decimal(whole.text, whole.len, "mtime", &sec, err)) < 0 ||
        (rc = nanoseconds(fraction, &pax->mtime_nsec, err)) < 0)
        return rc;
    pax->mtime_sec = is_negative ? -(int64_t)sec : (int64_t)sec;
    if (is_negative && pax->mtime_nsec > 0) {
        pax->mtime_sec--;
        pax->mtime_nsec = 1000000000u - pax->mtime_nsec;
    }
    return 0;
}

static int set_sparse_size(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_number(&pax->has_sparse_size, &pax->sparse_size, "size", value, err);
}

static int set_sparse_major(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_number(&pax->has_sparse_major, &pax->sparse_major, "sparse version", value, err);
}

static int set_sparse_minor(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    bool has_minor;

    return set_number(&has_minor, &pax->sparse_minor, "sparse version", value, err);
}

static int set_sparse_count(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    return set_number(&pax->has_sparse_count, &pax->sparse_count, "sparse map", value, err);
}

static int set_sparse_map(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    pax->has_sparse_map = value.len > 0;
    hf_tar_sparse_clear(&pax->sparse);
    return hf_tar_sparse_text(&pax->sparse, value.text, value.len, err);
}

static int set_sparse_off(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    pax->has_sparse_map = true;
    return hf_tar_decimal(value.text, value.len, "sparse map", &pax->sparse_off, err);
}

static int set_sparse_len(struct hf_tar_pax *pax, struct value value, struct hf_error *err)
{
    uint64_t len = 0;
    int rc = hf_tar_decimal(value.text, value.len, "sparse map", &len, err);

    return rc < 0 ? rc : hf_tar_sparse_add(&pax->sparse, pax->sparse_off, len, err);
}

/* Other keys say nothing that a layer needs. */
static const struct {
    const char *key;
    int (*set)(struct hf_tar_pax *pax, struct value value, struct hf_error *err);
} keys[] = {
    {"path", set_path},
    {"linkpath", set_link},
    {"size", set_size},
    {"uid", set_uid},
    {"gid", set_gid},
    {"mtime", set_mtime},
    {"GNU.sparse.name", set_sparse_name},
    {"GNU.sparse.size", set_sparse_size},
    {"GNU.sparse.realsize", set_sparse_size},
    {"GNU.sparse.major", set_sparse_major},
    {"GNU.sparse.minor", set_sparse_minor},
    {"GNU.sparse.numblocks", set_sparse_count},
    {"GNU.sparse.map", set_sparse_map},
    {"GNU.sparse.offset", set_sparse_off},
    {"GNU.sparse.numbytes", set_sparse_len},
};

static int apply(struct hf_tar_pax *pax, struct value key, struct value value, struct hf_error *err)
{
    size_t prefix = strlen(XATTR_PREFIX);

    if (key.len >= prefix && memcmp(key.text, XATTR_PREFIX, prefix) == 0)
        return hf_tar_xattrs_add(&pax->xattrs, key.text + prefix, key.len - prefix,
                                 (const uint8_t *)value.text, value.len, err);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i].key) == key.len && memcmp(keys[i].key, key.text, key.len) == 0)
            return keys[i].set(pax, value, err);
    }
    return 0;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts the whole record. */
static int read_record(const char *text, size_t len, struct value *key, struct value *value,
                       size_t *out_len, struct hf_error *err)
{
    const char *blank = memchr(text, ' ', len);
    uint64_t record = 0;

    if (!blank || hf_tar_decimal(text, (size_t)(blank - text), "length", &record, NULL) < 0 ||
        record > len || record < (size_t)(blank - text) + 2 || text[record - 1] != '\n')
        return hf_fail(err, HF_ERR_INPUT, "its pax header has a malformed record");
    const char *end = text + record - 1;
    const char *equals = memchr(blank + 1, '=', (size_t)(end - blank - 1));
    if (!equals)
        return hf_fail(err, HF_ERR_INPUT, "its pax header has a malformed record");
    *key = (struct value){blank + 1, (size_t)(equals - blank - 1)};
    *value = (struct value){equals + 1, (size_t)(end - equals - 1)};
    *out_len = (size_t)record;
    return 0;
}

int hf_tar_pax_read(struct hf_tar_pax *pax, const char *text, size_t len, struct hf_error *err)
{
    while (len > 0) {
        struct value key = {NULL, 0};
        struct value value = {NULL, 0};
        size_t record = 0;
        int rc;
        if ((rc = read_record(text, len, &key, &value, &record, err)) < 0 ||
            (rc = apply(pax, key, value, err)) < 0)
            return rc;
        text += record;
        len -= record;
    }
    return 0;
}
