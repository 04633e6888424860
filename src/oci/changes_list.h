/* oci/changes_list.h - shared by changes.c and healthcheck.c. */
#ifndef HF_OCI_CHANGES_LIST_H
#define HF_OCI_CHANGES_LIST_H

#include <holdfast/error.h>

#include <jansson.h>

/* ["a", "b"] of texts; NULL: it is not of that form. The caller's. */
json_t *hf_change_list(const char *text);
HF_MUST_USE int hf_change_healthcheck(json_t *config, const char *args, struct hf_error *err);

#endif
