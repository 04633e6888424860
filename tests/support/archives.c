#include "support/archives.h"

#include "base/digest.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* --- tar -------------------------------------------------------------------------------------- */

void hf_test_tar_header(struct hf_buf *tar, const char *name, char type, uint64_t size,
                        const char *target)
{
    char header[513] = {0};
    unsigned sum = 0;

    ck_assert_uint_lt(strlen(name), 100);
    strcpy(header, name);
    strcpy(header + 100, "0000644");
    strcpy(header + 108, "0000000");
    strcpy(header + 116, "0000000");
    snprintf(header + 124, 12, "%011llo", (unsigned long long)size);
    strcpy(header + 136, "00000000000");
    memset(header + 148, ' ', 8);
    header[156] = type;
    snprintf(header + 157, 100, "%s", target ? target : "");
    memcpy(header + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    hf_buf_put(tar, header, 512);
}

void hf_test_tar_file(struct hf_buf *tar, const char *name, const void *data, size_t len)
{
    hf_test_tar_header(tar, name, '0', len, NULL);
    hf_buf_put(tar, data, len);
    hf_buf_put_zeros(tar, (512 - len % 512) % 512);
}

void hf_test_tar_text(struct hf_buf *tar, const char *name, const char *text)
{
    hf_test_tar_file(tar, name, text, strlen(text));
}

void hf_test_tar_link(struct hf_buf *tar, const char *name, char type, const char *target)
{
    hf_test_tar_header(tar, name, type, 0, target);
}

void hf_test_tar_end(struct hf_buf *tar)
{
    hf_buf_put_zeros(tar, 1024);
    ck_assert_int_eq(hf_buf_check(tar, NULL), 0);
}

/* --- blobs ------------------------------------------------------------------------------------ */

void hf_test_blob_seal(struct hf_test_blob *blob)
{
    ck_assert_int_eq(hf_buf_check(&blob->data, NULL), 0);
    hf_digest_of(blob->data.data, blob->data.len, &blob->digest);
    hf_digest_hex(&blob->digest, blob->hex);
    hf_digest_text(&blob->digest, blob->text);
}

void hf_test_blob_release(struct hf_test_blob *blob)
{
    hf_buf_release(&blob->data);
}

void hf_test_layer(struct hf_test_blob *out, const char *name, size_t size, uint32_t seed)
{
    struct hf_buf content = {0};

    *out = (struct hf_test_blob){0};
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        hf_buf_put_u8(&content, (uint8_t)(seed >> 28));
    }
    hf_test_tar_file(&out->data, name, content.data, content.len);
    hf_test_tar_end(&out->data);
    hf_buf_release(&content);
    hf_test_blob_seal(out);
}

void hf_test_gzip(struct hf_test_blob *out, const struct hf_buf *plain)
{
    z_stream stream = {0};

    *out = (struct hf_test_blob){0};
    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, plain->len) + 64;
    stream.next_in = plain->data;
    stream.avail_in = (uInt)plain->len;
    stream.next_out = hf_buf_reserve(&out->data, room);
    stream.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->data.len += room - stream.avail_out;
    deflateEnd(&stream);
    hf_test_blob_seal(out);
}

void hf_test_zstd(struct hf_test_blob *out, const struct hf_buf *plain)
{
    size_t room = ZSTD_compressBound(plain->len);

    *out = (struct hf_test_blob){0};
    size_t got = ZSTD_compress(hf_buf_reserve(&out->data, room), room, plain->data, plain->len, 3);
    ck_assert(!ZSTD_isError(got));
    out->data.len += got;
    hf_test_blob_seal(out);
}

void hf_test_config(struct hf_test_blob *out, const char *platform,
                    const struct hf_test_blob *layers, size_t count)
{
    const char *slash = strchr(platform, '/');

    *out = (struct hf_test_blob){0};
    hf_buf_printf(&out->data,
                  "{\"created\":\"2024-01-01T00:00:00Z\",\"os\":\"%.*s\",\"architecture\":\"%s\","
                  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                  (int)(slash - platform), platform, slash + 1);
    for (size_t i = 0; i < count; i++)
        hf_buf_printf(&out->data, "%s\"%s\"", i > 0 ? "," : "", layers[i].text);
    hf_buf_put_text(&out->data, "]}}");
    hf_test_blob_seal(out);
}

void hf_test_text_blob(struct hf_test_blob *out, const char *format, ...)
{
    va_list args;

    *out = (struct hf_test_blob){0};
    va_start(args, format);
    hf_buf_vprintf(&out->data, format, args);
    va_end(args);
    hf_test_blob_seal(out);
}

void hf_test_put_descriptor(struct hf_buf *json, const char *media_type,
                            const struct hf_test_blob *blob)
{
    hf_buf_printf(json, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu", media_type,
                  blob->text, blob->data.len);
}

void hf_test_manifest(struct hf_test_blob *out, const struct hf_test_blob *config,
                      const struct hf_test_blob *layers, size_t count, const char *more)
{
    *out = (struct hf_test_blob){0};
    hf_buf_put_text(&out->data, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image."
                                "manifest.v1+json\",\"config\":");
    hf_test_put_descriptor(&out->data, "application/vnd.oci.image.config.v1+json", config);
    hf_buf_put_text(&out->data, "},\"layers\":[");
    for (size_t i = 0; i < count; i++) {
        hf_buf_put_text(&out->data, i > 0 ? "," : "");
        hf_test_put_descriptor(&out->data, "application/vnd.oci.image.layer.v1.tar", &layers[i]);
        hf_buf_put_text(&out->data, "}");
    }
    hf_buf_printf(&out->data, "]%s}", more);
    hf_test_blob_seal(out);
}

/* --- archives --------------------------------------------------------------------------------- */

void hf_test_tar_blob(struct hf_buf *tar, const struct hf_test_blob *blob)
{
    char name[128];

    snprintf(name, sizeof(name), "blobs/sha256/%.64s", blob->hex);
    hf_test_tar_file(tar, name, blob->data.data, blob->data.len);
}

void hf_test_tar_index(struct hf_buf *tar, const struct hf_test_blob *manifest, const char *name)
{
    struct hf_buf json = {0};

    hf_buf_put_text(&json, "{\"schemaVersion\":2,\"manifests\":[");
    hf_test_put_descriptor(&json, "application/vnd.oci.image.manifest.v1+json", manifest);
    if (name)
        hf_buf_printf(&json, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}",
                      name);
    hf_buf_put_text(&json, "}]}");
    hf_test_tar_text(tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    hf_test_tar_file(tar, "index.json", json.data, json.len);
    hf_buf_release(&json);
}

void hf_test_tar_docker(struct hf_buf *tar, const struct hf_test_blob *config,
                        const struct hf_test_blob *layers, size_t count, const char *tags)
{
    struct hf_buf json = {0};

    hf_buf_printf(&json, "[{\"Config\":\"blobs/sha256/%s\",\"RepoTags\":[%s],\"Layers\":[",
                  config->hex, tags);
    for (size_t i = 0; i < count; i++)
        hf_buf_printf(&json, "%s\"blobs/sha256/%s\"", i > 0 ? "," : "", layers[i].hex);
    hf_buf_put_text(&json, "]}]");
    hf_test_tar_file(tar, "manifest.json", json.data, json.len);
    hf_buf_release(&json);
}

void hf_test_write_file(const char *dir, const char *name, const struct hf_buf *data,
                        char path[512])
{
    ck_assert_int_eq(hf_buf_check(data, NULL), 0);
    snprintf(path, 512, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    if (data->len > 0)
        ck_assert_uint_eq(fwrite(data->data, 1, data->len, file), data->len);
    ck_assert_int_eq(fclose(file), 0);
}
