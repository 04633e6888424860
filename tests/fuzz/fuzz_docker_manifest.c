/* tests/fuzz/fuzz_docker_manifest.c - oci/document.h: docker's manifest.json. */
#include "fuzz/fuzz.h"

#include "oci/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_docker_manifest parsed = {0};
    struct hf_error err = {0};

    int rc = hf_docker_manifest_parse(data, size, &parsed, &err);
    HF_FUZZ_CHECK((rc == 0) == (err.code == 0) && rc == err.code);
    if (rc == 0)
        hf_docker_manifest_release(&parsed);
    return 0;
}
