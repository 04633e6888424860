/*
 * base/error.c - fills the caller's struct hf_error.
 *
 * Always true: a sentence is complete in a local array before the error is touched, so that a
 * caller may use parts of the old error in the new one.
 */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = sizeof(((struct hf_error *)0)->message) };

const char *hf_error_name(int code)
{
    switch (code) {
    case HF_OK:
        return "OK";
#define HF_ERROR_NAME(name, number, text)                                                          \
    case -(number):                                                                                \
        return #name;
        HF_ERROR_TABLE(HF_ERROR_NAME)
#undef HF_ERROR_NAME
    default:
        return "UNKNOWN";
    }
}

/* snprintf for what may be cut, which the compiler would otherwise warn about. */
__attribute__((format(printf, 3, 4))) static void print_cut(char *to, size_t size,
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(to, size, format, args);
    va_end(args);
}

static void set_message(struct hf_error *err, const char *message)
{
    memcpy(err->message, message, strlen(message) + 1);
}

/* The end of a path tells more than its beginning. */
static void set_file(struct hf_error *err, const char *file)
{
    static const char cut[] = "...";
    size_t len = strlen(file);

    if (len < sizeof(err->file)) {
        memmove(err->file, file, len + 1);
        return;
    }
    size_t kept = sizeof(err->file) - sizeof(cut);
    memmove(err->file + sizeof(cut) - 1, file + len - kept, kept + 1);
    memcpy(err->file, cut, sizeof(cut) - 1);
}

static void reset(struct hf_error *err, int code)
{
    err->code = code;
    err->sys_errno = 0;
    err->offset = HF_ERROR_NO_OFFSET;
    err->file[0] = '\0';
    err->message[0] = '\0';
}

int hf_fail(struct hf_error *err, int code, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    assert(code < 0);
    if (!err)
        return code;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    reset(err, code);
    set_message(err, message);
    return code;
}

static int code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
        return HF_ERR_NO_SPACE;
    case ENOMEM:
        return HF_ERR_NO_MEMORY;
    case ENOENT:
        return HF_ERR_NOT_FOUND;
    case EEXIST:
        return HF_ERR_EXISTS;
    default:
        return HF_ERR_IO;
    }
}

bool hf_error_is_damage(int code, const struct hf_error *err)
{
    if (code != HF_ERR_IO)
        return code == HF_ERR_CORRUPT;
    switch (err->sys_errno) {
    case EIO:
    case ENODATA: /* a bad medium, read past the page cache */
    case EILSEQ:  /* its own protection does not fit */
    case EBADMSG: /* the file system's checksums do not fit, */
    case EUCLEAN: /* or its structures */
        return true;
    default:
        return false;
    }
}

int hf_fail_errno(struct hf_error *err, int negative_errno, const char *verb, const char *file)
{
    assert(negative_errno < 0);
    int code = code_of_errno(-negative_errno);
    char reason_space[128];

    if (!err)
        return code;
    const char *reason = strerror_r(-negative_errno, reason_space, sizeof(reason_space));
    char message[MESSAGE_SIZE];
    set_file(err, file);
    print_cut(message, sizeof(message), "cannot %s %s: %s", verb, err->file, reason);
    err->code = code;
    err->sys_errno = -negative_errno;
    err->offset = HF_ERROR_NO_OFFSET;
    set_message(err, message);
    return code;
}

int hf_fail_at(struct hf_error *err, int code, const char *file, uint64_t offset,
               const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    assert(code < 0);
    if (!err)
        return code;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    set_file(err, file);
    err->code = code;
    err->sys_errno = 0;
    err->offset = offset;
    set_message(err, message);
    return code;
}

int hf_fail_memory(struct hf_error *err)
{
    return hf_fail(err, HF_ERR_NO_MEMORY, "memory could not be allocated");
}

/* "prefix: " before the sentence that is there, if there is one. */
__attribute__((format(printf, 2, 0))) static void put_before(struct hf_error *err,
                                                             const char *format, va_list args)
{
    char message[MESSAGE_SIZE];

    vsnprintf(message, sizeof(message), format, args);
    if (err->message[0] != '\0') {
        size_t len = strlen(message);
        print_cut(message + len, sizeof(message) - len, ": %s", err->message);
    }
    set_message(err, message);
}

int hf_fail_prefix(struct hf_error *err, int code, const char *format, ...)
{
    va_list args;

    assert(code < 0);
    if (!err)
        return code;
    if (err->code == 0)
        reset(err, code);
    va_start(args, format);
    put_before(err, format, args);
    va_end(args);
    return err->code;
}

int hf_fail_as(struct hf_error *err, int code, const char *format, ...)
{
    va_list args;

    assert(code < 0);
    if (!err)
        return code;
    if (err->code == 0)
        reset(err, code);
    va_start(args, format);
    put_before(err, format, args);
    va_end(args);
    err->code = code;
    return code;
}
