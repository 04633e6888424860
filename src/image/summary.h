/*
 * image/summary.h - what the image layer attaches to each object in the catalog, so that listing
 * and choosing never open a file.
 *
 * Encoded (little-endian, texts as u32 length and bytes):
 *   u8 version 1, u8 kind, text media_type, then
 *   MANIFEST  digest id (algorithm 0 while ABSENT), u64 created_ns, u64 size_bytes, text platform
 *   ARTIFACT  digest subject (algorithm 0 when it has none), text artifact_type
 *   LAYER     digest diff_id, u64 size_bytes
 *   LAYER_INDEX  u32 bytes of a block
 *   INDEX, CONFIG, OTHER  nothing more
 * An unknown version or kind is read as OTHER.
 */
#ifndef HF_IMAGE_SUMMARY_H
#define HF_IMAGE_SUMMARY_H

#include <holdfast/store.h>

#include "base/buf.h"

enum hf_kind {
    HF_KIND_OTHER = 0,    /* bytes of an artifact, or what we do not know */
    HF_KIND_MANIFEST = 1, /* of an image: its config has a rootfs */
    HF_KIND_INDEX = 2,
    HF_KIND_CONFIG = 3,
    HF_KIND_LAYER = 4,
    HF_KIND_ARTIFACT = 5, /* a manifest that is no image: attestation, signature, chart */
    HF_KIND_LAYER_INDEX =
        6, /* derived from a plain layer, which refers to it: makes it mountable */
};

struct hf_summary {
    enum hf_kind kind;
    char media_type[128];
    struct hf_digest id; /* MANIFEST: of the config, which is the IMAGE ID */
    uint64_t created_ns; /* MANIFEST: from the config; 0 when it tells none */
    uint64_t size_bytes; /* MANIFEST: of all plain layer tars together; LAYER: of its plain tar */
    char platform[64];   /* MANIFEST: "linux/arm64/v8" */
    struct hf_digest diff_id; /* LAYER */
    uint32_t block_bytes;     /* LAYER_INDEX: 512 refers to the tar, 4096 has the data in it */
    struct hf_digest subject; /* ARTIFACT */
    char artifact_type[128];  /* ARTIFACT */
};

void hf_summary_encode(const struct hf_summary *summary, struct hf_buf *out);
/* Never fails: bytes that are no summary give OTHER. */
void hf_summary_decode(const void *data, size_t len, struct hf_summary *out);

#endif
