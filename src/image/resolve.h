/*
 * image/resolve.h - from what people write to what the store has, within one snapshot.
 *
 * A name is looked up as it stands, then as docker.io/library/NAME, then as localhost/NAME. Only
 * when there is no such name the text may be an ID: digits of a config, manifest or index, from the
 * first one on, with or without "sha256:". Artifacts and attestations have no ID of an image; they
 * are found by their own names alone.
 *
 * An ID can mean several targets (graph.h): one config may have several manifests (plain and gzip
 * layers), and a manifest may stand in several indexes. Only the catalog is read here, never a
 * file.
 */
#ifndef HF_IMAGE_RESOLVE_H
#define HF_IMAGE_RESOLVE_H

#include <holdfast/image.h>

#include "base/digest_map.h"
#include "image/lists.h"

/* Zero it first; memory inside is the caller's until hf_resolved_release. */
struct hf_resolved {
    char name[HF_REFERENCE_MAX];    /* the name it was found by; "" for an ID */
    struct hf_digest object;        /* the target of the name; the object that has the ID */
    struct hf_digest_set targets;   /* never empty; exactly one for a name */
    struct hf_digest_set manifests; /* by an ID of a manifest or config: those; else empty */
};

/* NOT_FOUND; AMBIGUOUS: the message lists the candidates. */
HF_MUST_USE int hf_resolve(const struct hf_snapshot *snapshot, const char *reference,
                           struct hf_resolved *out, struct hf_error *err);
void hf_resolved_release(struct hf_resolved *resolved);

/*
 * For who wants one image: of several manifests of an ID the first that has a name of its own, else
 * the first. `platform` as for hf_image_describe.
 *
 * Errors   as hf_resolve; NOT_FOUND too when it is no image or has no such platform.
 */
HF_MUST_USE int hf_resolve_image(const struct hf_snapshot *snapshot, const char *reference,
                                 const char *platform, struct hf_image *out, struct hf_error *err);

/*
 * Describes images of one snapshot; remembers which configs and layers are damaged, so that what
 * many images share is looked up once. Zero it, set `snapshot`.
 */
struct hf_describer {
    const struct hf_snapshot *snapshot;
    struct hf_digest_map damaged; /* value: is it? */
};
void hf_describer_release(struct hf_describer *describer);

/*
 * Describe the image behind a target from summaries. `platform` NULL: this machine's, else the
 * first that is present. out->name is "".
 *
 * Errors   NOT_FOUND: the target is no image (the message says what it is), or has no such
 * platform.
 */
HF_MUST_USE int hf_describe(struct hf_describer *describer, const struct hf_digest *target,
                            const char *platform, struct hf_image *out, struct hf_error *err);
/* Describe one manifest below a target. */
HF_MUST_USE int hf_describe_manifest(struct hf_describer *describer, const struct hf_digest *target,
                                     const struct hf_digest *manifest, struct hf_image *out,
                                     struct hf_error *err);
/* hf_describe, for one image. */
HF_MUST_USE int hf_image_describe(const struct hf_snapshot *snapshot,
                                  const struct hf_digest *target, const char *platform,
                                  struct hf_image *out, struct hf_error *err);

#endif
