/* tests/fuzz/fuzz_document.c - oci/document.h: manifests and indexes. */
#include "fuzz/fuzz.h"

#include "oci/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_document parsed = {0};
    struct hf_error err = {0};

    int rc = hf_document_parse(data, size, &parsed, &err);
    HF_FUZZ_CHECK((rc == 0) == (err.code == 0) && rc == err.code);
    if (rc == 0)
        hf_document_release(&parsed);
    return 0;
}
