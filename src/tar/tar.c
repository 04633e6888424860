/*
 * tar/tar.c - takes the bytes of a tar as they come and tells where one thing in it ends and the
 * next begins. What they mean: header.c, pax.c, sparse.c; put together: entry.c.
 *
 *   BLOCK --header of x, g, L, K--> EXTRA --its bytes--> PADDING --> BLOCK
 *   BLOCK --header of an entry, and of its sparse map--> DATA --its bytes--> PADDING --> BLOCK
 *   BLOCK --second block of zeros--> ENDED
 *   any   --error--> FAILED
 *
 * Always true:
 *  (1) `left` bytes are still to come of what EXTRA or DATA reads;
 *  (2) an entry is open from its first header, x, L and K included, until its last byte of data,
 * and the tar may not end while one is.
 */
#include "tar/tar.h"

#include "base/error.h"
#include "tar/entry.h"

#include <stdlib.h>
#include <string.h>

#define SPARSE_OFF      386 /* old GNU: the pieces in the header */
#define SPARSE_MORE_OFF 482 /* whether a block with more follows */
#define SPARSE_SIZE_OFF 483
#define SPARSE_SIZE_LEN 12
#define NAME_IN_ERRORS  200

enum state {
    BLOCK,
    EXTRA,
    DATA,
    PADDING,
    ENDED,
    FAILED,
};

enum block {
    HEADER,
    SPARSE_PIECES, /* old GNU: goes on with the map */
    SPARSE_LINES,  /* 1.0: the map in front of the data */
};

struct hf_tar {
    struct hf_tar_sink sink;
    enum state state;
    enum block expected;
    int failure;
    uint64_t off; /* of the next byte */
    uint64_t entry_off;
    bool is_open; /* (2) */
    bool saw_zeros;
    size_t block_len;
    uint8_t block[HF_TAR_BLOCK];
    struct hf_tar_pax global;
    struct hf_tar_headers headers;
    struct hf_tar_sparse_lines lines;
    struct hf_buf extra; /* of x, g, L or K */
    uint64_t left;       /* (1) */
    uint64_t padding;
    const struct hf_tar_segment *segment; /* where the next byte of data belongs */
    uint64_t segment_off;
};

int hf_tar_new(const struct hf_tar_sink *sink, struct hf_tar **out, struct hf_error *err)
{
    struct hf_tar *tar = calloc(1, sizeof(*tar));

    if (!tar)
        return hf_fail_memory(err);
    tar->sink = *sink;
    *out = tar;
    return 0;
}

void hf_tar_free(struct hf_tar *tar)
{
    if (!tar)
        return;
    hf_tar_pax_release(&tar->global);
    hf_tar_headers_release(&tar->headers);
    hf_buf_release(&tar->extra);
    free(tar);
}

static uint64_t padding_of(uint64_t len)
{
    return (HF_TAR_BLOCK - len % HF_TAR_BLOCK) % HF_TAR_BLOCK;
}

static void expect(struct hf_tar *tar, enum block block)
{
    tar->state = BLOCK;
    tar->expected = block;
}

static void skip_padding(struct hf_tar *tar, uint64_t len)
{
    tar->padding = padding_of(len);
    expect(tar, HEADER);
    if (tar->padding > 0)
        tar->state = PADDING;
}

static int end_entry(struct hf_tar *tar, uint64_t stored, struct hf_error *err)
{
    skip_padding(tar, stored);
    tar->is_open = false;
    return tar->sink.end ? tar->sink.end(tar->sink.arg, err) : 0;
}

/* All headers are there, and the map of a sparse file. */
static int begin_data(struct hf_tar *tar, struct hf_error *err)
{
    struct hf_tar_entry entry;
    int rc;

    if (tar->left > HF_TAR_MAX_SIZE - HF_TAR_BLOCK - tar->off)
        return hf_fail(err, HF_ERR_LIMIT, "its data would end behind byte %lld of the tar",
                       (long long)HF_TAR_MAX_SIZE);
    if ((rc = hf_tar_headers_entry(&tar->headers, tar->off, tar->left, &entry, err)) < 0)
        return rc;
    entry.header_off = tar->entry_off;
    tar->segment = entry.segments;
    tar->segment_off = 0;
    if ((rc = tar->sink.entry(tar->sink.arg, &entry, err)) < 0)
        return rc;
    if (tar->left == 0)
        return end_entry(tar, 0, err);
    tar->state = DATA;
    return 0;
}

static int begin_old_gnu(struct hf_tar *tar, struct hf_error *err)
{
    int64_t size = 0;
    int rc;

    hf_tar_sparse_clear(&tar->headers.pax.sparse);
    if ((rc = hf_tar_number(tar->block + SPARSE_SIZE_OFF, SPARSE_SIZE_LEN, "size", &size, err)) <
            0 ||
        (rc = hf_tar_sparse_pairs(&tar->headers.pax.sparse, tar->block + SPARSE_OFF,
                                  HF_TAR_SPARSE_IN_HEADER, err)) < 0)
        return rc;
    if (size < 0)
        return hf_fail(err, HF_ERR_INPUT, "its size is negative");
    tar->headers.size_in_header = (uint64_t)size;
    if (tar->block[SPARSE_MORE_OFF] == 0)
        return begin_data(tar, err);
    expect(tar, SPARSE_PIECES);
    return 0;
}

static int take_sparse_pieces(struct hf_tar *tar, struct hf_error *err)
{
    int rc = hf_tar_sparse_pairs(&tar->headers.pax.sparse, tar->block, HF_TAR_SPARSE_IN_BLOCK, err);

    if (rc < 0)
        return rc;
    if (tar->block[HF_TAR_SPARSE_IN_BLOCK * 24u] == 0)
        return begin_data(tar, err);
    return 0;
}

static int take_sparse_lines(struct hf_tar *tar, struct hf_error *err)
{
    if (tar->left < HF_TAR_BLOCK)
        return hf_fail(err, HF_ERR_INPUT, "its sparse map does not end within its data");
    tar->left -= HF_TAR_BLOCK;
    int rc = hf_tar_sparse_block(&tar->headers.pax.sparse, &tar->lines, tar->block, err);
    if (rc < 0)
        return rc;
    return tar->lines.is_done ? begin_data(tar, err) : 0;
}

/* The header of the entry itself. */
static int take_main_header(struct hf_tar *tar, struct hf_error *err)
{
    enum hf_tar_sparse_kind kind = HF_TAR_NOT_SPARSE;
    enum hf_tar_type type;
    int rc;

    if ((rc = hf_tar_headers_name(&tar->headers, tar->block, err)) < 0 ||
        (rc = hf_tar_headers_stored(&tar->headers, &type, &tar->left, err)) < 0 ||
        (rc = hf_tar_headers_sparse(&tar->headers, &kind, err)) < 0)
        return rc;
    if (kind == HF_TAR_SPARSE_OLD_GNU)
        return begin_old_gnu(tar, err);
    if (kind != HF_TAR_SPARSE_AT_FRONT || type != HF_TAR_FILE)
        return begin_data(tar, err);
    hf_tar_sparse_clear(&tar->headers.pax.sparse);
    tar->lines = (struct hf_tar_sparse_lines){0};
    expect(tar, SPARSE_LINES);
    return 0;
}

static int end_extra(struct hf_tar *tar, struct hf_error *err)
{
    struct hf_buf *extra = &tar->extra;
    const char *text = hf_buf_text(extra);
    struct hf_buf *name = NULL;
    int rc = hf_buf_check(extra, err);

    if (rc < 0)
        return rc;
    switch (tar->headers.main.type) {
    case 'g':
        rc = hf_tar_pax_read(&tar->global, text, extra->len, err);
        break;
    case 'x': /* a second one takes the place of the first */
        if ((rc = hf_tar_pax_inherit(&tar->headers.pax, &tar->global, err)) == 0)
            rc = hf_tar_pax_read(&tar->headers.pax, text, extra->len, err);
        break;
    default:
        name = tar->headers.main.type == 'L' ? &tar->headers.gnu_name : &tar->headers.gnu_link;
        hf_buf_clear(name);
        hf_buf_put_text(name, text);
        rc = hf_buf_check(name, err);
    }
    skip_padding(tar, extra->len);
    return rc;
}

static int begin_extra(struct hf_tar *tar, struct hf_error *err)
{
    char type = tar->headers.main.type;
    /* A name of GNU counts its NUL. */
    int64_t most = type == 'L' || type == 'K' ? HF_TAR_MAX_NAME + 1 : HF_TAR_MAX_PAX;

    if (tar->headers.main.size < 0)
        return hf_fail(err, HF_ERR_INPUT, "the size of its %c header is negative", type);
    if (tar->headers.main.size > most)
        return hf_fail(err, HF_ERR_LIMIT, "its %c header has %lld bytes, at most %lld are possible",
                       type, (long long)tar->headers.main.size, (long long)most);
    hf_buf_clear(&tar->extra);
    tar->left = (uint64_t)tar->headers.main.size;
    tar->state = EXTRA;
    return tar->left == 0 ? end_extra(tar, err) : 0;
}

static int take_zeros(struct hf_tar *tar, struct hf_error *err)
{
    if (tar->is_open)
        return hf_fail(err, HF_ERR_INPUT, "the tar ends within its headers");
    if (tar->saw_zeros)
        tar->state = ENDED;
    tar->saw_zeros = true;
    return 0;
}

static int take_header(struct hf_tar *tar, struct hf_error *err)
{
    int rc;

    if (!tar->is_open) {
        tar->entry_off = tar->off - HF_TAR_BLOCK;
        if ((rc = hf_tar_headers_begin(&tar->headers, &tar->global, err)) < 0)
            return rc;
    }
    if (hf_tar_block_is_zero(tar->block))
        return take_zeros(tar, err);
    if (tar->saw_zeros)
        return hf_fail(err, HF_ERR_INPUT, "it follows a single block of zeros");
    if ((rc = hf_tar_header_decode(tar->block, &tar->headers.main, err)) < 0)
        return rc;
    switch (tar->headers.main.type) {
    case 'g':
        return begin_extra(tar, err);
    case 'x':
    case 'L':
    case 'K':
        tar->is_open = true;
        return begin_extra(tar, err);
    default:
        tar->is_open = true;
        return take_main_header(tar, err);
    }
}

static int take_block(struct hf_tar *tar, const uint8_t *data, size_t len, size_t *taken,
                      struct hf_error *err)
{
    size_t missing = HF_TAR_BLOCK - tar->block_len;

    *taken = len < missing ? len : missing;
    memcpy(tar->block + tar->block_len, data, *taken);
    tar->block_len += *taken;
    tar->off += *taken;
    if (tar->block_len < HF_TAR_BLOCK)
        return 0;
    tar->block_len = 0;
    if (tar->expected == SPARSE_PIECES)
        return take_sparse_pieces(tar, err);
    if (tar->expected == SPARSE_LINES)
        return take_sparse_lines(tar, err);
    return take_header(tar, err);
}

/* Gives data to the sink, cut where a hole lies between. */
static int give(struct hf_tar *tar, const uint8_t *data, size_t len, struct hf_error *err)
{
    while (len > 0) {
        const struct hf_tar_segment *segment = tar->segment;
        uint64_t room = segment->len - tar->segment_off;
        size_t part = len < room ? len : (size_t)room;
        uint64_t at = segment->file_off + tar->segment_off;
        int rc = tar->sink.data(tar->sink.arg, at, data, part, err);
        if (rc < 0)
            return rc;
        tar->segment_off += part;
        if (tar->segment_off == segment->len) {
            tar->segment++;
            tar->segment_off = 0;
        }
        data += part;
        len -= part;
    }
    return 0;
}

/* EXTRA, DATA and PADDING. */
static int take_bytes(struct hf_tar *tar, const uint8_t *data, size_t len, size_t *taken,
                      struct hf_error *err)
{
    uint64_t *left = tar->state == PADDING ? &tar->padding : &tar->left;
    int rc = 0;

    *taken = len < *left ? len : (size_t)*left;
    *left -= *taken;
    tar->off += *taken;
    if (tar->state == EXTRA)
        hf_buf_put(&tar->extra, data, *taken);
    else if (tar->state == DATA && tar->sink.data)
        rc = give(tar, data, *taken, err);
    if (rc < 0 || *left > 0)
        return rc;
    if (tar->state == EXTRA)
        return end_extra(tar, err);
    if (tar->state == DATA)
        return end_entry(tar, tar->off % HF_TAR_BLOCK, err);
    expect(tar, HEADER);
    return 0;
}

/* Names the entry in the error; what a terminal would take for a command is not repeated. */
static int fail(struct hf_tar *tar, int code, struct hf_error *err)
{
    const struct hf_buf *path = &tar->headers.path;
    char name[NAME_IN_ERRORS + 1];
    size_t len = path->len < NAME_IN_ERRORS ? path->len : NAME_IN_ERRORS;

    for (size_t i = 0; i < len; i++)
        name[i] = path->data[i] < ' ' || path->data[i] == 0x7f ? '?' : (char)path->data[i];
    name[len] = '\0';
    tar->state = FAILED;
    tar->failure = code;
    if (len == 0)
        return hf_fail_prefix(err, code, "entry at byte %llu of the tar",
                              (unsigned long long)tar->entry_off);
    return hf_fail_prefix(err, code, "entry %s at byte %llu of the tar", name,
                          (unsigned long long)tar->entry_off);
}

int hf_tar_feed(struct hf_tar *tar, const void *data, size_t len, struct hf_error *err)
{
    const uint8_t *bytes = data;

    if (tar->state == FAILED)
        return hf_fail(err, tar->failure, "reading the tar has failed before");
    while (len > 0 && tar->state != ENDED) {
        size_t taken = 0;
        int rc = tar->state == BLOCK ? take_block(tar, bytes, len, &taken, err)
                                     : take_bytes(tar, bytes, len, &taken, err);
        if (rc < 0)
            return fail(tar, rc, err);
        bytes += taken;
        len -= taken;
    }
    return 0;
}

int hf_tar_end(struct hf_tar *tar, struct hf_error *err)
{
    if (tar->state == FAILED)
        return hf_fail(err, tar->failure, "reading the tar has failed before");
    if (tar->is_open || tar->state == EXTRA)
        return fail(tar, hf_fail(err, HF_ERR_INPUT, "the tar ends within it"), err);
    if (tar->state == BLOCK && tar->block_len > 0) {
        hf_buf_clear(&tar->headers.path);
        tar->entry_off = tar->off - tar->block_len;
        return fail(tar, hf_fail(err, HF_ERR_INPUT, "the tar ends within its header"), err);
    }
    return 0;
}
