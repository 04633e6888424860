/*
 * tests/support/archives.h - makes image archives in memory, right ones and wrong ones.
 *
 * Texts are formatted into JSON by hand: a test shall be able to write what no tool writes.
 */
#ifndef HF_TESTS_SUPPORT_ARCHIVES_H
#define HF_TESTS_SUPPORT_ARCHIVES_H

#include <holdfast/digest.h>

#include "base/buf.h"

struct hf_test_blob {
    struct hf_buf data;
    struct hf_digest digest;
    char hex[HF_DIGEST_TEXT_MAX];  /* digits */
    char text[HF_DIGEST_TEXT_MAX]; /* "sha256:…" */
};

/* --- tar -------------------------------------------------------------------------------------- */

void hf_test_tar_file(struct hf_buf *tar, const char *name, const void *data, size_t len);
void hf_test_tar_text(struct hf_buf *tar, const char *name, const char *text);
/* type '2': symbolic, '1': hard */
void hf_test_tar_link(struct hf_buf *tar, const char *name, char type, const char *target);
/* A header whose size says `size` and whose bytes do not follow. */
void hf_test_tar_header(struct hf_buf *tar, const char *name, char type, uint64_t size,
                        const char *target);
void hf_test_tar_end(struct hf_buf *tar);

/* --- blobs ------------------------------------------------------------------------------------ */

/* Computes what follows from the data. */
void hf_test_blob_seal(struct hf_test_blob *blob);
void hf_test_blob_release(struct hf_test_blob *blob);
/* A layer with one file, "name", of `size` bytes that only `seed` decides. */
void hf_test_layer(struct hf_test_blob *out, const char *name, size_t size, uint32_t seed);
void hf_test_gzip(struct hf_test_blob *out, const struct hf_buf *plain);
void hf_test_zstd(struct hf_test_blob *out, const struct hf_buf *plain);
/* An image config for `platform` ("os/arch") with these layers. */
void hf_test_config(struct hf_test_blob *out, const char *platform,
                    const struct hf_test_blob *layers, size_t count);
void hf_test_text_blob(struct hf_test_blob *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* {"mediaType":…,"digest":…,"size":…  without the closing brace */
void hf_test_put_descriptor(struct hf_buf *json, const char *media_type,
                            const struct hf_test_blob *blob);
/* An OCI manifest; `more` are further members (",\"subject\":…") or "". */
void hf_test_manifest(struct hf_test_blob *out, const struct hf_test_blob *config,
                      const struct hf_test_blob *layers, size_t count, const char *more);

/* blobs/sha256/HEX */
void hf_test_tar_blob(struct hf_buf *tar, const struct hf_test_blob *blob);
/* oci-layout and index.json with one manifest; name NULL: without a name. */
void hf_test_tar_index(struct hf_buf *tar, const struct hf_test_blob *manifest, const char *name);
/* manifest.json of one image whose layers are named blobs/sha256/HEX; tags: "\"a:1\"" or "". */
void hf_test_tar_docker(struct hf_buf *tar, const struct hf_test_blob *config,
                        const struct hf_test_blob *layers, size_t count, const char *tags);

/* Write to a new file `name` in folder `dir`; `path` gets its path. */
void hf_test_write_file(const char *dir, const char *name, const struct hf_buf *data,
                        char path[512]);

#endif
