/* tests/support/checker_bytes.c - the bytes of every PRESENT object: src/store/FORMAT.md 2.5, 4. */
#include "support/checker_internal.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_BYTES ((size_t)1 << 20)

static int open_file(struct checker *c, const char *path, int *out_fd, bool *out_there,
                     struct hf_error *err)
{
    struct hf_error local = {0};
    struct hf_io_stat stat;
    int rc = hf_io_stat_at(c->io, c->root, path, &stat, &local);

    if (rc == 0 && stat.kind != HF_IO_FILE)
        rc = HF_ERR_NOT_FOUND; /* checker_files.c tells what it is */
    if (rc == 0)
        rc = hf_io_open(c->io, c->root, path, HF_IO_READ, 0, out_fd, &local);
    *out_there = rc == 0;
    if (rc && rc != HF_ERR_NOT_FOUND && err)
        *err = local;
    return rc == HF_ERR_NOT_FOUND ? 0 : rc;
}

static int read_bytes(struct checker *c, const char *path, int fd,
                      const struct hf_checker_object *object, struct hf_error *err)
{
    struct hf_hasher *hasher = hf_hasher_new(object->digest.algorithm);
    struct hf_checksummer *sum = hf_checksummer_new();
    size_t size = object->size_bytes < READ_BYTES ? (size_t)object->size_bytes + 1 : READ_BYTES;
    uint8_t *data = checker_alloc(size);
    struct hf_digest digest;
    uint64_t off = 0;
    size_t len = size;
    int rc = 0;

    if (!hasher || !sum)
        abort(); /* as checker_alloc */
    while (len == size) {
        rc = hf_io_pread(c->io, fd, data, size, off, &len, path, err);
        if (rc)
            goto out;
        hf_hasher_update(hasher, data, len);
        hf_checksummer_update(sum, data, len);
        off += len;
    }
    hf_hasher_final(hasher, &digest);
    if (off != object->size_bytes)
        checker_complain(c, "%s has %" PRIu64 " bytes, its object %" PRIu64, path, off,
                         object->size_bytes);
    if (hf_digest_compare(&digest, &object->digest) != 0)
        checker_complain(c, "%s does not hash to its name", path);
    if (hf_checksummer_value(sum) != object->checksum)
        checker_complain(c, "%s does not fit the checksum of its object", path);
out:
    free(data);
    hf_checksummer_free(sum);
    hf_hasher_free(hasher);
    return rc;
}

/* The staged file goes before the public one, as for every reader. */
static int check_bytes_of(struct checker *c, const struct hf_checker_object *object,
                          struct hf_error *err)
{
    struct checker_key key = checker_digest_key('S', &object->digest);
    const struct checker_entry *entry = checker_map_get(&c->map, key.bytes, key.len);
    struct hf_digest digest;
    char path[300];
    char hex[HF_DIGEST_TEXT_MAX];
    uint64_t txn;
    uint32_t slot, number;
    bool there = false;
    int fd = -1;

    if (entry && checker_decode_staged(entry, &digest, &txn, &slot, &number)) {
        snprintf(path, sizeof(path), "staging/%" PRIu32 "/%016" PRIx64 "-%" PRIu32, slot, txn,
                 number);
        int rc = open_file(c, path, &fd, &there, err);
        if (rc)
            return rc;
    }
    if (!there) {
        snprintf(path, sizeof(path), "blobs/%s/%s",
                 hf_digest_algorithm_name(object->digest.algorithm),
                 hf_digest_hex(&object->digest, hex));
        int rc = open_file(c, path, &fd, &there, err);
        if (rc)
            return rc;
    }
    if (!there) {
        checker_complain(c, "the bytes of %s are nowhere", hf_digest_text(&object->digest, hex));
        return 0;
    }
    int rc = read_bytes(c, path, fd, object, err);
    hf_io_close(c->io, &fd);
    return rc;
}

int checker_check_bytes(struct checker *c, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = checker_map_seek(&c->map, "O", 1);
         i < c->map.count && checker_has_prefix(c->map.entries[i], "O", 1) && rc == 0; i++) {
        struct hf_checker_object object;
        if (!checker_decode_object(c->map.entries[i], &object))
            continue;
        if (object.state == CHECKER_PRESENT)
            rc = check_bytes_of(c, &object, err);
        checker_object_release(&object);
    }
    return rc;
}
