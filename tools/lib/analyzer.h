/*
 * analyzer.h - tells the static analyzer what it can't see from one file: who fails returns a code
 * that is not 0. Without it, it follows paths on which a failure counts as success. Given to
 * clang-tidy by tools/check, and to nothing else.
 */
#ifndef HOLDFAST_TOOLS_ANALYZER_H
#define HOLDFAST_TOOLS_ANALYZER_H

#include "base/error.h"

#define hf_fail(err, code, ...)            (hf_fail(err, code, __VA_ARGS__), (code))
#define hf_fail_at(err, code, file, ...)   (hf_fail_at(err, code, file, __VA_ARGS__), (code))
#define hf_fail_prefix(err, code, ...)     (hf_fail_prefix(err, code, __VA_ARGS__), (code))
#define hf_fail_errno(err, rc, verb, file) (hf_fail_errno(err, rc, verb, file), HF_ERR_IO)
#define hf_fail_memory(err)                (hf_fail_memory(err), HF_ERR_NO_MEMORY)

#endif
