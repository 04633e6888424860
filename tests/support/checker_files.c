/*
 * tests/support/checker_files.c - every file below the root: src/store/FORMAT.md 1 and 2.5, rules 4
 * and 7.
 */
#include "support/checker_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct kind_of_file {
    const char *name;
    enum hf_io_kind kind;
    bool in_making; /* belongs to what is not finished */
};

static const struct kind_of_file root_entries[] = {
    {"FORMAT", HF_IO_FILE, false},    {"lock", HF_IO_FILE, false},
    {"shared", HF_IO_FILE, false},    {"wal", HF_IO_DIR, false},
    {"catalog", HF_IO_DIR, false},    {"blobs", HF_IO_DIR, false},
    {"staging", HF_IO_DIR, false},    {"trash", HF_IO_DIR, false},
    {"quarantine", HF_IO_DIR, false}, {"FORMAT.new", HF_IO_FILE, true},
    {"lost+found", HF_IO_DIR, false}, /* the file system's own */
    {"workspaces", HF_IO_DIR, false}, /* free for whoever mounts */
};

/* Stats `dir`/`name` and complains unless it is of the kind. */
static int check_kind(struct checker *c, const char *path, enum hf_io_kind kind,
                      struct hf_io_stat *out, bool *out_fits, struct hf_error *err)
{
    int rc = hf_io_stat_at(c->io, c->root, path, out, err);

    *out_fits = rc == 0 && out->kind == kind;
    if (rc == 0 && !*out_fits)
        checker_complain(c, "%s is no %s", path, kind == HF_IO_DIR ? "directory" : "regular file");
    return rc;
}

static void check_made(struct checker *c, const char *path)
{
    if (c->mode == HF_CHECKER_RECOVERED)
        checker_complain(c, "%s is left over from what was not finished", path);
}

static int check_root(struct checker *c, struct hf_error *err)
{
    struct checker_strings names = {0};
    struct hf_io_stat stat;
    bool fits;

    int rc = checker_list(c, ".", &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        const struct kind_of_file *found = NULL;
        for (size_t j = 0; j < sizeof(root_entries) / sizeof(root_entries[0]); j++) {
            if (strcmp(names.items[i], root_entries[j].name) == 0)
                found = &root_entries[j];
        }
        if (!found) {
            checker_complain(c, "%s does not belong into a store", names.items[i]);
            continue;
        }
        rc = check_kind(c, found->name, found->kind, &stat, &fits, err);
        if (found->in_making)
            check_made(c, found->name);
        if (rc == 0 && fits && strcmp(found->name, "lock") == 0 &&
            (stat.size_bytes != 0 || stat.mode != 0600))
            checker_complain(c, "lock has %" PRIu64 " bytes and mode 0%o, not 0 and 0600",
                             stat.size_bytes, stat.mode);
    }
    static const char *const required[] = {"lock", "wal", "catalog", "blobs"};
    for (size_t i = 0; i < 4 && rc == 0; i++) {
        if (!checker_strings_has(&names, required[i]))
            checker_complain(c, "%s is missing", required[i]);
    }
    checker_strings_release(&names);
    return rc;
}

/* --- wal/ and catalog/ -------------------------------------------------------------------------
 */

/* As long as an ordinary segment. What is in it means nothing: who begins a segment, or takes the
 * log over, writes header and records into the spare before it is renamed, and may die between. */
static int check_spare(struct checker *c, struct hf_error *err)
{
    struct hf_buf bytes = {0};
    bool there = false;

    int rc = checker_read_file(c, "wal/spare", CHECKER_FILE_MAX, &bytes, &there, err);
    if (rc == 0 && there && bytes.len != CHECKER_SEGMENT_BYTES)
        checker_complain(c, "wal/spare has %zu bytes", bytes.len);
    hf_buf_release(&bytes);
    return rc;
}

static int check_log_files(struct checker *c, const char *dir, const char *suffix,
                           struct hf_error *err)
{
    struct checker_strings names = {0};
    bool is_wal = strcmp(dir, "wal") == 0;
    uint64_t number;
    char path[300];

    int rc = checker_list(c, dir, &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        struct hf_io_stat stat;
        bool fits;
        snprintf(path, sizeof(path), "%s/%s", dir, names.items[i]);
        rc = check_kind(c, path, HF_IO_FILE, &stat, &fits, err);
        if (strcmp(names.items[i], "new") == 0)
            check_made(c, path);
        else if (!(is_wal && strcmp(names.items[i], "spare") == 0) &&
                 !checker_parse_hex16(names.items[i], suffix, &number))
            checker_complain(c, "%s is no name of section 1", path);
    }
    checker_strings_release(&names);
    return rc == 0 && is_wal ? check_spare(c, err) : rc;
}

/* --- blobs/, trash/ and quarantine/ ------------------------------------------------------------
 */

static bool parse_hex_digest(const char *algorithm, const char *hex, size_t len,
                             struct hf_digest *out)
{
    char text[300];

    snprintf(text, sizeof(text), "%s:%.*s", algorithm, (int)len, hex);
    return hf_digest_parse(text, out, NULL) == 0;
}

static bool has_key(const struct checker *c, char kind, const struct hf_digest *digest)
{
    struct checker_key key = checker_digest_key(kind, digest);
    size_t i = checker_map_seek(&c->map, key.bytes, key.len);

    return i < c->map.count && checker_has_prefix(c->map.entries[i], key.bytes, key.len);
}

/* An ABSENT object has no bytes, so it accounts for none (section 7). */
static bool is_accounted_for(const struct checker *c, const struct hf_digest *digest)
{
    struct checker_key key = checker_digest_key('O', digest);
    const struct checker_entry *entry = checker_map_get(&c->map, key.bytes, key.len);
    struct hf_checker_object object;

    if (entry && checker_decode_object(entry, &object)) {
        bool has_bytes = object.state != CHECKER_ABSENT;
        checker_object_release(&object);
        if (has_bytes)
            return true;
    }
    return has_key(c, 'S', digest) || has_key(c, 'X', digest) || has_key(c, 'C', digest);
}

static int check_blobs_of(struct checker *c, const char *algorithm, struct hf_error *err)
{
    struct checker_strings names = {0};
    struct hf_digest digest;
    struct hf_io_stat stat;
    char path[300];
    bool fits;

    snprintf(path, sizeof(path), "blobs/%s", algorithm);
    int rc = check_kind(c, path, HF_IO_DIR, &stat, &fits, err);
    if (rc == 0 && fits)
        rc = checker_list(c, path, &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        snprintf(path, sizeof(path), "blobs/%s/%s", algorithm, names.items[i]);
        rc = check_kind(c, path, HF_IO_FILE, &stat, &fits, err);
        if (rc || !fits)
            continue;
        if (!parse_hex_digest(algorithm, names.items[i], strlen(names.items[i]), &digest))
            checker_complain(c, "%s is no name of section 1", path);
        else if (!is_accounted_for(c, &digest))
            checker_complain(c, "%s (%" PRIu64 " bytes) is accounted for by nothing", path,
                             stat.size_bytes);
    }
    checker_strings_release(&names);
    return rc;
}

static int check_blobs(struct checker *c, struct hf_error *err)
{
    struct checker_strings names = {0};

    int rc = checker_list(c, "blobs", &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        if (strcmp(names.items[i], "sha256") == 0 || strcmp(names.items[i], "sha512") == 0)
            rc = check_blobs_of(c, names.items[i], err);
        else
            checker_complain(c, "blobs/%s is no name of section 1", names.items[i]);
    }
    checker_strings_release(&names);
    return rc;
}

/* HEX.TTTTTTTTTTTTTTTT in trash/ and quarantine/. */
static int check_removed(struct checker *c, const char *dir, struct hf_error *err)
{
    struct checker_strings names = {0};
    struct hf_digest digest;
    struct hf_io_stat stat;
    uint64_t txn;
    char path[300];
    bool fits;

    int rc = checker_list(c, dir, &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        const char *dot = strchr(names.items[i], '.');
        size_t hex_len = dot ? (size_t)(dot - names.items[i]) : 0;
        snprintf(path, sizeof(path), "%s/%s", dir, names.items[i]);
        rc = check_kind(c, path, HF_IO_FILE, &stat, &fits, err);
        const char *algorithm = hex_len == 64 ? "sha256" : "sha512";
        if (!dot || !checker_parse_hex16(dot + 1, "", &txn) ||
            !parse_hex_digest(algorithm, names.items[i], hex_len, &digest))
            checker_complain(c, "%s is no name of section 1", path);
        else if (c->mode == HF_CHECKER_RECOVERED && strcmp(dir, "trash") == 0)
            checker_complain(c, "%s (%" PRIu64 " bytes) is still there", path,
                             rc ? 0 : stat.size_bytes);
    }
    checker_strings_release(&names);
    return rc;
}

/* --- staging/ ----------------------------------------------------------------------------------
 */

static bool is_staged_by_entry(const struct checker *c, uint64_t txn, uint32_t slot,
                               uint32_t number)
{
    struct hf_digest digest;
    uint64_t id;
    uint32_t entry_slot, entry_number;

    for (size_t i = checker_map_seek(&c->map, "S", 1);
         i < c->map.count && checker_has_prefix(c->map.entries[i], "S", 1); i++) {
        if (checker_decode_staged(c->map.entries[i], &digest, &id, &entry_slot, &entry_number) &&
            id == txn && entry_slot == slot && entry_number == number)
            return true;
    }
    return false;
}

static bool is_slot_of(const struct checker *c, uint64_t txn, uint32_t slot)
{
    struct checker_key key = checker_txn_key(txn);
    const struct checker_entry *entry = checker_map_get(&c->map, key.bytes, key.len);
    struct hf_checker_transaction transaction;

    return entry && checker_decode_txn(entry, &transaction) && transaction.slot == slot;
}

static int check_slot(struct checker *c, const char *slot_name, uint32_t slot, struct hf_error *err)
{
    struct checker_strings names = {0};
    struct hf_io_stat stat;
    char path[600];
    bool fits;

    snprintf(path, sizeof(path), "staging/%s", slot_name);
    int rc = check_kind(c, path, HF_IO_DIR, &stat, &fits, err);
    if (rc == 0 && fits)
        rc = checker_list(c, path, &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        const char *dash = strchr(names.items[i], '-');
        const char *rest = dash;
        uint64_t txn = 0;
        uint32_t number = 0;
        char head[17] = "";

        snprintf(path, sizeof(path), "staging/%s/%s", slot_name, names.items[i]);
        rc = check_kind(c, path, HF_IO_FILE, &stat, &fits, err);
        if (rc || !fits)
            continue;
        snprintf(head, sizeof(head), "%s", names.items[i]);
        if (dash == names.items[i] + 16)
            rest = checker_parse_decimal(dash + 1, &number);
        if (dash != names.items[i] + 16 || !rest || *rest != '\0' ||
            !checker_parse_hex16(head, "", &txn))
            checker_complain(c, "%s is no name of section 1", path);
        else if (c->mode == HF_CHECKER_RECOVERED)
            checker_complain(c, "%s (%" PRIu64 " bytes) is still there", path, stat.size_bytes);
        else if (c->mode == HF_CHECKER_LIVE && !is_slot_of(c, txn, slot) &&
                 !is_staged_by_entry(c, txn, slot, number))
            checker_complain(c, "%s (%" PRIu64 " bytes) is accounted for by nothing", path,
                             stat.size_bytes);
    }
    checker_strings_release(&names);
    return rc;
}

static int check_staging(struct checker *c, struct hf_error *err)
{
    struct checker_strings names = {0};

    int rc = checker_list(c, "staging", &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        uint32_t slot = 0;
        const char *rest = checker_parse_decimal(names.items[i], &slot);
        if (!rest || *rest != '\0')
            checker_complain(c, "staging/%s is no name of section 1", names.items[i]);
        else
            rc = check_slot(c, names.items[i], slot, err);
    }
    checker_strings_release(&names);
    return rc;
}

int checker_check_files(struct checker *c, struct hf_error *err)
{
    int rc = check_root(c, err);

    if (rc == 0)
        rc = check_log_files(c, "wal", ".seg", err);
    if (rc == 0)
        rc = check_log_files(c, "catalog", ".ckpt", err);
    if (rc == 0)
        rc = check_blobs(c, err);
    if (rc == 0)
        rc = check_removed(c, "trash", err);
    if (rc == 0)
        rc = check_removed(c, "quarantine", err);
    if (rc == 0)
        rc = check_staging(c, err);
    return rc;
}

/* Without FORMAT only what an interrupted making leaves: src/store/FORMAT.md 1, "Making a store".
 */
int checker_check_making(struct checker *c, struct hf_error *err)
{
    struct checker_strings names = {0};
    struct checker_segment first = {.path = "wal/0000000000000001.seg", .sequence = 1};
    struct checker_record record;
    static const char *const empty[] = {"catalog", "blobs/sha256", "blobs/sha512",
                                        "staging", "trash",        "quarantine"};

    int rc = checker_list(c, "wal", &names, NULL, err);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        if (strcmp(names.items[i], "0000000000000001.seg") == 0) {
            rc = checker_segment_read(c, &first, err);
            if (rc == 0 && first.usable && checker_record_at(&first, first.first, &record))
                checker_complain(c, "there is no FORMAT, but a log with records");
        } else if (strcmp(names.items[i], "spare") != 0 && strcmp(names.items[i], "new") != 0) {
            checker_complain(c, "there is no FORMAT, but wal/%s", names.items[i]);
        }
    }
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]) && rc == 0; i++) {
        checker_strings_release(&names);
        rc = checker_list(c, empty[i], &names, NULL, err);
        if (names.count > 0)
            checker_complain(c, "there is no FORMAT, but %s/%s", empty[i], names.items[0]);
    }
    hf_buf_release(&first.bytes);
    checker_strings_release(&names);
    return rc;
}
