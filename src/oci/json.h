/*
 * oci/json.h - JSON of outsiders, parsed with bounds. For the files that know document formats;
 * nobody else sees jansson.
 *
 * Before jansson builds a tree, the text was measured: at most HF_DOCUMENT_MAX bytes,
 * HF_DOCUMENT_DEPTH levels and HF_DOCUMENT_VALUES values, so that a small text cannot become a
 * large tree. A JSON null counts as a field that is not there, as in the programs that write these
 * documents.
 *
 * `where` is the path of the object inside its document ("config", "layers[3]", "" for the top),
 * for messages such as "layers[3].digest is not a digest".
 */
#ifndef HF_OCI_JSON_H
#define HF_OCI_JSON_H

#include <holdfast/error.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_DOCUMENT_VALUES 262144u

/* INPUT when it is no JSON, LIMIT when it exceeds a bound. Give back with json_decref. */
HF_MUST_USE int hf_json_parse(const void *data, size_t len, json_t **out, struct hf_error *err);

/* Fields; NULL (or "") when not there, INPUT when of another type. Borrowed. */
HF_MUST_USE int hf_json_object(const json_t *object, const char *key, const char *where,
                               const json_t **out, struct hf_error *err);
/* LIMIT when it has more than `max` elements. */
HF_MUST_USE int hf_json_list(const json_t *object, const char *key, const char *where, size_t max,
                             const json_t **out, struct hf_error *err);
HF_MUST_USE int hf_json_text(const json_t *object, const char *key, const char *where,
                             const char **out, struct hf_error *err);
/* The same into memory of the caller; INPUT when it does not fit. */
HF_MUST_USE int hf_json_text_copy(const json_t *object, const char *key, const char *where,
                                  char *out, size_t size, struct hf_error *err);
/* 0 or more; *out_has tells whether it is there. */
HF_MUST_USE int hf_json_size(const json_t *object, const char *key, const char *where,
                             bool *out_has, uint64_t *out, struct hf_error *err);

/* A descriptor, as it stands in manifests and indexes (document.c). */
struct hf_descriptor;
HF_MUST_USE int hf_descriptor_parse(const json_t *object, const char *where,
                                    struct hf_descriptor *out, struct hf_error *err);

/* "where.key" (or "key" at the top) for messages. */
const char *hf_json_path(const char *where, const char *key, char path[128]);

/*
 * Fields of a document whose types nobody relies on (history, labels): "" or NULL when it is
 * missing or of another type.
 */
const char *hf_json_lenient_text(const json_t *object, const char *key);

#endif
