/*
 * holdfast/error.h - how a call says what went wrong.
 *
 * Fallible functions return 0 or a negative HF_ERR_*. They take the caller's `struct hf_error *`,
 * which may be NULL, owns nothing and needs no freeing. The lowest layer that knows fills it; on
 * success it is untouched, and so are all outputs on failure.
 */
#ifndef HOLDFAST_ERROR_H
#define HOLDFAST_ERROR_H

#include <stdint.h>

#if defined(__GNUC__)
#define HF_API      __attribute__((visibility("default")))
#define HF_MUST_USE __attribute__((warn_unused_result))
#else
#define HF_API
#define HF_MUST_USE
#endif

#define HF_END 1 /* only from *_next: there is no further element */

/*
 * A code exists only if a caller would act differently on it.
 *   X(name, number, what it means)
 */
#define HF_ERROR_TABLE(X)                                                                          \
    X(IO, 1, "the system refused a file operation")                                                \
    X(NO_SPACE, 2, "the file system or quota is full")                                             \
    X(NO_MEMORY, 3, "memory could not be allocated")                                               \
    X(NOT_FOUND, 4, "no such image, name, object or hold")                                         \
    X(EXISTS, 5, "it is there already")                                                            \
    X(AMBIGUOUS, 6, "the short ID fits more than one thing")                                       \
    X(BUSY, 7, "a hold or another process forbids it")                                             \
    X(REFUSED, 8, "it would lose something and was not forced")                                    \
    X(LIMIT, 9, "the input exceeds a stated limit")                                                \
    X(USAGE, 10, "an argument is malformed")                                                       \
    X(INPUT, 11, "an archive or document is malformed")                                            \
    X(DIGEST, 12, "bytes do not hash to their digest")                                             \
    X(CORRUPT, 13, "the store itself is damaged")                                                  \
    X(VERSION, 14, "the store was written by a newer format")                                      \
    X(UNSUPPORTED, 15, "this file system or format is not supported")                              \
    X(CANCELLED, 16, "the caller asked to stop; nothing changed")                                  \
    X(FAILED, 17, "a sync of this handle failed earlier; reopen the store")                        \
    X(OUTCOME_UNKNOWN, 18, "a sync failed; reopening the store tells the outcome")

enum hf_error_code {
    HF_OK = 0,
#define HF_ERROR_ENUM(name, number, text) HF_ERR_##name = -(number),
    HF_ERROR_TABLE(HF_ERROR_ENUM)
#undef HF_ERROR_ENUM
};

#define HF_ERROR_NO_OFFSET UINT64_MAX

struct hf_error {
    int code;          /* HF_ERR_*, 0 while untouched */
    int sys_errno;     /* errno of the failed system call, else 0 */
    uint64_t offset;   /* byte offset in `file`, else HF_ERROR_NO_OFFSET */
    char file[256];    /* file concerned, cut at the front when longer; "" when none */
    char message[768]; /* one sentence without a final full stop, cut when longer */
};

/* The name of a code ("NO_SPACE"); "UNKNOWN" for a number that is none. Static storage. */
HF_API const char *hf_error_name(int code);

#endif
