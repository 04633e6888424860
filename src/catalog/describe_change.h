/* catalog/describe_change.h - one change of a log record as a line for people. */
#ifndef HF_CATALOG_DESCRIBE_CHANGE_H
#define HF_CATALOG_DESCRIBE_CHANGE_H

#include "catalog/layout.h"
#include "catalog/payload.h"

/* Appends "+ name docker.io/library/app:1 -> sha256:…" and the like, without a newline. */
void hf_describe_change(const struct hf_payload_change *change, struct hf_buf *out);

#endif
