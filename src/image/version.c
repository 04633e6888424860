/* image/version.c - the version of the library that runs, which may differ from the headers'
 * HF_VERSION. */
#include <holdfast/holdfast.h>

const char *hf_version(void)
{
    return HF_VERSION;
}
