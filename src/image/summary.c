/* image/summary.c - encodes and decodes what summary.h describes. */
#include "image/summary.h"

#include "base/cursor.h"
#include "base/digest.h"

#include <string.h>

#define VERSION 1

/* A digest that may be missing: then its algorithm is 0 and nothing follows. */
static void put_digest_or_none(struct hf_buf *out, const struct hf_digest *digest)
{
    if (hf_digest_is_set(digest))
        hf_digest_encode(out, digest);
    else
        hf_buf_put_u8(out, HF_DIGEST_NONE);
}

void hf_summary_encode(const struct hf_summary *summary, struct hf_buf *out)
{
    hf_buf_put_u8(out, VERSION);
    hf_buf_put_u8(out, (uint8_t)summary->kind);
    hf_buf_put_blob(out, summary->media_type, strlen(summary->media_type));
    switch (summary->kind) {
    case HF_KIND_MANIFEST:
        put_digest_or_none(out, &summary->id);
        hf_buf_put_u64(out, summary->created_ns);
        hf_buf_put_u64(out, summary->size_bytes);
        hf_buf_put_blob(out, summary->platform, strlen(summary->platform));
        break;
    case HF_KIND_ARTIFACT:
        put_digest_or_none(out, &summary->subject);
        hf_buf_put_blob(out, summary->artifact_type, strlen(summary->artifact_type));
        break;
    case HF_KIND_LAYER:
        hf_digest_encode(out, &summary->diff_id);
        hf_buf_put_u64(out, summary->size_bytes);
        break;
    case HF_KIND_LAYER_INDEX:
        hf_buf_put_u32(out, summary->block_bytes);
        break;
    case HF_KIND_INDEX:
    case HF_KIND_CONFIG:
    case HF_KIND_OTHER:
        break;
    }
}

static void get_text(struct hf_cursor *cursor, char *text, size_t size)
{
    size_t len = 0;
    const uint8_t *data = hf_cursor_blob(cursor, &len);

    if (!data || len >= size) {
        cursor->failed = true;
        return;
    }
    memcpy(text, data, len);
    text[len] = '\0';
}

static void get_digest_or_none(struct hf_cursor *cursor, struct hf_digest *out)
{
    struct hf_cursor ahead = *cursor;

    if (hf_cursor_u8(&ahead) == HF_DIGEST_NONE)
        *cursor = ahead;
    else
        hf_digest_decode(cursor, out);
}

static void get_fields(struct hf_cursor *cursor, struct hf_summary *out)
{
    switch (out->kind) {
    case HF_KIND_MANIFEST:
        get_digest_or_none(cursor, &out->id);
        out->created_ns = hf_cursor_u64(cursor);
        out->size_bytes = hf_cursor_u64(cursor);
        get_text(cursor, out->platform, sizeof(out->platform));
        break;
    case HF_KIND_ARTIFACT:
        get_digest_or_none(cursor, &out->subject);
        get_text(cursor, out->artifact_type, sizeof(out->artifact_type));
        break;
    case HF_KIND_LAYER:
        hf_digest_decode(cursor, &out->diff_id);
        out->size_bytes = hf_cursor_u64(cursor);
        break;
    case HF_KIND_LAYER_INDEX:
        out->block_bytes = hf_cursor_u32(cursor);
        break;
    case HF_KIND_INDEX:
    case HF_KIND_CONFIG:
    case HF_KIND_OTHER:
        break;
    default:
        cursor->failed = true;
    }
}

void hf_summary_decode(const void *data, size_t len, struct hf_summary *out)
{
    struct hf_cursor cursor = hf_cursor_of(data, len);
    struct hf_summary summary = {0};
    uint8_t version = hf_cursor_u8(&cursor);

    summary.kind = hf_cursor_u8(&cursor);
    get_text(&cursor, summary.media_type, sizeof(summary.media_type));
    get_fields(&cursor, &summary);
    if (version != VERSION || !hf_cursor_done(&cursor))
        summary = (struct hf_summary){.kind = HF_KIND_OTHER};
    *out = summary;
}
