/*
 * tests/support/checker.c - the order in which a store is read, and what all parts need.
 * Parts: checker_internal.h.
 */
#include "support/checker_internal.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void checker_complain(struct checker *c, const char *format, ...)
{
    struct hf_checker_store *out = c->out;
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t kept = out->violation_count < HF_CHECKER_VIOLATIONS_KEPT ? out->violation_count
                                                                    : HF_CHECKER_VIOLATIONS_KEPT;
    for (size_t i = 0; i < kept; i++) {
        if (strcmp(out->violations[i], text) == 0)
            return; /* one fact, seen from two sides */
    }
    if (kept < HF_CHECKER_VIOLATIONS_KEPT) {
        out->violations = checker_grow(out->violations, kept + 1, sizeof(*out->violations));
        size_t len = strlen(text) + 1;
        out->violations[kept] = checker_alloc(len);
        memcpy(out->violations[kept], text, len);
    }
    out->violation_count++;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int add_entry(void *arg, const char *name, enum hf_io_kind kind)
{
    checker_strings_add(arg, name);
    return 0;
}

int checker_list(struct checker *c, const char *path, struct checker_strings *out, bool *out_there,
                 struct hf_error *err)
{
    struct hf_error local = {0};
    struct hf_io_stat stat;

    /* A file in place of a folder is for checker_files.c to complain about. */
    int rc = hf_io_stat_at(c->io, c->root, path, &stat, &local);
    if (rc == 0 && stat.kind == HF_IO_DIR)
        rc = hf_io_list(c->io, c->root, path, add_entry, out, &local);
    else if (rc == 0)
        rc = HF_ERR_NOT_FOUND;
    if (out_there)
        *out_there = rc == 0;
    if (rc == HF_ERR_NOT_FOUND)
        return 0;
    if (rc && err)
        *err = local;
    checker_strings_sort(out);
    return rc;
}

int checker_read_file(struct checker *c, const char *path, uint64_t max_bytes, struct hf_buf *out,
                      bool *out_there, struct hf_error *err)
{
    struct hf_error local = {0};
    struct hf_io_stat stat;
    size_t len = 0;
    int fd = -1;

    *out_there = false;
    int rc = hf_io_stat_at(c->io, c->root, path, &stat, &local);
    if (rc == HF_ERR_NOT_FOUND)
        return 0;
    if (rc == 0 && (stat.kind != HF_IO_FILE || stat.size_bytes > max_bytes)) {
        checker_complain(c, "%s is no regular file of at most %" PRIu64 " bytes", path, max_bytes);
        return 0;
    }
    if (rc == 0)
        rc = hf_io_open(c->io, c->root, path, HF_IO_READ, 0, &fd, &local);
    if (rc == 0) {
        uint8_t *data = hf_buf_reserve(out, (size_t)stat.size_bytes);
        rc = data ? hf_io_pread(c->io, fd, data, (size_t)stat.size_bytes, 0, &len, path, &local)
                  : hf_buf_check(out, &local);
    }
    hf_io_close(c->io, &fd);
    if (rc) {
        if (err)
            *err = local;
        return rc;
    }
    out->len = len;
    *out_there = true;
    return 0;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool checker_parse_hex16(const char *text, const char *suffix, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < 16; i++) {
        int digit = hex_value(text[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    if (strcmp(text + 16, suffix) != 0)
        return false;
    *out = value;
    return true;
}

const char *checker_parse_decimal(const char *text, uint32_t *out)
{
    uint64_t value = 0;
    size_t len = 0;

    for (; text[len] >= '0' && text[len] <= '9' && value < UINT32_MAX; len++)
        value = 10 * value + (uint64_t)(text[len] - '0');
    if (len == 0 || value >= UINT32_MAX || (text[0] == '0' && len > 1))
        return NULL;
    *out = (uint32_t)value;
    return text + len;
}

/* --- FORMAT ------------------------------------------------------------------------------------
 */

#define UUID_TEXT   36
#define BEFORE_UUID "holdfast store\nversion 1\nuuid "

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    size_t count = 0;

    for (size_t i = 0; i < UUID_TEXT;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-')
                return false;
            continue;
        }
        int high = hex_value(text[i]);
        int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        uuid[count++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return true;
}

static bool parse_format(const struct hf_buf *bytes, uint8_t uuid[16])
{
    const char *text = (const char *)bytes->data;
    size_t head = strlen(BEFORE_UUID);
    size_t summed = head + UUID_TEXT + 1;
    char end[32];

    if (bytes->len < summed || memcmp(text, BEFORE_UUID, head) != 0 ||
        !parse_uuid(text + head, uuid) || text[summed - 1] != '\n')
        return false;
    snprintf(end, sizeof(end), "checksum %016" PRIx64 "\n", hf_checksum(text, summed, 0));
    return bytes->len == summed + strlen(end) && memcmp(text + summed, end, strlen(end)) == 0;
}

static int read_format(struct checker *c, struct hf_error *err)
{
    struct hf_buf bytes = {0};

    int rc = checker_read_file(c, "FORMAT", CHECKER_BLOCK, &bytes, &c->out->made, err);
    if (rc == 0 && c->out->made) {
        c->uuid_known = parse_format(&bytes, c->out->uuid);
        if (!c->uuid_known)
            checker_complain(c, "FORMAT is not what section 1.1 says");
    }
    hf_buf_release(&bytes);
    return rc;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static void check_nothing_in_flight(struct checker *c)
{
    char text[512];

    for (size_t i = 0; i < c->map.count; i++) {
        const struct checker_entry *entry = c->map.entries[i];
        if (memchr("CSTX", entry->key[0], 4))
            checker_complain(c, "the entry %s is still there",
                             checker_key_text(entry->key, entry->key_len, text));
    }
}

static int read_store(struct checker *c, struct hf_error *err)
{
    int rc = read_format(c, err);

    if (rc)
        return rc;
    if (!c->out->made)
        return checker_check_making(c, err);
    rc = checker_shared_read(c, err);
    if (rc == 0)
        rc = checker_checkpoints_read(c, err);
    if (rc)
        return rc;
    if (c->shared.durable_known && c->log.known_durable < c->shared.durable)
        c->log.known_durable = c->shared.durable;
    rc = checker_log_read(c, err);
    if (rc)
        return rc;
    checker_replay(c);
    if (c->mode == HF_CHECKER_RECOVERED)
        check_nothing_in_flight(c);
    c->out->end = c->log.end;
    rc = checker_check_files(c, err);
    if (rc == 0)
        rc = checker_check_bytes(c, err);
    return rc;
}

int hf_checker_read(struct hf_io *io, int root, enum hf_checker_mode mode,
                    struct hf_checker_store *out, struct hf_error *err)
{
    struct hf_checker_store store = {0};
    struct checker *c = checker_alloc(sizeof(*c));

    c->io = io;
    c->root = root;
    c->mode = mode;
    c->out = &store;
    int rc = read_store(c, err);
    if (rc == 0)
        checker_publish(c);
    checker_log_release(&c->log);
    for (size_t i = 0; i < c->checkpoint_count; i++)
        checker_map_release(&c->checkpoints[i].map);
    free(c->checkpoints);
    checker_map_release(&c->map);
    free(c);
    if (rc) {
        hf_checker_release(&store);
        return rc;
    }
    *out = store;
    return 0;
}
