/*
 * oci/reference.h - the parts of a full reference, for those who work with names.
 * The public half (normalize, familiar, columns) is declared in holdfast/image.h.
 */
#ifndef HF_OCI_REFERENCE_H
#define HF_OCI_REFERENCE_H

#include <holdfast/image.h>

/* Borrowed from the reference. A full reference has a tag or a digest. */
struct hf_reference {
    const char *repository; /* not NUL-terminated */
    size_t repository_len;
    const char *tag;    /* "" when it has none */
    const char *digest; /* "sha256:HEX", "" when it has none */
};

/* `full` as hf_reference_normalize gives it. */
void hf_reference_split(const char *full, struct hf_reference *out);
/* Is it "repo@sha256:…"? */
bool hf_reference_is_digest(const char *full);
/* Is the text, as a person wrote it, a repository without tag and digest? */
bool hf_reference_is_bare(const char *text);
/* "repository of `full`" + "@" + digest; USAGE when it gets too long. */
HF_MUST_USE int hf_reference_with_digest(const char *full, const struct hf_digest *digest,
                                         char out[HF_REFERENCE_MAX], struct hf_error *err);
/* Normalises `repository` (bare) and adds ":tag". */
HF_MUST_USE int hf_reference_with_tag(const char *repository, const char *tag,
                                      char out[HF_REFERENCE_MAX], struct hf_error *err);

#endif
