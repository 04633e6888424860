#include <holdfast/check.h>

#include "base/error.h"

int hf_fsck(const char *root, const struct hf_fsck_options *options, struct hf_fsck_report *out,
            struct hf_error *err)
{
    (void)root;
    (void)options;
    (void)out;
    return hf_fail(err, HF_ERR_UNSUPPORTED, "checking is not written yet");
}
