/* tests/fuzz/fuzz_reference.c - image references as people write them. A name that was made full
 * stays as it is when it is made full again, and its short form means the same. */
#include "fuzz/fuzz.h"

#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char full[HF_REFERENCE_MAX];
    char again[HF_REFERENCE_MAX];
    char familiar[HF_REFERENCE_MAX];
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    (void)hf_reference_is_bare(text);
    if (hf_reference_normalize(text, full, NULL) == 0) {
        struct hf_reference parts;
        hf_reference_split(full, &parts);
        HF_FUZZ_CHECK(parts.repository_len > 0 && parts.repository_len < strlen(full));
        HF_FUZZ_CHECK((parts.tag[0] != '\0') || (parts.digest[0] != '\0'));
        HF_FUZZ_CHECK(hf_reference_normalize(full, again, NULL) == 0);
        HF_FUZZ_CHECK(strcmp(full, again) == 0);
        hf_reference_familiar(full, familiar);
        HF_FUZZ_CHECK(hf_reference_normalize(familiar, again, NULL) == 0);
        HF_FUZZ_CHECK(strcmp(full, again) == 0);
    }
    free(text);
    return 0;
}
